"""Flows of couplings, and the decimation of the chain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from rgdl import _validate
from rgdl._states import (
    Floats,
)

_DIRECT = 300.0  # sinh and cosh of less do not overflow, nor do their squares


@dataclass(frozen=True, eq=False)
class Flow:
    """Couplings along a sequence of renormalisation steps.

    Attributes
    ----------
    couplings : ndarray of float64, shape (n_steps + 1, n_couplings)
        Row 0 is the input; column 0 the nearest-neighbour coupling.
    constants : ndarray of float64, shape (n_steps + 1,)
        What each step adds to -H, see the function that made the flow; 0 in row 0.
    labels : tuple of str
        Names of the columns.

    Raises
    ------
    ValueError
        When a coupling leaves the range of float64, and where.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.decimate_chain(1.0, 2).couplings[:, 0]
    array([1.        , 0.66250137, 0.35006114])
    """

    couplings: Floats
    constants: Floats
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        lost = ~np.isfinite(self.couplings).all(axis=1)
        if lost.any():
            raise ValueError(
                "couplings must stay finite, but they leave the range of float64 in "
                f"step {np.argmax(lost)}: take n_steps below that"
            )

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return len(self.couplings) - 1

    def __repr__(self) -> str:
        head = "".join(f"{label:>18}" for label in (*self.labels, "constant"))
        rows = np.column_stack([self.couplings, self.constants])
        lines = [
            f"{step:4}" + "".join(f"{value:18.10g}" for value in row)
            for step, row in enumerate(rows)
        ]
        return "\n".join([f"Flow of {self.n_steps} steps", f"step{head}", *lines])


def start_couplings(K: float | Sequence[float], n: int) -> Floats:
    """Row 0 of a flow of n couplings: the first given, the others 0."""
    given = np.atleast_1d(np.asarray(K, dtype=np.float64))
    if given.ndim != 1 or not 1 <= len(given) <= n:
        raise ValueError(f"K must be a number or up to {n} couplings, got {K!r}")
    if not np.isfinite(given).all():
        raise ValueError(f"K must be finite, got {K!r}")
    return np.concatenate([given, np.zeros(n - len(given))])


def decimate_chain(K: float, n_steps: SupportsIndex, *, h: float | None = None) -> Flow:
    r"""Flow of the Ising chain when every other spin is summed over: exact.

    Parameters
    ----------
    K : float
        Reduced coupling, of either sign.
    n_steps : int
        Number of decimations by 2, at least 0.
    h : float, optional
        Reduced field; gives the flow a second column.

    Returns
    -------
    Flow
        ``couplings[:, 0]`` is K; ``constants[i]`` is what step i adds to -H for each
        spin removed in it, so :math:`\sum_i 2^{-i} c_i` goes to ln Z per spin.

    Raises
    ------
    ValueError, TypeError
        For K or h that is not finite or n_steps below 0.

    Notes
    -----
    :math:`K' = \tfrac14 \ln(1 + \sinh^2 2K / \cosh^2 h)`,
    :math:`h' = h + \tanh^{-1}(\tanh 2K \tanh h)`, and
    :math:`\ln 2 + K' + \ln\cosh h` per removed spin. Without a field
    :math:`\tanh K' = \tanh^2 K` (Mehta and Schwab, arXiv:1410.3831, eq. 24). Neither
    large nor small values lose digits.

    Examples
    --------
    >>> import rgdl
    >>> flow = rgdl.rg.decimate_chain(1.0, 7)
    >>> [float(f"{K:.7g}") for K in flow.couplings[:5, 0]]
    [1.0, 0.6625014, 0.3500611, 0.1136721, 0.01281154]
    >>> rgdl.rg.decimate_chain(1.0, 2, h=0.1)
    Flow of 2 steps
    step                nn             field          constant
       0                 1               0.1                 0
       1      0.6601826831      0.1963800191       1.358321552
       2      0.3408852379      0.3660719753       1.053192295
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    rows = [[_validate.finite(K, "K"), 0.0 if h is None else _validate.finite(h, "h")]]
    constants = [0.0]
    for _ in range(steps):
        last, field = rows[-1]
        coarse = _decimated(abs(last), field)
        rows.append([coarse, field + _field_gain(last, field)])
        constants.append(math.log(2.0) + coarse + log_cosh(field))
    columns = 1 if h is None else 2
    return Flow(
        np.array(rows)[:, :columns], np.array(constants), ("nn", "field")[:columns]
    )


def log_cosh(x: float) -> float:
    """Ln cosh x for any size of x."""
    size = abs(x)
    if size < 1:
        return math.log1p(2 * math.sinh(size / 2) ** 2)
    return size - math.log(2.0) + math.log1p(math.exp(-2 * size))


def _decimated(K: float, h: float) -> float:
    """ln(1 + (sinh 2K / cosh h)^2) / 4 for K >= 0."""
    if K < _DIRECT / 2 and abs(h) < _DIRECT:
        ratio = math.sinh(2 * K) / math.cosh(h)
        if ratio < 1:
            return 0.25 * math.log1p(ratio**2)
        return 0.5 * math.log(ratio) + 0.25 * math.log1p(ratio**-2)
    if K == 0:
        return 0.0
    log_sinh = (
        math.log(math.sinh(2 * K))
        if K < 1
        else 2 * K - math.log(2.0) + math.log1p(-math.exp(-4 * K))
    )
    x = 2 * (log_sinh - log_cosh(h))
    return 0.25 * (max(x, 0.0) + math.log1p(math.exp(-abs(x))))


def _field_gain(K: float, h: float) -> float:
    """ln(cosh(2K + h) / cosh(2K - h)) / 2 = atanh(tanh 2K tanh h)."""
    product = math.tanh(2 * K) * math.tanh(h)
    if abs(product) < 0.5:
        return math.atanh(product)
    a, b = 2 * abs(K), abs(h)
    tails = math.log1p(math.exp(-2 * (a + b))) - math.log1p(math.exp(-2 * abs(a - b)))
    return math.copysign(min(a, b) + 0.5 * tails, product)
