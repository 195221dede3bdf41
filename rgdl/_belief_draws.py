"""Draws from a deep belief network: passes of samples up and down, Gibbs steps."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl._rng import RngLike, draw_key
from rgdl.rbm import RBM

__all__ = ["BeliefSampler"]


class BeliefSampler:
    """A stack of machines from which states are drawn."""

    layers_: list[RBM]
    lattice_shape_: tuple[int, ...]

    def sample(self, n: int, *, steps: int = 1000, rng: RngLike = None) -> Any:
        r"""Draw from the network: Gibbs steps in the top machine, then down once.

        Parameters
        ----------
        n : int
        steps : int, default 1000
            Gibbs steps of the top machine, from fair units.
        rng : None, int, SeedSequence, BitGenerator or Generator

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
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> rgdl.DBN((8, 2), rbm=rbm).fit(s).sample(3, steps=10, rng=0).shape
        (3, 4, 4)
        """
        check_is_fitted(self, "layers_")
        generator = np.random.default_rng(draw_key(rng).tolist())
        states = self.layers_[-1].sample(n, steps=steps, rng=generator)
        for layer in reversed(self.layers_[:-1]):
            states = layer.sample_visible(states, rng=generator)
        return states.reshape(-1, *self.lattice_shape_)

    def sample_hidden(
        self, X: npt.ArrayLike, layer: int = -1, *, rng: RngLike = None
    ) -> Any:
        r"""Draw the hidden units of a layer by a pass of samples upwards.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
        layer : int, default -1
            0 is the layer on the data; negative counts from the top.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, layers[layer])

        Raises
        ------
        ValueError, TypeError
            As `RBM.sample_hidden`, or when there is no such layer.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> rgdl.DBN((8, 2), rbm=rbm).fit(s).sample_hidden(s, 0, rng=0).shape
        (200, 8)
        """
        generator = np.random.default_rng(draw_key(rng).tolist())
        states = X
        for machine in self.layers_[: self._depth(layer) + 1]:
            states = machine.sample_hidden(states, rng=generator)
        return states

    def sample_visible(
        self, h: npt.ArrayLike, layer: int = -1, *, rng: RngLike = None
    ) -> Any:
        r"""Draw the data units by a pass of samples downwards (ancestral sampling).

        Parameters
        ----------
        h : array_like, shape (n, layers[layer])
            Hidden units of a layer.
        layer : int, default -1
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            As `RBM.sample_visible`, or when there is no such layer.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> dbn = rgdl.DBN((8, 2), rbm=rgdl.RBM(n_epochs=1, rng=1)).fit(s)
        >>> dbn.sample_visible([[1, -1]], rng=0).shape
        (1, 4, 4)
        """
        generator = np.random.default_rng(draw_key(rng).tolist())
        states: Any = h
        for machine in reversed(self.layers_[: self._depth(layer) + 1]):
            states = machine.sample_visible(states, rng=generator)
        return states.reshape(-1, *self.lattice_shape_)

    def gibbs(self, v: npt.ArrayLike, k: int = 1, *, rng: RngLike = None) -> Any:
        r"""Up by samples, k Gibbs steps of the top machine, and down by samples.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
        k : int, default 1
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        ndarray of int8 (spin) or uint8 (binary), shape (n, \*lattice_shape_)
            Distributed as `sample` for large k, whatever v.

        Raises
        ------
        ValueError, TypeError
            As `RBM.gibbs`.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> dbn = rgdl.DBN((8, 2), rbm=rgdl.RBM(n_epochs=1, rng=1)).fit(s)
        >>> dbn.gibbs(s[:3], k=2, rng=0).shape
        (3, 4, 4)
        """
        check_is_fitted(self, "layers_")
        generator = np.random.default_rng(draw_key(rng).tolist())
        states: Any = v
        for machine in self.layers_[:-1]:
            states = machine.sample_hidden(states, rng=generator)
        states = self.layers_[-1].gibbs(states, k, rng=generator)
        for machine in reversed(self.layers_[:-1]):
            states = machine.sample_visible(states, rng=generator)
        return states.reshape(-1, *self.lattice_shape_)

    def _depth(self, layer: int) -> int:
        """Index of a layer from the data."""
        check_is_fitted(self, "layers_")
        depth = len(self.layers_)
        if not -depth <= layer < depth:
            raise ValueError(f"layer must be in [{-depth}, {depth}), got {layer}")
        return layer % depth
