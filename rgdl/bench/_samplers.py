"""Benchmarks of group "samplers"."""

import warnings
from typing import Any

import numpy as np

import numpy as np
import scipy.sparse as sp

import rgdl
from rgdl import _core
from rgdl._packed import advance, start_chains
from rgdl.bench._timing import K_CRITICAL, Benchmark, Timer, timed


def _heat_bath(rows: int = 512, short: int = 20, long: int = 120) -> Timer:
    model = rgdl.Ising((64, 64), K=K_CRITICAL)

    def seconds(burn_in: int) -> float:
        return timed(
            lambda: rgdl.sample(
                model, rows, method="heatbath", burn_in=burn_in, rng=0, progress=False
            )
        )

    def flips_per_ns() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rgdl.EquilibrationWarning)
            spent = seconds(long) - seconds(short)
        return float(rows * model.n_sites * (long - short) / max(1e9 * spent, 1.0))

    return flips_per_ns


def _clusters(L: int, method: int) -> Timer:
    """Nanoseconds per spin that a cluster holds: one chain, bonds and m every sweep."""
    words = _core.pack(np.ones((1, L * L), np.int8), -1)
    key = np.arange(4, dtype=np.uint64)
    streams = _core.stream_states(key, _core.PURPOSE_CLUSTER, 0, 1)

    def run(draws: int) -> Any:
        return _core.cluster_simulate(
            *((L, L), K_CRITICAL, 0.0, method, words, streams, 1, draws, 1),
            *(False, 1, None),
        )

    run(200)
    draws = max(4, round(4e6 / (L**2 if method else L**1.75)))

    def ns_per_spin() -> float:
        found: list[int] = []
        spent = timed(lambda: found.append(int(run(draws)[4].sum())))
        return 1e9 * spent / found[0]

    return ns_per_spin


_CLUSTERS = tuple(
    Benchmark(
        f"{name} {L}x{L} at K_c",
        "samplers",
        "ns/spin",
        lambda L=L, method=method: _clusters(L, method),  # type: ignore[misc]
        note,
    )
    for name, method, sizes, note in (
        ("Swendsen-Wang", 1, (32, 128, 512, 1024), "per spin and sweep"),
        ("Wolff", 0, (128, 256, 512), "per spin of the clusters"),
    )
    for L in sizes
)
def _glass(L: int) -> sp.coo_array:
    """Couplings +-1 of both signs between nearest neighbours of a torus."""
    index = np.arange(L * L).reshape(L, L)
    a = np.tile(index.ravel(), 2)
    b = np.concatenate([np.roll(index, -1, axis=axis).ravel() for axis in (0, 1)])
    signs = np.tile(np.random.default_rng(0).choice([-1.0, 1.0], len(a)), 2)
    pairs = (np.concatenate([a, b]), np.concatenate([b, a]))
    return sp.coo_array((signs, pairs), shape=(L * L, L * L))


def _any_terms(model: rgdl.Ising, sweeps: int = 200) -> Timer:
    key = np.arange(4, dtype=np.uint64)
    chains = start_chains(model.n_sites, 512, key)

    def flips_per_ns() -> float:
        def work() -> object:
            return advance(model, chains, "heatbath", draws=1, thin=sweeps)

        return float(512 * model.n_sites * sweeps / (1e9 * timed(work)))

    return flips_per_ns


def _perfect(rows: int = 512) -> Timer:
    model = rgdl.Ising((32, 32), K=0.4)

    def rows_per_second() -> float:
        def work() -> object:
            return rgdl.sample(model, rows, method="perfect", rng=0, progress=False)

        return rows / timed(work)

    return rows_per_second


BENCHMARKS = (
    Benchmark(
        "heat bath 64x64 at K_c, 512 rows",
        "samplers",
        "flips/ns",
        _heat_bath,
        "updates of one spin; difference of two burn-ins, so that set-up cancels",
    ),
    *_CLUSTERS,
    Benchmark(
        "+-J glass 64x64, 512 chains",
        "samplers",
        "flips/ns",
        lambda: _any_terms(rgdl.Ising((64, 64), K=1.0, couplings=_glass(64))),
        "heat bath of any list of terms, sites in planes; set-up included",
    ),
    Benchmark(
        "open 64x64 at K_c, 512 chains",
        "samplers",
        "flips/ns",
        lambda: _any_terms(rgdl.Ising((64, 64), K=K_CRITICAL, periodic=False)),
        "the same path",
    ),
    Benchmark(
        "perfect sampling 32x32 at K = 0.4",
        "samplers",
        "rows/s",
        _perfect,
        "coupling from the past; every row exact",
    ),
)
