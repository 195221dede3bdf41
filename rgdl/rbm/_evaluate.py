"""How good a machine is: likelihoods with errors, distance from a known model."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core, exact
from rgdl._progress import ProgressLike
from rgdl._rng import RngLike
from rgdl.ising import Ising
from rgdl.rbm._log_z import Floats, LogZ
from rgdl.rbm._moments import Parameters, free_energy
from rgdl.sampling import sample

__all__ = ["Measured", "dense_pseudo_likelihood", "kl_from", "pseudo_likelihood"]

_KL_SITES = 20
_BLOCK = 1 << 16
_PRODUCT = 1 << 22  # numbers at work at a time
_TAME = 8.0  # above this, 1 - t tanh(2 w) loses digits
_RUN = 32  # factors of one product


@dataclass(frozen=True)
class Measured:
    """A number with its standard error.

    Attributes
    ----------
    value, error : float
        In nats; error 0 where the value is exact to rounding, nan where it is unknown.
    reliable : bool
        False when an estimate that went into it is not, or the error is unknown.

    Examples
    --------
    >>> from rgdl.rbm import Measured
    >>> print(Measured(-4.5, 0.01, True))
    -4.5 +- 0.01
    """

    value: float
    error: float
    reliable: bool

    def __str__(self) -> str:
        doubt = "" if self.reliable else " (not reliable)"
        return f"{self.value:.6g} +- {self.error:.2g}{doubt}"


def pseudo_likelihood(
    v: npt.NDArray[Any], parameters: Parameters, spin: bool
) -> Floats:
    r"""Sum over all visible units of ln p(v_i | the others), per row.

    Flipping unit i changes F by :math:`\Delta_i = 2 b_i v_i - \sum_j
    \ln(\cosh 2W_{ij} - v_i \tanh x_j \sinh 2W_{ij})` (spin; likewise binary), a product
    over hidden units: no exponential is taken inside.
    """
    W, b, c = parameters.as_float64()
    largest = (2.0 if spin else 0.5) * float(np.abs(W).max())
    step = max(1, _PRODUCT // W.size)
    result = np.empty(len(v))
    for first in range(0, len(v), step):
        rows = v[first : first + step].astype(np.float64)
        change = -2 * rows if spin else 1 - 2 * rows
        x = rows @ W + c
        if largest <= _TAME:
            gain = _flip_products(rows, change, x, W, spin)  # of ln sum_h e^{-E}
        else:
            gain = _flip_logarithms(change, x, W, spin)
        result[first : first + step] = -np.logaddexp(0.0, gain + change * b).sum(axis=1)
    return result


def dense_pseudo_likelihood(
    v: npt.NDArray[Any], parameters: Parameters, spin: bool
) -> Floats:
    r"""Give the same for real-valued rows, taken as means of independent units.

    Unit i is on with probability q_i, and the others act through their means:
    :math:`\sum_i q_i \ln p(1 \mid v_{\setminus i}) + (1 - q_i) \ln p(low \mid
    v_{\setminus i})`.
    """
    W, b, c = parameters.as_float64()
    low = -1.0 if spin else 0.0
    step = max(1, _PRODUCT // W.size)
    result = np.empty(len(v))
    for first in range(0, len(v), step):
        rows = v[first : first + step].astype(np.float64)
        x = rows @ W + c
        gain = _flip_logarithms(1 - rows, x, W, spin) + (1 - low) * b
        gain -= _flip_logarithms(low - rows, x, W, spin)
        on = (rows - low) / (1 - low)
        terms = on * np.logaddexp(0.0, -gain) + (1 - on) * np.logaddexp(0.0, gain)
        result[first : first + step] = -terms.sum(axis=1)
    return result


def _flip_products(
    v: Floats, change: Floats, x: Floats, W: Floats, spin: bool
) -> Floats:
    """Change of the hidden units' part of -F when each visible unit flips."""
    gain = np.zeros_like(v)
    if spin:
        tanh, turn = np.tanh(x), np.tanh(2 * W)
        gain += np.log(np.cosh(2 * W)).sum(axis=1)
    else:
        on = 1 / (1 + np.exp(-x))
        up, down = np.expm1(W), np.expm1(-W)
    for first in range(0, W.shape[1], _RUN):
        part = slice(first, first + _RUN)
        if spin:
            factor = 1 - (v[:, :, None] * tanh[:, None, part]) * turn[:, part]
        else:
            step = np.where(change[:, :, None] > 0, up[:, part], down[:, part])
            factor = 1 + on[:, None, part] * step
        gain += np.log(factor.prod(axis=2))
    return gain


def _flip_logarithms(change: Floats, x: Floats, W: Floats, spin: bool) -> Floats:
    """Give the same for large weights, by differences of logarithms."""
    gain = np.zeros_like(change)
    for first in range(0, W.shape[1], _RUN):
        part = slice(first, first + _RUN)
        old = x[:, None, part]
        new = old + change[:, :, None] * W[:, part]
        if spin:
            gain += (np.logaddexp(new, -new) - np.logaddexp(old, -old)).sum(axis=2)
        else:
            gain += (np.logaddexp(new, 0.0) - np.logaddexp(old, 0.0)).sum(axis=2)
    return gain


def _exact_log_z(model: Ising) -> float:
    """Ln Z of a model that has a closed form or a transfer matrix."""
    if model._is_nearest_neighbour and model.ndim == 2 and model.h == 0:
        coupling, _ = model._plain("")
        return exact.kaufman((model.shape[0], model.shape[1]), coupling).log_z
    return exact.transfer_matrix(model).log_z


def kl_from(
    model: Ising,
    parameters: Parameters,
    spin: bool,
    log_z: LogZ,
    *,
    n_samples: int = 2000,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = False,
) -> Measured:
    r"""KL(P || p) of the machine's visible law p from the model's P.

    Enumerated to 20 sites; beyond, :math:`\langle F(v) - H(v) \rangle_P + \ln Z_{RBM} -
    \ln Z` over samples of the model, whose error joins that of ln Z.
    """
    wide = parameters.as_float64()
    W, b, c = wide
    n = model.n_sites
    if W.shape[0] != n:
        raise ValueError(f"model must have {W.shape[0]} sites, got {n}")
    low = -1 if spin else 0
    if n <= _KL_SITES:
        shift, weight, mean = -math.inf, 0.0, 0.0
        for first in range(0, 1 << n, _BLOCK):
            index = np.arange(first, min(first + _BLOCK, 1 << n))
            s = (2 * (index[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)
            h = model.hamiltonian(s.reshape(-1, *model.shape))
            f = _core.rbm_free_energies(W, b, c, spin, first, first + len(s), workers)
            top = max(shift, float(-h.min()))
            scale = math.exp(shift - top)
            p = np.exp(-h - top)
            weight = weight * scale + float(p.sum())
            mean = mean * scale + float((p * (f - h)).sum())
            shift = top
        value = mean / weight + log_z.value - (shift + math.log(weight))
        return Measured(max(value, 0.0), log_z.error, log_z.reliable)
    log_z_model = _exact_log_z(model)
    spins = sample(model, n_samples, rng=rng, workers=workers, progress=progress)
    flat = spins.reshape(n_samples, -1)
    units_v = flat if low == -1 else (flat + 1) // 2
    excess = free_energy(units_v, wide, spin) - model.hamiltonian(spins)
    error = float(excess.std(ddof=1)) / math.sqrt(n_samples)
    return Measured(
        float(excess.mean()) + log_z.value - log_z_model,
        math.hypot(error, log_z.error),
        log_z.reliable,
    )
