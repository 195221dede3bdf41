"""Epochs on real-valued rows, or with tempered chains: products by BLAS.

They run in the precision of data and machine together: float32 only if both are.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._blas import blas_threads, matmul
from rgdl._rng import Key
from rgdl.rbm._data import Rows
from rgdl.rbm._moments import Moments, Parameters, bits_values
from rgdl.rbm._settings import Settings
from rgdl.rbm._tempered import ladder, temper, uniforms
from rgdl.rbm._update import step

__all__ = ["dense_epoch"]

Bits = npt.NDArray[np.uint64]
Order = npt.NDArray[np.uint32]


class _States(NamedTuple):
    """Rows of a batch, then the negative rows: v, and h at its conditional mean."""

    v: npt.NDArray[Any]
    h: npt.NDArray[Any]


def dense_epoch(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    order: Order,
    epoch: int,
    update: Callable[[float], None],
) -> dict[str, float]:
    """Train for one epoch, or finish it; what it alone could see."""
    # a key of the epoch's own keeps the numbers of streams below their limit
    key = _core.stream_planes(
        np.array(rbm.key_, dtype=np.uint64), _core.PURPOSE_RBM_TRAIN, epoch, 1
    ).ravel()[:4]
    n_rows = len(rows)
    n_batch = min(settings.batch_size, n_rows)
    n_states = n_batch + (n_batch if settings.method == "cd" else settings.n_chains)
    single = rbm.W_.dtype == np.float32 and (
        rows.values is None or rows.values.dtype in (np.float16, np.float32)
    )
    real = np.float32 if single else np.float64
    states = _States(*(np.empty((n_states, n), real) for n in rbm.W_.shape))
    with blas_threads(settings.workers):
        while rbm._cursor[1] < n_rows:
            first = int(rbm._cursor[1])
            batch = order[first : first + settings.batch_size]
            number = first // settings.batch_size
            _batch(rbm, rows, settings, batch, key, number, epoch, states)
            update(int(rbm._cursor[1]) / n_rows)
    if settings.method != "pt-pcd":
        return {}
    n_batches, pairs = -(-n_rows // settings.batch_size), settings.n_temperatures - 1
    tried = sum(len(range(number % 2, pairs, 2)) for number in range(n_batches))
    accepted = int(rbm._cursor[2])
    return {"swap_rate": accepted / (tried * settings.n_chains) if tried else np.nan}


def _batch(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    batch: Order,
    key: Key,
    number: int,
    epoch: int,
    states: _States,
) -> None:
    """One update."""
    given = Parameters(rbm.W_, rbm.b_, rbm.c_)
    n, spin = len(batch), settings.spin
    n_negative = n if settings.method == "cd" else settings.n_chains
    v, h = states.v[: n + n_negative], states.h[: n + n_negative]
    same = given.W.dtype == v.dtype
    wide = given if same else given.as_float64()
    v[:n] = _values(rows, batch, len(given.b), spin)
    matmul(v[:n], wide.W, out=h[:n])
    _core.unit_means(h[:n], wide.c, spin)
    chains, hidden, accepted = rbm._negative, rbm._hidden, 0
    means = h[n:] if same else np.empty_like(h[n:], given.W.dtype)
    if settings.method == "pt-pcd":
        chains, accepted = _tempered(chains, given, settings, key, number)
        means[:] = _core.rbm_mean(
            *given, spin, chains[:n_negative], True, settings.workers
        )
    elif settings.method == "pcd":
        steps = 2 * settings.k
        chains, hidden = _gibbs(given, hidden, steps, settings, key, number, means)
    else:
        start, steps = _drawn(h[:n], spin, key, number), 2 * settings.k - 1
        chains, _ = _gibbs(given, start, steps, settings, key, number, means)
    if not same:
        h[n:] = means
    v[n:] = bits_values(chains[:n_negative], len(given.b), spin)
    weights = None if rows.weights is None else rows.weights[batch]
    gradient, data = _moments(_States(v, h), n, weights, settings.method == "cd")
    cursor = rbm._cursor.copy()
    cursor[0] += 1
    cursor[1] += n
    cursor[2] += accepted
    cursor[3] = n_negative
    state = step(rbm, settings, gradient, data, epoch)
    rbm.__dict__.update(state, _negative=chains, _hidden=hidden, _cursor=cursor)


def _values(rows: Rows, batch: Order, n_visible: int, spin: bool) -> npt.NDArray[Any]:
    if rows.bits is not None:
        return bits_values(rows.bits[batch], n_visible, spin)
    assert rows.values is not None
    values: npt.NDArray[Any] = rows.values[batch]
    return values


@lru_cache(maxsize=8)
def _equal_shares(n: int, n_negative: int, real: str) -> npt.NDArray[Any]:
    """Of every state in the mean over the rows, and in minus that of the others."""
    shares = np.zeros((2, n + n_negative), real)
    shares[0, :n] = 1 / n
    shares[1, n:] = -1 / n_negative
    return shares


def _moments(
    states: _States, n: int, weights: npt.NDArray[np.float64] | None, paired: bool
) -> tuple[Moments, tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Moments of the first n rows minus those of the others; <v> and <h> of the first.

    One product takes both, and h is used up. `paired`: the others have weights, too.
    """
    v, h = states
    shares = _equal_shares(n, len(v) - n, v.dtype.str)
    if weights is not None:
        shares = shares.copy()
        shares[0, :n] = weights / weights.sum()
        if paired:
            shares[1, n:] = -shares[0, :n]
    both_v, both_h = shares @ v, shares @ h
    h[:n] *= shares[0, :n, None]
    h[n:] *= shares[1, n:, None]
    vh = matmul(v, h, transpose_a=True)
    data = both_v[0], both_h[0]
    return Moments(vh, data[0] + both_v[1], data[1] + both_h[1]), data


def _tempered(
    chains: Bits, machine: Parameters, settings: Settings, key: Key, number: int
) -> tuple[Bits, int]:
    """Chains of every replica, the machine's own first, after a round; swaps made.

    Replica r has W, b and c times 1 - r / (R - 1): from the machine to fair units.
    """
    n_replicas = settings.n_temperatures
    given = ladder(machine, np.linspace(1.0, 0.0, n_replicas))
    states, source = temper(
        chains.reshape(n_replicas, -1, chains.shape[1]),
        given,
        settings.spin,
        settings.k,
        key,
        _core.PURPOSE_RBM_TRAIN,
        number,
        settings.workers,
    )
    moved = source != np.arange(n_replicas)[:, None]
    return states.reshape(chains.shape), int(moved.sum()) // 2


def _gibbs(
    given: Parameters,
    hidden: Bits,
    half_steps: int,
    settings: Settings,
    key: Key,
    number: int,
    means: npt.NDArray[Any],
) -> tuple[Bits, Bits]:
    """Last states of both layers after the half-steps from hidden ones; means of h."""
    hidden = hidden.copy()
    visible = np.zeros((len(hidden), -(-len(given.b) // 64)), dtype=np.uint64)
    _core.rbm_gibbs(
        *given,
        settings.spin,
        visible,
        hidden,
        False,
        half_steps,
        key,
        _core.PURPOSE_RBM_TRAIN,
        number * 2 * settings.k,
        settings.workers,
        None,
        mean=means,
    )
    return visible, hidden


def _drawn(means: npt.NDArray[Any], spin: bool, key: Key, number: int) -> Bits:
    """Hidden states drawn given their means."""
    on = (1.0 + means) / 2.0 if spin else means
    draws = uniforms(key, _core.PURPOSE_RBM_CHAINS, number, on.size)
    return _core.pack((draws.reshape(on.shape) < on).astype(np.int8), 0)
