"""Draws from a Boltzmann machine: layers, Gibbs chains, samples."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl import _core, _validate
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.rbm._evaluation import Evaluated
from rgdl.rbm._start import random_bits

__all__ = ["Sampler"]


class Sampler(Evaluated):
    """A layer from which states are drawn."""

    progress: ProgressLike

    def _draw(
        self,
        bits: npt.NDArray[np.uint64],
        half_steps: int,
        key: Key,
        *,
        from_visible: bool = True,
        progress: ProgressLike = False,
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Packed states of both layers after the half-steps; `bits` is not touched."""
        n_visible, n_hidden = self.W_.shape
        empty = n_hidden if from_visible else n_visible
        other = np.zeros((bits.shape[0], -(-empty // 64)), dtype=np.uint64)
        visible, hidden = (bits.copy(), other) if from_visible else (other, bits.copy())
        with Progress("Gibbs sampling", progress) as update:
            _core.rbm_gibbs(
                self.W_,
                self.b_,
                self.c_,
                self.units == "spin",
                visible,
                hidden,
                from_visible,
                half_steps,
                key,
                _core.PURPOSE_RBM_GIBBS,
                0,
                _validate.worker_count(self.workers),
                update,
            )
        return visible, hidden

    def sample_hidden(self, v: npt.ArrayLike, *, rng: RngLike = None) -> Any:
        r"""Draw the hidden layer given the visible one.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, n_hidden)
            Row i does not depend on how many rows follow it.

        Raises
        ------
        ValueError, TypeError
            When v is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.sample_hidden([[1, 1, 1, 1]], rng=0)
        array([[1, 1, 1, 1]], dtype=int8)
        """
        check_is_fitted(self, "W_")
        data = self._packed(v, "v", self.n_features_in_)
        _, hidden = self._draw(data.bits, 1, draw_key(rng))
        return self._unpack(hidden, self.W_.shape[1])

    def sample_visible(self, h: npt.ArrayLike, *, rng: RngLike = None) -> Any:
        r"""Draw the visible layer given the hidden one.

        Parameters
        ----------
        h : array_like, shape (n, n_hidden)
            Two-valued rows.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When h is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.sample_visible([[-1, -1, -1, -1]], rng=0)
        array([[-1, -1, -1, -1]], dtype=int8)
        """
        check_is_fitted(self, "W_")
        data = self._packed(h, "h", self.W_.shape[1])
        visible, _ = self._draw(data.bits, 1, draw_key(rng), from_visible=False)
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def gibbs(self, v: npt.ArrayLike, k: int = 1, *, rng: RngLike = None) -> Any:
        r"""Advance one Gibbs chain per row by k steps v -> h -> v.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows; not modified.
        k : int, default 1
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When v is not two-valued or has the wrong width, or k is not positive.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.gibbs([[1, 1, 1, 1]], k=2, rng=0).shape
        (1, 4)
        """
        check_is_fitted(self, "W_")
        data = self._packed(v, "v", self.n_features_in_)
        half_steps = 2 * _validate.count(k, "k")
        visible, _ = self._draw(
            data.bits, half_steps, draw_key(rng), progress=self.progress
        )
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def sample(self, n: int, *, steps: int = 1000, rng: RngLike = None) -> Any:
        r"""Draw n configurations from the machine, one Gibbs chain each.

        Parameters
        ----------
        n : int
        steps : int, default 1000
            Gibbs steps from independent fair units. A machine with large weights may
            need more: compare two values.
        rng : None, int, SeedSequence, BitGenerator or Generator
            ``sample(n)[:m]`` equals ``sample(m)`` for the same key.

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            When n or steps is not positive.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.2))
        >>> rbm.sample(3, steps=50, rng=0).shape
        (3, 4, 4)
        """
        check_is_fitted(self, "W_")
        n = _validate.count(n, "n")
        half_steps = 2 * _validate.count(steps, "steps")
        key = draw_key(rng)
        start = random_bits(key, n, self.n_features_in_)
        visible, _ = self._draw(start, half_steps, key, progress=self.progress)
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)
