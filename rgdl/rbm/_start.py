"""Where training starts: weights, biases and chains (Hinton's practical guide, 8)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._rng import Key
from rgdl.rbm._data import Rows
from rgdl.rbm._moments import Parameters

__all__ = ["first_parameters", "random_bits", "unit_counts", "visible_means"]

_CHUNK = 2048


def random_bits(key: Key, n_rows: int, n_units: int) -> npt.NDArray[np.uint64]:
    """Packed rows of fair units."""
    words = -(-n_units // 64)
    planes = _core.stream_planes(
        key, _core.PURPOSE_RBM_CHAINS, 0, -(-n_rows * words // 8)
    )
    bits = planes.ravel()[: n_rows * words].reshape(n_rows, words).copy()
    if n_units % 64:
        bits[:, -1] &= np.uint64((1 << (n_units % 64)) - 1)
    return bits


def unit_counts(
    rows: Rows, n_visible: int
) -> tuple[npt.NDArray[np.float64], float, int]:
    """Weighted sum of the units as 0..1, the sum of weights, units that never vary."""
    bits, values, weights = rows.bits, rows.values, rows.weights
    counts = np.zeros(n_visible)
    if bits is None:
        assert values is not None
        total = float(len(rows) if weights is None else weights.sum())
        sums = (
            values.sum(axis=0, dtype=np.float64)
            if weights is None
            else weights @ values
        )
        return sums, total, int((np.ptp(values, axis=0) == 0).sum())
    plain = np.zeros(n_visible, dtype=np.int64)
    for first in range(0, len(rows), _CHUNK):
        part = _core.unpack(
            np.ascontiguousarray(bits[first : first + _CHUNK]), n_visible, 0
        )
        plain += part.sum(axis=0, dtype=np.int64)
        if weights is not None:
            counts += weights[first : first + _CHUNK] @ part
    constant = int((plain % len(rows) == 0).sum())
    if weights is None:
        return plain.astype(np.float64), float(len(rows)), constant
    return counts, float(weights.sum()), constant


def visible_means(rows: Rows, n_visible: int, spin: bool) -> npt.NDArray[np.float64]:
    """Weighted means of the visible units."""
    sums, total, _ = unit_counts(rows, n_visible)
    if rows.bits is None or not spin:
        return sums / total
    return 2.0 * (sums / total) - 1.0


def first_parameters(
    rows: Rows,
    n_visible: int,
    n_hidden: int,
    *,
    spin: bool,
    weight_scale: float,
    marginals: bool,
    dtype: str,
    key: Key,
) -> tuple[Parameters, int]:
    """W ~ N(0, weight_scale^2), c = 0, b from the data; and units that never vary.

    b is the logit of Laplace's rule (count + 1) / (n + 2), which keeps constant units
    finite, in binary units, and 0 in spin units.
    """
    normals = _core.normals(key, _core.PURPOSE_RBM_WEIGHTS, 0, n_visible * n_hidden)
    W: npt.NDArray[Any] = (weight_scale * normals).reshape(n_visible, n_hidden)
    sums, total, constant = unit_counts(rows, n_visible)
    b = np.zeros(n_visible)
    if marginals and not spin:
        on = (np.clip(sums, 0.0, total) + 1.0) / (total + 2.0)
        b = _core.logarithm(on / (1.0 - on))
    real = np.dtype(dtype)
    c = np.zeros(n_hidden, real)
    return Parameters(W.astype(real), b.astype(real), c), constant
