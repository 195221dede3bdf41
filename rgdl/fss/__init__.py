r"""Finite-size scaling: crossings, collapse and power laws from simulations.

Near a critical point an observable of a lattice of extent L is
:math:`y = L^{\kappa} f((K - K_c) L^{1/\nu})`: :math:`\kappa = 0` for Binder's
cumulant, :math:`\gamma/\nu` for the susceptibility, :math:`-\beta/\nu` for :math:`|m|`
(M. E. Fisher and M. N. Barber, Phys. Rev. Lett. 28, 1516 (1972)).
"""

from rgdl.fss._collapse import Collapse, collapse
from rgdl.fss._crossing import Crossing, binder_crossing
from rgdl.fss._curves import Curve, curves
from rgdl.fss._power import PowerLaw, power_law

__all__ = [
    "Collapse",
    "Crossing",
    "Curve",
    "PowerLaw",
    "binder_crossing",
    "collapse",
    "curves",
    "power_law",
]
