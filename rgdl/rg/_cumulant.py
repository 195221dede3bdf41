"""Niemeijer and van Leeuwen's cumulant expansion, and the checkerboard closure."""

import itertools
import math
from collections.abc import Sequence
from functools import cache
from typing import SupportsIndex

import numpy as np
from scipy.optimize import brentq

from rgdl import _validate
from rgdl._states import Floats
from rgdl.couplings._orbits import pair_label
from rgdl.rg._fixed_point import FixedPoint, sorted_eigenvalues
from rgdl.rg._flow import Flow, log_cosh, start_couplings

__all__ = [
    "checkerboard",
    "checkerboard_flow",
    "niemeijer_van_leeuwen",
    "niemeijer_van_leeuwen_flow",
]

_LABELS = tuple(pair_label(rank) for rank in range(3))
_SCALE = math.sqrt(3.0)

# Sites of the triangular lattice as (i, j), squared distance i^2 + ij + j^2. Cells are
# the up-triangles (0, 0), (1, 0), (0, 1) shifted by vectors with i = j modulo 3.
_CELL = ((0, 0), (1, 0), (0, 1))
_DISTANCES = (1, 3, 4)  # squared: nearest, second, third neighbours


def _distance(r: tuple[int, int]) -> int:
    return r[0] ** 2 + r[0] * r[1] + r[1] ** 2


def _cell_of(r: tuple[int, int]) -> tuple[int, int]:
    back = ((0, 0), (1, 0), (0, 1))[(r[0] - r[1]) % 3]
    return r[0] - back[0], r[1] - back[1]


@cache
def _geometry() -> tuple[Floats, Floats, Floats]:
    """Count bonds and paths by the distance of the two cells.

    bonds[beta, alpha]: bonds of kind alpha between two cells that are neighbours of
    kind beta. same[beta], other[beta]: pairs of nearest-neighbour bonds from one cell
    in the middle to such two cells, which start on the same site of it, or on two.
    """
    bonds = np.zeros((3, 3))
    outward = []
    window = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]
    for site, step in itertools.product(_CELL, window):
        cell = _cell_of((site[0] + step[0], site[1] + step[1]))
        if cell == (0, 0) or _distance(step) not in _DISTANCES:
            continue
        alpha = _DISTANCES.index(_distance(step))
        beta = _DISTANCES.index(_distance(cell) // 3)
        bonds[beta, alpha] += 1
        if alpha == 0:
            outward.append((site, cell))
    paths = np.zeros((2, 3))
    for (s, left), (t, right) in itertools.combinations(outward, 2):
        if left != right:
            beta = _distance((left[0] - right[0], left[1] - right[1])) // 3
            paths[int(s != t), _DISTANCES.index(beta)] += 1
    # each cell has six neighbours of each kind, and is in the middle of three pairs
    return bonds / 6, paths[0] / 3, paths[1] / 3


def _moments(K: float) -> tuple[float, float]:
    """<s_i> and <s_i s_j> in a cell of three whose majority is up."""
    small = math.exp(-4 * K)
    total = 1 + 3 * small
    return (1 + small) / total, (1 - small) / total


def _step(K: Floats, order: int) -> Floats:
    bonds, same, other = _geometry()
    m, pair = _moments(float(K[0]))
    if order == 1:
        return np.array([bonds[0, 0] * m**2 * K[0]])
    paths = same * (1 - m**2) + other * (pair - m**2)
    return np.asarray(m**2 * (bonds @ K + K[0] ** 2 * paths))


def _field_factor(K: float, order: int) -> float:
    """dh'/dh at h = 0: 3 m, and the cross term of the second cumulant.

    Twelve nearest-neighbour bonds reach a cell; the field on the cell at their other
    end reaches it through them.
    """
    m, pair = _moments(K)
    first = 3 * m
    if order == 1:
        return first
    return first + 12 * K * m * ((1 - m**2) + 2 * (pair - m**2))


def _slopes(K: Floats, order: int) -> Floats:
    """Jacobian by complex steps: exact to rounding (the map is analytic)."""
    bonds, same, other = _geometry()
    small = np.exp(-4 * (K[0] + 1e-30j))
    m, pair = (1 + small) / (1 + 3 * small), (1 - small) / (1 + 3 * small)
    if order == 1:
        return np.array([[(bonds[0, 0] * m**2 * (K[0] + 1e-30j)).imag / 1e-30]])
    paths = same * (1 - m**2) + other * (pair - m**2)
    moved = np.array(K, dtype=complex)
    moved[0] += 1e-30j
    first = (m**2 * (bonds @ moved + moved[0] ** 2 * paths)).imag / 1e-30
    return np.column_stack([first, float(m.real) ** 2 * bonds[:, 1:]])


def niemeijer_van_leeuwen(order: SupportsIndex = 2) -> FixedPoint:
    r"""Find the fixed point of the cumulant expansion on the triangular lattice.

    Cells are up-triangles of three spins under the majority rule, :math:`b = \sqrt 3`;
    bonds between cells are expanded in cumulants of the cells,
    :math:`H' = \langle V \rangle + \tfrac12 (\langle V^2 \rangle - \langle V
    \rangle^2)`.

    Parameters
    ----------
    order : {1, 2}
        First order keeps the nearest-neighbour coupling, second order also second
        (distance :math:`\sqrt 3`) and third neighbours (2), which enter linearly.

    Returns
    -------
    FixedPoint
        ``parameters["K_c"]`` is the nearest-neighbour model's critical coupling: where
        its flow turns. Exact: ln(3)/4 = 0.2746530722.

    Raises
    ------
    ValueError, TypeError
        For another order.

    Notes
    -----
    Niemeijer and van Leeuwen, Phys. Rev. Lett. 31, 1411 (1973); Physica 71, 17 (1974).
    First order in closed form: :math:`K' = 2 K m^2`,
    :math:`m = (e^{3K} + e^{-K}) / (e^{3K} + 3 e^{-K})`, so
    :math:`K^* = \tfrac14 \ln(1 + 2\sqrt2)` and :math:`\lambda_h = 3 m`.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.niemeijer_van_leeuwen(1).couplings.round(10)
    array([0.33561351])
    >>> point = rgdl.rg.niemeijer_van_leeuwen(2)
    >>> point.couplings.round(8)
    array([ 0.27886906, -0.01424797, -0.01523123])
    >>> round(point.y_t, 5), round(point.parameters["K_c"], 9)
    (1.04238, 0.257484243)
    """
    order = _order(order)
    if order == 1:
        K = np.array([0.25 * math.log(1 + 2 * math.sqrt(2.0))])
        critical = float(K[0])
    else:
        K = np.array([0.28, -0.014, -0.015])
        for _ in range(20):
            gap = _step(K, 2) - K
            K -= np.linalg.solve(_slopes(K, 2) - np.eye(3), gap)
        critical = _critical_coupling()
    return FixedPoint(
        f"Niemeijer-van Leeuwen, triangular, order {order}",
        _SCALE,
        K,
        _LABELS[: len(K)],
        sorted_eigenvalues(_slopes(K, order)),
        np.array([_field_factor(float(K[0]), order)]),
        {"K_c": critical},
    )


def _critical_coupling() -> float:
    """Where the second-order flow of the nearest-neighbour model changes its mind."""

    def ends_up(K: float) -> bool:
        flow = np.array([K, 0.0, 0.0])
        for _ in range(500):
            flow = _step(flow, 2)
            if not 1e-3 < flow[0] < 2.0:
                break
        return bool(flow[0] > 1.0)

    low, high = 0.2, 0.35
    while high - low > 4e-16:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if ends_up(middle) else (middle, high)
    return 0.5 * (low + high)


def niemeijer_van_leeuwen_flow(
    K: float | Sequence[float],
    n_steps: SupportsIndex,
    *,
    order: SupportsIndex = 2,
) -> Flow:
    r"""Flow of triangular-lattice couplings in the cumulant expansion.

    Parameters
    ----------
    K : float or sequence of float
        Reduced nearest-neighbour coupling, at least 0; or one value per column, from
        the first on (the others 0).
    n_steps : int
        Number of steps (:math:`b = \sqrt 3`), at least 0.
    order : {1, 2}
        Of the expansion.

    Returns
    -------
    Flow
        One column in first order, three in second; the constants are nan: they are
        not followed.

    Raises
    ------
    ValueError, TypeError
        For values outside their range.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.niemeijer_van_leeuwen_flow(0.3, 1, order=1).couplings[:, 0].round(7)
    array([0.3      , 0.2803445])
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    order = _order(order)
    rows = [start_couplings(K, 1 if order == 1 else 3)]
    _validate.finite(float(rows[0][0]), "K", least=0.0)
    for _ in range(steps):
        with np.errstate(over="ignore", invalid="ignore"):  # `Flow` says where
            rows.append(_step(rows[-1], order))
    constants = np.array([0.0] + [math.nan] * steps)
    return Flow(np.array(rows), constants, _LABELS[: len(rows[0])])


def _order(value: SupportsIndex) -> int:
    order = _validate.count(value, "order")
    if order > 2:
        raise ValueError(f"order must be 1 or 2, got {order}")
    return order


def checkerboard() -> FixedPoint:
    r"""Find the fixed point of checkerboard decimation with one coupling.

    Summing over one sublattice of the square lattice (:math:`b = \sqrt 2`) gives
    exactly :math:`K_1 = \tfrac14 \ln\cosh 4K` between new nearest neighbours,
    :math:`K_2 = \tfrac18 \ln\cosh 4K` across, and a four-spin coupling; adding
    :math:`K_2` to :math:`K_1` closes the map: :math:`K' = \tfrac38 \ln\cosh 4K`.

    Returns
    -------
    FixedPoint

    Notes
    -----
    Maris and Kadanoff, Am. J. Phys. 46, 652 (1978).

    Examples
    --------
    >>> import rgdl
    >>> point = rgdl.rg.checkerboard()
    >>> round(float(point.couplings[0]), 6), round(point.y_t, 6)
    (0.506981, 1.069961)
    """
    K = brentq(lambda x: _checkerboard(x) - x, 0.3, 1.0, xtol=1e-16, rtol=1e-15)
    return FixedPoint(
        "checkerboard closure, square",
        math.sqrt(2.0),
        np.array([K]),
        ("nn",),
        np.array([1.5 * math.tanh(4 * K)]),
        np.array([]),
        {},
    )


def checkerboard_flow(K: float, n_steps: SupportsIndex) -> Flow:
    r"""Flow of the checkerboard closure, :math:`K' = \tfrac38 \ln\cosh 4K`.

    Parameters
    ----------
    K : float
        Reduced nearest-neighbour coupling.
    n_steps : int
        Number of steps (:math:`b = \sqrt 2`), at least 0.

    Returns
    -------
    Flow
        The constants are those of the exact sum per site removed, without the dropped
        four-spin coupling: :math:`\ln 2 + \tfrac12 \ln\cosh 2K + \tfrac18 \ln\cosh 4K`.

    Raises
    ------
    ValueError, TypeError
        For values outside their range.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.checkerboard_flow(0.5, 1).couplings[:, 0].round(6)
    array([0.5     , 0.496876])
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    couplings, constants = [_validate.finite(K, "K")], [0.0]
    for _ in range(steps):
        last = couplings[-1]
        couplings.append(_checkerboard(last))
        constants.append(
            math.log(2.0) + log_cosh(2 * last) / 2 + log_cosh(4 * last) / 8
        )
    return Flow(np.array(couplings)[:, None], np.array(constants), ("nn",))


def _checkerboard(K: float) -> float:
    return 0.375 * log_cosh(4 * K)
