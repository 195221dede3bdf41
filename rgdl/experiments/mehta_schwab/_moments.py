"""Averages of configurations with their errors."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl.ising import Ising
from rgdl.observables import correlation_function
from rgdl.stats import Estimate, jackknife

__all__ = [
    "OBSERVABLES",
    "SHOWN",
    "binary",
    "correlations",
    "difference",
    "mean",
    "observables",
    "packed",
    "unpacked",
]

Floats = npt.NDArray[np.float64]
Spins = npt.NDArray[np.int8]

OBSERVABLES = ("energy", "specific heat", "abs m", "m^2", "U4")
SHOWN = {"abs m": "|m|", "m^2": "m²"}  # as the page writes them


def binary(spins: Spins) -> npt.NDArray[np.uint8]:
    """-1/+1 as 0/1."""
    return ((spins + 1) // 2).astype(np.uint8)


def packed(spins: Spins) -> npt.NDArray[np.uint8]:
    """Eight spins to a byte, one row each."""
    return np.packbits(spins.reshape(len(spins), -1) > 0, axis=1)


def unpacked(rows: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> Spins:
    """Spins of `packed` rows."""
    bits = np.unpackbits(rows, axis=1, count=math.prod(shape))
    return (2 * bits.astype(np.int8) - 1).reshape(-1, *shape)


def mean(values: npt.ArrayLike) -> Estimate:
    """Mean and standard error of independent values."""
    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        return Estimate(float(x.mean()), math.nan, reliable=False, reason="one value")
    return Estimate(float(x.mean()), float(x.std(ddof=1) / math.sqrt(len(x))))


def difference(a: Estimate, b: Estimate | float) -> float:
    """How many standard errors lie between two independent numbers."""
    value, error = (b.value, b.error) if isinstance(b, Estimate) else (b, 0.0)
    gap, spread = a.value - value, math.hypot(a.error, error)
    if gap == 0:
        return 0.0
    return gap / spread if spread > 0 else math.inf


def observables(model: Ising, spins: Spins) -> dict[str, Any]:
    """Energy, specific heat, |m|, m^2 and U4 of independent chains.

    Parameters
    ----------
    model : Ising
        Its K enters the specific heat, K^2 N var(e).
    spins : ndarray, shape (chains, *shape) or (chains, draws, *shape)
        Draws of one chain may be correlated: errors come from the spread over chains.
    """
    chains = len(spins)
    flat = spins.reshape(-1, *model.shape)
    e = np.asarray(model.energy(flat)).reshape(chains, -1)
    m = np.asarray(model.magnetization(flat)).reshape(chains, -1)
    assert model.K is not None
    scale = model.K**2 * model.n_sites

    def averaged(x: Floats) -> Floats:
        return np.asarray(x.mean(axis=1))

    blocks = min(64, chains)
    heat = jackknife(
        lambda first, second: scale * (second - first**2),
        averaged(e),
        averaged(e**2),
        blocks=blocks,
    )
    u4 = jackknife(
        lambda second, fourth: 1.0 - fourth / (3.0 * second**2),
        averaged(m**2),
        averaged(m**4),
        blocks=blocks,
    )
    return {
        "energy": mean(averaged(e)),
        "specific heat": Estimate(heat.value, heat.error),
        "abs m": mean(averaged(np.abs(m))),
        "m^2": mean(averaged(m**2)),
        "U4": Estimate(u4.value, u4.error),
    }


def correlations(spins: Spins, distances: tuple[int, ...]) -> list[Estimate]:
    """C(r) along the axes of square lattices; leading axes as in `observables`."""
    chains, shape = len(spins), spins.shape[-2:]
    flat = spins.reshape(-1, *shape)
    both = np.empty((len(flat), len(distances)))
    for first in range(0, len(flat), 512):
        c = correlation_function(flat[first : first + 512])
        for i, r in enumerate(distances):
            both[first : first + 512, i] = (c[:, 0, r] + c[:, r, 0]) / 2
    each = both.reshape(chains, -1, len(distances)).mean(axis=1)
    return [mean(each[:, i]) for i in range(len(distances))]
