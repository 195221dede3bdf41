"""Exact references (rg_exact.c)."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rgdl._reference._streams import Floats, Spins


def _bonds(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every site with its forward neighbour along every axis, around the torus."""
    for site in np.ndindex(shape):
        for axis, extent in enumerate(shape):
            forward = (site[axis] + 1) % extent
            yield site, (*site[:axis], forward, *site[axis + 1 :])


def _spins_of(state: int, n: int) -> Spins:
    return np.array([1 if state >> i & 1 else -1 for i in range(n)], dtype=np.int8)


def ising_sums(spins: Spins, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Bond sum and magnetisation of every configuration, shape (n, 2)."""
    rows = []
    for s in spins.reshape(-1, *shape).astype(int):
        rows.append((sum(s[i] * s[j] for i, j in _bonds(shape)), s.sum()))
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def ising_enumerate(shape: tuple[int, ...], K: float, h: float) -> Floats:
    """H = -K bonds - h M of every state of a torus; bit i of the index = spin i up."""
    n = math.prod(shape)
    states = np.array([_spins_of(state, n) for state in range(1 << n)])
    sums = ising_sums(states, shape)
    return np.array([-K * float(bonds) - h * float(m) for bonds, m in sums])


def walsh_hadamard(values: Floats) -> None:
    """In place: values[S] becomes 2^-N sum_s f(s) prod_{a in S} s_a."""
    n = len(values).bit_length() - 1
    states = [_spins_of(state, n) for state in range(1 << n)]
    result = [
        sum(
            float(f) * math.prod(int(s[a]) for a in range(n) if subset >> a & 1)
            for f, s in zip(values, states, strict=True)
        )
        for subset in range(1 << n)
    ]
    values[:] = np.array(result) / (1 << n)


def rbm_free_energies(
    weights: Floats,
    visible_bias: Floats,
    hidden_bias: Floats,
    spin_units: bool,
    start: int,
    stop: int,
) -> Floats:
    """F(v) = -ln sum_h e^{b.v + c.h + v W h} of states start .. stop-1."""
    result = []
    for state in range(start, stop):
        v = _spins_of(state, len(visible_bias)).astype(float)
        v = v if spin_units else (v + 1) / 2
        a = hidden_bias + v @ weights
        soft = np.logaddexp(a, -a) if spin_units else np.logaddexp(0.0, a)
        result.append(-(visible_bias @ v) - soft.sum())
    return np.array(result)
