"""Is deep learning a renormalization group? Measure it.

Sample spin models, train Boltzmann machines on them, coarse-grain them, and measure
how far any two of those are from each other.

>>> import rgdl
>>> model = rgdl.Ising((16, 16), K=0.3)
>>> spins = rgdl.sample(model, 512, rng=0)
>>> coarse = rgdl.rg.MajorityRule(b=2).coarsen(spins, rng=1)
>>> coarse.shape
(512, 8, 8)
"""

import importlib
from typing import TYPE_CHECKING, Any

from rgdl.errors import (
    ConvergenceError,
    DataWarning,
    EquilibrationWarning,
    FileFormatError,
    RgdlError,
)

if TYPE_CHECKING:
    import rgdl.exact as exact
    import rgdl.fss as fss
    import rgdl.mapping as mapping
    import rgdl.observables as observables
    import rgdl.plot as plot
    import rgdl.rbm as rbm
    import rgdl.receptive as receptive
    import rgdl.rg as rg
    import rgdl.stats as stats
    from rgdl._live import live
    from rgdl.bits import pack, unpack
    from rgdl.config import show_config
    from rgdl.couplings import Couplings, LatticeCouplings
    from rgdl.dbn import DBN
    from rgdl.density import DensityOfStates, wang_landau
    from rgdl.experiments import reproduce
    from rgdl.ising import Ising
    from rgdl.rbm import RBM
    from rgdl.report import Report
    from rgdl.sampling import sample
    from rgdl.simulation import simulate
    from rgdl.tempering import temper
    from rgdl.trace import Trace

__version__ = "0.1.0"

__all__ = [
    "DBN",
    "RBM",
    "ConvergenceError",
    "Couplings",
    "DataWarning",
    "DensityOfStates",
    "EquilibrationWarning",
    "FileFormatError",
    "Ising",
    "LatticeCouplings",
    "Report",
    "RgdlError",
    "Trace",
    "exact",
    "fss",
    "live",
    "mapping",
    "observables",
    "pack",
    "plot",
    "rbm",
    "receptive",
    "reproduce",
    "rg",
    "sample",
    "show_config",
    "simulate",
    "stats",
    "temper",
    "unpack",
    "wang_landau",
]

# Where each name lives; modules load on first use (PEP 562), so that `import rgdl`
# costs no more than NumPy and the C core.
_HOME = {
    "DBN": "dbn",
    "RBM": "rbm",
    "Couplings": "couplings",
    "DensityOfStates": "density",
    "Ising": "ising",
    "LatticeCouplings": "couplings",
    "Report": "report",
    "Trace": "trace",
    "live": "_live",
    "pack": "bits",
    "reproduce": "experiments",
    "sample": "sampling",
    "show_config": "config",
    "simulate": "simulation",
    "temper": "tempering",
    "unpack": "bits",
    "wang_landau": "density",
}
_MODULES = (
    "exact",
    "fss",
    "mapping",
    "observables",
    "plot",
    "rbm",
    "receptive",
    "rg",
    "stats",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rgdl.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"rgdl.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'rgdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
