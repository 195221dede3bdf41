"""Local updates of 512 replicas (rg_ising.c, rg_simulate.c, rg_k_ising_tpl.h)."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rgdl._reference._streams import _MASK, Mask, Spins, Stream, Words, exp

PURPOSE_SAMPLE, PURPOSE_START, PURPOSE_SIMULATE = 1, 2, 4
HEATBATH, METROPOLIS, LOCAL = range(3)
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


def colours_of(shape: tuple[int, ...]) -> list[list[tuple[int, ...]]]:
    """Split the sites into sets without neighbours: 2, or 3 if an extent is odd."""
    n_colours = 3 if any(extent % 2 for extent in shape) else 2
    colours: list[list[tuple[int, ...]]] = [[] for _ in range(n_colours)]
    for site in np.ndindex(shape):
        colour = sum(
            2 if extent % 2 and x == extent - 1 else x % 2
            for x, extent in zip(site, shape, strict=True)
        )
        colours[colour % n_colours].append(site)
    return colours


def _groups(sites: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    return [sites[i : i + GROUP_SITES] for i in range(0, len(sites), GROUP_SITES)]


def site_groups(shape: tuple[int, ...]) -> list[list[tuple[int, ...]]]:
    """Split the sites into groups of up to 64 of one colour, in update order."""
    return [group for sites in colours_of(shape) for group in _groups(sites)]


def _n_up(
    up: Mask, site: tuple[int, ...], cuts: tuple[tuple[int, ...], ...] = ()
) -> npt.NDArray[np.int64]:
    """Up neighbours; cuts[axis]: which of (lane, bit) count the pieces of that axis."""
    count = np.zeros(512, dtype=np.int64)
    for axis, extent in enumerate(up.shape[:-1]):
        for step in (1, -1):
            x = site[axis] + step
            plane = up[(*site[:axis], x % extent, *site[axis + 1 :])]
            if cuts and not 0 <= x < extent:
                if cuts[axis] == (0, 1):  # bits go on in the next lane
                    plane = np.roll(plane, -step)
                elif cuts[axis]:
                    pieces = plane.reshape(8, 64)
                    plane = np.roll(pieces, -step, axis=cuts[axis]).reshape(512)
            count += plane
    return count


class Table(NamedTuple):
    """An update's probabilities: `bits` (classes, 65), leans_up (classes,)."""

    metropolis: bool
    bits: npt.NDArray[np.bool_]
    leans_up: npt.NDArray[np.bool_]


def update_table(ndim: int, K: float, h: float, metropolis: bool) -> Table:
    """Classes j = 0 .. 2 ndim neighbours up, of field f = K (2j - 2 ndim) + h.

    Heat-bath: the bit is the new spin, 1 with probability 1 / (1 + exp(-2 f)).
    Metropolis: the new spin is the majority of (not the old one, bit, leans_up), so a
    spin along f stays unless a number falls below exp(-2 |f|), any other turns.
    """
    bits, leans_up = [], []
    for j in range(2 * ndim + 1):
        f = K * (2.0 * j - 2.0 * ndim) + h
        up = f > 0 if f != 0 else (j > ndim) != (K < 0)
        weight = exp(-2.0 * abs(f))
        p = weight if metropolis else 1.0 / (1.0 + weight)
        bits.append(np.array(threshold_bits(p)) ^ (up == metropolis))
        leans_up.append(up)
    return Table(metropolis, np.array(bits), np.array(leans_up))


def table_of_sweep(ndim: int, K: float, h: float, method: int, sweep: int) -> Table:
    """Give the update of sweep 0, 1, ...; "local" is heat-bath in every eighth."""
    heatbath = method == HEATBATH or (method == LOCAL and sweep % 8 == 7)
    return update_table(ndim, K, h, not heatbath)


def update_group(
    up: Mask,
    group: list[tuple[int, ...]],
    table: Table,
    stream: Stream,
    cuts: tuple[tuple[int, ...], ...] = (),
) -> None:
    """Update one group in place; up: (*shape, 512), cuts: of a folded lattice."""

    def new(old: Mask, j: npt.NDArray[np.int64], bit: Mask) -> Mask:
        if not table.metropolis:
            return bit
        return np.where(table.leans_up[j], ~old | bit, ~old & bit)

    old, classes, undecided = [], [], []
    for site in group:
        j = _n_up(up, site, cuts)
        left = np.ones(512, dtype=bool)
        bit = np.zeros(512, dtype=bool)
        for k in range(GROUP_PLANES):
            decided = left & _bits(stream.plane())
            bit[decided] = table.bits[j[decided], k]
            left &= ~decided
        old.append(up[site].copy())
        up[site] = new(up[site], j, bit)
        if table.metropolis:  # a spin against the field turns whatever the bit
            left &= old[-1] == table.leans_up[j]
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
            j = classes[number]
            bit = table.bits[j, depth]
            up[site][mine] = new(old[number], j, bit)[mine]
            undecided[number] &= ~mine


def ising_start(
    shape: tuple[int, ...], start: int, p_up: float, key: Words, block: int
) -> Mask:
    """First spins of a block, (*shape, 512): 0 random, 1 ordered, 2 staggered."""
    stream = Stream(key, PURPOSE_START, block)
    if start == 0:
        planes = [_bits(stream.plane()) for _ in np.ndindex(shape)]
        return np.array(planes).reshape(*shape, 512)
    coin = _bits(biased_plane(stream, p_up))
    odd = np.indices(shape).sum(axis=0)[..., None] % 2 == 1
    return np.where((start == 2) & odd, ~coin, coin)


def ising_sweep(
    up: Mask, K: float, h: float, method: int, sweep: int, stream: Stream
) -> None:
    """Update every site of (*shape, 512) once, in place."""
    table = table_of_sweep(up.ndim - 1, K, h, method, sweep)
    for group in site_groups(up.shape[:-1]):
        update_group(up, group, table, stream)


def ising_block(
    shape: tuple[int, ...],
    K: float,
    h: float,
    method: int,
    sweeps: int,
    start: int,
    p_up: float,
    key: Words,
    block: int = 0,
) -> Spins:
    """Block of 512 independent configurations."""
    up = ising_start(shape, start, p_up, key, block)
    stream = Stream(key, PURPOSE_SAMPLE, block)
    for sweep in range(sweeps):
        ising_sweep(up, K, h, method, sweep, stream)
    return np.moveaxis(np.where(up, 1, -1), -1, 0).astype(np.int8)


def fold(spins: Spins) -> tuple[Mask, tuple[tuple[int, ...], ...]]:
    """Fold a lattice (rg_fold.h): up[word, 64 lane + bit], and which axes are cut."""
    shape, ndim = spins.shape, spins.ndim
    cuts: list[tuple[int, ...]] = [()] * ndim
    if ndim == 1:
        bit_axis = lane_axis = 0
        cuts[0] = (0, 1)
    else:
        fits = [a for a in range(ndim) if shape[a] % 64 == 0 and shape[a] >= 128]
        bit_axis = fits[-1]
        lane_axis = min(
            a
            for a in range(ndim)
            if a != bit_axis and shape[a] % 8 == 0 and shape[a] >= 16
        )
        cuts[bit_axis], cuts[lane_axis] = (1,), (0,)
    pieces = [1] * ndim
    pieces[bit_axis] *= 64
    pieces[lane_axis] *= 8
    words = tuple(s // p for s, p in zip(shape, pieces, strict=True))
    up = np.zeros((*words, 512), dtype=bool)
    for site in np.ndindex(shape):
        part = [x // w for x, w in zip(site, words, strict=True)]
        bit = part[0] if ndim == 1 else 64 * part[lane_axis] + part[bit_axis]
        word = tuple(x % w for x, w in zip(site, words, strict=True))
        up[(*word, bit)] = spins[site] > 0
    return up, tuple(cuts)


def fold_sweep(
    up: Mask,
    cuts: tuple[tuple[int, ...], ...],
    K: float,
    h: float,
    method: int,
    sweep: int,
    streams: list[Stream],
) -> None:
    """Update a folded lattice once: each colour's groups in bands, one per stream."""
    table = table_of_sweep(up.ndim - 1, K, h, method, sweep)
    for sites in colours_of(up.shape[:-1]):
        groups = _groups(sites)
        for band, stream in enumerate(streams):
            first, end = (len(groups) * b // len(streams) for b in (band, band + 1))
            for group in groups[first:end]:
                update_group(up, group, table, stream, cuts)
