"""Open planar square lattices with any bonds, by the Kac-Ward determinant."""

import math

import numpy as np
import numpy.typing as npt

from rgdl.errors import ConvergenceError
from rgdl.exact import _range
from rgdl.exact._thermodynamics import Thermodynamics
from rgdl.ising import Ising

__all__ = ["planar"]

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

_MOST_SLICE = 256  # sites across: 4 times as many unknowns in dense blocks
_PANEL = 128  # columns at a time: some 10 ms at most
_TOLERANCE = 1e-10  # of ln Z, by two orders of elimination

# Steps are numbered F, U, B, D (ahead, up, back, down): multiples of a quarter turn.
_PHASE = np.array([[0, 1, 2, -1], [-1, 0, 1, 2], [2, -1, 0, 1], [1, 2, -1, 0]])
_FACTOR = np.where(_PHASE == 2, 0.0, np.exp(0.25j * math.pi * _PHASE))


def planar(model: Ising) -> Thermodynamics:
    r"""Ising model with any bonds on an open square lattice without field.

    Parameters
    ----------
    model : Ising
        Two axes (or one), pair couplings of any strength and sign between nearest
        neighbours only, none around the lattice, no field: ``periodic=False``. The
        shorter extent is at most 256.

    Returns
    -------
    Thermodynamics
        `log_z`, `energy`, `specific_heat` and `entropy`. `K` is 1 (the scale of
        reduced couplings) with an `rgdl.Couplings`.

    Raises
    ------
    TypeError
        If model is not an `rgdl.Ising`.
    ValueError
        For fields, couplings of other pairs or more spins, and larger lattices.
    ConvergenceError
        When couplings are so strong and frustrated that rounding leaves fewer than 10
        digits of ln Z.

    Notes
    -----
    M. Kac and J. C. Ward, Phys. Rev. 88, 1332 (1952): over the directed bonds e, f of a
    planar graph,

    .. math::

       Z = 2^N \prod_b \cosh K_b\; \sqrt{\det(1 - T)}, \quad
       T_{ef} = \tanh K_e\, e^{i\angle(e, f)/2}

    where f starts at the end of e and does not turn back. The matrix is block
    tridiagonal along the longer axis. Elimination from one end carries the first two
    derivatives along and gives energy and specific heat without differences;
    elimination from the other end gives the determinant again, and the two bound the
    rounding error. Against enumeration ln Z is right to 1e-12, the energy to 1e-12 up
    to abs(K_b) = 3 and to 1e-10 up to 4, the specific heat to 1e-12 up to 1, 1e-11 up
    to 2 and 1e-9 up to 3; the conditioning worsens as frustrated bonds freeze, so that
    a 64 x 64 glass with signs is refused above abs(K) = 2.5 or so. Time grows as the
    longer extent times the cube of the shorter: 64 x 64 takes some 3 s on one core.

    Examples
    --------
    A spin glass with couplings +-1:

    >>> import numpy as np
    >>> import rgdl
    >>> rng = np.random.default_rng(0)
    >>> J = np.zeros((16, 16))
    >>> for i in range(16):
    ...     for j in [i + 1] * (i % 4 < 3) + [i + 4] * (i < 12):
    ...         J[i, j] = J[j, i] = rng.choice([-1, 1])
    >>> glass = rgdl.Ising((4, 4), K=0.8, periodic=False, couplings=J)
    >>> exact = rgdl.exact.planar(glass)
    >>> bool(abs(exact.log_z - rgdl.exact.enumerate_states(glass).log_z) < 1e-12)
    True
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be an rgdl.Ising, got {model!r}")
    _range.check_model(model)
    down, across = _bonds(model)
    terms = model._terms()
    n_sites = model.n_sites
    import scipy.linalg  # noqa: F401 - its BLAS must be loaded to be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # blocks too small to share
        log_z, bonds, variance = _kac_ward(down, across)
    scale = terms.scale if terms.scale != 0 else 1.0
    return Thermodynamics(
        n_sites=n_sites,
        K=terms.scale,
        log_z=log_z + terms.constant,
        energy=-(bonds + terms.constant) / scale / n_sites,
        specific_heat=variance / n_sites,
        entropy=(log_z - bonds) / n_sites,
    )


def _bonds(model: Ising) -> tuple[Array, Array]:
    """Reduced couplings (rows - 1, columns) down and (rows, columns - 1) across."""
    terms = model._terms()
    if model.ndim > 2:
        raise ValueError(f"model must have at most 2 axes, got shape {model.shape}")
    rows, columns = model.shape if model.ndim == 2 else (1, *model.shape)
    if min(rows, columns) > _MOST_SLICE:
        raise ValueError(
            f"the shorter extent must be at most {_MOST_SLICE}, got {model.shape}"
        )
    if np.any(terms.fields != 0):
        raise ValueError("model must have no field (h = 0)")
    if np.any(terms.orders > 2):
        raise ValueError("model must have pair couplings only")
    sites, values = terms.pairs
    first, second = sites.min(axis=1), sites.max(axis=1)
    is_down = second - first == columns
    is_across = (second - first == 1) & (second % columns != 0)
    wrong = np.flatnonzero(~(is_down | is_across) & (values != 0))
    if len(wrong):
        pair = (int(first[wrong[0]]), int(second[wrong[0]]))
        raise ValueError(
            "model must couple nearest neighbours of the open lattice only "
            f"(periodic=False), but it couples sites {pair} of shape {model.shape}"
        )
    down, across = np.zeros((rows, columns)), np.zeros((rows, columns))
    if columns == 1:
        is_across[:] = False
    np.add.at(down.reshape(-1), first[is_down], values[is_down])
    rest = is_across & ~is_down
    np.add.at(across.reshape(-1), first[rest], values[rest])
    return down[:-1], across[:, :-1]


class _Factors:
    """LU factors with partial pivoting, in pieces that an interrupt can part."""

    def __init__(self, matrix: Complex) -> None:
        from scipy.linalg import lapack

        n = len(matrix)
        a = np.array(matrix, order="F")
        rows = np.arange(n)
        for k in range(0, n, _PANEL):
            here, rest = slice(k, k + _PANEL), slice(k + _PANEL, n)
            panel, pivots, _ = lapack.zgetrf(a[k:, here])
            order = np.arange(n - k)
            for i, j in enumerate(pivots):
                order[[i, j]] = order[[j, i]]
            a[k:] = a[k:][order]
            rows[k:] = rows[k:][order]
            a[k:, here] = panel
            a[here, rest] = _triangular(a[here, here], a[here, rest], lower=True)
            for part in range(k + _PANEL, n, _PANEL):
                columns = slice(part, part + _PANEL)
                a[rest, columns] -= a[rest, here] @ a[here, columns]
        self._lu, self._rows = a, rows
        with np.errstate(divide="ignore"):
            self.log_det = float(np.log(np.abs(np.diagonal(a))).sum())

    def solve(self, right: Complex) -> Complex:
        """Inverse times `right`."""
        result = np.empty(right.shape, dtype=np.complex128, order="F")
        for k in range(0, right.shape[1], _PANEL):
            part = right[self._rows, k : k + _PANEL]
            part = _triangular(self._lu, part, lower=True)
            result[:, k : k + _PANEL] = _triangular(self._lu, part, lower=False)
        return result


def _triangular(matrix: Complex, right: Complex, *, lower: bool) -> Complex:
    """Solve with the unit lower or the upper triangle."""
    from scipy.linalg import lapack

    solution, info = lapack.ztrtrs(matrix, right, lower=lower, unitdiag=lower)
    if info:
        raise ConvergenceError("the Kac-Ward matrix is singular to working precision")
    return np.asarray(solution)


class _Slices:
    """The Kac-Ward matrix in blocks, one per slice across the longer axis.

    Attributes: `couplings` (n, 4 width) of the directed bonds that arrive at (slice;
    direction, site); `weights` (3, n, 4 width), tanh s K and two derivatives in s at 1;
    `inner`, the continuations within a slice, and `ahead`, `back`, those out of it.
    """

    def __init__(self, down: Array, across: Array) -> None:
        from scipy.sparse import csr_array

        n, width = across.shape[0], down.shape[1]
        size = 4 * width
        arriving = np.zeros((n, 4, width))
        arriving[1:, 0] = down
        arriving[:-1, 2] = down
        arriving[:, 1, 1:] = across
        arriving[:, 3, :-1] = across
        self.n, self.width, self.size = n, width, size
        self.couplings = arriving.reshape(n, size)
        tanh = np.tanh(self.couplings)
        sech2 = 1 / np.cosh(np.minimum(np.abs(self.couplings), 350.0)) ** 2
        slope = self.couplings * sech2
        self.weights = np.array([tanh, slope, -2 * tanh * slope * self.couplings])
        step_in = np.zeros((4, width, 4, width), dtype=np.complex128)
        step_on = np.zeros((2, 4, width, width), dtype=np.complex128)
        site = np.arange(width)
        for d in range(4):
            step_in[d, site[:-1], 1, site[1:]] = _FACTOR[d, 1]
            step_in[d, site[1:], 3, site[:-1]] = _FACTOR[d, 3]
            step_on[0, d, site, site] = _FACTOR[d, 0]
            step_on[1, d, site, site] = _FACTOR[d, 2]
        self.inner = csr_array(step_in.reshape(size, size))
        self.ahead, self.back = step_on.reshape(2, size, width)
        self.f, self.b = slice(0, width), slice(2 * width, 3 * width)

    def block(self, i: int) -> Complex:
        """Diagonal block of slice i."""
        block = -self.weights[0, i, :, None] * self.inner.toarray()
        return np.asarray(block + np.eye(self.size))

    def forward(self) -> tuple[float, float, float]:
        """Ln det and two derivatives in s, eliminating from the first slice on.

        What the slices before add to a block, and hence everything, is carried along
        with its derivatives: of X^-1 B they are X^-1 (B' - X' X^-1 B) and so on.
        """
        total, slope, curvature = 0.0, 0.0, 0.0
        left = np.zeros((3, self.size, self.width), dtype=np.complex128)
        for i in range(self.n):
            matrix = self.block(i)
            matrix[:, self.f] -= left[0]
            factors = _Factors(matrix)
            total += factors.log_det
            inverse = factors.solve(np.eye(self.size, dtype=np.complex128))
            y, trace = (self.times_change(i, order, inverse, left) for order in (1, 2))
            slope += float(np.trace(y).real)
            curvature += float((np.trace(trace) - np.sum(y * y.T)).real)
            if i + 1 < self.n:
                w, w1, w2 = self.weights[:, i, :, None]
                z = factors.solve(w * self.ahead)
                change = self.change_times(i, 1, z, left)
                z1 = factors.solve(w1 * self.ahead - change)
                change = self.change_times(i, 2, z, left)
                change += 2 * self.change_times(i, 1, z1, left)
                z2 = factors.solve(w2 * self.ahead - change)
                g, g1, g2 = (self.back @ part[self.b] for part in (z, z1, z2))
                u, u1, u2 = self.weights[:, i + 1, :, None]
                left = np.array([u * g, u1 * g + u * g1, u2 * g + 2 * u1 * g1 + u * g2])
        return total, slope, curvature

    def times_change(
        self, i: int, order: int, left_of: Complex, left: Complex
    ) -> Complex:
        """`left_of` times a derivative of the reduced block."""
        product = -np.asarray((left_of * self.weights[order, i]) @ self.inner)
        product[:, self.f] -= left_of @ left[order]
        return product

    def change_times(
        self, i: int, order: int, right: Complex, left: Complex
    ) -> Complex:
        """Multiply a derivative of the reduced block by `right`."""
        product = -self.weights[order, i, :, None] * np.asarray(self.inner @ right)
        return np.asarray(product - left[order] @ right[self.f])

    def backward(self) -> float:
        """Ln det, eliminating from the last slice on."""
        total = 0.0
        right = np.zeros((self.size, self.width), dtype=np.complex128)
        for i in range(self.n - 1, -1, -1):
            matrix = self.block(i)
            matrix[:, self.b] -= right
            factors = _Factors(matrix)
            total += factors.log_det
            if i > 0:
                inside = factors.solve(self.weights[0, i, :, None] * self.back)[self.f]
                right = self.weights[0, i - 1, :, None] * (self.ahead @ inside)
        return total


def _kac_ward(down: Array, across: Array) -> tuple[float, float, float]:
    """Ln Z, the mean of -H and its variance."""
    if across.shape[0] < down.shape[1]:  # slices are rows; the longer axis is ahead
        down, across = across.T, down.T
    slices = _Slices(down, across)
    forward, slope, curvature = slices.forward()
    backward = slices.backward()
    k = np.abs(np.concatenate([down.ravel(), across.ravel()]))
    log_cosh = math.fsum(k + np.log1p(np.exp(-2 * k)) - math.log(2.0))
    log_z = slices.n * slices.width * math.log(2.0) + log_cosh + forward / 2
    if not abs(forward - backward) / 2 <= _TOLERANCE * max(1.0, abs(log_z)):
        raise ConvergenceError(
            f"rounding spoils the Kac-Ward determinant: ln Z = {log_z:.15g} by one "
            f"order of elimination, {log_z + (backward - forward) / 2:.15g} by the "
            f"other; the strongest coupling, {k.max():.3g}, must be weaker"
        )
    bonds = math.fsum(k * np.tanh(k)) + slope / 2
    variance = math.fsum((k / np.cosh(np.minimum(k, 350.0))) ** 2) + curvature / 2
    return log_z, bonds, max(variance, 0.0)
