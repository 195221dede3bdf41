"""Decimation: keep some of the spins."""

from dataclasses import dataclass
from typing import SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import Key, RngLike
from rgdl._states import Floats
from rgdl.rg._blocking import Blocking, as_rows, extents

__all__ = ["CoarseLattice", "Decimation"]

_Offsets: TypeAlias = tuple[tuple[int, ...], ...]

_EVEN: _Offsets = ((1, 0), (1, -1), (-1, 0), (-1, -1))
_ODD: _Offsets = ((1, 1), (1, 0), (-1, 1), (-1, 0))


@dataclass(frozen=True, eq=False)
class CoarseLattice:
    """Which coarse spins are neighbours.

    Attributes
    ----------
    shape : tuple of int
    even_rows, odd_rows : tuple of offsets
        Offsets from a site in an even and in an odd row (the last axis but one) to its
        nearest neighbours; the same but where rows are shifted.
    bonds : ndarray of int64, shape (n_bonds, 2)
        Every bond once, sites in C order.

    Examples
    --------
    >>> import rgdl
    >>> lattice = rgdl.rg.Decimation(b="sqrt2").coarse_lattice((8, 8))
    >>> lattice.shape, lattice.bonds.shape
    ((8, 4), (64, 2))
    >>> rgdl.Ising(lattice.shape, K=0.3, couplings=lattice.adjacency()).n_sites
    32
    """

    shape: tuple[int, ...]
    even_rows: tuple[tuple[int, ...], ...]
    odd_rows: tuple[tuple[int, ...], ...]
    bonds: npt.NDArray[np.int64]

    def adjacency(self) -> Floats:
        """Count the bonds between any two sites, for ``Ising(couplings=)``.

        Returns
        -------
        ndarray of float64, shape (n_sites, n_sites)

        Examples
        --------
        >>> import rgdl
        >>> rgdl.rg.Decimation().coarse_lattice((8,)).adjacency().sum(axis=0)
        array([2., 2., 2., 2.])
        """
        n = int(np.prod(self.shape))
        matrix = np.zeros((n, n))
        np.add.at(matrix, (self.bonds[:, 0], self.bonds[:, 1]), 1.0)
        return matrix + matrix.T


class Decimation(Blocking):
    r"""Keep the sites whose coordinates are all divisible by b, or every second site.

    Parameters
    ----------
    b : int or "sqrt2", default 2
        Length scale factor. "sqrt2" keeps the sites of a square lattice whose
        coordinates have an even sum: a square lattice turned by 45 degrees, stored as
        (L, L/2) with row x holding columns x % 2, x % 2 + 2, ... A second application
        turns it back to (L/2, L/2), the same as b = 2 at once.

    Raises
    ------
    ValueError, TypeError
        For b below 2.

    Notes
    -----
    :math:`p(h|v) = \prod_j \delta(h_j, v_{bj})`. On a chain the flow of the coupling is
    exact, see `decimate_chain`. With "sqrt2" each site summed out leaves pairs of
    :math:`\tfrac18 \ln\cosh 4K` among its four neighbours and a four-spin coupling
    :math:`\tfrac18 \ln\cosh 4K - \tfrac12 \ln\cosh 2K`.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> s = np.array([[1, -1, -1, 1, -1, -1]], dtype=np.int8)
    >>> rgdl.rg.Decimation(b=2).coarsen(s)
    array([[ 1, -1, -1]], dtype=int8)
    >>> half = rgdl.rg.Decimation(b="sqrt2").coarsen(np.ones((1, 8, 8)))
    >>> half.shape, rgdl.rg.Decimation(b="sqrt2").coarsen(half).shape
    ((1, 8, 4), (1, 4, 4))
    """

    def __init__(self, b: SupportsIndex | str = 2) -> None:
        self._turned = isinstance(b, str)
        if isinstance(b, str):
            self.b = _validate.one_of(b, "b", ("sqrt2",))  # type: ignore[assignment]
        else:
            self.b = _validate.count(b, "b", least=2)

    def __repr__(self) -> str:
        return f"Decimation(b={self.b!r})"

    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the lattice of kept sites.

        Parameters
        ----------
        shape : tuple of int
            One to three extents; with "sqrt2" (L, L) or (L, L/2), L even.

        Returns
        -------
        tuple of int

        Raises
        ------
        TypeError, ValueError
            When it is not a tuple of integers, or b does not divide every extent.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.rg.Decimation(b="sqrt2").coarse_shape((8, 8))
        (8, 4)
        """
        if not self._turned:
            return super().coarse_shape(shape)
        shape = extents(shape)
        if len(shape) == 2 and shape[0] >= 2 and shape[0] % 2 == 0:
            if shape[0] == shape[1]:
                return shape[0], shape[1] // 2
            if shape[0] == 2 * shape[1]:
                return shape[0] // 2, shape[1]
        raise ValueError(
            'b="sqrt2" takes lattices (L, L) or (L, L/2) with even L, '
            f"got {tuple(shape)}"
        )

    def coarse_lattice(self, shape: tuple[int, ...]) -> CoarseLattice:
        """Give the neighbours of the kept sites, for what is not a plain lattice.

        Parameters
        ----------
        shape : tuple of int
            Fine lattice; every coarse extent at least 2.

        Returns
        -------
        CoarseLattice

        Raises
        ------
        ValueError
            As `coarse_shape`, and for a coarse lattice that is too small.

        Examples
        --------
        >>> import rgdl
        >>> rgdl.rg.Decimation(b="sqrt2").coarse_lattice((8, 8)).odd_rows
        ((1, 1), (1, 0), (-1, 1), (-1, 0))
        """
        coarse = self.coarse_shape(shape)
        if min(coarse) < 2:
            raise ValueError(
                f"the coarse lattice must have extents from 2, got {coarse}"
            )
        if self._turned and coarse[0] == 2 * coarse[1]:
            even, odd = _EVEN, _ODD
        else:
            unit = np.eye(len(coarse), dtype=int)
            even = odd = tuple(map(tuple, np.concatenate([unit, -unit]).tolist()))
        here = np.indices(coarse).reshape(len(coarse), -1).T
        # the first half of the offsets goes forward: every bond once
        rows = here[:, -2] % 2 if len(coarse) > 1 else np.zeros(len(here), dtype=int)
        half = len(even) // 2
        steps = np.array([even[:half], odd[:half]])[rows]
        there = (here[:, None] + steps) % coarse
        to = np.ravel_multi_index(tuple(np.moveaxis(there, -1, 0)), coarse)
        bonds = np.stack([np.repeat(np.arange(len(here)), half), to.ravel()], axis=1)
        return CoarseLattice(coarse, even, odd, bonds)

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[np.int8]:
        r"""Kept spins of every configuration.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1, one to three lattice axes.
        rng : ignored
            Nothing is random here.

        Returns
        -------
        ndarray of int8, shape (n, \*lattice / b)

        Raises
        ------
        ValueError
            For values other than -1 and +1, or extents that b does not divide.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> rgdl.rg.Decimation(b=2).coarsen(np.ones((5, 8, 8))).shape
        (5, 4, 4)
        """
        fine = self._fine(s, "s")
        if not self._turned:
            return _core.decimate(fine, self.b)
        kept = np.empty((len(fine), *self.coarse_shape(fine.shape[1:])), dtype=np.int8)
        if fine.shape[1] == fine.shape[2]:
            kept[:, ::2], kept[:, 1::2] = fine[:, ::2, ::2], fine[:, 1::2, 1::2]
        else:
            kept[:] = fine[:, ::2]
        return kept

    def _coarsen_rows(
        self, bits: npt.NDArray[np.uint64], width: int, key: Key
    ) -> npt.NDArray[np.uint64]:
        if self._turned:
            if bits.shape[1] == width:
                return _core.turn_rows(bits, width)
            return np.ascontiguousarray(bits[:, ::2])
        return _core.decimate_rows(bits, width, self.b)

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v): 0 and -inf, see `Transform`."""
        kept = self.coarsen(v)
        up = np.where(as_rows(kept) > 0, 0.0, -np.inf)
        return up, np.where(up == 0, -np.inf, 0.0)

    def _torus(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        coarse = self.coarse_shape(shape)
        return None if self._turned and coarse[0] == 2 * coarse[1] else coarse
