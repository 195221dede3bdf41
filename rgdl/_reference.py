"""Readable twins of the C kernels: what each computes, state by state, site by site.

Slow on purpose. Tests compare every kernel with its twin here; notebooks may show them.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = [
    "Stream",
    "biased_plane",
    "column_weights",
    "decimate",
    "exp",
    "exp_minus",
    "ising_block",
    "ising_enumerate",
    "ising_sums",
    "log",
    "lookup_product",
    "majority",
    "normals",
    "permutation",
    "rbm_batch",
    "rbm_free_energies",
    "rbm_gibbs",
    "site_groups",
    "states_count",
    "states_sums",
    "states_table",
    "terms_sums",
    "threshold_bits",
    "torus_sum",
    "transfer_apply",
    "unit_draws",
    "unit_means",
    "update_group",
    "walsh_hadamard",
]

Floats = npt.NDArray[np.float64]
Spins = npt.NDArray[np.int8]
Words = npt.NDArray[np.uint64]

# ---- random streams (rg_rng.c) -------------------------------------------------------

PURPOSE_TIES = 3

_MASK = (1 << 64) - 1
_FOLD = (0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1)


def _mix64(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def _rotate_left(x: int, k: int) -> int:
    return (x << k | x >> (64 - k)) & _MASK


class Stream:
    """Keyed xoshiro256++ in 8 lanes; a plane is the next 512 bits as 8 words."""

    def __init__(self, key: Words, purpose: int, index: int) -> None:
        self.lanes: list[list[int]] = [[] for _ in range(8)]
        for fold in _FOLD:
            common = fold
            for word in (*key.tolist(), purpose, index):
                common = _mix64((common ^ word) + fold & _MASK)
            for number, lane in enumerate(self.lanes):
                lane.append(_mix64((common ^ number) + fold & _MASK))

    def plane(self) -> Words:
        """One step of every lane."""
        return np.array([self._step(lane) for lane in self.lanes], dtype=np.uint64)

    @staticmethod
    def _step(s: list[int]) -> int:
        result = _rotate_left(s[0] + s[3] & _MASK, 23) + s[0] & _MASK
        t = s[1] << 17 & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = _rotate_left(s[3], 45)
        return result


# ---- exact references (rg_exact.c) ---------------------------------------------------


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


# ---- block spins (rg_block.c) --------------------------------------------------------


def decimate(spins: Spins, b: int) -> Spins:
    """First site of every block of b per axis; spins is (n, *shape)."""
    keep = (slice(None), *(slice(None, None, b) for _ in spins.shape[1:]))
    return np.ascontiguousarray(spins[keep])


def majority(spins: Spins, b: int, key: Words) -> Spins:
    """Sign of every block sum.

    The tie of block t of configuration c goes by bit c % 512 of plane t of the stream
    (key, ties, c // 512): word c % 512 // 64, bit c % 64; set means up.
    """
    n, *shape = spins.shape
    coarse = np.zeros((n, *(extent // b for extent in shape)), dtype=np.int8)
    for group in range(0, n, 512):
        stream = Stream(key, PURPOSE_TIES, group // 512)
        for block in np.ndindex(*coarse.shape[1:]):
            plane = stream.plane().tolist()
            within = (slice(None), *(slice(b * x, b * x + b) for x in block))
            sums = spins[within].reshape(n, -1).sum(axis=1, dtype=int)
            for c in range(group, min(group + 512, n)):
                coin = plane[c % 512 // 64] >> (c % 64) & 1
                up = sums[c] > 0 or (sums[c] == 0 and coin == 1)
                coarse[(c, *block)] = 1 if up else -1
    return coarse


# ---- elementary functions and draws that decide bits (rg_math.h, rg_draw.c) ----------

_LN2_HI, _LN2_LO = (
    float.fromhex("0x1.62e42feep-1"),
    float.fromhex("0x1.a39ef35793c76p-33"),
)
_LOG2_E = float.fromhex("0x1.71547652b82fep+0")


def exp(x: float) -> float:
    """exp(x): x = n ln 2 + r, Taylor's series in r, scaled by 2^n."""
    x = min(max(x, -708.0), 709.0)
    n = round(x * _LOG2_E)  # half to even, as adding 1.5 * 2^52 does
    r = (x - n * _LN2_HI) - n * _LN2_LO
    p = 1.0 / math.factorial(13)
    for k in range(12, -1, -1):
        p = p * r + 1.0 / math.factorial(k)
    return math.ldexp(p, n)


def log(x: float) -> float:
    """Ln x: x = 2^n m, ln m = 2 artanh((m - 1) / (m + 1))."""
    m, n = math.frexp(x)
    m, n = 2.0 * m, n - 1
    if m > float.fromhex("0x1.6a09e667f3bcdp+0"):
        m, n = m * 0.5, n + 1
    f = (m - 1.0) / (m + 1.0)
    total = 0.0
    for k in range(23, 0, -2):
        total = total * (f * f) + 1.0 / k
    return n * _LN2_HI + (2.0 * f * total + n * _LN2_LO)


def _words(stream: Stream) -> Iterator[int]:
    while True:
        yield from stream.plane().tolist()


def normals(stream: Stream, n: int) -> Floats:
    """Draw standard normal deviates by the polar method."""
    words = _words(stream)
    out: list[float] = []
    while len(out) < n:
        x, y = (((next(words) >> 11) + 0.5) * 2.0**-52 - 1.0 for _ in range(2))
        s = x * x + y * y
        if 0 < s < 1:
            scale = math.sqrt(-2.0 * log(s) / s)
            out += [x * scale, y * scale]
    return np.array(out[:n])


def permutation(stream: Stream, n: int) -> npt.NDArray[np.uint32]:
    """Fisher-Yates, bounds by Lemire's method."""
    words = _words(stream)
    out: list[int] = []
    for i in range(n):
        bound = i + 1
        product = (next(words) >> 32) * bound
        while product % 2**32 < (2**32 - bound) % bound:
            product = (next(words) >> 32) * bound
        j = product >> 32
        out.append(i)
        out[i], out[j] = out[j], i
    return np.array(out, dtype=np.uint32)


# ---- heat-bath sampling, 512 replicas (rg_ising.c, rg_k_ising_tpl.h) -----------------

PURPOSE_SAMPLE, PURPOSE_START = 1, 2
GROUP_SITES, GROUP_PLANES = 64, 7

Mask = npt.NDArray[np.bool_]


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


# ---- Boltzmann machines (rg_lookup.h, rg_unit.h, rg_rbm.c) ---------------------------

PURPOSE_RBM_TRAIN, PURPOSE_RBM_GIBBS = 16, 17
PANEL, RBM_BLOCK = 16, 512

Reals = npt.NDArray[np.floating]


def lookup_product(x: Reals, weights: Reals, out: Reals) -> Reals:
    """Out + x W in the kernels' order: groups of four inputs, from the lowest."""
    out = out.copy()
    terms = [x[:, i, None] * weights[i] for i in range(len(weights))]
    terms += [np.zeros_like(out)] * (-len(terms) % 4)
    for g in range(0, len(terms), 4):
        out += ((terms[g] + terms[g + 1]) + terms[g + 2]) + terms[g + 3]
    return out


def exp_minus(a: Reals) -> Reals:
    """exp(-a), a >= 0, in float32 (series to r^7) or float64 (to r^13)."""
    real = a.dtype.type
    if real is np.float32:
        limit, log2e, order = 87.0, float.fromhex("0x1.715476p+0"), 7
        hi, lo = float.fromhex("0x1.63p-1"), -float.fromhex("0x1.bd0106p-13")
        magic = real(1.5 * 2**23)
    else:
        limit, log2e, order = 708.0, _LOG2_E, 13
        hi, lo = _LN2_HI, _LN2_LO
        magic = real(1.5 * 2**52)
    x = -np.minimum(a, real(limit))
    n = (x * real(log2e) + magic) - magic
    r = (x - n * real(hi)) - n * real(lo)
    p = np.full_like(r, real(1) / real(math.factorial(order)))
    for k in range(order - 1, -1, -1):
        p = p * r + real(1) / real(math.factorial(k))
    return np.ldexp(p, n.astype(np.int32))


def unit_means(x: Reals, spin: bool) -> Reals:
    """Tanh x (spin) or sigmoid x (binary)."""
    e = exp_minus(abs(x) + abs(x) if spin else abs(x))
    one = x.dtype.type(1)
    if spin:
        return np.copysign((one - e) / (one + e), x)
    return np.where(x < 0, e, one) / (one + e)


def unit_draws(x: Reals, spin: bool, stream: Stream) -> Mask:
    """Draw one panel of up to 16 units, row by row."""
    e = exp_minus(abs(x) + abs(x) if spin else abs(x))
    real = x.dtype.type
    rows = []
    for inputs, factor in zip(x, e, strict=True):
        if real is np.float32:
            fields = stream.plane().view(np.uint32)[: len(inputs)].astype(np.int64)
            u = (2 * (fields >> 9) + 1).astype(real) * real(2.0**-24)
        else:
            planes = np.concatenate([stream.plane(), stream.plane()])
            fields = (planes[: len(inputs)] >> np.uint64(12)).astype(np.int64)
            u = (2 * fields + 1).astype(real) * real(2.0**-53)
        rows.append((u + u * factor < real(1)) ^ (inputs < 0))
    return np.array(rows)


def _layer_inputs(given: Reals, weights: Reals, bias: Reals) -> Reals:
    return lookup_product(given, weights, np.tile(bias, (len(given), 1)))


def _values(up: Mask, spin: bool, real: type) -> Reals:
    return np.asarray(np.where(up, real(1), real(-1 if spin else 0)))


def _draw_layer(
    given: Reals,
    weights: Reals,
    bias: Reals,
    spin: bool,
    key: Words,
    purpose: int,
    first_index: int,
) -> Reals:
    """Draw a whole layer; panel p draws from stream index first_index | p."""
    x = _layer_inputs(given, weights, bias)
    panels = []
    for p in range(-(-x.shape[1] // PANEL)):
        stream = Stream(key, purpose, first_index | p)
        panels.append(unit_draws(x[:, p * PANEL : (p + 1) * PANEL], spin, stream))
    return _values(np.concatenate(panels, axis=1), spin, x.dtype.type)


def rbm_gibbs(
    W: Reals, b: Reals, c: Reals, spin: bool, v: Reals, half_steps: int, key: Words
) -> tuple[Reals, Reals]:
    """Alternate draws of h and v, from v; at most 512 rows (one block)."""
    h = np.zeros((len(v), len(c)), dtype=W.dtype)
    for t in range(half_steps):
        if t % 2 == 0:
            h = _draw_layer(v, W, c, spin, key, PURPOSE_RBM_GIBBS, t << 20)
        else:
            v = _draw_layer(h, W.T, b, spin, key, PURPOSE_RBM_GIBBS, t << 20)
    return v, h


def _padded(x: Reals) -> Reals:
    """Rows filled up with zeros to a multiple of 64."""
    return np.pad(x, ((0, -len(x) % 64), (0, 0)))


def rbm_batch(
    parameters: tuple[Reals, Reals, Reals],
    velocities: tuple[Reals, Reals, Reals],
    spin: bool,
    v0: Reals,
    chains: Reals | None,
    k: int,
    learning_rate: float,
    momentum: float,
    l1: float,
    key: Words,
    step: int,
) -> Reals:
    """One batch of CD (chains None) or PCD, in place; returns the negative rows."""
    W, b, c = parameters
    vW, vb, vc = velocities
    real = W.dtype.type
    rate, keep = real(learning_rate), real(momentum)
    p0 = unit_means(_layer_inputs(v0, W, c), spin)
    v1 = v0 if chains is None else chains
    for t in range(2 * k):
        index = step << 32 | t << 20
        if t % 2 == 0:
            h = _draw_layer(v1, W, c, spin, key, PURPOSE_RBM_TRAIN, index)
        else:
            v1 = _draw_layer(h, W.T, b, spin, key, PURPOSE_RBM_TRAIN, index)
    p1 = unit_means(_layer_inputs(v1, W, c), spin)

    n0, n1 = (v0 > 0).sum(axis=0), (v1 > 0).sum(axis=0)
    difference = n0.astype(real) / real(len(v0)) - n1.astype(real) / real(len(v1))
    vb[:] = keep * vb + rate * (real(2 if spin else 1) * difference)
    b += vb

    f0 = rate / real(len(v0)) * p0
    f1 = -rate / real(len(v1)) * p1
    vc *= keep
    for row in (*f0, *f1):
        vc += row
    c += vc

    x = np.concatenate([_padded(v0), _padded(v1)]).T
    factors = np.concatenate([_padded(f0), _padded(f1)])
    vW[:] = lookup_product(x, factors, keep * vW - rate * real(l1) * np.sign(W))
    W += vW
    return v1


# ---- transfer matrices (rg_transfer.c) -----------------------------------------------


def _column_spins(width: int) -> Floats:
    """Spins of all states of a column, (2^width, width)."""
    states = np.arange(1 << width)
    up = states[:, None] >> np.arange(width) & 1
    return np.asarray(2 * up - 1, dtype=np.float64)


def column_weights(
    across: Floats, field: Floats, fraction: float
) -> tuple[Floats, float]:
    """exp(fraction E - peak) of all states of a column."""
    s = _column_spins(len(across))
    exponents = fraction * (s * np.roll(s, -1, axis=1) @ across + s @ field)
    if len(across) == 1:  # no bond from a site to itself
        exponents = fraction * (s @ field)
    peak = float(exponents.max())
    return np.asarray(np.exp(exponents - peak)), peak


def transfer_apply(
    vectors: Floats,
    along: Floats,
    parity: int,
    before: Floats | None,
    after: Floats | None,
) -> Floats:
    """After * V * before * vectors with the whole matrix V of two columns' states."""
    s = _column_spins(len(along))
    matrix = np.exp((s * along) @ s.T - np.abs(along).sum())
    if parity:  # the states with the last spin down, and their mirror images
        half = len(s) // 2
        matrix = matrix[:half, :half] + parity * matrix[:half, : half - 1 : -1]
    result = vectors * (1 if before is None else before) @ matrix
    return np.asarray(result * (1 if after is None else after))


def torus_sum(
    length: int, width: int, same: float, other: float, stride: int
) -> Floats:
    """Weights of all configurations by up spins + stride * unequal bonds."""
    n = length * width
    counts: Floats = np.zeros(1 + n + stride * 2 * n)
    for state in range(1 << n):
        s = (state >> np.arange(n) & 1).reshape(length, width)
        unequal = sum(int((s != np.roll(s, 1, axis)).sum()) for axis in (0, 1))
        place = int(s.sum()) + stride * unequal
        counts[place] += same ** (2 * n - unequal) * other**unequal
    return counts


# ---- any model: terms and states (rg_terms.c, rg_enumerate.c) ------------------------


def terms_sums(
    spins: Spins,
    sites: npt.NDArray[np.uint32],
    starts: Words,
    values: Floats,
    fields: Floats,
) -> Floats:
    """Add values times products of spins, spins, and fields times spins."""
    rows = []
    for s in spins.reshape(-1, len(fields)).astype(int):
        bonds = 0.0
        for t, value in enumerate(values):
            members = sites[int(starts[t]) : int(starts[t + 1])]
            bonds += float(value) * math.prod(int(s[i]) for i in members)
        rows.append((bonds, float(s.sum()), float(fields @ s)))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _lane_energies(
    n_sites: int, masks: Words, values: npt.NDArray[np.generic]
) -> list[float]:
    """Sum of couplings times products for all states: 64 lanes below high spins."""
    result = []
    for state in range(1 << n_sites):
        high, lane = divmod(state, 64)
        downs = [(int(mask) & ~high).bit_count() for mask in masks]
        row = values[:, lane].tolist()
        result.append(sum((-1) ** d * v for d, v in zip(downs, row, strict=True)))
    return result


def states_count(
    n_sites: int,
    masks: Words,
    values: npt.NDArray[np.int32],
    offset: int,
    n_bins: int,
) -> npt.NDArray[np.uint32]:
    """Count states by offset + sum of values times products + spins up."""
    counts = np.zeros(n_bins, dtype=np.uint32)
    for state, bonds in enumerate(_lane_energies(n_sites, masks, values)):
        counts[offset + int(bonds) + state.bit_count()] += 1
    return counts


def states_table(
    masks: Words, values: Floats, scale: float, constant: float, fields: Floats
) -> Floats:
    """H of all states; bit i of the index = spin i is up."""
    n = len(fields)
    bonds = np.array(_lane_energies(n, masks, values))
    field = np.array([fields @ _spins_of(state, n) for state in range(1 << n)])
    return np.asarray(-(scale * bonds + field + constant))


def states_sums(
    masks: Words, values: Floats, scale: float, constant: float, fields: Floats
) -> tuple[float, Floats]:
    """Give the largest -H, and sums over all states as one block."""
    n = len(fields)
    minus_h = -states_table(masks, values, scale, constant, fields)
    bonds = np.array(_lane_energies(n, masks, values))
    top = float(minus_h.max())
    x = minus_h - top
    weights = np.exp(x)
    up = np.array([state.bit_count() for state in range(1 << n)])
    by_up = [float(weights[up == count].sum()) for count in range(n + 1)]
    means = [float(np.sum(weights * f)) for f in (x, x * x, bonds)]
    return top, np.array([[*means, *by_up]])
