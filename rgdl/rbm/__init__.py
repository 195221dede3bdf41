"""Restricted Boltzmann machines on packed bits, as scikit-learn estimators."""

from rgdl.rbm._machine import RBM, LogZ

__all__ = ["RBM", "LogZ"]
