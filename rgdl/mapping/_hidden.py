"""The law of hidden units on samples of the visible ones, with errors."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from rgdl import _core
from rgdl._states import Floats, log_sum_exp
from rgdl.couplings import Couplings
from rgdl.rg import RBMTransform
from rgdl.rg._push import push_forward

__all__ = ["HiddenLaw", "hidden_law", "machine_law"]

_LEAST = 1e-6  # of a hidden state's weight must be left without any one block


class HiddenLaw(NamedTuple):
    """What samples say of the hidden units; errors are standard errors."""

    h_push: Couplings | None
    reason: str
    kl_push: float | None
    kl_push_error: float | None
    gap: float | None  # KL of the visible units less KL of the hidden ones
    gap_error: float | None


class _Sampled(Couplings):
    """Couplings of single site sets with standard errors."""

    def __init__(self, coefficients: Floats, errors: Floats) -> None:
        super().__init__(coefficients)
        by_orbit = np.empty_like(errors)
        by_orbit[self._orbit] = errors
        self.errors = by_orbit[1:]

    def _scatter(self) -> tuple[str, Floats | None]:
        return "error", self.errors


def machine_law(parameters: tuple[Floats, Floats, Floats], spin_units: bool) -> Floats:
    """-H_RG[h] of all hidden states: the visible units summed out in closed form."""
    weights, visible_bias, hidden_bias = parameters
    return -_core.rbm_free_energies(
        np.ascontiguousarray(weights.T),
        hidden_bias,
        visible_bias,
        spin_units,
        0,
        1 << weights.shape[1],
        1,
    )


def hidden_law(
    layer: RBMTransform,
    units: Floats,
    log_z_v: float | None,
    *,
    blocks: int,
    minus_h_model: Floats | None = None,
    kl_without: Floats | None = None,
) -> HiddenLaw:
    r"""Estimate -H_push[h] = ln <p(h|v)>_P + ln Z_data on samples.

    Errors are of the jackknife over blocks of rows, which also takes out the bias of
    order 1/n that a logarithm of a mean has. `kl_without` holds KL(P || p_RBM) without
    each block. Without ln Z_data the constant is that of a law with Z = 1.
    """
    n_hidden = layer.rbm.W_.shape[1]
    parts = np.array_split(np.arange(len(units)), blocks)
    sums = np.array(
        [
            np.exp(push_forward(np.zeros(len(rows)), _of(layer, units[rows]), n_hidden))
            for rows in parts
        ]
    )
    total = sums.sum(axis=0)
    h_push = None
    reason = "one block of samples holds all the weight of some hidden state"
    if (total - sums.max(axis=0) > _LEAST * total).all() and (total > 0).all():
        coefficients, errors = _jackknife(_coefficients, total, sums)
        coefficients[0] += log_z_v or 0.0
        h_push, reason = _Sampled(coefficients, errors), ""
    if minus_h_model is None:
        return HiddenLaw(h_push, reason, None, None, None, None)
    log_law = minus_h_model - log_sum_exp(minus_h_model)

    def divergence(table: Floats) -> Floats:
        law = table / table.sum()
        return np.array([np.sum(xlogy(law, law) - law * log_law)])

    kl, kl_error = (float(x[0]) for x in _jackknife(divergence, total, sums))
    if kl_without is None:
        return HiddenLaw(h_push, reason, kl, kl_error, None, None)
    without = np.array([divergence(_without(total, block))[0] for block in sums])
    gaps = kl_without - without
    error = math.sqrt((blocks - 1) * float(gaps.var()))
    return HiddenLaw(h_push, reason, kl, kl_error, float(kl_without.mean()) - kl, error)


def _of(
    layer: RBMTransform, units: Floats
) -> Callable[[int, int], tuple[Floats, Floats]]:
    return lambda start, stop: layer.log_probabilities(units[start:stop])


def _without(total: Floats, block: Floats) -> Floats:
    return np.asarray(np.maximum(total - block, 0.0))


def _coefficients(table: Floats) -> Floats:
    """Walsh-Hadamard coefficients of the logarithm of a normalised table."""
    result: Floats = np.log(table / table.sum())
    _core.walsh_hadamard(result)
    return result


def _jackknife(
    function: Callable[[Floats], Floats], total: Floats, sums: Floats
) -> tuple[Floats, Floats]:
    """Value without its bias of first order, and its error, over left-out blocks."""
    whole = function(total)
    first, second = np.zeros_like(whole), np.zeros_like(whole)
    for block in sums:
        change = function(_without(total, block)) - whole
        first += change / len(sums)
        second += change**2 / len(sums)
    others = len(sums) - 1
    error = np.sqrt(others * np.maximum(second - first**2, 0.0))
    return whole - others * first, error
