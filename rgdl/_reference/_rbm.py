"""Boltzmann machines (rg_lookup.h, rg_unit.h, rg_rbm.c)."""

import math

import numpy as np

from rgdl._reference._streams import (
    _LN2_HI,
    _LN2_LO,
    _LOG2_E,
    Mask,
    Reals,
    Stream,
    Words,
)

PURPOSE_RBM_TRAIN, PURPOSE_RBM_GIBBS, PURPOSE_RBM_AIS = 16, 17, 21
PANEL, RBM_BLOCK = 16, 512


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
    return _draw_inputs(x, spin, key, purpose, first_index)


def _draw_inputs(
    x: Reals, spin: bool, key: Words, purpose: int, first_index: int
) -> Reals:
    """Draw the units that have the inputs x."""
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


def rbm_anneal(
    W: Reals,
    b: Reals,
    c: Reals,
    base: Reals,
    spin: bool,
    betas: Reals,
    v: Reals,
    key: Words,
) -> tuple[Reals, Reals, Reals]:
    """Log weights, slopes (betas, chains) and last states; at most 64 rows (rg_ais)."""
    real = W.dtype.type
    difference = b.astype(float) - base
    log_weight, slopes = np.zeros(len(v)), []
    for k, beta in enumerate(betas):
        x = _layer_inputs(v, W, c)
        wide = x.astype(float)
        mean = np.tanh(beta * wide) if spin else 1 / (1 + np.exp(-beta * wide))
        field = v.astype(float) @ difference
        slopes.append((wide * mean).sum(axis=1) + field)
        if k + 1 == len(betas):
            break
        after = betas[k + 1]
        for sign, t in ((1, after), (-1, beta)):
            low = -t * wide if spin else np.zeros_like(wide)
            log_weight += sign * (np.logaddexp(t * wide, low).sum(axis=1) + t * field)
        t = real(after)
        h = _draw_inputs(x * t, spin, key, PURPOSE_RBM_AIS, 2 * k << 20)
        y = _layer_inputs(h, W.T, np.zeros_like(b))
        mixed = t * b + (real(1) - t) * base
        v = _draw_inputs(t * y + mixed, spin, key, PURPOSE_RBM_AIS, 2 * k + 1 << 20)
    return log_weight, np.array(slopes), v
