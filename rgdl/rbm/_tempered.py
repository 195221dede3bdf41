"""Parallel tempering: chains of machines at several temperatures that change places.

Desjardins et al., AISTATS 2010, 145; Cho, Raiko and Ilin, IJCNN 2010.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._rng import Key
from rgdl.rbm._moments import Parameters, bits_values, free_energy

__all__ = ["exchange", "temper", "uniforms"]

Bits = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


def uniforms(key: Key, purpose: int, index: int, n: int) -> Floats:
    """Draw n numbers in [0, 1) from one stream."""
    words = _core.stream_planes(key, purpose, index, -(-n // 8)).ravel()[:n]
    return np.asarray((words >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def exchange(
    energies: Floats, draws: Floats, parity: int
) -> tuple[npt.NDArray[np.intp], int]:
    """Swap neighbouring replicas by Metropolis.

    Parameters
    ----------
    energies : ndarray, shape (R, R, n)
        ``energies[r, s]`` is F of the state of replica s at the temperature of r.
    draws : ndarray, shape (R, n)
        Uniform numbers.
    parity : int
        Whether pairs start at replica 0 or 1.

    Returns
    -------
    source : ndarray of int, shape (R, n)
        Which replica's state each one holds now.
    accepted : int
        Swaps made, of ``n`` per pair.
    """
    n_replicas, n_chains = draws.shape
    source = np.tile(np.arange(n_replicas)[:, None], (1, n_chains))
    accepted = 0
    for r in range(parity, n_replicas - 1, 2):
        # F_r(x_r) + F_s(x_s) - F_r(x_s) - F_s(x_r), s = r + 1
        gain = (
            energies[r, r]
            + energies[r + 1, r + 1]
            - energies[r, r + 1]
            - energies[r + 1, r]
        )
        swap = draws[r] < np.exp(np.minimum(gain, 0.0))
        source[r, swap], source[r + 1, swap] = r + 1, r
        accepted += int(swap.sum())
    return source, accepted


def temper(
    states: Bits,
    machines: Sequence[Parameters],
    spin: bool,
    k: int,
    key: Key,
    purpose: int,
    step: int,
    workers: int,
) -> tuple[Bits, npt.NDArray[np.intp]]:
    """Take k Gibbs steps in every replica, then try to swap neighbours.

    Parameters
    ----------
    states : ndarray of uint64, shape (n_replicas, n, words)
        Of every machine's chains; not modified.
    machines : sequence of Parameters
    purpose : int
        Of the Gibbs steps' streams.
    step : int
        Number of this call under the key; pairs start at replica 0 and 1 in turn.

    Returns
    -------
    states : ndarray of uint64
    source : ndarray of int, shape (n_replicas, n)
        Which replica's state each one holds now.
    """
    n_replicas, n_chains = states.shape[:2]
    states = states.copy()
    hidden = np.zeros((n_chains, -(-len(machines[0].c) // 64)), dtype=np.uint64)
    for r, machine in enumerate(machines):
        _core.rbm_gibbs(
            *machine,
            spin,
            states[r],
            hidden,
            True,
            2 * k,
            key,
            purpose,
            (step * n_replicas + r) * 2 * k,
            workers,
            None,
        )
    n_visible = len(machines[0].b)
    values = [bits_values(state, n_visible, spin) for state in states]
    energies = np.full((n_replicas, n_replicas, n_chains), np.nan)
    for first in range(step % 2, n_replicas - 1, 2):
        pair = (first, first + 1)
        for r, s in itertools.product(pair, pair):
            energies[r, s] = free_energy(values[s], machines[r].as_float64(), spin)
    draws = uniforms(key, _core.PURPOSE_RBM_TEMPER, step, n_replicas * n_chains)
    source, _ = exchange(energies, draws.reshape(n_replicas, n_chains), step % 2)
    return np.take_along_axis(states, source[:, :, None], axis=0), source
