"""One epoch of training, by the C core or by products of real-valued rows.

A batch changes the machine by one update of its attributes at the end, so that Ctrl-C
leaves whole batches and the same call goes on from there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._blas import blas_threads
from rgdl.rbm._data import Rows
from rgdl.rbm._dense import dense_epoch
from rgdl.rbm._history import shown
from rgdl.rbm._moments import Parameters, data_moments, exact_moments
from rgdl.rbm._settings import Settings
from rgdl.rbm._update import ACTIVITY_RATE, OFFSET_RATE, step

__all__ = ["run_epoch"]

Update = Callable[[float], None]


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
    return dense_epoch(rbm, rows, settings, order, epoch, update)


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


def _exact_step(
    rbm: Any, rows: Rows, settings: Settings, epoch: int
) -> dict[str, float]:
    """One step; the loss is that of the parameters before it."""
    if rbm._cursor[1] == len(rows):  # broken off after the step
        return {}
    with blas_threads(settings.workers):
        parameters = Parameters(rbm.W_, rbm.b_, rbm.c_).as_float64()
        values = shown(rows, len(rbm.b_), settings.spin, len(rows))
        positive, free = data_moments(values, rows.weights, parameters, settings.spin)
        negative, log_z = exact_moments(parameters, settings.spin)
        gradient = positive.minus(negative)
        state = step(rbm, settings, gradient, (positive.v, positive.h), epoch)
    cursor = np.array([rbm._cursor[0] + 1, len(rows), 0, 0], dtype=np.uint64)
    rbm.__dict__.update(state, _cursor=cursor)
    return {"negative_log_likelihood": free + log_z}
