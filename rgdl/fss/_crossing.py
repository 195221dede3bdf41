"""Crossings of Binder's cumulants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from rgdl import _validate
from rgdl.fss._curves import LEAST_ESS, Curve, Floats, binder, by_size, curves_of
from rgdl.fss._power import LEAST_P, least_squares
from rgdl.stats import Estimate, MultiHistogram
from rgdl.trace import Trace

__all__ = ["Crossing", "binder_crossing"]

_GRID = 49
_FARTHEST = 0.1  # reweight by at most this part of K


@dataclass(frozen=True)
class Crossing:
    """Where Binder's cumulants of pairs of sizes cross.

    Parameters
    ----------
    K : Estimate
        Critical coupling.
    binder : Estimate
        U4 at the crossing of the largest pair.
    pairs : tuple of (int, int)
        Consecutive sizes.
    crossings : tuple of Estimate
        K of each pair.
    curves : tuple of Curve
        U4 of each size, to be drawn.

    Examples
    --------
    See `binder_crossing`.
    """

    K: Estimate
    binder: Estimate
    pairs: tuple[tuple[int, int], ...]
    crossings: tuple[Estimate, ...]
    curves: tuple[Curve, ...]

    def __repr__(self) -> str:
        pairs = ", ".join(
            f"{a}/{b}: {x}"
            for (a, b), x in zip(self.pairs, self.crossings, strict=True)
        )
        return f"Crossing(K={self.K!r}; U4={self.binder}; {pairs})"


def binder_crossing(
    traces: Sequence[Trace], *, exponent: float | None = None
) -> Crossing:
    r"""Critical coupling from the crossings of Binder's cumulants.

    Parameters
    ----------
    traces : sequence of Trace
        With energy and magnetisation, of at least two sizes, at one or more couplings
        (or ladders of them) near the crossing. Traces of one size must be independent.
    exponent : float, optional
        Extrapolate the crossings of consecutive sizes by :math:`K_\times = K_c + A
        (L L')^{-\mathrm{exponent}/2}`; its value is :math:`1/\nu + \omega`. Without
        it the crossing of the largest pair is the result.

    Returns
    -------
    Crossing
        With nan where two curves do not cross within reach of the data.

    Raises
    ------
    ValueError
        For fewer than two sizes, extents that differ, or traces without the
        observables.

    Notes
    -----
    K. Binder, Z. Phys. B 43, 119 (1981). Curves between the couplings by multiple
    histograms; errors by jackknife, with the correlations of crossings that share a
    size.

    Examples
    --------
    >>> import rgdl
    >>> traces = []
    >>> for L in (4, 8):
    ...     model = rgdl.Ising((L, L), K=0.44)
    ...     traces.append(rgdl.Trace.of(model, rgdl.sample(model, 20480, rng=L)))
    >>> crossing = rgdl.fss.binder_crossing(traces)
    >>> abs(crossing.K.value - rgdl.exact.K_CRITICAL) < 0.01
    True
    """
    histograms = by_size(traces, ("m^2", "m^4"))
    sizes = sorted(histograms)
    if len(sizes) < 2:
        raise ValueError(f"traces must have at least two sizes, got {sizes}")
    pairs = tuple(pairwise(sizes))
    found = [_cross(histograms[a], histograms[b]) for a, b in pairs]
    covariance = _covariance(pairs, found)
    errors = np.sqrt(np.diag(covariance))
    crossings = tuple(
        Estimate(f.K, float(error), math.nan, math.nan, not f.reason, f.reason)
        for f, error in zip(found, errors, strict=True)
    )
    best = crossings[-1]
    if exponent is not None:
        best = _extrapolate(
            pairs, crossings, covariance, _validate.finite(exponent, "exponent")
        )
    value = Estimate(math.nan, math.nan, reliable=False, reason=crossings[-1].reason)
    if math.isfinite(found[-1].K):
        value = histograms[sizes[-1]].estimate(binder, "m^2", "m^4", K=found[-1].K)
        # the curve is evaluated where it crosses: add the motion along it
        value = replace(
            value,
            error=math.hypot(value.error, found[-1].slope_b * crossings[-1].error),
        )
    low = max(h.K.min() for h in histograms.values())
    high = min(h.K.max() for h in histograms.values())
    known = [x.value for x in crossings if math.isfinite(x.value)]
    low, high = min([low, *known]), max([high, *known])
    margin = 0.25 * (high - low) + 0.01 * abs(high)
    drawn = curves_of(
        histograms,
        "binder",
        traces[0].model.ndim,
        np.linspace(low - margin, high + margin, 25),
    )
    return Crossing(best, value, pairs, crossings, tuple(drawn))


@dataclass(frozen=True)
class _Found:
    """A crossing and how it moves when block b of either size is left out."""

    K: float
    reason: str
    moves_a: Floats
    moves_b: Floats
    slope_b: float


def _cross(a: MultiHistogram, b: MultiHistogram) -> _Found:
    """Root of U4(b) - U4(a), which rises through 0 at the critical point."""
    from scipy.optimize import brentq

    def gap(K: float) -> float:
        upper = b.value(binder, "m^2", "m^4", K=K)
        return upper - a.value(binder, "m^2", "m^4", K=K)

    grid = _reach(a, b)
    gaps = np.array([gap(K) for K in grid])
    rising = np.flatnonzero((gaps[:-1] < 0) & (gaps[1:] >= 0))
    if not rising.size:
        reason = "the curves do not cross where there are data"
        return _Found(math.nan, reason, np.zeros(2), np.zeros(2), math.nan)
    # noise may cross where both curves are flat: take the steepest
    at = rising[np.argmax(gaps[rising + 1] - gaps[rising])]
    K = float(brentq(gap, grid[at], grid[at + 1], xtol=1e-10))
    step = 0.1 * float(grid[1] - grid[0])
    slope = (gap(K + step) - gap(K - step)) / (2.0 * step)
    moves = []
    for histogram, sign in ((a, 1.0), (b, -1.0)):
        parts = histogram.replicas(binder, "m^2", "m^4", K=K)[1]
        scale = math.sqrt((len(parts) - 1) / len(parts))
        moves.append(sign * scale * (parts - parts.mean()) / slope)
    rise = b.value(binder, "m^2", "m^4", K=K + step)
    rise -= b.value(binder, "m^2", "m^4", K=K - step)
    slope_b = rise / (2.0 * step)
    return _Found(K, a.reason or b.reason, moves[0], moves[1], slope_b)


def _reach(a: MultiHistogram, b: MultiHistogram) -> Floats:
    """Couplings that both sizes reach, evenly spaced."""
    bounds = []
    for side in (-1.0, 1.0):
        ends = []
        for histogram in (a, b):
            start = float(histogram.K.min() if side < 0 else histogram.K.max())
            end = start
            step = 1e-3 * max(abs(end), 1e-3)
            farthest = _FARTHEST * abs(end)
            while (
                abs(end - start) < farthest
                and histogram.effective_draws(end + side * step) >= LEAST_ESS
            ):
                end += side * step
                step *= 1.5
            ends.append(end)
        bounds.append(max(ends) if side < 0 else min(ends))
    return np.linspace(bounds[0], bounds[1], _GRID)


def _covariance(pairs: Sequence[tuple[int, int]], found: Sequence[_Found]) -> Floats:
    """Of the crossings: each size contributes to the two pairs that it is in."""
    n = len(pairs)
    result = np.zeros((n, n))
    for i, first in enumerate(found):
        result[i, i] = (first.moves_a**2).sum() + (first.moves_b**2).sum()
        if i + 1 < n and math.isfinite(first.K) and math.isfinite(found[i + 1].K):
            shared = float((first.moves_b * found[i + 1].moves_a).sum())
            result[i, i + 1] = result[i + 1, i] = shared
        if not math.isfinite(first.K):
            result[i, i] = math.nan
    return result


def _extrapolate(
    pairs: Sequence[tuple[int, int]],
    crossings: Sequence[Estimate],
    covariance: Floats,
    exponent: float,
) -> Estimate:
    from scipy.special import gammaincc

    values = np.array([x.value for x in crossings])
    good = np.isfinite(values)
    if good.sum() < 2:
        reason = "fewer than two crossings to extrapolate from"
        return Estimate(math.nan, math.nan, reliable=False, reason=reason)
    lengths = np.array([math.sqrt(a * b) for a, b in pairs])[good]
    design = np.stack([np.ones(len(lengths)), lengths**-exponent], axis=1)
    fit, errors, chi2 = least_squares(
        design, values[good], covariance[np.ix_(good, good)]
    )
    reason = next((x.reason for x in crossings if not x.reliable), "")
    dof = len(lengths) - 2
    if dof and gammaincc(dof / 2, chi2 / 2) < LEAST_P:
        reason = f"chi^2 = {chi2:.3g} for {dof} degrees of freedom: a wrong exponent"
    return Estimate(
        float(fit[0]), math.sqrt(errors[0, 0]), reliable=not reason, reason=reason
    )
