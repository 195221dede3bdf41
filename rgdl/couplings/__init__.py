"""Couplings of Hamiltonians among sets of spins.

`Couplings` holds all 2^N of a small system; `LatticeCouplings` a list of orbits on a
lattice of any size, as they are measured from samples.
"""

from rgdl.couplings._lattice import LatticeCouplings
from rgdl.couplings._table import Couplings

__all__ = ["Couplings", "LatticeCouplings"]
