r"""Moments <v>, <h> and <v h> under data, chains and the exact machine, in float64.

Their differences are the gradient of the log-likelihood. The products go to BLAS.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from rgdl import _core
from rgdl._blas import matmul

__all__ = [
    "Moments",
    "Parameters",
    "data_moments",
    "exact_moments",
    "free_energy",
    "state_values",
    "unit_means",
]

Floats = npt.NDArray[np.float64]

_CHUNK = 2048  # rows or states at once: their inputs stay in the second-level cache


class Parameters(NamedTuple):
    """W (n_visible, n_hidden), b and c of a machine, all of one dtype."""

    W: npt.NDArray[Any]
    b: npt.NDArray[Any]
    c: npt.NDArray[Any]

    def as_float64(self) -> "Parameters":
        """Return the same in float64."""
        return Parameters(
            *(np.ascontiguousarray(array, dtype=np.float64) for array in self)
        )


class Moments(NamedTuple):
    """<v h> (n_visible, n_hidden), <v> and <h>, laid out as the parameters are."""

    vh: Floats
    v: Floats
    h: Floats

    def minus(self, other: "Moments") -> "Moments":
        """Difference of the two; its vh takes the place of this one's."""
        vh = np.subtract(self.vh, other.vh, out=self.vh)
        return Moments(vh, self.v - other.v, self.h - other.h)


def unit_means(inputs: npt.NDArray[Any], spin: bool) -> npt.NDArray[Any]:
    """Mean of units with these inputs: tanh x (spin) or 1 / (1 + e^-x) (binary)."""
    means: npt.NDArray[Any] = np.tanh(inputs) if spin else expit(inputs)
    return means


def free_energy(
    v: npt.NDArray[Any], parameters: Parameters, spin: bool
) -> npt.NDArray[Any]:
    """F(v) = -b v - sum_j ln sum_h exp(h (c + v W)_j), in the parameters' dtype."""
    W, b, c = parameters
    rows = np.ascontiguousarray(v, dtype=W.dtype)
    inputs = matmul(rows, W) + c
    other = -inputs if spin else inputs.dtype.type(0)
    soft = np.logaddexp(inputs, other).sum(axis=1)
    return np.asarray(-(rows @ b) - soft)


def data_moments(
    rows: npt.NDArray[Any],
    weights: Floats | None,
    parameters: Parameters,
    spin: bool,
) -> tuple[Moments, float]:
    """Weighted moments of rows with h at its conditional mean, and their mean F."""
    W, b, c = parameters
    vh, v, h = np.empty_like(W), np.zeros_like(b), np.zeros_like(c)
    total = float(len(rows) if weights is None else weights.sum())
    soft = 0.0
    for first in range(0, len(rows), _CHUNK):
        part = np.ascontiguousarray(rows[first : first + _CHUNK], dtype=np.float64)
        inputs = matmul(W, part, transpose_a=True, transpose_b=True)
        sums, means = _core.unit_sums(inputs, c, spin), inputs
        if weights is None:
            soft += float(sums.sum()) / total
            v += part.sum(axis=0) / total
            means /= total
        else:
            share = weights[first : first + _CHUNK] / total
            soft += float(share @ sums)
            v += share @ part
            means *= share
        h += means.sum(axis=1)
        matmul(part, means, transpose_a=True, transpose_b=True, out=vh, add=first > 0)
    return Moments(vh, v, h), float(-(b @ v) - soft)


def state_values(n: int, first: int, stop: int, spin: bool) -> Floats:
    """Rows `first` to `stop` of the 2^n states of n units; unit i is bit i."""
    words = np.arange(first, stop, dtype=np.uint64)[:, None]
    bits = (words >> np.arange(n, dtype=np.uint64)) & np.uint64(1)
    values = bits.astype(np.float64)
    return np.asarray(2.0 * values - 1.0) if spin else values


def _blocks(n: int, spin: bool) -> Iterator[tuple[int, Floats]]:
    block = min(1 << n, _CHUNK)
    for first in range(0, 1 << n, block):
        yield first, state_values(n, first, first + block, spin)


def exact_moments(parameters: Parameters, spin: bool) -> tuple[Moments, float]:
    """Moments of the machine itself, by all states of its smaller layer, and ln Z."""
    W, b, c = parameters
    if W.shape[0] > W.shape[1]:  # walk over the hidden layer
        flipped, log_z = exact_moments(
            Parameters(np.ascontiguousarray(W.T), c, b), spin
        )
        return Moments(flipped.vh.T.copy(), flipped.h, flipped.v), log_z
    # blocks are rescaled whenever a larger weight turns up
    top = -np.inf
    vh, v, h, total = np.zeros_like(W), np.zeros_like(b), np.zeros_like(c), 0.0
    for _, states in _blocks(len(b), spin):
        inputs = matmul(W, states, transpose_a=True, transpose_b=True)
        soft, means = _core.unit_sums(inputs, c, spin), inputs
        log_p = soft + states @ b
        highest = float(log_p.max())
        if highest > top:
            shrink = float(np.exp(top - highest))
            top = highest
            for sums in (vh, v, h):
                sums *= shrink
            total *= shrink
        p = np.exp(log_p - top)
        total += float(p.sum())
        v += p @ states
        means *= p
        h += means.sum(axis=1)
        matmul(states, means, transpose_a=True, transpose_b=True, out=vh, add=True)
    return Moments(vh / total, v / total, h / total), top + float(np.log(total))


def bits_values(
    bits: npt.NDArray[np.uint64], n: int, spin: bool
) -> npt.NDArray[np.int8]:
    """Units of packed rows: -1/+1 or 0/1."""
    return _core.unpack(np.ascontiguousarray(bits), n, -1 if spin else 0)
