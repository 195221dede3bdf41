"""A strip's columns: their transfer matrices, applied and solved."""

import functools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl.errors import ConvergenceError
from rgdl.exact._slopes import column_exponents, leading_derivatives
from rgdl.ising import Ising

Floats: TypeAlias = npt.NDArray[np.float64]

MAX_WIDTH = 20
_MAX_TRACE_WIDTH = 10  # of the finite lattice: a trace needs all 2^width vectors
_DENSE_STATES = 256  # matrices up to this size are diagonalised whole
_HOT = 1e-3  # below it mean bonds, which cancel, are integrals of their derivative
_CACHED_STATES = 1 << 24  # diagonal factors kept, of all columns together


@dataclass(frozen=True)
class Columns:
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
        if width > MAX_WIDTH:
            raise ValueError(
                "model.shape[1], the width of the strip, must be at most "
                f"{MAX_WIDTH}, got {width}"
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
        with one_blas_thread():
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
            with one_blas_thread():
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
            with one_blas_thread():
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


def one_blas_thread() -> AbstractContextManager[Any]:
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
        with one_blas_thread():  # scipy has a library of its own, loaded by now
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
        with one_blas_thread():
            _, vectors = linalg.eigsh(operator, k=1, which="LA", v0=np.ones(n), tol=0)
    except linalg.ArpackError as error:
        raise ConvergenceError(
            f"the leading eigenvector of the transfer matrix did not converge: {error}"
        ) from error
    return np.asarray(vectors[:, 0])
