"""Restricted Boltzmann machines on packed bits, as a scikit-learn estimator."""

import math
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from rgdl import _core, _validate
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl._units import UNITS, Packed, pack_units, rows_of
from rgdl.errors import ConvergenceError, DataWarning
from rgdl.ising import Ising
from rgdl.rbm._bond_machine import bond_machine
from rgdl.rbm._chains import clamp_mask, clamped_gibbs
from rgdl.rbm._evaluate import free_energy
from rgdl.rbm._evaluation import Evaluation
from rgdl.rg import RBMTransform

__all__ = ["RBM"]

_FREE_ENERGY_ROWS = 200
_CHUNK = 2048


class RBM(Evaluation, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Restricted Boltzmann machine with spin or binary units.

    .. math:: p(v, h) = e^{-E(v, h)} / Z, \quad E = -b \cdot v - c \cdot h - v^T W h

    Parameters
    ----------
    n_hidden : int, default 256
    units : {"spin", "binary"}
        Values of both layers: -1/+1 or 0/1.
    method : {"pcd", "cd"}
        Persistent contrastive divergence [2]_ or contrastive divergence [1]_.
    k : int, default 1
        Gibbs steps per update.
    n_chains : int, optional
        Persistent chains; by default `batch_size`.
    learning_rate : float, default 0.05
        Applied to the mean gradient of a batch, whatever its length.
    momentum : float, default 0.0
        In [0, 1).
    l1 : float, default 0.0
        The gradient of W gets ``-l1 * sign(W)``, so the shrinkage per update is
        ``learning_rate * l1``.
    batch_size : int, default 100
    n_epochs : int, default 10
    weight_scale : float, default 0.01
        W starts as N(0, weight_scale^2), hidden biases as 0.
    visible_bias : {"marginals", "zero"}
        Start of b: logit of the units' means (binary units; 0 in spin units), or 0.
    dtype : {"float32", "float64"}
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys every random number. Same key, same bits: on every instruction set and
        for every number of workers.
    workers : int, default 1
        Threads; -1 for all processors.
    progress : bool, "auto" or callable
        Progress bar; "auto" after two seconds; a callable is given the fraction done.

    Attributes
    ----------
    W_ : ndarray, shape (n_visible, n_hidden)
    b_ : ndarray, shape (n_visible,)
        Visible biases; also ``intercept_visible_``.
    c_ : ndarray, shape (n_hidden,)
        Hidden biases; also ``intercept_hidden_``.
    components_ : ndarray, shape (n_hidden, n_visible)
        View of ``W_.T``.
    history_ : dict of list of float
        Per epoch: ``epoch``, ``free_energy_data`` and ``free_energy_model`` (means
        over 200 fixed rows and over the negative rows; they drift apart when
        learning diverges), ``reconstruction_error`` (CD: fraction of units that one
        reconstruction changes; not the objective), ``weight_rms``.
    lattice_shape_ : tuple of int
        Shape of one row of the data.
    n_features_in_ : int
    key_ : tuple of int
        The 256-bit key in use; ``rng=key_`` trains to the same bits.

    Raises
    ------
    ValueError, TypeError
        In `fit`, for parameters outside their range and data that are not two-valued.
    ConvergenceError
        When weights stop being finite.

    References
    ----------
    .. [1] G. E. Hinton, Neural Computation 14, 1771 (2002).
    .. [2] T. Tieleman, ICML 2008, 1064.

    Examples
    --------
    >>> import rgdl
    >>> model = rgdl.Ising((4, 4), K=0.4)
    >>> s = rgdl.sample(model, 2000, rng=0)
    >>> rbm = rgdl.RBM(16, method="cd", n_epochs=60, rng=0).fit(s)
    >>> rbm.transform(s).shape
    (2000, 16)
    >>> bool(rgdl.mapping.verify(model, rbm).kl < 0.2)
    True
    """

    def __init__(
        self,
        n_hidden: int = 256,
        *,
        units: str = "spin",
        method: str = "pcd",
        k: int = 1,
        n_chains: int | None = None,
        learning_rate: float = 0.05,
        momentum: float = 0.0,
        l1: float = 0.0,
        batch_size: int = 100,
        n_epochs: int = 10,
        weight_scale: float = 0.01,
        visible_bias: str = "marginals",
        dtype: str = "float32",
        rng: RngLike = None,
        workers: int = 1,
        progress: ProgressLike = "auto",
    ) -> None:
        self.n_hidden = n_hidden
        self.units = units
        self.method = method
        self.k = k
        self.n_chains = n_chains
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.l1 = l1
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.weight_scale = weight_scale
        self.visible_bias = visible_bias
        self.dtype = dtype
        self.rng = rng
        self.workers = workers
        self.progress = progress

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
        self.W_, self.b_, self.c_ = W, b, c
        self.lattice_shape_ = lattice_shape
        self.n_features_in_ = W.shape[0]
        self.history_: dict[str, list[float]] = {name: [] for name in _HISTORY}

    # ---- training ----

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        r"""Train from scratch.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows, in the values that `units` names.
        y : ignored

        Returns
        -------
        RBM
            self. On Ctrl-C the parameters hold the last whole batch.

        Raises
        ------
        ValueError, TypeError, ConvergenceError
            See the class.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising(8, K=0.5), 500, rng=0)
        >>> rgdl.RBM(4, n_epochs=2, rng=0).fit(s).W_.shape
        (8, 4)
        """
        data = pack_units(X, self.units, "X")
        with Progress("training", self.progress) as update:
            self._fit_packed(data, update)
        return self

    def partial_fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        r"""Train for one more epoch on the rows given; start from scratch if needed.

        An epoch that Ctrl-C broke off is finished instead, to the same bits, when the
        rows are the same.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
        y : ignored

        Returns
        -------
        RBM
            self.

        Raises
        ------
        ValueError, TypeError, ConvergenceError
            See the class.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising(8, K=0.5), 500, rng=0)
        >>> rbm = rgdl.RBM(4, n_epochs=2, rng=0).fit(s)
        >>> len(rbm.partial_fit(s).history_["epoch"])
        3
        """
        data = pack_units(X, self.units, "X")
        if not hasattr(self, "W_"):
            self._start(data)
        elif not hasattr(self, "_velocity"):  # given weights: only the optimiser is new
            self._start_optimiser(draw_key(self.rng))
        self._check_parameters()
        if self.W_.shape[1] != self.n_hidden or self.W_.dtype != self.dtype:
            raise ValueError(
                f"n_hidden and dtype must stay {self.W_.shape[1]} and {self.W_.dtype} "
                f"while training goes on, got {self.n_hidden} and {self.dtype}"
            )
        self._check_width(math.prod(data.row_shape))
        with Progress("training", self.progress) as update:
            self._epoch(data.bits, update)
        return self

    def _fit_packed(
        self,
        data: Packed,
        update: Callable[[float], None],
        inputs: str = "features of X",
    ) -> None:
        n_epochs = _validate.count(self.n_epochs, "n_epochs", least=0)
        self._start(data, inputs)
        for epoch in range(n_epochs):

            def part(done: float, epoch: int = epoch) -> None:
                update((epoch + done) / n_epochs)

            self._epoch(data.bits, part)

    def _start(self, data: Packed, inputs: str = "features of X") -> None:
        self._check_parameters()
        n_visible = math.prod(data.row_shape)
        dtype = np.dtype(self.dtype)
        key = draw_key(self.rng)
        normals = _core.normals(
            key, _core.PURPOSE_RBM_WEIGHTS, 0, n_visible * self.n_hidden
        )
        W = (
            (self.weight_scale * normals)
            .reshape(n_visible, self.n_hidden)
            .astype(dtype)
        )
        b = self._marginal_bias(data, n_visible).astype(dtype)
        self._set_parameters(W, b, np.zeros(self.n_hidden, dtype), data.row_shape)
        self._start_optimiser(key)
        constant = int((_unit_counts(data, n_visible) % data.bits.shape[0] == 0).sum())
        if constant:
            warnings.warn(
                f"{constant} of {n_visible} {inputs} never change",
                DataWarning,
                stacklevel=4,
            )

    def _start_optimiser(self, key: Key) -> None:
        """Velocities at rest, chains at random, no batch done."""
        self.key_ = tuple(int(word) for word in key)
        self._velocity = (
            np.zeros_like(self.W_),
            np.zeros_like(self.b_),
            np.zeros_like(self.c_),
        )
        self._cursor = np.zeros(4, dtype=np.uint64)
        n_chains = self.n_chains or self.batch_size if self.method == "pcd" else 0
        self._negative = self._random_bits(key, n_chains, self.n_features_in_)

    def _marginal_bias(self, data: Packed, n_visible: int) -> npt.NDArray[np.float64]:
        if self.visible_bias == "zero" or self.units == "spin":
            return np.zeros(n_visible)
        # Laplace's rule keeps constant units finite
        count = _unit_counts(data, n_visible)
        on = (count + 1.0) / (data.bits.shape[0] + 2.0)
        return _core.logarithm(on / (1.0 - on))

    @staticmethod
    def _random_bits(key: Key, n_rows: int, n_units: int) -> npt.NDArray[np.uint64]:
        words = -(-n_units // 64)
        planes = _core.stream_planes(
            key, _core.PURPOSE_RBM_CHAINS, 0, -(-n_rows * words // 8)
        )
        bits = planes.ravel()[: n_rows * words].reshape(n_rows, words).copy()
        if n_units % 64:
            bits[:, -1] &= np.uint64((1 << (n_units % 64)) - 1)
        return bits

    def _check_parameters(self) -> None:
        _validate.count(self.n_hidden, "n_hidden")
        _validate.one_of(self.units, "units", UNITS)
        _validate.one_of(self.method, "method", ("pcd", "cd"))
        if _validate.count(self.k, "k") > 2047:
            raise ValueError(f"k must be at most 2047, got {self.k}")
        if self.n_chains is not None:
            _validate.count(self.n_chains, "n_chains")
            if self.method == "cd":
                raise ValueError('n_chains needs method="pcd"; CD has one per data row')
        _validate.finite(self.learning_rate, "learning_rate", least=0.0)
        if _validate.finite(self.momentum, "momentum", least=0.0) >= 1.0:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")
        _validate.finite(self.l1, "l1", least=0.0)
        _validate.count(self.batch_size, "batch_size")
        _validate.finite(self.weight_scale, "weight_scale", least=0.0)
        _validate.one_of(self.visible_bias, "visible_bias", ("marginals", "zero"))
        _validate.one_of(self.dtype, "dtype", ("float32", "float64"))

    def _epoch(
        self, bits: npt.NDArray[np.uint64], update: Callable[[float], None]
    ) -> None:
        epoch = len(self.history_["epoch"]) + 1
        n_rows, words = bits.shape
        key = np.array(self.key_, dtype=np.uint64)
        order = _core.permutation(key, _core.PURPOSE_RBM_SHUFFLE, epoch, n_rows)
        batch_size = min(self.batch_size, n_rows)
        if self.method == "cd" and len(self._negative) != batch_size:
            self._negative = np.zeros((batch_size, words), dtype=np.uint64)
        if self._cursor[1] >= n_rows:  # broken off on other, longer data
            self._cursor[1:] = 0
        _core.rbm_train(
            self.W_,
            self.b_,
            self.c_,
            self.units == "spin",
            *self._velocity,
            bits,
            order,
            self._negative,
            batch_size,
            self.method == "pcd",
            self.k,
            self.learning_rate,
            self.momentum,
            self.l1,
            key,
            self._cursor,
            _validate.worker_count(self.workers),
            update,
        )
        _, _, changed, n_negative = self._cursor.tolist()
        self._cursor[1:] = 0
        shown = bits[:: max(1, n_rows // _FREE_ENERGY_ROWS)]
        values = {
            "epoch": float(epoch),
            "free_energy_data": self._meanfree_energy(shown),
            "free_energy_model": self._meanfree_energy(self._negative[:n_negative]),
            "reconstruction_error": (
                changed / (n_rows * self.n_features_in_)
                if self.method == "cd"
                else math.nan
            ),
            "weight_rms": math.sqrt(
                float(np.mean(np.square(self.W_, dtype=np.float64)))
            ),
        }
        for name, value in values.items():
            self.history_[name].append(value)
        if not math.isfinite(values["free_energy_data"]):
            raise ConvergenceError(
                f"the free energy overflowed in epoch {epoch}; lower learning_rate "
                f"(now {self.learning_rate})"
            )

    def _meanfree_energy(self, bits: npt.NDArray[np.uint64]) -> float:
        """Mean over some rows for the history, in the machine's precision."""
        rows = self._unpack(bits)
        with np.errstate(over="ignore", invalid="ignore"):  # judged by the caller
            free = free_energy(rows, self.W_, self.b_, self.c_, self.units)
            return float(np.mean(free, dtype=np.float64))

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
        mean: npt.NDArray[Any] = (
            np.tanh(inputs) if self.units == "spin" else expit(inputs)
        )
        return mean

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
        check_is_fitted(self, "W_")
        array = rows_of(X, "X")
        if (
            np.isin(array[:1], (self._low, 1)).all()
            and np.isin(array, (self._low, 1)).all()
        ):
            return self._mean(self._packed(array, "X", 0).bits, to_hidden=True)
        other = (0, 1) if self.units == "spin" else (-1, 1)
        if array.dtype.kind != "f" or (
            np.isin(array, other).all() and np.isin(other, array).all()
        ):
            pack_units(array, self.units, "X")  # raises, naming the cure
        flat = array.reshape(array.shape[0], -1).astype(self.W_.dtype)
        self._check_width(flat.shape[1])
        if not np.isfinite(flat).all():
            raise ValueError("X must be finite; Input X contains NaN or infinity")
        if flat.min() < self._low or flat.max() > 1:
            warnings.warn(
                f"X leaves [{self._low}, 1], the range of units={self.units!r}",
                DataWarning,
                stacklevel=2,
            )
        return self._dense_mean(flat @ self.W_ + self.c_)

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

    def gibbs(
        self,
        v: npt.ArrayLike,
        k: int = 1,
        *,
        clamp: npt.ArrayLike | None = None,
        rng: RngLike = None,
    ) -> Any:
        r"""Advance one Gibbs chain per row by k steps v -> h -> v.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows; not modified.
        k : int, default 1
        clamp : array_like of bool, shape (features,) or lattice_shape_, optional
            Visible units that keep the values they have in v.
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
        if clamp is not None:
            values = self._unpack(data.bits)
            return self._clamped((clamp, values), len(values), k, rng, data.bits)
        visible, _ = self._draw(
            data.bits, half_steps, draw_key(rng), progress=self.progress
        )
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def _clamped(
        self,
        clamp: tuple[npt.ArrayLike, npt.ArrayLike],
        n: int,
        k: int,
        rng: RngLike,
        start: npt.NDArray[np.uint64] | None = None,
    ) -> Any:
        """K Gibbs steps of n rows with clamped units, from `start` or fair units."""
        mask, values = clamp_mask(clamp, n, self.lattice_shape_, self.units)
        key = draw_key(rng)
        if start is None:
            start = self._random_bits(key, n, self.n_features_in_)
        kept = _core.pack(mask[None].astype(np.int8), 0)
        visible = clamped_gibbs(
            (self.W_, self.b_, self.c_),
            self.units,
            (start & ~kept) | (_core.pack(values, self._low) & kept),
            kept,
            k,
            key,
            workers=_validate.worker_count(self.workers),
            progress=self.progress,
        )
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

    def sample(
        self,
        n: int,
        *,
        steps: int = 1000,
        clamp: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        rng: RngLike = None,
    ) -> Any:
        r"""Draw n configurations from the machine, one Gibbs chain each.

        Parameters
        ----------
        n : int
        steps : int, default 1000
            Gibbs steps from independent fair units. A machine with large weights may
            need more: compare two values.
        clamp : tuple (mask, values), optional
            Visible units that stand still, bool of shape ``lattice_shape_``, and their
            values, of that shape or one set per row.
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
        if clamp is not None:
            return self._clamped(clamp, n, steps, rng)
        key = draw_key(rng)
        start = self._random_bits(key, n, self.n_features_in_)
        visible, _ = self._draw(start, half_steps, key, progress=self.progress)
        return self._unpack(visible).reshape(-1, *self.lattice_shape_)

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
        return self._dense_mean(means @ self.W_.T + self.b_)

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

    # ---- evaluation ----

    def free_energy(self, v: npt.ArrayLike) -> npt.NDArray[np.float64]:
        r"""Free energy F(v) = -ln sum_h exp(-E(v, h)), in float64.

        Parameters
        ----------
        v : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows.

        Returns
        -------
        ndarray of float64, shape (n,)
            :math:`-b \cdot v - \sum_j \ln 2\cosh(c_j + (vW)_j)` (spin) or
            :math:`-b \cdot v - \sum_j \ln(1 + e^{c_j + (vW)_j})` (binary), in nats.

        Raises
        ------
        ValueError, TypeError
            When v is not two-valued or has the wrong width.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_weights([[0.0], [0.0]], [0, 0], [0])
        >>> rbm.free_energy([[1, 1]])
        array([-0.69314718])
        """
        check_is_fitted(self, "W_")
        data = self._packed(v, "v", self.n_features_in_)
        W, b, c = (np.asarray(a, dtype=np.float64) for a in (self.W_, self.b_, self.c_))
        chunks = range(0, data.bits.shape[0], _CHUNK)
        rows = (self._unpack(data.bits[first : first + _CHUNK]) for first in chunks)
        return np.concatenate([free_energy(v, W, b, c, self.units) for v in rows])


_HISTORY = (
    "epoch",
    "free_energy_data",
    "free_energy_model",
    "reconstruction_error",
    "weight_rms",
)


def _unit_counts(data: Packed, n_visible: int) -> npt.NDArray[np.int64]:
    """How many rows have each unit on."""
    counts = np.zeros(n_visible, dtype=np.int64)
    for first in range(0, data.bits.shape[0], _CHUNK):
        counts += _core.unpack(data.bits[first : first + _CHUNK], n_visible, 0).sum(
            axis=0, dtype=np.int64
        )
    return counts
