"""A Boltzmann machine as a layer: parameters, exact machines, means up and down."""

import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from rgdl import _core, _validate
from rgdl._blas import blas_threads, matmul
from rgdl._units import UNITS, Packed, pack_units
from rgdl.ising import Ising
from rgdl.rbm._bond_machine import bond_machine
from rgdl.rbm._data import read_rows
from rgdl.rbm._history import HISTORY
from rgdl.rbm._moments import unit_means
from rgdl.rg import RBMTransform

__all__ = ["Layer"]


class Layer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Parameters of a machine and what follows from its conditional means."""

    n_hidden: int
    units: str
    workers: int
    n_features_in_: int
    W_: npt.NDArray[Any]
    b_: npt.NDArray[Any]
    c_: npt.NDArray[Any]
    lattice_shape_: tuple[int, ...]
    history_: dict[str, list[float]]

    # ---- exact machines ----

    @classmethod
    def from_weights(
        cls,
        W: npt.ArrayLike,
        b: npt.ArrayLike,
        c: npt.ArrayLike,
        *,
        units: str = "spin",
    ) -> Self:
        """Make a fitted machine from given parameters.

        Parameters
        ----------
        W : array_like, shape (n_visible, n_hidden)
            float32 stays float32; everything else becomes float64.
        b : array_like, shape (n_visible,)
        c : array_like, shape (n_hidden,)
        units : {"spin", "binary"}

        Returns
        -------
        RBM

        Raises
        ------
        ValueError, TypeError
            When shapes do not fit or a value is not finite.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_weights([[0.5], [0.5]], [0, 0], [0])
        >>> rbm.W_.dtype.name
        'float64'
        """
        _validate.one_of(units, "units", UNITS)
        weights = np.asarray(W)
        for name, array in (("W", weights), ("b", np.asarray(b)), ("c", np.asarray(c))):
            if array.dtype.kind not in "biuf":
                raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
        dtype = np.float32 if weights.dtype == np.float32 else np.float64
        weights = np.array(weights, dtype=dtype, order="C")
        visible, hidden = np.array(b, dtype=dtype), np.array(c, dtype=dtype)
        if weights.ndim != 2 or 0 in weights.shape:
            raise ValueError(
                f"W must have shape (n_visible, n_hidden), got {weights.shape}"
            )
        for name, bias, length in (("b", visible, 0), ("c", hidden, 1)):
            if bias.shape != (weights.shape[length],):
                raise ValueError(
                    f"{name} must have shape ({weights.shape[length]},), "
                    f"got {bias.shape}"
                )
        if not all(np.isfinite(a).all() for a in (weights, visible, hidden)):
            raise ValueError("W, b and c must be finite")
        rbm = cls(weights.shape[1], units=units, dtype=np.dtype(dtype).name)
        rbm._set_parameters(weights, visible, hidden, (weights.shape[0],))
        return rbm

    @classmethod
    def from_ising(cls, model: Ising) -> Self:
        r"""Build the exact machine of an Ising model: one hidden unit per bond.

        Parameters
        ----------
        model : Ising
            Any model of pairs and fields: bonds of any sign and strength, any
            boundaries, a field per site, couplings as names, arrays or `Couplings`.

        Returns
        -------
        RBM
            Spin units, float64. On a nearest-neighbour torus hidden units are ordered
            by axis, then by the site from which the bond goes forward; else as the
            model lists its bonds, those of strength 0 left out. Its visible marginal is
            the model's law, and
            :math:`\ln Z_{RBM} = \ln Z + \sum_{bonds} (\ln 2 + |K|)` (less the constant
            of a `Couplings`).

        Notes
        -----
        :math:`e^{K s s'} = \tfrac12 e^{-|K|} \sum_h e^{w h (s + \sigma s')}` with
        :math:`\cosh 2w = e^{2|K|}` and :math:`\sigma` the sign of K (star-triangle
        relation; Mehta and Schwab, arXiv:1410.3831, Eq. 24 for the chain).

        Raises
        ------
        TypeError
            When model is not an Ising model.
        ValueError
            For products of more than two spins, or a model without bonds.

        Examples
        --------
        >>> import rgdl
        >>> model = rgdl.Ising((4, 4), K=0.4406867935097715)
        >>> rbm = rgdl.RBM.from_ising(model)
        >>> rbm.W_.shape, round(float(rbm.W_.max()), 12)
        ((16, 32), 0.76428545974)
        """
        W, b, c = bond_machine(model)
        rbm = cls(W.shape[1], units="spin", dtype="float64")
        rbm._set_parameters(W, b, c, model.shape)
        return rbm

    def _set_parameters(
        self,
        W: npt.NDArray[Any],
        b: npt.NDArray[Any],
        c: npt.NDArray[Any],
        lattice_shape: tuple[int, ...],
    ) -> None:
        self.__dict__.update(
            W_=W,
            b_=b,
            c_=c,
            lattice_shape_=lattice_shape,
            n_features_in_=W.shape[0],
            history_={name: [] for name in HISTORY},
            spectrum_={},
            hidden_means_=np.full(W.shape[1], np.nan),
            hidden_activations_=np.empty((0, W.shape[1]), dtype=W.dtype),
        )

    # ---- layers ----

    @property
    def components_(self) -> npt.NDArray[Any]:
        """Weights as scikit-learn names and orients them, (n_hidden, n_visible)."""
        return self.W_.T

    @property
    def intercept_hidden_(self) -> npt.NDArray[Any]:
        """Hidden biases under scikit-learn's name."""
        return self.c_

    @property
    def intercept_visible_(self) -> npt.NDArray[Any]:
        """Visible biases under scikit-learn's name."""
        return self.b_

    @property
    def _n_features_out(self) -> int:
        return int(self.W_.shape[1])

    @property
    def _low(self) -> int:
        return -1 if self.units == "spin" else 0

    def _check_finite(self) -> None:
        """Refuse parameters that were set, since the fit, to what is no number."""
        check_is_fitted(self, "W_")
        if not all(np.isfinite(a).all() for a in (self.W_, self.b_, self.c_)):
            raise ValueError("W_, b_ and c_ must be finite")

    def _unpack(self, bits: npt.NDArray[np.uint64], n: int | None = None) -> Any:
        rows = np.ascontiguousarray(bits)
        values = _core.unpack(rows, n or self.n_features_in_, self._low)
        return values if self.units == "spin" else values.view(np.uint8)

    def _check_width(self, width: int) -> None:
        if width != self.n_features_in_:
            raise ValueError(
                f"X has {width} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )

    def _packed(self, X: npt.ArrayLike, name: str, n_units: int) -> Packed:
        data = pack_units(X, self.units, name)
        width = math.prod(data.row_shape)
        if name == "X":
            self._check_width(width)
        elif width != n_units:
            raise ValueError(f"{name} must have {n_units} units per row, got {width}")
        return data

    def _mean(
        self, bits: npt.NDArray[np.uint64], *, to_hidden: bool
    ) -> npt.NDArray[Any]:
        return _core.rbm_mean(
            self.W_,
            self.b_,
            self.c_,
            self.units == "spin",
            bits,
            to_hidden,
            _validate.worker_count(self.workers),
        )

    def _dense_mean(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return unit_means(inputs, self.units == "spin")

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        r"""Conditional mean of the hidden units, E[h | v].

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows take the packed kernels, real-valued rows (means of a
            layer below, say) BLAS.

        Returns
        -------
        ndarray of the machine's dtype, shape (n, n_hidden)
            In [-1, 1] (spin) or [0, 1] (binary).

        Raises
        ------
        ValueError, TypeError
            For a wrong number of features, or values that are not finite.

        Warns
        -----
        DataWarning
            When real-valued data leave the units' range.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=1.0))
        >>> rbm.transform([[1, 1, 1, -1]]).round(3)
        array([[0.991, 0.991, 0.   , 0.   ]])
        """
        self._check_finite()
        rows = read_rows(self, X, self.units, reset=False)
        if rows.bits is not None:
            return self._mean(rows.bits, to_hidden=True)
        assert rows.values is not None
        return self._means_up(rows.values)

    def _means_up(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """E[h | v] of real-valued rows, summed in float64."""
        with blas_threads(_validate.worker_count(self.workers)):
            inputs = matmul(
                np.asarray(values, dtype=np.float64), self.W_.astype(np.float64)
            )
        return self._dense_mean(inputs + self.c_).astype(self.W_.dtype)

    def reconstruct(self, v: npt.ArrayLike) -> npt.NDArray[Any]:
        r"""Mean of the visible units after one pass up and down by means.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)

        Returns
        -------
        ndarray of the machine's dtype, shape (n, \*lattice_shape_)

        Raises
        ------
        ValueError, TypeError
            As `transform`.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=3.0))
        >>> rbm.reconstruct([[1, 1, 1, 1]]).round(2)
        array([[1., 1., 1., 1.]])
        """
        means = self.transform(v)
        return self._means_down(means).reshape(-1, *self.lattice_shape_)

    def _means_down(self, means: npt.NDArray[Any]) -> npt.NDArray[Any]:
        with blas_threads(_validate.worker_count(self.workers)):
            inputs = matmul(means, self.W_, transpose_b=True) + self.b_
        return self._dense_mean(inputs)

    def as_transform(self) -> RBMTransform:
        """Return the layer as a coarse-graining, the conditional p(h | v).

        Returns
        -------
        rgdl.rg.RBMTransform

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=1.0))
        >>> rbm.as_transform().coarsen([[1, 1, 1, 1]], rng=0).shape
        (1, 4)
        """
        check_is_fitted(self, "W_")
        return RBMTransform(self)
