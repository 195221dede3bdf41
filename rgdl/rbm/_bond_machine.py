"""Machines whose visible layer is exactly an Ising model: one hidden unit per bond."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl.ising import Ising

__all__ = ["bond_machine"]

Floats = npt.NDArray[np.float64]


def bond_machine(model: Ising) -> tuple[Floats, Floats, Floats]:
    r"""W, b and c of the machine that sums to `model`.

    :math:`e^{K s s'} = \tfrac12 e^{-|K|} \sum_h e^{w h (s + \sigma s')}` with
    :math:`\cosh 2w = e^{2|K|}` and :math:`\sigma` the sign of K.
    """
    if not isinstance(model, Ising):
        raise TypeError(f"model must be a rgdl.Ising, got {type(model).__name__}")
    bias = np.array(np.broadcast_to(model.h, model.shape), dtype=np.float64).ravel()
    if model._is_torus:
        first, second = _torus_bonds(model.shape)
        assert model.K is not None
        strength = np.full(len(first), model.K)
    else:
        first, second, strength, bias = _pairs(model)
    size = np.abs(strength)
    # arccosh(e^2K) / 2 in a form that neither cancels nor overflows
    weight = size + 0.5 * np.log1p(np.sqrt(-np.expm1(-4 * size)))
    W = np.zeros((model.n_sites, len(first)))
    unit = np.arange(len(first))
    W[first, unit] += weight
    W[second, unit] += np.copysign(weight, strength)
    return W, bias, np.zeros(len(first))


def _torus_bonds(shape: tuple[int, ...]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """List both ends of every bond, by axis, then by the site it goes forward from."""
    sites = np.arange(math.prod(shape)).reshape(shape)
    forward = [np.roll(sites, -1, axis).ravel() for axis in range(len(shape))]
    return np.tile(sites.ravel(), len(shape)), np.concatenate(forward)


def _pairs(
    model: Ising,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Floats, Floats]:
    """List ends and strengths of the pair terms, and the whole field of every site."""
    terms = model._terms()
    starts = terms.starts.astype(np.int64)
    order = np.diff(starts)
    if order.size and order.max() > 2:
        raise ValueError(
            "from_ising needs a model of pairs and fields, got a product of "
            f"{order.max()} spins: {model!r}"
        )
    strength = terms.scale * terms.relative
    bias = terms.h.astype(np.float64).copy()
    single = order == 1
    np.add.at(bias, terms.sites[starts[:-1][single]], strength[single])
    pair = (order == 2) & (strength != 0)
    if not pair.any():
        raise ValueError(f"from_ising needs a model with bonds, got {model!r}")
    at = starts[:-1][pair]
    return terms.sites[at], terms.sites[at + 1], strength[pair], bias
