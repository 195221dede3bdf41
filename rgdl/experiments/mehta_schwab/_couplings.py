"""Couplings that the first layer's hidden units make among the spins."""

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import rgdl
from rgdl.experiments.mehta_schwab._moments import Floats, mean
from rgdl.experiments.mehta_schwab._settings import Settings
from rgdl.experiments.mehta_schwab._stages import Part, Result, stage_key, together
from rgdl.rbm._effective import gaussian_pairs

__all__ = ["displacements", "measure"]

_EXACT = 2  # largest weights of a unit whose signs are summed, the rest Gaussian
_TOGETHER = 5  # displacements at a time
_CHECKED = 8  # pairs on which twice as many are summed, to see the approximation


def displacements(reach: int) -> list[tuple[int, int]]:
    """One of each class under the square's symmetries, nearest first."""
    both = [(x, y) for x in range(reach + 1) for y in range(x + 1) if x > 0]
    return sorted(both, key=lambda d: (d[0] ** 2 + d[1] ** 2, d))


def measure(
    machine: rgdl.RBM, settings: Settings, key: int, workers: int, part: Part
) -> Result:
    """Pair couplings by displacement, means over random places and orientations.

    Of the exact H only the nearest-neighbour coupling is not 0, and equals K.
    """
    generator = np.random.default_rng(stage_key(key, "couplings"))
    reach = min(settings.reach, (min(settings.shape) - 1) // 2)
    steps = displacements(reach)
    pairs = [_pairs(d, settings.shape, settings.pairs, generator) for d in steps]
    parameters, spin = machine._parameters, machine.units == "spin"

    def values(sites: npt.NDArray[np.int64], n_exact: int) -> Floats:
        return gaussian_pairs(parameters, spin, sites, n_exact=n_exact)

    # parts of the same size whatever the workers, as products round by their size
    tasks = [
        partial(values, np.concatenate(pairs[first : first + _TOGETHER]), _EXACT)
        for first in range(0, len(pairs), _TOGETHER)
    ]
    tasks.append(partial(values, pairs[0][:_CHECKED], 2 * _EXACT))
    *found, again = together(tasks, workers)
    each = np.concatenate(found).reshape(len(steps), -1)
    part(1.0)
    rows: list[dict[str, Any]] = []
    for i, step in enumerate(steps):
        own = each[i]
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
            "approximation": float(np.abs(again - each[0, :_CHECKED]).max()),
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
