"""Benchmarks of group "rbm"."""

import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial

import numpy as np

import rgdl
from rgdl import _core
from rgdl.bench._timing import (
    Benchmark,
    Timer,
    run_peer,
    timed,
)

# An epoch is the difference of two fits, so that the peer's set-up is not counted.
_PEER_EPOCH = """
import json, sys, time, numpy
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits
rows, n_visible, n_hidden, batch, threads = map(int, sys.argv[1:])
data = numpy.random.default_rng(0).integers(0, 2, (rows, n_visible))
data = data.astype(numpy.float32)
def fit(epochs):
    machine = BernoulliRBM(n_hidden, batch_size=batch, n_iter=epochs, random_state=0)
    begin = time.perf_counter()
    machine.fit(data)
    return time.perf_counter() - begin
with threadpool_limits(threads):
    print(json.dumps(fit(2) - fit(1)))
"""

# The whole loop, with products that add in place; threads as told.
_PEER_LOOP = """
import json, sys, time, torch
rows, n_visible, n_hidden, batch, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(0)
data = torch.randint(0, 2, (rows, n_visible)).float()
W = 0.01 * torch.randn(n_visible, n_hidden)
b, c = torch.zeros(n_visible), torch.zeros(n_hidden)
@torch.no_grad()
def epoch():
    begin = time.perf_counter()
    for first in range(0, rows, batch):
        v0 = data[first : first + batch]
        p0 = torch.sigmoid(torch.addmm(c, v0, W))
        h0 = torch.bernoulli(p0)
        v1 = torch.bernoulli(torch.sigmoid(torch.addmm(b, h0, W.t())))
        p1 = torch.sigmoid(torch.addmm(c, v1, W))
        rate = 0.1 / len(v0)
        W.addmm_(v0.t(), p0, alpha=rate).addmm_(v1.t(), p1, alpha=-rate)
        b.add_((v0 - v1).sum(0), alpha=rate)
        c.add_((p0 - p1).sum(0), alpha=rate)
    return time.perf_counter() - begin
epoch()
print(json.dumps(epoch()))
"""

# The product alone, from float32 rows that are there already.
_PEER_PRODUCT = """
import json, time, numpy
from threadpoolctl import threadpool_limits
rng = numpy.random.default_rng(0)
v = rng.integers(0, 2, (2000, 1600)).astype(numpy.float32)
W = rng.standard_normal((1600, 400), dtype=numpy.float32)
def seconds():
    begin = time.perf_counter()
    v @ W
    return time.perf_counter() - begin
with threadpool_limits(1):
    print(json.dumps(min(seconds() for _ in range(5))))
"""

_MEMORY = """
import pathlib, re, resource, sys, numpy, rgdl
rng = numpy.random.default_rng(0)
data = rng.integers(0, 2, (20_000, 1600), dtype=numpy.uint8)
machine = rgdl.RBM(400, units="binary", batch_size=100, n_epochs=1, rng=0)
machine.fit(data)
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss also knows the process that started this one
    print(int(re.search(r"VmHWM:\\s+([0-9]+) kB", status.read_text())[1]) / 1024)
else:
    unit = 1024**2 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
"""


@dataclass(frozen=True)
class Shape:
    """Rows x visible -> hidden, and the rows of a batch."""

    rows: int
    n_visible: int
    n_hidden: int
    batch: int

    def __str__(self) -> str:
        return f"{self.rows:,} x {self.n_visible} -> {self.n_hidden}"


LATTICE = Shape(20_000, 1600, 400, 100)
DIGITS = Shape(60_000, 784, 500, 100)
SMALL = Shape(1_797, 64, 100, 10)


def _epoch(shape: Shape, method: str, workers: int = 1) -> Timer:
    """Time the third epoch of a fit; a first or second one records the spectrum."""
    size = (shape.rows, shape.n_visible)
    data = np.random.default_rng(0).integers(0, 2, size).astype(np.uint8)
    ends: list[float] = []
    machine = rgdl.RBM(
        shape.n_hidden,
        units="binary",
        method=method,
        batch_size=shape.batch,
        n_epochs=3,
        rng=0,
        workers=workers,
        progress=False,
    )

    def seconds() -> float:
        machine.fit(data, callbacks=[lambda _: ends.append(time.perf_counter())])
        return ends[-1] - ends[-2]

    return seconds


def _peer_epoch(package: str, shape: Shape, threads: int = 1) -> Timer:
    sizes = (shape.rows, shape.n_visible, shape.n_hidden, shape.batch, threads)
    script = _PEER_LOOP if package == "PyTorch" else _PEER_EPOCH
    return partial(run_peer, package, script, *map(str, sizes))


def _megabytes() -> float:
    """Peak memory of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _conditional() -> Timer:
    W = np.zeros((1600, 400), np.float32)
    bits = np.random.default_rng(0).integers(0, 2**63, (2000, 25), dtype=np.uint64)
    b, c = np.zeros(1600, np.float32), np.zeros(400, np.float32)
    return lambda: timed(lambda: _core.rbm_mean(W, b, c, False, bits, True, 1))


def _log_z() -> Timer:
    W = 0.1 * np.random.default_rng(0).standard_normal((20, 64))
    b, c = np.zeros(20), np.zeros(64)

    def nanoseconds() -> float:
        call = partial(_core.rbm_log_z, W, b, c, True, 1, None)
        return timed(call) * 1e9 / 2**20

    return nanoseconds


def _bond_machine_ais() -> Timer:
    model = rgdl.Ising((40, 40), K=0.408)
    machine = rgdl.RBM.from_ising(model).set_params(progress=False)
    samples = rgdl.sample(model, 64, rng=0)

    def seconds() -> float:
        return timed(
            lambda: machine.log_partition(
                "ais", samples=samples, n_chains=64, n_betas=100, rng=1
            )
        )

    return seconds


_NOTE = "float32, its record included; packing of the data is set-up, left out"
_PROFILE = (
    "5.0 M table additions a batch of 3.1 ms, 2.8 a ns (4.4 loads-and-additions a ns "
    "are the most from L1): additions take 58 % of a batch, filling tables and 16 x 16 "
    "turns 19 %, units 9 %, start and finish of the step 6 %; no faster: tables of "
    "5 bits, four strips at once, chunks of 16 or 24 inputs"
)
_PEER_NOTES = {
    "scikit-learn": "PCD-1, float32, set-up excluded, OPENBLAS_* removed",
    "PyTorch": "a loop of CD-1, float32, the second epoch, OPENBLAS_* removed",
}


def _peer_name(shape: Shape, threads: int = 1) -> str:
    return f"peer's epoch, {shape}" + (f", {threads} threads" * (threads > 1))


def _training(
    shape: Shape, method: str, workers: int = 1, *, rival: str = "", note: str = _NOTE
) -> Benchmark:
    """Time an epoch; without a `rival`, peers on as many threads are it."""
    name = f"{method.upper()}-1 epoch, {shape}"
    return Benchmark(
        name + (f", {workers} workers" * (workers > 1)),
        "rbm",
        "s",
        partial(_epoch, shape, method, workers),
        f"batch {shape.batch}, {note}",
        rival=rival or _peer_name(shape, workers),
    )


def _peer_training(package: str, shape: Shape, threads: int = 1) -> Benchmark:
    return Benchmark(
        _peer_name(shape, threads),
        "rbm",
        "s",
        partial(_peer_epoch, package, shape, threads),
        f"batch {shape.batch}, {_PEER_NOTES[package]}",
        peer=package,
    )


_CD = _training(
    LATTICE, "cd", note=f"{_NOTE}; scikit-learn has PCD-1 alone; {_PROFILE}"
)
_PRODUCT = "float32 product, 2,000 x 1600 -> 400"

BENCHMARKS = (
    _CD,
    _training(LATTICE, "cd", 2, rival=_CD.name),
    _training(LATTICE, "pcd"),
    _peer_training("scikit-learn", LATTICE),
    _peer_training("PyTorch", LATTICE),
    _training(LATTICE, "pcd", 2),
    _peer_training("scikit-learn", LATTICE, 2),
    _peer_training("PyTorch", LATTICE, 2),
    _training(DIGITS, "pcd"),
    _peer_training("scikit-learn", DIGITS),
    _training(SMALL, "pcd"),
    _peer_training("scikit-learn", SMALL),
    Benchmark(
        "h given v, 2,000 x 1600 -> 400",
        "rbm",
        "s",
        _conditional,
        "means of a layer from packed states, float32, one worker",
        rival=_PRODUCT,
    ),
    Benchmark(
        _PRODUCT,
        "rbm",
        "s",
        lambda: partial(run_peer, "numpy", _PEER_PRODUCT),
        "NumPy, one thread, at its BLAS's best, OPENBLAS_* removed",
        peer="numpy",
    ),
    Benchmark(
        "peak memory, CD-1 on 20,000 x 1600 -> 400",
        "rbm",
        "MB",
        lambda: _megabytes,
        "resident, of a process that imports, makes 32 MB of uint8 and trains an epoch",
    ),
    Benchmark(
        "exact log Z, 20 -> 64",
        "rbm",
        "ns",
        _log_z,
        "per state, one worker",
    ),
    Benchmark(
        "annealing the 40 x 40 bond machine",
        "rbm",
        "s",
        _bond_machine_ais,
        "1600 x 3200, float64, 64 chains both ways, 100 temperatures, one worker",
    ),
)
