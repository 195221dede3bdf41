"""Flows of couplings, and the decimation of the chain."""

import math
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from rgdl import _validate
from rgdl._states import (
    Floats,
)


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

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.decimate_chain(1.0, 2).couplings[:, 0]
    array([1.        , 0.66250137, 0.35006114])
    """

    couplings: Floats
    constants: Floats
    labels: tuple[str, ...]

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


def decimate_chain(K: float, n_steps: SupportsIndex) -> Flow:
    r"""Flow of the Ising chain without field when every other spin is summed over.

    Parameters
    ----------
    K : float
        Reduced coupling, of either sign.
    n_steps : int
        Number of decimations by 2, at least 0.

    Returns
    -------
    Flow
        ``couplings[:, 0]`` is K; ``constants[i]`` is what step i adds to -H for each
        spin removed in it.

    Raises
    ------
    ValueError, TypeError
        For K that is not finite or n_steps below 0.

    Notes
    -----
    :math:`K' = \tfrac12 \ln\cosh 2K`, that is :math:`\tanh K' = \tanh^2 K`, and
    :math:`\ln 2 + K'` per removed spin (Mehta and Schwab, arXiv:1410.3831, eq. 24).
    Written so that neither large nor small K loses digits.

    Examples
    --------
    >>> import rgdl
    >>> flow = rgdl.rg.decimate_chain(1.0, 7)
    >>> [float(f"{K:.7g}") for K in flow.couplings[:5, 0]]
    [1.0, 0.6625014, 0.3500611, 0.1136721, 0.01281154]
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    values = [_validate.finite(K, "K")]
    for _ in range(steps):
        values.append(_decimated(abs(values[-1])))
    couplings = np.array(values)[:, None]
    constants = math.log(2.0) + couplings[:, 0]
    constants[0] = 0.0
    return Flow(couplings, constants, ("nn",))


def _decimated(K: float) -> float:
    """Half of ln cosh 2K for K >= 0."""
    if K < 0.5:
        return 0.5 * math.log1p(2 * math.sinh(K) ** 2)
    return K - 0.5 * math.log(2.0) + 0.5 * math.log1p(math.exp(-4 * K))
