"""A layer of a Boltzmann machine as a coarse-graining."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl._rng import RngLike
from rgdl._states import (
    BoltzmannLayer,
    Floats,
    as_binary,
    as_spins,
    layer_parameters,
)
from rgdl.rg._transform import Transform


class RBMTransform(Transform):
    r"""The layer of a restricted Boltzmann machine as a coarse-graining.

    Parameters
    ----------
    rbm : rgdl.RBM
        Fitted machine.

    Raises
    ------
    TypeError
        When `rbm` has no weights.
    ValueError
        When its weights are not finite.

    Notes
    -----
    :math:`p(h|v) = \prod_j e^{h_j a_j}/\sum_{h'} e^{h' a_j}` with
    :math:`a_j = c_j + \sum_i v_i W_{ij}` (Mehta and Schwab, arXiv:1410.3831). This is
    the conditional alone; ``rgdl.mapping.verify(model, rbm)`` judges the joint machine.
    Only `coarsen` depends on the machine's dtype; probabilities are float64.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> import rgdl
    >>> rbm = SimpleNamespace(W_=np.full((2, 1), 0.5), b_=np.zeros(2), c_=np.zeros(1),
    ...                       units="spin")
    >>> layer = rgdl.rg.RBMTransform(rbm)
    >>> layer.log_prob([[1, -1], [1, 1]], [[1], [1]]).round(6)
    array([-0.693147, -0.126928])
    """

    def __init__(self, rbm: BoltzmannLayer) -> None:
        self.rbm = rbm
        layer_parameters(rbm)
        self._fine_low = self._coarse_low = -1 if rbm.units == "spin" else 0

    def __repr__(self) -> str:
        n_visible, n_hidden = self.rbm.W_.shape
        return f"RBMTransform({n_visible} -> {n_hidden} {self.rbm.units} units)"

    def coarse_shape(self, shape: tuple[int, ...]) -> None:
        """Nothing: hidden units have no lattice."""

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[Any]:
        r"""Draw hidden units given visible ones.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice) or (n, n_visible)
            In the machine's units.
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random stream.

        Returns
        -------
        ndarray, shape (n, n_hidden)
            In the machine's units.

        Raises
        ------
        ValueError
            For values outside the units or another number of features.
        """
        visible = np.asarray(s)
        if visible.ndim > 1:
            visible = visible.reshape(len(visible), math.prod(visible.shape[1:]))
        return np.asarray(self.rbm.sample_hidden(visible, rng=rng))

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v), see `Transform`."""
        weights, _, hidden_bias = layer_parameters(self.rbm)
        visible = np.asarray(v)
        n_visible = len(weights)
        if visible.ndim < 2 or math.prod(visible.shape[1:]) != n_visible:
            raise ValueError(
                f"v must have shape (n, {n_visible}) or (n, *lattice) with as many "
                f"sites, got {visible.shape}"
            )
        spin_units = self.rbm.units == "spin"
        if spin_units:
            units = as_spins(visible, "v").reshape(-1, n_visible).astype(np.float64)
        else:
            units = as_binary(visible, "v").reshape(-1, n_visible).astype(np.float64)
        gap = (hidden_bias + units @ weights) * (2 if spin_units else 1)
        return -np.logaddexp(0.0, -gap), -np.logaddexp(0.0, gap)

    def _is_up(self, h: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        if self.rbm.units == "spin":
            return as_spins(h, "h") > 0
        return as_binary(h, "h")
