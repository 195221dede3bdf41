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
    Kramers and Wannier, Phys. Rev. 60, 252 (1941)). Derivatives are analytic.

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
    log_z, bonds, _ = _chain_derivatives(n_sites, coupling, field, (1.0, 0.0))
    _, spins, _ = _chain_derivatives(n_sites, coupling, field, (0.0, 1.0))
    _, scale, curvature = _chain_derivatives(
        n_sites, coupling, field, (coupling, field)
    )
    return Thermodynamics(
        n_sites=n_sites,
        K=coupling,
        h=field,
        log_z=log_z,
        energy=0.0 - bonds / n_sites,
        specific_heat=max(curvature, 0.0) / n_sites,
        entropy=(log_z - scale) / n_sites,
        magnetization=spins / n_sites,
    )


def _chain_derivatives(
    n: int, K: float, h: float, direction: tuple[float, float]
) -> tuple[float, float, float]:
    """Ln Z of the ring and its first two derivatives along `direction` in (K, h)."""
    along_k, along_h = direction
    scale = max(K + abs(h), -K)  # of the largest eigenvalue
    log_u, log_y = K + abs(h) - scale, -K - scale
    below = min(log_u + _UNDERFLOW, 0.0)  # only a frustrated ring feels what is cut off
    parallel = math.exp(log_u - below)
    u = parallel * (1 + math.exp(-2 * abs(h))) / 2
    v = math.copysign(-parallel * math.expm1(-2 * abs(h)) / 2, h)
    y = math.exp(max(log_y, -_UNDERFLOW))
    u1, v1, y1 = along_k * u + along_h * v, along_k * v + along_h * u, -along_k * y
    u2, v2, y2 = (
        along_k * u1 + along_h * v1,
        along_k * v1 + along_h * u1,
        along_k**2 * y,
    )
    r = math.hypot(v, y)
    r1 = (v * v1 + y * y1) / r
    r2 = (v1 * v1 + v * v2 + y1 * y1 + y * y2 - r1 * r1) / r
    top = u + r
    p1, p2 = (u1 + r1) / top, (u2 + r2) / top
    # rho = lambda_- / lambda_+ = (u - r) / (u + r), lambda_+ lambda_- = 2 sinh 2K
    product = -math.expm1(-4 * abs(K)) * math.exp(2 * (abs(K) - scale))
    rho = math.copysign(product, K) / top**2
    q1 = 2 * (u1 * r - u * r1) / top**2
    q2 = 2 * (u2 * r - u * r2) / top**2 - 2 * q1 * p1
    log_z = n * (scale + math.log(top))
    slope, bend = n * p1, n * (p2 - p1 * p1)
    if rho < -0.5 and n % 2 == 1:  # frustrated: 1 - |rho|^n may be small
        whole = -math.expm1(n * math.log1p(-2 * u / top))
        log_z += below
    else:
        whole = 1 + rho**n
    g1 = n * rho ** (n - 1) * q1
    g2 = n * (n - 1) * rho ** (n - 2) * q1 * q1 + n * rho ** (n - 1) * q2
    return (
        log_z + math.log(whole),
        slope + g1 / whole,
        bend + g2 / whole - (g1 / whole) ** 2,
    )
