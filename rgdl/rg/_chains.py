"""Configurations of independent chains, as rows of bits."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._rng import Key
from rgdl.ising import Ising
from rgdl.rg._rows import pack_rows

_SWENDSEN_WANG = 1


def packed_chains(
    model: Ising,
    chains: int,
    draws: int,
    thin: int,
    burn_in: int,
    key: Key,
    workers: int,
) -> Iterator[npt.NDArray[np.uint64]]:
    """Yield bits (chains, rows, words), `thin` Swendsen-Wang sweeps apart.

    Chain c draws from the stream (key, cluster, c); it starts from fair random spins.
    """
    K, h = model._plain("Monte Carlo RG samples")
    n_rows, width = model.shape
    n_words = -(-model.n_sites // 64)
    streams = _core.stream_states(key, _core.PURPOSE_CLUSTER, 0, chains)
    start = _core.stream_planes(key, _core.PURPOSE_START, 0, -(-chains * n_words // 8))
    words = np.array(start.reshape(-1)[: chains * n_words].reshape(chains, n_words))
    tail = model.n_sites % 64
    if tail:
        words[:, -1] &= np.uint64((1 << tail) - 1)

    def advance(sweeps: int) -> None:
        _core.cluster_simulate(
            model.shape,
            K,
            h,
            _SWENDSEN_WANG,
            words,
            streams,
            1,
            1,
            sweeps,
            False,
            workers,
            None,
        )

    if burn_in:
        advance(burn_in)
    for _ in range(draws):
        advance(thin)
        if width % 64 == 0:
            yield words.reshape(chains, n_rows, width // 64)
        else:
            spins = _core.unpack(words, model.n_sites, -1)
            yield pack_rows(spins.reshape(chains, n_rows, width))
