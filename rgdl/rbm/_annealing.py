"""Estimates of ln Z by annealing: importance sampling both ways, integration."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from rgdl import _core
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.rbm._log_z import (
    Floats,
    LogZ,
    effective_number,
    judge,
    mean_of_exponentials,
)
from rgdl.rbm._moments import Parameters

__all__ = [
    "anneal",
    "annealed_log_z",
    "annealed_states",
    "base_bias",
    "base_states",
    "bennett",
    "integrated_log_z",
]

Bits = npt.NDArray[np.uint64]

_MOST_BIAS = 8.0  # of a base that samples vouch for
_BLIND_BIAS = 0.5  # of any other, in spin units
_PILOT_NODES, _PILOT_STEPS, _PILOT_CHAINS = 17, 16, 32


def base_bias(
    parameters: Parameters, spin: bool, samples: npt.NDArray[Any] | None = None
) -> Floats:
    r"""Biases of the independent units that annealing starts from.

    From the means of `samples`, each shrunk by two standard errors and so 0 where the
    sample shows none. Without samples the machine's own biases, at most 1/2 in spin
    units. Any choice is right, a nearer one needs fewer temperatures; but a guess that
    is sure of the wrong state starts every chain in one mode of the machine, and none
    of them knows of the others.
    """
    W, b, _ = parameters.as_float64()
    unit = 1.0 if spin else 2.0
    if samples is None:
        bias = b if spin else b + W.sum(axis=1) / 2  # of the spin 2 v - 1
        return np.asarray(np.clip(bias, -_BLIND_BIAS * unit, _BLIND_BIAS * unit))
    n = len(samples)
    mean = samples.reshape(n, -1).mean(axis=0, dtype=np.float64)
    mean = mean if spin else 2 * mean - 1
    mean = np.sign(mean) * np.maximum(np.abs(mean) - 2 / math.sqrt(n), 0)
    bias = np.arctanh(mean * (n / (n + 1))) * unit
    return np.asarray(np.clip(bias, -_MOST_BIAS, _MOST_BIAS))


def _base_log_z(bias: Floats, n_hidden: int, spin: bool) -> float:
    low = -bias if spin else np.zeros_like(bias)
    return math.fsum(np.logaddexp(bias, low)) + n_hidden * math.log(2.0)


def anneal(
    parameters: Parameters,
    spin: bool,
    base: Floats,
    betas: Floats,
    visible: Bits,
    key: Key,
    *,
    record: bool = False,
    workers: int = 1,
    progress: ProgressLike = False,
) -> tuple[Floats, Bits, Floats | None]:
    """Log weights, last states and (betas, chains) slopes of chains through `betas`.

    The contract of ``rg_ais_t`` in csrc/core/rg_ais.h; `visible` is not modified.
    """
    W, b, c = parameters
    log_weight = np.zeros(len(visible))
    slope = np.empty((len(betas), len(visible))) if record else None
    states = visible.copy()
    with Progress("annealing", progress) as update:
        _core.rbm_anneal(
            W,
            np.ascontiguousarray(W.T),
            b,
            c,
            base.astype(W.dtype),
            spin,
            np.ascontiguousarray(betas, dtype=np.float64),
            states,
            log_weight,
            slope,
            key,
            workers,
            update,
        )
    return log_weight, states, slope


def base_states(base: Floats, spin: bool, n_chains: int, key: Key) -> Bits:
    """Draw the chains' start: independent visible units with the base's biases."""
    mean_on = expit(2 * base if spin else base)
    uniform = np.random.default_rng(key.tolist()).random((n_chains, len(base)))
    return _core.pack((uniform < mean_on).astype(np.int8), 0)


def bennett(forward: Floats, reverse: Floats) -> tuple[float, float, float]:
    r"""Ln(Z_1 / Z_0), its error and the effective number, from log weights both ways.

    The acceptance ratio of Bennett (J. Comput. Phys. 22, 245 (1976), eqs. 10-12): the
    root D of :math:`\sum_f \sigma(w - D - M) = \sum_r \sigma(u + D + M)` with
    :math:`M = \ln(n_f / n_r)`, the combination of both of least variance.
    """
    shift = math.log(len(forward) / len(reverse))

    def excess(d: float) -> float:
        return float(
            expit(forward - d - shift).sum() - expit(reverse + d + shift).sum()
        )

    ends = np.concatenate([forward, -reverse])
    reach = 50.0 + abs(shift) + math.log(len(ends))
    low, high = float(ends.min()) - reach, float(ends.max()) + reach
    value = float(brentq(excess, low, high, xtol=1e-12, rtol=1e-15))
    parts = (expit(forward - value - shift), expit(reverse + value + shift))
    ess = min(effective_number(part) for part in parts)
    variance = sum(1 / effective_number(part) - 1 / len(part) for part in parts)
    return value, math.sqrt(max(variance, 0.0)), ess


def _schedule(
    parameters: Parameters, spin: bool, base: Floats, n_betas: int, key: Key
) -> Floats:
    """Temperatures from 0 to 1, denser where chains vary more and relax more slowly.

    Work is wasted least at constant thermodynamic speed (Sivak and Crooks, PRL 108,
    190602 (2012)): a density as the root of the friction, the variance times the
    correlation time of d ln f_t / dt. A pilot with its own key measures that root, up
    to a factor, as the spread over chains of means over 16 steps.
    """
    nodes = np.linspace(0.0, 1.0, _PILOT_NODES)
    _, _, slope = anneal(
        parameters,
        spin,
        base,
        np.repeat(nodes, _PILOT_STEPS),
        base_states(base, spin, _PILOT_CHAINS, key),
        key,
        record=True,
    )
    assert slope is not None
    means = slope.reshape(_PILOT_NODES, _PILOT_STEPS, -1).mean(axis=1)
    density = means.std(axis=1)
    density += 0.1 * density.max() + np.finfo(float).tiny
    length = np.cumsum((density[1:] + density[:-1]) / 2)
    length = np.concatenate([[0.0], length / length[-1]])
    betas = np.interp(np.linspace(0.0, 1.0, n_betas), length, nodes)
    betas[[0, -1]] = 0.0, 1.0
    return np.asarray(betas)


def annealed_states(
    parameters: Parameters,
    spin: bool,
    n: int,
    n_betas: int,
    *,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = False,
) -> Bits:
    """Last states of n chains, one annealed from independent units for each."""
    base = base_bias(parameters, spin).astype(parameters[0].dtype)
    base = base.astype(np.float64)
    generator = np.random.default_rng(draw_key(rng).tolist())
    keys = [draw_key(generator) for _ in range(3)]
    _, states, _ = anneal(
        parameters,
        spin,
        base,
        _schedule(parameters, spin, base, n_betas, keys[2]),
        base_states(base, spin, n, keys[0]),
        keys[1],
        workers=workers,
        progress=progress,
    )
    return states


def annealed_log_z(
    parameters: Parameters,
    spin: bool,
    *,
    samples: npt.NDArray[Any] | None = None,
    n_chains: int = 512,
    n_betas: int = 1000,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = False,
) -> LogZ:
    """Annealed importance sampling; with samples of the machine also in reverse.

    Forward alone: the mean of the weights (Salakhutdinov and Murray, ICML 2008). With
    `samples`, chains also go down from them, and Bennett's acceptance ratio joins both.
    """
    base = base_bias(parameters, spin, samples).astype(parameters[0].dtype)
    base = base.astype(np.float64)
    offset = _base_log_z(base, parameters[0].shape[1], spin)
    generator = np.random.default_rng(draw_key(rng).tolist())
    keys = [draw_key(generator) for _ in range(4)]
    betas = _schedule(parameters, spin, base, n_betas, keys[3])
    start = base_states(base, spin, n_chains, keys[0])
    forward, _, _ = anneal(
        parameters,
        spin,
        base,
        betas,
        start,
        keys[1],
        workers=workers,
        progress=progress,
    )
    up, up_error, ess = mean_of_exponentials(forward)
    lower = offset + up - 2 * up_error
    if samples is None:
        return LogZ(offset + up, up_error, lower, math.inf, judge(ess), "ais", ess=ess)
    low = -1 if spin else 0
    flat = np.ascontiguousarray(samples.reshape(len(samples), -1), dtype=np.int8)
    reverse, _, _ = anneal(
        parameters,
        spin,
        base,
        betas[::-1],
        _core.pack(flat[:n_chains], low),
        keys[2],
        workers=workers,
        progress=progress,
    )
    down, down_error, _ = mean_of_exponentials(reverse)
    upper = offset - down + 2 * down_error
    value, error, ess = bennett(forward, reverse)
    # the forward estimate may lie below the reverse one, never clearly above it
    gap = max(up + down, 0.0), math.hypot(up_error, down_error)
    return LogZ(
        offset + value, error, lower, upper, judge(ess, gap), "bennett", ess=ess
    )


def integrated_log_z(
    parameters: Parameters,
    spin: bool,
    *,
    n_chains: int = 256,
    n_nodes: int = 33,
    steps: int = 16,
    rng: RngLike = None,
    workers: int = 1,
    progress: ProgressLike = False,
) -> LogZ:
    r"""Thermodynamic integration.

    .. math:: \ln Z_1 = \ln Z_0 + \int_0^1 \langle d \ln f_t / dt \rangle_t \, dt

    by Simpson's rule on `n_nodes` temperatures. Chains climb through them and come
    down again, with `steps` Gibbs steps for each: half on the way to it, half at it,
    which are averaged; the value is the mean of both ways. The error joins the spread
    over chains, the difference between the full and the half grid, and half the
    difference of the two ways (chains that lag behind the temperature). The climb is
    also an importance sampling, whose effective number and value judge the result.
    """
    base = base_bias(parameters, spin).astype(parameters[0].dtype)
    base = base.astype(np.float64)
    offset = _base_log_z(base, parameters[0].shape[1], spin)
    generator = np.random.default_rng(draw_key(rng).tolist())
    keys = [draw_key(generator) for _ in range(3)]
    betas, at_node = _staircase(n_nodes, steps)
    states = base_states(base, spin, n_chains, keys[0])
    weights, means = [], []
    for path, key in ((betas, keys[1]), (betas[::-1], keys[2])):
        log_weight, states, slope = anneal(
            parameters,
            spin,
            base,
            path,
            states,
            key,
            record=True,
            workers=workers,
            progress=progress,
        )
        assert slope is not None
        weights.append(log_weight)
        means.append((slope if path is betas else slope[::-1])[at_node].mean(axis=1))
    up, down = _simpson(means[0]), _simpson(means[1])
    per_chain = (up + down) / 2
    mean = (means[0] + means[1]).mean(axis=1)[:, None] / 2
    spread = float(per_chain.std(ddof=1)) / math.sqrt(n_chains)
    grid = float(abs(_simpson(mean)[0] - _simpson(mean[::2])[0]))
    lag = float((down - up).mean())
    lag_error = float((down - up).std(ddof=1)) / math.sqrt(n_chains)
    error = math.sqrt(spread**2 + grid**2 + lag**2 / 4)
    other, other_error, ess = mean_of_exponentials(weights[0])
    gap = float(per_chain.mean()) - other, math.hypot(error, other_error)
    value = offset + float(per_chain.mean())
    return LogZ(
        value,
        error,
        value - 2 * error,
        value + 2 * error,
        judge(ess, (lag, lag_error), gap),
        "ti",
        ess=ess,
    )


def _staircase(n_nodes: int, steps: int) -> tuple[Floats, npt.NDArray[np.integer[Any]]]:
    """Temperatures of a climb, and (node, place) of those that stand at a node."""
    way = steps // 2
    still = steps - way
    marks = np.linspace(0.0, n_nodes - 1.0, (n_nodes - 1) * (way + 1) + 1)
    betas = np.repeat(marks, np.where(np.arange(len(marks)) % (way + 1) == 0, still, 1))
    first = np.arange(n_nodes) * (still + way)
    return betas / (n_nodes - 1), first[:, None] + np.arange(still)


def _simpson(values: Floats) -> Floats:
    """Integral over [0, 1] along axis 0; an even number of intervals."""
    n = len(values) - 1
    weights = np.full(n + 1, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return np.asarray(weights @ values / (3 * n))
