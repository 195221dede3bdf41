"""Coupling from the past, 512 replicas (rg_perfect.c, rg_k_perfect_tpl.h)."""

import math

import numpy as np
import numpy.typing as npt

from rgdl._reference._ising import _bits, _n_up, site_groups
from rgdl._reference._streams import _MASK, Mask, Spins, Stream, Words, _mix64, exp

PURPOSE_PERFECT = 6
PERFECT_PLANES, PERFECT_FIRST = 12, 16

#: Threshold of a probability in units of 2^-64; 2^64 for certainty.
Thresholds = dict[int, list[int]]


def perfect_word(words: Stream, site: int, replica: int) -> int:
    """Return the word of what the planes left over: a hash, whatever happened."""
    s = words.lanes[replica // 64]
    of_site = _mix64(s[0] ^ _mix64(s[1] + site & _MASK))
    return _mix64(of_site ^ _mix64(s[2] + replica & _MASK))


def _below(
    head: list[int], n_up: npt.NDArray[np.int64], t: list[int], site: int, words: Stream
) -> Mask:
    """U < t of the class, U = 12 bits of the planes and 52 of a hashed word."""
    result = np.zeros(512, dtype=bool)
    rest = 64 - PERFECT_PLANES
    for replica in range(512):
        threshold = t[n_up[replica]]
        top = min(threshold, _MASK) >> rest
        if head[replica] != top:
            result[replica] = head[replica] < top
        else:
            tail = perfect_word(words, site, replica) >> PERFECT_PLANES
            result[replica] = (head[replica] << rest) + tail < threshold
    return result


def perfect_sweep(
    chains: list[Mask], thresholds: Thresholds, key: Words, block: int, t: int
) -> None:
    """Sweep t before the end, in place, of every chain with the same uniforms."""
    stream = Stream(key, PURPOSE_PERFECT, (block << 33) + 2 * t)
    words = Stream(key, PURPOSE_PERFECT, (block << 33) + 2 * t + 1)
    shape = chains[0].shape[:-1]
    powers = 1 << np.arange(PERFECT_PLANES)[::-1]
    for group in site_groups(shape):
        for site in group:
            planes = np.array([_bits(stream.plane()) for _ in powers])
            head: list[int] = (powers @ planes).tolist()
            number = int(np.ravel_multi_index(site, shape))
            for up in chains:
                t_site = thresholds[sum(site) % 2]
                up[site] = _below(head, _n_up(up, site), t_site, number, words)


def perfect_block(
    shape: tuple[int, ...],
    K: float,
    h: float,
    max_sweeps: int,
    key: Words,
    block: int = 0,
) -> tuple[Spins, int] | None:
    """Return 512 exact configurations and the sweeps of the attempt; None if too few.

    An antiferromagnet is a ferromagnet of spins that are turned on odd sites.
    """
    z = 2 * len(shape)
    thresholds: Thresholds = {}
    for parity, field in ((0, h), (1, -h if K < 0 else h)):
        f = [abs(K) * (2.0 * j - z) + field for j in range(z + 1)]
        p = [1.0 / (1.0 + exp(-2.0 * x)) for x in f]
        thresholds[parity] = [round(math.ldexp(x, 64)) for x in p]
    attempt = min(PERFECT_FIRST, max_sweeps)
    while attempt <= max_sweeps:
        upper = np.ones((*shape, 512), dtype=bool)
        lower = np.zeros((*shape, 512), dtype=bool)
        for t in range(attempt, 0, -1):
            perfect_sweep([upper, lower], thresholds, key, block, t)
        if (upper == lower).all():
            odd = np.indices(shape).sum(axis=0)[..., None] % 2 == 1
            up = upper ^ (odd & (K < 0))
            return np.moveaxis(np.where(up, 1, -1), -1, 0).astype(np.int8), attempt
        attempt *= 2
    return None
