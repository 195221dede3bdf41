"""Parallel tempering of 512 replicas (rg_temper.c)."""

import math

import numpy as np

from rgdl._reference._field import Term, field_sums, field_sweep
from rgdl._reference._streams import _MASK, Floats, Mask, Stream, Words, exp

PURPOSE_TEMPER = 7


def exchange_mask(K_a: float, K_b: float, a: Floats, b: Floats, stream: Stream) -> Mask:
    """Decide exchanges: min(1, exp((K_a - K_b)(b - a))), one word per replica."""
    words = np.concatenate([stream.plane() for _ in range(64)]).tolist()
    accepted = np.zeros(512, dtype=bool)
    for replica, u in enumerate(words):
        gain = (K_a - K_b) * (float(b[replica]) - float(a[replica]))
        t = round(math.ldexp(exp(gain), 64)) if gain < 0 else _MASK + 1
        accepted[replica] = u < t
    return accepted


def temper(
    states: list[Mask],
    terms: list[Term],
    fields: Floats,
    ladder: list[float],
    steps: int,
    key: Words,
) -> Floats:
    """Return the bonds (n_K, 512, steps) of block 0; states (sites, 512) change."""
    n = len(ladder)
    streams = [Stream(key, PURPOSE_TEMPER, index) for index in range(2 * n)]
    draws = np.zeros((n, 512, steps))
    for step in range(steps):
        for k, K in enumerate(ladder):
            reduced = [(K * value, sites) for value, sites in terms]
            field_sweep(states[k], reduced, fields, False, streams[k])
        bonds = [field_sums(state, terms)[0] for state in states]
        for k in range(step % 2, n - 1, 2):
            mask = exchange_mask(
                ladder[k], ladder[k + 1], bonds[k], bonds[k + 1], streams[n + k]
            )
            for pair in (states, bonds):
                pair[k][..., mask], pair[k + 1][..., mask] = (
                    pair[k + 1][..., mask],
                    pair[k][..., mask],
                )
        draws[:, :, step] = bonds
    return draws
