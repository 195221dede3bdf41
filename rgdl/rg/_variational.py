r"""Kadanoff's variational renormalisation of the square lattice.

A new spin mu in every fourth plaquette couples to its four corners by
T = p mu (s1 + s2 + s3 + s4) - ln 2 cosh(p (s1 + s2 + s3 + s4)), a layer of a Boltzmann
machine with weights p. All potentials are moved to the plaquettes whose corners feel
four different mu; these can be summed one by one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from rgdl import _validate
from rgdl._states import Floats
from rgdl.rg._fixed_point import FixedPoint, sorted_eigenvalues
from rgdl.rg._flow import Flow, start_couplings

__all__ = ["FreeEnergyBound", "kadanoff_bound", "kadanoff_flow", "kadanoff_variational"]

# Spins at the four corners, in cyclic order, for the 16 states of a plaquette.
_S = 1.0 - 2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1)
_SUM = _S.sum(axis=1)
_NEXT, _ACROSS = np.roll(_S, 1, axis=1), np.roll(_S, 2, axis=1)
_FOUR = _S.prod(axis=1)
_LABELS = ("nn", "nnn", "plaquette", "field", "triple")
#: Columns: what multiplies 1, nn, nnn, 4-spin, s and triples in the potential.
_BASIS = np.stack(
    [
        np.ones(16),
        (_S * _NEXT).sum(axis=1),
        (_S * _ACROSS).sum(axis=1) / 2,
        _FOUR,
        _SUM,
        (_S * _FOUR[:, None]).sum(axis=1),
    ],
    axis=1,
)
#: Symmetric potentials to coefficients; the columns are orthogonal.
_PROJECT = _BASIS.T / (_BASIS**2).sum(axis=0)[:, None]
#: Plaquettes that share a bond, a diagonal, ..: coefficient to coupling per bond.
_SHARED = np.array([2.0, 1.0, 1.0, 4.0, 1.0])

_SCAN = 65  # values of p that `kadanoff_bound` tries first


def _log_2cosh(x: Floats) -> Floats:
    return np.asarray(np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))))


def _step(v: Floats, p: float) -> tuple[Floats, Floats]:
    """Give new coefficients from old ones (6 each), and P(s|mu), the summand.

    exp v'(mu) = sum_s exp(4 v(s) - u(s) + p mu.s), u = ln 2 cosh(p sum s).
    """
    exponents = (4 * (_BASIS @ v) - _log_2cosh(p * _SUM))[None, :] + p * (_S @ _S.T)
    top = exponents.max(axis=1, keepdims=True)
    weights = np.exp(exponents - top)
    total = weights.sum(axis=1, keepdims=True)
    potential = (np.log(total) + top)[:, 0]
    return _PROJECT @ potential, weights / total


def _jacobian(given: Floats) -> Floats:
    """dv'/dv in coefficients: dv'(mu)/dv(s) = 4 P(s|mu)."""
    return np.asarray(4 * _PROJECT @ given @ _BASIS)


def _fixed_coefficients(p: float) -> Floats:
    """Nontrivial fixed point at given p, constant 0: Newton on (nn, nnn, 4-spin).

    Starts from the fixed point at Kadanoff's p and follows it in steps of p.
    """
    v = np.array([0.0, 0.07, 0.14, -0.007, 0.0, 0.0])
    place = 0.766
    n_legs = max(1, math.ceil(abs(p - place) / 0.02))
    for leg in np.linspace(place, p, n_legs + 1)[1:] if p != place else [p]:
        for _ in range(60):
            image, given = _step(v, float(leg))
            gap = (image - v)[1:4]
            slope = _jacobian(given)[1:4, 1:4] - np.eye(3)
            change = np.linalg.solve(slope, gap)
            v[1:4] -= change
            if np.abs(change).max() < 1e-15:
                break
        else:
            raise _no_fixed_point(p)
    if v[1] <= 0:  # Newton has left for another branch
        raise _no_fixed_point(p)
    return v


def _no_fixed_point(p: float) -> ValueError:
    return ValueError(
        f"p must have a nontrivial fixed point (from about 0.647 to 1.2), got {p}"
    )


def _tilt(p: float) -> float:
    """Slope of the free-energy bound in p at the fixed point: w . dR/dp.

    w is the left eigenvector of eigenvalue 4: the stationary law of P(s|mu) on
    symmetric potentials; dv'(mu)/dp = E[mu.s - S tanh(p S) | mu].
    """
    _, given = _step(_fixed_coefficients(p), p)
    overlap = _S @ _S.T - (_SUM * np.tanh(p * _SUM))[None, :]
    slopes = (given * overlap).sum(axis=1)
    values, vectors = np.linalg.eig(given.T)
    stationary = vectors[:, np.argmax(values.real)].real
    return float(stationary @ slopes / stationary.sum())


def kadanoff_variational(*, p: float | None = None) -> FixedPoint:
    r"""Find the fixed point of Kadanoff's lower-bound variational transformation.

    .. math::
        e^{v'(\mu_1..\mu_4)} = \sum_{s_1..s_4}
        e^{4 v(s) - \ln 2\cosh(p \sum_i s_i) + p \sum_i \mu_i s_i}

    Parameters
    ----------
    p : float, optional
        Coupling of a block spin to its four corners. By default the one for which the
        free-energy bound is stationary at the fixed point.

    Returns
    -------
    FixedPoint
        ``couplings`` are nn and nnn (per bond), plaquette; p is in ``parameters``. In
        the even sector the potentials with the symmetry of the square are kept.

    Raises
    ------
    ValueError, TypeError
        When p has no such fixed point (it has one from about 0.647 to 1.2).

    Notes
    -----
    Kadanoff, Phys. Rev. Lett. 34, 1005 (1975); Kadanoff, Houghton and Yalabik, J. Stat.
    Phys. 14, 171 (1976). T is ln p(h|v) of a Boltzmann machine with weights p on the
    block: this is the one-layer machine of Mehta and Schwab. The second even eigenvalue
    belongs to nn and nnn changing against each other.

    Examples
    --------
    >>> import rgdl
    >>> point = rgdl.rg.kadanoff_variational()
    >>> round(point.parameters["p"], 10)
    0.7659830352
    >>> round(point.y_t, 8), round(point.y_h, 8)
    (1.00087893, 1.87531581)
    """
    if p is None:
        p = brentq(_tilt, 0.70, 0.85, xtol=1e-15, rtol=1e-14)
    else:
        p = _validate.finite(p, "p")
        if not 0.6 <= p <= 1.2:
            raise _no_fixed_point(p)
    v = _fixed_coefficients(p)
    _, given = _step(v, p)
    slopes = _jacobian(given)
    return FixedPoint(
        "Kadanoff variational, square",
        2.0,
        v[1:4] * _SHARED[:3],
        _LABELS[:3],
        sorted_eigenvalues(slopes[1:4, 1:4]),
        sorted_eigenvalues(slopes[4:, 4:]),
        {"p": p},
    )


def _start(K: float, h: float) -> Floats:
    """Plaquette potential of the nearest-neighbour model: its share of K and h."""
    return np.array([0.0, K / 2, 0.0, 0.0, h / 4, 0.0])


def kadanoff_flow(
    K: float | Sequence[float],
    n_steps: SupportsIndex,
    *,
    p: float,
    h: float = 0.0,
) -> Flow:
    r"""Flow of the square lattice's couplings under Kadanoff's transformation.

    Parameters
    ----------
    K : float or sequence of float
        Reduced nearest-neighbour coupling; or up to three: nn, nnn, plaquette.
    n_steps : int
        Number of steps (b = 2), at least 0.
    p : float
        Coupling of a block spin to its four corners, the same in every step.
    h : float
        Reduced field per site.

    Returns
    -------
    Flow
        Columns nn and nnn (per bond), plaquette, field (per site) and triple (three
        corners of a plaquette). ``constants[i]`` is what step i adds to -H per site of
        its coarse lattice: :math:`\sum_i 4^{-i} c_i` bounds ln Z per site from above.

    Raises
    ------
    ValueError, TypeError
        For values that are not finite.

    Notes
    -----
    At a fixed p both sinks sit at finite couplings: judge the phase by the direction of
    the flow, not by K going to 0 or infinity.

    Examples
    --------
    >>> import rgdl
    >>> K_c = rgdl.exact.critical(2).K_c["square"]
    >>> rgdl.rg.kadanoff_flow(K_c, 1, p=0.7659830352).couplings[1, :3].round(8)
    array([0.35987022, 0.00716676, 0.02528061])
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    p = _validate.finite(p, "p")
    v = np.zeros(6)
    v[1:4] = start_couplings(K, 3) / _SHARED[:3]
    v[4] = _validate.finite(h, "h") / _SHARED[3]
    rows, constants = [v[1:] * _SHARED], [0.0]
    for _ in range(steps):
        with np.errstate(over="ignore", invalid="ignore"):  # `Flow` says where
            v = _step(v, p)[0]
            rows.append(v[1:] * _SHARED)
        constants.append(float(v[0]))
        v[0] = 0.0
    return Flow(np.array(rows), np.array(constants), _LABELS)


@dataclass(frozen=True)
class FreeEnergyBound:
    """An upper bound to ln Z per site: a lower bound to the free energy.

    Attributes
    ----------
    log_z_per_site : float
        The bound, in nats.
    p : float
        Coupling of block spins to their corners that gives it.

    Examples
    --------
    >>> import rgdl
    >>> bound = rgdl.rg.kadanoff_bound(0.4)
    >>> bound.log_z_per_site > rgdl.exact.onsager(0.4).log_z_per_site
    True
    """

    log_z_per_site: float
    p: float


def kadanoff_bound(
    K: float, *, h: float = 0.0, p: float | None = None
) -> FreeEnergyBound:
    r"""Kadanoff's variational bound on ln Z of the infinite square lattice.

    Parameters
    ----------
    K : float
        Reduced nearest-neighbour coupling.
    h : float
        Reduced field per site.
    p : float, optional
        Coupling of block spins, the same on all levels; by default the one with the
        tightest bound.

    Returns
    -------
    FreeEnergyBound

    Raises
    ------
    ValueError, TypeError
        For values that are not finite.

    Notes
    -----
    Moving potentials changes the energy by an amount of mean 0 and so can only raise Z
    (Jensen; Kadanoff, Phys. Rev. Lett. 34, 1005 (1975)).

    Examples
    --------
    >>> import rgdl
    >>> bound = rgdl.rg.kadanoff_bound(0.4)
    >>> round(bound.log_z_per_site, 8), round(bound.p, 5)
    (0.90102501, 0.59677)
    """
    K, h = _validate.finite(K, "K"), _validate.finite(h, "h")
    if p is not None:
        p = _validate.finite(p, "p")
        return FreeEnergyBound(_log_z(K, h, p), p)
    # in a field there are several minima: scan before descending
    grid = np.linspace(0.0, 2.0 + 2.0 * abs(K) + abs(h), _SCAN)
    values = [_log_z(K, h, float(x)) for x in grid]
    at = int(np.argmin(values))
    best = minimize_scalar(
        lambda x: _log_z(K, h, x),
        bounds=(float(grid[max(at - 1, 0)]), float(grid[min(at + 1, _SCAN - 1)])),
        method="bounded",
        options={"xatol": 1e-9},
    )
    if best.fun < values[at]:
        return FreeEnergyBound(float(best.fun), float(best.x))
    return FreeEnergyBound(values[at], float(grid[at]))


def _log_z(K: float, h: float, p: float) -> float:
    """sum_n 4^-n c_n: potentials at most double per step, so 60 steps are plenty."""
    v, total = _start(K, h), 0.0
    for n in range(1, 61):
        v = _step(v, p)[0]
        total += 0.25**n * v[0]
        v[0] = 0.0
    return float(total)
