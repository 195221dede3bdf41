"""The periodic square lattice of any size without field (Kaufman 1949)."""

import math

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.exact import _range
from rgdl.exact._frustrated import MOST_DIGITS, digits_needed, torus_sum
from rgdl.exact._series import square_bulk
from rgdl.exact._thermodynamics import Thermodynamics

__all__ = ["K_CRITICAL", "kaufman"]

#: Critical coupling of the square lattice, ln(1 + sqrt 2) / 2 (Onsager 1944).
K_CRITICAL = 0.5 * math.log1p(math.sqrt(2.0))

_FROZEN_FRUSTRATED = 20.0  # the same for e^{-4K}, with an odd extent and K < 0
_HOT = 1e-17  # below this |K| the first order in K is exact
_WARM = 1e-3  # below it the modes cancel: series, or decimals where loops are short
_COLD = 1.0  # above it they cancel in the specific heat
_SHORT = 12  # loops or walls around longer extents weigh less than 1e-17 then
_FROZEN = 80.0  # above this |K|, excitations of weight e^{-8K} do not matter


def kaufman(shape: tuple[int, int], K: float) -> Thermodynamics:
    r"""Ising model on a periodic m x n square lattice without field, in closed form.

    Parameters
    ----------
    shape : tuple of two int
        Extents, each at least 2. An extent of 2 counts its bond twice.
    K : float
        Reduced coupling of either sign. On two even extents the sublattices map K < 0
        on -K; an odd one is then frustrated.

    Returns
    -------
    Thermodynamics

    Raises
    ------
    ValueError
        For a wrong shape, K that is not finite, or K < 0 with an odd extent where
        -K (m + n) is so large that more than 2000 digits would cancel.

    Notes
    -----
    B. Kaufman, Phys. Rev. 76, 1232 (1949), eqs. 42-44:

    .. math::

       Z = \tfrac12 (2\sinh 2K)^{mn/2} \Bigl[
           \prod_r 2\cosh\tfrac{m\gamma_{2r+1}}2
         + \prod_r 2\sinh\tfrac{m\gamma_{2r+1}}2
         + \prod_r 2\cosh\tfrac{m\gamma_{2r}}2
         + \prod_r 2\sinh\tfrac{m\gamma_{2r}}2 \Bigr]

    with :math:`\cosh\gamma_r = \cosh 2K \coth 2K - \cos(\pi r/n)` and
    :math:`\gamma_0 = 2K + \ln\tanh K`, which is negative above the critical
    temperature. Energy and specific heat are analytic derivatives. The prefactor is
    absorbed mode by mode, so nothing large cancels at high temperature. Relative errors
    are below 1e-12 for every K.

    Below abs(K) = 1e-3, where modes cancel in the energy, and above 1, where they do in
    the specific heat, series of closed loops and of turned spins take their place, or
    decimal arithmetic (some ms) where an extent is below 12 and loops around the
    lattice are short. abs(K) is at most 1e6.

    For K < 0 the same four products serve with other signs: moving both momenta by pi
    turns K into -K and exchanges even and odd r along an odd extent. They then cancel
    to the weight of the domain walls that frustration forces, so this case is summed in
    decimal arithmetic of enough digits (1 ms at 15 x 15, 30 ms at
    101 x 101, 8 s at 1001 x 1001 and K = -0.9), with relative errors below 1e-14.

    Examples
    --------
    >>> import rgdl
    >>> exact = rgdl.exact.kaufman((8, 8), rgdl.exact.K_CRITICAL)
    >>> round(exact.log_z, 9), round(exact.energy, 9)
    (60.141780789, -1.491589107)
    """
    extents = _validate.shape_of(shape, "shape", max_ndim=2)
    if len(extents) != 2:
        raise ValueError(f"shape must have 2 extents, got {shape!r}; see exact.chain")
    coupling = _range.coupling(K, "K")
    m, n = sorted(extents)
    strength = abs(coupling)
    n_sites = m * n
    entropy = None  # ln Z - K slope, unless that cancels
    if strength == 0:
        log_z, slope, curvature = n_sites * math.log(2.0), 0.0, 0.0
    elif strength < _HOT:
        # one bond: <s s'> = tanh K, and tanh 2K where an extent of 2 doubles it
        curvature = n_sites * math.fsum(
            2.0 if extent == 2 else 1.0 for extent in (m, n)
        )
        log_z, slope = n_sites * math.log(2.0), strength * curvature
    elif coupling < 0 and (m % 2 or n % 2):
        log_z, slope, curvature, entropy = _frustrated(m, n, strength)
    elif strength > _FROZEN:
        log_z, slope, curvature = (
            math.log(2.0) + 2.0 * n_sites * strength,
            2.0 * n_sites,
            0.0,
        )
        entropy = math.log(2.0)
    elif strength < _WARM or strength > _COLD:
        log_z, slope, curvature, entropy = _by_loops(m, n, strength)
    else:
        log_z, slope, curvature = _kaufman_sum(m, n, strength)
    energy = -math.copysign(slope / n_sites, coupling) if slope else 0.0
    if entropy is None:
        entropy = log_z - strength * slope
    return Thermodynamics(
        n_sites=n_sites,
        K=coupling,
        log_z=log_z,
        energy=energy,
        specific_heat=max(coupling * (coupling * curvature), 0.0) / n_sites,
        entropy=entropy / n_sites,
    )


def _frustrated(m: int, n: int, x: float) -> tuple[float, float, float, float]:
    """`torus_sum`; in the frozen limit, ground states only."""
    m, n = (n, m) if n % 2 == 0 else (m, n)  # an even one comes first
    reached = min(x, _FROZEN_FRUSTRATED)
    digits = digits_needed(m, n, reached)
    if digits > MOST_DIGITS:
        raise ValueError(
            f"K < 0 on an odd extent: {digits} digits cancel at K={-x:g} and shape "
            f"{(m, n)}, more than {MOST_DIGITS}; take a smaller lattice or abs(K)"
        )
    log_z, slope, curvature, entropy = torus_sum(m, n, reached, antiferromagnet=True)
    if x > reached:
        slope, curvature = float(round(slope)), 0.0
        log_z += (x - reached) * slope
    return log_z, slope, curvature, entropy


def _by_loops(m: int, n: int, K: float) -> tuple[float, float, float, float]:
    """Ln Z, two derivatives, entropy at high or low temperature; m <= n."""
    if m < _SHORT:
        return torus_sum(n, m, K, antiferromagnet=False)
    sites = m * n
    value, slope, curvature = square_bulk(K)
    entropy = sites * (value - K * slope)  # less the states of weight 1
    if K > _COLD:
        log_z, slope = sites * (2 * K + value), 2 + slope
        log_states = math.log(2.0)
    else:
        log_z, log_states = sites * value, sites * math.log(2.0)
    return (
        log_states + log_z,
        sites * slope,
        sites * curvature,
        log_states + entropy,
    )


def _kaufman_sum(m: int, n: int, K: float) -> tuple[float, float, float]:
    """Ln Z and its first two derivatives in K, for K > 0.

    Every product is exp(l) with (l, l', l'') from `_modes`. The zero mode gives
    (2 sinh K e^K)^m +- (2 cosh K e^{-K})^m, which splits the last two products into two
    signed exponentials each: six smooth terms, and gamma_0 needs no sign of its own.
    """
    s = math.sinh(2 * K)
    odd = math.pi * (2 * np.arange(n) + 1) / n
    even = math.pi * 2 * np.arange(1, n) / n
    low = np.array([math.log(math.expm1(2 * K)), 2 / -math.expm1(-2 * K), 0.0])
    low[2] = -1 / math.sinh(K) ** 2
    high = np.array([math.log1p(math.exp(-2 * K)), -2 / (1 + math.exp(2 * K)), 0.0])
    high[2] = 1 / math.cosh(K) ** 2
    # Left out of every mode, or weights would feel the rounding of sums of size N.
    bulk = (math.log(2 * s) + float(np.mean(_gamma(odd, s)))) / 2
    low[0] -= bulk
    high[0] -= bulk
    cosh_rest, sinh_rest = _modes(m, even, K, bulk)
    terms = np.stack(
        [
            *_modes(m, odd, K, bulk),
            cosh_rest + m * low,
            cosh_rest + m * high,
            sinh_rest + m * low,
            sinh_rest + m * high,
        ]
    )
    weights = np.exp(terms[:, 0] - terms[:, 0].max()) * [1, 1, 1, 1, 1, -1]
    total = float(weights.sum())
    weights = weights / total
    slope = float(weights @ (terms[:, 1] - terms[0, 1]) + terms[0, 1])
    spread = float(weights @ (terms[:, 1] - slope) ** 2)
    log_z = m * n * bulk + (float(terms[:, 0].max()) + math.log(total / 2))
    return log_z, slope, float(weights @ terms[:, 2]) + spread


def _gamma(theta: npt.NDArray[np.float64], s: float) -> npt.NDArray[np.float64]:
    """Gamma at momenta theta and s = sinh 2K."""
    x2 = (1 - s) ** 2 / (2 * s) + np.sin(theta / 2) ** 2  # sinh^2(gamma / 2)
    return np.asarray(2 * np.arcsinh(np.sqrt(x2)))


def _modes(
    m: int, theta: npt.NDArray[np.float64], K: float, bulk: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(l, l', l'') of the products of (2 sinh 2K)^{m/2} 2cosh, 2sinh(m gamma/2).

    `bulk` is left out of l, m times each mode.

    One factor is (2 p)^{m/2} (1 +- e^{-m gamma}) with p = sinh 2K e^gamma = A + Q,
    A = cosh^2 2K - sinh 2K cos theta, Q^2 = A^2 - sinh^2 2K.
    """
    s, c = math.sinh(2 * K), math.cosh(2 * K)
    delta = 2 * np.sin(theta / 2) ** 2  # 1 - cos theta
    gamma = _gamma(theta, s)
    q = s * np.sinh(gamma)
    p = s * np.exp(gamma)
    # L = ln p from 2A = p + s^2 / p, differentiated; the numerator of L' is written
    # so that its factor of Q near criticality comes out without cancellation.
    top = (s - 1) * (2 * s * s - s + 1) + delta * (3 * s * s - 2 * s + 1 + delta * s)
    slope = 2 * c * (top + (2 * s - 1 + delta) * q) / (p * q)
    a = s * np.cosh(gamma)
    a2 = 8 * (s * s + c * c) - 4 * s * (1 - delta)
    q1 = a * slope - 2 * s * c / p
    bend = (a2 - 4 * (s * s + c * c) / p + 2 * s * c * slope / p - q1 * slope) / q
    decay = np.exp(-m * gamma)
    gamma1 = slope - 2 * c / s
    gamma2 = bend + 4 / s**2
    result = []
    for sign in (1.0, -1.0):
        whole = 1 + decay if sign > 0 else -np.expm1(-m * gamma)
        result.append(
            np.array(
                [
                    math.fsum(m * (np.log(2 * p) / 2 - bulk) + np.log(whole)),
                    np.sum(m / 2 * slope - sign * m * gamma1 * decay / whole),
                    np.sum(
                        m / 2 * bend
                        + sign * m * m * gamma1**2 * decay / whole**2
                        - sign * m * gamma2 * decay / whole
                    ),
                ]
            )
        )
    return result[0], result[1]
