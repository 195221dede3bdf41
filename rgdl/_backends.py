"""What runs the chains of `simulate`: state arrays, and a method to advance them."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._rng import Key
from rgdl.ising import Ising
from rgdl.sampling import _STARTS, _start_of

__all__ = ["NATIVE", "Backend", "ClusterBackend", "LocalBackend"]

#: Observables that the C core measures while it runs.
NATIVE = ("energy", "magnetization", "improved_m2", "improved_m4")

_BLOCK = 512
_METHODS = {"heatbath": 0, "metropolis": 1, "local": 2, "wolff": 0, "swendsen-wang": 1}
_PILOT_CHAINS, _PILOT_SWEEPS, _PILOT_DRAWS = 4, 40, 100

_Update = Callable[[float], None] | None
_Series = dict[str, npt.NDArray[np.float64]]


class Backend(Protocol):
    """Chains that can be advanced, saved and put back."""

    info: dict[str, Any]

    @property
    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays that hold everything; writing them back restores the chains."""

    def run(
        self, draws: int, thin: int, names: tuple[str, ...], update: _Update
    ) -> _Series:
        """Advance by draws of `thin` sweeps; return (chain, draw) arrays by name."""

    def spins(self) -> npt.NDArray[np.int8]:
        """Return the configurations, (chain, *shape)."""


def _first_words(
    model: Ising, chains: int, start: str | npt.NDArray[np.int8], key: Key
) -> npt.NDArray[np.uint64]:
    """Replica-packed first configurations of whole blocks."""
    if not isinstance(start, str):
        return _core.ising_load(start)
    K, h = model._plain("")
    kind, p_up = _start_of(model.shape, K, h) if start == "auto" else ("random", 0.5)
    if start == "up":
        kind, p_up = "ordered", 1.0
    blocks = -(-chains // _BLOCK)
    return _core.ising_start(model.shape, _STARTS[kind], p_up, key, 0, blocks)


class LocalBackend:
    """Blocks of 512 replicas with local updates; chain 512 b + r is replica r of b."""

    def __init__(
        self,
        model: Ising,
        method: str,
        chains: int,
        start: str | npt.NDArray[np.int8],
        key: Key,
        workers: int,
    ) -> None:
        self._model, self._method = model, _METHODS[method]
        self._chains, self._workers = chains, workers
        self._words = _first_words(model, chains, start, key)
        blocks = len(self._words)
        purpose = _core.PURPOSE_SIMULATE
        self._streams = _core.stream_states(key, purpose, 0, blocks)
        self._cursor = np.zeros((blocks, 2), dtype=np.uint64)
        self.info: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, npt.NDArray[Any]]:
        return {"words": self._words, "streams": self._streams, "cursor": self._cursor}

    def run(
        self, draws: int, thin: int, names: tuple[str, ...], update: _Update
    ) -> _Series:
        K, h = self._model._plain("")
        shape = draws, _BLOCK * len(self._words)
        bonds = np.empty(shape, dtype=np.int32)
        magnetization = np.empty(shape, dtype=np.int32)
        self._cursor[:, 1] = 0
        _core.ising_simulate(
            self._model.shape,
            K,
            h,
            self._method,
            self._words,
            self._streams,
            self._cursor,
            thin,
            bonds,
            magnetization,
            self._workers,
            update,
        )
        n = self._model.n_sites
        sums = {"energy": (bonds, -n), "magnetization": (magnetization, n)}
        return {
            name: np.ascontiguousarray(sums[name][0][:, : self._chains].T)
            / sums[name][1]
            for name in names
        }

    def spins(self) -> npt.NDArray[np.int8]:
        flat = _core.ising_unload(self._words, self._chains)
        return flat.reshape(self._chains, *self._model.shape)


class ClusterBackend:
    """One packed configuration and one stream for each chain; cluster updates."""

    def __init__(
        self,
        model: Ising,
        method: str,
        chains: int,
        start: str | npt.NDArray[np.int8],
        key: Key,
        workers: int,
    ) -> None:
        self._model, self._method = model, _METHODS[method]
        self._chains, self._workers = chains, workers
        blocks = _first_words(model, chains, start, key)
        n = model.n_sites
        spins = _core.ising_unload(blocks, chains).reshape(chains, n)
        self._words = _core.pack(spins, -1)
        self._streams = _core.stream_states(key, _core.PURPOSE_CLUSTER, 0, chains)
        self.info: dict[str, Any] = {}
        self._clusters = 1
        if method == "wolff":
            size = self._pilot(key)
            self._clusters = math.ceil(n / size)
            self.info = {"mean_cluster": size, "clusters_per_sweep": self._clusters}

    def _pilot(self, key: Key) -> float:
        """Mean cluster <C> = N <m^2> (Wolff 1989), by Swendsen and Wang's method."""
        words = self._words[:_PILOT_CHAINS].copy()
        streams = _core.stream_states(key, _core.PURPOSE_PILOT, 0, len(words))
        method = _METHODS["swendsen-wang"]
        self._advance(words, streams, method, 1, _PILOT_SWEEPS, False, None)
        run = self._advance(words, streams, method, _PILOT_DRAWS, 1, True, None)
        return max(1.0, self._model.n_sites * float(run[2].mean()))

    def _advance(
        self,
        words: npt.NDArray[np.uint64],
        streams: npt.NDArray[np.uint64],
        method: int,
        draws: int,
        thin: int,
        improved: bool,
        update: _Update,
    ) -> tuple[npt.NDArray[Any], ...]:
        K, h = self._model._plain("")
        return _core.cluster_simulate(
            self._model.shape,
            K,
            h,
            method,
            words,
            streams,
            self._clusters,
            draws,
            thin,
            improved,
            self._workers,
            update,
        )

    @property
    def state(self) -> dict[str, npt.NDArray[Any]]:
        return {"words": self._words, "streams": self._streams}

    def run(
        self, draws: int, thin: int, names: tuple[str, ...], update: _Update
    ) -> _Series:
        improved = any(name.startswith("improved") for name in names)
        bonds, magnetization, m2, m4, _ = self._advance(
            self._words, self._streams, self._method, draws, thin, improved, update
        )
        n = self._model.n_sites
        sums = {
            "energy": (bonds, -n),
            "magnetization": (magnetization, n),
            "improved_m2": (m2, 1),
            "improved_m4": (m4, 1),
        }
        return {
            name: np.ascontiguousarray(sums[name][0].T) / sums[name][1]
            for name in names
        }

    def spins(self) -> npt.NDArray[np.int8]:
        flat = _core.unpack(self._words, self._model.n_sites, -1)
        return flat.reshape(self._chains, *self._model.shape)
