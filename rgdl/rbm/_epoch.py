"""One epoch of training, by the C core or by products of real-valued rows.

A batch changes the machine by one update of its attributes at the end, so that Ctrl-C
leaves whole batches and the same call goes on from there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._blas import blas_threads, matmul
from rgdl._rng import Key
from rgdl.rbm._data import Rows
from rgdl.rbm._moments import (
    Moments,
    Parameters,
    bits_values,
    chain_moments,
    data_moments,
    exact_moments,
    unit_means,
)
from rgdl.rbm._settings import Settings
from rgdl.rbm._tempered import temper, uniforms
from rgdl.rbm._update import Offsets, centred, decayed, moved, pulled

__all__ = ["ACTIVITY_RATE", "OFFSET_RATE", "run_epoch"]

Bits = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Update = Callable[[float], None]

# Of running means, per batch: hidden offsets (Melchior et al., JMLR 17(99), 2016) and
# activities for the sparsity target (Hinton's guide, section 11).
OFFSET_RATE = 0.01
ACTIVITY_RATE = 0.05


def run_epoch(
    rbm: Any, rows: Rows, settings: Settings, update: Update
) -> dict[str, float]:
    """Train for one epoch, or finish the one broken off; what it alone could see."""
    epoch = len(rbm.history_["epoch"])
    if rbm._cursor[1] > len(rows):  # broken off on other, longer data
        rbm._cursor[1:] = 0
    if settings.solver == "exact":
        return _exact_step(rbm, rows, settings, epoch)
    order = _core.permutation(
        np.array(rbm.key_, dtype=np.uint64),
        _core.PURPOSE_RBM_SHUFFLE,
        epoch + 1,
        len(rows),
    )
    if rows.bits is not None and settings.method in ("pcd", "cd"):
        _core_epoch(rbm, rows, settings, order, epoch, update)
        return {}
    return _dense_epoch(rbm, rows, settings, order, epoch, update)


def _core_epoch(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    order: npt.NDArray[np.uint32],
    epoch: int,
    update: Update,
) -> None:
    assert rows.bits is not None
    batch_size = min(settings.batch_size, len(rows))
    persistent = settings.method == "pcd"
    if not persistent and len(rbm._negative) != batch_size:
        rbm._negative = np.zeros((batch_size, rows.bits.shape[1]), dtype=np.uint64)
    if rbm._cursor[1] == len(rows):  # broken off after the last batch
        return
    weight_velocity, visible_velocity, hidden_velocity = rbm._velocity
    visible_offset, hidden_offset = rbm._offsets or (None, None)
    target, cost = settings.sparsity or (0.0, 0.0)
    _core.rbm_train(
        rbm.W_,
        rbm.b_,
        rbm.c_,
        settings.spin,
        weight_velocity,
        visible_velocity,
        hidden_velocity,
        rows.bits,
        order,
        rbm._negative,
        batch_size,
        persistent,
        settings.k,
        settings.learning_rate(epoch),
        settings.momentum(epoch),
        settings.l1,
        np.array(rbm.key_, dtype=np.uint64),
        rbm._cursor,
        settings.workers,
        update,
        hidden=rbm._hidden if persistent else None,
        l2=settings.l2,
        sample_weight=rows.weights,
        visible_offset=visible_offset,
        hidden_offset=hidden_offset,
        offset_rate=OFFSET_RATE,
        hidden_average=rbm._activity,
        sparsity_target=target,
        sparsity_cost=cost,
        sparsity_decay=1.0 - ACTIVITY_RATE,
    )


def _dense_epoch(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    order: npt.NDArray[np.uint32],
    epoch: int,
    update: Update,
) -> dict[str, float]:
    # a key of the epoch's own keeps the numbers of streams below their limit
    key = _core.stream_planes(
        np.array(rbm.key_, dtype=np.uint64), _core.PURPOSE_RBM_TRAIN, epoch, 1
    ).ravel()[:4]
    n_rows = len(rows)
    with blas_threads(settings.workers):
        while rbm._cursor[1] < n_rows:
            first = int(rbm._cursor[1])
            batch = order[first : first + settings.batch_size]
            number = first // settings.batch_size
            _dense_batch(rbm, rows, settings, batch, key, number, epoch)
            update(int(rbm._cursor[1]) / n_rows)
    if settings.method != "pt-pcd":
        return {}
    n_batches, pairs = -(-n_rows // settings.batch_size), settings.n_temperatures - 1
    tried = sum(len(range(number % 2, pairs, 2)) for number in range(n_batches))
    accepted = int(rbm._cursor[2])
    return {"swap_rate": accepted / (tried * settings.n_chains) if tried else np.nan}


def _dense_batch(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    batch: npt.NDArray[np.uint32],
    key: Key,
    number: int,
    epoch: int,
) -> None:
    """One update."""
    given = Parameters(rbm.W_, rbm.b_, rbm.c_)
    parameters = given.as_float64()
    weights = None if rows.weights is None else rows.weights[batch]
    values = _values(rows, batch, len(given.b), settings.spin)
    positive, _ = data_moments(values, weights, parameters, settings.spin)
    chains, hidden, accepted = rbm._negative, rbm._hidden, 0
    if settings.method == "cd":
        start = _drawn_hidden(values, given, settings.spin, key, number)
        half_steps = 2 * settings.k - 1
        chains, _ = _gibbs(given, start, half_steps, settings, key, number)
    elif settings.method == "pcd":
        chains, hidden = _gibbs(given, hidden, 2 * settings.k, settings, key, number)
    else:
        chains, accepted = _tempered(chains, given, settings, key, number)
    n_negative = len(batch) if settings.method == "cd" else settings.n_chains
    negative = chain_moments(
        chains[:n_negative],
        weights if settings.method == "cd" else None,
        given,
        settings.spin,
        settings.workers,
    )
    cursor = rbm._cursor.copy()
    cursor[0] += 1
    cursor[1] += len(batch)
    cursor[2] += accepted
    cursor[3] = n_negative
    state = _step(rbm, settings, positive, negative, epoch)
    rbm.__dict__.update(state, _negative=chains, _hidden=hidden, _cursor=cursor)


def _values(
    rows: Rows, batch: npt.NDArray[np.uint32], n_visible: int, spin: bool
) -> npt.NDArray[Any]:
    if rows.bits is not None:
        return bits_values(rows.bits[batch], n_visible, spin)
    assert rows.values is not None
    values: npt.NDArray[Any] = rows.values[batch]
    return values


def _tempered(
    chains: Bits, given: Parameters, settings: Settings, key: Key, number: int
) -> tuple[Bits, int]:
    """Chains of every replica, the machine's own first, after a round; swaps made.

    Replica r has W, b and c times 1 - r / (R - 1): from the machine to fair units.
    """
    n_replicas = settings.n_temperatures
    machines = [
        Parameters(*(np.asarray(beta * array, array.dtype) for array in given))
        for beta in np.linspace(1.0, 0.0, n_replicas)
    ]
    states, source = temper(
        chains.reshape(n_replicas, -1, chains.shape[1]),
        machines,
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
) -> tuple[Bits, Bits]:
    """Last states of both layers after the half-steps from hidden ones."""
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
    )
    return visible, hidden


def _drawn_hidden(
    values: npt.NDArray[Any], given: Parameters, spin: bool, key: Key, number: int
) -> Bits:
    """Hidden states drawn given real-valued rows."""
    W, _, c = given.as_float64()
    means = unit_means(matmul(np.asarray(values, dtype=np.float64), W) + c, spin)
    on = (1.0 + means) / 2.0 if spin else means
    draws = uniforms(key, _core.PURPOSE_RBM_CHAINS, number, on.size)
    return _core.pack((draws.reshape(on.shape) < on).astype(np.int8), 0)


def _exact_step(
    rbm: Any, rows: Rows, settings: Settings, epoch: int
) -> dict[str, float]:
    """One step; the loss is that of the parameters before it."""
    if rbm._cursor[1] == len(rows):  # broken off after the step
        return {}
    with blas_threads(settings.workers):
        parameters = Parameters(rbm.W_, rbm.b_, rbm.c_).as_float64()
        everything = np.arange(len(rows), dtype=np.uint32)
        values = _values(rows, everything, len(rbm.b_), settings.spin)
        positive, free = data_moments(values, rows.weights, parameters, settings.spin)
        negative, log_z = exact_moments(parameters, settings.spin)
        state = _step(rbm, settings, positive, negative, epoch)
    cursor = np.array([rbm._cursor[0] + 1, len(rows), 0, 0], dtype=np.uint64)
    rbm.__dict__.update(state, _cursor=cursor)
    return {"negative_log_likelihood": free + log_z}


def _running(mean: Floats, batch: Floats, rate: float) -> Floats:
    return np.asarray(mean + rate * (batch - mean), dtype=mean.dtype)


def _step(
    rbm: Any,
    settings: Settings,
    positive: Moments,
    negative: Moments,
    epoch: int,
) -> dict[str, Any]:
    """Attributes of the machine after one step along the gradient."""
    # with the exact gradient the running means are those of all the data
    whole = settings.solver == "exact"
    offsets: Offsets | None = rbm._offsets
    activity: Floats | None = rbm._activity
    if offsets is not None:
        offsets = Offsets(
            _running(offsets.visible, positive.v, 1.0 if whole else OFFSET_RATE),
            _running(offsets.hidden, positive.h, 1.0 if whole else OFFSET_RATE),
        )
    gradient = centred(positive.minus(negative), offsets)
    if activity is not None and settings.sparsity is not None:
        activity = _running(activity, positive.h, 1.0 if whole else ACTIVITY_RATE)
        gradient = pulled(gradient, activity, settings.sparsity)
    parameters, velocity = moved(
        Parameters(rbm.W_, rbm.b_, rbm.c_),
        Parameters(*rbm._velocity),
        decayed(gradient, rbm.W_, settings.l1, settings.l2),
        offsets,
        settings.learning_rate(epoch),
        settings.momentum(epoch),
    )
    return {
        "W_": parameters.W,
        "b_": parameters.b,
        "c_": parameters.c,
        "_velocity": tuple(velocity),
        "_offsets": offsets,
        "_activity": activity,
    }
