"""Weighted fits: powers of the size, and extrapolation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rgdl.fss._curves import Floats
from rgdl.stats import Estimate

__all__ = ["LEAST_P", "PowerLaw", "least_squares", "power_law"]

#: Probability of chi^2 below which a fit is not believed.
LEAST_P = 1e-3


@dataclass(frozen=True)
class PowerLaw:
    """Fit of y = amplitude L^exponent.

    Parameters
    ----------
    exponent, amplitude : Estimate
    chi2 : float
    dof : int
        Number of sizes less two.

    Examples
    --------
    See `power_law`.
    """

    exponent: Estimate
    amplitude: Estimate
    chi2: float
    dof: int


def power_law(L: Sequence[int], values: Sequence[Estimate]) -> PowerLaw:
    r"""Exponent of a power of L, such as :math:`\chi(K_c) \sim L^{\gamma/\nu}`.

    Parameters
    ----------
    L : sequence of int
        Sizes.
    values : sequence of Estimate
        Positive, with errors.

    Returns
    -------
    PowerLaw
        Weighted least squares in the logarithms; not reliable where the fit has a
        probability below 1e-3, or no degree of freedom to judge it by.

    Raises
    ------
    ValueError
        For fewer than two sizes, or values or errors that are not positive.

    Examples
    --------
    >>> from rgdl import fss
    >>> from rgdl.stats import Estimate
    >>> chi = [Estimate(L**1.75, 0.01 * L**1.75) for L in (8, 16, 32)]
    >>> fss.power_law([8, 16, 32], chi).exponent
    1.750(10)
    """
    from scipy.special import gammaincc

    y = np.array([x.value for x in values])
    dy = np.array([x.error for x in values])
    if len(L) != len(y) or len(set(L)) < 2:
        raise ValueError(f"values must belong to at least two sizes, got L = {list(L)}")
    if not (np.all(y > 0) and np.all(dy > 0)):
        raise ValueError("values and their errors must be positive")
    design = np.stack([np.ones(len(y)), np.log(np.array(L, dtype=float))], axis=1)
    fit, covariance, chi2 = least_squares(design, np.log(y), np.diag((dy / y) ** 2))
    dof = len(y) - 2
    reason = next((x.reason for x in values if not x.reliable), "")
    if dof == 0:
        reason = "two sizes fit any power"
    elif gammaincc(dof / 2, chi2 / 2) < LEAST_P:
        reason = f"chi^2 = {chi2:.3g} for {dof} degrees of freedom: no power law"
    amplitude = math.exp(fit[0])
    errors = np.sqrt(np.diag(covariance))
    return PowerLaw(
        Estimate(float(fit[1]), float(errors[1]), reliable=not reason, reason=reason),
        Estimate(
            amplitude, amplitude * float(errors[0]), reliable=not reason, reason=reason
        ),
        chi2,
        dof,
    )


def least_squares(
    design: Floats, y: Floats, covariance: Floats
) -> tuple[Floats, Floats, float]:
    """Generalised least squares: parameters, their covariance, chi^2."""
    weight = np.linalg.inv(covariance)
    spread = np.linalg.inv(design.T @ weight @ design)
    fit = spread @ design.T @ weight @ y
    rest = y - design @ fit
    return np.asarray(fit), np.asarray(spread), float(rest @ weight @ rest)
