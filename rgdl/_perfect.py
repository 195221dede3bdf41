"""Exact samples of nearest-neighbour models by coupling from the past."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._rng import Key
from rgdl.errors import ConvergenceError

__all__ = ["MOST_SWEEPS", "perfect_sample"]

#: Longest attempt unless told otherwise: 32x32 at K_c takes as long.
MOST_SWEEPS = 1 << 15


def perfect_sample(
    shape: tuple[int, ...],
    K: float,
    h: float,
    n: int,
    *,
    max_sweeps: int,
    key: Key,
    workers: int,
    update: Callable[[float], None],
) -> tuple[npt.NDArray[np.int8], int]:
    """Draw n exact rows, flat; return them and the sweeps of the longest attempt."""
    if K < 0 and any(extent % 2 for extent in shape):
        raise ValueError(
            'method="perfect" needs a ferromagnet or, for K < 0, even extents (then '
            f"turning every second spin makes one); got K={K:g} on shape {shape}"
        )
    spins, needed = _core.ising_perfect(
        shape, K, h, n, max_sweeps, key, workers, update
    )
    if not needed.all():
        raise ConvergenceError(
            f"coupling from the past did not end within {max_sweeps} sweeps on shape "
            f"{shape} at K={K:g}, h={h:g}: chains from all up and all down had not "
            "met. Where each phase is stable against local updates, below T_c and in "
            "fields below 2 d |K|, they meet only after exponentially many sweeps: use "
            'method="heatbath" there, a cluster method, or a smaller lattice; near '
            "T_c raise burn_in, the limit"
        )
    return spins, int(needed.max(initial=0))
