"""Benchmarks of group "rbm"."""

import json
import subprocess
import sys
from functools import partial

import numpy as np

import rgdl
from rgdl.bench._timing import (
    Benchmark,
    Timer,
    peer_environment,
    timed,
)

_PEER_EPOCH = """
import json, time, numpy
from sklearn.neural_network import BernoulliRBM
data = numpy.random.default_rng(0).integers(0, 2, (2000, 1600)).astype(numpy.float32)
machine = BernoulliRBM(400, batch_size=100, n_iter=1, random_state=0)
begin = time.perf_counter()
machine.fit(data)
print(json.dumps(time.perf_counter() - begin))
"""


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
        return timed(lambda: machine.fit(data)) / epochs

    return seconds


def _peer_epoch() -> Timer:
    def seconds() -> float:
        answer = subprocess.run(
            [sys.executable, "-c", _PEER_EPOCH],
            env=peer_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return float(json.loads(answer.stdout))

    return seconds


def _exact_log_z() -> Timer:
    rng = np.random.default_rng(0)
    machine = rgdl.RBM.from_weights(
        0.1 * rng.normal(size=(64, 20)), np.zeros(64), np.zeros(20)
    )

    def nanoseconds() -> float:
        return timed(lambda: machine.log_partition("exact")) * 1e9 / 2**20

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


BENCHMARKS = (
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
    Benchmark(
        "exact ln Z, 20 hidden, 64 visible",
        "rbm",
        "ns per state",
        _exact_log_z,
        "float64, one worker",
    ),
    Benchmark(
        "annealing the 40 x 40 bond machine",
        "rbm",
        "s",
        _bond_machine_ais,
        "1600 x 3200, float64, 64 chains both ways, 100 temperatures, one worker",
    ),
)
