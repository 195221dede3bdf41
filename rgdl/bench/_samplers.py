"""Benchmarks of group "samplers"."""

import warnings
from typing import Any

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
BENCHMARKS = (
    Benchmark(
        "heat bath 64x64 at K_c, 512 rows",
        "samplers",
        "flips/ns",
        _heat_bath,
        "updates of one spin; difference of two burn-ins, so that set-up cancels",
    ),
    *_CLUSTERS,
)
