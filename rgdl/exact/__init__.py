r"""Exact thermodynamics of small and special lattices: the references of all else.

Conventions are those of `rgdl.Ising`: :math:`p(s) = e^{-H(s)}/Z` with
:math:`H = -K \sum_{\langle ij\rangle} s_i s_j - h \sum_i s_i`.
"""

from rgdl.exact._binder import UniversalBinder, universal_binder
from rgdl.exact._central_charge import CentralCharge, central_charge
from rgdl.exact._chain import chain
from rgdl.exact._critical import CriticalData, critical, k_eff, universal_log_z
from rgdl.exact._density import (
    JointDensity,
    density_of_states,
    joint_density_of_states,
)
from rgdl.exact._enumeration import boltzmann, enumerate_states
from rgdl.exact._infinite import (
    diagonal_correlation,
    honeycomb,
    onsager,
    triangular,
)
from rgdl.exact._kaufman import K_CRITICAL, kaufman
from rgdl.exact._planar import planar
from rgdl.exact._strip import Strip, transfer_matrix
from rgdl.exact._thermodynamics import Thermodynamics
from rgdl.exact._torus import correlations, magnetization_distribution

__all__ = [
    "K_CRITICAL",
    "CentralCharge",
    "CriticalData",
    "JointDensity",
    "Strip",
    "Thermodynamics",
    "UniversalBinder",
    "boltzmann",
    "central_charge",
    "chain",
    "correlations",
    "critical",
    "density_of_states",
    "diagonal_correlation",
    "enumerate_states",
    "honeycomb",
    "joint_density_of_states",
    "k_eff",
    "kaufman",
    "magnetization_distribution",
    "onsager",
    "planar",
    "transfer_matrix",
    "triangular",
    "universal_binder",
    "universal_log_z",
]
