"""Types of the C extension. Arrays are C-contiguous, aligned, of the exact dtype."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Key: TypeAlias = npt.NDArray[np.uint64]
Real: TypeAlias = npt.NDArray[Any]
Bits: TypeAlias = npt.NDArray[np.uint64]
Progress: TypeAlias = Callable[[float], None] | None

PURPOSE_SAMPLE: int
PURPOSE_START: int
PURPOSE_TIES: int
PURPOSE_SIMULATE: int
PURPOSE_CLUSTER: int
PURPOSE_PERFECT: int
PURPOSE_TEMPER: int
PURPOSE_HISTOGRAM: int
PURPOSE_PILOT: int
PURPOSE_COARSEN: int
PURPOSE_RESAMPLE: int
PURPOSE_RBM_TRAIN: int
PURPOSE_RBM_GIBBS: int
PURPOSE_RBM_CHAINS: int
PURPOSE_RBM_WEIGHTS: int
PURPOSE_RBM_SHUFFLE: int
PURPOSE_RBM_AIS: int
PURPOSE_RBM_TEMPER: int
PURPOSE_RBM_SAMPLE: int

# base
def build_info() -> dict[str, Any]: ...
def set_simd(name: str) -> None: ...
def stream_planes(
    key: Key, purpose: int, index: int, n: int
) -> npt.NDArray[np.uint64]: ...
def biased_planes(
    key: Key, purpose: int, index: int, n: int, p: float
) -> npt.NDArray[np.uint64]: ...
def normals(key: Key, purpose: int, index: int, n: int) -> npt.NDArray[np.float64]: ...
def logarithm(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...
def permutation(
    key: Key, purpose: int, index: int, n: int
) -> npt.NDArray[np.uint32]: ...
def pack(values: npt.NDArray[np.int8], low: int) -> Bits: ...
def unpack(bits: Bits, n: int, low: int) -> npt.NDArray[np.int8]: ...

# ising
def ising_sample(
    shape: tuple[int, ...],
    K: float,
    h: float,
    method: int,
    n: int,
    sweeps: int,
    start: int,
    p_up: float,
    key: Key,
    workers: int,
    progress: Progress,
) -> npt.NDArray[np.int8]: ...
def ising_perfect(
    shape: tuple[int, ...],
    K: float,
    h: float,
    n: int,
    max_sweeps: int,
    key: Key,
    workers: int,
    progress: Progress,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.uint64]]: ...

# rbm
def rbm_gibbs(
    weights: Real,
    visible_bias: Real,
    hidden_bias: Real,
    spin: bool,
    visible: Bits,
    hidden: Bits,
    from_visible: bool,
    half_steps: int,
    key: Key,
    purpose: int,
    first_step: int,
    workers: int,
    progress: Progress,
    *,
    clamped: Bits | None = None,
    records: Bits | None = None,
    record_every: int = 1,
    mean: Real | None = None,
) -> None: ...
def rbm_mean(
    weights: Real,
    visible_bias: Real,
    hidden_bias: Real,
    spin: bool,
    given: Bits,
    to_hidden: bool,
    workers: int,
) -> Real: ...
def rbm_train(
    weights: Real,
    visible_bias: Real,
    hidden_bias: Real,
    spin: bool,
    weight_velocity: Real,
    visible_velocity: Real,
    hidden_velocity: Real,
    data: Bits,
    order: npt.NDArray[np.uint32],
    negative: Bits,
    batch_size: int,
    persistent: bool,
    k: int,
    learning_rate: float,
    momentum: float,
    l1: float,
    key: Key,
    cursor: npt.NDArray[np.uint64],
    workers: int,
    progress: Progress,
    *,
    hidden: Bits | None = None,
    l2: float = 0.0,
    sample_weight: npt.NDArray[np.float64] | None = None,
    visible_offset: Real | None = None,
    hidden_offset: Real | None = None,
    offset_rate: float = 0.0,
    hidden_average: Real | None = None,
    sparsity_target: float = 0.0,
    sparsity_cost: float = 0.0,
    sparsity_decay: float = 0.0,
    hidden_sum: npt.NDArray[np.float64] | None = None,
) -> None: ...

# exact
def ising_sums(
    spins: npt.NDArray[np.int8], shape: tuple[int, ...]
) -> npt.NDArray[np.int64]: ...
def walsh_hadamard(values: npt.NDArray[np.float64]) -> None: ...
def rbm_free_energies(
    weights: npt.NDArray[np.float64],
    visible_bias: npt.NDArray[np.float64],
    hidden_bias: npt.NDArray[np.float64],
    spin_units: bool,
    start: int,
    stop: int,
    workers: int,
) -> npt.NDArray[np.float64]: ...
def rbm_log_z(
    weights: npt.NDArray[np.float64],
    visible_bias: npt.NDArray[np.float64],
    hidden_bias: npt.NDArray[np.float64],
    spin_units: bool,
    workers: int,
    progress: Progress,
) -> float: ...

# transfer matrices
def column_weights(
    across: npt.NDArray[np.float64],
    field: npt.NDArray[np.float64],
    fraction: float,
    workers: int,
) -> tuple[npt.NDArray[np.float64], float]: ...
def transfer_apply(
    vectors: npt.NDArray[np.float64],
    along: npt.NDArray[np.float64],
    parity: int,
    before: npt.NDArray[np.float64] | None,
    after: npt.NDArray[np.float64] | None,
    workers: int,
) -> None: ...
def torus_sum(
    length: int, width: int, same: float, other: float, stride: int, workers: int
) -> npt.NDArray[np.float64]: ...

# terms
def terms_sums(
    spins: npt.NDArray[np.int8],
    sites: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.uint64],
    values: npt.NDArray[np.float64],
    fields: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]: ...
def states_count(
    n_sites: int,
    masks: npt.NDArray[np.uint64],
    values: npt.NDArray[np.int32],
    offset: int,
    n_bins: int,
    workers: int,
    progress: Progress,
) -> npt.NDArray[np.uint32]: ...
def states_sums(
    masks: npt.NDArray[np.uint64],
    values: npt.NDArray[np.float64],
    scale: float,
    constant: float,
    fields: npt.NDArray[np.float64],
    workers: int,
    progress: Progress,
) -> tuple[float, npt.NDArray[np.float64]]: ...
def states_table(
    masks: npt.NDArray[np.uint64],
    values: npt.NDArray[np.float64],
    scale: float,
    constant: float,
    fields: npt.NDArray[np.float64],
    workers: int,
) -> npt.NDArray[np.float64]: ...

# block
def decimate(spins: npt.NDArray[np.int8], b: int) -> npt.NDArray[np.int8]: ...
def majority(
    spins: npt.NDArray[np.int8], b: int, ties: int, key: Key
) -> npt.NDArray[np.int8]: ...
def decimate_rows(bits: Bits, n_columns: int, b: int) -> Bits: ...
def majority_rows(bits: Bits, n_columns: int, b: int, ties: int, key: Key) -> Bits: ...
def kadanoff_rows(
    bits: Bits, n_columns: int, b: int, strength: float, key: Key
) -> Bits: ...
def filter_rows(
    bits: Bits,
    n_columns: int,
    b: int,
    weights: npt.NDArray[np.float64],
    first: tuple[int, int],
    bias: float,
    key: Key,
) -> Bits: ...
def turn_rows(bits: Bits, n_columns: int) -> Bits: ...
def kadanoff(
    spins: npt.NDArray[np.int8], b: int, strength: float, key: Key
) -> npt.NDArray[np.int8]: ...

# packed chains of any model
def stream_states(
    key: Key, purpose: int, first: int, n: int
) -> npt.NDArray[np.uint64]: ...
def replicas_to_spins(words: Bits, n: int) -> npt.NDArray[np.int8]: ...
def terms_simulate(
    sites: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.uint64],
    values: npt.NDArray[np.float64],
    fields: npt.NDArray[np.float64],
    K: float,
    method: int,
    words: Bits,
    streams: Bits,
    first_sweep: int,
    draws: int,
    thin: int,
    workers: int,
    progress: Progress,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...
def temper(
    sites: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.uint64],
    values: npt.NDArray[np.float64],
    fields: npt.NDArray[np.float64],
    K: npt.NDArray[np.float64],
    shape: tuple[int, ...] | None,
    h: float,
    words: Bits,
    streams: Bits,
    first_step: int,
    draws: int,
    thin: int,
    workers: int,
    progress: Progress,
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.uint64],
    npt.NDArray[np.uint64],
]: ...

# cluster
def cluster_simulate(
    shape: tuple[int, ...],
    K: float,
    h: float,
    method: int,
    words: Bits,
    streams: npt.NDArray[np.uint64],
    clusters_per_sweep: int,
    draws: int,
    thin: int,
    improved: bool,
    workers: int,
    progress: Progress,
    periodic: tuple[bool, ...] | None = None,
) -> tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.uint64],
]: ...

# start 0 random, 1 ordered, 2 staggered
def ising_start(
    shape: tuple[int, ...], start: int, p_up: float, key: Key, first: int, n_blocks: int
) -> Bits: ...
def ising_load(spins: npt.NDArray[np.int8]) -> Bits: ...
def ising_unload(words: Bits, n: int) -> npt.NDArray[np.int8]: ...
def ising_simulate(
    shape: tuple[int, ...],
    K: float,
    h: float,
    method: int,
    words: Bits,
    streams: Bits,
    cursor: Bits,
    thin: int,
    bonds: npt.NDArray[np.int32],
    magnetization: npt.NDArray[np.int32],
    workers: int,
    progress: Progress,
) -> None: ...

# one large lattice; method as above
def fold_load(shape: tuple[int, ...], spins: npt.NDArray[np.int8]) -> Bits: ...
def fold_unload(shape: tuple[int, ...], words: Bits) -> npt.NDArray[np.int8]: ...
def fold_simulate(
    shape: tuple[int, ...],
    K: float,
    h: float,
    method: int,
    words: Bits,
    streams: Bits,
    cursor: Bits,
    thin: int,
    bonds: npt.NDArray[np.int64],
    magnetization: npt.NDArray[np.int64],
    workers: int,
    progress: Progress,
) -> None: ...

# blas
def gemm(
    routine: object,
    a: Real,
    b: Real,
    out: Real,
    transpose_a: bool,
    transpose_b: bool,
    alpha: float,
    beta: float,
    workers: int = 1,
) -> None: ...
def unit_means(x: Real, bias: Real, spin: bool) -> None: ...
def unit_sums(
    x: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], spin: bool
) -> npt.NDArray[np.float64]: ...

# operators
def operator_sums(
    bits: Bits,
    n_columns: int,
    offsets: npt.NDArray[np.int64],
    starts: npt.NDArray[np.uint64],
    owners: npt.NDArray[np.uint64],
    n_operators: int,
) -> npt.NDArray[np.int32]: ...

# walks in energy
def histogram_learn(
    sites: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.uint64],
    values: npt.NDArray[np.int32],
    spins: npt.NDArray[np.int8],
    streams: Bits,
    log_g: npt.NDArray[np.float64],
    log_f: float,
    attempts: int,
    workers: int,
    progress: Progress,
) -> tuple[npt.NDArray[np.uint64], bool]: ...
def histogram_produce(
    sites: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.uint64],
    values: npt.NDArray[np.int32],
    spins: npt.NDArray[np.int8],
    streams: Bits,
    log_g: npt.NDArray[np.float64],
    first: int,
    last: int,
    attempts: int,
    workers: int,
    progress: Progress,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]: ...

# annealing
def rbm_anneal(
    weights: Real,
    transposed: Real,
    visible_bias: Real,
    hidden_bias: Real,
    base_bias: Real,
    spin: bool,
    betas: npt.NDArray[np.float64],
    visible: Bits,
    log_weight: npt.NDArray[np.float64],
    slope: npt.NDArray[np.float64] | None,
    key: Key,
    workers: int,
    progress: Progress,
) -> None: ...
