"""Parallel tempering: chains of machines at several temperatures that change places.

Desjardins et al., AISTATS 2010, 145; Cho, Raiko and Ilin, IJCNN 2010.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rgdl import _core
from rgdl._blas import matmul
from rgdl._rng import Key
from rgdl.rbm._moments import Parameters, bits_values

__all__ = ["Ladder", "exchange", "ladder", "temper", "uniforms"]

Bits = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


class Ladder(NamedTuple):
    """A machine at several inverse temperatures t, with biases t b + (1 - t) base."""

    betas: Floats
    base: Floats
    whole: Parameters  # the machine in float64
    rungs: list[Parameters]  # scaled, in its own dtype


def ladder(machine: Parameters, betas: Floats, base: Floats | None = None) -> Ladder:
    """Scale a machine; without a base it ends at fair units."""
    W, b, c = machine
    base = np.zeros(len(b)) if base is None else base
    rungs = [
        Parameters(
            np.asarray(t * W, W.dtype),
            np.asarray(t * b + (1 - t) * base, W.dtype),
            np.asarray(t * c, W.dtype),
        )
        for t in betas.tolist()
    ]
    return Ladder(betas, base, machine.as_float64(), rungs)


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


def _energies(states: Bits, given: Ladder, spin: bool, parity: int) -> Floats:
    """Free energies as `exchange` takes them: of pairs that may change places.

    One product with W serves a state at both temperatures.
    """
    W, b, c = given.whole
    n_replicas, n = states.shape[:2]
    energies = np.full((n_replicas, n_replicas, n), np.nan)
    for first in range(parity, n_replicas - 1, 2):
        pair = (first, first + 1)
        for s in pair:
            v = bits_values(states[s], len(b), spin).astype(np.float64)
            inputs = matmul(W, v, transpose_a=True, transpose_b=True)
            ends = v @ b, v @ given.base
            for r in pair:
                t = float(given.betas[r])
                soft = _core.unit_sums(t * inputs, t * c, spin)
                energies[r, s] = -(t * ends[0] + (1 - t) * ends[1]) - soft
    return energies


def temper(
    states: Bits,
    given: Ladder,
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
        Of every rung's chains; not modified.
    given : Ladder
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
    hidden = np.zeros((n_chains, -(-len(given.whole.c) // 64)), dtype=np.uint64)
    for r, machine in enumerate(given.rungs):
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
    energies = _energies(states, given, spin, step % 2)
    draws = uniforms(key, _core.PURPOSE_RBM_TEMPER, step, n_replicas * n_chains)
    source, _ = exchange(energies, draws.reshape(n_replicas, n_chains), step % 2)
    return np.take_along_axis(states, source[:, :, None], axis=0), source
