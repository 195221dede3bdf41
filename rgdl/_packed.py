"""Packed chains of any model: 512 replicas to a word, the state as plain arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._rng import Key
from rgdl.ising import Ising

__all__ = ["LOCAL_METHODS", "PackedChains", "advance", "start_chains"]

LOCAL_METHODS = {"heatbath": 0, "metropolis": 1, "local": 2}
_BLOCK = 512


@dataclass
class PackedChains:
    """All that a run needs to go on: spins, random streams, sweeps done.

    Words (blocks, sites, 8): bit r of 512 is replica r. Streams: (blocks, 4, 8).
    """

    words: npt.NDArray[np.uint64]
    streams: npt.NDArray[np.uint64]
    sweeps: int = 0

    def spins(self, n: int) -> npt.NDArray[np.int8]:
        """Return the first n configurations, flat."""
        return _core.replicas_to_spins(self.words, n)


def start_chains(
    n_sites: int,
    chains: int,
    key: Key,
    *,
    up: bool = False,
    coin: bool = False,
    purpose: int = _core.PURPOSE_SIMULATE,
    first: int = 0,
) -> PackedChains:
    """Make chains in whole blocks of 512: random, all up, or all one way by a coin.

    Block b has streams first + b of `purpose`.
    """
    blocks = -(-chains // _BLOCK)
    words = np.empty((blocks, n_sites, 8), dtype=np.uint64)
    if up:
        words[...] = 2**64 - 1
    for b in range(0 if up else blocks):
        n_planes = 1 if coin else n_sites
        words[b] = _core.stream_planes(key, _core.PURPOSE_START, b, n_planes)
    streams = _core.stream_states(key, purpose, first, blocks)
    return PackedChains(words, streams)


def advance(
    model: Ising,
    state: PackedChains,
    method: str,
    *,
    draws: int,
    thin: int = 1,
    part: float = 1.0,
    workers: int = 1,
    update: Callable[[float], None] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Do draws x thin sweeps in place: energy and magnetisation (chain, draw) per site.

    "local" is Metropolis with every eighth sweep heat bath; `part` multiplies K (not
    the external field). After an interrupt the
    state holds valid spins, but sites of two sweeps.
    """
    terms = model._terms()
    bonds, up = _core.terms_simulate(
        terms.sites,
        terms.starts,
        terms.relative,
        terms.h,
        part * terms.scale,
        LOCAL_METHODS[method],
        state.words,
        state.streams,
        state.sweeps,
        draws,
        thin,
        workers,
        update,
    )
    state.sweeps += draws * thin
    return -(bonds + terms.constant) / model.n_sites, up / model.n_sites
