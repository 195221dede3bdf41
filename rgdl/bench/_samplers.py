"""Benchmarks of group "samplers"."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

import rgdl
from rgdl import _core
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


_KEY = np.arange(4, dtype=np.uint64)
_METHODS = {"heatbath": 0, "metropolis": 1, "local": 2}


def _chains(
    method: str, shape: tuple[int, ...], sweeps: int, workers: int = 1, thin: int = 0
) -> Timer:
    """512 chains per worker: `sweeps` sweeps, one draw every `thin` (or at the end)."""
    K = K_CRITICAL if len(shape) == 2 else 0.2216546
    words = _core.ising_start(shape, 0, 0.5, _KEY, 0, workers)
    streams = _core.stream_states(_KEY, _core.PURPOSE_SIMULATE, 0, workers)
    thin = thin or sweeps
    sums = np.zeros((2, sweeps // thin, 512 * workers), dtype=np.int32)

    def flips_per_ns() -> float:
        cursor = np.zeros((workers, 2), dtype=np.uint64)
        seconds = timed(
            lambda: _core.ising_simulate(
                shape, K, 0.0, _METHODS[method], words, streams, cursor, thin,
                sums[0], sums[1], workers, None,
            )
        )  # fmt: skip
        return float(words.size * 64 * sweeps / (1e9 * seconds))

    return flips_per_ns


def _one_lattice(shape: tuple[int, ...], sweeps: int, workers: int = 1) -> Timer:
    words = _core.stream_planes(
        _KEY, _core.PURPOSE_START, 0, int(np.prod(shape)) // 512
    )
    streams = _core.stream_states(_KEY, _core.PURPOSE_SIMULATE, 0, 16)
    sums = np.zeros((2, 1), dtype=np.int64)

    def flips_per_ns() -> float:
        cursor = np.zeros(2, dtype=np.uint64)
        seconds = timed(
            lambda: _core.fold_simulate(
                shape, K_CRITICAL, 0.0, _METHODS["local"], words, streams, cursor,
                sweeps, sums[0], sums[1], workers, None,
            )
        )  # fmt: skip
        return float(words.size * 64 * sweeps / (1e9 * seconds))

    return flips_per_ns


def _local_updates() -> list[Benchmark]:
    cases: list[tuple[str, Callable[[], Timer]]] = [
        *(
            (f"{method} {L}x{L}", partial(_chains, method, (L, L), 409600 // L**2 * 4))
            for method in _METHODS
            for L in (16, 64, 256)
        ),
        ("local 64x64, a draw a sweep", partial(_chains, "local", (64, 64), 400, 1, 1)),
        ("local 64x64, two workers", partial(_chains, "local", (64, 64), 400, 2)),
        ("local 32x32x32", partial(_chains, "local", (32, 32, 32), 48)),
        ("local, one 2048x2048", partial(_one_lattice, (2048, 2048), 200)),
        (
            "local, one 2048x2048, two workers",
            partial(_one_lattice, (2048, 2048), 200, 2),
        ),
    ]
    note = "updates of one spin at the critical point, independent random numbers"
    return [Benchmark(name, "samplers", "flips/ns", make, note) for name, make in cases]


BENCHMARKS = (
    *_local_updates(),
    Benchmark(
        "heat bath 64x64 at K_c, 512 rows",
        "samplers",
        "flips/ns",
        _heat_bath,
        "updates of one spin; difference of two burn-ins, so that set-up cancels",
    ),
)
