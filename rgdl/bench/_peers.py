"""Samplers of other packages, each measurement in a process of its own."""

from functools import partial

from rgdl.bench._timing import Benchmark, Timer, run_peer

_MCISING = """
import json, math, sys, time
import mcising
method, shape, sweeps = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
L, d = shape[0], len(shape)
T = 2 / math.log(1 + 2**0.5) if d == 2 else 1 / 0.2216546
if d == 2:
    sim = mcising.IsingSimulation(L, 1.0, 0.0, 0.0, 0.0, 1, method)
else:
    lattice = mcising.LatticeConfig(lattice_type=mcising.LatticeType.CUBIC, size=L)
    config = mcising.SimulationConfig(
        lattice=lattice, temperatures=(T,), n_sweeps=10, seed=1
    )
    sim = mcising.Simulation(config)
sim.sweep(sweeps, temperature=T)
begin = time.perf_counter()
answer = sim.sweep(sweeps, temperature=T)
spent = 1e9 * (time.perf_counter() - begin)
sites = answer[0] if method == "wolff" else sweeps * L**d
print(sites / spent if method == "metropolis" else spent / sites)
"""

_PEAPODS = """
import json, sys, time
import numpy as np
import peapods
shape, sweeps = json.loads(sys.argv[1]), int(sys.argv[2])
T = np.array([2 / np.log(1 + 2**0.5)])
model = peapods.Ising(tuple(shape), temperatures=T)
model.sample(sweeps)
begin = time.perf_counter()
model.sample(sweeps)
print(np.prod(shape) * sweeps / (1e9 * (time.perf_counter() - begin)))
"""


def _measure(package: str, script: str, *arguments: object) -> Timer:
    return partial(run_peer, package, script, *map(str, arguments))


def _mcising(method: str, shape: tuple[int, ...], sweeps: int) -> Timer:
    return _measure("mcising", _MCISING, method, list(shape), sweeps)


def _peapods(shape: tuple[int, ...], sweeps: int) -> Timer:
    return _measure("peapods", _PEAPODS, list(shape), sweeps)


_UNITS = {"metropolis": "flips/ns", "swendsen_wang": "ns/spin", "wolff": "ns/spin"}

BENCHMARKS = (
    *(
        Benchmark(
            f"{name} {'x'.join(map(str, shape))} at K_c",
            "samplers",
            _UNITS[method],
            partial(_mcising, method, shape, sweeps),
            "one chain without measurements, set-up and burn-in excluded",
            peer="mcising",
        )
        for name, method, shape, sweeps in (
            ("Metropolis", "metropolis", (16, 16), 80000),
            ("Metropolis", "metropolis", (64, 64), 5000),
            ("Metropolis", "metropolis", (256, 256), 300),
            ("Metropolis", "metropolis", (32, 32, 32), 500),
            ("Swendsen-Wang", "swendsen_wang", (32, 32), 5000),
            ("Swendsen-Wang", "swendsen_wang", (128, 128), 300),
            ("Swendsen-Wang", "swendsen_wang", (512, 512), 20),
            ("Swendsen-Wang", "swendsen_wang", (1024, 1024), 8),
            ("Wolff", "wolff", (32, 32), 20000),
            ("Wolff", "wolff", (128, 128), 2000),
            ("Wolff", "wolff", (512, 512), 100),
        )
    ),
    Benchmark(
        "Metropolis 64x64 at K_c",
        "samplers",
        "flips/ns",
        partial(_peapods, (64, 64), 5000),
        "one chain, set-up excluded",
        peer="peapods",
    ),
)
