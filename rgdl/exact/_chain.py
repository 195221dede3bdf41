"""The Ising ring in a field, by its transfer matrix."""

import math
from typing import SupportsIndex

from rgdl import _validate
from rgdl.exact import _range
from rgdl.exact._thermodynamics import Thermodynamics

__all__ = ["chain"]

_UNDERFLOW = 600.0  # smallest exponents kept are e^{-600}


def chain(N: SupportsIndex, K: float, h: float = 0.0) -> Thermodynamics:
    r"""Ising ring of N sites in a field, by its 2 x 2 transfer matrix.

    Parameters
    ----------
    N : int
        Number of sites, at least 2 (N = 2 has two bonds).
    K, h : float
        Reduced coupling and field, of either sign.

    Returns
    -------
    Thermodynamics
        With `magnetization`.

    Raises
    ------
    ValueError, TypeError
        For N below 2 or parameters that are not finite.

    Notes
    -----
    :math:`Z = \lambda_+^N + \lambda_-^N` with
    :math:`\lambda_\pm = e^K\cosh h \pm \sqrt{e^{2K}\sinh^2 h + e^{-2K}}` (Ising 1925;
    Kramers and Wannier, Phys. Rev. 60, 252 (1941)). Derivatives are
    analytic. Specific heat and entropy come from powers of the matrix by squaring,
    whose entries carry mean, variance and entropy of their exponents: all parts are
    positive, so that relative errors stay about 1e-13 in the cold as well.

    Examples
    --------
    >>> import rgdl
    >>> exact = rgdl.exact.chain(8, 0.5)
    >>> round(exact.log_z, 10), round(exact.energy, 10)
    (6.5081711173, -0.465649251)
    """
    n_sites = _validate.count(N, "N", least=2)
    coupling = _range.coupling(K, "K")
    field = _range.coupling(h, "h")
    bonds, spins = _means(n_sites, coupling, field)
    log_z, entropy, curvature = _scaled(n_sites, coupling, field)
    return Thermodynamics(
        n_sites=n_sites,
        K=coupling,
        h=field,
        log_z=log_z,
        energy=0.0 - bonds,
        specific_heat=curvature / n_sites,
        entropy=entropy / n_sites,
        magnetization=spins,
    )


def _means(n: int, K: float, h: float) -> tuple[float, float]:
    r"""<s s'> of neighbours and <s>: derivatives of ln Z / n in K and h.

    With u, v = e^K cosh h, e^K sinh h and y = e^{-K}, lambda_+- = u +- r where
    r^2 = v^2 + y^2; forms in which nothing cancels near K = 0 or h = 0.
    """
    scale = max(K + abs(h), -K)  # of the largest eigenvalue
    log_u, log_y = K + abs(h) - scale, -K - scale
    below = min(log_u + _UNDERFLOW, 0.0)  # only a frustrated ring feels what is cut off
    parallel = math.exp(log_u - below)
    u = parallel * (1 + math.exp(-2 * abs(h))) / 2
    v = math.copysign(-parallel * math.expm1(-2 * abs(h)) / 2, h)
    y = math.exp(max(log_y, -_UNDERFLOW))
    r = math.hypot(v, y)
    top = u + r
    product = -math.expm1(-4 * abs(K)) * math.exp(2 * (abs(K) - scale))
    rho = math.copysign(product, K) / top**2  # lambda_+ lambda_- = 2 sinh 2K
    lack = 1 - abs(rho) ** n
    if abs(rho) > 0.5:  # it may be small
        lack = -math.expm1(n * math.log1p(-2 * min(u, r) / top))
    odd, even = lack, 2 - lack  # 1 -+ rho^n
    if rho < 0 and n % 2 == 1:
        odd, even = even, odd
    bonds = rho + 2 * v * v / (r * top)
    bonds += 4 * rho ** (n - 1) * u * y * y / (even * r * top**2)
    return bonds, v / r * (odd / even)


#: Of a sum of e^{x_i}: mean x, entropy of its weights, variance of x. Its logarithm is
#: mean plus entropy; no part is the small difference of large numbers.
Sum = tuple[float, float, float]


def _scaled(n: int, K: float, h: float) -> tuple[float, float, float]:
    """Ln Z, its entropy and variance of H: powers of the transfer matrix by squaring.

    Exponents are relative to the best bond, and powers to their largest entry.
    """
    best = max(K + abs(h), -K)
    one = tuple((x - best, 0.0, 0.0) for x in (K + abs(h), -K, K - abs(h)))
    power, left_out = one, (0.0, 0.0, 0.0)
    for bit in f"{n:b}"[1:]:
        power, left_out = _product(power, power), _times(left_out, left_out)
        if bit == "1":
            power = _product(power, one)
        largest = max(power, key=lambda part: part[0] + part[1])
        mean, entropy, variance = largest
        power = tuple(
            (part[0] - mean, part[1] - entropy, part[2] - variance) for part in power
        )
        left_out = _times(left_out, largest)
    mean, entropy, variance = _times(left_out, _plus(power[0], power[2]))
    return n * best + mean + entropy, entropy, max(variance, 0.0)


def _product(a: tuple[Sum, ...], b: tuple[Sum, ...]) -> tuple[Sum, ...]:
    """Product of commuting symmetric matrices: up-up, up-down, down-down."""
    return (
        _plus(_times(a[0], b[0]), _times(a[1], b[1])),
        _plus(_times(a[0], b[1]), _times(a[1], b[2])),
        _plus(_times(a[1], b[1]), _times(a[2], b[2])),
    )


def _times(a: Sum, b: Sum) -> Sum:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _plus(a: Sum, b: Sum) -> Sum:
    if a[0] + a[1] < b[0] + b[1]:
        a, b = b, a
    shift = b[0] - a[0]
    gap = shift + (b[1] - a[1])
    odds = math.exp(gap)
    q = odds / (1 + odds)
    return (
        a[0] + q * shift,
        a[1] + q * (b[1] - a[1]) + math.log1p(odds) - q * gap,
        a[2] + q * (b[2] - a[2]) + q * (1 - q) * shift**2,
    )
