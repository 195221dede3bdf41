"""Migdal and Kadanoff: move bonds together, then sum over the spins between."""

import math
from collections.abc import Callable
from typing import SupportsIndex

import numpy as np
from scipy.optimize import brentq

from rgdl import _validate
from rgdl.rg._fixed_point import FixedPoint
from rgdl.rg._flow import Flow

__all__ = ["migdal_kadanoff", "migdal_kadanoff_flow"]

_ORDERS = ("move-decimate", "decimate-move")
_STEP = 1e-6  # b - 1 of steps that can still be told from none


def migdal_kadanoff(
    *, b: float = 2, d: float = 2, order: str = "move-decimate"
) -> FixedPoint:
    r"""Find the fixed point of the Migdal-Kadanoff transformation of the Ising model.

    .. math:: \tanh K' = \tanh^b (b^{d-1} K)

    Parameters
    ----------
    b : float
        Length scale factor: a real number from 1 + 1e-6 on (nearer to 1 rounding hides
        the step), or 1, the limit b -> 1,
        :math:`dK/d\ln b = (d-1) K + \tfrac12 \sinh 2K \ln\tanh K`, whose fixed point
        in d = 2 is Onsager's.
    d : float
        Dimension, above 1.
    order : {"move-decimate", "decimate-move"}
        Which half of the step comes first. The other order is the same map seen half a
        step later: :math:`K^*` is :math:`b^{d-1}` times larger, exponents are equal.

    Returns
    -------
    FixedPoint

    Raises
    ------
    ValueError, TypeError
        For b below 1 or too near to it, d not above 1, another order, or where
        :math:`b^{d-1}` or :math:`K^*` leaves the range of float64.

    Notes
    -----
    Migdal, Sov. Phys. JETP 42, 743 (1976); Kadanoff, Ann. Phys. 100, 359 (1976). The
    magnetic exponent depends on how the field is moved. Here every site's field is
    shared equally by its 2d bonds and moves with them (bond fields); then to first
    order :math:`h' = b^{d-1} e^{2 (\tilde K - K')} h` with :math:`\tilde K` the moved
    coupling, and for b -> 1 :math:`y_h = (d-1)(1 + 2 K^*)`.

    Examples
    --------
    >>> import rgdl
    >>> limit = rgdl.rg.migdal_kadanoff(b=1)
    >>> round(float(limit.couplings[0] - rgdl.exact.critical(2).K_c["square"]), 12)
    0.0
    >>> round(limit.y_t, 10), round(rgdl.rg.migdal_kadanoff(b=3).y_t, 8)
    (0.7535495197, 0.73814049)
    """
    b = _validate.finite(b, "b", least=1.0)
    d = _above_one(d, "d")
    _validate.one_of(order, "order", _ORDERS)
    name = f"Migdal-Kadanoff, d={d:g}, {order}"
    if b == 1:
        return _differential(d, name)
    if b < 1 + _STEP:
        raise ValueError(
            f"b must be 1 (the limit) or at least 1 + {_STEP:g}, got 1 + {b - 1:g}"
        )
    try:
        K, thermal, magnetic = _fixed(b, d)
    except (OverflowError, ZeroDivisionError):
        raise ValueError(
            f"b and d must be smaller: b^(d - 1) or K* leaves the range of float64 at "
            f"b={b:g}, d={d:g}"
        ) from None
    if order == "decimate-move":
        K *= b ** (d - 1)
    return FixedPoint(
        name, b, np.array([K]), ("nn",), np.array([thermal]), np.array([magnetic]), {}
    )


def _fixed(b: float, d: float) -> tuple[float, float, float]:
    """K* and both eigenvalues; OverflowError where numbers get too large or small."""
    moved = b ** (d - 1)

    def gain(log_K: float) -> float:
        """ln(K'/K), as K* may be tiny."""
        K = math.exp(log_K)
        coarse = _decimated(K * moved, b)
        if not (0 < K and 0 < coarse < math.inf):
            raise OverflowError
        return math.log(coarse) - log_K

    low = high = 0.0
    while gain(low) > 0:
        low -= 1
    while gain(high) < 0:
        high += 1
    K = math.exp(brentq(gain, low, high, xtol=1e-15, rtol=1e-15))
    # tanh K' = t^b: (1 - tanh^2 K') dK' = b t^(b-1) (1 - t^2) dK~
    thermal = moved * b * _power_ratio(K * moved, b)
    magnetic = moved * math.exp(2 * (moved - 1) * K)
    if not (0 < thermal < math.inf and magnetic < math.inf):
        raise OverflowError
    return K, thermal, magnetic


def _differential(d: float, name: str) -> FixedPoint:
    def velocity(K: float) -> float:
        return (d - 1) * K - 0.5 * _product(K, math.sinh)

    low = 1e-3
    while velocity(low) > 0:
        low /= 2
    high = 1.0
    while velocity(high) < 0:
        high *= 2
    K = brentq(velocity, low, high, xtol=1e-16, rtol=1e-15)
    # d/dK of the velocity; sinh 2K times the derivative of ln tanh K is 2
    thermal = (d - 1) - _product(K, math.cosh) + 1.0
    magnetic = (d - 1) * (1 + 2 * K)
    return FixedPoint(
        name, 1.0, np.array([K]), ("nn",), np.array([thermal]), np.array([magnetic]), {}
    )


def migdal_kadanoff_flow(
    K: float,
    n_steps: SupportsIndex,
    *,
    b: float = 2,
    d: float = 2,
    order: str = "move-decimate",
) -> Flow:
    r"""Flow of the nearest-neighbour coupling under Migdal and Kadanoff's steps.

    Parameters
    ----------
    K : float
        Reduced coupling; not negative unless b is an integer.
    n_steps : int
        Number of steps, at least 0.
    b : float
        Length scale factor, above 1.
    d : float
        Dimension, at least 1; d = 1 is the exact decimation of the chain.
    order : {"move-decimate", "decimate-move"}
        Which half of a step comes first.

    Returns
    -------
    Flow
        ``constants[i]`` is what step i adds to -H per site of its coarse lattice, so
        that :math:`\sum_i b^{-id} c_i` (with ln 2 per site of the last lattice, when
        its K is 0) is ln Z per site: an upper bound to it, as moving bonds only raises
        Z (Kadanoff 1976). For "decimate-move" the constants are nan: sites on several
        bond lines would be summed twice.

    Raises
    ------
    ValueError, TypeError
        For values outside their range.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.rg.migdal_kadanoff_flow(0.4, 3).couplings[:, 0].round(6)
    array([0.4     , 0.473403, 0.611435, 0.880038])
    """
    steps = _validate.count(n_steps, "n_steps", least=0)
    b = _above_one(b, "b")
    d = _validate.finite(d, "d", least=1.0)
    _validate.one_of(order, "order", _ORDERS)
    value = _validate.finite(K, "K")
    if value < 0 and b != int(b):
        raise ValueError(f"K must not be negative when b is not an integer, got {K}")
    try:
        moved = b ** (d - 1)
        inside = (b**d - 1) - d * (b - 1)  # sites that lose all their bonds
    except OverflowError:
        raise ValueError(
            f"b and d must be smaller: b^d leaves the range of float64 at b={b:g}, "
            f"d={d:g}"
        ) from None
    couplings, constants = [value], [0.0]
    for _ in range(steps):
        if order == "move-decimate":
            bond = moved * couplings[-1]
            couplings.append(_decimated(bond, b))
            constants.append(d * _chain_constant(bond, b) + inside * math.log(2.0))
        else:
            couplings.append(moved * _decimated(couplings[-1], b))
            constants.append(math.nan)
    return Flow(np.array(couplings)[:, None], np.array(constants), ("nn",))


def _above_one(value: float, name: str) -> float:
    number = _validate.finite(value, name, least=1.0)
    if number == 1:
        raise ValueError(f"{name} must be above 1, got {value}")
    return number


def _decimated(K: float, b: float) -> float:
    """Coupling K' of a chain of b bonds K: tanh K' = tanh^b K.

    With x = -ln tanh |K|, from e^{-2|K|} without cancellation: K' = atanh e^{-b x}.
    """
    if K == 0:
        return 0.0
    if abs(K) > 20 + 0.5 * math.log(b):  # b x < 1e-17: the next term is lost
        coarse = abs(K) - 0.5 * math.log(b)
        return -coarse if K < 0 and b % 2 == 1 else coarse
    x = _log_cotangent(abs(K))
    # atanh(e^-y) = -ln(tanh(y / 2)) / 2
    coarse = 0.5 * _log_cotangent(0.5 * b * x)
    return -coarse if K < 0 and b % 2 == 1 else coarse


def _log_cotangent(K: float) -> float:
    """-ln tanh K for K > 0: small numbers keep their digits."""
    if K < 1e-100:
        return -math.log(K)
    if K > 300:
        return 2 * math.exp(-2 * K)
    return math.log1p(2.0 / math.expm1(2 * K))


def _product(K: float, f: Callable[[float], float]) -> float:
    """-f(2K) ln tanh K for f = sinh or cosh: 1 + O(e^{-4K})."""
    return 1.0 if K > 10 else f(2 * K) * _log_cotangent(K)


def _power_ratio(K: float, b: float) -> float:
    """t^(b-1) (1 - t^2) / (1 - t^2b) with t = tanh K: sinh x / sinh b x, t = e^-x."""
    x = _log_cotangent(K)
    if x == 0:
        return 1 / b
    return math.expm1(-2 * x) / math.expm1(-2 * b * x) * math.exp((1 - b) * x)


def _chain_constant(K: float, b: float) -> float:
    """Ln A of a chain of b bonds summed over its b - 1 inner spins: A e^{K' s s'}.

    A = (2 cosh K)^b sqrt(1 - tanh^2b K) / 2, in a form for large K.
    """
    size = abs(K)
    log_2cosh = size + math.log1p(math.exp(-2 * size))
    if size == 0:
        return (b - 1) * math.log(2.0)
    if size > 20 + math.log(b):
        tail = 0.5 * math.log(4 * b) - size
    else:
        tail = 0.5 * math.log(-math.expm1(-2 * b * _log_cotangent(size)))
    return b * log_2cosh - math.log(2.0) + tail
