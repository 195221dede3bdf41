"""Whether chains agree."""

import math

import numpy as np
import numpy.typing as npt

from rgdl.stats._series import Floats, as_series

__all__ = ["r_hat"]


def r_hat(x: npt.ArrayLike) -> float:
    r"""Rank-normalised split R-hat: near 1 where chains agree.

    Parameters
    ----------
    x : array_like, shape (chain, draw) or (draw,)
        Series of one observable, at least 4 draws per chain.

    Returns
    -------
    float
        The larger of the R-hats of location and scale; above 1.01 chains have not met.
        nan for a constant series.

    Raises
    ------
    ValueError, TypeError
        For other shapes, or values that are not finite real numbers.

    Notes
    -----
    A. Vehtari et al., Bayesian Anal. 16, 667 (2021). Each chain is cut in halves; ranks
    (ties share their mean) become normal scores :math:`\Phi^{-1}((r - 3/8) / (n +
    1/4))`; R-hat is :math:`\sqrt{((l - 1) W / l + B / l) / W}` with W the mean variance
    within and B/l the variance between half-chains of length l. Scale is tested by the
    same of :math:`|x - \mathrm{median}|`.

    Examples
    --------
    >>> import numpy as np
    >>> from rgdl import stats
    >>> x = np.random.default_rng(0).normal(size=(4, 1000))
    >>> stats.r_hat(x) < 1.01, stats.r_hat(x + np.arange(4)[:, None]) > 1.3
    (True, True)
    """
    series = as_series(x)
    half = series.shape[1] // 2
    if half < 2:
        raise ValueError(f"x must have at least 4 draws, got {series.shape[1]}")
    split = np.concatenate([series[:, :half], series[:, -half:]])
    folded = np.abs(split - np.median(split))
    return max(_split_r_hat(_scores(split)), _split_r_hat(_scores(folded)))


def _scores(x: Floats) -> Floats:
    """Turn values into normal scores of their ranks over all chains."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(x, method="average").reshape(x.shape)
    return np.asarray(ndtri((ranks - 0.375) / (x.size + 0.25)))


def _split_r_hat(z: Floats) -> float:
    length = z.shape[1]
    within = z.var(axis=1, ddof=1).mean()
    between = z.mean(axis=1).var(ddof=1)
    if within == 0:
        return math.nan if between == 0 else math.inf
    return math.sqrt((length - 1) / length + between / within)
