"""Block spins on lattices: blocks of b sites per axis and the majority rule."""

import math
import operator
from typing import SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import Key, RngLike, draw_key
from rgdl._states import (
    Floats,
    as_spins,
)
from rgdl.rg._transform import Transform

_Scalar = TypeVar("_Scalar", bound=np.generic)

_TIES = ("random", "corner")


def extents(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Extents of a lattice as a tuple of int."""
    try:
        return tuple(operator.index(extent) for extent in shape)
    except TypeError:
        raise TypeError(f"shape must be a tuple of integers, got {shape!r}") from None


def as_rows(values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """One row per configuration, also when there is none."""
    return values.reshape(len(values), math.prod(values.shape[1:]))


class Blocking(Transform):
    """Blocks of b sites along every axis."""

    b: int

    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the lattice of blocks.

        Parameters
        ----------
        shape : tuple of int
            One to three extents.

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
        >>> rgdl.rg.Decimation(b=2).coarse_shape((8, 6))
        (4, 3)
        """
        shape = extents(shape)
        if not 1 <= len(shape) <= 3:
            raise ValueError(f"shape must have 1 to 3 extents, got {shape!r}")
        if any(extent < 1 or extent % self.b for extent in shape):
            raise ValueError(
                f"b must divide every extent of the lattice, got b={self.b} "
                f"and extents {shape}"
            )
        return tuple(extent // self.b for extent in shape)

    def _fine(self, s: npt.ArrayLike, name: str) -> npt.NDArray[np.int8]:
        spins = as_spins(s, name)
        if not 2 <= spins.ndim <= 4:
            raise ValueError(
                f"{name} must have shape (n, *lattice) with 1 to 3 lattice axes, "
                f"got {spins.shape}"
            )
        self.coarse_shape(spins.shape[1:])
        return spins

    def _block_sums(self, spins: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        coarse = self.coarse_shape(spins.shape[1:])
        split = [length for extent in coarse for length in (extent, self.b)]
        blocks = spins.reshape(len(spins), *split)
        within = tuple(range(2, blocks.ndim, 2))
        return np.asarray(blocks.sum(axis=within, dtype=np.int64))


class MajorityRule(Blocking):
    r"""Sign of the sum over each block of b sites per axis.

    Parameters
    ----------
    b : int, default 2
        Length scale factor.
    ties : {"random", "corner"}, default "random"
        What a block without majority becomes: a fair coin, or its first site (all
        coordinates divisible by b).

    Raises
    ------
    ValueError, TypeError
        For b below 2 or an unknown rule for ties.

    Notes
    -----
    :math:`p(h|v) = \prod_j \theta(h_j \sum_{i \in j} v_i)` with 1/2 each for a tie.
    The coin of block t in configuration c is bit c mod 512 of plane t of the keyed
    stream number c // 512, so the first m of n configurations do not depend on n.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> s = np.array([[1, 1, 1, -1, -1, -1, -1, 1, 1]], dtype=np.int8)
    >>> rgdl.rg.MajorityRule(b=3).coarsen(s)
    array([[ 1, -1,  1]], dtype=int8)
    """

    def __init__(self, b: SupportsIndex = 2, ties: str = "random") -> None:
        self.b = _validate.count(b, "b", least=2)
        self.ties = _validate.one_of(ties, "ties", _TIES)

    def __repr__(self) -> str:
        return f"MajorityRule(b={self.b}, ties={self.ties!r})"

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[np.int8]:
        r"""Block spins of every configuration.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1, one to three lattice axes.
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the coins of random ties; unused otherwise.

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
        >>> s = np.tile(np.array([[1, -1], [-1, 1]], dtype=np.int8), (1000, 4, 4))
        >>> s = s.reshape(1000, 8, 8)
        >>> coarse = rgdl.rg.MajorityRule(b=2).coarsen(s, rng=0)
        >>> bool(abs(coarse.mean()) < 0.05)
        True
        """
        spins = self._fine(s, "s")
        key = draw_key(rng if self.ties == "random" else 0)
        return _core.majority(spins, self.b, _TIES.index(self.ties), key)

    def _coarsen_rows(
        self, bits: npt.NDArray[np.uint64], width: int, key: Key
    ) -> npt.NDArray[np.uint64]:
        ties = _TIES.index(self.ties)
        return _core.majority_rows(bits, width, self.b, ties, key)

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v), see `Transform`."""
        spins = self._fine(v, "v")
        sums = self._block_sums(spins)
        if self.ties == "corner":
            sums = 2 * sums + _core.decimate(spins, self.b)
        sums = as_rows(sums)
        tie = -math.log(2.0)
        up = np.where(sums > 0, 0.0, np.where(sums < 0, -np.inf, tie))
        return up, np.where(sums < 0, 0.0, np.where(sums > 0, -np.inf, tie))
