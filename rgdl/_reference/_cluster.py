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

    def __init__(self, shape: tuple[int, ...], K: float) -> None:
        self.ndim, self.width = len(shape), shape[-1]
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
            bonds[axis][site] &= spins[site] == spins[strips.after(site, axis)]

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

    def __init__(self, stream: Stream, p: float | None = None) -> None:
        self.stream, self.p = stream, p
        self.words: list[int] = []

    def word(self) -> int:
        """Give the next word: fair bits, or bits that are 1 with probability p."""
        if not self.words:
            fair = self.p is None
            plane = self.stream.plane() if fair else self._biased()
            self.words = plane.tolist()
        return self.words.pop(0)

    def _biased(self) -> Words:
        assert self.p is not None
        return biased_plane(self.stream, self.p)

    def bits(self) -> list[bool]:
        """Give the next word's bits."""
        word = self.word()
        return [bool(word >> i & 1) for i in range(64)]

    def below(self, n: int) -> int:
        """Give a uniform integer below n (Lemire)."""
        product = (self.word() >> 32) * n
        while product % 2**32 < (2**32 - n) % n:
            product = (self.word() >> 32) * n
        return product >> 32


@dataclass
class Flood:
    """A cluster that grows word by word; bonds are drawn when a word is touched."""

    strips: Strips
    spins: Spins
    sign: int
    bond_words: Pool
    grown: set[Site] = field(default_factory=set)
    pending: dict[Site, set[Site]] = field(default_factory=dict)
    bonds: dict[Site, list[list[bool]]] = field(default_factory=dict)
    stack: list[Site] = field(default_factory=list)

    @staticmethod
    def word_of(site: Site) -> Site:
        """Give the first site of the word that holds this one."""
        return site[0], site[1] - site[1] % 64

    def bond(self, site: Site, axis: int) -> bool:
        """Whether the coin of the bond from `site` along `axis` is 1."""
        word = self.word_of(site)
        if word not in self.bonds:
            axes = range(self.strips.ndim)
            self.bonds[word] = [self.bond_words.bits() for _ in axes]
        return self.bonds[word][axis][site[1] % 64]

    def is_open(self, site: Site) -> bool:
        """Whether a site can still join."""
        return bool(self.spins[site] == self.sign) and site not in self.grown

    def reach(self, sites: list[Site]) -> None:
        """Put the open ones of some sites of one word on the list."""
        sites = [site for site in sites if self.is_open(site)]
        if sites:
            word = self.word_of(sites[0])
            if not self.pending.get(word):
                self.stack.append(word)
            self.pending.setdefault(word, set()).update(sites)

    def grow(self, word: Site) -> None:
        """Join the pending sites of a word and all their runs, reach its neighbours."""
        row, first = word
        last = min(first + 63, self.strips.width - 1)
        new = self.pending.pop(word)
        self.bond(word, 0)  # touch
        runs = [[(row, first)]]
        for x in range(first, last):
            same = self.spins[row, x] == self.spins[row, x + 1] == self.sign
            if same and self.bond((row, x), 0):
                runs[-1].append((row, x + 1))
            else:
                runs.append([(row, x + 1)])
        added = [s for run in runs if new.intersection(run) for s in run]
        self.grown.update(added)
        for axis in range(self.strips.ndim):
            ahead = [s for s in added if axis > 0 or s[1] == last]
            self.reach(
                [self.strips.after(s, axis) for s in ahead if self.bond(s, axis)]
            )
            behind = [s for s in added if axis > 0 or s[1] == first]
            back = [self.strips.after(s, axis, -1) for s in behind]
            self.reach([s for s in back if self.is_open(s) and self.bond(s, axis)])


def wolff(
    strips: Strips, spins: Spins, aligned: Mask, pools: tuple[Pool, Pool, Pool]
) -> int:
    """One cluster in place; pools: seeds, bonds, ghost. Returns its size."""
    seeds, bond_words, ghost_words = pools
    seed = divmod(seeds.below(spins.size), strips.width)
    flood = Flood(strips, spins, int(spins[seed]), bond_words)
    flood.reach([seed])
    while flood.stack:
        flood.grow(flood.stack.pop())
    held = False
    if ghost_words.p:
        for word in flood.bonds:
            mine = [site for site in flood.grown if flood.word_of(site) == word]
            if mine:
                coins = ghost_words.bits()
                held |= any(aligned[site] and coins[site[1] % 64] for site in mine)
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
) -> tuple[Integers, Integers, Floats, Floats, Integers]:
    """One chain, spins (*shape) in place: bonds, magnetization, m2, m4, visited."""
    strips = Strips(shape, K)
    p_bond, p_ghost = bond_probability(abs(K)), bond_probability(abs(h))
    mapped = spins.reshape(strips.sublattice.shape) * strips.sublattice.astype(np.int8)
    rows: list[tuple[int, int, float, float, int]] = []
    for _ in range(draws):
        pools = Pool(stream), Pool(stream, p_bond), Pool(stream, p_ghost)
        visited, m2, m4 = 0, math.nan, math.nan
        for _ in range(thin if method == SWENDSEN_WANG else thin * clusters_per_sweep):
            aligned = mapped * strips.sublattice == (1 if h > 0 else -1)
            if method == SWENDSEN_WANG:
                m2, m4 = swendsen_wang(strips, mapped, aligned, p_bond, p_ghost, stream)
                visited += mapped.size
            else:
                visited += wolff(strips, mapped, aligned, pools)
        if method == WOLFF and h == 0:
            m2 = visited / (float(thin * clusters_per_sweep) * mapped.size)
        spins[...] = (mapped * strips.sublattice).reshape(shape)
        wide = spins.astype(np.int64)
        bonds = sum(
            int((wide * np.roll(wide, -1, axis=axis)).sum())
            for axis in range(len(shape))
        )
        rows.append((bonds, int(wide.sum()), m2, m4, visited))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return columns[0], columns[1], columns[2], columns[3], columns[4]
