"""How fast this machine runs what the package does, per instruction set.

Each benchmark is a function that makes ready and returns what is to be timed; the table
gives the median over repeats and the spread between the quartiles. What is compared is
measured in turns, so that a slow moment of the machine meets all of it.
"""

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import rgdl
from rgdl import _core
from rgdl._validate import count, one_of
from rgdl.bench import _clusters, _exact, _packed, _peers, _rbm, _rg, _samplers
from rgdl.bench._timing import Benchmark, has_peer

__all__ = ["Benchmark", "Results", "Row", "benchmarks", "measure"]

_BENCHMARKS = (
    *_samplers.BENCHMARKS,
    *_clusters.BENCHMARKS,
    *_packed.BENCHMARKS,
    *_peers.BENCHMARKS,
    *_rbm.BENCHMARKS,
    *_exact.BENCHMARKS,
    *_rg.BENCHMARKS,
)


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
    ratio : float, optional
        How many times as fast as what it is compared with, the fastest peer.

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
    ratio: float | None = None


@dataclass(frozen=True)
class Results:
    """What `measure` found; prints as a table.

    Parameters
    ----------
    machine : str
        The processor, with the number of processors this process may use.
    rows : tuple of Row
        One per benchmark and variant; peers' next to what they are compared with.

    Examples
    --------
    >>> from rgdl.bench import Results, Row
    >>> row = Row("sum", "rg", "portable", "us", 2.0, 1.5, 2.5, 7)
    >>> print(Results("a machine", (row,)))
    a machine
    group  benchmark  variant   median  quartiles   unit  ratio
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
        head = "group", "benchmark", "variant", "median", "quartiles", "unit", "ratio"
        body = [
            (
                row.group,
                row.name,
                row.variant,
                f"{row.median:.4g}",
                f"{row.low:.3g} to {row.high:.3g}",
                row.unit,
                "" if row.ratio is None else f"{row.ratio:.3g}x",
            )
            for row in self.rows
        ]
        width = [max(len(line[i]) for line in (head, *body)) for i in range(7)]
        lines = [self.machine]
        for line in (head, *body):
            cells = [
                cell.rjust(width[i]) if i == 3 else cell.ljust(width[i])
                for i, cell in enumerate(line)
            ]
            lines.append("  ".join(cells).rstrip())
        notes: dict[str, dict[str, None]] = {}  # names by note, in order
        for row in self.rows:
            if row.note:
                peer = row.variant.startswith("peer: ")
                notes.setdefault(row.note, {})[row.variant if peer else row.name] = None
        lines += [f"{'; '.join(names)}: {note}" for note, names in notes.items()]
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
        Other packages' code is measured where the interpreter of peers (environment
        variable ``RGDL_BENCH_PYTHON``, by default this one) can import it.

    Examples
    --------
    >>> from rgdl.bench import measure
    >>> measure("sampler")
    Traceback (most recent call last):
        ...
    ValueError: group must be one of 'samplers', 'rbm', 'exact', 'rg', got 'sampler'
    """
    count(repeats, "repeats")
    todo = benchmarks(group)
    rows: list[Row] = []
    for together in _compared(todo):
        rows += _rows(together, repeats)
    rivals = {each.name: each.rival for each in todo if not each.peer}
    compared = [replace(row, ratio=_ratio(row, rivals, rows)) for row in rows]
    return Results(_machine(), tuple(compared))


def _compared(todo: Sequence[Benchmark]) -> list[list[Benchmark]]:
    """Benchmarks with the peer they share; what has no peer is alone."""
    peers = {each.name: each for each in todo if each.peer}
    groups: dict[str, list[Benchmark]] = {}
    for each in todo:
        shared = each.name if each.peer else each.rival
        groups.setdefault(shared if shared in peers else each.name, []).append(each)
    return list(groups.values())


def _ratio(row: Row, rivals: dict[str, str], rows: Sequence[Row]) -> float | None:
    """How many times as fast as the best peer, or as its rival on this variant."""
    if row.variant.startswith("peer: "):
        return None
    others = [
        other
        for other in rows
        if other.name == rivals[row.name]
        and (other.variant.startswith("peer: ") or other.variant == row.variant)
    ]
    if not others:
        return None
    if row.unit.partition("/")[0] in ("s", "ms", "us", "ns"):
        return min(other.median for other in others) / row.median
    return row.median / max(other.median for other in others)


def _rows(together: Sequence[Benchmark], repeats: int) -> list[Row]:
    """Measure in rounds, so that what is compared meets the same moments."""
    lines = [
        (each, variant)
        for each in together
        for variant in (
            (f"peer: {each.peer}",)
            if each.peer
            else rgdl.show_config()["simd_available"]
        )
        if not each.peer or has_peer(each.peer)
    ]
    timers = [each.make() for each, _ in lines]
    values = np.empty((repeats + 1, len(lines)))
    for number, turn in enumerate(values):
        for i, (each, variant) in enumerate(lines):
            if number == 0 and each.peer:
                continue  # this round warms up; a peer starts afresh each time
            with _simd(None if each.peer else variant):
                turn[i] = timers[i]()
    low, median, high = np.quantile(values[1:], (0.25, 0.5, 0.75), axis=0).tolist()
    return [
        Row(
            each.name,
            each.group,
            variant,
            each.unit,
            median[i],
            low[i],
            high[i],
            repeats,
            each.note,
        )
        for i, (each, variant) in enumerate(lines)
    ]


@contextmanager
def _simd(name: str | None) -> Iterator[None]:
    """Use one instruction set, and go back to the one before; None changes nothing."""
    before = _core.build_info()["simd"]
    _core.set_simd(before if name is None else name)
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
