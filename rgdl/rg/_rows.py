"""Square lattices as rows of bits, each row in words of its own."""

import numpy as np
import numpy.typing as npt

from rgdl import _core

__all__ = ["pack_rows", "unpack_rows"]


def pack_rows(spins: npt.NDArray[np.int8]) -> npt.NDArray[np.uint64]:
    """Bits of lattices (n, rows, columns), each row in words of its own."""
    n, n_rows, width = spins.shape
    words = -(-width // 64)
    return _core.pack(spins.reshape(n * n_rows, width), -1).reshape(n, n_rows, words)


def unpack_rows(bits: npt.NDArray[np.uint64], width: int) -> npt.NDArray[np.int8]:
    """Spins of lattices of bits (n, rows, words)."""
    n, n_rows, words = bits.shape
    flat = _core.unpack(bits.reshape(n * n_rows, words), width, -1)
    return flat.reshape(n, n_rows, width)
