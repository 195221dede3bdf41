"""Benchmarks of group "rg"."""

import rgdl
from rgdl.bench._timing import Benchmark, Timer, random_spins, timed


def _majority(rows: int = 10_000) -> Timer:
    rule, spins = rgdl.rg.MajorityRule(b=2), random_spins(rows)
    return lambda: 1e6 * timed(lambda: rule.coarsen(spins, rng=0)) / rows


BENCHMARKS = (
    Benchmark(
        "majority 64x64", "rg", "us", _majority, "per configuration, ties by coin, int8"
    ),
)
