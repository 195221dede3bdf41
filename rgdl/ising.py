"""The Ising model: a lattice, its couplings and what they say about configurations."""

import math
import warnings
from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._states import as_spins

__all__ = ["Ising"]

_PICTURE_SITES = 64 * 64


class Ising:
    r"""Ising model on a periodic chain or square lattice.

    Configurations have weight :math:`e^{-H(s)}/Z` with the reduced Hamiltonian

    .. math:: H(s) = -K \sum_{\langle ij\rangle} s_i s_j - h \sum_i s_i .

    Parameters
    ----------
    shape : int or tuple of int
        Extents, each at least 2: ``L`` or ``(L,)`` for a chain, ``(rows, columns)``
        for a square lattice. All directions are periodic; an extent of 2 counts the
        bond that wraps around a second time (every site has one forward neighbour
        per axis).
    K : float, optional
        Reduced coupling :math:`J/k_BT`, finite, of either sign.
    T : float, optional
        Temperature in units of J, not 0; ``K = 1 / T``. Give exactly one of K and T.
    h : float, default 0
        Reduced field :math:`\beta h`.

    Attributes
    ----------
    shape : tuple of int
    ndim : int
        Number of axes.
    n_sites : int
    K, T, h : float
        ``T`` is ``1 / K`` (infinite at K = 0).

    Raises
    ------
    ValueError, TypeError
        For extents below 2, more than two of them, couplings that are not finite,
        T = 0, or both or neither of K and T.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> model = rgdl.Ising((4, 4), K=0.4, h=0.1)
    >>> model
    Ising((4, 4), K=0.4, h=0.1)
    >>> up = np.ones((4, 4), dtype=np.int8)
    >>> float(model.hamiltonian(up))
    -14.4
    >>> rgdl.Ising(8, T=2.0).K
    0.5
    """

    def __init__(
        self,
        shape: SupportsIndex | tuple[int, ...],
        *,
        K: float | None = None,
        T: float | None = None,
        h: float = 0.0,
    ) -> None:
        self._shape = _validate.shape_of(shape, "shape", max_ndim=2)
        if (K is None) == (T is None):
            raise ValueError(f"give exactly one of K and T, got K={K!r} and T={T!r}")
        if K is not None:
            self._K = _validate.finite(K, "K")
        elif T is not None:
            temperature = _validate.finite(T, "T")
            if temperature == 0 or math.isinf(1.0 / temperature):
                raise ValueError(f"T must not be 0 (K = 1/T is finite), got {T!r}")
            self._K = 1.0 / temperature
        self._h = _validate.finite(h, "h")

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the lattice."""
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return math.prod(self._shape)

    @property
    def K(self) -> float:
        """Reduced coupling J / kT."""
        return self._K

    @property
    def T(self) -> float:
        """Temperature in units of J: 1 / K."""
        return 1.0 / self._K if self._K != 0 else math.inf

    @property
    def h(self) -> float:
        """Reduced field."""
        return self._h

    def hamiltonian(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Reduced Hamiltonian H, total, dimensionless.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`H = -K \sum s_i s_j - h \sum s_i = K N e - h N m`. The shape is that
            of the leading axes: () for a single configuration.

        Raises
        ------
        ValueError
            When the lattice axes differ from `shape` or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Ising(4, K=0.5).hamiltonian([[1, 1, 1, 1], [1, -1, 1, -1]])
        array([-2.,  2.])
        """
        bonds, spins = self._sums(s)
        return np.asarray(-self._K * bonds - self._h * spins)

    def energy(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Bond energy per site in units of J, the field term excluded.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`e = -\sum_{\langle ij\rangle} s_i s_j / N`.

        Raises
        ------
        ValueError
            When the lattice axes differ from `shape` or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Ising(4, K=0.5).energy([[1, 1, 1, 1], [1, -1, 1, -1]])
        array([-1.,  1.])
        """
        bonds, _ = self._sums(s)
        return np.asarray(-bonds / self.n_sites)

    def magnetization(self, s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Magnetisation per site, with its sign.

        Parameters
        ----------
        s : array_like, shape (n, \*shape)
            Spins -1/+1. Any number of leading axes is accepted, also none.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`m = \sum_i s_i / N`.

        Raises
        ------
        ValueError
            When the lattice axes differ from `shape` or a value is not -1 or +1.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.Ising(4, K=0.5).magnetization([[1, 1, 1, 1], [1, 1, 1, -1]])
        array([1. , 0.5])
        """
        _, spins = self._sums(s)
        return np.asarray(spins / self.n_sites)

    def _sums(
        self, s: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        spins = np.asarray(s)
        lead = spins.shape[: max(spins.ndim - self.ndim, 0)]
        if spins.shape[len(lead) :] != self._shape:
            raise ValueError(
                f"s must have shape (n, {', '.join(map(str, self._shape))}), "
                f"got {spins.shape}"
            )
        if spins.dtype != np.int8:
            spins = as_spins(spins, "s")
        try:
            sums = _core.ising_sums(np.ascontiguousarray(spins), self._shape)
        except ValueError:
            as_spins(spins, "s")  # says which value and what to do about it
            raise
        return sums[:, 0].reshape(lead), sums[:, 1].reshape(lead)

    def _parameters(self) -> tuple[tuple[int, ...], float, float]:
        return self._shape, self._K, self._h

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ising):
            return NotImplemented
        return self._parameters() == other._parameters()

    def __hash__(self) -> int:
        return hash(self._parameters())

    def __repr__(self) -> str:
        shape = str(self._shape[0]) if self.ndim == 1 else str(self._shape)
        field = f", h={self._h!r}" if self._h != 0 else ""
        return f"Ising({shape}, K={self._K!r}{field})"

    def _repr_html_(self) -> str:
        rows = [
            ("lattice", " × ".join(map(str, self._shape)) + ", periodic"),
            ("K", f"{self._K:.8g}"),
            ("T", f"{self.T:.8g}"),
            ("h", f"{self._h:.8g}"),
        ]
        cells = "".join(
            f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows
        )
        table = f"<table><caption>Ising model</caption>{cells}</table>"
        if self.n_sites > _PICTURE_SITES:
            return table
        from rgdl.sampling import sample

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a picture, not data
            spins = sample(self, 1, rng=0, progress=False)[0]
        return f'<div style="display:flex;gap:1em">{_svg(spins)}{table}</div>'


def _svg(spins: npt.NDArray[np.int8], width: int = 160) -> str:
    """Up spins of one configuration as dark runs on a light ground."""
    grid = spins.reshape(-1, spins.shape[-1])
    edges = np.diff(np.pad(grid > 0, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    path = "".join(
        f"M{x} {y}h{end - x}v1h-{end - x}z"
        for y, x, end in zip(row, start, stop, strict=True)
    )
    rows, columns = grid.shape
    height = max(width * rows // columns, 12)
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {columns} {rows}" '
        'preserveAspectRatio="none" shape-rendering="crispEdges">'
        f'<rect width="{columns}" height="{rows}" fill="#f4efe6"/>'
        f'<path d="{path}" fill="#1f3a5f"/></svg>'
    )
