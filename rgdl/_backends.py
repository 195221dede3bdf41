"""What runs the chains of `simulate`: state arrays, and a method to advance them."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._equilibrium import start_of
from rgdl._packed import LOCAL_METHODS, PackedChains, advance, start_chains
from rgdl._rng import Key
from rgdl.ising import Ising

__all__ = [
    "NATIVE",
    "STARTS",
    "Backend",
    "ClusterBackend",
    "FoldBackend",
    "LocalBackend",
    "TermsBackend",
    "cluster_start",
    "folds",
]

#: Observables that the C core measures while it runs.
NATIVE = ("energy", "magnetization", "improved_m2", "improved_m4")

STARTS = {"random": 0, "ordered": 1, "staggered": 2}

_BLOCK = 512
_BANDS = 16  # of one folded lattice, each with a stream
_CLUSTER_METHODS = {"wolff": 0, "swendsen-wang": 1}
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
    kind, p_up = start_of(model.shape, K, h) if start == "auto" else (start, 0.5)
    if start == "up":
        kind, p_up = "ordered", 1.0
    blocks = -(-chains // _BLOCK)
    return _core.ising_start(model.shape, STARTS[kind], p_up, key, 0, blocks)


def _first_spins(
    model: Ising, chains: int, start: str | npt.NDArray[np.int8], key: Key
) -> npt.NDArray[np.int8]:
    """First configurations of chains of their own, flat; chain c has stream c."""
    if not isinstance(start, str):
        return start
    n, purpose = model.n_sites, _core.PURPOSE_START
    K, h = model._uniform("")
    kind, p_up = start_of(model.shape, K, h) if start == "auto" else (start, 0.5)
    if kind == "random" and start == "auto" and K < 0 and not model._is_torus:
        # odd open extents do not frustrate: as the ferromagnet, on sublattices
        kind = start_of(model.shape, -K, 0.0)[0].replace("ordered", "staggered")
    spins = np.ones((chains, n), dtype=np.int8)
    if start == "up":
        return spins
    if kind == "random":
        for c in range(chains):
            planes = _core.stream_planes(key, purpose, c, -(-n // _BLOCK))
            spins[c] = _core.unpack(planes.reshape(1, -1), planes.size * 64, -1)[0, :n]
        return spins
    coins = _core.biased_planes(key, purpose, 0, -(-chains // _BLOCK), p_up)
    coins = coins.reshape(1, -1)
    spins *= _core.unpack(coins, coins.size * 64, -1)[0, :chains, None]
    if kind == "staggered":
        spins *= _sublattices(model.shape)
    return spins


def _sublattices(shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """+1 and -1 by the parity of the coordinates, flat."""
    signs: npt.NDArray[np.int8] = np.ones(math.prod(shape), dtype=np.int8)
    signs[np.indices(shape).sum(axis=0).ravel() % 2 == 1] = -1
    return signs


def cluster_start(model: Ising, chains: int) -> npt.NDArray[np.int8]:
    """One of the ground states; Wolff's clusters would take long to find it."""
    K, _ = model._uniform("")
    ground = np.ones(model.n_sites, np.int8) if K >= 0 else _sublattices(model.shape)
    return np.tile(ground, (chains, 1))


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
        self._model, self._method = model, LOCAL_METHODS[method]
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


def folds(shape: tuple[int, ...]) -> bool:
    """Whether one lattice fills words by itself (csrc/core/rg_fold.h)."""
    if len(shape) == 1:
        return shape[0] >= 1024 and shape[0] % 512 == 0
    cut = [axis for axis, x in enumerate(shape) if x >= 128 and x % 64 == 0]
    others = [x for axis, x in enumerate(shape) if not cut or axis != cut[-1]]
    return bool(cut) and any(x >= 16 and x % 8 == 0 for x in others)


class FoldBackend:
    """A few large lattices with local updates, each in words of its own.

    Chain c has the streams 16 c, ..., 16 c + 15, one for each band of the lattice.
    """

    def __init__(
        self,
        model: Ising,
        method: str,
        chains: int,
        start: str | npt.NDArray[np.int8],
        key: Key,
        workers: int,
    ) -> None:
        self._model, self._method = model, LOCAL_METHODS[method]
        self._workers = workers
        flat = _first_spins(model, chains, start, key)
        self._words = np.stack([_core.fold_load(model.shape, row) for row in flat])
        streams = _core.stream_states(key, _core.PURPOSE_SIMULATE, 0, _BANDS * chains)
        self._streams = streams.reshape(chains, _BANDS, 4, 8)
        self._cursor = np.zeros((chains, 2), dtype=np.uint64)
        self.info: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, npt.NDArray[Any]]:
        return {"words": self._words, "streams": self._streams, "cursor": self._cursor}

    def run(
        self, draws: int, thin: int, names: tuple[str, ...], update: _Update
    ) -> _Series:
        K, h = self._model._plain("")
        chains = len(self._words)
        sums = np.empty((2, chains, draws), dtype=np.int64)
        self._cursor[:, 1] = 0
        for c in range(chains):

            def report(part: float, c: int = c) -> None:
                if update is not None:
                    update((c + part) / chains)

            _core.fold_simulate(
                self._model.shape,
                K,
                h,
                self._method,
                self._words[c],
                self._streams[c],
                self._cursor[c],
                thin,
                sums[0, c],
                sums[1, c],
                self._workers,
                report,
            )
        n = self._model.n_sites
        series = {"energy": -sums[0] / n, "magnetization": sums[1] / n}
        return {name: series[name] for name in names}

    def spins(self) -> npt.NDArray[np.int8]:
        rows = [_core.fold_unload(self._model.shape, words) for words in self._words]
        return np.stack(rows).reshape(-1, *self._model.shape)


class TermsBackend:
    """Blocks of 512 replicas of any model with local updates."""

    def __init__(
        self,
        model: Ising,
        method: str,
        chains: int,
        start: str | npt.NDArray[np.int8],
        key: Key,
        workers: int,
    ) -> None:
        self._model, self._method = model, method
        self._count, self._workers = chains, workers
        up = isinstance(start, str) and start == "up"
        coin = isinstance(start, str) and start == "ordered"
        self._chains = start_chains(model.n_sites, chains, key, up=up, coin=coin)
        if not isinstance(start, str):
            words = _core.ising_load(start)
            self._chains = PackedChains(words, self._chains.streams)
        self._sweeps = np.zeros(1, dtype=np.uint64)
        self.info: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "words": self._chains.words,
            "streams": self._chains.streams,
            "sweeps": self._sweeps,
        }

    def run(
        self, draws: int, thin: int, names: tuple[str, ...], update: _Update
    ) -> _Series:
        self._chains.sweeps = int(self._sweeps[0])
        e, m = advance(
            self._model,
            self._chains,
            self._method,
            draws=draws,
            thin=thin,
            workers=self._workers,
            update=update,
        )
        self._sweeps[0] = self._chains.sweeps
        series = {"energy": e[: self._count], "magnetization": m[: self._count]}
        return {name: series[name] for name in names}

    def spins(self) -> npt.NDArray[np.int8]:
        return self._chains.spins(self._count).reshape(-1, *self._model.shape)


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
        purpose: int = _core.PURPOSE_CLUSTER,
    ) -> None:
        self._model, self._method = model, _CLUSTER_METHODS[method]
        self._chains, self._workers = chains, workers
        n = model.n_sites
        self._words = _core.pack(_first_spins(model, chains, start, key), -1)
        self._streams = _core.stream_states(key, purpose, 0, chains)
        self.info: dict[str, Any] = {}
        self._clusters = 1
        if method == "wolff":
            size = self._pilot(key)
            self._clusters = math.ceil(n / size)
            self.info = {"mean_cluster": size, "clusters_per_sweep": self._clusters}

    def _pilot(self, key: Key) -> float:
        """Mean cluster <C> = N <m^2> (Wolff 1989), by Swendsen and Wang's method."""
        up = np.ones((_PILOT_CHAINS, self._model.n_sites), dtype=np.int8)
        words = _core.pack(up, -1)
        streams = _core.stream_states(key, _core.PURPOSE_PILOT, 0, _PILOT_CHAINS)
        method = _CLUSTER_METHODS["swendsen-wang"]
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
        K, h = self._model._uniform("")
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
            self._model.periodic,
        )

    def turn(self) -> None:
        """Do one Swendsen-Wang sweep: every cluster by a coin of its own."""
        method = _CLUSTER_METHODS["swendsen-wang"]
        self._advance(self._words, self._streams, method, 1, 1, False, None)

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
