"""Two-lattice matching: the critical coupling from Monte Carlo RG."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _validate
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl._states import Floats
from rgdl.ising import Ising
from rgdl.rg._chains import packed_chains
from rgdl.rg._mcrg import (
    _GROUPS,
    _checked,
    _level_sums,
    _no_fixed_point,
    _with_error,
)
from rgdl.rg._operators import OperatorSet
from rgdl.rg._transform import Transform

__all__ = ["MatchingResult", "match_lattices"]


_BONDS = OperatorSet({"nn": ((0, 0), (0, 1))})
_TOLERANCE = 0.002  # in K: less is not worth a warning, however significant
_WINDOW = 0.5  # of 1/L around K: where the expansion to first order holds


@dataclass(frozen=True, eq=False, kw_only=True)
class MatchingResult:
    r"""Critical coupling by level and operator.

    Attributes
    ----------
    K : float
        Where the simulations ran.
    shape : tuple of int
        Of the larger lattice; the extents of the smaller one are divided by b.
    labels : tuple of str
        Even operators.
    k_c, k_c_error : ndarray of float64, shape (levels, n_operators)
        Estimate from matching level n of the large lattice with level n - 1 of the
        small one, n = 1, 2, ..., and its jackknife error.
    combined, combined_error : ndarray of float64, shape (levels,)
        Mean over the operators, weighted with their inverse variances, and its
        jackknife error. That is statistical: the first levels carry the irrelevant
        couplings' bias, the last ones that of small lattices.
    difference : ndarray of float64, shape (levels, n_operators)
        <S_a> on the large lattice less that on the small one, per site.
    n : int
        Configurations of each lattice.
    reliable : bool
        False for pure decimation in two dimensions (no fixed point to flow to), where
        the last level gives no number, where dS/dK of an operator does not grow there
        (by more than 4 standard errors: at K_c it grows by :math:`b^{y_t}`, in a phase
        it shrinks), where the operators of that level or the last two levels differ by
        more than 4 standard errors of the difference and more than 0.002, and where the
        estimate is more than 1/(2 L) from K, L the larger extent: the critical region
        is 1/L wide, and the expansion does not reach farther.
    reason : str
        Why it is not reliable; else empty.
    key : tuple of int
        ``rng=key`` repeats the run.

    Examples
    --------
    >>> import rgdl
    >>> run = rgdl.rg.match_lattices(rgdl.Ising((16, 16), K=0.44),
    ...                              rgdl.rg.MajorityRule(), levels=2, n=2000, rng=0)
    >>> run.k_c.shape, bool(abs(run.combined[-1] - 0.4407) < 0.01), run.reliable
    ((2, 7), True, True)
    """

    K: float
    shape: tuple[int, ...]
    labels: tuple[str, ...]
    k_c: Floats
    k_c_error: Floats
    combined: Floats
    combined_error: Floats
    difference: Floats
    n: int
    reliable: bool
    reason: str
    key: tuple[int, ...]

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        head = "".join(f"{label:>14}" for label in ("all", *self.labels))
        lines = [
            f"Matching of {size} with the next smaller lattice at K={self.K:.10g}, "
            f"{self.n} configurations of each",
            f"K_c      {head}",
        ]
        for level in range(len(self.k_c)):
            values = [self.combined[level], *self.k_c[level]]
            errors = [self.combined_error[level], *self.k_c_error[level]]
            cells = "".join(
                f"{_with_error(v, e):>14}" for v, e in zip(values, errors, strict=True)
            )
            lines.append(f"{level + 1:>3} ~{level:>3} {cells}")
        if not self.reliable:
            lines.append(f"not reliable: {self.reason}")
        return "\n".join(lines)


def match_lattices(
    model: Ising,
    transform: Transform,
    *,
    levels: SupportsIndex,
    n: SupportsIndex,
    operators: Any = "standard",
    thin: SupportsIndex = 3,
    burn_in: SupportsIndex | None = None,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = "auto",
) -> MatchingResult:
    r"""Find the critical coupling by comparing a blocked lattice with a smaller one.

    Parameters
    ----------
    model : Ising
        The larger lattice, without field, near its critical point; the smaller one has
        extents divided by b.
    transform : Transform
        With a lattice and an integer b.
    levels : int
        Steps of the large lattice; b must divide its extents that often, and the
        coarsest needs 2 sites along each axis.
    n : int
        Configurations of each lattice, rounded up to a multiple of the 128 chains.
    operators : OperatorSet, mapping, or "standard"
        See `OperatorSet`; the even ones are used.
    thin, burn_in : int
        As for `mcrg`.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable

    Returns
    -------
    MatchingResult

    Raises
    ------
    ValueError, TypeError
        As `mcrg`, and when the coarsest lattice is too small or no operator is even.

    Notes
    -----
    K. G. Wilson, in Recent Developments in Gauge Theories (1980), and R. H. Swendsen,
    Phys. Rev. Lett. 52, 1165 (1984): after n steps the large lattice is as large as the
    small one after n - 1, and both have flowed to the same fixed point if K = K_c. From
    a first-order expansion

    .. math:: K_c = K - \frac{\langle S_a^{(n)}\rangle_L - \langle
        S_a^{(n-1)}\rangle_{L/b}}{\partial_K\langle S_a^{(n)}\rangle_L -
        \partial_K\langle S_a^{(n-1)}\rangle_{L/b}}

    with :math:`\partial_K \langle S_a^{(n)} \rangle = \mathrm{cov}(S_a^{(n)},
    S_{nn}^{(0)})`. Repeat at the estimate when it is far from K: the result then says
    that it is not reliable.

    Examples
    --------
    >>> import rgdl
    >>> run = rgdl.rg.match_lattices(rgdl.Ising((16, 16), K=0.43),
    ...                              rgdl.rg.MajorityRule(), levels=2, n=4000, rng=1)
    >>> bool(abs(run.combined[-1] - 0.4407) < 0.005)
    True
    """
    levels = _validate.count(levels, "levels")
    n = _validate.count(n, "n")
    thin = _validate.count(thin, "thin")
    workers = _validate.worker_count(workers)
    b = _checked(model, transform, levels)
    K, _ = model._plain("Monte Carlo RG samples")
    if min(model.shape) < 2 * b**levels:
        raise ValueError(
            f"levels={levels} leaves less than 2 sites along an axis of {model.shape}"
        )
    small = Ising((model.shape[0] // b, model.shape[1] // b), K=K)
    chosen = operators if isinstance(operators, OperatorSet) else OperatorSet(operators)
    if not chosen.n_even:
        raise ValueError("operators must hold at least one of an even number of spins")
    chosen._check(model.shape)
    key = draw_key(rng)
    chains = 4 * _GROUPS
    draws = -(-n // chains)
    moments = []
    with Progress("matching lattices", progress) as update:
        for part, (each, steps) in enumerate(((model, levels), (small, levels - 1))):
            own = key.copy()
            own[2] ^= np.uint64(part)
            wait = thin * (20 + 2 * math.isqrt(max(each.shape)))
            if burn_in is not None:
                wait = _validate.count(burn_in, "burn_in", least=0)
            source = packed_chains(each, chains, draws, thin, wait, own, workers)
            sums = _Moments(steps, chosen.n_even)
            for draw, bits in enumerate(source):
                energy = _BONDS._sums(bits, each.shape[1])[:, 0]
                levels_of = _level_sums(bits, each, transform, steps, chosen, own, draw)
                sums.add(levels_of, energy)
                update((part + (draw + 1) / draws) / 2)
            moments.append(sums)
    return _result(model, transform, chosen, moments, K, chains * draws, b, key)


class _Moments:
    """Sums of the even operators at all levels, alone and times the energy."""

    def __init__(self, levels: int, n_even: int) -> None:
        self.n = np.zeros(_GROUPS)
        self.energy = np.zeros(_GROUPS)
        self.first = np.zeros((_GROUPS, levels + 1, n_even))
        self.mixed = np.zeros((_GROUPS, levels + 1, n_even))

    def add(
        self, sums: Iterator[npt.NDArray[np.int32]], energy: npt.NDArray[np.int32]
    ) -> None:
        """Add (chains, n_operators) of every level; groups are chains in order."""
        e = energy.reshape(_GROUPS, -1).astype(float)
        self.n += e.shape[1]
        self.energy += e.sum(axis=1)
        for level, values in enumerate(sums):
            s = values.reshape(_GROUPS, -1, values.shape[1]).astype(float)
            s = s[:, :, : self.first.shape[2]]
            self.first[:, level] += s.sum(axis=1)
            self.mixed[:, level] += np.einsum("gc,gca->ga", e, s)

    def means(self, weights: Floats) -> tuple[Floats, Floats]:
        """<S_a> and d<S_a>/dK, (levels + 1, n_even), with weights on the groups."""
        n = weights @ self.n
        first = np.tensordot(weights, self.first, 1) / n
        mixed = np.tensordot(weights, self.mixed, 1) / n
        return first, mixed - first * (weights @ self.energy) / n


def _result(
    model: Ising,
    transform: Transform,
    operators: OperatorSet,
    moments: list[_Moments],
    K: float,
    n: int,
    b: int,
    key: Key,
) -> MatchingResult:
    large, small = moments

    def estimate(weights: Floats) -> tuple[Floats, Floats, Floats]:
        first, slope = large.means(weights)
        other, other_slope = small.means(weights)
        gap, growth = first[1:] - other, slope[1:] - other_slope
        with np.errstate(divide="ignore", invalid="ignore"):
            return K - gap / growth, gap, growth[-1] * np.sign(other_slope[-1])

    k_c, gap, growth = estimate(np.ones(_GROUPS))
    without = [estimate(1.0 - np.eye(_GROUPS)[g]) for g in range(_GROUPS)]
    left_out = np.array([each[0] for each in without])
    grows = growth > 4 * _jackknife(np.array([each[2] for each in without]))
    error = _jackknife(left_out)
    usable = np.isfinite(k_c) & np.isfinite(error) & (error > 0)
    weights = np.where(usable, 1.0 / np.where(usable, error, 1.0) ** 2, 0.0)
    with np.errstate(invalid="ignore"):
        weights /= weights.sum(axis=1, keepdims=True)
    combined = (weights * np.where(usable, k_c, 0.0)).sum(axis=1)
    spread = (weights * np.where(usable, left_out, 0.0)).sum(axis=2)
    labels = operators.labels[: operators.n_even]
    reason = (
        _no_fixed_point(transform)
        or _no_growth(grows, labels)
        or _disagreement(combined, spread, k_c[-1], left_out[:, -1], usable[-1], labels)
        or _too_far(float(combined[-1]), K, max(model.shape))
    )
    sites = math.prod(model.shape) / b ** (2.0 * np.arange(1, len(k_c) + 1))
    return MatchingResult(
        K=K,
        shape=model.shape,
        labels=labels,
        k_c=k_c,
        k_c_error=error,
        combined=combined,
        combined_error=_jackknife(spread),
        difference=gap / sites[:, None],
        n=n,
        reliable=not reason,
        reason=reason,
        key=tuple(int(word) for word in key),
    )


def _jackknife(left_out: Floats) -> Floats:
    return np.asarray(np.sqrt((_GROUPS - 1) * left_out.var(axis=0)))


def _disagreement(
    combined: Floats,
    spread: Floats,
    k_c: Floats,
    left_out: Floats,
    usable: npt.NDArray[np.bool_],
    labels: tuple[str, ...],
) -> str:
    """Where estimates that should be equal are not, or nothing.

    `combined` are the means per level, `k_c` the operators of the last; `spread` and
    `left_out` the same without one group each, which gives errors of differences.
    """
    if not usable.any():
        return "the last level gives no estimate with an error"
    pairs = []
    if len(combined) > 1:
        pairs.append(
            (combined[-2] - combined[-1], spread[:, -2] - spread[:, -1], "level before")
        )
    for a in np.flatnonzero(usable):
        pairs.append((k_c[a] - combined[-1], left_out[:, a] - spread[:, -1], labels[a]))
    for gap, others, name in pairs:
        sigma = float(_jackknife(others))
        if not math.isfinite(gap):
            return f"the {name} gives no estimate"
        if abs(gap) > 4 * sigma and abs(gap) > _TOLERANCE:
            return (
                f"the {name} differs from the mean of the last level by {gap:.3f} = "
                f"{abs(gap) / sigma:.1f} standard errors"
            )
    return ""


def _no_growth(grows: npt.NDArray[np.bool_], labels: tuple[str, ...]) -> str:
    if grows.all():
        return ""
    return (
        f"dS/dK of {labels[int(np.argmin(grows))]} does not grow in the last step, "
        "within 4 standard errors: K is no relevant coupling here, or too far from K_c"
    )


def _too_far(estimate: float, K: float, L: int) -> str:
    if abs(estimate - K) * L > _WINDOW:
        return (
            f"the estimate {estimate:.4f} is too far from K={K:g} for an expansion to "
            f"first order on {L} sites: repeat it there"
        )
    return ""
