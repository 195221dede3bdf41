"""Training from its start, or from where it stopped, to its end."""

import math
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rgdl._rng import Key
from rgdl.errors import DataWarning
from rgdl.rbm._checkpoint import Checkpoint
from rgdl.rbm._data import Rows
from rgdl.rbm._epoch import run_epoch
from rgdl.rbm._history import hidden_activations, record
from rgdl.rbm._lbfgs import minimise
from rgdl.rbm._settings import Settings
from rgdl.rbm._start import first_parameters, random_bits, visible_means
from rgdl.rbm._update import Offsets

__all__ = ["begin", "begin_optimiser", "train"]

Callback = Callable[[Any], bool | None]

# L-BFGS writes its checkpoint after so many iterations, or so many seconds
_CHECKPOINT_ITERATIONS = 50
_CHECKPOINT_SECONDS = 10.0


def begin(
    rbm: Any, rows: Rows, settings: Settings, key: Key, inputs: str, stacklevel: int
) -> None:
    """Put the machine where training from scratch starts."""
    n_visible = math.prod(rows.row_shape)
    parameters, constant = first_parameters(
        rows,
        n_visible,
        settings.n_hidden,
        spin=settings.spin,
        weight_scale=settings.weight_scale,
        marginals=settings.visible_bias == "marginals",
        dtype=settings.dtype,
        key=key,
    )
    rbm._set_parameters(*parameters, rows.row_shape)
    begin_optimiser(rbm, rows, settings, key)
    if constant:
        warnings.warn(
            f"{constant} of {n_visible} {inputs} never change",
            DataWarning,
            stacklevel=stacklevel,
        )


def begin_optimiser(rbm: Any, rows: Rows, settings: Settings, key: Key) -> None:
    """Velocities at rest, chains at random, running means at their start."""
    n_visible, n_hidden = rbm.W_.shape
    real = rbm.W_.dtype
    n_chains = 0
    if settings.solver == "sgd" and settings.method != "cd":
        n_chains = settings.n_chains
        if settings.method == "pt-pcd":
            n_chains *= settings.n_temperatures
    offsets = activity = None
    if settings.centered:  # units of a machine without couplings
        offsets = Offsets(
            visible_means(rows, n_visible, settings.spin).astype(real),
            np.full(n_hidden, 0.0 if settings.spin else 0.5, dtype=real),
        )
    if settings.sparsity is not None:
        activity = np.full(n_hidden, settings.sparsity[0], dtype=real)
    rbm.__dict__.update(
        key_=tuple(int(word) for word in key),
        _velocity=tuple(np.zeros_like(a) for a in (rbm.W_, rbm.b_, rbm.c_)),
        _cursor=np.zeros(4, dtype=np.uint64),
        _negative=random_bits(key, n_chains, n_visible),
        _hidden=random_bits(key, n_chains, n_hidden),
        _offsets=offsets,
        _activity=activity,
        _search=None,
        _earlier=None,
        converged_=None,
        solver_message_="",
        hidden_means_=np.full(n_hidden, np.nan),
        hidden_activations_=np.empty((0, n_hidden), dtype=real),
    )


def train(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    update: Callable[[float], None],
    *,
    n_epochs: int,
    validation: Rows | None = None,
    callbacks: Iterable[Callback] = (),
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train until the history has `n_epochs` entries or a callback returns True."""
    if callable(callbacks):
        raise TypeError("callbacks must be a list of callables, got a single one")
    callbacks = tuple(callbacks)

    written = time.monotonic()

    def after_epoch(extra: dict[str, float]) -> bool:
        nonlocal written
        record(rbm, rows, settings, validation, extra)
        # every callback is asked, also after one that wants to stop
        stop = any([bool(callback(rbm)) for callback in callbacks])
        due = (
            settings.solver != "lbfgs"
            or len(rbm.history_["epoch"]) % _CHECKPOINT_ITERATIONS == 0
            or time.monotonic() - written > _CHECKPOINT_SECONDS
        )
        if checkpoint is not None and (due or stop):
            checkpoint.write(rbm, stopped=stop)
            written = time.monotonic()
        return stop

    begun = len(rbm.history_["epoch"])
    try:
        if settings.solver == "lbfgs":
            minimise(rbm, rows, settings, n_epochs, after_epoch)
            if checkpoint is not None:
                checkpoint.write(rbm, stopped=True)
            n_epochs = 0
        while (done := len(rbm.history_["epoch"])) < n_epochs:

            def part(fraction: float, done: int = done) -> None:
                update((done - begun + fraction) / (n_epochs - begun))

            if after_epoch(run_epoch(rbm, rows, settings, part)):
                break
    except KeyboardInterrupt:
        if checkpoint is not None:
            checkpoint.write(rbm, stopped=False)
        raise
    rbm.__dict__.update(hidden_activations(rbm, rows, settings))
