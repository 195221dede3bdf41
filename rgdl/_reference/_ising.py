"""Heat-bath sampling, 512 replicas (rg_ising.c, rg_k_ising_tpl.h)."""

import math

import numpy as np
import numpy.typing as npt

from rgdl._reference._streams import _MASK, Mask, Spins, Stream, Words, exp

PURPOSE_SAMPLE, PURPOSE_START = 1, 2
GROUP_SITES, GROUP_PLANES = 64, 7


def _bits(plane: Words) -> Mask:
    return np.unpackbits(plane.view(np.uint8), bitorder="little").astype(bool)


def threshold_bits(p: float) -> list[bool]:
    """Bits 0 .. 64 of the threshold of p, the top bit first; bit 64 only for p = 1."""
    t = min(round(math.ldexp(p, 64)), _MASK)
    certain = round(math.ldexp(p, 64)) > _MASK
    return [bool(t >> (63 - k) & 1) for k in range(64)] + [certain]


def biased_plane(stream: Stream, p: float) -> Words:
    """Bits that are 1 with probability p: bit k of p's threshold, k geometric."""
    t = threshold_bits(p)
    result = np.full(512, t[64])
    undecided = np.ones(512, dtype=bool)
    for k in range(64):
        z = _bits(stream.plane())
        result[undecided & z] = t[k]
        undecided &= ~z
        if not undecided.any():
            break
    return np.packbits(result, bitorder="little").view(np.uint64)


def site_groups(shape: tuple[int, ...]) -> list[list[tuple[int, ...]]]:
    """Split the sites into groups of up to 64 of one colour, in update order."""
    n_colours = 3 if any(extent % 2 for extent in shape) else 2
    colours: list[list[tuple[int, ...]]] = [[] for _ in range(n_colours)]
    for site in np.ndindex(shape):
        colour = sum(
            2 if extent % 2 and x == extent - 1 else x % 2
            for x, extent in zip(site, shape, strict=True)
        )
        colours[colour % n_colours].append(site)
    return [
        sites[first : first + GROUP_SITES]
        for sites in colours
        for first in range(0, len(sites), GROUP_SITES)
    ]


def _n_up(up: Mask, site: tuple[int, ...]) -> npt.NDArray[np.int64]:
    count = np.zeros(512, dtype=np.int64)
    for axis, extent in enumerate(up.shape[:-1]):
        for step in (1, -1):
            x = (site[axis] + step) % extent
            count += up[(*site[:axis], x, *site[axis + 1 :])]
    return count


def update_group(
    up: Mask, group: list[tuple[int, ...]], bits: npt.NDArray[np.bool_], stream: Stream
) -> None:
    """Heat-bath of one group in place; up: (*shape, 512), bits[j, k]: thresholds."""
    classes, undecided = [], []
    for site in group:
        j = _n_up(up, site)
        left = np.ones(512, dtype=bool)
        spin = np.zeros(512, dtype=bool)
        for k in range(GROUP_PLANES):
            decided = left & _bits(stream.plane())
            spin[decided] = bits[j[decided], k]
            left &= ~decided
        up[site] = spin
        classes.append(j)
        undecided.append(left)
    while any(left.any() for left in undecided):
        # one site per replica and round: the first that is still undecided
        turn = np.full(512, -1)
        for number in reversed(range(len(group))):
            turn[undecided[number]] = number
        left = turn >= 0
        depth = np.full(512, 64)
        for k in range(GROUP_PLANES, 64):
            if not left.any():
                break
            decided = left & _bits(stream.plane())
            depth[decided] = k
            left &= ~decided
        for number, site in enumerate(group):
            mine = turn == number
            up[site][mine] = bits[classes[number][mine], depth[mine]]
            undecided[number] &= ~mine


def ising_block(
    shape: tuple[int, ...],
    K: float,
    h: float,
    sweeps: int,
    start: int,
    p_up: float,
    key: Words,
    block: int = 0,
) -> Spins:
    """Block of 512 configurations; start: 0 random, 1 ordered, 2 staggered."""
    z = 2 * len(shape)
    fields = [K * (2.0 * j - z) + h for j in range(z + 1)]
    bits = np.array([threshold_bits(1.0 / (1.0 + exp(-2.0 * f))) for f in fields])
    stream = Stream(key, PURPOSE_START, block)
    if start == 0:
        planes = [_bits(stream.plane()) for _ in np.ndindex(shape)]
        up = np.array(planes).reshape(*shape, 512)
    else:
        coin = _bits(biased_plane(stream, p_up))
        odd = np.indices(shape).sum(axis=0)[..., None] % 2 == 1
        up = np.where((start == 2) & odd, ~coin, coin)
    stream = Stream(key, PURPOSE_SAMPLE, block)
    for _ in range(sweeps):
        for group in site_groups(shape):
            update_group(up, group, bits, stream)
    return np.moveaxis(np.where(up, 1, -1), -1, 0).astype(np.int8)
