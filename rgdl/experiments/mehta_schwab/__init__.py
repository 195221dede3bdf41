"""Mehta and Schwab's experiment: is a deep network a renormalization group.

Three parts, each measured rather than drawn: a ring decimated by exact Boltzmann
machines; a deep belief network on the two-dimensional Ising model near its critical
point; and the mapping itself on a lattice small enough to count every state. One
module per stage returns plain numbers; `run` lays them out as a `Report`.

References
----------
.. [1] P. Mehta and D. J. Schwab, "An exact mapping between the variational
   renormalization group and deep learning", arXiv:1410.3831 (2014).
.. [2] H. W. Lin, M. Tegmark and D. Rolnick, "Why does deep and cheap learning work so
   well?", J. Stat. Phys. 168, 1223 (2017), doi:10.1007/s10955-017-1836-5.
.. [3] D. J. Schwab and P. Mehta, "Comment on 'Why does deep and cheap learning work so
   well?'", arXiv:1609.03541 (2016).
"""

from rgdl.experiments.mehta_schwab._run import expected_seconds, run
from rgdl.experiments.mehta_schwab._settings import FAST, FULL, Settings

__all__ = ["FAST", "FULL", "Settings", "expected_seconds", "run"]
