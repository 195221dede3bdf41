"""Readable twins of the C kernels: what each computes, state by state, site by site.

Slow on purpose. Tests compare every kernel with its twin here; notebooks may show them.
"""

from rgdl._reference._block import decimate, majority
from rgdl._reference._exact import (
    ising_enumerate,
    ising_sums,
    rbm_free_energies,
    walsh_hadamard,
)
from rgdl._reference._ising import (
    biased_plane,
    ising_block,
    site_groups,
    threshold_bits,
    update_group,
)
from rgdl._reference._rbm import (
    exp_minus,
    lookup_product,
    rbm_anneal,
    rbm_batch,
    rbm_gibbs,
    unit_draws,
    unit_means,
)
from rgdl._reference._states import states_count, states_sums, states_table, terms_sums
from rgdl._reference._streams import Stream, exp, log, normals, permutation
from rgdl._reference._transfer import column_weights, torus_sum, transfer_apply

__all__ = [
    "Stream",
    "biased_plane",
    "column_weights",
    "decimate",
    "exp",
    "exp_minus",
    "ising_block",
    "ising_enumerate",
    "ising_sums",
    "log",
    "lookup_product",
    "majority",
    "normals",
    "permutation",
    "rbm_anneal",
    "rbm_batch",
    "rbm_free_energies",
    "rbm_gibbs",
    "site_groups",
    "states_count",
    "states_sums",
    "states_table",
    "terms_sums",
    "threshold_bits",
    "torus_sum",
    "transfer_apply",
    "unit_draws",
    "unit_means",
    "update_group",
    "walsh_hadamard",
]
