"""Readable twins of the C kernels: what each computes, state by state, site by site.

Slow on purpose. Tests compare every kernel with its twin here; notebooks may show them.
"""

from rgdl._reference._block import (
    decimate,
    filter_blocks,
    kadanoff,
    majority,
    operator_sums,
)
from rgdl._reference._cluster import (
    Pool,
    Strips,
    bond_probability,
    cluster_chain,
    swendsen_wang,
    wolff,
)
from rgdl._reference._exact import (
    ising_enumerate,
    ising_sums,
    rbm_free_energies,
    walsh_hadamard,
)
from rgdl._reference._field import field_chains, field_sums, field_sweep
from rgdl._reference._histogram import Walk, learn_density, visit_levels
from rgdl._reference._ising import (
    biased_plane,
    fold,
    fold_sweep,
    ising_block,
    ising_start,
    ising_sweep,
    site_groups,
    threshold_bits,
    update_group,
    update_table,
)
from rgdl._reference._perfect import perfect_block, perfect_sweep
from rgdl._reference._rbm import (
    TrainOptions,
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
from rgdl._reference._temper import exchange_mask, temper
from rgdl._reference._transfer import column_weights, torus_sum, transfer_apply

__all__ = [
    "Pool",
    "Stream",
    "Strips",
    "TrainOptions",
    "Walk",
    "biased_plane",
    "bond_probability",
    "cluster_chain",
    "column_weights",
    "decimate",
    "exchange_mask",
    "exp",
    "exp_minus",
    "field_chains",
    "field_sums",
    "field_sweep",
    "filter_blocks",
    "fold",
    "fold_sweep",
    "ising_block",
    "ising_enumerate",
    "ising_start",
    "ising_sums",
    "ising_sweep",
    "kadanoff",
    "learn_density",
    "log",
    "lookup_product",
    "majority",
    "normals",
    "operator_sums",
    "perfect_block",
    "perfect_sweep",
    "permutation",
    "rbm_anneal",
    "rbm_batch",
    "rbm_free_energies",
    "rbm_gibbs",
    "site_groups",
    "states_count",
    "states_sums",
    "states_table",
    "swendsen_wang",
    "temper",
    "terms_sums",
    "threshold_bits",
    "torus_sum",
    "transfer_apply",
    "unit_draws",
    "unit_means",
    "update_group",
    "update_table",
    "visit_levels",
    "walsh_hadamard",
    "wolff",
]
