"""Deep belief networks: Boltzmann machines trained greedily on top of each other."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from rgdl import _validate
from rgdl._belief import likelihood_bound
from rgdl._belief_draws import BeliefSampler
from rgdl._belief_files import read_layers, stack_key, write_layers
from rgdl._progress import Progress
from rgdl._rng import RngLike, draw_key
from rgdl._units import Packed, pack_units
from rgdl.rbm import RBM, LogZ, Measured
from rgdl.rbm._evaluation import check_log_z
from rgdl.receptive import FieldSizes, field_sizes, half_maximum
from rgdl.rg import Compose

__all__ = ["DBN"]


class DBN(BeliefSampler, TransformerMixin, BaseEstimator):
    """Stack of restricted Boltzmann machines, trained layer by layer.

    Layer 0 is trained on the data, every further one on one keyed sample of the
    hidden units below it (Hinton, Osindero and Teh, Neural Computation 18, 1527
    (2006); Mehta and Schwab, arXiv:1410.3831, use 1600-400-100-25).

    Parameters
    ----------
    layers : tuple of int, default (400, 100, 25)
        Hidden units of each layer, from the data upwards.
    rbm : RBM or sequence of RBM, optional
        Prototype of every layer, or one for each, all of the same units: its parameters
        are used with `n_hidden` replaced. The `rng` of the first keys the whole stack.
        By default ``RBM(units="binary")``.

    Attributes
    ----------
    layers_ : list of RBM
        The trained machines, layer 0 first.
    lattice_shape_ : tuple of int
        Shape of one row of the data.
    n_features_in_ : int
    key_ : tuple of int
        The 256-bit key; a prototype with ``rng=key_`` trains to the same bits.

    Raises
    ------
    ValueError, TypeError
        In `fit`, for parameters outside their range and data that are not two-valued.

    Examples
    --------
    >>> import rgdl
    >>> s = rgdl.sample(rgdl.Ising((8, 8), K=0.4), 500, rng=0)
    >>> rbm = rgdl.RBM(units="spin", n_epochs=3, rng=1)
    >>> dbn = rgdl.DBN(layers=(16, 4), rbm=rbm).fit(s)
    >>> dbn.transform(s).shape, dbn.receptive_fields(1).shape
    ((500, 4), (4, 8, 8))
    """

    def __init__(
        self,
        layers: tuple[int, ...] = (400, 100, 25),
        *,
        rbm: RBM | Sequence[RBM] | None = None,
    ) -> None:
        self.layers = layers
        self.rbm = rbm

    def fit(
        self,
        X: npt.ArrayLike,
        y: object = None,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        r"""Train the layers, from the data upwards.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
            Two-valued rows in the prototype's units.
        y : ignored
        checkpoint : path, optional
            Folder with one file per layer, see `RBM.fit`; made if it is not there.
            Training that was cut goes on from it, to the same bits as in one go.

        Returns
        -------
        DBN
            self.

        Raises
        ------
        ValueError, TypeError, ConvergenceError
            See the class.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> [layer.W_.shape for layer in rgdl.DBN((8, 2), rbm=rbm).fit(s).layers_]
        [(16, 8), (8, 2)]
        """
        if not isinstance(self.layers, tuple | list):
            raise TypeError(f"layers must be a tuple of integers, got {self.layers!r}")
        sizes = [_validate.count(size, "every entry of layers") for size in self.layers]
        if not sizes:
            raise ValueError("layers must name at least one layer, got ()")
        prototypes = self._prototypes(len(sizes))
        prototype = prototypes[0]
        folder = None if checkpoint is None else Path(checkpoint)
        key = stack_key(folder, prototype.rng)
        self.key_ = tuple(int(word) for word in key)
        keys = np.random.default_rng(key.tolist())
        try:
            data = pack_units(X, prototype.units, "X")
        except ValueError as error:
            raise ValueError(
                f"{error} (a DBN takes its units from its prototype: "
                f'DBN(rbm=RBM(units="spin")) or "binary")'
            ) from None
        self.lattice_shape_ = data.row_shape
        self.n_features_in_ = math.prod(data.row_shape)
        self.layers_: list[RBM] = []
        with Progress("DBN", prototype.progress) as update:
            for depth, size in enumerate(sizes):
                layer = clone(prototypes[depth]).set_params(
                    n_hidden=size,
                    rng=np.random.SeedSequence(draw_key(keys).tolist()),
                    progress=False,
                )

                def part(done: float, depth: int = depth) -> None:
                    update((depth + done) / len(sizes))

                below = f"hidden units of layer {depth - 1} (dead or saturated)"
                layer._fit_packed(
                    data,
                    part,
                    below if depth else "features of X",
                    None if folder is None else folder / f"layer-{depth}.npz",
                )
                self.layers_.append(layer)
                key = draw_key(keys)  # of the sample that the next layer learns
                if depth + 1 < len(sizes):
                    _, hidden = layer._draw(data.bits, 1, key)
                    data = Packed(hidden, (size,))
        return self

    def _prototypes(self, depth: int) -> list[RBM]:
        """Return one checked prototype for each layer."""
        given: Any = RBM(units="binary") if self.rbm is None else self.rbm
        prototypes: list[RBM] = (
            list(given) if isinstance(given, tuple | list) else [given] * depth
        )
        for prototype in prototypes:
            if not isinstance(prototype, RBM):
                name = type(prototype).__name__
                raise TypeError(f"rbm must be a rgdl.RBM or one per layer, got {name}")
        if len(prototypes) != depth:
            raise ValueError(
                f"rbm must have one prototype for each of {depth} layers, got "
                f"{len(prototypes)}"
            )
        units = {prototype.units for prototype in prototypes}
        if len(units) > 1:
            raise ValueError(
                f"rbm must have the same units in all, got {sorted(units)}"
            )
        return prototypes

    def _means(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        check_is_fitted(self, "layers_")
        means: npt.NDArray[Any] = self.layers_[0].transform(X)
        for layer in self.layers_[1:]:
            means = layer._means_up(means)
        return means

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        r"""Means of the top layer after a mean-field pass upwards.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)

        Returns
        -------
        ndarray, shape (n, layers[-1])

        Raises
        ------
        ValueError, TypeError
            As `RBM.transform`.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> rgdl.DBN((8, 2), rbm=rbm).fit(s).transform(s).shape
        (200, 2)
        """
        return self._means(X)

    def reconstruct(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        r"""Means of the data units after a mean-field pass up to the top and down.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)

        Returns
        -------
        ndarray, shape (n, \*lattice_shape_)
            In the units' range.

        Raises
        ------
        ValueError, TypeError
            As `RBM.transform`.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> rgdl.DBN((8, 2), rbm=rbm).fit(s).reconstruct(s).shape
        (200, 4, 4)
        """
        means = self._means(X)
        for layer in reversed(self.layers_):
            means = layer._means_down(means)
        return means.reshape(-1, *self.lattice_shape_)

    def log_likelihood_bound(
        self,
        X: npt.ArrayLike,
        *,
        draws: int = 100,
        log_z: LogZ | None = None,
        rng: RngLike = None,
    ) -> Measured:
        r"""Lower bound on the mean log-likelihood: minus it bounds the NLL from above.

        Parameters
        ----------
        X : array_like, shape (n, features) or (n, \*lattice)
        draws : int, default 100
            Upward passes that are averaged.
        log_z : LogZ, optional
            Of the top machine; by default ``layers_[-1].log_partition()``, exact to
            26 units in its smaller layer.
        rng : None, int, SeedSequence, BitGenerator or Generator

        Returns
        -------
        Measured
            In nats per row. With a single layer it is the log-likelihood itself; with
            more, a single draw has no error: nan, not reliable.

        Raises
        ------
        ValueError, TypeError
            When X is not two-valued or has the wrong width, or log_z is no `LogZ`.

        Notes
        -----
        .. math::

           \ln p(v) \ge E_Q\Bigl[\sum_l \ln \frac{P(x_{l-1} \mid x_l)}
           {Q(x_l \mid x_{l-1})} - F_{top}\Bigr] - \ln Z_{top}

        (Salakhutdinov and Murray, ICML 2008, section 5).

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> dbn = rgdl.DBN((8, 2), rbm=rgdl.RBM(n_epochs=1, rng=1)).fit(s)
        >>> bool(dbn.log_likelihood_bound(s, rng=0).value < -4)
        True
        """
        check_is_fitted(self, "layers_")
        draws = _validate.count(draws, "draws")
        check_log_z(log_z)
        generator = np.random.default_rng(draw_key(rng).tolist())
        first = self.layers_[0]
        data = pack_units(X, first.units, "X")
        first._check_width(math.prod(data.row_shape))
        if log_z is None:
            log_z = self.layers_[-1].log_partition(rng=generator)
        bound, _ = likelihood_bound(
            self.layers_, first._unpack(data.bits), log_z, draws=draws, rng=generator
        )
        return bound

    def field_sizes(self, layer: int = -1, *, threshold: bool = False) -> FieldSizes:
        """Sizes of a layer's receptive fields on the torus.

        Parameters
        ----------
        layer : int, default -1
        threshold : bool, default False
            Keep only weights of at least half each field's largest.

        Returns
        -------
        rgdl.receptive.FieldSizes
            Participation ratio, rms radius, coverage.

        Raises
        ------
        ValueError
            When there is no such layer.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> dbn = rgdl.DBN((8, 2), rbm=rgdl.RBM(n_epochs=1, rng=1)).fit(s)
        >>> dbn.field_sizes(0).participation.shape
        (8,)
        """
        fields = self.receptive_fields(layer)
        return field_sizes(half_maximum(fields) if threshold else fields)

    def receptive_fields(self, layer: int = -1) -> npt.NDArray[Any]:
        r"""Effective receptive fields: product of the weight matrices up to a layer.

        Parameters
        ----------
        layer : int, default -1
            0 is the layer on the data; negative counts from the top.

        Returns
        -------
        ndarray, shape (layers[layer], \*lattice_shape_)
            :math:`r^{(0)} = W^{(0)}`, :math:`r^{(l)} = r^{(l-1)} W^{(l)}` (Mehta and
            Schwab, arXiv:1410.3831, Appendix B), one map per hidden unit.

        Raises
        ------
        ValueError
            When there is no such layer.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> rgdl.DBN((8, 2), rbm=rbm).fit(s).receptive_fields(0).shape
        (8, 4, 4)
        """
        depth = self._depth(layer)
        fields = self.layers_[0].W_
        for machine in self.layers_[1 : depth + 1]:
            fields = fields @ machine.W_
        return np.ascontiguousarray(fields.T).reshape(-1, *self.lattice_shape_)

    def as_transform(self, layer: int = -1) -> Compose:
        """Return the layers up to one of them as one coarse-graining.

        Parameters
        ----------
        layer : int, default -1
            0 is the layer on the data; negative counts from the top.

        Returns
        -------
        rgdl.rg.Compose
            Of the layers' `rgdl.rg.RBMTransform`: p(h|v) with the units in between
            drawn, or summed out where that is exact.

        Raises
        ------
        ValueError
            When there is no such layer.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rbm = rgdl.RBM(units="spin", n_epochs=1, rng=1)
        >>> dbn = rgdl.DBN((8, 2), rbm=rbm).fit(s)
        >>> dbn.as_transform(1).coarsen(s, rng=2).shape
        (200, 2)
        """
        machines = self.layers_[: self._depth(layer) + 1]
        return Compose(*(machine.as_transform() for machine in machines))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all layers, with the state of their training, to one .npz file.

        Parameters
        ----------
        path : path
            Replaced as a whole.

        Raises
        ------
        NotFittedError
            When there is nothing to save.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rgdl.DBN((8, 2), rbm=rgdl.RBM(n_epochs=1, rng=1)).fit(s).save("dbn.npz")
        >>> rgdl.DBN.load("dbn.npz").receptive_fields().shape
        (2, 4, 4)
        """
        check_is_fitted(self, "layers_")
        write_layers(self.layers_, path, self.key_)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that `save` wrote; nothing is executed.

        Parameters
        ----------
        path : path

        Returns
        -------
        DBN

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        FileFormatError
            When it is no such file, damaged, or of a newer version.

        Examples
        --------
        >>> import rgdl
        >>> s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 200, rng=0)
        >>> rgdl.DBN((8, 2), rbm=rgdl.RBM(n_epochs=1, rng=1)).fit(s).save("dbn.npz")
        >>> rgdl.DBN.load("dbn.npz").layers
        (8, 2)
        """
        layers, key = read_layers(path)
        first = layers[0]
        prototypes = [
            clone(layer).set_params(n_hidden=256, rng=key) for layer in layers
        ]
        same = len({repr(prototype.get_params()) for prototype in prototypes}) == 1
        sizes = tuple(layer.W_.shape[1] for layer in layers)
        dbn = cls(sizes, rbm=prototypes[0] if same else prototypes)
        dbn.key_ = key
        dbn.layers_ = layers
        dbn.lattice_shape_ = first.lattice_shape_
        dbn.n_features_in_ = first.n_features_in_
        return dbn
