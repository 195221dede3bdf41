"""Series as (chain, draw) arrays, and their division into blocks."""

import math

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK_TAUS", "Floats", "as_series", "block_edges", "block_sums"]

Floats = npt.NDArray[np.float64]

#: Length of a block in autocorrelation times. Neighbouring blocks then share a relative
#: part tau / length = 5 % of their variance, 2.5 % of an error bar.
BLOCK_TAUS = 20.0


def as_series(x: npt.ArrayLike, name: str = "x") -> Floats:
    """`x` as finite float64 of shape (chain, draw); (draw,) becomes one chain."""
    values = np.asarray(x)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got {values.dtype}")
    values = values.astype(np.float64)
    if values.ndim == 1:
        values = values[None, :]
    if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] < 2:
        raise ValueError(
            f"{name} must have shape (chain, draw) or (draw,) with at least 2 draws, "
            f"got {np.shape(x)}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got nan or infinity")
    return values


def block_edges(chains: int, draws: int, tau: float, most: int) -> npt.NDArray[np.intp]:
    """Where the blocks start in the series laid end to end, and its end.

    Blocks are contiguous and at least `BLOCK_TAUS` tau long; chains shorter than two
    such blocks stay whole, since whole chains are independent whatever tau is.
    """
    length = max(math.ceil(BLOCK_TAUS * tau), 1)
    if 2 * length > draws and chains > 1:
        n_blocks = min(chains, most)
        whole = np.linspace(0, chains, n_blocks + 1).astype(np.intp)
        return np.asarray(whole * draws)
    total = chains * draws
    n_blocks = min(max(total // length, 1), most)
    return np.linspace(0, total, n_blocks + 1).astype(np.intp)


def block_sums(series: Floats, edges: npt.NDArray[np.intp]) -> Floats:
    """Sum of a (chain, draw) series in each block."""
    return np.asarray(np.add.reduceat(series.ravel(), edges[:-1]))
