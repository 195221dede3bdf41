"""Markov chains of a machine: clamped units, recorded draws, parallel tempering."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import Key, RngLike, draw_key
from rgdl.rbm._annealing import base_bias
from rgdl.rbm._evaluate import free_energy
from rgdl.rbm._log_z import Floats, parameters64

__all__ = ["Tempered", "clamped_gibbs", "record_chains", "temper"]

Bits = npt.NDArray[np.uint64]
Parameters = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]


def _steps(
    parameters: Parameters,
    units: str,
    visible: Bits,
    first: int,
    n: int,
    key: Key,
    purpose: int,
    workers: int,
) -> None:
    """Take n Gibbs steps in place; `first` steps of the stream are used already."""
    W, b, c = parameters
    hidden = np.zeros((len(visible), -(-W.shape[1] // 64)), dtype=np.uint64)
    _core.rbm_gibbs(
        W,
        b,
        c,
        units == "spin",
        visible,
        hidden,
        True,
        2 * n,
        key,
        purpose,
        2 * first,
        workers,
        None,
    )


def clamped_gibbs(
    parameters: Parameters,
    units: str,
    visible: Bits,
    mask: Bits,
    k: int,
    key: Key,
    *,
    workers: int = 1,
    progress: ProgressLike = False,
) -> Bits:
    """K Gibbs steps in which the units of `mask` keep their values in `visible`.

    Every step draws the whole layer and puts the clamped units back: the free ones
    are independent given the hidden layer, so this is their conditional law.
    """
    kept, states = visible & mask, visible.copy()
    with Progress("Gibbs sampling", progress) as update:
        for t in range(k):
            _steps(
                parameters,
                units,
                states,
                t,
                1,
                key,
                _core.PURPOSE_RBM_GIBBS,
                workers,
            )
            states = (states & ~mask) | kept
            update((t + 1) / k)
    return states


def record_chains(
    parameters: Parameters,
    units: str,
    visible: Bits,
    draws: int,
    thin: int,
    burn_in: int,
    key: Key,
    *,
    workers: int = 1,
    progress: ProgressLike = False,
) -> npt.NDArray[np.int8]:
    """Visible states (chain, draw, unit), one every `thin` steps after `burn_in`."""
    n_visible = parameters[0].shape[0]
    low = -1 if units == "spin" else 0
    states = visible.copy()
    result = np.empty((len(states), draws, n_visible), dtype=np.int8)
    purpose = _core.PURPOSE_RBM_SAMPLE
    with Progress("Gibbs sampling", progress) as update:
        if burn_in:
            _steps(parameters, units, states, 0, burn_in, key, purpose, workers)
        for draw in range(draws):
            first = burn_in + draw * thin
            _steps(parameters, units, states, first, thin, key, purpose, workers)
            result[:, draw] = _core.unpack(states, n_visible, low)
            update((draw + 1) / draws)
    return result


@dataclass(frozen=True, eq=False)
class Tempered:
    r"""Result of parallel tempering.

    Attributes
    ----------
    samples : ndarray, shape (chain, draw, \*lattice_shape_)
        Of the machine itself, t = 1.
    betas : ndarray of float64, shape (n_betas,)
        Inverse temperatures t, from 0 (independent units) to 1.
    swap_rates : ndarray of float64, shape (n_betas - 1,)
        Accepted share of the exchanges between t_k and t_{k+1}.
    round_trips : int
        Journeys of replicas from t = 1 to t = 0 and back, all chains together.
    reliable : bool
        False when a swap rate is below 0.05 or no replica made a round trip.

    Examples
    --------
    >>> import rgdl
    >>> machine = rgdl.RBM.from_ising(rgdl.Ising(6, K=0.5))
    >>> tempered = machine.temper(chains=4, draws=50, rng=0)
    >>> tempered.samples.shape, len(tempered.swap_rates)
    ((4, 50, 6), 9)
    """

    samples: npt.NDArray[Any]
    betas: Floats
    swap_rates: Floats
    round_trips: int
    reliable: bool


class _Journeys:
    """Where every replica was last: at the cold end, or since then at the hot one."""

    def __init__(self, n_betas: int, chains: int) -> None:
        self.replica = np.tile(np.arange(n_betas)[:, None], (1, chains))
        self.direction = np.zeros((n_betas, chains), dtype=np.int8)
        self.round_trips = 0

    def swap(self, k: int, accepted: npt.NDArray[np.bool_]) -> None:
        low = self.replica[k].copy()
        self.replica[k] = np.where(accepted, self.replica[k + 1], low)
        self.replica[k + 1] = np.where(accepted, low, self.replica[k + 1])

    def look(self) -> None:
        column = np.arange(self.replica.shape[1])
        hot, cold = (self.replica[0], column), (self.replica[-1], column)
        self.direction[hot] = np.where(self.direction[hot] == 1, 2, self.direction[hot])
        self.round_trips += int((self.direction[cold] == 2).sum())
        self.direction[cold] = 1


def temper(
    parameters: Parameters,
    units: str,
    *,
    chains: int,
    draws: int,
    n_betas: int,
    thin: int,
    burn_in: int,
    rng: RngLike,
    workers: int = 1,
    progress: ProgressLike = False,
) -> Tempered:
    r"""Parallel tempering over the machines between independent units and this one.

    Replica k samples :math:`f_t(v) \propto \sum_h e^{t(b \cdot v + c \cdot h + v W h) +
    (1-t) b_0 \cdot v}` with t = betas[k], the family of annealing; neighbours exchange
    states with probability min(1, f_t(v') f_t'(v) / f_t(v) f_t'(v')), even and odd
    pairs in turn (Desjardins et al., AISTATS 2010, 145).
    """
    W, b, c = parameters
    real = W.dtype
    base = base_bias(parameters, units)
    betas = np.linspace(0.0, 1.0, n_betas)
    generator = np.random.default_rng(draw_key(rng).tolist())
    keys = [draw_key(generator) for _ in betas]
    uniform = np.random.default_rng(draw_key(generator).tolist())
    machines = [
        (
            (t * W).astype(real),
            (t * b + (1 - t) * base).astype(real),
            (t * c).astype(real),
        )
        for t in betas
    ]
    wide = [parameters64(*machine) for machine in machines]
    n_visible, low = W.shape[0], -1 if units == "spin" else 0
    start = uniform.integers(0, 2, (n_betas, chains, n_visible), dtype=np.int8)
    states = [_core.pack(rows, 0) for rows in start]
    result = np.empty((chains, draws, n_visible), dtype=np.int8)
    tried, accepted_count = np.zeros(n_betas - 1), np.zeros(n_betas - 1)
    journeys = _Journeys(n_betas, chains)
    rounds = burn_in + draws * thin
    with Progress("tempering", progress) as update:
        for t in range(rounds):
            for k, machine in enumerate(machines):
                _steps(
                    machine,
                    units,
                    states[k],
                    t,
                    1,
                    keys[k],
                    _core.PURPOSE_RBM_TEMPER,
                    workers,
                )
            values = [_core.unpack(bits, n_visible, low) for bits in states]
            for k in range(t % 2, n_betas - 1, 2):
                gain = (
                    free_energy(values[k], *wide[k], units)
                    + free_energy(values[k + 1], *wide[k + 1], units)
                    - free_energy(values[k + 1], *wide[k], units)
                    - free_energy(values[k], *wide[k + 1], units)
                )
                accepted = np.log1p(-uniform.random(chains)) < gain
                journeys.swap(k, accepted)
                rows = accepted[:, None]
                old, values_old = states[k], values[k]
                states[k] = np.where(rows, states[k + 1], old)
                states[k + 1] = np.where(rows, old, states[k + 1])
                values[k] = np.where(rows, values[k + 1], values_old)
                values[k + 1] = np.where(rows, values_old, values[k + 1])
                if t >= burn_in:
                    tried[k] += chains
                    accepted_count[k] += int(accepted.sum())
            journeys.look()
            draw, rest = divmod(t - burn_in, thin)
            if t >= burn_in and rest == thin - 1:
                result[:, draw] = values[-1]
            update((t + 1) / rounds)
    rates = accepted_count / np.maximum(tried, 1)
    reliable = bool(rates.min() >= 0.05) and journeys.round_trips > 0
    return Tempered(result, betas, rates, journeys.round_trips, reliable)


def clamp_mask(
    clamp: tuple[npt.ArrayLike, npt.ArrayLike],
    n_rows: int,
    lattice_shape: tuple[int, ...],
    units: str,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int8]]:
    """Check `clamp`: a mask of units and their values, one set or one per row."""
    if not isinstance(clamp, tuple | list) or len(clamp) != 2:
        raise TypeError(f"clamp must be (mask, values), got {clamp!r}")
    n = math.prod(lattice_shape)
    mask, values = (np.asarray(part) for part in clamp)
    if mask.dtype != np.bool_ or mask.size != n:
        raise ValueError(
            f"the mask of clamp must be bool of shape {lattice_shape}, got "
            f"{mask.dtype} of shape {mask.shape}"
        )
    if values.size not in (n, n_rows * n):
        raise ValueError(
            f"the values of clamp must have shape {lattice_shape} or "
            f"{(n_rows, *lattice_shape)}, got {values.shape}"
        )
    flat = np.broadcast_to(values.reshape(-1, n), (n_rows, n))
    low = -1 if units == "spin" else 0
    chosen = flat[:, mask.ravel()]
    if not np.isin(chosen, (low, 1)).all():
        raise ValueError(
            f"the values of clamp must be {low} and 1 where the mask is set"
        )
    full = np.where(mask.ravel(), flat, low).astype(np.int8)
    return mask.ravel(), full
