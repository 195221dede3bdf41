r"""Couplings that a machine's hidden units make among its visible spins.

Every hidden unit adds :math:`\ln 2\cosh(c + \sum_a w_a s_a)` to -H of the visible
spins; its couplings are averages over the other spins (Decelle et al., SciPost Phys.
16, 095 (2024)):

.. math::

   J_S = 2^{-n} \sum_i E_X \sum_{\{s_a\}_{a \in S}} \prod_{a \in S} s_a
         \ln\cosh\Bigl(c_i + \sum_{a \in S} w_{ia} s_a + X\Bigr), \qquad n = |S|,

where X is the input from the other spins, each +-1 at random. Three ways: the whole
table of -F (up to 20 visible units), each unit's own table where few weights differ
from 0, and X as a few exact terms plus a Gaussian.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl.couplings import Couplings
from rgdl.rbm._moments import Parameters

__all__ = [
    "EXACT_VISIBLE",
    "CouplingAt",
    "PairCouplings",
    "exact_couplings",
    "gaussian_error",
    "gaussian_pairs",
    "low_degree_pairs",
    "spin_parameters",
]

Floats = npt.NDArray[np.float64]

EXACT_VISIBLE = 20
LOW_DEGREE = 12
_NODES = 24  # of Gauss and Hermite
_CHUNK = 1 << 19  # numbers at work at a time
_LARGE = 100.0  # weights whose hyperbolic functions are not formed


@dataclass(frozen=True, eq=False)
class PairCouplings:
    """Fields and pair couplings among visible spins.

    Attributes
    ----------
    field : ndarray of float64, shape (n_visible,)
    pairs : ndarray of float64, shape (n_visible, n_visible)
        Symmetric, zero diagonal: -H = sum_{i<j} pairs[i, j] s_i s_j + field . s + ...
    lattice_shape : tuple of int
    method : str
    pairs_error : ndarray of float64, shape (n_visible, n_visible)
        0 where the pairs are exact to rounding. Of "gaussian" the change that two
        weights fewer in the exact sum make (two more, where there are none fewer): a
        size of the error that is left, no bound.

    Examples
    --------
    >>> import rgdl
    >>> bonds = rgdl.RBM.from_ising(rgdl.Ising((8, 8), K=0.3)).effective_couplings()
    >>> round(float(bonds.by_displacement()[0, 1]), 12)
    0.3
    """

    field: Floats
    pairs: Floats
    lattice_shape: tuple[int, ...]
    method: str
    pairs_error: Floats

    def by_displacement(self) -> Floats:
        """Pair couplings by displacement on the torus, means over all translations.

        Returns
        -------
        ndarray of float64, shape lattice_shape
            Entry r is the mean over sites i of pairs[i, i + r]; 0 at r = 0.

        Examples
        --------
        >>> import rgdl
        >>> machine = rgdl.RBM.from_ising(rgdl.Ising((6, 6), K=-0.2))
        >>> machine.effective_couplings().by_displacement()[0, :3].round(12)
        array([ 0. , -0.2,  0. ])
        """
        shape = self.lattice_shape
        grid = np.indices(shape).reshape(len(shape), -1)
        step = (grid[:, None, :] - grid[:, :, None]) % np.array(shape)[:, None, None]
        index = np.ravel_multi_index(tuple(step), shape).ravel()
        total = np.bincount(index, weights=self.pairs.ravel())
        return np.asarray((total / len(self.field)).reshape(shape))


@dataclass(frozen=True)
class CouplingAt:
    """Mean pair coupling at one displacement.

    Attributes
    ----------
    value : float
        Mean over all translations.
    spread : float
        Standard deviation over the translations: how far the machine is from having
        one coupling there.
    error : float
        Of the mean: the change that two weights fewer in the exact sums make (two
        more, where there are none fewer); 0 where all weights are summed.
    reliable : bool
        False when the error exceeds a tenth of the couplings' root mean square.

    Examples
    --------
    >>> import rgdl
    >>> machine = rgdl.RBM.from_ising(rgdl.Ising((6, 6), K=0.3))
    >>> found = machine.couplings_at((0, 1))
    >>> round(found.value, 12), found.reliable
    (0.3, True)
    """

    value: float
    spread: float
    error: float
    reliable: bool

    def __str__(self) -> str:
        doubt = "" if self.reliable else " (not reliable)"
        return f"{self.value:.6g} +- {self.error:.2g}, spread {self.spread:.2g}{doubt}"


def spin_parameters(parameters: Parameters, spin: bool) -> Parameters:
    """Parameters of the spin machine with the same law, visible units 2 v - 1."""
    W, b, c = parameters.as_float64()
    if spin:
        return Parameters(W, b, c)
    return Parameters(W / 4, b / 2 + W.sum(axis=1) / 4, c / 2 + W.sum(axis=0) / 4)


def exact_couplings(
    parameters: Parameters, spin: bool, shape: tuple[int, ...] | None, workers: int = 1
) -> Couplings:
    """All couplings by Walsh-Hadamard transform of -F, up to 20 visible units."""
    W, b, c = spin_parameters(parameters, spin)
    n = W.shape[0]
    if n > EXACT_VISIBLE:
        raise ValueError(
            f"exact couplings need at most {EXACT_VISIBLE} visible spin, got {n}"
        )
    table = -_core.rbm_free_energies(W, b, c, True, 0, 1 << n, workers)
    return Couplings.from_table(table, shape)


def _log_cosh(x: Floats) -> Floats:
    size = np.abs(x)
    return np.asarray(size + np.log1p(np.exp(-2 * size)) - np.log(2.0))


def _signs(n: int) -> Floats:
    """All states of n spins, (2^n, n); bit a of the row is spin a."""
    up = np.arange(1 << n)[:, None] >> np.arange(n) & 1
    return np.asarray(2.0 * up - 1, dtype=np.float64)


def low_degree_pairs(parameters: Parameters, spin: bool) -> tuple[Floats, Floats]:
    """Fields and pairs, exact, where every hidden unit has at most 12 weights."""
    W, b, c = spin_parameters(parameters, spin)
    degree = (W != 0).sum(axis=0)
    if degree.max() > LOW_DEGREE:
        raise ValueError(
            f"a hidden unit has {degree.max()} weights that are not 0; at most "
            f"{LOW_DEGREE} can be summed exactly"
        )
    field, pairs = b.copy(), np.zeros((len(b), len(b)))
    for d in np.unique(degree[degree > 0]):
        units_d = np.flatnonzero(degree == d)
        sites = np.nonzero(W[:, units_d].T)[1].reshape(-1, d)
        states = _signs(d)
        weights = W[sites, units_d[:, None]]
        table = _log_cosh(c[units_d, None] + weights @ states.T)
        np.add.at(field, sites, table @ states / len(states))
        for a, z in itertools.combinations(range(d), 2):
            value = table @ (states[:, a] * states[:, z]) / len(states)
            np.add.at(pairs, (sites[:, a], sites[:, z]), value)
    return field, pairs + pairs.T


def gaussian_pairs(
    parameters: Parameters,
    spin: bool,
    pairs: npt.NDArray[np.integer[Any]],
    *,
    n_exact: int = 4,
) -> Floats:
    r"""Pair couplings for hidden units with many weights.

    Parameters
    ----------
    parameters, spin
        Of the machine.
    pairs : ndarray of int, shape (n, 2)
        Sites; two different ones in each row.
    n_exact : int, default 4
        Largest weights of each unit whose signs are summed; the others' input is
        Gaussian. With all of them the result is exact.
    """
    W, _, c = spin_parameters(parameters, spin)
    n_visible = W.shape[0]
    n_exact = min(n_exact, n_visible - 2)
    result = np.zeros(len(pairs))
    block = max(1, _CHUNK // (_NODES << n_exact))
    total = np.square(W).sum(axis=0)
    node, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    weight = weight / weight.sum()
    signs = _signs(n_exact)
    for i in range(W.shape[1]):
        w = W[:, i]
        largest = np.argsort(-np.abs(w), kind="stable")[: n_exact + 2]
        for first in range(0, len(pairs), block):
            j, k = pairs[first : first + block].T
            # the largest that are not of the pair, n_exact of them
            free = (largest != j[:, None]) & (largest != k[:, None])
            rank = np.cumsum(free, axis=1)
            top = np.where(free & (rank <= n_exact), w[largest], 0.0)
            top = np.take_along_axis(
                top, np.argsort(~(free & (rank <= n_exact)), axis=1, kind="stable"), 1
            )[:, :n_exact]
            tail = total[i] - w[j] ** 2 - w[k] ** 2 - np.square(top).sum(axis=1)
            spread = np.sqrt(np.maximum(tail, 0.0))
            x = c[i] + (top @ signs.T)[:, :, None] + spread[:, None, None] * node
            quarter = _four_log_cosh(x, w[j][:, None, None], w[k][:, None, None])
            result[first : first + block] += (quarter.mean(axis=1) @ weight) / 4
    return result


def _four_log_cosh(x: Floats, a: Floats, b: Floats) -> Floats:
    r"""Ln of cosh(x + a + b) cosh(x - a - b) / cosh(x + a - b) cosh(x - a + b).

    Twice the product of two cosh is the cosh of the sum plus that of the difference, so
    this is :math:`\pm \ln[1 + 2 \sinh 2|a| \sinh 2|b| / (\cosh 2x + \cosh 2(|a| -
    |b|))]` with the sign of a b: one logarithm, and nothing large cancels.
    """
    sign, a, b = np.sign(a * b), np.abs(a), np.abs(b)
    if max(float(a.max(initial=0.0)), float(b.max(initial=0.0))) > _LARGE:
        same = _log_cosh(x + a + b) + _log_cosh(x - a - b)
        return np.asarray(sign * (same - _log_cosh(x + a - b) - _log_cosh(x - a + b)))
    with np.errstate(over="ignore"):  # a large x leaves ln 1
        even = np.exp(2 * np.abs(x))
    even += 1 / even  # 2 cosh 2x, faster
    even += 2 * np.cosh(2 * (a - b))
    np.divide(4 * np.sinh(2 * a) * np.sinh(2 * b), even, out=even)
    even += 1.0
    return np.asarray(sign * np.log(even, out=even))


def gaussian_error(
    parameters: Parameters,
    spin: bool,
    pairs: npt.NDArray[np.integer[Any]],
    values: Floats,
    *,
    n_exact: int = 4,
) -> Floats:
    """Change of the pairs' `values` when two weights fewer are summed, signed.

    Two more where there are none fewer. Units with at most `n_exact` weights besides
    the pair change nothing; where all are such the values are exact.
    """
    degree = int((parameters.W != 0).sum(axis=0).max())
    if n_exact >= min(degree, len(parameters.b) - 2):
        return np.zeros(len(pairs))
    other = n_exact - 2 if n_exact >= 2 else n_exact + 2
    return values - gaussian_pairs(parameters, spin, pairs, n_exact=other)
