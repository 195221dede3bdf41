"""One translation-invariant filter as a coarse-graining, and its training."""

import functools
import math
from collections.abc import Mapping
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from rgdl import _core, _validate
from rgdl._rng import Key, RngLike, draw_key
from rgdl._states import Floats, as_spins
from rgdl.errors import ConvergenceError
from rgdl.rg._blocking import Blocking
from rgdl.rg._rows import pack_rows, unpack_rows

__all__ = ["FilterTransform", "filter_gradient", "train_filter"]

_CHUNK = 1 << 15  # entries of a work array: they stay in the cache


class FilterTransform(Blocking):
    r"""Block spins that follow a filter, the same everywhere on the lattice.

    .. math:: p(h_x|v) = \frac{1}{1 + e^{-2 h_x a_x}}, \quad
        a_x = c + \sum_d w_d v_{bx + d}

    Parameters
    ----------
    weights : array_like of float, one axis per lattice axis
        Filter w, periodic; wider than b it looks beyond its block, the same to both
        sides (to the right by one more where the widths differ by an odd number).
    bias : float, default 0
        c.
    b : int, default 2
        Length scale factor.
    history : mapping, optional
        Record of the training.

    Attributes
    ----------
    weights : ndarray of float64
    bias : float
    visible_bias : float
        That of the machine it was trained as; no part of p(h|v).
    history : dict

    Raises
    ------
    ValueError, TypeError
        For weights that are not finite or without 1 to 3 axes.

    Notes
    -----
    It is the layer of a Boltzmann machine whose weights are shared over the lattice; a
    2 x 2 filter of equal weights p is `Kadanoff(strength=p)`. Fields are summed in a
    fixed order and compared with logarithms of the package's own, so that the same key
    gives the same bits everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> rule = rgdl.rg.FilterTransform(np.full((2, 2), 0.5))
    >>> v = [[[1, 1], [1, -1]]]
    >>> same = rgdl.rg.Kadanoff(strength=0.5)
    >>> bool(np.isclose(rule.log_prob(v, [[[1]]]), same.log_prob(v, [[[1]]]))[0])
    True
    """

    def __init__(
        self,
        weights: npt.ArrayLike,
        bias: float = 0.0,
        b: SupportsIndex = 2,
        *,
        history: Mapping[str, Any] | None = None,
    ) -> None:
        self.weights = np.array(weights, dtype=np.float64)
        if not 1 <= self.weights.ndim <= 3 or not self.weights.size:
            raise ValueError(
                f"weights must have 1 to 3 axes, got shape {self.weights.shape}"
            )
        if not np.isfinite(self.weights).all():
            raise ValueError("weights must be finite, got NaN or infinity")
        self.bias = _validate.finite(bias, "bias")
        self.b = _validate.count(b, "b", least=2)
        self.visible_bias = 0.0
        self.history = dict(history or {})

    def __repr__(self) -> str:
        size = "x".join(map(str, self.weights.shape))
        return f"FilterTransform({size}, b={self.b})"

    def coarse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the lattice of blocks.

        Parameters
        ----------
        shape : tuple of int
            As many extents as the filter has axes.

        Returns
        -------
        tuple of int

        Raises
        ------
        ValueError
            When b does not divide every extent, or the filter has other axes.

        Examples
        --------
        >>> import numpy as np
        >>> import rgdl
        >>> rgdl.rg.FilterTransform(np.ones((4, 4))).coarse_shape((8, 8))
        (4, 4)
        """
        if len(shape) != self.weights.ndim:
            raise ValueError(
                f"the lattice must have {self.weights.ndim} axes as the filter has, "
                f"got shape {shape}"
            )
        return super().coarse_shape(shape)

    def coarsen(self, s: npt.ArrayLike, *, rng: RngLike = None) -> npt.NDArray[np.int8]:
        r"""Draw block spins for every configuration.

        Parameters
        ----------
        s : array_like, shape (n, \*lattice)
            Spins -1/+1.
        rng : None, int, SeedSequence, BitGenerator or Generator
            Keys the random stream; the first m of n configurations do not depend on n.

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
        >>> rule = rgdl.rg.FilterTransform(np.full((4, 4), 5.0))
        >>> bool((rule.coarsen(np.ones((2, 8, 8)), rng=0) == 1).all())
        True
        """
        fine = self._fine(s, "s")
        key, coarse = draw_key(rng), self.coarse_shape(fine.shape[1:])
        if len(coarse) == 2:
            bits = self._coarsen_rows(pack_rows(fine), fine.shape[2], key)
            return unpack_rows(bits, coarse[1])
        return _signs(self._field(fine), key, 0).reshape(len(fine), *coarse)

    def _coarsen_rows(
        self, bits: npt.NDArray[np.uint64], width: int, key: Key
    ) -> npt.NDArray[np.uint64]:
        if self.weights.ndim != 2:
            return super()._coarsen_rows(bits, width, key)
        shape = bits.shape[1], width
        self.coarse_shape(shape)
        first = [
            _first(extent, self.b) % sites
            for extent, sites in zip(self.weights.shape, shape, strict=True)
        ]
        return _core.filter_rows(
            bits, width, self.b, self.weights, (first[0], first[1]), self.bias, key
        )

    def log_probabilities(self, v: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Logarithms of p(h_j up|v) and p(h_j down|v), see `Transform`."""
        spins = self._fine(v, "v")
        gap = 2.0 * self._field(spins)
        return -np.logaddexp(0.0, -gap), -np.logaddexp(0.0, gap)

    def _field(self, spins: npt.NDArray[Any]) -> Floats:
        shape = spins.shape[1:]
        first = [_first(width, self.b) for width in self.weights.shape]
        around = [
            (max(-at, 0), max(at + width - self.b, 0))
            for at, width in zip(first, self.weights.shape, strict=True)
        ]
        padded = np.pad(spins, [(0, 0), *around], mode="wrap")
        field = np.full((len(spins), *self.coarse_shape(shape)), self.bias)
        # in the order of the sums of `_field`
        places = np.indices(self.weights.shape).reshape(self.weights.ndim, -1).T
        rows = max(1, _CHUNK // max(field[:1].size, 1))
        for begin in range(0, len(spins), rows):
            part = slice(begin, begin + rows)
            for place, weight in zip(places, self.weights.flat, strict=True):
                window = tuple(
                    slice(max(at, 0) + step, max(at, 0) + step + extent, self.b)
                    for at, step, extent in zip(first, place, shape, strict=True)
                )
                field[part] += weight * padded[part, *window]
        return field.reshape(len(spins), math.prod(field.shape[1:]))


def _first(width: int, b: int) -> int:
    """Offset of the filter's first weight from the block's first site."""
    return -((width - b) // 2)


@functools.lru_cache(maxsize=16)
def _sites(
    shape: tuple[int, ...], widths: tuple[int, ...], b: int
) -> npt.NDArray[np.int64]:
    """Fine site bx + d for every weight d and coarse site x, (n_weights, n_coarse)."""
    steps = np.indices(widths).reshape(len(widths), -1)
    steps += np.array([_first(width, b) for width in widths])[:, None]
    coarse = tuple(extent // b for extent in shape)
    blocks = b * np.indices(coarse).reshape(len(shape), -1)
    sites = (steps[:, :, None] + blocks[:, None, :]) % np.array(shape)[:, None, None]
    return np.asarray(np.ravel_multi_index(tuple(sites), shape))


def _views(v: npt.NDArray[Any], widths: tuple[int, ...], b: int) -> npt.NDArray[Any]:
    """v_{bx + d} for every weight d, shape (n_weights, n, n_coarse)."""
    flat = v.reshape(len(v), math.prod(v.shape[1:]))
    sites = _sites(v.shape[1:], widths, b)
    return np.ascontiguousarray(np.moveaxis(flat[:, sites], 1, 0))


def _field(views: npt.NDArray[Any], weights: Floats, bias: float) -> Floats:
    """Fields of the coarse spins, (n, n_coarse), the terms added in order."""
    field = np.full(views.shape[1:], bias)
    for weight, view in zip(weights.ravel(), views, strict=True):
        field += weight * view
    return field


def _back(
    h: npt.NDArray[Any], shape: tuple[int, ...], weights: Floats, bias: float, b: int
) -> Floats:
    """Fields of the fine spins given the coarse ones: the transposed filter."""
    field = np.full((len(h), int(np.prod(shape))), bias)
    for weight, sites in zip(
        weights.ravel(), _sites(shape, weights.shape, b), strict=True
    ):
        field[:, sites] += weight * h
    return field


def _signs(field: Floats, key: Key, index: int) -> npt.NDArray[np.int8]:
    """+1 with probability 1/(1 + e^{-2 field}): where field > ln(u/(1-u))/2."""
    words = _core.stream_planes(key, _core.PURPOSE_COARSEN, index, -(-field.size // 8))
    drawn, fields = words.reshape(-1), field.reshape(-1)
    signs = np.empty(field.size, dtype=np.int8)
    for begin in range(0, field.size, _CHUNK):
        part = slice(begin, min(begin + _CHUNK, field.size))
        u: Floats = ((drawn[part] >> np.uint64(12)) + 0.5) * np.float64(2.0**-52)
        threshold = 0.5 * (_core.logarithm(u) - _core.logarithm(1.0 - u))
        signs[part] = np.where(fields[part] > threshold, 1, -1)
    return signs.reshape(field.shape)


def filter_gradient(
    v: npt.ArrayLike, weights: npt.ArrayLike, bias: float = 0.0, b: SupportsIndex = 2
) -> tuple[Floats, float]:
    r"""Half of a filter machine's gradient: derivative of <-F(v)> over rows.

    Parameters
    ----------
    v : array_like, shape (n, \*lattice)
        Spins -1/+1.
    weights, bias, b
        As for `FilterTransform`.

    Returns
    -------
    weights : ndarray of float64
        :math:`\sum_x \langle v_{bx+d} \tanh a_x \rangle`.
    bias : float
        :math:`\sum_x \langle \tanh a_x \rangle`.

    Raises
    ------
    ValueError
        For data that are not spins, no rows, or extents that b does not divide.

    Notes
    -----
    :math:`-F(v) = a \sum_i v_i + \sum_x \ln 2\cosh a_x`. The gradient of the
    log-likelihood is the difference between data and model.

    Examples
    --------
    >>> import numpy as np
    >>> import rgdl
    >>> rgdl.rg.filter_gradient(np.ones((1, 4)), np.zeros(2))
    (array([0., 0.]), 0.0)
    """
    rule = FilterTransform(weights, bias, b)
    spins = _some(rule._fine(v, "v"), "v")
    return _phase(spins, rule.weights, rule.bias, rule.b)


def _some(spins: npt.NDArray[np.int8], name: str) -> npt.NDArray[np.int8]:
    if not spins.ndim or not len(spins):
        raise ValueError(f"{name} must hold at least one configuration, got none")
    return spins


def _phase(
    v: npt.NDArray[Any], weights: Floats, bias: float, b: int
) -> tuple[Floats, float]:
    views = _views(v, weights.shape, b)
    h = np.tanh(_field(views, weights, bias))
    slopes = np.einsum("nx,dnx->d", h, views) / len(v)
    return slopes.reshape(weights.shape), float(h.sum()) / len(v)


def train_filter(
    s: npt.ArrayLike,
    *,
    b: SupportsIndex = 2,
    width: SupportsIndex | None = None,
    biases: bool = False,
    n_epochs: SupportsIndex = 20,
    batch_size: SupportsIndex = 100,
    learning_rate: float = 0.05,
    k: SupportsIndex = 1,
    rng: RngLike = None,
) -> FilterTransform:
    r"""Train one filter as a Boltzmann machine with shared weights.

    Parameters
    ----------
    s : array_like, shape (n, \*lattice)
        Configurations, spins -1/+1.
    b : int, default 2
        Length scale factor: one hidden spin per block.
    width : int, optional
        Extent of the filter along every axis; by default 2 b, so that neighbouring
        filters overlap. With width = b the blocks of the machine are independent.
    biases : bool, default False
        Train c and the visible bias as well; 0 otherwise, as for models without field.
    n_epochs, batch_size : int
        Passes over the data, and rows per step.
    learning_rate : float, default 0.05
        Step along the gradient per site; it falls linearly to 0.
    k : int, default 1
        Gibbs steps of the persistent chains per update.
    rng : None, int, SeedSequence, BitGenerator or Generator

    Returns
    -------
    FilterTransform
        ``history["rms_gradient"]`` has one value per epoch.

    Raises
    ------
    ValueError, TypeError
        For data that are not spins, no rows or parameters outside their range.
    ConvergenceError
        When weights run away.

    Notes
    -----
    Maximum likelihood of :math:`e^{-E} = \exp[a\sum v + \sum_x h_x(c + \sum_d w_d
    v_{bx+d})]` by persistent contrastive divergence (Tieleman 2008), batch_size chains.
    A filter and its negative are the same machine: the sign is chosen so that the sum
    of the weights is not negative.

    Examples
    --------
    >>> import rgdl
    >>> s = rgdl.sample(rgdl.Ising((8, 8), K=0.4), 500, rng=0)
    >>> rule = rgdl.rg.train_filter(s, n_epochs=3, rng=1)
    >>> rule, rule.coarsen(s, rng=2).shape
    (FilterTransform(4x4, b=2), (500, 4, 4))
    """
    spins = _some(as_spins(s, "s"), "s")
    b = _validate.count(b, "b", least=2)
    width = 2 * b if width is None else _validate.count(width, "width")
    n_epochs = _validate.count(n_epochs, "n_epochs")
    batch = min(_validate.count(batch_size, "batch_size"), len(spins))
    k = _validate.count(k, "k")
    rate = _validate.finite(learning_rate, "learning_rate")
    if rate <= 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
    key = draw_key(rng)
    ndim = spins.ndim - 1
    start = _core.normals(key, _core.PURPOSE_RBM_WEIGHTS, 0, width ** max(ndim, 1))
    rule = FilterTransform(0.01 * start.reshape((width,) * max(ndim, 1)), 0.0, b)
    spins = rule._fine(spins, "s")
    shape = spins.shape[1:]
    n_blocks = int(np.prod(rule.coarse_shape(shape)))
    weights, bias, visible = rule.weights, 0.0, 0.0
    order = _core.permutation(key, _core.PURPOSE_RBM_SHUFFLE, 0, len(spins))
    chains = spins[order[:batch]]
    steps, step, history = len(spins) // batch, 0, []
    for epoch in range(n_epochs):
        order = _core.permutation(key, _core.PURPOSE_RBM_SHUFFLE, epoch + 1, len(spins))
        total = 0.0
        for i in range(steps):
            data = spins[order[i * batch : (i + 1) * batch]]
            for _ in range(k):
                field = _field(_views(chains, weights.shape, b), weights, bias)
                h = _signs(field, key, 2 * step + 1)
                back = _back(h, shape, weights, visible, b)
                chains = _signs(back, key, 2 * step + 2).reshape(-1, *shape)
                step += 1
            data_w, data_c = _phase(data, weights, bias, b)
            model_w, model_c = _phase(chains, weights, bias, b)
            slope = (data_w - model_w) / n_blocks
            now = rate * (1 - (epoch * steps + i) / (n_epochs * steps))
            weights = weights + now * slope
            if biases:
                bias += now * (data_c - model_c) / n_blocks
                visible += now * float(data.mean() - chains.mean())
            total += float(np.mean(slope**2))
        if not np.isfinite(weights).all() or np.abs(weights).max() > 50:
            raise ConvergenceError(
                f"weights ran away in epoch {epoch}: lower learning_rate={rate}"
            )
        history.append(float(np.sqrt(total / steps)))
    sign = -1.0 if weights.sum() < 0 else 1.0
    result = FilterTransform(
        sign * weights, sign * bias, b, history={"rms_gradient": history}
    )
    result.visible_bias = visible
    return result
