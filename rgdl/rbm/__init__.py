"""Restricted Boltzmann machines on packed bits, as scikit-learn estimators."""

from rgdl.rbm._chains import Tempered
from rgdl.rbm._effective import CouplingAt, PairCouplings
from rgdl.rbm._evaluate import Measured
from rgdl.rbm._history import EarlyStopping
from rgdl.rbm._log_z import LogZ
from rgdl.rbm._machine import RBM
from rgdl.rbm._trajectory import LogZTrajectory

__all__ = [
    "RBM",
    "CouplingAt",
    "EarlyStopping",
    "LogZ",
    "LogZTrajectory",
    "Measured",
    "PairCouplings",
    "Tempered",
]
