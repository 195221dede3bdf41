"""Coarse-graining as conditional distributions, and flows of couplings.

A `Transform` is a distribution p(h|v) of coarse variables given fine ones. Decimation,
the majority rule and a layer of a Boltzmann machine are the same kind of object here.
"""

from rgdl.rg._blocking import MajorityRule
from rgdl.rg._compare import compare
from rgdl.rg._comparison import Comparison, ComparisonRow
from rgdl.rg._compose import Compose
from rgdl.rg._cumulant import (
    checkerboard,
    checkerboard_flow,
    niemeijer_van_leeuwen,
    niemeijer_van_leeuwen_flow,
)
from rgdl.rg._decimation import CoarseLattice, Decimation
from rgdl.rg._filter import FilterTransform, filter_gradient, train_filter
from rgdl.rg._fixed_point import FixedPoint
from rgdl.rg._flow import Flow, decimate_chain
from rgdl.rg._information import mutual_information
from rgdl.rg._kadanoff import Kadanoff
from rgdl.rg._layer import RBMTransform
from rgdl.rg._matching import MatchingResult, match_lattices
from rgdl.rg._mcrg import MCRGResult, mcrg
from rgdl.rg._migdal_kadanoff import migdal_kadanoff, migdal_kadanoff_flow
from rgdl.rg._operators import STANDARD_OPERATORS, OperatorSet, operator_sums
from rgdl.rg._transform import Transform
from rgdl.rg._variational import (
    FreeEnergyBound,
    kadanoff_bound,
    kadanoff_flow,
    kadanoff_variational,
)

__all__ = [
    "STANDARD_OPERATORS",
    "CoarseLattice",
    "Comparison",
    "ComparisonRow",
    "Compose",
    "Decimation",
    "FilterTransform",
    "FixedPoint",
    "Flow",
    "FreeEnergyBound",
    "Kadanoff",
    "MCRGResult",
    "MajorityRule",
    "MatchingResult",
    "OperatorSet",
    "RBMTransform",
    "Transform",
    "checkerboard",
    "checkerboard_flow",
    "compare",
    "decimate_chain",
    "filter_gradient",
    "kadanoff_bound",
    "kadanoff_flow",
    "kadanoff_variational",
    "match_lattices",
    "mcrg",
    "migdal_kadanoff",
    "migdal_kadanoff_flow",
    "mutual_information",
    "niemeijer_van_leeuwen",
    "niemeijer_van_leeuwen_flow",
    "operator_sums",
    "train_filter",
]
