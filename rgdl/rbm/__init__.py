"""Restricted Boltzmann machines on packed bits, as scikit-learn estimators."""

from rgdl.rbm._evaluation import LogZ
from rgdl.rbm._history import EarlyStopping
from rgdl.rbm._machine import RBM

__all__ = ["RBM", "EarlyStopping", "LogZ"]
