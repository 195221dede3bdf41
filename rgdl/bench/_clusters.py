"""Benchmarks of cluster updates."""

from typing import Any

import numpy as np

from rgdl import _core
from rgdl.bench._timing import K_CRITICAL, Benchmark, Timer, timed


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


BENCHMARKS = tuple(
    Benchmark(
        f"{name} {L}x{L}",
        "samplers",
        "ns/spin",
        lambda L=L, method=method: _clusters(L, method),  # type: ignore[misc]
        note,
        rival=f"{name} {L}x{L} at K_c",
    )
    for name, method, sizes, note in (
        (
            "Swendsen-Wang",
            1,
            (32, 128, 512, 1024),
            "per spin and sweep at K_c, bonds and m measured; perf, L = 32, AVX-512: "
            "30 % unions, 35 % row labels, 13 % settling and flips, 12 % random planes "
            "and 8 % the border; labels as vectors and flips by pdep gained 17 %",
        ),
        (
            "Wolff",
            0,
            (32, 128, 512),
            "per spin of the clusters at K_c; perf, L = 512, AVX-512: 15 % random "
            "planes, 79 % fills of blocks and their borders",
        ),
    )
    for L in sizes
)
