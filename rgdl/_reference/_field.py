"""Local updates of any list of terms, 512 replicas (rg_field.c, rg_k_field_tpl.h)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rgdl._reference._ising import _bits, threshold_bits
from rgdl._reference._rbm import exp_minus
from rgdl._reference._streams import _MASK, Floats, Mask, Stream, exp

FIELD_PLANES, FIELD_WIDTH, SLOT_BITS, MOST_COUNTED = 10, 512, 4, 15
HEATBATH, METROPOLIS, LOCAL = 0, 1, 2

#: A term: its value and its sites.
Term = tuple[float, tuple[int, ...]]


@dataclass(frozen=True)
class Link:
    """A term as a site sees it: size, sign and the other sites."""

    size: float
    positive: bool
    others: tuple[int, ...]

    def up(self, state: Mask) -> Mask:
        """Where the term wants the site up; state: (sites, 512)."""
        product = np.full(FIELD_WIDTH, self.positive)
        for site in self.others:
            product = product == state[site]
        return product


def links_of(terms: list[Term], fields: Floats, site: int) -> tuple[list[Link], float]:
    """Return the couplings around a site, in order, and its field."""
    links, h = [], float(fields[site])
    for value, sites in terms:
        if site in sites and len(sites) == 1:
            h += value
        elif site in sites and value != 0:
            others = tuple(x for x in sites if x != site)
            links.append(Link(abs(value), value > 0, others))
    return links, h


def slots_of(links: list[Link]) -> list[tuple[int, int, list[Link]]] | None:
    """Give each size of links bits of a slot: (first bit, width, links), or None."""
    if len(links) > MOST_COUNTED:
        return None
    groups, bits = [], 0
    for size in sorted({link.size for link in links}, reverse=True):
        same = [link for link in links if link.size == size]
        groups.append((bits, len(same).bit_length(), same))
        bits += len(same).bit_length()
    return groups if bits <= SLOT_BITS else None


def _words(stream: Stream, n: int) -> list[int]:
    planes = [stream.plane() for _ in range(-(-n // 8))]
    return [int(word) for plane in planes for word in plane][:n]


def _update_in_planes(
    state: Mask,
    site: int,
    groups: list[tuple[int, int, list[Link]]],
    h: float,
    metropolis: bool,
    stream: Stream,
) -> None:
    """Find the first set bit of Z = U xor t: it names the bit of t that decides."""
    field = np.full(FIELD_WIDTH, 0.0 if metropolis else h)
    for _, _, links in groups:
        with_it = sum(
            ((state[site] == link.up(state)) if metropolis else link.up(state)).astype(
                int
            )
            for link in links
        )
        field += links[0].size * (2.0 * with_it - len(links))
    planes = [_bits(stream.plane()) for _ in range(FIELD_PLANES)]
    undecided = ~np.any(planes, axis=0)
    first: list[int] = np.argmax(planes, axis=0).tolist()
    open_: list[int] = np.flatnonzero(undecided).tolist()
    for replica, word in zip(open_, _words(stream, len(open_)), strict=True):
        z = word >> FIELD_PLANES
        first[replica] = 64 - z.bit_length() if z else 64
    for replica in range(FIELD_WIDTH):
        f = float(field[replica])
        if metropolis:
            p = exp(-2.0 * f) if f > 0 else 1.0
        else:
            p = 1.0 / (1.0 + exp(-2.0 * f))
        below = threshold_bits(p)[first[replica]]
        state[site, replica] = (state[site, replica] != below) if metropolis else below


def _lane_uniforms(stream: Stream) -> npt.NDArray[np.int64]:
    """Draw 23-bit fields: lane e of vector c of word w (rg_k_field_tpl.h)."""
    planes = np.array([stream.plane() for _ in range(32)]).view(np.uint32)
    r = np.arange(FIELD_WIDTH)
    w, half, c, e = r // 64, r % 64 // 32, r % 32 // 8, r % 8
    heads: npt.NDArray[np.int64] = planes[4 * w + c, 2 * e + half].astype(np.int64) >> 9
    return heads


def _update_in_lanes(
    state: Mask,
    site: int,
    links: list[Link],
    h: float,
    metropolis: bool,
    stream: Stream,
) -> None:
    """Decide in fixed point and float32, in float64 where that is too near."""
    head = _lane_uniforms(stream)
    total = abs(h)
    for link in links:
        total += link.size
    exponent = math.frexp(total)[1] if total > 2.0**-80 else -80
    unit = math.ldexp(1.0, exponent - 29)
    margin = np.float32(2.0**-19) + np.float32((len(links) + 1) * unit)
    ups = [link.up(state) for link in links]
    sizes = [round(link.size / unit) for link in links]
    total_field = np.full(FIELD_WIDTH, round(h / unit) - sum(sizes))
    for up, size in zip(ups, sizes, strict=True):
        total_field += 2 * size * up
    x = total_field.astype(np.int32).astype(np.float32) * np.float32(unit)
    u = (2 * head + 1).astype(np.float32) * np.float32(2.0**-24)
    own = state[site].copy()
    down = x < 0
    if metropolis:
        cost = np.maximum(np.where(own, x, -x), np.float32(0))
        distance = u - exp_minus(cost + cost)
    else:
        distance = (u + u * exp_minus(abs(x) + abs(x))) - np.float32(1)
    below = distance < 0
    near = np.flatnonzero(abs(distance) < margin)
    for replica, word in zip(near, _words(stream, len(near)), strict=True):
        field = h
        for link, up in zip(links, ups, strict=True):
            field += link.size if up[replica] else -link.size
        if metropolis:
            against = field if own[replica] else -field
            p = exp(-2.0 * against) if against > 0 else 1.0
        else:
            p = 1.0 / (1.0 + exp(-2.0 * (-field if down[replica] else field)))
        t = round(math.ldexp(p, 64))
        uniform = int(head[replica]) << 41 | word >> 23
        below[replica] = uniform < t or t > _MASK
    state[site] = own != below if metropolis else below != down


def field_sweep(
    state: Mask, terms: list[Term], fields: Floats, metropolis: bool, stream: Stream
) -> None:
    """One sweep in C order, in place; state: (sites, 512), True is spin +1."""
    for site in range(len(state)):
        links, h = links_of(terms, fields, site)
        field_link = [Link(abs(h), h > 0, ())] if metropolis and h else []
        groups = slots_of(links + field_link)
        if groups is None:
            _update_in_lanes(state, site, links, h, metropolis, stream)
        else:
            _update_in_planes(state, site, groups, h, metropolis, stream)


def field_sums(state: Mask, terms: list[Term]) -> tuple[Floats, Floats]:
    """Add values times products and spins, sizes in ascending order."""
    spins = np.where(state, 1.0, -1.0)
    bonds = np.zeros(FIELD_WIDTH)
    for size in sorted({abs(value) for value, _ in terms}):
        total = np.zeros(FIELD_WIDTH)
        for value, sites in terms:
            if abs(value) == size:
                sign = 1.0 if value >= 0 else -1.0
                total += sign * np.prod(spins[list(sites)], axis=0)
        bonds += size * total
    return bonds, spins.sum(axis=0)


def field_chains(
    state: Mask,
    terms: list[Term],
    fields: Floats,
    K: float,
    method: int,
    sweeps: int,
    stream: Stream,
) -> tuple[Floats, Floats]:
    """Return the sums after each sweep, (512, sweeps); `state` is changed."""
    reduced = [(K * value, sites) for value, sites in terms]
    draws = []
    for sweep in range(sweeps):
        metropolis = method == METROPOLIS or (method == LOCAL and sweep % 8 != 7)
        field_sweep(state, reduced, fields, metropolis, stream)
        draws.append(field_sums(state, terms))
    bonds, up = (np.array(column).T for column in zip(*draws, strict=True))
    return bonds, up
