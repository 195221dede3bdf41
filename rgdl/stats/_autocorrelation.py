"""Autocorrelation times, means and binning of correlated series."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.stats._estimate import Estimate
from rgdl.stats._series import Floats, as_series

__all__ = ["Binning", "autocorrelation_time", "binning", "ess", "mean"]

_WINDOW = 6.0  # Sokal's c: an exponential tail beyond c tau is e^-c = 0.25 % of tau
_LEAST_ESS = 50.0  # fewer independent draws give no error bar worth the name
_CHUNK = 1 << 22  # numbers per batch of Fourier transforms


def autocorrelation_time(x: npt.ArrayLike) -> Estimate:
    r"""Integrated autocorrelation time in Sokal's convention.

    Parameters
    ----------
    x : array_like, shape (chain, draw) or (draw,)
        Stationary series of one observable.

    Returns
    -------
    Estimate
        :math:`\tau_\mathrm{int} = \frac12 + \sum_{t \ge 1} \rho(t)`, in draws, with its
        error. White noise has 1/2; a mean over n draws counts as n / (2 tau)
        independent ones. Not `reliable` where the window does not fit into half a chain
        or the effective number of draws is below 50; nan for a constant series.

    Raises
    ------
    ValueError, TypeError
        For other shapes, or values that are not finite real numbers.

    Notes
    -----
    The autocovariance is averaged over chains around their common mean (so chains that
    disagree show a long tau), by FFT, and summed up to the first W with
    :math:`W \ge 6 \max(\tau(W), 1/2)`, later where signs alternate (A. D. Sokal, 1989;
    N. Madras and A. D. Sokal, J. Stat. Phys. 50, 109 (1988)), with the bias of the
    subtracted mean put back and the error :math:`\tau \sqrt{4 (W + 1/2 - \tau) / n}`
    (U. Wolff, Comput. Phys. Commun. 156, 143 (2004), eqs. 32 and 42).

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import stats
    >>> noise = np.random.default_rng(0).normal(size=(4, 10_000))
    >>> tau = stats.autocorrelation_time(noise)
    >>> abs(tau.value - 0.5) < 4 * tau.error, tau.reliable
    (True, True)
    """
    return _analyse(as_series(x))[1]


def mean(x: npt.ArrayLike) -> Estimate:
    r"""Mean of a correlated series with its error.

    Parameters
    ----------
    x : array_like, shape (chain, draw) or (draw,)
        Stationary series of one observable.

    Returns
    -------
    Estimate
        The mean over all chains, its error :math:`\sqrt{2 \tau_\mathrm{int}
        \mathrm{var}(x) / n}`, tau_int and the effective number of draws; not `reliable`
        where `autocorrelation_time` is not. A constant series has error nan.

    Raises
    ------
    ValueError, TypeError
        For other shapes, or values that are not finite real numbers.

    Examples
    --------
    >>> from rgdl import stats
    >>> import numpy as np
    >>> stats.mean(np.random.default_rng(1).normal(2.0, 1.0, size=10_000))
    1.9891(99), tau_int=0.487, ess=1.03e+04
    """
    series = as_series(x)
    variance, tau = _analyse(series)
    error = math.sqrt(2.0 * tau.value * variance / series.size)
    return Estimate(
        float(series.mean()), error, tau.value, tau.ess, tau.reliable, tau.reason
    )


def ess(x: npt.ArrayLike) -> float:
    r"""Effective number of independent draws.

    Parameters
    ----------
    x : array_like, shape (chain, draw) or (draw,)
        Stationary series of one observable.

    Returns
    -------
    float
        :math:`n / (2 \tau_\mathrm{int})` with n the draws of all chains together.

    Raises
    ------
    ValueError, TypeError
        For other shapes, or values that are not finite real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import stats
    >>> 300 < stats.ess(np.random.default_rng(2).normal(size=400)) < 500
    True
    """
    return autocorrelation_time(x).ess


@dataclass(frozen=True)
class Binning:
    """Errors of a mean from blocks of growing length.

    Parameters
    ----------
    block_sizes : ndarray of int64
        1, 2, 4, ... draws.
    errors : ndarray of float64
        Error of the mean if blocks of this size were independent: grows to a plateau.
    uncertainties : ndarray of float64
        Standard deviations of `errors`.
    estimate : Estimate
        The mean with the error of the first block size on the plateau.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import stats
    >>> bins = stats.binning(np.random.default_rng(0).normal(size=4096))
    >>> bins.block_sizes[:4].tolist(), bins.estimate.reliable
    ([1, 2, 4, 8], True)
    """

    block_sizes: npt.NDArray[np.int64]
    errors: Floats
    uncertainties: Floats
    estimate: Estimate


def binning(x: npt.ArrayLike, *, least_blocks: int = 16) -> Binning:
    r"""Error of a mean by blocking, an independent check of `mean`.

    Parameters
    ----------
    x : array_like, shape (chain, draw) or (draw,)
        Stationary series of one observable.
    least_blocks : int, default 16
        Stop where fewer blocks would be left.

    Returns
    -------
    Binning
        Block sizes, errors and the plateau. Not `reliable` where no plateau is found.

    Raises
    ------
    ValueError, TypeError
        For other shapes, or values that are not finite real numbers.

    Notes
    -----
    H. Flyvbjerg and H. G. Petersen, J. Chem. Phys. 91, 461 (1989). The plateau is the
    first block size B with :math:`B^3 > 2 n (\sigma_B / \sigma_1)^4` (R. M. Lee et al.,
    Phys. Rev. E 83, 066706 (2011)). Blocks do not cross from one chain to the next.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import stats
    >>> x = np.random.default_rng(0).normal(size=(2, 5000))
    >>> a, b = stats.binning(x).estimate, stats.mean(x)
    >>> 0.8 < a.error / b.error < 1.2
    True
    """
    series = as_series(x)
    least = _validate.count(least_blocks, "least_blocks", least=2)
    chains, draws = series.shape
    rows: list[tuple[int, float, float]] = []
    size = 1
    while size == 1 or (draws // size and chains * (draws // size) >= least):
        per_chain = draws // size
        means = series[:, : per_chain * size].reshape(chains, per_chain, size).mean(2)
        error = math.sqrt(means.var(ddof=1) / means.size)
        rows.append((size, error, error / math.sqrt(2.0 * (means.size - 1))))
        size *= 2
    sizes, errors, spreads = (np.array(column) for column in zip(*rows, strict=True))
    constant = errors[0] == 0
    ratio = errors / errors[0] if not constant else np.full(len(errors), np.nan)
    plateau = np.flatnonzero(sizes**3.0 > 2.0 * series.size * ratio**4)
    found = plateau.size > 0
    at = int(plateau[0]) if found else len(errors) - 1
    tau = float(0.5 * ratio[at] ** 2)
    estimate = Estimate(
        float(series.mean()),
        math.nan if constant else float(errors[at]),
        tau,
        series.size / (2.0 * tau),
        found,
        "" if found else _CONSTANT if constant else "the blocks reach no plateau",
    )
    return Binning(sizes.astype(np.int64), errors, spreads, estimate)


_CONSTANT = "the series is constant"


def _analyse(series: Floats) -> tuple[float, Estimate]:
    """Variance of a draw and tau_int."""
    n = series.size
    centred = series - series.mean()
    # a constant series is left with rounding errors
    if np.ptp(series) <= 1e-14 * np.abs(series).max():
        tau = Estimate(math.nan, math.nan, math.nan, math.nan, False, _CONSTANT)
        return math.nan, tau
    covariance = _autocovariance(centred)
    half = covariance[: max(len(covariance) // 2, 1) + 1]
    sums = np.cumsum(half) / half[0] - 0.5  # tau(W) before the mean is put back
    lags = np.arange(len(half))
    # where signs alternate, tau says nothing about how far correlations reach
    swing = float(min(max(-half[1] / half[0], 0.0), 0.99))
    least = 0.5 * (1.0 + swing) / (1.0 - swing)
    wide = np.flatnonzero(lags[1:] >= _WINDOW * np.maximum(sums[1:], least))
    fits = wide.size > 0
    window = int(wide[0]) + 1 if fits else len(half) - 1
    # the mean was subtracted: C(t) is too small by 2 tau C(0) / n at every lag
    lost = 2.0 * max(float(sums[window]), 0.0) / n
    value = float((sums[window] + lost * (window + 0.5)) / (1.0 + lost))
    variance = float(half[0]) * (1.0 + lost)
    if not value > 0:
        reason = "the series is anticorrelated beyond what its length can resolve"
        return variance, Estimate(math.nan, math.nan, math.nan, math.nan, False, reason)
    error = value * math.sqrt(4.0 * max(window + 0.5 - value, 0.5) / n)
    effective = n / (2.0 * value)
    reason = ""
    if not fits:
        reason = (
            f"chains of {series.shape[1]} draws are too short for tau_int of about "
            f"{value:.3g} or more"
        )
    elif effective < _LEAST_ESS:
        reason = f"only {effective:.0f} effective draws, {_LEAST_ESS:.0f} are needed"
    return variance, Estimate(value, error, value, effective, not reason, reason)


def _autocovariance(centred: Floats) -> Floats:
    """Mean of x(i) x(i + t) over i and chains, for every lag t."""
    from scipy import fft

    chains, draws = centred.shape
    size = fft.next_fast_len(2 * draws, real=True)
    power = np.zeros(size // 2 + 1)
    step = max(_CHUNK // size, 1)
    for first in range(0, chains, step):
        spectrum = fft.rfft(centred[first : first + step], size, axis=1)
        power += (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
    sums = fft.irfft(power, size)[:draws]
    return np.asarray(sums / (chains * np.arange(draws, 0, -1.0)))
