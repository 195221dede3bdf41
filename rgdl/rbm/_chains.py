"""Markov chains of a machine: clamped units, parallel tempering."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._blas import blas_threads
from rgdl._progress import Progress, ProgressLike
from rgdl._rng import RngLike, draw_key
from rgdl.rbm._annealing import base_bias
from rgdl.rbm._log_z import Floats
from rgdl.rbm._moments import Parameters, bits_values
from rgdl.rbm._start import random_bits
from rgdl.rbm._tempered import ladder, temper

__all__ = ["Tempered", "clamp_mask", "temper_chains"]


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

    def move(self, source: npt.NDArray[np.intp]) -> None:
        self.replica = np.take_along_axis(self.replica, source, axis=0)
        column = np.arange(self.replica.shape[1])
        hot, cold = (self.replica[0], column), (self.replica[-1], column)
        self.direction[hot] = np.where(self.direction[hot] == 1, 2, self.direction[hot])
        self.round_trips += int((self.direction[cold] == 2).sum())
        self.direction[cold] = 1


def temper_chains(
    parameters: Parameters,
    spin: bool,
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
    b = parameters.b
    betas = np.linspace(0.0, 1.0, n_betas)
    given = ladder(parameters, betas, base_bias(parameters, spin))
    key = draw_key(rng)
    states = random_bits(key, n_betas * chains, len(b)).reshape(n_betas, chains, -1)
    result = np.empty((chains, draws, len(b)), dtype=np.int8)
    tried, accepted = np.zeros(n_betas - 1), np.zeros(n_betas - 1)
    journeys = _Journeys(n_betas, chains)
    rounds = burn_in + draws * thin
    purpose = _core.PURPOSE_RBM_SAMPLE
    with Progress("tempering", progress) as update, blas_threads(workers):
        for t in range(rounds):
            states, source = temper(states, given, spin, 1, key, purpose, t, workers)
            journeys.move(source)
            draw, rest = divmod(t - burn_in, thin)
            if t >= burn_in:
                pairs = np.arange(t % 2, n_betas - 1, 2)
                tried[pairs] += chains
                accepted[pairs] += (source[pairs] == pairs[:, None] + 1).sum(axis=1)
                if rest == thin - 1:
                    result[:, draw] = bits_values(states[-1], len(b), spin)
            update((t + 1) / rounds)
    rates = accepted / np.maximum(tried, 1)
    reliable = bool(rates.min() >= 0.05) and journeys.round_trips > 0
    return Tempered(result, betas, rates, journeys.round_trips, reliable)


def clamp_mask(
    clamp: tuple[npt.ArrayLike, npt.ArrayLike],
    n_rows: int,
    lattice_shape: tuple[int, ...],
    spin: bool,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int8]]:
    """Check `clamp`: a mask of units and their values, one set or one per row."""
    if not isinstance(clamp, tuple | list) or len(clamp) != 2:
        raise TypeError(f"clamp must be (mask, values), got {clamp!r}")
    n = math.prod(lattice_shape)
    mask, values = (np.asarray(part) for part in clamp)
    shapes = (lattice_shape, (n,))
    if mask.dtype != np.bool_ or mask.shape not in shapes:
        raise ValueError(
            f"the mask of clamp must be bool of shape {lattice_shape}, got "
            f"{mask.dtype} of shape {mask.shape}"
        )
    if values.shape not in (*shapes, *((n_rows, *shape) for shape in shapes)):
        raise ValueError(
            f"the values of clamp must have shape {lattice_shape} or "
            f"{(n_rows, *lattice_shape)}, got {values.shape}"
        )
    flat = np.broadcast_to(values.reshape(-1, n), (n_rows, n))
    low = -1 if spin else 0
    chosen = flat[:, mask.ravel()]
    if not np.isin(chosen, (low, 1)).all():
        raise ValueError(
            f"the values of clamp must be {low} and 1 where the mask is set"
        )
    full = np.where(mask.ravel(), flat, low).astype(np.int8)
    return mask.ravel(), full
