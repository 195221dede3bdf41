"""Variational bound on the likelihood of a stack of Boltzmann machines."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from rgdl import _core
from rgdl._rng import RngLike, draw_key
from rgdl.rbm._evaluate import Measured
from rgdl.rbm._log_z import LogZ
from rgdl.rbm._machine import RBM

__all__ = ["likelihood_bound"]

Floats = npt.NDArray[np.float64]


def _log_prob(x: Floats, inputs: Floats, units: str) -> Floats:
    """Ln of the product of Bernoulli probabilities of rows x with given inputs."""
    none = np.zeros(inputs.shape[1])
    soft = _core.unit_sums(np.ascontiguousarray(inputs.T), none, units == "spin")
    return np.asarray(np.einsum("ij,ij->i", x, inputs) - soft)


def _up(layer: RBM, v: Floats) -> Floats:
    return np.asarray(v @ layer.W_.astype(np.float64) + layer.c_)


def _down(layer: RBM, h: Floats) -> Floats:
    return np.asarray(h @ layer.W_.T.astype(np.float64) + layer.b_)


def likelihood_bound(
    layers: Sequence[RBM],
    rows: npt.NDArray[Any],
    log_z: LogZ,
    *,
    draws: int,
    rng: RngLike,
) -> tuple[Measured, Floats]:
    r"""Lower bound on ln p(v) of a belief network, with the top machine's ln Z.

    .. math::

       \ln p(v) \ge E_Q\Bigl[\sum_{l=1}^{L-1} \ln \frac{P(x_{l-1} \mid x_l)}
       {Q(x_l \mid x_{l-1})} - F_{top}(x_{L-1})\Bigr] - \ln Z_{top}, \qquad x_0 = v

    with Q the upward conditionals (Salakhutdinov and Murray, ICML 2008, section 5). The
    mean over `draws` upward passes is an unbiased estimate of the right side.
    """
    generator = np.random.default_rng(draw_key(rng).tolist())
    units = layers[0].units
    total = np.zeros(len(rows))
    passes = np.empty(draws)
    for draw in range(draws):
        x = rows.astype(np.float64)
        bound = np.zeros(len(rows))
        for layer in layers[:-1]:
            inputs = _up(layer, x)
            on = expit(2 * inputs if units == "spin" else inputs)
            up = generator.random(on.shape) < on
            above = np.where(up, 1.0, -1.0 if units == "spin" else 0.0)
            bound += _log_prob(x, _down(layer, above), units)
            bound -= _log_prob(above, inputs, units)
            x = above
        kind = np.int8 if units == "spin" else np.uint8
        bound -= layers[-1].free_energy(x.astype(kind))
        total += bound
        passes[draw] = bound.mean()
    per_row = total / draws - log_z.value
    spread = float(passes.std(ddof=1)) / math.sqrt(draws) if draws > 1 else math.nan
    error = math.hypot(spread if len(layers) > 1 else 0.0, log_z.error)
    reliable = log_z.reliable and math.isfinite(error)
    return Measured(float(per_row.mean()), error, reliable), per_row
