"""Benchmarks of packed chains of any terms, and of perfect sampling."""

import numpy as np
import scipy.sparse as sp

import rgdl
from rgdl._packed import advance, start_chains
from rgdl.bench._timing import K_CRITICAL, Benchmark, Timer, timed


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
