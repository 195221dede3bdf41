"""Exact thermodynamics of small and special lattices: the references of all else.

Conventions are those of `rgdl.Ising`: weight e^{-H}/Z, H = -K sum s s - h sum s.
"""

from rgdl.exact._chain import chain
from rgdl.exact._enumeration import enumerate_states
from rgdl.exact._kaufman import K_CRITICAL, kaufman
from rgdl.exact._thermodynamics import Thermodynamics

__all__ = ["K_CRITICAL", "Thermodynamics", "chain", "enumerate_states", "kaufman"]
