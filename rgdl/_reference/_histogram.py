"""Walks in energy (rg_histogram.c): Wang-Landau and multicanonical."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rgdl._reference._streams import _MASK, Floats, Spins, Stream, log

IntegerTerm = tuple[int, tuple[int, ...]]  # value, sites

STAGE = 64  # attempts per level between two halvings, at least


@dataclass
class Walk:
    """One walker: spins change; log_g and visits by level, (B + S) / 2."""

    spins: Spins
    terms: list[IntegerTerm]
    stream: Stream
    log_g: Floats
    visits: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.visits = np.zeros(len(self.log_g), dtype=np.int64)
        self.here = self.level()

    def level(self) -> int:
        """Level of the spins."""
        bonds: int = sum(
            v * math.prod(self.spins[list(s)].tolist()) for v, s in self.terms
        )
        return (bonds + len(self.log_g) - 1) // 2

    def attempt(self, word: int) -> tuple[int, int]:
        """One word: turn a spin, or not. Levels before and after."""
        product = word * len(self.spins)
        site, rest = product >> 64, product & _MASK
        old = self.here
        self.spins[site] *= -1
        new = self.level()
        u = ((rest >> 11) + 0.5) * 2.0**-53
        if self.log_g[new] - self.log_g[old] < -log(u):
            self.here = new
            return old, new
        self.spins[site] *= -1
        return old, old


def learn_density(walk: Walk, log_f_end: float) -> int:
    """Wang-Landau with the 1/t law; fills walk.log_g, returns the attempts."""
    walk.log_g[:] = -np.inf
    walk.log_g[walk.level()] = 0.0
    log_f, attempts, stage, on_line = 1.0, 0, 0, False
    while log_f > log_f_end:
        for word in walk.stream.plane().tolist():
            old, new = walk.attempt(word)
            if walk.log_g[new] == -np.inf:
                walk.log_g[new] = walk.log_g[old]
                log_f, stage, on_line = 1.0, attempts, False
                walk.visits[:] = 0
            walk.log_g[new] += log_f
            walk.visits[new] += 1
        attempts += 8
        known = np.isfinite(walk.log_g)
        line = int(known.sum()) / attempts
        waited = attempts - stage >= STAGE * len(walk.log_g)
        if not on_line and waited and walk.visits[known].all():
            log_f, stage = 0.5 * log_f, attempts
            walk.visits[:] = 0
            on_line = log_f <= line
        if on_line:
            log_f = line
    return attempts


def visit_levels(walk: Walk, attempts: int) -> npt.NDArray[np.int64]:
    """Multicanonical production: visits of each level, weights 1/g fixed."""
    walk.visits[:] = 0
    for _ in range(attempts // 8):
        for word in walk.stream.plane().tolist():
            walk.visits[walk.attempt(word)[1]] += 1
    return walk.visits
