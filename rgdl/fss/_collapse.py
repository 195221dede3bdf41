"""Collapse of the curves of all sizes onto one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import RngLike, draw_key
from rgdl.fss._curves import Curve, Floats
from rgdl.stats import Estimate

__all__ = ["Collapse", "collapse"]

_PARAMETERS = ("K_c", "nu", "kappa")
_WORST_COLLAPSE = 2.0  # S above this is no collapse


@dataclass(frozen=True)
class Collapse:
    r"""Scaling parameters that lay the curves of all sizes on one another.

    Parameters
    ----------
    K_c, nu, kappa : Estimate
        Of :math:`y = L^\kappa f((K - K_c) L^{1/\nu})`; error 0 for those held fixed.
    quality : float
        S, the mean squared distance from the common curve in standard errors: about 1
        where the data collapse.
    curves : tuple of Curve
        The data.

    Examples
    --------
    See `collapse`.
    """

    K_c: Estimate
    nu: Estimate
    kappa: Estimate
    quality: float
    curves: tuple[Curve, ...]

    def scaled(self) -> list[tuple[int, Floats, Floats, Floats]]:
        r"""Return L, x, y and error of every curve in scaled variables.

        Returns
        -------
        list of (int, ndarray, ndarray, ndarray)
            :math:`x = (K - K_c) L^{1/\nu}`, :math:`y L^{-\kappa}` and its error.

        Examples
        --------
        See `collapse`.
        """
        parameters = (self.K_c.value, self.nu.value, self.kappa.value)
        scaled = _scaled(self.curves, np.array(parameters))
        return [(c.L, *xyz) for c, xyz in zip(self.curves, scaled, strict=True)]

    def __repr__(self) -> str:
        return (
            f"Collapse(K_c={self.K_c}, nu={self.nu}, kappa={self.kappa}, "
            f"S={self.quality:.3g})"
        ) + ("" if self.K_c.reliable else f", unreliable: {self.K_c.reason}")


def collapse(
    data: Sequence[Curve],
    *,
    K_c: float,
    nu: float = 1.0,
    kappa: float = 0.0,
    fit: Sequence[str] = ("K_c", "nu", "kappa"),
    n_resamples: int = 40,
    rng: RngLike = None,
) -> Collapse:
    r"""Scaling parameters that lay curves of several sizes on one another.

    Parameters
    ----------
    data : sequence of Curve
        At least two sizes with overlapping scaled ranges.
    K_c, nu, kappa : float
        Starting values, or values of those not in `fit`.
    fit : sequence of str
        Which of "K_c", "nu" and "kappa" are varied.
    n_resamples : int, default 40
        Bootstrap samples for the errors.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys the bootstrap.

    Returns
    -------
    Collapse
        Not reliable where the quality S is above 2.

    Raises
    ------
    ValueError
        For fewer than two sizes, curves of fewer than three points, or an unknown name.

    Notes
    -----
    S compares each point with a straight line through the neighbouring points of all
    other sizes (N. Kawashima and N. Ito, J. Phys. Soc. Jpn. 62, 435 (1993), in the form
    of J. Houdayer and A. K. Hartmann, Phys. Rev. B 70, 014418 (2004), eq. 9), and is
    minimised by Nelder and Mead's method. Errors: the curves are drawn anew from normal
    distributions with their covariances and fitted again.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import fss
    >>> K = np.linspace(0.3, 0.5, 41)
    >>> noise = np.random.default_rng(0).normal(0.0, 0.002, size=(3, 41))
    >>> data = [
    ...     fss.Curve(L, K, L**1.75 * (np.exp(-(((K - 0.4) * L) ** 2)) + dy),
    ...               L**1.75 * np.full(41, 0.002))
    ...     for L, dy in zip((8, 12, 16), noise)
    ... ]
    >>> result = fss.collapse(data, K_c=0.39, nu=1.1, kappa=1.6, rng=0)
    >>> abs(result.kappa.value - 1.75) < 4 * result.kappa.error < 0.1
    True
    """
    for name in fit:
        _validate.one_of(name, "fit", _PARAMETERS)
    if len({curve.L for curve in data}) < 2:
        raise ValueError("data must have curves of at least two sizes")
    if min(len(curve.K) for curve in data) < 3:
        raise ValueError("every curve must have at least 3 points")
    count = _validate.count(n_resamples, "n_resamples", least=2)
    given = zip(_PARAMETERS, (K_c, nu, kappa), strict=True)
    start = np.array([_validate.finite(value, name) for name, value in given])
    free = np.array([name in fit for name in _PARAMETERS])
    best, quality = _fit(data, start, free)
    key = draw_key(rng)
    spread = np.array(
        [_fit(_resampled(data, key, i), best, free, 0.2)[0] for i in range(count)]
    )
    errors = spread.std(axis=0, ddof=1) * free
    reason = ""
    if not quality < _WORST_COLLAPSE:
        reason = f"S = {quality:.3g}: the data do not collapse"
    estimates = [
        Estimate(float(v), float(e), reliable=not reason, reason=reason)
        for v, e in zip(best, errors, strict=True)
    ]
    critical, nu_fit, kappa_fit = estimates
    return Collapse(critical, nu_fit, kappa_fit, quality, tuple(data))


def _scaled(
    data: Sequence[Curve], parameters: Floats
) -> list[tuple[Floats, Floats, Floats]]:
    K_c, nu, kappa = parameters
    result = []
    for curve in data:
        scale = curve.L**-kappa
        x = (curve.K - K_c) * curve.L ** (1.0 / nu)
        result.append((x, curve.values * scale, curve.errors * scale))
    return result


def _quality(data: Sequence[Curve], parameters: Floats) -> float:
    """S of Houdayer and Hartmann; infinity where the sizes do not overlap."""
    scaled = _scaled(data, parameters)
    x, y, dy = (np.concatenate([row[i] for row in scaled]) for i in range(3))
    owner = np.repeat(np.arange(len(data)), [len(curve.K) for curve in data])
    sums = np.zeros((5, len(x)))  # of w, w u, w v, w u^2, w u v
    for j, (u, v, dv) in enumerate(scaled):
        w = 1.0 / dv**2
        terms = np.array([w, w * u, w * v, w * u * u, w * u * v])
        right = np.searchsorted(u, x)
        inside = (right > 0) & (right < len(u)) & (owner != j)
        at = right[inside]
        sums[:, inside] += terms[:, at - 1] + terms[:, at]
    c, b, wy, a, wxy = sums
    delta = c * a - b * b
    used = delta > 0
    if 3 * used.sum() < len(x):
        return math.inf
    x, y, dy, a, b, c, wy, wxy, delta = (
        row[used] for row in (x, y, dy, a, b, c, wy, wxy, delta)
    )
    line = (a * wy - b * wxy + x * (c * wxy - b * wy)) / delta
    variance = (a - 2.0 * x * b + x * x * c) / delta
    return float(np.mean((y - line) ** 2 / (dy * dy + variance)))


def _fit(
    data: Sequence[Curve],
    start: Floats,
    free: npt.NDArray[np.bool_],
    size: float = 1.0,
) -> tuple[Floats, float]:
    from scipy.optimize import minimize

    def objective(values: Floats) -> float:
        parameters = start.copy()
        parameters[free] = values
        return _quality(data, parameters) if parameters[1] > 0.05 else math.inf

    if not free.any():
        return start, _quality(data, start)
    width = min(float(np.ptp(curve.K)) for curve in data)
    steps = size * np.array([0.1 * width, 0.1, 0.1])[free]
    simplex = np.vstack([start[free], start[free] + np.diag(steps)])
    done = minimize(
        objective,
        start[free],
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 1e-5, "fatol": 1e-3},
    )
    best = start.copy()
    best[free] = done.x
    return best, float(done.fun)


def _resampled(
    data: Sequence[Curve], key: npt.NDArray[np.uint64], i: int
) -> list[Curve]:
    """Curves drawn anew with the covariance of the data, from a keyed stream."""
    result = []
    for j, curve in enumerate(data):
        index = i * len(data) + j
        n = len(curve.K) if curve.modes is None else len(curve.modes)
        normals = _core.normals(key, _core.PURPOSE_RESAMPLE, index, n)
        if curve.modes is None:
            shift = curve.errors * normals
        else:
            shift = normals @ curve.modes
        result.append(replace(curve, values=curve.values + shift))
    return result
