"""A coarse-graining as a conditional distribution of coarse given fine variables."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl._rng import Key, RngLike
from rgdl._states import (
    Floats,
    as_spins,
)
from rgdl.rg._rows import pack_rows, unpack_rows


class Transform(ABC):
    """A conditional distribution p(h|v) of coarse variables h given fine ones v.

    Subclasses: `Decimation`, `MajorityRule`, `Kadanoff`, `FilterTransform`,
    `RBMTransform` and `Compose`. Examples are there. Given v the coarse variables are
    independent, except behind a random transform in a `Compose`.

    Attributes
    ----------
    b : int, "sqrt2" or None
        Length scale factor; None where it has no meaning.
    """

    b: int | str | None = None
    _fine_low: int = -1  # the lower value of the fine variables: 0 in binary units
    _coarse_low: int = -1

    @abstractmethod
    def coarsen(
        self, s: npt.ArrayLike, *, rng: RngLike = None
    ) -> npt.NDArray[np.int8] | npt.NDArray[Any]:
        r"""Draw coarse configurations given fine ones.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random stream; the first m rows of n are those of m.

        Returns
        -------
        ndarray, shape (n, \*coarse)
        """

    @abstractmethod
    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Shape of the coarse lattice over one of `shape`; None without a lattice.

        Parameters
        ----------
        shape : tuple of int
            Fine lattice.

        Returns
        -------
        tuple of int or None
        """

    @abstractmethod
    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        r"""Logarithms of p(h_j up|v) and p(h_j down|v) for every coarse variable.

        Parameters
        ----------
        v : array_like, shape (n, \*lattice)

        Returns
        -------
        up, down : ndarray of float64, shape (n, n_coarse)
            In nats; -inf for what cannot happen.

        Raises
        ------
        ValueError
            When v has another shape or holds other values than fine variables do.
        TypeError
            When the coarse variables are not independent, see `Compose`.
        """

    def log_prob(self, v: npt.ArrayLike, h: npt.ArrayLike) -> Floats:
        r"""Ln p(h|v) row by row.

        Parameters
        ----------
        v : array_like, shape (n, \*lattice)
            Fine configurations.
        h : array_like, shape (n, \*coarse)
            Coarse configurations.

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats; -inf for a pair that cannot occur, never nan.

        Raises
        ------
        ValueError
            When the rows do not correspond or a value is not allowed.
        """
        up, down = self.log_probabilities(v)
        coarse = np.asarray(h)
        lattice = self.coarse_shape(np.shape(v)[1:])
        expected = up.shape if lattice is None else (len(up), *lattice)
        if coarse.shape != expected:
            raise ValueError(
                f"h must hold {len(up)} rows of {up.shape[1]} coarse variables "
                f"to fit v, in shape {expected}, got shape {coarse.shape}"
            )
        raised = self._is_up(coarse).reshape(up.shape)
        return np.asarray(np.where(raised, up, down).sum(axis=1))

    def operator(self, v: npt.ArrayLike, h: npt.ArrayLike) -> Floats:
        r"""Kadanoff's T(v, h) = ln p(h|v), with Tr_h e^T = 1 for every v.

        Parameters
        ----------
        v, h : array_like
            As in `log_prob`.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        ValueError
            As `log_prob`.
        """
        return self.log_prob(v, h)

    def _coarsen_rows(
        self, bits: npt.NDArray[np.uint64], width: int, key: Key
    ) -> npt.NDArray[np.uint64]:
        """`coarsen` on rows of bits (n, rows, words), for a key of four words."""
        words = tuple(int(word) for word in key)
        coarse = self.coarsen(unpack_rows(bits, width), rng=words)
        return pack_rows(np.ascontiguousarray(coarse, dtype=np.int8))

    def _torus(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Coarse shape where its axes are those of a chain, square or cubic lattice."""
        return self.coarse_shape(shape)

    def _is_up(self, h: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        return as_spins(h, "h") > 0
