"""Benchmarks of group "samplers"."""

import functools
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
    def mcising(shape: str) -> str:
        return f"Metropolis {shape} at K_c"

    one, whole = "local 64x64", "local, one 2048x2048"
    cases: list[tuple[str, Callable[[], Timer], str]] = [
        *(
            (
                f"{method} {L}x{L}",
                partial(_chains, method, (L, L), max(64, 409600 // L**2 * 4)),
                mcising(f"{L}x{L}"),
            )
            for method in _METHODS
            for L in (16, 64, 256)
        ),
        (f"{one}, a draw a sweep", partial(_chains, "local", (64, 64), 400, 1, 1), one),
        (f"{one}, two workers", partial(_chains, "local", (64, 64), 400, 2), one),
        (
            "local 32x32x32",
            partial(_chains, "local", (32, 32, 32), 48),
            mcising("32x32x32"),
        ),
        (whole, partial(_one_lattice, (2048, 2048), 200), ""),
        (
            f"{whole}, two workers",
            partial(_one_lattice, (2048, 2048), 200, 2),
            whole,
        ),
    ]
    note = (
        "updates of one spin at the critical point, independent random numbers; 512 "
        "spins take about 90 cycles of a 512-bit Xeon, 60 of them for 7 random planes "
        "of 9 instructions and what they decide; words of sites ahead are prefetched"
    )
    return [
        Benchmark(name, "samplers", "flips/ns", make, note, rival=rival)
        for name, make, rival in cases
    ]


@functools.cache
def _tau(L: int, K: float, method: str) -> float:
    """Sweeps of 2 tau_int of |m|; the same on every instruction set."""
    model = rgdl.Ising((L, L), K=K)
    chains, thin = (512, max(1, L // 16)) if method == "local" else (32, 1)
    draws = max(200, 10 * L)
    trace = rgdl.simulate(
        model, chains=chains, draws=draws, thin=thin, method=method, rng=1,
        progress=False,
    )  # fmt: skip
    found = rgdl.stats.autocorrelation_time(np.abs(trace["magnetization"]))
    return float(2.0 * thin * found.value)


def _independent(L: int, K: float, method: str) -> Timer:
    """Microseconds of one chain for 2 tau_int sweeps."""
    model = rgdl.Ising((L, L), K=K)
    chains, sweeps = (512, 25600 // L) if method == "local" else (8, 12800 // L)
    tau = _tau(L, K, method)

    def microseconds() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rgdl.EquilibrationWarning)
            spent = timed(
                lambda: rgdl.simulate(
                    model, chains=chains, draws=sweeps // 10, thin=10, method=method,
                    burn_in=0, rng=1, progress=False,
                )
            )  # fmt: skip
        return 1e6 * spent / (chains * (sweeps // 10 * 10)) * tau

    return microseconds


def _correlation_function(rows: int = 500) -> Timer:
    spins = rgdl.sample(rgdl.Ising((64, 64), K=0.4), rows, rng=0, progress=False)
    work = partial(rgdl.observables.correlation_function, spins)
    return lambda: 1e3 * timed(work) / rows


def _sample(rows: int, workers: int) -> Timer:
    model = rgdl.Ising((40, 40), K=0.408)
    work = partial(rgdl.sample, model, rows, rng=0, workers=workers, progress=False)
    return partial(timed, work)


def _whole_calls() -> list[Benchmark]:
    note = "time per sweep and chain of simulate, a draw every 10 sweeps, x 2 tau_int"
    rows = "20,000 rows of 40x40, K = 0.408"
    return [
        *(
            Benchmark(
                f"independent |m| {L}x{L}, {where}, {method}",
                "samplers",
                "us",
                partial(_independent, L, K, method),
                note,
            )
            for L, K, where in (
                (32, K_CRITICAL, "K_c"),
                (64, K_CRITICAL, "K_c"),
                (64, 0.42, "K = 0.42"),
            )
            for method in ("local", "swendsen-wang")
        ),
        Benchmark(
            "C(r) of 64x64", "samplers", "ms", _correlation_function, "500 at a time"
        ),
        Benchmark(f"sample, {rows}", "samplers", "s", partial(_sample, 20_000, 1)),
        Benchmark(
            f"sample, {rows}, two workers",
            "samplers",
            "s",
            partial(_sample, 20_000, 2),
            rival=f"sample, {rows}",
        ),
    ]


BENCHMARKS = (
    *_local_updates(),
    *_whole_calls(),
    Benchmark(
        "heat bath 64x64 at K_c, 512 rows",
        "samplers",
        "flips/ns",
        _heat_bath,
        "updates of one spin; difference of two burn-ins, so that set-up cancels",
    ),
)
