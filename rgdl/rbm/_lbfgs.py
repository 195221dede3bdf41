"""Maximum likelihood by L-BFGS with the exact gradient, in float64.

Nocedal and Wright, Numerical Optimization (2006), algorithms 7.4, 7.5 and 3.5. The
state of the search belongs to the machine, so that a checkpoint can hold it: SciPy's
own L-BFGS does not give away what it remembers of the slopes.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import line_search
from sklearn.exceptions import ConvergenceWarning

from rgdl._blas import blas_threads
from rgdl.rbm._data import Rows
from rgdl.rbm._history import shown
from rgdl.rbm._moments import Parameters, data_moments, exact_moments
from rgdl.rbm._settings import Settings

__all__ = ["Search", "minimise", "objective"]

_PAIRS = 20  # steps that are remembered
_LEAST_SLOPE = 1e-10  # largest slope of a parameter that counts as none
_FLAT = "CONVERGENCE: THE SLOPE IS ZERO OR THE VALUE FALLS NO FURTHER"
_OUT_OF_STEPS = "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"
_NO_STEP = "ABNORMAL: NO STEP GOES DOWN"
_CALLED_OFF = "STOP: A CALLBACK ENDED IT"
_EPSILON = float(np.finfo(np.float64).eps)

Floats = npt.NDArray[np.float64]


class Search(NamedTuple):
    """Where a search has got to: point, value (1,), slope; the last steps, by row.

    `steps` and `changes` are the differences of points and of slopes, oldest first.
    """

    x: Floats
    value: Floats
    slope: Floats
    steps: Floats
    changes: Floats


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


class _Objective:
    """Value and slope as functions of a point, which are computed together."""

    def __init__(self, both: Callable[[Floats], tuple[float, Floats]]) -> None:
        self._both = both
        self._x: Floats | None = None
        self._found: tuple[float, Floats]

    def at(self, x: Floats) -> tuple[float, Floats]:
        if self._x is None or not np.array_equal(x, self._x):
            self._found, self._x = self._both(x), x.copy()
        return self._found

    def value(self, x: Floats) -> float:
        return self.at(x)[0]

    def slope(self, x: Floats) -> Floats:
        return self.at(x)[1]


def _direction(search: Search) -> Floats:
    """Minus the inverse Hessian, as the last steps show it, times the slope."""
    direction = -search.slope
    pairs = list(zip(search.steps, search.changes, strict=True))
    if not pairs:
        return direction / max(float(np.linalg.norm(direction)), 1.0)
    parts = []
    for step, change in reversed(pairs):
        part = (step @ direction) / (step @ change)
        parts.append(part)
        direction -= part * change
    step, change = pairs[-1]
    direction *= (step @ change) / (change @ change)
    for (step, change), part in zip(pairs, reversed(parts), strict=True):
        direction += (part - (change @ direction) / (step @ change)) * step
    return direction


def _advanced(search: Search, objective: _Objective) -> Search | None:
    """Return the search after a step that meets Wolfe's conditions, or None."""
    direction = _direction(search)
    if not direction @ search.slope < 0:  # rounding: forget the steps
        search = search._replace(steps=search.steps[:0], changes=search.changes[:0])
        direction = _direction(search)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no step was found is returned, too
        length = line_search(
            objective.value,
            objective.slope,
            search.x,
            direction,
            gfk=search.slope,
            old_fval=float(search.value[0]),
            maxiter=20,
        )[0]
    if length is None:
        return None
    x = search.x + length * direction
    value, slope = objective.at(x)
    steps, changes = search.steps, search.changes
    step, change = x - search.x, slope - search.slope
    if step @ change > _EPSILON * (change @ change):
        steps = np.concatenate([steps, step[None]])[-_PAIRS:]
        changes = np.concatenate([changes, change[None]])[-_PAIRS:]
    return Search(x, np.array([value]), slope, steps, changes)


def _is_flat(search: Search) -> bool:
    """Whether the slope is zero, or the next step would gain less than rounding."""
    gain = -float(_direction(search) @ search.slope) / 2
    none = float(abs(search.slope).max()) <= _LEAST_SLOPE
    return none or gain <= _EPSILON * abs(float(search.value[0]))


def minimise(
    rbm: Any,
    rows: Rows,
    settings: Settings,
    n_epochs: int,
    after: Callable[[dict[str, float]], bool],
) -> None:
    """Run until the history has `n_epochs` entries, one per iteration, or no better.

    `after` is called each iteration and tells whether to stop. A training that was cut
    after any iteration goes on to the same bits.
    """
    spin, shape = settings.spin, rbm.W_.shape
    cuts = np.cumsum([rbm.W_.size, rbm.b_.size])
    values = shown(rows, shape[0], spin, len(rows))
    real = rbm.W_.dtype

    def split(x: Floats) -> Parameters:
        W, b, c = np.split(x, cuts)
        return Parameters(W.reshape(shape), b, c)

    def both(x: Floats) -> tuple[float, Floats]:
        value, slope = objective(split(x), values, rows.weights, spin, settings.l2)
        return value, np.concatenate([part.ravel() for part in slope])

    def finish(search: Search) -> bool:
        penalty = 0.5 * settings.l2 * float(np.square(split(search.x).W).sum())
        return after({"negative_log_likelihood": float(search.value[0]) - penalty})

    def keep(search: Search) -> bool:
        W, b, c = (np.array(part, dtype=real) for part in split(search.x))
        velocity = (W - rbm.W_, b - rbm.b_, c - rbm.c_)
        cursor = rbm._cursor + np.array([1, 0, 0, 0], np.uint64)
        cursor[1] = len(rows)  # an iteration that has no record yet
        rbm.__dict__.update(
            W_=W, b_=b, c_=c, _velocity=velocity, _search=search, _cursor=cursor
        )
        return finish(search)

    if len(rbm.history_["epoch"]) >= n_epochs:
        return
    with blas_threads(settings.workers):
        function = _Objective(both)
        search = rbm._search
        if search is None:
            start = (rbm.W_, rbm.b_, rbm.c_)
            x = np.concatenate([np.asarray(a, np.float64).ravel() for a in start])
            value, slope = both(x)
            none = np.empty((0, x.size))
            search = Search(x, np.array([value]), slope, none, none)
        stop = bool(rbm._cursor[1]) and finish(search)
        why = _CALLED_OFF if stop else None
        while why is None and len(rbm.history_["epoch"]) < n_epochs:
            before, search = search, _advanced(search, function)
            if search is None:
                why = _FLAT if _is_flat(before) else _NO_STEP
            elif keep(search):
                why = _CALLED_OFF
            elif _is_flat(search) or search.value[0] >= before.value[0]:
                why = _FLAT
    why = why or _OUT_OF_STEPS
    rbm.__dict__.update(converged_=why == _FLAT, solver_message_=why)
    if why in (_OUT_OF_STEPS, _NO_STEP):
        warnings.warn(
            f"L-BFGS stopped before it converged, after {len(rbm.history_['epoch'])} "
            f"iterations ({why}); raise n_epochs, now {n_epochs}",
            ConvergenceWarning,
            stacklevel=5,
        )
