"""The restricted Boltzmann machine as a scikit-learn estimator."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from rgdl._progress import Progress, ProgressLike
from rgdl._rng import RngLike, draw_key
from rgdl._units import Packed
from rgdl.rbm import _history
from rgdl.rbm._checkpoint import Checkpoint, PathLike, read_machine, write_machine
from rgdl.rbm._data import Rows, read_rows, read_weights
from rgdl.rbm._sampler import Sampler
from rgdl.rbm._settings import Schedule, check_settings
from rgdl.rbm._training import Callback, begin, begin_optimiser, train

__all__ = ["RBM"]


class RBM(Sampler):
    r"""Restricted Boltzmann machine with spin or binary units.

    .. math:: p(v, h) = e^{-E(v, h)} / Z, \quad E = -b \cdot v - c \cdot h - v^T W h

    Parameters
    ----------
    n_hidden : int, default 256
    units : {"spin", "binary"}
        Values of both layers: -1/+1 or 0/1.
    method : {"pcd", "cd", "pt-pcd"}
        Persistent contrastive divergence [2]_, contrastive divergence [1]_, or
        persistent chains that are exchanged with hotter ones [4]_.
    k : int, default 1
        Gibbs steps per update.
    n_chains : int, optional
        Persistent chains; by default `batch_size`.
    n_temperatures : int, default 10
        Replicas of every chain in "pt-pcd", at inverse temperatures from 1 to 0.
    learning_rate : float, sequence or callable, default 0.05
        Applied to the mean gradient of a batch, whatever its length. A sequence has one
        value per epoch and stays at its last; a callable is given the epoch, 0 first.
    momentum : float, sequence or callable, default 0.0
        In [0, 1).
    l1, l2 : float, default 0.0
        The gradient of W gets ``-l1 * sign(W) - l2 * W``, so the shrinkage per update
        is ``learning_rate`` times that.
    centered : bool, default False
        Take units relative to their running means in the gradient [3]_: flipping the
        data (v to -v, or 1 - v) then flips the machine and changes nothing else.
    sparsity : float or (float, float), optional
        Target of the hidden units' mean, in the units' range, and the cost of missing
        it (1 if left out): hidden biases get ``cost * (target - q)``, q the running
        mean ([5]_, section 11).
    solver : {"sgd", "exact", "lbfgs"}
        Stochastic gradient; the exact gradient of all data, one step per epoch; or
        L-BFGS with it, where `n_epochs` bounds the iterations. The exact ones count
        every state of the smaller layer, at most 22 units.
    batch_size : int, default 100
    n_epochs : int, default 10
    weight_scale : float, default 0.01
        W starts as N(0, weight_scale^2), hidden biases as 0 ([5]_, section 8).
    visible_bias : {"marginals", "zero"}
        Start of b: logit of the units' means (binary units; 0 in spin units), or 0.
    dtype : {"float32", "float64"}
    rng : None, int, SeedSequence, BitGenerator, Generator, or a recorded key
        Keys every random number. Same key, same bits: for every number of workers, and
        on every instruction set. Paths that need BLAS are exempt from that between
        machines (real-valued data, "pt-pcd", "exact", "lbfgs"): there the last bits
        depend on the library.
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
        learning diverges), ``free_energy_spread`` (standard deviation over the rows),
        ``reconstruction_error`` (CD: fraction of units that one reconstruction changes;
        not the objective), ``weight_rms``, ``update_ratio`` (last update over weights;
        about 0.001 is healthy), ``chain_drift`` (largest difference of a hidden unit's
        mean between at most 200 rows and as many persistent chains, in standard
        errors; above 5 for epochs means chains that are stuck), ``chain_memory``
        (overlap of 5 to 200 persistent chains with their states 500 Gibbs steps before
        or more, about the data's mean, in variances: 1 if they stand still, 0 if they
        forget; NaN in epochs between; above 0.4 means that they do not mix); with
        "pt-pcd" ``swap_rate``; with the exact solvers ``negative_log_likelihood`` (nats
        per row; of "exact" before the epoch's step, of "lbfgs" after its iteration);
        with validation data ``free_energy_validation``, ``free_energy_gap`` (validation
        minus training; growing means overfitting) and ``pseudo_likelihood``.
    spectrum_ : dict of int to list of float
        Singular values of W after each epoch (1, 2, 4, 8, ... if both layers have more
        than 128 units).
    hidden_means_ : ndarray, shape (n_hidden,)
        Means of the hidden units over at most 1000 rows, after training.
    hidden_activations_ : ndarray, shape (at most 100, n_hidden)
        E[h | v] of rows of the data, after training.
    converged_ : bool or None
        Whether "lbfgs" converged; None with other solvers.
    solver_message_ : str
        How "lbfgs" stopped; empty with other solvers.
    lattice_shape_ : tuple of int
        Shape of one row of the data.
    n_features_in_ : int
    key_ : tuple of int
        The 256-bit key in use; ``rng=key_`` trains to the same bits.

    Raises
    ------
    ValueError, TypeError
        In `fit`, for parameters outside their range and unusable data.
    ConvergenceError
        When weights stop being finite.

    Notes
    -----
    Two-valued data train on packed bits. Real-valued data are taken as means of the
    units: their <v h> uses E[h | v], the chains stay two-valued; products are taken in
    float32 if the data and the machine have it, else in float64. A row of weight w
    counts as w rows: exactly so where a batch holds all rows, and on average where
    batches are smaller.

    References
    ----------
    .. [1] G. E. Hinton, Neural Computation 14, 1771 (2002).
    .. [2] T. Tieleman, ICML 2008, 1064.
    .. [3] J. Melchior, A. Fischer, L. Wiskott, JMLR 17(99) (2016).
    .. [4] G. Desjardins et al., AISTATS 2010, 145.
    .. [5] G. E. Hinton, UTML TR 2010-003.

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
        n_temperatures: int = 10,
        learning_rate: Schedule = 0.05,
        momentum: Schedule = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        centered: bool = False,
        sparsity: float | tuple[float, float] | None = None,
        solver: str = "sgd",
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
        self.n_temperatures = n_temperatures
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.l1 = l1
        self.l2 = l2
        self.centered = centered
        self.sparsity = sparsity
        self.solver = solver
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.weight_scale = weight_scale
        self.visible_bias = visible_bias
        self.dtype = dtype
        self.rng = rng
        self.workers = workers
        self.progress = progress

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # the machine's dtype, not the data's
        tags.transformer_tags.preserves_dtype = []
        return tags

    # ---- training ----

    def fit(
        self,
        X: npt.ArrayLike,
        y: object = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
        validation: npt.ArrayLike | None = None,
        callbacks: Iterable[Callback] = (),
        checkpoint: PathLike | None = None,
    ) -> Self:
        r"""Train from scratch, or go on from a checkpoint.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows, in the values that `units` names, or real-valued means.
        y : ignored
        sample_weight : array_like, shape (n,), optional
            At least 0; rows of weight 0 are left out.
        validation : array_like, shape (m, features) or (m, \*lattice), optional
            Held-out rows, for the columns of `history_` that compare with them.
        callbacks : iterable of callable
            Each is given the machine after every epoch and ends training by returning
            True. `EarlyStopping` is one, and `LogZTrajectory`, which adds ln Z and the
            likelihood to `history_`.
        checkpoint : path, optional
            File to which the state is written after every epoch and on Ctrl-C; by
            "lbfgs" after every 50 iterations or 10 seconds, and at its end. If it
            exists, training goes on from it, to the same bits as in one go.

        Returns
        -------
        RBM
            self. On Ctrl-C the parameters hold the last whole batch.

        Raises
        ------
        ValueError, TypeError, ConvergenceError
            See the class; also when the checkpoint belongs to other parameters,
            another key or other data.
        FileFormatError
            When the checkpoint is damaged, or of a newer version.

        Warns
        -----
        DataWarning
            When units never change, or real values leave the units' range.
        ConvergenceWarning
            scikit-learn's, when "lbfgs" runs out of iterations or stops abnormally.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising(8, K=0.5), 500, rng=0)
        >>> rgdl.RBM(4, n_epochs=2, rng=0).fit(s).W_.shape
        (8, 4)
        """
        rows = read_rows(self, X, self.units, reset=True)
        rows = read_weights(rows, sample_weight)
        held_out = None
        if validation is not None:
            held_out = read_rows(self, validation, self.units, reset=False)
        with Progress("training", self.progress) as update:
            self._fit_rows(rows, update, held_out, callbacks, checkpoint)
        return self

    def partial_fit(
        self,
        X: npt.ArrayLike,
        y: object = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        r"""Train for one more epoch on the rows given; start from scratch if needed.

        An epoch that Ctrl-C broke off is finished instead, to the same bits, when the
        rows are the same.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
        y : ignored
        sample_weight : array_like, shape (n,), optional

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
        fresh = not hasattr(self, "W_")
        rows = read_rows(self, X, self.units, reset=fresh)
        rows = read_weights(rows, sample_weight)
        settings = check_settings(self, math.prod(rows.row_shape))
        if settings.solver == "lbfgs":
            raise ValueError(
                'partial_fit needs solver="sgd" or "exact": L-BFGS has no epochs'
            )
        if fresh:
            begin(self, rows, settings, draw_key(self.rng), "features of X", 3)
        elif not hasattr(self, "_velocity"):  # given weights: only the optimiser is new
            begin_optimiser(self, rows, settings, draw_key(self.rng))
        self._check_going_on()
        with Progress("training", self.progress) as update:
            done = len(self.history_["epoch"])
            train(self, rows, settings, update, n_epochs=done + 1)
        return self

    def _check_going_on(self) -> None:
        """Whether the state of the training is that of these parameters."""
        if self.W_.shape[1] != self.n_hidden or self.W_.dtype != self.dtype:
            raise ValueError(
                f"n_hidden and dtype must stay {self.W_.shape[1]} and {self.W_.dtype} "
                f"while training goes on, got {self.n_hidden} and {self.dtype}"
            )
        for name, kept in (
            ("centered", self._offsets is not None),
            ("sparsity", self._activity is not None),
        ):
            if bool(getattr(self, name) not in (None, False)) != kept:
                raise ValueError(
                    f"{name} must stay {'set' if kept else 'unset'} while training "
                    f"goes on, got {getattr(self, name)!r}"
                )

    def _fit_packed(
        self,
        data: Packed,
        update: Callable[[float], None],
        inputs: str = "features of X",
        checkpoint: PathLike | None = None,
    ) -> None:
        """`fit` for rows that are packed already."""
        self._fit_rows(Rows.packed(data), update, checkpoint=checkpoint, inputs=inputs)

    def _fit_rows(
        self,
        rows: Rows,
        update: Callable[[float], None],
        validation: Rows | None = None,
        callbacks: Iterable[Callback] = (),
        checkpoint: PathLike | None = None,
        inputs: str = "features of X",
    ) -> None:
        settings = check_settings(self, math.prod(rows.row_shape))
        file = stopped = None
        if checkpoint is not None:
            file = Checkpoint(checkpoint, settings, rows, self.rng)
            stopped = file.read(self)
        if stopped is None:
            begin(self, rows, settings, draw_key(self.rng), inputs, 4)
        train(
            self,
            rows,
            settings,
            update,
            n_epochs=0 if stopped else settings.n_epochs,
            validation=validation,
            callbacks=callbacks,
            checkpoint=file,
        )

    def diagnose(self) -> list[str]:
        """Say which of Hinton's rules the training broke, and what to do about it.

        Returns
        -------
        list of str
            Empty if nothing is wrong: no dead or saturated hidden units, chains that
            follow the data, small updates, no overfitting (G. E. Hinton, UTML TR
            2010-003, sections 5 to 15).

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 500, rng=0)
        >>> rgdl.RBM(8, n_epochs=5, rng=0).fit(s).diagnose()
        []
        """
        check_is_fitted(self, "W_")
        return _history.diagnose(self)

    # ---- files ----

    def save(self, path: PathLike) -> None:
        """Write the machine and the state of its training to one .npz file.

        Parameters
        ----------
        path : path
            Replaced as a whole; schedules that are functions become tables, and rng
            becomes the key in use.

        Raises
        ------
        NotFittedError
            When there is nothing to save.

        Examples
        --------
        >>> import rgdl
        >>> rbm = rgdl.RBM.from_ising(rgdl.Ising(4, K=1.0))
        >>> rbm.save("ring.npz")
        >>> bool((rgdl.RBM.load("ring.npz").W_ == rbm.W_).all())
        True
        """
        check_is_fitted(self, "W_")
        write_machine(self, path)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read a machine that `save` or a checkpoint wrote; nothing is executed.

        Parameters
        ----------
        path : path

        Returns
        -------
        RBM
            `partial_fit` goes on with its training.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        FileFormatError
            When it is none of these files, damaged, or of a newer version.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising(8, K=0.5), 500, rng=0)
        >>> rgdl.RBM(4, n_epochs=2, rng=0).fit(s).save("rbm.npz")
        >>> len(rgdl.RBM.load("rbm.npz").partial_fit(s).history_["epoch"])
        3
        """
        meta, state = read_machine(path)
        return cls._restored(meta, state)

    @classmethod
    def _restored(cls, meta: dict[str, Any], state: dict[str, Any]) -> Self:
        """Return the machine that a file describes."""
        parameters = dict(meta["parameters"])
        if isinstance(parameters.get("sparsity"), list):
            parameters["sparsity"] = tuple(parameters["sparsity"])
        rbm = cls(**parameters, rng=state.get("key_"), progress=meta["progress"])
        rbm.__dict__.update(state)
        return rbm
