"""Benchmarks of group "exact"."""

from functools import partial

import numpy as np

import rgdl
from rgdl.bench._timing import K_CRITICAL, Benchmark, Timer, random_spins, timed


def _kaufman(side: int = 64, calls: int = 20) -> Timer:
    def microseconds() -> float:
        def work() -> None:
            for _ in range(calls):
                rgdl.exact.kaufman((side, side), K_CRITICAL)

        return 1e6 * timed(work) / calls

    return microseconds


def _planar(side: int = 64) -> Timer:
    site = np.arange(side * side).reshape(side, side)
    bonds = np.random.default_rng(0).choice([-1.0, 1.0], (2, side, side))
    glass = np.zeros((site.size, site.size))
    glass[site[:-1], site[1:]] = bonds[0, 1:]
    glass[site[:, :-1], site[:, 1:]] = bonds[1, :, 1:]
    model = rgdl.Ising((side, side), K=1.0, periodic=False, couplings=glass + glass.T)
    return lambda: timed(lambda: rgdl.exact.planar(model))


def _density_of_states(side: int) -> Timer:
    return lambda: 1e3 * timed(lambda: rgdl.exact.density_of_states(side))


def _strip() -> Timer:
    model = rgdl.Ising((2, 16), K=K_CRITICAL, periodic=(False, True))
    return lambda: 1e3 * timed(lambda: rgdl.exact.transfer_matrix(model))


def _energies(rows: int = 10_000, *, plain: bool = True) -> Timer:
    model = rgdl.Ising((64, 64), K=K_CRITICAL)
    if not plain:
        named = {"nn": 1.0, "nnn": 0.5}
        model = rgdl.Ising((64, 64), K=K_CRITICAL, periodic=False, couplings=named)
    spins = random_spins(rows)
    model.energy(spins[:1])  # lists the terms
    return lambda: 1e3 * timed(lambda: model.energy(spins))


def _enumerate(shape: tuple[int, ...] = (4, 6), workers: int = 1) -> Timer:
    model = rgdl.Ising(shape, K=K_CRITICAL)

    def seconds() -> float:
        return timed(
            lambda: rgdl.exact.enumerate_states(model, workers=workers, progress=False)
        )

    return seconds


BENCHMARKS = (
    Benchmark("Kaufman 64x64", "exact", "us", _kaufman),
    Benchmark("Kaufman 1000x1000", "exact", "us", partial(_kaufman, 1000)),
    Benchmark("planar glass 64x64", "exact", "s", _planar),
    Benchmark("energies of 10,000 x 64x64", "exact", "ms", _energies),
    Benchmark(
        "energies, open + nnn, 10,000 x 64x64",
        "exact",
        "ms",
        partial(_energies, plain=False),
    ),
    Benchmark("density of states L=8", "exact", "ms", partial(_density_of_states, 8)),
    Benchmark("density of states L=16", "exact", "ms", partial(_density_of_states, 16)),
    Benchmark(
        "strip of width 16",
        "exact",
        "ms",
        _strip,
        "leading two eigenvalues of both sectors and ln Z of 2 columns",
    ),
    Benchmark("enumerate 24 spins", "exact", "s", _enumerate),
    Benchmark(
        "enumerate 28 spins, two workers",
        "exact",
        "s",
        partial(_enumerate, shape=(4, 7), workers=2),
        "nearest neighbours, counted by energy and magnetisation",
    ),
)
