"""How fast this machine runs what the package does, per instruction set.

Each benchmark is a function that makes ready and returns what is to be timed; the table
gives the median over repeats and the spread between the quartiles.
"""

import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import rgdl
from rgdl import _core
from rgdl._validate import count, one_of

__all__ = ["Benchmark", "Results", "Row", "benchmarks", "measure"]

Timer: TypeAlias = Callable[[], float]


@dataclass(frozen=True)
class Benchmark:
    """One thing to measure.

    Parameters
    ----------
    name, group : str
        What it is and the group it belongs to.
    unit : str
        Unit of what `make` returns a timer for.
    make : callable
        Makes ready; returns a function that measures once.
    note : str
        What profiling found, and what is counted.
    peer : bool
        True for another package's code, run in a process of its own.

    Examples
    --------
    >>> from rgdl.bench import benchmarks
    >>> [each.name for each in benchmarks("rg")]
    ['majority 64x64']
    """

    name: str
    group: str
    unit: str
    make: Callable[[], Timer]
    note: str = ""
    peer: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    name, group, variant, unit, note : str
        What was measured, with which instruction set ("peer: ..." for other code).
    median, low, high : float
        Median and quartiles over the repeats.
    repeats : int
        How often it was measured.

    Examples
    --------
    >>> from rgdl.bench import Row
    >>> Row("sum", "rg", "portable", "us", 2.0, 1.5, 2.5, 7).median
    2.0
    """

    name: str
    group: str
    variant: str
    unit: str
    median: float
    low: float
    high: float
    repeats: int
    note: str = ""


@dataclass(frozen=True)
class Results:
    """What `measure` found; prints as a table.

    Parameters
    ----------
    machine : str
        The processor, with the number of processors this process may use.
    rows : tuple of Row
        One per benchmark and variant.

    Examples
    --------
    >>> from rgdl.bench import Results, Row
    >>> row = Row("sum", "rg", "portable", "us", 2.0, 1.5, 2.5, 7)
    >>> print(Results("a machine", (row,)))
    a machine
    group  benchmark  variant   median  quartiles   unit
    rg     sum        portable       2  1.5 to 2.5  us
    """

    machine: str
    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give the table in JSON's types.

        Returns
        -------
        dict
            ``machine``, ``config`` (see `rgdl.show_config`) and ``rows``.
        """
        return {
            "machine": self.machine,
            "config": rgdl.show_config(),
            "rows": [asdict(row) for row in self.rows],
        }

    def __str__(self) -> str:
        head = ("group", "benchmark", "variant", "median", "quartiles", "unit")
        body = [
            (
                row.group,
                row.name,
                row.variant,
                f"{row.median:.4g}",
                f"{row.low:.3g} to {row.high:.3g}",
                row.unit,
            )
            for row in self.rows
        ]
        width = [max(len(line[i]) for line in (head, *body)) for i in range(6)]
        lines = [self.machine]
        for line in (head, *body):
            cells = [
                cell.rjust(width[i]) if i == 3 else cell.ljust(width[i])
                for i, cell in enumerate(line)
            ]
            lines.append("  ".join(cells).rstrip())
        notes = {row.name: row.note for row in self.rows if row.note}
        lines += [f"{name}: {note}" for name, note in notes.items()]
        return "\n".join(lines)


def benchmarks(group: str | None = None) -> tuple[Benchmark, ...]:
    """List the benchmarks of one group, or all.

    Parameters
    ----------
    group : str, optional
        "samplers", "rbm", "exact" or "rg".

    Returns
    -------
    tuple of Benchmark

    Examples
    --------
    >>> from rgdl.bench import benchmarks
    >>> sorted({each.group for each in benchmarks()})
    ['exact', 'rbm', 'rg', 'samplers']
    """
    known = tuple(dict.fromkeys(each.group for each in _BENCHMARKS))
    if group is not None:
        one_of(group, "group", known)
    return tuple(each for each in _BENCHMARKS if group in (None, each.group))


def measure(group: str | None = None, *, repeats: int = 7) -> Results:
    """Measure every benchmark of a group on every instruction set this machine runs.

    Parameters
    ----------
    group : str, optional
        One group; all if None.
    repeats : int
        Measurements per line.

    Returns
    -------
    Results

    Examples
    --------
    >>> from rgdl.bench import measure
    >>> measure("sampler")
    Traceback (most recent call last):
        ...
    ValueError: group must be one of 'samplers', 'rbm', 'exact', 'rg', got 'sampler'
    """
    count(repeats, "repeats")
    rows = []
    for each in benchmarks(group):
        if each.peer:
            if find_spec("sklearn") is not None:
                rows.append(_row(each, "peer: scikit-learn", repeats))
            continue
        for variant in rgdl.show_config()["simd_available"]:
            with _simd(variant):
                rows.append(_row(each, variant, repeats))
    return Results(_machine(), tuple(rows))


def _row(benchmark: Benchmark, variant: str, repeats: int) -> Row:
    timer = benchmark.make()
    timer()
    values = np.array([timer() for _ in range(repeats)])
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return Row(
        benchmark.name,
        benchmark.group,
        variant,
        benchmark.unit,
        median,
        low,
        high,
        repeats,
        benchmark.note,
    )


@contextmanager
def _simd(name: str) -> Iterator[None]:
    """Use one instruction set, and go back to the one before."""
    before = _core.build_info()["simd"]
    _core.set_simd(name)
    try:
        yield
    finally:
        _core.set_simd(before)


def _machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return f"{name}, {cores} processors, Python {platform.python_version()}"


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


# The benchmarks. Each maker prepares everything and returns the timer.

_K_C = 0.5 * float(np.log1p(np.sqrt(2.0)))


def _heat_bath(rows: int = 512, short: int = 20, long: int = 120) -> Timer:
    model = rgdl.Ising((64, 64), K=_K_C)

    def seconds(burn_in: int) -> float:
        return _seconds(
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


def _epoch(rows: int = 2_000, epochs: int = 1) -> Timer:
    data = np.random.default_rng(0).integers(0, 2, (rows, 1600)).astype(np.uint8)

    def seconds() -> float:
        machine = rgdl.RBM(
            400,
            units="binary",
            method="cd",
            k=1,
            batch_size=100,
            n_epochs=epochs,
            rng=0,
        )
        return _seconds(lambda: machine.fit(data)) / epochs

    return seconds


_PEER_EPOCH = """
import json, time, numpy
from sklearn.neural_network import BernoulliRBM
data = numpy.random.default_rng(0).integers(0, 2, (2000, 1600)).astype(numpy.float32)
machine = BernoulliRBM(400, batch_size=100, n_iter=1, random_state=0)
begin = time.perf_counter()
machine.fit(data)
print(json.dumps(time.perf_counter() - begin))
"""


def _peer_epoch() -> Timer:
    def seconds() -> float:
        answer = subprocess.run(
            [sys.executable, "-c", _PEER_EPOCH],
            env=_peer_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return float(json.loads(answer.stdout))

    return seconds


def _peer_environment() -> dict[str, str]:
    """Give the environment without settings that choose a peer's BLAS kernel."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("OPENBLAS_")
    }


def _kaufman(side: int = 64, calls: int = 20) -> Timer:
    def microseconds() -> float:
        def work() -> None:
            for _ in range(calls):
                rgdl.exact.kaufman((side, side), _K_C)

        return 1e6 * _seconds(work) / calls

    return microseconds


def _planar(side: int = 64) -> Timer:
    site = np.arange(side * side).reshape(side, side)
    bonds = np.random.default_rng(0).choice([-1.0, 1.0], (2, side, side))
    glass = np.zeros((site.size, site.size))
    glass[site[:-1], site[1:]] = bonds[0, 1:]
    glass[site[:, :-1], site[:, 1:]] = bonds[1, :, 1:]
    model = rgdl.Ising((side, side), K=1.0, periodic=False, couplings=glass + glass.T)
    return lambda: _seconds(lambda: rgdl.exact.planar(model))


def _density_of_states(side: int) -> Timer:
    return lambda: 1e3 * _seconds(lambda: rgdl.exact.density_of_states(side))


def _strip() -> Timer:
    model = rgdl.Ising((2, 16), K=_K_C, periodic=(False, True))
    return lambda: 1e3 * _seconds(lambda: rgdl.exact.transfer_matrix(model))


def _energies(rows: int = 10_000) -> Timer:
    model = rgdl.Ising((64, 64), K=_K_C)
    spins = _random_spins(rows)
    return lambda: 1e3 * _seconds(lambda: model.energy(spins))


def _enumerate(shape: tuple[int, ...] = (4, 6), workers: int = 1) -> Timer:
    model = rgdl.Ising(shape, K=_K_C)

    def seconds() -> float:
        return _seconds(
            lambda: rgdl.exact.enumerate_states(model, workers=workers, progress=False)
        )

    return seconds


def _majority(rows: int = 10_000) -> Timer:
    rule, spins = rgdl.rg.MajorityRule(b=2), _random_spins(rows)
    return lambda: 1e6 * _seconds(lambda: rule.coarsen(spins, rng=0)) / rows


def _random_spins(rows: int) -> np.ndarray[Any, np.dtype[np.int8]]:
    bits = np.random.default_rng(0).integers(0, 2, (rows, 64, 64), dtype=np.int8)
    return np.asarray(2 * bits - 1, dtype=np.int8)


_BENCHMARKS = (
    Benchmark(
        "heat bath 64x64 at K_c, 512 rows",
        "samplers",
        "flips/ns",
        _heat_bath,
        "updates of one spin; difference of two burn-ins, so that set-up cancels",
    ),
    Benchmark(
        "CD-1 epoch, 2,000 x 1600 -> 400",
        "rbm",
        "s",
        partial(_epoch),
        "batch 100, float32, one worker",
    ),
    Benchmark(
        "BernoulliRBM epoch, 2,000 x 1600 -> 400",
        "rbm",
        "s",
        _peer_epoch,
        "scikit-learn, PCD-1, batch 100, float32, its own choice of threads",
        peer=True,
    ),
    Benchmark("Kaufman 64x64", "exact", "us", _kaufman),
    Benchmark("Kaufman 1000x1000", "exact", "us", partial(_kaufman, 1000)),
    Benchmark("planar glass 64x64", "exact", "s", _planar),
    Benchmark("energies of 10,000 x 64x64", "exact", "ms", _energies),
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
    Benchmark(
        "majority 64x64", "rg", "us", _majority, "per configuration, ties by coin, int8"
    ),
)
