"""Swendsen-Wang and Wolff updates, site by site (rg_cluster.c, rg_k_cluster_tpl.h)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rgdl._reference._ising import _bits, biased_plane
from rgdl._reference._streams import Floats, Mask, Spins, Stream, Words, exp

PURPOSE_CLUSTER = 5
WOLFF, SWENDSEN_WANG = 0, 1
Site = tuple[int, int]  # row, column: rows are all axes but the last, in C order
Integers = npt.NDArray[np.int64]


class Strips:
    """Strips of 64 columns; word (strip, row) is number strip * n_rows + row."""

    def __init__(
        self,
        shape: tuple[int, ...],
        K: float,
        periodic: tuple[bool, ...] | None = None,
    ) -> None:
        self.ndim, self.width = len(shape), shape[-1]
        self.periodic = (periodic or (True,) * len(shape))[::-1]  # columns first
        self.n_rows = math.prod(shape[:-1])
        self.plane_rows = shape[-2] if len(shape) > 1 else 1
        self.n_strips = -(-self.width // 64)
        parity = np.indices(shape).sum(axis=0) % 2
        self.sublattice = np.where((K < 0) & (parity == 1), -1, 1).reshape(
            -1, shape[-1]
        )

    def after(self, site: Site, axis: int, step: int = 1) -> Site:
        """Neighbour along axis 0 (columns), 1 (rows of a plane) or 2 (planes)."""
        row, x = site
        if axis == 0:
            return row, (x + step) % self.width
        if axis == 1:
            y = row % self.plane_rows
            return row - y + (y + step) % self.plane_rows, x
        return (row + step * self.plane_rows) % self.n_rows, x

    def tied(self, site: Site, axis: int) -> bool:
        """Whether a bond leads on from here: not from the last site of an open axis."""
        there = self.after(site, axis)
        return self.periodic[axis] or there > site

    def sites(self) -> list[Site]:
        """All sites, word after word."""
        return sorted(
            ((row, x) for row in range(self.n_rows) for x in range(self.width)),
            key=lambda site: (site[1] // 64, site),
        )

    def by_site(self, words: Words) -> Mask:
        """Bits of consecutive words, as (n_rows, width)."""
        bits = _bits(words).reshape(-1, 64)[: self.n_strips * self.n_rows]
        rows = bits.reshape(self.n_strips, self.n_rows, 64).transpose(1, 0, 2)
        return rows.reshape(self.n_rows, -1)[:, : self.width]


def bond_probability(x: float) -> float:
    """Give 1 - exp(-2 x), the probability of a bond between equal spins."""
    return 1.0 - exp(-2.0 * x)


def _planes(strips: Strips) -> range:
    return range(-(-strips.n_strips * strips.n_rows // 8))


def _biased(strips: Strips, stream: Stream, p: float) -> Mask:
    return strips.by_site(
        np.concatenate([biased_plane(stream, p) for _ in _planes(strips)])
    )


def swendsen_wang(
    strips: Strips,
    spins: Spins,
    aligned: Mask,
    p_bond: float,
    p_ghost: float,
    stream: Stream,
) -> tuple[float, float]:
    """One sweep in place; returns <m^2> and <m^4> given the clusters.

    spins: (n_rows, width), all bonds ferromagnetic; aligned: along their field.
    The root of a cluster is its first site in the order of the words. Its coin stands
    at the end of the bonds that lead from it along its word.
    """
    axes = range(strips.ndim)
    bonds = [_biased(strips, stream, p_bond) for _ in axes]
    held = aligned & (_biased(strips, stream, p_ghost) if p_ghost > 0 else False)
    coins = strips.by_site(np.concatenate([stream.plane() for _ in _planes(strips)]))
    sites = strips.sites()
    for site in sites:
        for axis in axes:
            alike = spins[site] == spins[strips.after(site, axis)]
            bonds[axis][site] &= alike and strips.tied(site, axis)

    def joined(site: Site) -> Iterable[Site]:
        for axis in axes:
            forth, back = strips.after(site, axis), strips.after(site, axis, -1)
            if bonds[axis][site]:
                yield forth
            if bonds[axis][back]:
                yield back

    seen = np.zeros(spins.shape, dtype=bool)
    frozen = m2 = m4 = 0.0
    for root in sites:
        if seen[root]:
            continue
        cluster = [root]
        seen[root] = True
        for site in cluster:  # grows while it is read
            for other in joined(site):
                if not seen[other]:
                    seen[other] = True
                    cluster.append(other)
        end = root
        while end[1] % 64 < 63 and end[1] + 1 < strips.width and bonds[0][end]:
            end = strips.after(end, 0)
        c = len(cluster) / spins.size
        if any(held[site] for site in cluster):
            frozen += c * int(spins[root])
        else:
            m2 += c * c
            m4 += (c * c) * (c * c)
            for site in cluster:
                spins[site] *= -1 if coins[end] else 1
    f2 = frozen * frozen
    return f2 + m2, f2 * f2 + 6.0 * (f2 * m2) + (3.0 * (m2 * m2) - 2.0 * m4)


class Pool:
    """Random words handed out one by one."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.words: list[int] = []

    def word(self) -> int:
        """Give the next word."""
        if not self.words:
            self.words = self.stream.plane().tolist()
        return self.words.pop(0)

    def below(self, n: int) -> int:
        """Give a uniform integer below n (Lemire)."""
        product = (self.word() >> 32) * n
        while product % 2**32 < (2**32 - n) % n:
            product = (self.word() >> 32) * n
        return product >> 32


@dataclass
class Flood:
    """A cluster that grows block by block; bonds are drawn when a block is touched.

    A block is up to 8 rows of one strip and plane, named by its first site. One plane
    of random bits, a row to a lane, holds its bonds along one axis.
    """

    strips: Strips
    spins: Spins
    sign: int
    p_bond: float
    stream: Stream
    grown: set[Site] = field(default_factory=set)
    pending: dict[Site, set[Site]] = field(default_factory=dict)
    bonds: dict[Site, list[Mask]] = field(default_factory=dict)
    queue: list[Site] = field(default_factory=list)

    def block_of(self, site: Site) -> Site:
        """Give the first site of the block that holds this one."""
        row, x = site
        return row - row % self.strips.plane_rows % 8, x - x % 64

    def bond(self, site: Site, axis: int) -> bool:
        """Whether there is a bond from `site` along `axis` and its coin is 1."""
        block = self.block_of(site)
        if block not in self.bonds:
            self.bonds[block] = [
                _bits(biased_plane(self.stream, self.p_bond)).reshape(8, 64)
                for _ in range(self.strips.ndim)
            ]
        coin = self.bonds[block][axis][site[0] - block[0], site[1] - block[1]]
        return bool(coin) and self.strips.tied(site, axis)

    def is_open(self, site: Site) -> bool:
        """Whether a site can still join."""
        return bool(self.spins[site] == self.sign) and site not in self.grown

    def reach(self, sites: list[Site]) -> None:
        """Put the open ones of some sites of one block in the queue."""
        sites = [site for site in sites if self.is_open(site)]
        if sites:
            block = self.block_of(sites[0])
            if block not in self.queue:
                self.queue.append(block)
            self.pending.setdefault(block, set()).update(sites)

    def grow(self, block: Site) -> None:
        """Join all a block's pending sites lead to in it, then reach its neighbours."""
        after, axes = self.strips.after, range(self.strips.ndim)
        self.bond(block, 0)  # touch
        added = sorted(self.pending.pop(block))
        self.grown.update(added)
        for site in added:  # grows while it is read
            for axis in axes:
                forth, back = after(site, axis), after(site, axis, -1)
                for there, bond in ((forth, site), (back, back)):
                    if self.block_of(there) != block or not self.is_open(there):
                        continue
                    if self.bond(bond, axis):
                        self.grown.add(there)
                        added.append(there)
        for axis in axes:
            ahead = [s for s in added if self.block_of(after(s, axis)) != block]
            self.reach([after(s, axis) for s in ahead if self.bond(s, axis)])
            back_sites = [after(s, axis, -1) for s in added]
            behind = [s for s in back_sites if self.block_of(s) != block]
            self.reach([s for s in behind if self.is_open(s) and self.bond(s, axis)])


def wolff(
    strips: Strips,
    spins: Spins,
    aligned: Mask,
    p_bond: float,
    p_ghost: float,
    seeds: Pool,
) -> int:
    """One cluster in place; returns its size."""
    stream = seeds.stream
    seed = divmod(seeds.below(spins.size), strips.width)
    flood = Flood(strips, spins, int(spins[seed]), p_bond, stream)
    flood.reach([seed])
    while flood.queue:
        flood.grow(flood.queue.pop(0))
    held = False
    if p_ghost > 0:
        for row, x in flood.bonds:
            ghosts = _bits(biased_plane(stream, p_ghost)).reshape(8, 64)
            held |= any(
                aligned[site] and ghosts[site[0] - row, site[1] - x]
                for site in flood.grown
                if flood.block_of(site) == (row, x)
            )
    for site in flood.grown:
        spins[site] *= 1 if held else -1
    return len(flood.grown)


def cluster_chain(
    shape: tuple[int, ...],
    K: float,
    h: float,
    method: int,
    spins: Spins,
    stream: Stream,
    clusters_per_sweep: int = 1,
    draws: int = 1,
    thin: int = 1,
    periodic: tuple[bool, ...] | None = None,
) -> tuple[Integers, Integers, Floats, Floats, Integers]:
    """One chain, spins (*shape) in place: bonds, magnetization, m2, m4, visited."""
    strips = Strips(shape, K, periodic)
    p_bond, p_ghost = bond_probability(abs(K)), bond_probability(abs(h))
    mapped = spins.reshape(strips.sublattice.shape) * strips.sublattice.astype(np.int8)
    rows: list[tuple[int, int, float, float, int]] = []
    for _ in range(draws):
        seeds = Pool(stream)
        visited, m2, m4 = 0, math.nan, math.nan
        for _ in range(thin if method == SWENDSEN_WANG else thin * clusters_per_sweep):
            aligned = mapped * strips.sublattice == (1 if h > 0 else -1)
            if method == SWENDSEN_WANG:
                m2, m4 = swendsen_wang(strips, mapped, aligned, p_bond, p_ghost, stream)
                visited += mapped.size
            else:
                visited += wolff(strips, mapped, aligned, p_bond, p_ghost, seeds)
        if method == WOLFF and h == 0:
            m2 = visited / (float(thin * clusters_per_sweep) * mapped.size)
        spins[...] = (mapped * strips.sublattice).reshape(shape)
        wide = spins.astype(np.int64)
        bonds = sum(
            int(pairs.sum() if closed else np.delete(pairs, -1, axis=axis).sum())
            for axis, closed in enumerate(strips.periodic[::-1])
            for pairs in [wide * np.roll(wide, -1, axis=axis)]
        )
        rows.append((bonds, int(wide.sum()), m2, m4, visited))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return columns[0], columns[1], columns[2], columns[3], columns[4]
