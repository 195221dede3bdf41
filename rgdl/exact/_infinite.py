"""Infinite planar lattices: square (Onsager), triangular and honeycomb (Houtappel).

Everything is written in quantities that vanish at the critical point or at zero
temperature with a small relative error, so that nothing cancels there:
arithmetic-geometric means keep their differences, and integrals use a mesh graded
towards the one point where the integrand may be singular.
"""

import math
from functools import cache
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.exact import _range
from rgdl.exact._series import (
    HIGH,
    LOW,
    honeycomb_series,
    square_series,
    triangular_series,
)
from rgdl.exact._thermodynamics import Thermodynamics

__all__ = ["diagonal_correlation", "honeycomb", "onsager", "triangular"]

Array = npt.NDArray[np.float64]

# Critical couplings: the nearest float64 and what it lacks.
SQUARE = (0.4406867935097715, -1.125272946412933e-17)
TRIANGULAR = (0.27465307216702745, -2.2678243087503825e-17)
HONEYCOMB = (0.6584789484624084, -4.341125422426011e-17)

_TINY = 1e-9  # below this K two terms of the high-temperature series are exact
_COLD = 1.0  # above this K the low-temperature series converges by 0.11 per term
_PANELS, _POINTS = 60, 14
_MOST_STEPS = 1000  # along a diagonal: some seconds


def onsager(K: float) -> Thermodynamics:
    r"""Ising model on the infinite square lattice without field, in closed form.

    Parameters
    ----------
    K : float
        Reduced coupling of either sign. `K_CRITICAL` counts as critical, although the
        exact number differs from that float64 in the 17th digit.

    Returns
    -------
    Thermodynamics
        Per site; `log_z` is nan. With the spontaneous `magnetization`, the limit of a
        field falling to 0 (0 for K < 0, where -K gives that of a sublattice), and
        `correlation_length`. Specific heat and correlation length are infinite at
        criticality.

    Raises
    ------
    ValueError, TypeError
        If K is not a finite number.

    Notes
    -----
    With :math:`k'' = 2\tanh^2 2K - 1` and complete elliptic integrals of modulus
    :math:`k = 2\sinh 2K/\cosh^2 2K` (L. Onsager, Phys. Rev. 65, 117 (1944)):

    .. math::

       \ln Z/N &= \ln(2\cosh 2K) + \frac1{2\pi}\int_0^\pi
           \ln\frac{1+\sqrt{1-k^2\sin^2 t}}2\,dt \\
       e &= -\coth 2K\,[1 + \tfrac2\pi k'' K_1] \\
       C &= \tfrac2\pi (K\coth 2K)^2\,
           [2K_1 - 2E_1 - (1-k'')(\tfrac\pi2 + k''K_1)] \\
       m &= (1 - \sinh^{-4} 2K)^{1/8} \quad (K > K_c)

    (m from C. N. Yang, Phys. Rev. 85, 808 (1952)). A domain wall costs
    :math:`\gamma = |2K + \ln\tanh K|` per lattice unit along an axis. Above the
    critical temperature the correlation length is :math:`1/\gamma`; below it connected
    correlations need two walls, hence :math:`1/2\gamma` (B. M. McCoy and T. T. Wu, The
    Two-Dimensional Ising Model, 1973). Nearest neighbours have <s s'> = -energy / 2.

    Relative errors are below 1e-12 for every K.

    Examples
    --------
    >>> import rgdl
    >>> exact = rgdl.exact.onsager(0.5)
    >>> round(exact.energy, 12), round(exact.magnetization, 12)
    (-1.745564575313, 0.911319377877)
    >>> round(rgdl.exact.onsager(0.4).correlation_length, 5)
    5.96238
    >>> rgdl.exact.onsager(rgdl.exact.K_CRITICAL).specific_heat
    inf
    """
    coupling = _range.coupling(K, "K")
    x = abs(coupling)
    if x == 0:
        return _per_site(0.0, math.log(2.0), 0.0, 0.0, magnetization=0.0, length=0.0)
    energies, heats = square_energy(np.array([x]))
    energy, heat = float(energies[0]), float(heats[0]) * x * x
    modulus, product, gamma = _square_moduli(x)
    entropy = None
    if x > _COLD:
        orders = 2.0 * np.arange(2, 2 + len(square_series()))
        terms = np.array(square_series()) * np.exp(-2 * x * orders)
        log_z = 2 * x + float(terms.sum())
        entropy = float(terms @ (1 + 2 * x * orders))
    else:
        mesh, weights = _graded_mesh()
        cosine = np.cos(mesh * math.pi / 2)
        root = np.hypot(np.sin(mesh * math.pi / 2), modulus * cosine)
        missing = product * cosine**2 / (1 + root)  # (1 + root) / 2 is 1 - missing
        log_z = math.log(2 * math.cosh(2 * x))
        log_z += float(weights @ np.log1p(-missing)) / 2
    m, length = 0.0, math.inf
    if x != SQUARE[0]:
        length = -1 / gamma if gamma < 0 else 1 / (2 * gamma)
        if gamma > 0 and coupling > 0:
            inverse = _inverse_sinh(2 * x)
            gap = _square_gap(x) * (1 + inverse) * (1 + inverse**2)
            m = gap**0.125
    else:
        energy, heat = -math.sqrt(2.0), math.inf
    return _per_site(
        coupling,
        log_z,
        math.copysign(energy, -coupling),
        heat,
        entropy=entropy,
        magnetization=m,
        length=length,
    )


def triangular(K: float) -> Thermodynamics:
    r"""Ising model on the infinite triangular lattice without field.

    Parameters
    ----------
    K : float
        Reduced coupling of either sign; each site has six neighbours. For K < 0 every
        triangle is frustrated.

    Returns
    -------
    Thermodynamics
        Per site; `log_z` is nan. With the spontaneous `magnetization`.

    Raises
    ------
    ValueError, TypeError
        If K is not a finite number.

    Notes
    -----
    R. M. F. Houtappel, Physica 16, 425 (1950):

    .. math::

       \ln Z/N = \ln 2 + \frac1{8\pi^2}\int_0^{2\pi}\!\!\int_0^{2\pi} \ln[
           \cosh^3 2K + \sinh^3 2K
           - \sinh 2K (\cos a + \cos b + \cos(a+b))]\,da\,db

    The inner integral is done in closed form, the outer one and its derivatives in K by
    Gauss's rule on a mesh graded towards the singular point. :math:`K_c = \ln 3/4`. The
    magnetization is R. B. Potts's (Phys. Rev. 88, 352 (1952)): with
    :math:`q = e^{-4K}`, :math:`m^8 = 1 - 16q^3/[(1+3q)(1-q)^3]`. At K = -infinity the
    entropy is :math:`\mathrm{Cl}_2(\pi/3)/\pi` = 0.3230659472 per site (G. H. Wannier,
    Phys. Rev. 79, 357 (1950), with his number corrected).

    Near K = 0 and above K = 1.1 exact series take the integral's place, so that
    relative errors are below 1e-12 for every K.

    Examples
    --------
    >>> import rgdl
    >>> round(rgdl.exact.triangular(-20).entropy, 10)
    0.3230659472
    >>> round(rgdl.exact.triangular(rgdl.exact.critical(2).K_c["triangular"]).energy, 8)
    -2.0
    """
    coupling = _range.coupling(K, "K")
    x = abs(coupling)
    mesh, weights = _graded_mesh()
    q = math.exp(-4 * x)
    if coupling >= 0:
        a = mesh * math.pi
        w = -math.expm1(-4 * _beyond(x, TRIANGULAR))  # 1 - 3 q
        gap = np.array([w * w / 4, 6 * q * w, 72 * q * q - 24 * q * w])
        bond = np.array([q * (1 - q) / 2, 4 * q * q - 2 * q, 8 * q - 32 * q * q])
        sides = _sides(a)
        ground = 3.0
    else:  # soft where cos(a / 2) = 1/2
        third = 2 * math.pi / 3
        a = np.concatenate([-third * mesh, (math.pi - third) * mesh])
        weights = np.concatenate([2 * weights, weights]) / 3
        soft = -2 * np.sin(math.pi / 3 + a / 4) * np.sin(a / 4)
        gap = np.array([q * (3 + q) / 4, -q * (3 + 2 * q), q * (12 + 16 * q)])
        bond = np.array([-math.expm1(-4 * x) / 2, 2 * q, -8 * q])
        sides = np.array([2 * soft**2, 2 * (soft + 1) ** 2])
        ground = 1.0
    if coupling > LOW or x < HIGH:
        value, slope, bend = triangular_series(coupling)
        slope = abs(slope) if x < HIGH else slope
        ground = 3.0 if coupling > LOW else 0.0
    else:
        value, slope, bend = _mean_log(gap, bond, sides, weights)
    offset = math.log(2.0) if x < HIGH else 0.0
    heat = x * x * max(bend, 0.0)
    m = 0.0
    if x == TRIANGULAR[0] and coupling > 0:
        heat = math.inf
    elif coupling > TRIANGULAR[0]:
        m = (w * (1 + q) ** 3 / ((1 + 3 * q) * (1 - q) ** 3)) ** 0.125
    return _per_site(
        coupling,
        ground * x + value + offset,
        math.copysign(ground + slope, -coupling) if coupling else 0.0,
        heat,
        entropy=offset + (value - x * slope),
        magnetization=m,
    )


def honeycomb(K: float) -> Thermodynamics:
    r"""Ising model on the infinite honeycomb lattice without field.

    Parameters
    ----------
    K : float
        Reduced coupling of either sign; each site has three neighbours.

    Returns
    -------
    Thermodynamics
        Per site; `log_z` is nan. With the spontaneous `magnetization` (0 for K < 0,
        where -K gives that of a sublattice).

    Raises
    ------
    ValueError, TypeError
        If K is not a finite number.

    Notes
    -----
    R. M. F. Houtappel, Physica 16, 425 (1950):

    .. math::

       \ln Z/N = \tfrac34\ln 2 + \frac1{16\pi^2}\int_0^{2\pi}\!\!\int_0^{2\pi} \ln[
           1 + \cosh^3 2K - \sinh^2 2K (\cos a + \cos b + \cos(a+b))]\,da\,db

    evaluated as for `triangular`. :math:`K_c = \ln(2+\sqrt 3)/2`. The magnetization is
    S. Naya's (Prog. Theor. Phys. 11, 53 (1954)): with :math:`z = e^{-2K}`,
    :math:`m^8 = 1 - 16z^3(1+z^3)/[(1-z)(1-z^2)]^3`. Relative errors are below 1e-12 for
    every K.

    Examples
    --------
    >>> import rgdl
    >>> round(rgdl.exact.honeycomb(10.0).energy, 12)
    -1.5
    """
    coupling = _range.coupling(K, "K")
    x = abs(coupling)
    mesh, weights = _graded_mesh()
    z = math.exp(-2 * x)
    beyond = _beyond(x, HONEYCOMB)
    h = 1 - 4 * z + z * z
    if x < 1:
        h = 4 * z * math.sinh(x + HONEYCOMB[0]) * math.sinh(beyond)
    # gap = w^2 / 8 with w = h (1 + z); derivatives in K, where z' = -2z
    w = h * (1 + z)
    w1 = 6 * z + 12 * z**2 - 6 * z**3
    w2 = -12 * z - 48 * z**2 + 36 * z**3
    gap = np.array([w * w / 8, w * w1 / 4, (w1 * w1 + w * w2) / 4])
    bond = np.array(
        [
            z * (1 - z * z) ** 2 / 4,
            (-2 * z + 12 * z**3 - 10 * z**5) / 4,
            (4 * z - 72 * z**3 + 100 * z**5) / 4,
        ]
    )
    ground, offset = 1.5, 0.0
    if x > LOW or x < HIGH:
        value, slope, bend = honeycomb_series(x)
        if x < HIGH:
            ground, offset = 0.0, math.log(2.0)
    else:
        value, slope, bend = _mean_log(gap, bond, _sides(mesh * math.pi), weights)
        value, slope, bend = value / 2 + math.log(2.0) / 4, slope / 2, bend / 2
    heat = x * x * max(bend, 0.0)
    m = 0.0
    if x == HONEYCOMB[0]:
        heat = math.inf
    elif coupling > HONEYCOMB[0]:
        m = (h * (1 + z * z) ** 3 / ((1 - z) ** 6 * (1 + z) ** 2)) ** 0.125
    return _per_site(
        coupling,
        ground * x + value + offset,
        math.copysign(ground + slope, -coupling) if coupling else 0.0,
        heat,
        entropy=offset + (value - x * slope),
        magnetization=m,
    )


def diagonal_correlation(K: float, n: SupportsIndex) -> float:
    r"""Correlation <s(0,0) s(n,n)> along a diagonal of the infinite square lattice.

    Parameters
    ----------
    K : float
        Reduced coupling of either sign (which does not matter: the two sites belong to
        one sublattice).
    n : int
        Steps along the diagonal, 0 to 1000.

    Returns
    -------
    float
        With an absolute error of about 1e-14.

    Raises
    ------
    ValueError, TypeError
        If K is not finite or n out of range.

    Notes
    -----
    The n x n Toeplitz determinant of

    .. math::

       a_j = \frac1{2\pi}\int_{-\pi}^{\pi} e^{-ij\theta} \left[
           \frac{\sinh^2 2K - e^{-i\theta}}{\sinh^2 2K - e^{i\theta}}
           \right]^{1/2} d\theta

    (J. Stephenson, J. Math. Phys. 5, 1009 (1964); B. M. McCoy and T. T. Wu, The
    Two-Dimensional Ising Model, 1973). At criticality it is
    :math:`(2/\pi)^n\prod_{k=1}^{n-1}(1 - 1/4k^2)^{k-n}`, falling as
    0.645002 :math:`n^{-1/4}`.

    Examples
    --------
    >>> import math
    >>> import rgdl
    >>> K_c = rgdl.exact.K_CRITICAL
    >>> round(rgdl.exact.diagonal_correlation(K_c, 1) * math.pi / 2, 12)
    1.0
    """
    x = abs(_range.coupling(K, "K"))
    steps = _validate.count(n, "n", least=0)
    if steps > _MOST_STEPS:
        raise ValueError(f"n must be at most {_MOST_STEPS}, got {steps}")
    if steps == 0 or x > 20:
        return 1.0
    mesh, weights = _mesh(_POINTS + steps)
    theta = mesh * math.pi
    excess = 2 * math.cosh(x + SQUARE[0]) * math.sinh(_beyond(x, SQUARE))
    excess *= math.sinh(2 * x) + 1  # sinh^2 2K - 1
    phase = np.arctan2(np.sin(theta), excess + 2 * np.sin(theta / 2) ** 2)
    orders = np.arange(1 - steps, steps)
    a = np.array([np.cos(k * theta - phase) @ weights for k in orders])
    rows = np.arange(steps)
    return float(np.linalg.det(a[rows[:, None] - rows + steps - 1]))


def square_energy(x: Array) -> tuple[Array, Array]:
    """Energy per site and specific heat / K^2 of the square lattice for K = x > 0.

    Elliptic integrals come from the arithmetic-geometric mean of 1 and k', whose
    differences d are kept so that each bracket is a sum of positive terms.
    """
    sech, tanh = 1 / np.cosh(np.minimum(2 * x, 700.0)), np.tanh(2 * x)
    near = np.minimum(x, _COLD)
    excess = 2 * np.cosh(near + SQUARE[0]) * np.sinh((near - SQUARE[0]) - SQUARE[1])
    modulus = np.abs(excess * (np.sinh(2 * near) + 1) * sech**2)
    modulus = np.where(x > _COLD, 1 - 2 * sech**2, modulus)
    cold = x > SQUARE[0]
    d = 2 * np.where(cold, sech, tanh) ** 2  # 1 - k'
    a, b = np.ones_like(x), np.maximum(modulus, 1e-300)
    first, later, squares = d, np.zeros_like(x), np.zeros_like(x)
    power = 2.0
    while bool(np.any(d > 1e-20 * first)) and power < 2.0**20:
        squares += power * d * d / 4
        power *= 2
        d = d * d / (2 * (np.sqrt(a) + np.sqrt(b)) ** 2)
        later += d
        a, b = (a + b) / 2, np.sqrt(a * b)
    rest = (first - later) / 2  # of the mean above k'
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = -np.where(cold, 1 + modulus / a, rest / a) / tanh
        heat = (sech**2 * (first + later) + squares) / (a * tanh**2)
    high = x < _TINY
    return np.where(high, -2 * x, energy), np.where(high, 2.0, heat)


def _square_moduli(x: float) -> tuple[float, float, float]:
    """K' with the sign of K - K_c, k^2 / 2, and 2K + ln tanh K."""
    sech, tanh = 1 / math.cosh(min(2 * x, 700.0)), math.tanh(2 * x)
    product = 2 * (tanh * sech) ** 2
    if x > _COLD:
        modulus = tanh**2 - sech**2
        return modulus, product, 2 * x + math.log(math.tanh(x))
    s = math.sinh(2 * x)
    excess = 2 * math.cosh(x + SQUARE[0]) * math.sinh(_beyond(x, SQUARE))  # s - 1
    gamma = 2 * math.asinh(excess / math.sqrt(2 * s))
    return excess * (s + 1) * sech**2, product, gamma


def _inverse_sinh(y: float) -> float:
    return -2 * math.exp(-y) / math.expm1(-2 * y)


def _square_gap(x: float) -> float:
    """1 - 1 / sinh 2K."""
    if x > _COLD:
        return 1 - _inverse_sinh(2 * x)
    excess = 2 * math.cosh(x + SQUARE[0]) * math.sinh(_beyond(x, SQUARE))
    return excess / math.sinh(2 * x)


def _beyond(x: float, critical: tuple[float, float]) -> float:
    return (x - critical[0]) - critical[1]


def _per_site(
    K: float,
    log_z: float,
    energy: float,
    heat: float,
    *,
    magnetization: float,
    entropy: float | None = None,
    length: float | None = None,
) -> Thermodynamics:
    return Thermodynamics(
        n_sites=math.inf,
        K=K,
        log_z=math.nan,
        log_z_per_site=log_z,
        energy=energy + 0.0,
        specific_heat=heat,
        entropy=log_z + K * energy if entropy is None else entropy,
        magnetization=magnetization,
        correlation_length=length,
    )


@cache
def _graded_mesh() -> tuple[Array, Array]:
    return _mesh(_POINTS)


def _mesh(points: int) -> tuple[Array, Array]:
    """Gauss points and weights on (0, 1), in panels that halve towards 0."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    edges = 0.5 ** np.arange(_PANELS, -1.0, -1.0)
    edges[0] = 0.0
    half = np.diff(edges)[:, None] / 2
    mesh = (edges[:-1, None] + half * (1 + nodes)).ravel()
    return mesh, (half * weights).ravel()


def _sides(a: Array) -> Array:
    """3 - cos a -+ 2 cos(a/2)."""
    near = 2 * np.sin(a / 2) ** 2
    return np.array([near + 4 * np.sin(a / 4) ** 2, near + 4 * np.cos(a / 4) ** 2])


def _mean_log(
    gap: Array, bond: Array, sides: Array, weights: Array
) -> tuple[float, float, float]:
    """Mean of ln(sqrt D_1 + sqrt D_2), D = gap + bond * side, and two derivatives.

    It is half the integral over b of ln[P - Q cos b], P -+ Q = D, plus ln 2.
    """
    d, d1, d2 = (g + b * sides for g, b in zip(gap, bond, strict=True))
    root = np.sqrt(d)
    whole = root.sum(axis=0)
    first = (d1 / (2 * root)).sum(axis=0) / whole
    second = (d2 / (2 * root) - d1**2 / (4 * d * root)).sum(axis=0) / whole - first**2
    return (
        float(weights @ np.log(whole)),
        float(weights @ first),
        float(weights @ second),
    )
