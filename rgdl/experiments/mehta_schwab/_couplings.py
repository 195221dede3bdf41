"""Couplings that the first layer's hidden units make among the spins."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl.experiments.mehta_schwab._moments import mean
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key
from rgdl.rbm._effective import gaussian_pairs

__all__ = ["displacements", "measure"]

_EXACT = 2  # largest weights of a unit whose signs are summed, the rest Gaussian
_CHECKED = 8  # pairs on which twice as many are summed, to see the approximation


def displacements(reach: int) -> list[tuple[int, int]]:
    """One of each class under the square's symmetries, nearest first."""
    both = [(x, y) for x in range(reach + 1) for y in range(x + 1) if x > 0]
    return sorted(both, key=lambda d: (d[0] ** 2 + d[1] ** 2, d))


def measure(machine: rgdl.RBM, settings: Settings, key: int, part: Part) -> Result:
    """Pair couplings by displacement, means over random places and orientations.

    Of the exact H only the nearest-neighbour coupling is not 0, and equals K.
    """
    generator = np.random.default_rng(stage_key(key, "couplings"))
    reach = min(settings.reach, (min(settings.shape) - 1) // 2)
    steps = displacements(reach)
    pairs = np.concatenate(
        [_pairs(step, settings.shape, settings.pairs, generator) for step in steps]
    )
    parameters, spin = machine._parameters, machine.units == "spin"
    values = gaussian_pairs(parameters, spin, pairs, n_exact=_EXACT)
    part(0.8)
    again = gaussian_pairs(parameters, spin, pairs[:_CHECKED], n_exact=2 * _EXACT)
    rows: list[dict[str, Any]] = []
    for i, step in enumerate(steps):
        own = values[i * settings.pairs : (i + 1) * settings.pairs]
        rows.append(
            {
                "step": list(step),
                "distance": math.hypot(*step),
                "coupling": mean(own),
                "spread over places": float(own.std(ddof=1)),
            }
        )
    return Result(
        {
            "K": settings.K,
            "pairs": settings.pairs,
            "rows": rows,
            "approximation": float(np.abs(again - values[:_CHECKED]).max()),
        }
    )


def _pairs(
    step: tuple[int, int],
    shape: tuple[int, int],
    n: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Random pairs of sites that far apart, in all eight orientations."""
    first = generator.integers(0, shape, (n, 2))
    swap = generator.integers(0, 2, n) == 1
    away = np.where(swap[:, None], step[::-1], step)
    away = away * generator.choice([-1, 1], (n, 2))
    second = (first + away) % shape
    return np.stack(
        [np.ravel_multi_index(tuple(each.T), shape) for each in (first, second)], axis=1
    )
