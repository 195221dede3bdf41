"""Burn-in of models that no table knows: chains from two starts until they agree."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._packed import advance, start_chains
from rgdl._rng import Key
from rgdl.ising import Ising

__all__ = ["FIRST_WINDOW", "Pilot", "pilot"]

_REPLICAS = 512  # from each start
_DRAWS = 8  # of a window
FIRST_WINDOW, _LAST = 32, 1 << 14  # sweeps: first window, most of a pilot
_WORK = 2.0**33  # most spins that a pilot looks at
_SAFETY = 4  # burn-in in lengths of the pilot
_SIGMA = 3.5
_COOLING = 16  # steps of K from 0, each of FIRST_WINDOW sweeps

_Windows = list[npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Pilot:
    """Sweeps of burn-in, whether the starts agreed, and the start to take."""

    burn_in: int
    agreed: bool
    start: str


def _is_ferromagnet(model: Ising) -> bool:
    """Even, with no negative coupling: all up and all down are the ground states."""
    terms = model._terms()
    return terms.is_even and bool((terms.values >= 0).all())


def _is_staggered(model: Ising) -> bool:
    """Plain antiferromagnet that is not frustrated: both sublattices are alike."""
    if not model._is_nearest_neighbour:
        return False
    return model._plain("")[0] < 0 and all(x % 2 == 0 for x in model.shape)


def _differ(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    """Whether the mean of a - b is not 0; rows are independent replicas."""
    gap = a - b
    spread = gap.std(ddof=1) / math.sqrt(len(gap))
    return bool(abs(gap.mean()) > _SIGMA * spread + 1e-12 * np.abs(a).max())


def pilot(
    model: Ising,
    method: str,
    key: Key,
    *,
    workers: int = 1,
    update: Callable[[float], None] | None = None,
) -> Pilot:
    """Run replicas from two starts until they agree.

    One start is random. The other is all up for ferromagnets (even, no negative
    coupling), staggered for their antiferromagnetic images on tori of even extents (a
    field favours neither sublattice), and cooled slowly for all others: quenched and
    cooled glasses differ in energy for a long time. The windows of the comparison
    double: (t/2, t] of energy and m^2 (m as well where it is not 0 by symmetry) must
    agree between the starts, and with (t/4, t/2] of the same start. Agreement of 512
    replicas means that less than a fifth of a standard deviation is left of the start,
    so that t / 2 is 2 to 5 relaxation times and the burn-in of 4 t at least 16. What
    both starts miss, a pilot does not see.
    """
    ferromagnet, staggered = _is_ferromagnet(model), _is_staggered(model)
    ordered = ferromagnet or staggered
    purpose = _core.PURPOSE_PILOT
    chains = [
        start_chains(model.n_sites, _REPLICAS, key, up=up, purpose=purpose, first=first)
        for first, up in enumerate((False, ordered))
    ]
    if staggered:
        odd = np.indices(model.shape).sum(axis=0).ravel() % 2 == 1
        chains[1].words[:, odd] = 0
    if not ordered:
        for step in range(1, _COOLING):
            cooled, part = chains[1], step / _COOLING
            advance(
                model,
                cooled,
                method,
                draws=1,
                thin=FIRST_WINDOW,
                part=part,
                workers=workers,
            )
    even = model._terms().is_even
    size = model.n_sites + len(model._terms().sites)
    most = min(_LAST, max(8 * FIRST_WINDOW, int(_WORK / (2 * _REPLICAS * size))))
    sweeps, window = 0, FIRST_WINDOW
    before: list[_Windows] = []
    while True:
        now: list[_Windows] = []
        for state in chains:
            e, m = advance(
                model,
                state,
                method,
                draws=_DRAWS,
                thin=window // _DRAWS,
                workers=workers,
            )
            series = (e, m**2) if even else (e, m**2, m)
            now.append([x.mean(axis=1) for x in series])
        sweeps += window
        if update is not None:
            update(sweeps / most)
        if before:
            drifts = [
                any(map(_differ, old, new))
                for old, new in zip(before, now, strict=True)
            ]
            apart = any(map(_differ, *now))
            if not apart and not any(drifts):
                return Pilot(_SAFETY * sweeps, True, "random")
            if 2 * sweeps > most:
                kept = "staggered" if staggered else "ordered"
                stays = ordered and not drifts[1]
                return Pilot(2 * sweeps, False, kept if stays else "random")
            window = sweeps
        before = now
