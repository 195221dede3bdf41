"""Maximum likelihood by L-BFGS with the exact gradient, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import OptimizeResult, minimize

from rgdl._blas import blas_threads
from rgdl.rbm._data import Rows
from rgdl.rbm._history import shown
from rgdl.rbm._moments import Parameters, data_moments, exact_moments
from rgdl.rbm._settings import Settings

__all__ = ["minimise", "objective"]

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
    rbm: Any, rows: Rows, settings: Settings, after: Callable[[dict[str, float]], bool]
) -> None:
    """Run at most n_epochs iterations; `after` each one, and whether to stop."""
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
        if after({"negative_log_likelihood": loss}):
            raise StopIteration

    start = np.concatenate(
        [np.asarray(part, np.float64).ravel() for part in (rbm.W_, rbm.b_, rbm.c_)]
    )
    if settings.n_epochs == 0:
        return
    with blas_threads(settings.workers):
        minimize(
            value_and_slope,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=keep,
            options={
                "maxiter": settings.n_epochs,
                "maxfun": 20 * settings.n_epochs,
                "maxcor": 20,
                "ftol": 0.0,
                "gtol": 1e-10,
            },
        )
