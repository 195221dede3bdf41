r"""Judge Mehta and Schwab's mapping of a Boltzmann machine to variational RG, exactly.

Two kinds of object are kept apart. A joint machine :math:`e^{-E(v,h)}` gives
:math:`T = -E + H[v]`; that :math:`H_{RG}[h] = H_{RBM}[h]` is then an identity, true for
random weights, and the claim is the trace condition, :math:`\sum_h e^{T}` = const. A
conditional :math:`p(h|v)` gives :math:`T = \ln p(h|v)`, whose trace condition holds by
construction and tells nothing.
"""

from rgdl.mapping._estimate import MappingEstimate, estimate
from rgdl.mapping._machines import block_machine, sublattice_machine
from rgdl.mapping._report import MappingReport
from rgdl.mapping._verify import verify

__all__ = [
    "MappingEstimate",
    "MappingReport",
    "block_machine",
    "estimate",
    "sublattice_machine",
    "verify",
]
