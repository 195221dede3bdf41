"""Transfer matrices: infinite strips, finite tori, their correlations."""

import functools
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from typing import Any, Self, SupportsIndex, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl.errors import ConvergenceError
from rgdl.exact import _range
from rgdl.exact._kaufman import K_CRITICAL
from rgdl.exact._slopes import column_exponents, leading_derivatives
from rgdl.ising import Ising

__all__ = [
    "CentralCharge",
    "Strip",
    "central_charge",
    "correlations",
    "magnetization_distribution",
    "transfer_matrix",
]

Floats: TypeAlias = npt.NDArray[np.float64]

_MAX_SPAN = 700.0  # e^-700 is still a normal number
_MAX_WIDTH = 20
_MAX_TORUS_WIDTH = 12
_MAX_TRACE_WIDTH = 10  # of the finite lattice: a trace needs all 2^width vectors
_MAX_CORRELATED_WIDTH = 9
_MAX_TORUS_SITES = 1000  # weights up to 2^N stay finite
_MAX_TORUS_WORK = 144**2 << 12  # N^2 2^width: of one first column, 0.1 s
_MAX_JOINT_SITES, _MAX_JOINT_WIDTH = 49, 7  # of counts by energy, too: a second
_DENSE_STATES = 256  # matrices up to this size are diagonalised whole
_HOT = 1e-3  # below it mean bonds, which cancel, are integrals of their derivative
_CACHED_STATES = 1 << 24  # diagonal factors kept, of all columns together


def _may_underflow(bonds: Floats, field: Floats) -> bool:
    """Whether the best columns may not fit each other in float64.

    Factors are kept relative to the largest of their column. In a uniform strip
    without field the largest factors also fit along the strip; otherwise the weights
    that matter may lie below e^-745 of it and would be lost without a word.
    """
    present = [part[part != 0] for part in bonds]
    if not field.any() and all((part == part[:1]).all() for part in present):
        return False
    column = np.abs(bonds).sum(axis=(0, 2)) + np.abs(field).sum(axis=1)
    return 2.0 * float(column.max()) > _MAX_SPAN


@dataclass(frozen=True, kw_only=True)
class Strip:
    r"""What the transfer matrix says about a strip.

    Attributes
    ----------
    shape : tuple of int
        (length, width) of the lattice.
    log_z : float
        ln Z of this finite lattice, in nats; nan where it is too wide for a trace.
    log_eigenvalues : tuple of float
        Leading :math:`\ln|\lambda|` of the matrix of the infinite strip, descending:
        the two largest of each sector (even and odd under a global flip), or of all
        with a field. Per column where all columns are equal, else per period of
        `length` columns. Empty for an open lattice whose columns differ.
    infinite_log_z_per_site : float
        ln Z / N of the infinite strip that repeats these columns; nan where there is
        none.
    correlation_length : float
        :math:`1/\ln|\lambda_0/\lambda_1|` along the strip in columns: without field,
        that of the spin, from the first odd eigenvalue.
    even_correlation_length : float or None
        The same from the second even eigenvalue: that of the energy. None with a field.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.exact.transfer_matrix(rgdl.Ising((8, 6), K=0.4))
    Strip((8, 6), log_z=42.5880038, correlation_length=4.26855317)
    """

    shape: tuple[int, int]
    log_z: float
    log_eigenvalues: tuple[float, ...] = ()
    infinite_log_z_per_site: float = math.nan
    correlation_length: float = math.nan
    even_correlation_length: float | None = None
    _responses: Callable[[], tuple[float, float]] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def infinite_energy(self) -> float:
        r"""Bond energy per site of the infinite strip, in units of J.

        nan where columns differ, K is 0 or one-spin couplings are given. Computed when
        first asked for, from the leading eigenvector (Hellmann and Feynman):
        :math:`d\ln\lambda/dK = \langle\psi|T'|\psi\rangle/\lambda`. Relative errors
        are about 1e-13; with a field absolute ones, of energies that nearly vanish.
        """
        return self._thermal[0]

    @property
    def infinite_specific_heat(self) -> float:
        """var(H) / N of the infinite strip; the second derivative, as its energy."""
        return self._thermal[1]

    @functools.cached_property
    def _thermal(self) -> tuple[float, float]:
        return (math.nan, math.nan) if self._responses is None else self._responses()

    @property
    def log_z_per_site(self) -> float:
        """Ln Z / N of the finite lattice."""
        return self.log_z / math.prod(self.shape)

    def __repr__(self) -> str:
        length = f"correlation_length={self.correlation_length:.9g}"
        return f"Strip({self.shape}, log_z={self.log_z:.9g}, {length})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{item.name}</th><td>{getattr(self, item.name)}</td></tr>"
            for item in fields(self)
            if not item.name.startswith("_")
        )
        return f"<table><caption>Strip</caption>{rows}</table>"


def transfer_matrix(model: Ising, *, workers: int = 1) -> Strip:
    r"""Transfer matrix of a strip of nearest-neighbour bonds and site fields.

    Parameters
    ----------
    model : Ising
        Of shape (length, width), width at most 20, open or periodic along either axis,
        with any nearest-neighbour couplings and fields.
    workers : int
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    Strip
        ln Z of the finite lattice (width at most 10 if it is periodic along the
        length, else 20), and eigenvalues, free energy and correlation lengths of the
        infinite strip that repeats the columns.

    Raises
    ------
    ValueError, TypeError
        For another shape, or couplings beyond nearest neighbours.
    ConvergenceError
        When Lanczos does not converge.

    Notes
    -----
    The matrix between columns is a product of a diagonal matrix and one 2 x 2 matrix
    per site (H. A. Kramers and G. H. Wannier, Phys. Rev. 60, 252 (1941); M. P.
    Nightingale, Physica A 83, 561 (1976)): applying it costs
    :math:`O(\text{width}\, 2^\text{width})`. Equal columns give a symmetric matrix and
    Lanczos (ARPACK) its leading eigenvalues; different ones are one period of the
    infinite strip and need Arnoldi. Without fields the even and the odd sector under a
    global flip are separate. ln Z adds positive numbers only, or the powers of all
    eigenvalues; its relative error is about 1e-14. Eigenvalues have about 1e-14 too,
    which is the absolute error of the inverse correlation lengths. Width 16 takes half
    a second, width 20 some five. Where couplings and fields of a column that is not
    uniform differ by more than 700 in the exponent, ln Z alone is found, from
    logarithms of weights, 30 times as slowly.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((8, 8), K=rgdl.exact.K_CRITICAL)
    >>> strip = rgdl.exact.transfer_matrix(model)
    >>> round(strip.log_z, 9)
    60.141780789
    >>> round(8 / (3.141592653589793 * strip.correlation_length), 6)  # 2 x 1/8 + ...
    0.251679
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    _range.check_model(model)
    threads = _validate.worker_count(workers)
    columns = _Columns.of_model(model, threads)
    constant = model._terms().constant
    if _may_underflow(np.array([columns.along, columns.across]), columns.field):
        return Strip(shape=columns.shape, log_z=columns.log_z_in_logs() + constant)
    log_z = columns.log_z() + constant
    bulk = columns.bulk()
    if bulk is None:
        return Strip(shape=columns.shape, log_z=log_z)
    period, width = bulk.shape
    spectra = [bulk.spectrum(parity) for parity in bulk.parities]
    top = float(spectra[0][0])
    is_even = len(spectra) == 2
    other = float(spectra[1][0] if is_even else spectra[0][1])
    terms = model._terms()
    responses = None
    if period == 1 and terms.scale != 0 and not (terms.orders == 1).any():
        responses = functools.partial(
            bulk.responses, terms.scale, constant / model.n_sites
        )
    return Strip(
        shape=columns.shape,
        log_z=log_z,
        log_eigenvalues=tuple(np.sort(np.concatenate(spectra))[::-1].tolist()),
        infinite_log_z_per_site=top / (period * width) + constant / model.n_sites,
        correlation_length=period * _length(top, other),
        even_correlation_length=(
            period * _length(top, float(spectra[0][1])) if is_even else None
        ),
        _responses=responses,
    )


def _length(top: float, other: float) -> float:
    """1 / ln of a ratio of eigenvalues; infinite where only rounding separates them."""
    return 1 / (top - other) if top > other else math.inf


@dataclass(frozen=True)
class _Columns:
    """Couplings (length, width): along[t] joins column t to the next, the last to 0."""

    along: Floats
    across: Floats
    field: Floats
    workers: int

    @classmethod
    def of_model(cls, model: Ising, workers: int) -> Self:
        """Sort the bonds of a model, which must all be of nearest neighbours."""
        if model.ndim != 2:
            raise ValueError(
                f"model must have shape (length, width), got {model.shape}; see "
                "exact.chain for one dimension"
            )
        length, width = model.shape
        if width > _MAX_WIDTH:
            raise ValueError(
                "model.shape[1], the width of the strip, must be at most "
                f"{_MAX_WIDTH}, got {width}"
            )
        terms = model._terms()
        sites, values = terms.pairs
        sites, values = sites[values != 0], values[values != 0]
        t, y = np.divmod(sites, width)
        dt, dy = np.diff(t)[:, 0] % length, np.diff(y)[:, 0] % width
        bonds = np.zeros((2, length, width))
        is_along = dy == 0
        # With an extent of 2 both directions are forward, each from its own origin.
        origin = np.where(np.where(is_along, dt == 1, dy == 1), 0, 1)[:, None]
        slot = [np.take_along_axis(x, origin, axis=1)[:, 0] for x in (t, y)]
        np.add.at(bonds, (np.where(is_along, 0, 1), *slot), values)
        near = (is_along & ((dt == 1) | (dt == length - 1))) | (
            (dt == 0) & ((dy == 1) | (dy == width - 1))
        )
        if terms.max_order > 2 or not near.all():
            raise ValueError(
                "model must have couplings of nearest neighbours and fields only, got "
                f"{model!r}; exact.enumerate_states takes any couplings"
            )
        field = np.ascontiguousarray(terms.fields.reshape(length, width))
        return cls(bonds[0], bonds[1], field, workers)

    @property
    def shape(self) -> tuple[int, int]:
        """Length and width."""
        length, width = self.along.shape
        return length, width

    @property
    def parities(self) -> tuple[int, ...]:
        """Sectors: even and odd under a global flip, or everything with a field."""
        return (0,) if self.field.any() else (1, -1)

    @property
    def is_open(self) -> bool:
        """Whether nothing joins the last column to the first."""
        return not self.along[-1].any()

    def bulk(self) -> Self | None:
        """One period of the infinite strip: one column if all are equal; or None."""
        rows = np.concatenate([self.across, self.field], axis=1)
        along = self.along[:-1] if self.is_open and len(self.along) > 1 else self.along
        if (rows == rows[0]).all() and (along == along[0]).all():
            parts = (self.along[:1], self.across[:1], self.field[:1])
            return type(self)(*parts, self.workers)
        return None if self.is_open else self

    def factors(self, t: int, fraction: float) -> tuple[Floats, float]:
        """Diagonal factors of column t to the power `fraction`, and their logarithm."""
        return _core.column_weights(
            self.across[t], self.field[t], fraction, self.workers
        )

    def apply(
        self, vectors: Floats, t: int, parity: int, before: Floats, after: Floats | None
    ) -> None:
        """Replace each row by after * V * before * row."""
        n = vectors.shape[1]
        _core.transfer_apply(
            vectors,
            self.along[t],
            parity,
            before[:n],
            None if after is None else after[:n],
            self.workers,
        )

    def n_states(self, parity: int) -> int:
        """Dimension of a sector."""
        return 1 << (self.shape[1] - (parity != 0))

    def operator(self, parity: int) -> tuple[Callable[[Floats], Floats], float]:
        """Give the action of one period on rows of vectors, and the logarithm left out.

        One column is made symmetric; a longer period is scaled so that the vector of
        ones keeps its size.
        """
        strength = float(np.abs(self.along).sum())
        if len(self.along) == 1:
            root, peak = self.factors(0, 0.5)

            def symmetric(vectors: Floats) -> Floats:
                result = np.array(vectors, dtype=np.float64, ndmin=2)
                self.apply(result, 0, parity, root, root)
                return result

            return symmetric, strength + 2 * peak
        keep = len(self.along) * self.n_states(0) <= _CACHED_STATES
        cached = functools.cache(self.factors) if keep else self.factors
        sizes = []
        vector = np.ones((1, self.n_states(0)))
        for t in range(len(self.along)):
            self.apply(vector, t, 0, cached(t, 1.0)[0], None)
            sizes.append(float(vector.max()))
            vector /= sizes[-1]
        log_scale = sum(cached(t, 1.0)[1] for t in range(len(self.along)))

        def product(vectors: Floats) -> Floats:
            result = np.array(vectors, dtype=np.float64, ndmin=2)
            for t, size in enumerate(sizes):
                self.apply(result, t, parity, cached(t, 1.0)[0], None)
                result /= size
            return result

        return product, strength + log_scale + float(np.log(sizes).sum())

    def matrix_spectrum(self, parity: int) -> tuple[Floats, float]:
        """All eigenvalues of one column in a sector, over e^{the logarithm}."""
        act, log_scale = self.operator(parity)
        with _one_blas_thread():
            values = np.linalg.eigvalsh(act(np.eye(self.n_states(parity))))
        return np.asarray(values, dtype=np.float64), log_scale

    def spectrum(self, parity: int) -> Floats:
        """Largest two ln |eigenvalue| of one period in a sector, descending."""
        n = self.n_states(parity)
        act, log_scale = self.operator(parity)
        if not self.along.any(axis=1).all():  # of rank one: the vector of ones
            values = np.zeros(2)
            if parity != -1:
                once = act(np.ones((1, n)))
                values[0] = act(once).max() / once.max()
        elif n <= _DENSE_STATES:
            matrix = act(np.eye(n))
            solve = np.linalg.eigvalsh if len(self.along) == 1 else np.linalg.eigvals
            with _one_blas_thread():
                values = np.append(np.abs(solve(matrix)), 0.0)  # at least two
        else:
            values = _leading(act, n, symmetric=len(self.along) == 1)
        sizes = np.sort(values)[:-3:-1]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(sizes) + log_scale)

    def responses(self, scale: float, constant: float) -> tuple[float, float]:
        """Energy and specific heat per site of one column that repeats for ever."""
        found = self._derivatives()
        slope, bend = found[0][0], found[-1][1]
        bonds = np.array([self.along, self.across])
        if not self.field.any() and np.abs(bonds).max() < _HOT:
            nodes, weights = np.polynomial.legendre.leggauss(3)
            slope = 0.0
            for x, weight in zip((1 + nodes) / 2, weights / 2, strict=True):
                parts = (x * self.along, x * self.across, self.field)
                hotter = type(self)(*parts, self.workers)
                slope += float(weight) * hotter._derivatives()[0][1] / x**2
        energy = 0.0 - (slope / self.shape[1] + constant) / scale
        return energy, max(bend, 0.0) / self.shape[1]

    def _derivatives(self) -> list[tuple[float, float]]:
        """Two derivatives of ln lambda in a factor of all bonds, and of fields too."""
        parity = self.parities[0]
        act, _ = self.operator(parity)
        whole, _ = self.operator(0)
        n = self.n_states(parity)
        if n <= _DENSE_STATES:
            with _one_blas_thread():
                psi = np.linalg.eigh(act(np.eye(n)))[1][:, -1]
        else:
            psi = _leading_vector(act, n)
        if parity:  # the mirror image of a state is its partner
            psi = np.concatenate([psi, psi[::-1]])
        bonds = (self.along[0], self.across[0], self.field[0])
        bonds_only = (self.along[0], self.across[0], 0 * self.field[0])
        different = [bonds_only, bonds] if self.field.any() else [bonds]
        return leading_derivatives(bonds, different, whole, np.abs(psi))

    def log_z(self) -> float:
        """Ln Z of the finite lattice; nan when that needs a trace that is too wide."""
        if self.is_open:
            return self._log_trace(np.ones((1, self.n_states(0))))
        length, width = self.shape
        if width > _MAX_TRACE_WIDTH:
            return math.nan
        bulk = self.bulk()
        if bulk is not None and len(bulk.along) == 1 and (self.along >= 0).all():
            parts = [bulk.matrix_spectrum(parity) for parity in bulk.parities]
            ratios = np.concatenate([values for values, _ in parts])
            top = float(ratios.max())
            powers = (np.maximum(ratios, 0.0) / top) ** length  # the matrix is positive
            return length * (parts[0][1] + math.log(top)) + math.log(powers.sum())
        return self._log_trace(np.eye(self.n_states(0)))

    def log_z_in_logs(self) -> float:
        """Ln Z from logarithms of weights: nothing underflows, 30 times as slow."""
        n = self.n_states(0)
        if self.is_open:
            logs = np.zeros((1, n))
        elif self.shape[1] <= _MAX_TRACE_WIDTH:
            logs = np.where(np.eye(n) > 0, 0.0, -np.inf)
        else:
            return math.nan
        for t, couplings in enumerate(self.along):
            logs += column_exponents(self.across[t], self.field[t])
            for site, coupling in enumerate(couplings):
                pairs = logs.reshape(len(logs), -1, 2, 1 << site)
                pairs = np.logaddexp(pairs + coupling, pairs[:, :, ::-1] - coupling)
                logs = pairs.reshape(-1, n)
        ends = logs[0, :1] if self.is_open else np.diagonal(logs)
        return float(np.logaddexp.reduce(ends))

    def _log_trace(self, vectors: Floats) -> float:
        """Ln of the sum of diagonal entries of rows that pass all columns.

        From all unit vectors it is the trace; an open lattice ends in the sum over its
        last column, whatever came in, so one vector of ones will do.
        """
        log_scale = float(np.abs(self.along).sum())
        for t in range(len(self.along)):
            factors, peak = self.factors(t, 1.0)
            self.apply(vectors, t, 0, factors, None)
            size = float(vectors.max())
            vectors /= size
            log_scale += peak + math.log(size)
        return log_scale + math.log(float(np.trace(vectors)))


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Limit BLAS: these matrices are small, and workers must not change the result."""
    from threadpoolctl import threadpool_limits

    return cast(AbstractContextManager[Any], threadpool_limits(1, user_api="blas"))


def _leading(act: Callable[[Floats], Floats], n: int, *, symmetric: bool) -> Floats:
    """Two largest moduli of eigenvalues of an operator on rows of n values."""
    from scipy.sparse import linalg

    start = 1 + 0.5 * np.random.default_rng(0).standard_normal(n)  # in no subspace
    operator = linalg.LinearOperator(
        (n, n), matvec=lambda v: act(v.reshape(1, n))[0], dtype=np.float64
    )
    solve = linalg.eigsh if symmetric else linalg.eigs
    try:
        with _one_blas_thread():  # scipy has a library of its own, loaded by now
            values = solve(operator, k=2, v0=start, tol=0, return_eigenvectors=False)
        return np.asarray(np.abs(values), dtype=np.float64)
    except linalg.ArpackError as error:
        raise ConvergenceError(
            f"the leading eigenvalues of the transfer matrix did not converge: {error}"
        ) from error


def _leading_vector(act: Callable[[Floats], Floats], n: int) -> Floats:
    """Eigenvector of the largest eigenvalue of a symmetric operator."""
    from scipy.sparse import linalg

    operator = linalg.LinearOperator(
        (n, n), matvec=lambda v: act(v.reshape(1, n))[0], dtype=np.float64
    )
    try:
        with _one_blas_thread():
            _, vectors = linalg.eigsh(operator, k=1, which="LA", v0=np.ones(n), tol=0)
    except linalg.ArpackError as error:
        raise ConvergenceError(
            f"the leading eigenvector of the transfer matrix did not converge: {error}"
        ) from error
    return np.asarray(vectors[:, 0])


@dataclass(frozen=True, kw_only=True)
class CentralCharge:
    """Central charge from the free energies of strips.

    Attributes
    ----------
    value : float
        The estimate from all widths.
    error : float
        Its distance from the estimate without the narrowest strip.
    log_z_per_site : float
        ln Z / N extrapolated to infinite width.

    Examples
    --------
    >>> import rgdl
    >>> rgdl.exact.central_charge((6, 8, 10))
    CentralCharge(value=0.498909, error=0.0089, log_z_per_site=0.9296984)
    """

    value: float
    error: float
    log_z_per_site: float

    def __repr__(self) -> str:
        return (
            f"CentralCharge(value={self.value:.6f}, error={self.error:.2g}, "
            f"log_z_per_site={self.log_z_per_site:.7g})"
        )


def central_charge(
    widths: Iterable[int] = (8, 10, 12, 14, 16),
    *,
    K: float = K_CRITICAL,
    workers: int = 1,
) -> CentralCharge:
    r"""Central charge from the width dependence of the free energy of strips.

    Parameters
    ----------
    widths : iterable of int
        At least three different widths of periodic strips, each 2 to 20.
    K : float
        Reduced coupling; the central charge is defined at the critical one.
    workers : int
        Threads; -1 for all.

    Returns
    -------
    CentralCharge
        ``value``, ``error`` and ``log_z_per_site``.

    Raises
    ------
    ValueError, TypeError
        For fewer than three widths, or widths or couplings out of range.

    Notes
    -----
    .. math::

       \frac{\ln\lambda_0(L)}{L} = f_\infty + \frac{\pi c}{6L^2} + O(L^{-4})

    (H. W. J. Blote, J. L. Cardy and M. P. Nightingale, Phys. Rev. Lett. 56, 742 (1986);
    I. Affleck, ibid. 746). With n widths the polynomial of degree n - 1 in
    :math:`L^{-2}` is solved for. The series is asymptotic (its least term is about
    :math:`e^{-1.8L}`), so widths below 8 limit the result. The Ising model has c = 1/2.

    Examples
    --------
    >>> import rgdl
    >>> result = rgdl.exact.central_charge()
    >>> result
    CentralCharge(value=0.499996, error=1.4e-05, log_z_per_site=0.9296954)
    """
    threads = _validate.worker_count(workers)
    coupling = _range.coupling(K, "K")
    if not isinstance(widths, Iterable):
        raise TypeError(f"widths must be several integers, got {widths!r}")
    sides = sorted({_validate.count(width, "widths", least=2) for width in widths})
    if len(sides) < 3 or sides[-1] > _MAX_WIDTH:
        raise ValueError(
            f"widths must be three or more, different, up to {_MAX_WIDTH}, got {sides}"
        )
    if coupling < 0 and any(side % 2 for side in sides):
        raise ValueError(
            f"widths must be even for K < 0 (odd ones are frustrated), got {sides}"
        )
    logs = []
    for side in sides:
        bonds = np.full((1, side), coupling)
        column = _Columns(bonds, bonds, np.zeros((1, side)), threads)
        logs.append(float(column.spectrum(1)[0]) / side)
    inverse = 1 / np.array(sides, dtype=np.float64) ** 2
    free = np.array(logs)

    def solve(first: int) -> Floats:
        powers = np.vander(inverse[first:], increasing=True)
        return np.linalg.solve(powers, free[first:])

    best = solve(0)
    value = 6 / math.pi * float(best[1])
    error = abs(value - 6 / math.pi * float(solve(1)[1]))
    return CentralCharge(value=value, error=error, log_z_per_site=float(best[0]))


def correlations(
    shape: SupportsIndex | tuple[int, ...], K: float, h: float = 0.0
) -> Floats:
    r"""Spin-spin correlations of a torus or ring at every displacement.

    Parameters
    ----------
    shape : int or tuple of one or two int
        Extents, each at least 2, the smaller of two at most 9; the larger is not
        limited.
    K, h : float
        Reduced coupling and field.

    Returns
    -------
    ndarray of float64, shape `shape`
        :math:`\langle s_0 s_r\rangle`, not connected; entry [0, 0] is 1.

    Raises
    ------
    ValueError, TypeError
        For a wrong shape or couplings that are not finite.

    Notes
    -----
    With the symmetric transfer matrix :math:`T = U\Lambda U^T` between rows of the
    smaller extent and :math:`S_y` the spin at place y,

    .. math::

       \langle s_{0,0} s_{x,y}\rangle = \frac{\mathrm{Tr}\, S_0 T^x S_y T^{n-x}}
       {\mathrm{Tr}\, T^n}.

    For K >= 0 the absolute error is about 1e-14. K < 0 with an odd larger extent is
    frustrated: the trace cancels and loses as many digits as Z falls below
    :math:`\lambda_0^n`.

    Examples
    --------
    >>> import rgdl
    >>> pairs = rgdl.exact.correlations((8, 8), rgdl.exact.K_CRITICAL)
    >>> round(float(pairs[0, 1]), 10)  # minus half the energy of kaufman((8, 8), K_c)
    0.7457945537
    >>> round(float(pairs.mean()), 10)  # <m^2>
    0.646911575
    """
    extents = _validate.shape_of(shape, "shape", max_ndim=2)
    length, width = max(extents), min(extents) if len(extents) == 2 else 1
    if width > _MAX_CORRELATED_WIDTH:
        raise ValueError(
            f"the smaller extent of shape must be at most {_MAX_CORRELATED_WIDTH}, "
            f"got {shape!r}"
        )
    coupling, field = _range.coupling(K, "K"), _range.coupling(h, "h")
    bonds = np.full((1, width), coupling)
    column = _Columns(bonds, bonds, np.full((1, width), field), 1)
    act, _ = column.operator(0)
    with _one_blas_thread():
        values, vectors = np.linalg.eigh(act(np.eye(1 << width)))
        ratios = values / values[np.argmax(np.abs(values))]
        x = np.arange(length)
        rising, falling = ratios[:, None] ** x, ratios[:, None] ** (length - x)
        states = np.arange(1 << width)
        norm = float(falling[:, 0].sum())
        table = np.empty((length, width))
        spin_0 = vectors.T @ ((2.0 * (states & 1) - 1)[:, None] * vectors)
        for y in range(width // 2 + 1):
            spin_y = vectors.T @ ((2.0 * (states >> y & 1) - 1)[:, None] * vectors)
            table[:, y] = (falling * ((spin_0 * spin_y) @ rising)).sum(axis=0) / norm
            table[:, -y] = table[:, y]
    table[0, 0] = 1.0
    return np.ascontiguousarray(
        table.T if extents == (width, length) else table
    ).reshape(extents)


def magnetization_distribution(
    shape: tuple[int, int], K: float, h: float = 0.0, *, workers: int = 1
) -> tuple[Floats, Floats]:
    r"""Probability of every magnetisation of a torus.

    Parameters
    ----------
    shape : tuple of two int
        Extents, each at least 2, the smaller (the width) at most 12, at most 1000 sites
        and :math:`N^2 2^\text{width} \le 144^2\, 2^{12}`.
    K, h : float
        Reduced coupling and field.
    workers : int
        Threads; -1 for all. The result does not depend on it.

    Returns
    -------
    m : ndarray of float64, shape (N + 1,)
        Magnetisation per site, -1, -1 + 2/N, ..., 1.
    probabilities : ndarray of float64, shape (N + 1,)
        They add up to 1.

    Raises
    ------
    ValueError, TypeError
        For a wrong shape or couplings that are not finite.

    Notes
    -----
    A transfer matrix whose entries are polynomials in :math:`z`, one power for each up
    spin, spin by spin. It is the Fourier transform of the method of imaginary fields
    h = i theta, which adds complex numbers that nearly cancel where P(m) is small and
    has an absolute error there; here all terms are positive. First
    columns that are rotations of each other are done once.
    Every probability, however small, has a relative error of about 1e-13; below about
    1e-300 it is 0. The field enters at the end as :math:`e^{hM}`; on a cold
    antiferromagnet, where that would meet weights that underflowed, states are counted
    by energy too, up to 7 x 7 (a second). 8 x 8 takes about
    20 ms, 10 x 10 one second, 12 x 12 half a minute.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> m, p = rgdl.exact.magnetization_distribution((8, 8), rgdl.exact.K_CRITICAL)
    >>> round(float(np.sum(p * abs(m))), 12), round(float(np.sum(p * m**4)), 12)
    (0.777331092787, 0.485815234126)
    """
    extents = _validate.shape_of(shape, "shape", max_ndim=2)
    if len(extents) != 2 or min(extents) > _MAX_TORUS_WIDTH:
        raise ValueError(
            f"shape must have 2 extents, the smaller at most {_MAX_TORUS_WIDTH}, "
            f"got {shape!r}"
        )
    n = math.prod(extents)
    most = min(math.isqrt(_MAX_TORUS_WORK >> min(extents)), _MAX_TORUS_SITES)
    if n > most:
        raise ValueError(
            f"shape must have at most {most} sites at width {min(extents)}, got {n}"
        )
    coupling, field = _range.coupling(K, "K"), _range.coupling(h, "h")
    threads = _validate.worker_count(workers)
    total = 2 * np.arange(n + 1) - n
    if field != 0 and coupling < 0 and -4 * coupling * n > _MAX_SPAN:
        return total / n, _cold_antiferromagnet(extents, coupling, field, threads)
    rare = math.exp(-2 * abs(coupling))
    same, other = (1.0, rare) if coupling >= 0 else (rare, 1.0)
    weights = _core.torus_sum(max(extents), min(extents), same, other, 0, threads)
    weights = 0.5 * (weights + weights[::-1])
    with np.errstate(divide="ignore"):
        logs = np.log(weights) + field * total
    tilted = np.exp(logs - logs.max()) if field else weights
    return total / n, tilted / tilted.sum()


def _cold_antiferromagnet(
    extents: tuple[int, ...], K: float, h: float, workers: int
) -> Floats:
    """Probabilities from numbers of states by energy and magnetisation, in logarithms.

    Weights of aligned states may underflow before the field makes up for it.
    """
    n = math.prod(extents)
    if n > _MAX_JOINT_SITES or min(extents) > _MAX_JOINT_WIDTH:
        raise ValueError(
            "a field on an antiferromagnet needs |K| of at most "
            f"{_MAX_SPAN / (4 * n):.4g} at shape {extents}, beyond 7 x 7, got K = {K:g}"
        )
    counts = _core.torus_sum(max(extents), min(extents), 1.0, 1.0, n + 1, workers)
    table = counts.reshape(2 * n + 1, n + 1)
    bonds = 2.0 * n - 2.0 * np.arange(2 * n + 1)
    with np.errstate(divide="ignore"):
        logs = np.log(table) + K * bonds[:, None] + h * (2.0 * np.arange(n + 1) - n)
    by_up = np.exp(logs - logs.max()).sum(axis=0)
    return np.asarray(by_up / by_up.sum())
