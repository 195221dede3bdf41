"""Swendsen's Monte Carlo renormalisation group."""

import math
from collections.abc import Callable, Iterator
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
from rgdl.rg._compose import Compose
from rgdl.rg._decimation import Decimation
from rgdl.rg._operators import OperatorSet
from rgdl.rg._transform import Transform

__all__ = ["MCRGResult", "mcrg"]

Bits = npt.NDArray[np.uint64]

_GROUPS = 32  # of chains: the jackknife's blocks
_TOLERANCE = 0.01
_UNRESOLVED = 0.25  # relative error of an eigenvalue that may as well be 0


@dataclass(frozen=True, eq=False, kw_only=True)
class MCRGResult:
    r"""Exponents by level and by number of couplings.

    Attributes
    ----------
    b : int
        Length scale factor.
    labels_even, labels_odd : tuple of str
        Operators, in the order in which they join.
    y_t, y_t_error : ndarray of float64, shape (levels, n_even)
        Thermal exponent :math:`\ln\lambda_1 / \ln b` of step level -> level + 1 with
        the first 1, 2, .. couplings, and its jackknife error.
    y_h, y_h_error : ndarray of float64, shape (levels, n_odd)
        The same for the odd sector.
    T_even, T_odd : ndarray, shape (levels, n, n)
        :math:`T_{ab} = \partial K'_a / \partial K_b` with all couplings.
    n : int
        Configurations.
    reliable : bool
        False for pure decimation in two dimensions (which keeps short-range noise and
        has no fixed point), where operators coincide on a small lattice, where with all
        couplings there is no exponent above 0, no error of it, or an eigenvalue less
        than 4 standard errors from 0 (as when coarse spins hardly depend on the fine
        ones), and where the last two levels differ by more than 4 standard errors and
        more than 0.01.
    reason : str
        Why it is not reliable; else empty.
    key : tuple of int
        ``rng=key`` repeats the run.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=0.4406867935)
    >>> run = rgdl.rg.mcrg(model, rgdl.rg.MajorityRule(), levels=2, n=4000, rng=0)
    >>> run.y_t.shape, bool(abs(run.y_t[0, -1] - 0.97) < 0.1)
    ((2, 7), True)
    """

    b: int
    labels_even: tuple[str, ...]
    labels_odd: tuple[str, ...]
    y_t: Floats
    y_t_error: Floats
    y_h: Floats
    y_h_error: Floats
    T_even: Floats
    T_odd: Floats
    n: int
    reliable: bool
    reason: str
    key: tuple[int, ...]

    def __repr__(self) -> str:
        lines = [f"Monte Carlo RG, b={self.b}, {self.n} configurations"]
        for name, value, error in (
            ("y_t", self.y_t, self.y_t_error),
            ("y_h", self.y_h, self.y_h_error),
        ):
            counts = range(1, value.shape[1] + 1)
            head = "".join(f"{f'{k} coupl.':>14}" for k in counts)
            lines.append(f"{name:<9}{head}")
            for level in range(len(value)):
                cells = "".join(
                    f"{_with_error(v, e):>14}"
                    for v, e in zip(value[level], error[level], strict=True)
                )
                lines.append(f"{level:>3} ->{level + 1:>2} {cells}")
        if not self.reliable:
            lines.append(f"not reliable: {self.reason}")
        return "\n".join(lines)


def _with_error(value: float, error: float) -> str:
    """1.2345(67): two digits of the error."""
    if not (math.isfinite(value) and math.isfinite(error)) or error <= 0:
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f}({round(error * 10**digits)})"


class _Sums:
    """Sums of operators and of their products at adjacent levels, per chain group."""

    def __init__(self, levels: int, n_even: int, n_odd: int) -> None:
        self.n_even = n_even
        self.n = np.zeros(_GROUPS)
        self.first = np.zeros((_GROUPS, levels + 1, n_even))
        self.even = np.zeros((2, _GROUPS, levels, n_even, n_even))
        self.odd = np.zeros((2, _GROUPS, levels, n_odd, n_odd))

    def add(self, sums: list[npt.NDArray[np.int32]]) -> None:
        """Add (chains, n_operators) of every level; chains split into groups in order.

        Entry 0 of `even` and `odd` is S' with S (the level below), entry 1 S' with S'.
        """
        values = [s.reshape(_GROUPS, -1, s.shape[1]).astype(float) for s in sums]
        self.n += values[0].shape[1]
        for level, s in enumerate(values):
            self.first[:, level] += s[:, :, : self.n_even].sum(axis=1)
        for level in range(len(values) - 1):
            fine, coarse = values[level], values[level + 1]
            for part, total in (
                (slice(None, self.n_even), self.even),
                (slice(self.n_even, None), self.odd),
            ):
                left = coarse[:, :, part].transpose(0, 2, 1)
                total[0, :, level] += left @ fine[:, :, part]
                total[1, :, level] += left @ coarse[:, :, part]

    def matrices(self, weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Cross and own covariances of both sectors, with weights on the groups.

        <S_odd> = 0 by symmetry: subtracting its sample mean would only add noise.
        """
        n = weights @ self.n
        mean = np.tensordot(weights, self.first, 1) / n
        even = np.tensordot(weights, self.even, (0, 1)) / n
        odd = np.tensordot(weights, self.odd, (0, 1)) / n
        cross = even[0] - mean[1:, :, None] * mean[:-1, None, :]
        own = even[1] - mean[1:, :, None] * mean[1:, None, :]
        spread, size = (each.diagonal(axis1=1, axis2=2) for each in (own, even[1]))
        varies = spread > 1e-12 * size  # less is rounding
        own *= varies[:, :, None] & varies[:, None, :]
        return cross, own, odd[0], odd[1]


def _independent(own: Floats) -> int:
    """How many operators, in their order, do not depend linearly on those before.

    On a tiny lattice some coincide: covariances among them then are a singular matrix.
    """
    for k in range(len(own)):
        rest = own[k, k]
        if k:
            rest -= own[k, :k] @ np.linalg.solve(own[:k, :k], own[:k, k])
        if not rest > 1e-9 * own[k, k]:
            return k
    return len(own)


def _exponents(cross: Floats, own: Floats, b: int) -> tuple[Floats, Floats]:
    """Exponents with the first 1, 2, .. couplings per level, and T with all."""
    levels, n, _ = cross.shape
    result = np.full((levels, n), math.nan)
    matrices = np.full((levels, n, n), math.nan)
    for level in range(levels):
        for k in range(1, _independent(own[level]) + 1):
            T = np.linalg.solve(own[level, :k, :k], cross[level, :k, :k])
            largest = np.linalg.eigvals(T).real.max()
            if largest > 0:
                result[level, k - 1] = math.log(largest) / math.log(b)
            if k == n:
                matrices[level] = T
    return result, matrices


def mcrg(
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
) -> MCRGResult:
    r"""Measure the linearised renormalisation of couplings by Monte Carlo.

    Parameters
    ----------
    model : Ising
        Nearest neighbours on a two-dimensional torus without field, near its critical
        point.
    transform : Transform
        The weight factor of each step: any transform with a lattice and an integer b.
    levels : int
        Number of steps; b must divide the extents that often.
    n : int
        Number of configurations, rounded up to a multiple of the 128 chains.
    operators : OperatorSet, mapping, or "standard"
        See `OperatorSet`. Couplings join in the order given.
    thin : int, default 3
        Cluster sweeps between two configurations of a chain.
    burn_in : int, optional
        Cluster sweeps before the first; by default `thin` times
        :math:`20 + 2 \lfloor \sqrt L \rfloor`, L the largest extent.
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys the chains and the coarse-graining.
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable

    Returns
    -------
    MCRGResult

    Raises
    ------
    ValueError, TypeError
        When the model has a field or is no two-dimensional torus of nearest
        neighbours, the transform has no lattice or no integer b, or b does not divide
        the extents.

    Notes
    -----
    R. H. Swendsen, Phys. Rev. Lett. 42, 859 (1979). The chain rule
    :math:`\langle S'_c S_b \rangle_c = \sum_a \langle S'_c S'_a \rangle_c T_{ab}` is
    solved for T in each sector; all levels come from the same configurations. Errors
    are jackknife errors over 32 groups of independent chains, so autocorrelation within
    a chain cannot spoil them. More couplings do not always help: at the last levels the
    operators hardly differ on the small lattice, and with seven of them y_t sags.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((16, 16), K=0.4406867935)
    >>> run = rgdl.rg.mcrg(model, rgdl.rg.MajorityRule(), levels=1, n=2000, rng=0)
    >>> bool(abs(run.y_h[0, 0] - 1.88) < 0.02)
    True
    """
    levels = _validate.count(levels, "levels")
    n = _validate.count(n, "n")
    thin = _validate.count(thin, "thin")
    workers = _validate.worker_count(workers)
    chosen = operators if isinstance(operators, OperatorSet) else OperatorSet(operators)
    b = _checked(model, transform, levels)
    chosen._check(model.shape)
    key = draw_key(rng)
    chains = 4 * _GROUPS
    draws = -(-n // chains)
    if burn_in is None:
        burn_in = thin * (20 + 2 * math.isqrt(max(model.shape)))
    burn_in = _validate.count(burn_in, "burn_in", least=0)
    sums = _Sums(levels, chosen.n_even, chosen.n_odd)
    with Progress("Monte Carlo RG", progress) as update:
        source = packed_chains(model, chains, draws, thin, burn_in, key, workers)
        for draw, bits in enumerate(source):
            sums.add(
                list(_level_sums(bits, model, transform, levels, chosen, key, draw))
            )
            update((draw + 1) / draws)
    return _result(sums, chosen, transform, b, chains * draws, key)


def _level_sums(
    bits: Bits,
    model: Ising,
    transform: Transform,
    levels: int,
    operators: OperatorSet,
    key: Key,
    draw: int,
) -> Iterator[npt.NDArray[np.int32]]:
    shape: tuple[int, ...] | None = model.shape
    yield operators._sums(bits, model.shape[1])
    for level in range(levels):
        step_key = key.copy()
        step_key[3] ^= np.uint64(draw << 8 | level + 1)
        assert shape is not None  # `_checked`
        bits = transform._coarsen_rows(bits, shape[1], step_key)
        shape = transform.coarse_shape(shape)
        assert shape is not None
        yield operators._sums(bits, shape[1])


def _checked(model: Ising, transform: Transform, levels: int) -> int:
    """Check that the lattice can be coarsened `levels` times; give b."""
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    if not isinstance(transform, Transform):
        raise TypeError(f"transform must be a Transform, got {transform!r}")
    if model.ndim != 2:
        raise ValueError(f"model must be two-dimensional, got shape {model.shape}")
    shape: tuple[int, ...] | None = model.shape
    for _ in range(levels):
        coarse = transform.coarse_shape(shape) if shape is not None else None
        if coarse is None or len(coarse) != 2:
            raise ValueError(f"transform must have a coarse lattice, got {transform!r}")
        shape = coarse
    if not isinstance(transform.b, int):
        raise ValueError(f"transform must have an integer b, got {transform!r}")
    _, h = model._plain("Monte Carlo RG samples")
    if h != 0:
        raise ValueError(
            f"model must have h=0: Monte Carlo RG separates even and odd operators, "
            f"got h={h:g}"
        )
    return transform.b


def _result(
    sums: _Sums,
    operators: OperatorSet,
    transform: Transform,
    b: int,
    n: int,
    key: Key,
) -> MCRGResult:
    def estimate(weights: Floats) -> tuple[Floats, ...]:
        cross_even, own_even, cross_odd, own_odd = sums.matrices(weights)
        return (
            *_exponents(cross_even, own_even, b),
            *_exponents(cross_odd, own_odd, b),
        )

    y_t, T_even, y_h, T_odd = estimate(np.ones(_GROUPS))
    leave_one_out = [estimate(1.0 - np.eye(_GROUPS)[g]) for g in range(_GROUPS)]

    def error(pick: Callable[[tuple[Floats, ...]], Floats]) -> Floats:
        values = np.array([pick(each) for each in leave_one_out])
        return np.asarray(np.sqrt((_GROUPS - 1) * values.var(axis=0)))

    y_t_error, y_h_error = error(lambda e: e[0]), error(lambda e: e[2])
    even = operators.labels[: operators.n_even]
    odd = operators.labels[operators.n_even :]
    _, own_even, _, own_odd = sums.matrices(np.ones(_GROUPS))
    reason = (
        _no_fixed_point(transform)
        or _repeated(own_even, even)
        or _repeated(own_odd, odd)
        or _doubt(((y_t, y_t_error, "y_t"), (y_h, y_h_error, "y_h")), b)
    )
    return MCRGResult(
        b=b,
        labels_even=even,
        labels_odd=odd,
        y_t=y_t,
        y_t_error=y_t_error,
        y_h=y_h,
        y_h_error=y_h_error,
        T_even=T_even,
        T_odd=T_odd,
        n=n,
        reliable=not reason,
        reason=reason,
        key=tuple(int(word) for word in key),
    )


def _repeated(own: Floats, labels: tuple[str, ...]) -> str:
    """Name the first operator that adds nothing to those before it, and where."""
    for level, matrix in enumerate(own):
        k = _independent(matrix)
        if k < len(labels):
            other = "a constant"
            if matrix[k, k] > 0:
                other = f"a combination of {', '.join(labels[:k])}"
            return (
                f"after step {level + 1} the operator {labels[k]} coincides with "
                f"{other}: the lattice is too small for it"
            )
    return ""


def _no_fixed_point(transform: Transform) -> str:
    steps = transform.transforms if isinstance(transform, Compose) else (transform,)
    if all(isinstance(step, Decimation) for step in steps):
        return (
            "pure decimation has no fixed point at finite couplings in two dimensions"
        )
    return ""


def _doubt(sectors: tuple[tuple[Floats, Floats, str], ...], b: int) -> str:
    """Why the exponents are not to be trusted, or nothing."""
    for value, error, name in sectors:
        if value.shape[1] == 0:
            continue
        last = value[-2:, -1]
        if not np.isfinite(last).all():
            return f"{name} has no real eigenvalue above 0"
        spread = error[-2:, -1]
        if not (np.isfinite(spread).all() and (spread > 0).all()):
            return f"{name} has no jackknife error"
        if (last <= 0).any():
            return f"{name} is not above 0: no coupling of its sector grows"
        if (spread * math.log(b) > _UNRESOLVED).any():  # relative error of b^y
            return f"{name} is not resolved: its eigenvalue is within 4 errors of 0"
        if len(last) < 2:
            continue
        gap = abs(float(last[1] - last[0]))
        sigma = float(np.hypot(error[-1, -1], error[-2, -1]))
        if gap > 4 * sigma and gap > _TOLERANCE:
            return (
                f"{name} with all couplings still changes between the last two levels, "
                f"by {gap:.3f} = {gap / sigma:.1f} standard errors"
            )
    return ""
