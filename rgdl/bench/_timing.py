"""What benchmarks are made of: timers, a peer's environment, common inputs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Timer: TypeAlias = Callable[[], float]

#: Critical coupling of the square lattice.
K_CRITICAL = 0.5 * float(np.log1p(np.sqrt(2.0)))


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
    peer : str
        The package, if the code is another's; it runs in a process of its own.
    rival : str
        Name of the benchmark it is compared with: a peer's, or one of this package on
        the same instruction set.

    Examples
    --------
    >>> from rgdl.bench import benchmarks
    >>> [each.name for each in benchmarks("rg")][:2]
    ['majority 64x64', 'majority 64x64, bits']
    """

    name: str
    group: str
    unit: str
    make: Callable[[], Timer]
    note: str = ""
    peer: str = ""
    rival: str = ""


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peer_environment() -> dict[str, str]:
    """Give the environment without settings that choose a peer's BLAS kernel."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("OPENBLAS_")
    }


def run_peer(package: str, script: str, *arguments: str) -> float:
    """Give the number that a script prints, run where the package is installed."""
    answer = subprocess.run(
        [peer_python(), "-c", script, *arguments],
        env=peer_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise RuntimeError(f"the benchmark of {package} failed: {answer.stderr}")
    return float(answer.stdout)


def peer_python() -> str:
    """Give the interpreter of peers: RGDL_BENCH_PYTHON, or the one that runs this."""
    return os.environ.get("RGDL_BENCH_PYTHON") or sys.executable


def has_peer(package: str) -> bool:
    """Whether the interpreter of peers can import a package."""
    name = {"scikit-learn": "sklearn", "PyTorch": "torch"}.get(package, package)
    find = "import sys, importlib.util as u; sys.exit(u.find_spec(sys.argv[1]) is None)"
    done = subprocess.run([peer_python(), "-c", find, name], check=False)
    return done.returncode == 0


def random_spins(rows: int) -> np.ndarray[Any, np.dtype[np.int8]]:
    bits = np.random.default_rng(0).integers(0, 2, (rows, 64, 64), dtype=np.int8)
    return np.asarray(2 * bits - 1, dtype=np.int8)
