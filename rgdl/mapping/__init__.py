"""Judge Mehta and Schwab's mapping of a Boltzmann machine to variational RG, exactly.

Two kinds of object are kept apart. A joint machine e^{-E(v,h)} gives T = -E + H[v];
that H_RG[h] = H_RBM[h] is then an identity, true for random weights, and the claim is
the trace condition Tr_h e^T = const. A conditional p(h|v) gives T = ln p(h|v), whose
trace condition holds by construction and tells nothing.
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
