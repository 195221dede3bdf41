"""Coarse-graining as conditional distributions, and flows of couplings.

A `Transform` is a distribution p(h|v) of coarse variables given fine ones. Decimation,
the majority rule and a layer of a Boltzmann machine are the same kind of object here.
"""

from rgdl.rg._blocking import Decimation, MajorityRule
from rgdl.rg._flow import Flow, decimate_chain
from rgdl.rg._layer import RBMTransform
from rgdl.rg._transform import Transform

__all__ = [
    "Decimation",
    "Flow",
    "MajorityRule",
    "RBMTransform",
    "Transform",
    "decimate_chain",
]
