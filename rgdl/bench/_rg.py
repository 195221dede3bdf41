"""Benchmarks of group "rg"."""

import numpy as np

import rgdl
from rgdl._live import LiveRun
from rgdl.bench._timing import K_CRITICAL, Benchmark, Timer, random_spins, timed
from rgdl.rg import OperatorSet
from rgdl.rg._rows import pack_rows


def _majority(rows: int = 10_000) -> Timer:
    rule, spins = rgdl.rg.MajorityRule(b=2), random_spins(rows)
    return lambda: 1e6 * timed(lambda: rule.coarsen(spins, rng=0)) / rows


def _majority_bits(rows: int = 20_000) -> Timer:
    rule, bits = rgdl.rg.MajorityRule(b=2), pack_rows(random_spins(rows))
    key = np.zeros(4, dtype=np.uint64)
    return lambda: 1e6 * timed(lambda: rule._coarsen_rows(bits, 64, key)) / rows


def _operators(rows: int = 20_000) -> Timer:
    operators, bits = OperatorSet(), pack_rows(random_spins(rows))
    return lambda: 1e6 * timed(lambda: operators._sums(bits, 64)) / rows


def _kadanoff() -> Timer:
    return lambda: 1e3 * timed(rgdl.rg.kadanoff_variational)


def _live(frames: int = 10) -> Timer:
    model, rule = rgdl.Ising((128, 128), K=K_CRITICAL), rgdl.rg.MajorityRule()
    run = LiveRun(model, rule, rng=0)

    def work() -> None:
        for _ in range(frames):
            run.step(8)

    return lambda: 1e3 * timed(work) / frames


def _monte_carlo(n: int = 2_560) -> Timer:
    model, rule = rgdl.Ising((64, 64), K=K_CRITICAL), rgdl.rg.MajorityRule(b=2)

    def rate() -> float:
        def work() -> None:
            rgdl.rg.mcrg(model, rule, levels=4, n=n, rng=0, burn_in=0, progress=False)

        return n / timed(work)

    return rate


BENCHMARKS = (
    Benchmark(
        "majority 64x64", "rg", "us", _majority, "per configuration, ties by coin, int8"
    ),
    Benchmark(
        "majority 64x64, bits",
        "rg",
        "us",
        _majority_bits,
        "rows of bits, as Monte Carlo RG coarsens them",
    ),
    Benchmark("11 operators 64x64", "rg", "us", _operators, "rows of bits"),
    Benchmark("Kadanoff's fixed point", "rg", "ms", _kadanoff),
    Benchmark(
        "live frame 128x128",
        "rg",
        "ms",
        _live,
        "eight sweeps of 16 lattices, three levels, energies; below 67 for 15 a second",
    ),
    Benchmark(
        "Monte Carlo RG 64x64",
        "rg",
        "configurations/s",
        _monte_carlo,
        "four levels, three Swendsen-Wang sweeps per configuration, one worker",
    ),
)
