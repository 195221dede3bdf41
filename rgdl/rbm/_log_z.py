"""Logarithm of a machine's partition function: exact, or estimated and judged."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._progress import Progress, ProgressLike
from rgdl.rbm._moments import Parameters

__all__ = [
    "EXACT_UNITS",
    "LogZ",
    "effective_number",
    "exact_log_z",
    "judge",
    "mean_of_exponentials",
]

Floats = npt.NDArray[np.float64]

EXACT_UNITS = 26  # of the smaller layer: 2^26 states
_ESS_NEEDED = 10


@dataclass(frozen=True)
class LogZ:
    """Logarithm of a partition function, with what is known about its error.

    Attributes
    ----------
    value : float
        ln Z in nats.
    error : float
        Standard error; 0 where the value is exact to rounding.
    lower, upper : float
        Equal to the value where it is exact. Of an estimate: two standard errors below
        the forward estimate, whose mean is below ln Z (Jensen), and two above the
        reverse one, whose mean is above it; infinite without a reverse run. With
        thermodynamic integration two standard errors to either side.
    reliable : bool
        False when fewer than 10 chains carry the weight, or when two estimates that
        should agree do not.
    method : str
        "exact", "ais", "bennett" (annealing both ways) or "ti".
    ess : float
        Effective number of chains, (sum w)^2 / sum w^2 of the weights of annealing;
        with "ti" those of its climb. Infinite where the value is exact.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> rbm = rgdl.RBM.from_weights(np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    >>> round(rbm.log_partition().value, 12) == round(5 * float(np.log(2)), 12)
    True
    """

    value: float
    error: float
    lower: float
    upper: float
    reliable: bool
    method: str
    ess: float = math.inf

    def __str__(self) -> str:
        if self.method == "exact":
            return f"ln Z = {self.value:.10g} (exact)"
        doubt = "" if self.reliable else ", not reliable"
        return (
            f"ln Z = {self.value:.6g} +- {self.error:.2g} "
            f"({self.method}, {self.ess:.0f} effective chains{doubt})"
        )


def exact_log_z(
    parameters: Parameters,
    spin: bool,
    *,
    workers: int = 1,
    progress: ProgressLike = False,
) -> LogZ:
    """Enumerate the smaller layer by Gray code, in float64 (rg_log_z.h)."""
    W, b, c = parameters.as_float64()
    if min(W.shape) > EXACT_UNITS:
        raise ValueError(
            f"an exact log Z needs a layer of at most {EXACT_UNITS} units, got "
            f"{W.shape[0]} visible and {W.shape[1]} hidden"
        )
    if W.shape[0] > W.shape[1]:
        W, b, c = np.ascontiguousarray(W.T), c, b
    with Progress("enumerating", progress) as update:
        value = _core.rbm_log_z(W, b, c, spin, workers, update)
    if not math.isfinite(value):
        raise ValueError("log Z is not finite: W, b or c are too large")
    return LogZ(value, 0.0, value, value, True, "exact")


def effective_number(weights: Floats) -> float:
    """(sum w)^2 / sum w^2: how many of the weights count."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def mean_of_exponentials(log_weights: Floats) -> tuple[float, float, float]:
    """Ln of the mean of e^w, its jackknife error and the effective number."""
    n = len(log_weights)
    top = float(log_weights.max())
    weights = np.exp(log_weights - top)
    total = float(weights.sum())
    value = top + math.log(total / n)
    without = np.log(np.maximum(total - weights, np.finfo(float).tiny))
    error = math.sqrt((n - 1) / n * float(np.square(without - without.mean()).sum()))
    return value, error, effective_number(weights)


def judge(ess: float, *gaps: tuple[float, float]) -> bool:
    """Enough chains count, and every (difference, error) is within four errors."""
    return ess >= _ESS_NEEDED and all(abs(gap) <= 4 * error for gap, error in gaps)
