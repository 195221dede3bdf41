"""Types of the C extension. Arrays are C-contiguous, aligned, of the exact dtype."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Key: TypeAlias = npt.NDArray[np.uint64]
Bits: TypeAlias = npt.NDArray[np.uint64]
Progress: TypeAlias = Callable[[float], None] | None

# base
def build_info() -> dict[str, Any]: ...
def set_simd(name: str) -> None: ...
def stream_planes(
    key: Key, purpose: int, index: int, n: int
) -> npt.NDArray[np.uint64]: ...
def biased_planes(
    key: Key, purpose: int, index: int, n: int, p: float
) -> npt.NDArray[np.uint64]: ...
def pack_spins(spins: npt.NDArray[np.int8]) -> Bits: ...
def pack_binary(units: npt.NDArray[np.uint8]) -> Bits: ...
def unpack_spins(bits: Bits, n: int) -> npt.NDArray[np.int8]: ...
def unpack_binary(bits: Bits, n: int) -> npt.NDArray[np.uint8]: ...

# exact
def ising_sums(
    spins: npt.NDArray[np.int8], shape: tuple[int, ...]
) -> npt.NDArray[np.int64]: ...
def ising_enumerate(
    shape: tuple[int, ...], K: float, h: float
) -> npt.NDArray[np.float64]: ...
def walsh_hadamard(values: npt.NDArray[np.float64]) -> None: ...
def rbm_free_energies(
    weights: npt.NDArray[np.float64],
    visible_bias: npt.NDArray[np.float64],
    hidden_bias: npt.NDArray[np.float64],
    spin_units: bool,
    start: int,
    stop: int,
    workers: int,
) -> npt.NDArray[np.float64]: ...

# block
def decimate(
    spins: npt.NDArray[np.int8], b: int
) -> npt.NDArray[np.int8]: ...
def majority(
    spins: npt.NDArray[np.int8], b: int, key: Key
) -> npt.NDArray[np.int8]: ...
