"""Maximum likelihood by L-BFGS with the exact gradient, in float64."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from rgdl._blas import blas_threads
from rgdl.rbm._data import Rows
from rgdl.rbm._history import shown
from rgdl.rbm._moments import Parameters, data_moments, exact_moments
from rgdl.rbm._settings import Settings

__all__ = ["PART", "minimise", "objective"]

# Iterations between fresh starts. Learning the 4x4 Ising model to 1e-5 nats takes fewer
# than 600 iterations with 500 here, and more with 100.
PART = 500
# what SciPy's status says; all but 0, "converged", and these is abnormal
_OUT_OF_STEPS = 1
_CALLED_OFF = 99

Floats = npt.NDArray[np.float64]


def objective(
    parameters: Parameters,
    values: npt.NDArray[Any],
    weights: Floats | None,
    spin: bool,
    l2: float,
) -> tuple[float, Parameters]:
    """Mean of -ln p(v) over rows, plus l2 |W|^2 / 2, and its slope."""
    positive, mean_free_energy = data_moments(values, weights, parameters, spin)
    negative, log_z = exact_moments(parameters, spin)
    slope = negative.minus(positive)
    W = parameters.W
    value = mean_free_energy + log_z + 0.5 * l2 * float(np.vdot(W, W))
    return value, Parameters(slope.vh + l2 * W, slope.v, slope.h)


def minimise(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    n_epochs: int,
    after: Callable[[dict[str, float], bool], bool],
) -> None:
    """Run until the history has `n_epochs` entries, one per iteration, or no better.

    `after` is called each iteration, with whether the state is one to go on from, and
    tells whether to stop. SciPy does not give away what it remembers of the slopes, so
    every `PART` iterations it starts afresh from the machine as it is: a training that
    is cut there goes on to the same bits.
    """
    spin, shape = settings.spin, rbm.W_.shape
    cuts = np.cumsum([rbm.W_.size, rbm.b_.size])
    values = shown(rows, shape[0], spin, len(rows))
    real = rbm.W_.dtype

    def split(x: Floats) -> Parameters:
        W, b, c = np.split(x, cuts)
        return Parameters(W.reshape(shape), b, c)

    def value_and_slope(x: Floats) -> tuple[float, Floats]:
        value, slope = objective(split(x), values, rows.weights, spin, settings.l2)
        return value, np.concatenate([part.ravel() for part in slope])

    def keep(intermediate_result: OptimizeResult) -> None:
        found = split(intermediate_result.x)
        W, b, c = (np.array(part, dtype=real) for part in found)
        velocity = (W - rbm.W_, b - rbm.b_, c - rbm.c_)
        rbm.__dict__.update(W_=W, b_=b, c_=c, _velocity=velocity)
        penalty = 0.5 * settings.l2 * float(np.vdot(found.W, found.W))
        loss = float(intermediate_result.fun) - penalty
        whole = (len(rbm.history_["epoch"]) + 1) % PART == 0
        if after({"negative_log_likelihood": loss}, whole):
            raise StopIteration

    if len(rbm.history_["epoch"]) >= n_epochs:
        return
    with blas_threads(settings.workers):
        while (done := len(rbm.history_["epoch"])) < n_epochs:
            steps = min(PART - done % PART, n_epochs - done)
            start = (rbm.W_, rbm.b_, rbm.c_)
            found = minimize(
                value_and_slope,
                np.concatenate([np.asarray(a, np.float64).ravel() for a in start]),
                jac=True,
                method="L-BFGS-B",
                callback=keep,
                options={
                    "maxiter": steps,
                    "maxfun": 20 * steps,
                    "maxcor": 20,
                    "ftol": 0.0,
                    "gtol": 1e-10,
                },
            )
            rbm.__dict__.update(
                converged_=bool(found.success), solver_message_=str(found.message)
            )
            if found.status != _OUT_OF_STEPS or found.nit < steps:
                break
    if not found.success and found.status != _CALLED_OFF:
        warnings.warn(
            f"L-BFGS stopped before it converged, after {len(rbm.history_['epoch'])} "
            f"iterations ({found.message}); raise n_epochs, now {n_epochs}",
            ConvergenceWarning,
            stacklevel=5,
        )
