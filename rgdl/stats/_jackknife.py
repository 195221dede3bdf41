"""Jackknife errors of nonlinear functions of means."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl.stats._autocorrelation import autocorrelation_time
from rgdl.stats._estimate import Estimate
from rgdl.stats._series import Floats, as_series, block_edges, block_sums

__all__ = ["LEAST_BLOCKS", "jackknife", "jackknife_error"]

LEAST_BLOCKS = 20  # the error is then known to 16 %
_MOST_BLOCKS = 256


def jackknife(
    f: Callable[..., float], *samples: npt.ArrayLike, blocks: int | None = None
) -> Estimate:
    r"""Value and error of a function of the means of correlated series.

    Parameters
    ----------
    f : callable
        ``f(mean_1, mean_2, ...)`` to a number.
    *samples : array_like, all of shape (chain, draw) or (draw,)
        Series measured together.
    blocks : int, optional
        Number of blocks to leave out in turn. By default as many, at most 256, as are
        20 tau_int long; chains shorter than two such blocks are left out whole.

    Returns
    -------
    Estimate
        :math:`n_b f(\bar x) - (n_b - 1) \overline{f_b}` (free of the bias of order 1/n)
        and :math:`\sqrt{\frac{n_b - 1}{n_b} \sum_b (f_b - \overline{f_b})^2}`, where
        f_b has block b left out (R. G. Miller, Biometrika 61, 1 (1974)). Not `reliable`
        with fewer than 20 blocks; nan where f is not finite.

    Raises
    ------
    ValueError, TypeError
        For series of different shapes, or values that are not finite real numbers.

    Notes
    -----
    tau_int is that of :math:`\sum_i (\partial f / \partial \bar x_i) x_i`, the one
    combination of the series that the error depends on (U. Wolff, Comput. Phys. Commun.
    156, 143 (2004), eq. 10).

    Examples
    --------
    The variance of normal numbers, 4, from the first two moments:

    >>> import numpy as np
    >>> from rgdl import stats
    >>> x = np.random.default_rng(0).normal(0.0, 2.0, size=(4, 20_000))
    >>> var = stats.jackknife(lambda first, second: second - first**2, x, x**2)
    >>> abs(var.value - 4) < 4 * var.error, 0.015 < var.error < 0.025
    (True, True)
    """
    if not samples:
        raise ValueError("samples must hold at least one series, got none")
    series = [as_series(x, f"samples[{i}]") for i, x in enumerate(samples)]
    shapes = {x.shape for x in series}
    if len(shapes) > 1:
        raise ValueError(
            f"samples must all have one shape (chain, draw), got {sorted(shapes)}"
        )
    chains, draws = series[0].shape
    means = [float(x.mean()) for x in series]
    tau = autocorrelation_time(_linearised(f, series, means))
    if blocks is None:
        length_tau = tau.value if math.isfinite(tau.value) else 0.5
        edges = block_edges(chains, draws, length_tau, _MOST_BLOCKS)
    else:
        number = _validate.count(blocks, "blocks", least=2)
        if number > chains * draws:
            raise ValueError(
                f"blocks must be at most the number of draws, {chains * draws}, "
                f"got {number}"
            )
        edges = np.linspace(0, chains * draws, number + 1).astype(np.intp)
    left = [_leave_one_out(x, edges) for x in series]
    parts = np.array([float(f(*values)) for values in zip(*left, strict=True)])
    whole = float(f(*means))
    value, error = jackknife_error(whole, parts)
    reason = tau.reason
    if not np.isfinite([whole, *parts]).all():
        reason = "the function is not finite at some of the means"
    elif error == 0 or math.isnan(tau.value):
        error, reason = math.nan, reason or "the function does not vary"
    elif len(parts) < LEAST_BLOCKS and not reason:
        reason = f"only {len(parts)} blocks, {LEAST_BLOCKS} are needed"
    return Estimate(value, error, tau.value, tau.ess, not reason, reason)


def jackknife_error(whole: float, parts: Floats) -> tuple[float, float]:
    """Bias-corrected value and error from the leave-one-out values."""
    n = len(parts)
    if n < 2 or not np.isfinite(parts).all():
        return whole, math.nan
    centre = float(parts.mean())
    error = math.sqrt((n - 1) / n * float(((parts - centre) ** 2).sum()))
    return n * whole - (n - 1) * centre, error


def _leave_one_out(series: Floats, edges: npt.NDArray[np.intp]) -> list[float]:
    sums = block_sums(series, edges)
    if len(sums) < 2:
        return [float(series.mean())]
    values = (sums.sum() - sums) / (series.size - np.diff(edges))
    return [float(value) for value in values]


def _linearised(
    f: Callable[..., float], series: Sequence[Floats], means: Sequence[float]
) -> Floats:
    """Sum of x_i df/d<x_i>, by central differences of one naive standard error."""
    total = np.zeros_like(series[0])
    for i, x in enumerate(series):
        step = float(x.std()) / math.sqrt(x.size)
        if step == 0:
            continue
        up, down = list(means), list(means)
        up[i] += step
        down[i] -= step
        slope = (float(f(*up)) - float(f(*down))) / (2.0 * step)
        if math.isfinite(slope):
            total += slope * (x - means[i])
    return total
