"""Critical points, exponents and universal numbers; reading K off an energy."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.exact._infinite import HONEYCOMB, SQUARE, TRIANGULAR, square_energy
from rgdl.exact._kaufman import kaufman

__all__ = ["CriticalData", "critical", "k_eff", "universal_log_z"]

Array = npt.NDArray[np.float64]

_STEPS = 200  # of Newton's method, bracketed: 10 are usual


@dataclass(frozen=True, kw_only=True, repr=False)
class CriticalData:
    r"""What is known of the Ising universality class in one dimension of space.

    Attributes
    ----------
    dimension : int
    K_c : mapping of str to float
        Reduced critical couplings by lattice.
    delta_sigma, delta_epsilon : Fraction or float
        Scaling dimensions of spin and energy.
    alpha, beta, gamma, delta, nu, eta : Fraction or float
        Critical exponents; in two dimensions alpha = 0 stands for a logarithm.
    central_charge : Fraction or None
    binder : float
        U4 at criticality on a periodic square or cube, not exact: see `errors` and
        `sources`. `universal_binder` has other shapes and boundaries of the plane.
    amplitudes : mapping of str to float
        Exact amplitudes of the square lattice in t = abs(1 - T/T_c); see Notes.
    errors : mapping of str to float
        Standard errors, by attribute or lattice; exact numbers have no entry.
    sources : mapping of str to str
        Where the numbers come from.

    Notes
    -----
    Amplitudes: specific heat :math:`-A\ln t` ("specific_heat"), spontaneous
    magnetization :math:`B t^{1/8}` ("magnetization"), correlation length along an axis
    :math:`f_\pm/t` ("correlation_length_above", "correlation_length_below"), and
    critical correlations :math:`G r^{-1/4}` ("correlation").

    Examples
    --------
    >>> import rgdl
    >>> data = rgdl.exact.critical(2)
    >>> data.beta, data.nu
    (Fraction(1, 8), Fraction(1, 1))
    """

    dimension: int
    K_c: Mapping[str, float]
    delta_sigma: Fraction | float
    delta_epsilon: Fraction | float
    alpha: Fraction | float
    beta: Fraction | float
    gamma: Fraction | float
    delta: Fraction | float
    nu: Fraction | float
    eta: Fraction | float
    central_charge: Fraction | None
    binder: float
    amplitudes: Mapping[str, float]
    errors: Mapping[str, float]
    sources: Mapping[str, str]

    def _rows(self) -> list[tuple[str, str]]:
        numbers = {f"K_c_{name}": value for name, value in self.K_c.items()}
        for name in _EXPONENTS:
            numbers[name] = getattr(self, name)
        rows = []
        for name, value in numbers.items():
            error = self.errors.get(name.removeprefix("K_c_"))
            text = str(value) if isinstance(value, Fraction) else f"{value:.16g}"
            if error is not None:
                digits = max(0, 1 - math.floor(math.log10(error)))
                text = f"{value:.{digits}f}({round(error * 10**digits)})"
            rows.append((name, text))
        return rows

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={text}" for name, text in self._rows())
        return f"CriticalData(dimension={self.dimension}, {inner})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{n}</th><td>{v}</td></tr>" for n, v in self._rows())
        caption = f"Ising universality class, {self.dimension}D"
        return f"<table><caption>{caption}</caption>{rows}</table>"


_EXPONENTS = (
    "delta_sigma",
    "delta_epsilon",
    "alpha",
    "beta",
    "gamma",
    "delta",
    "nu",
    "eta",
)


def critical(dimension: int) -> CriticalData:
    r"""Critical couplings, exponents and amplitudes of the Ising model.

    Parameters
    ----------
    dimension : 2 or 3

    Returns
    -------
    CriticalData
        Exact in two dimensions; in three the best values known, with their errors.

    Raises
    ------
    ValueError, TypeError
        For another dimension. In one there is no transition at K < infinity.

    Notes
    -----
    Three dimensions: the scaling dimensions of the conformal bootstrap (C.-H. Chang
    et al., "Bootstrapping the 3d Ising stress tensor", arXiv:2411.15300) give the
    exponents, :math:`\nu = 1/(3 - \Delta_\epsilon)`,
    :math:`\eta = 2\Delta_\sigma - 1`, :math:`\beta = \nu\Delta_\sigma`,
    :math:`\gamma = \nu(3 - 2\Delta_\sigma)`,
    :math:`\delta = (3 - \Delta_\sigma)/\Delta_\sigma`, :math:`\alpha = 2 - 3\nu`; their
    errors add those of the two dimensions linearly. K_c of the cubic lattice: A. M.
    Ferrenberg, J. Xu and D. P. Landau, Phys. Rev. E 97, 043301 (2018), a Monte Carlo
    study, as is U4 of the periodic cube.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.exact.critical(3).K_c["cubic"]
    0.221654626
    >>> round(rgdl.exact.critical(3).nu, 6)
    0.629971
    """
    number = _validate.count(dimension, "dimension")
    if number not in (2, 3):
        raise ValueError(f"dimension must be 2 or 3, got {number}")
    return _two() if number == 2 else _three()


def _two() -> CriticalData:
    x = SQUARE[0]
    glaisher = 1.2824271291006226
    return CriticalData(
        dimension=2,
        K_c=MappingProxyType(
            {"square": x, "triangular": TRIANGULAR[0], "honeycomb": HONEYCOMB[0]}
        ),
        delta_sigma=Fraction(1, 8),
        delta_epsilon=Fraction(1),
        alpha=Fraction(0),
        beta=Fraction(1, 8),
        gamma=Fraction(7, 4),
        delta=Fraction(15),
        nu=Fraction(1),
        eta=Fraction(1, 4),
        central_charge=Fraction(1, 2),
        binder=0.6106903,
        amplitudes=MappingProxyType(
            {
                "specific_heat": 8 * x**2 / math.pi,
                "magnetization": (8 * math.sqrt(2.0) * x) ** 0.125,
                "correlation_length_above": 1 / (4 * x),
                "correlation_length_below": 1 / (8 * x),
                "correlation": math.exp(0.25) * 2 ** (5 / 24) / glaisher**3,
            }
        ),
        errors=MappingProxyType({"binder": 1.1e-6}),
        sources=MappingProxyType(
            {
                "K_c": "L. Onsager, Phys. Rev. 65, 117 (1944); R. M. F. Houtappel, "
                "Physica 16, 425 (1950)",
                "exponents": "L. Onsager (1944); C. N. Yang, Phys. Rev. 85, 808 (1952)",
                "binder": "universal_binder(points=2**18); J. Salas and A. D. Sokal, "
                "J. Stat. Phys. 98, 551 (2000)",
                "amplitudes": "B. M. McCoy and T. T. Wu, The Two-Dimensional Ising "
                "Model (1973)",
            }
        ),
    )


def _three() -> CriticalData:
    sigma, epsilon = 0.518148806, 1.41262528
    sigma_error, epsilon_error = 2.4e-8, 2.9e-7
    nu = 1 / (3 - epsilon)
    nu_error = nu**2 * epsilon_error
    return CriticalData(
        dimension=3,
        K_c=MappingProxyType({"cubic": 0.221654626}),
        delta_sigma=sigma,
        delta_epsilon=epsilon,
        alpha=2 - 3 * nu,
        beta=nu * sigma,
        gamma=nu * (3 - 2 * sigma),
        delta=(3 - sigma) / sigma,
        nu=nu,
        eta=2 * sigma - 1,
        central_charge=None,
        binder=0.46548,
        amplitudes=MappingProxyType({}),
        errors=MappingProxyType(
            {
                "cubic": 5e-9,
                "binder": 5e-5,
                "delta_sigma": sigma_error,
                "delta_epsilon": epsilon_error,
                "alpha": 3 * nu_error,
                "beta": nu * sigma_error + sigma * nu_error,
                "gamma": 2 * nu * sigma_error + (3 - 2 * sigma) * nu_error,
                "delta": 3 / sigma**2 * sigma_error,
                "nu": nu_error,
                "eta": 2 * sigma_error,
            }
        ),
        sources=MappingProxyType(
            {
                "K_c": "A. M. Ferrenberg, J. Xu and D. P. Landau, Phys. Rev. E 97, "
                "043301 (2018)",
                "binder": "A. M. Ferrenberg, J. Xu and D. P. Landau (2018)",
                "exponents": "C.-H. Chang et al., Bootstrapping the 3d Ising stress "
                "tensor, arXiv:2411.15300 (2024)",
            }
        ),
    )


def universal_log_z(aspect: float = 1.0) -> float:
    r"""Universal part of ln Z of a critical torus.

    Parameters
    ----------
    aspect : float, default 1
        Ratio of the two extents, positive; the ratio and its inverse are equivalent.

    Returns
    -------
    float
        :math:`\lim (\ln Z - N f)` at K_c for a periodic lattice of that aspect ratio,
        the same for every model of the class with isotropic correlations.

    Raises
    ------
    ValueError, TypeError
        If aspect is not a positive finite number.

    Notes
    -----
    .. math:: \ln\frac{\theta_2 + \theta_3 + \theta_4}{2\eta}, \quad q = e^{-\pi r}

    (A. E. Ferdinand and M. E. Fisher, Phys. Rev. 185, 832 (1969)); for the square
    :math:`\ln(2^{1/4} + 2^{-1/2})`.

    Examples
    --------
    >>> import rgdl
    >>> round(rgdl.exact.universal_log_z(), 6)
    0.639912
    """
    ratio = _validate.finite(aspect, "aspect")
    if ratio <= 0:
        raise ValueError(f"aspect must be positive, got {ratio:g}")
    ratio = max(ratio, 1 / ratio)
    q = math.exp(-math.pi * ratio)
    # Jacobi's products; prod (1 - q^{2n}) is common to the thetas and eta
    even = 2.0 * np.arange(1, 20)
    plus = float(np.prod((1 + q ** (even - 1)) ** 2))
    minus = float(np.prod((1 - q ** (even - 1)) ** 2))
    double = 2 * q**0.25 * float(np.prod((1 + q**even) ** 2))
    return math.pi * ratio / 12 + math.log((plus + minus + double) / 2)


def k_eff(
    energy: npt.ArrayLike, shape: tuple[int, int] | None = None
) -> npt.NDArray[np.float64]:
    r"""Reduced coupling of the square lattice that has a given energy per site.

    Parameters
    ----------
    energy : array_like
        Bond energy per site in units of J, as `rgdl.Ising.energy` gives it; any shape.
    shape : tuple of two int, optional
        Extents of the torus the energy belongs to; the infinite lattice by default.

    Returns
    -------
    ndarray of float64
        K, of the shape of `energy`.

    Raises
    ------
    ValueError, TypeError
        For an energy that no finite K has, or what is no real number.

    Notes
    -----
    This is the thermometer of blocked lattices: coarse-grain samples, average their
    energy on the coarse torus, and read off the K that a nearest-neighbour model of
    that size would need. It is exact only if the blocked spins have no other couplings.

    Newton's method on `onsager` or `kaufman`, bracketed. The error of K is that of the
    energy times K^2 / specific heat: below 1e-12 for abs(K) < 1, but near the ground
    state, where the energy moves by :math:`8e^{-8K}` only, digits of K are lost.

    Examples
    --------
    >>> import rgdl
    >>> energy = rgdl.exact.kaufman((8, 8), 0.4).energy
    >>> round(float(rgdl.exact.k_eff(energy, (8, 8))), 12)
    0.4
    """
    try:
        energies = np.asarray(energy)
        energies = energies.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError):
        raise TypeError(f"energy must hold real numbers, got {energy!r}") from None
    low, high = -2.0, 2.0
    torus = None
    if shape is not None:
        torus = _validate.shape_of(shape, "shape", max_ndim=2)
        if len(torus) != 2:
            raise ValueError(f"shape must have 2 extents, got {shape!r}")
        high -= sum(2.0 / side for side in torus if side % 2)
    wrong = ~((energies > low) & (energies < high))  # nan included
    if np.any(wrong):
        raise ValueError(
            f"energy must be above {low:g} and below {high:.6g}, what a finite K "
            f"reaches, got {energies[wrong].ravel()[0]:.17g}"
        )
    values, where = np.unique(energies.ravel(), return_inverse=True)
    solved = np.copysign(_solve(np.abs(values), -np.sign(values), torus), -values)
    return np.asarray(solved[where].reshape(energies.shape) + 0.0)


def _solve(size: Array, sign: Array, torus: tuple[int, ...] | None) -> Array:
    """Find abs(K), of K's sign, where abs(energy) is `size`, by bracketed Newton."""
    x = np.clip(size / 2, 0.0, 0.44)
    low, high = np.zeros_like(x), np.full_like(x, np.inf)
    active = np.flatnonzero(size)
    for _ in range(_STEPS):
        if not len(active):
            return x
        here, goal = x[active], size[active]
        value, slope = _energy_size(here, sign[active], torus)
        low[active] = np.where(value < goal, here, low[active])
        high[active] = np.where(value > goal, here, high[active])
        left, right = low[active], high[active]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = here - (value - goal) / slope
        outside = ~((step >= left) & (step <= right) & (step <= 2 * here + 0.1))
        middle = np.where(np.isinf(right), 2 * left + 0.1, (left + right) / 2)
        step = np.where(outside, middle, step)
        step = np.where(value == goal, here, step)
        x[active] = step
        close = np.abs(value - goal) <= 4e-16 * goal
        active = active[~close & (np.abs(step - here) > 2e-16 * here)]
    return x


def _energy_size(
    x: Array, sign: Array, torus: tuple[int, ...] | None
) -> tuple[Array, Array]:
    """abs(energy) at K = sign * x, and its derivative in x."""
    if torus is None:
        energy, slope = square_energy(x)
        return -energy, slope
    shape = (torus[0], torus[1])
    each = [kaufman(shape, s * k) for s, k in zip(sign, x, strict=True)]
    size = np.array([abs(exact.energy) for exact in each])
    heat = np.array([exact.specific_heat for exact in each])
    return size, np.where(x > 1e-9, heat / np.maximum(x, 1e-100) ** 2, 2.0)
