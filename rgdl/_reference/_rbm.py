"""Boltzmann machines (rg_lookup.h, rg_unit.h, rg_rbm.c)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


@dataclass
class TrainOptions:
    """Options and running state of a training beside its parameters (rg_rbm.h)."""

    learning_rate: float = 0.05
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    visible_offset: Reals | None = None
    hidden_offset: Reals | None = None
    offset_rate: float = 0.0
    hidden_average: Reals | None = None
    sparsity_target: float = 0.0
    sparsity_cost: float = 0.0
    sparsity_decay: float = 0.0


def _row_sum(share: Reals, rows: Reals) -> Reals:
    total: Reals = np.zeros_like(rows[0])
    for weight, row in zip(share, rows, strict=True):
        total += weight * row
    return total


def _hidden_statistics(o: TrainOptions, mean0: Reals, mean1: Reals) -> Reals:
    """Update what outlives the batch; return the gradient of c."""
    real = mean0.dtype.type
    gradient = mean0 - mean1
    if o.hidden_offset is not None:
        o.hidden_offset += real(o.offset_rate) * (mean0 - o.hidden_offset)
    if o.hidden_average is not None:
        q = o.hidden_average
        q += real(1 - o.sparsity_decay) * (mean0 - q)
        gradient += real(o.sparsity_cost) * (real(o.sparsity_target) - q)
    return gradient


def _halves(x: Reals) -> Reals:
    """Sum 16 columns by adding halves."""
    while x.shape[1] > 1:
        half = x.shape[1] // 2
        x = x[:, :half] + x[:, half:]
    return np.asarray(x[:, 0])


def _shifts(vW: Reals, mu: Reals, lam: Reals) -> tuple[Reals, Reals]:
    """V lambda and V' mu in the kernels' order of summation."""
    n_hidden = vW.shape[1]
    wide = np.pad(vW * lam, ((0, 0), (0, -n_hidden % PANEL)))
    up = np.zeros_like(mu)
    for p in range(0, n_hidden, PANEL):
        up += _halves(wide[:, p : p + PANEL])
    return up, _row_sum(mu, vW)


def _visible_fractions(
    on: Reals, share: Reals, n0: int, weighted: bool
) -> tuple[Reals, Reals]:
    """How often each visible unit is on: among the data, among the negative rows."""
    real = on.dtype.type
    if not weighted:
        n1 = len(on) - n0
        return on[:n0].sum(axis=0) / real(n0), on[n0:].sum(axis=0) / real(n1)
    sides = np.zeros((len(on), 2), real)
    sides[:n0, 0], sides[n0:, 1] = share[:n0], share[n0:]
    zeros = np.zeros((on.shape[1], 2), real)
    out = lookup_product(np.ascontiguousarray(on.T), sides, zeros)
    return out[:, 0], out[:, 1]


def _negative_phase(
    parameters: tuple[Reals, Reals, Reals],
    spin: bool,
    v: Reals,
    h: Reals | None,
    k: int,
    key: Words,
    step: int,
) -> tuple[Reals, Reals | None]:
    """Rows v1 from the data (CD, h None) or the chains' h; PCD's next h."""
    W, b, c = parameters
    persistent = h is not None
    if k == 0:
        return v, h
    for t in range(1 if persistent else 0, 2 * k + (1 if persistent else 0)):
        index = step << 32 | t << 20
        if t % 2 == 0:
            h = _draw_layer(v, W, c, spin, key, PURPOSE_RBM_TRAIN, index)
        else:
            assert h is not None
            v = _draw_layer(h, W.T, b, spin, key, PURPOSE_RBM_TRAIN, index)
    return v, h


def rbm_batch(
    parameters: tuple[Reals, Reals, Reals],
    velocities: tuple[Reals, Reals, Reals],
    spin: bool,
    v0: Reals,
    chains: tuple[Reals, Reals] | None,
    k: int,
    o: TrainOptions,
    key: Words,
    step: int,
    row_weights: npt.NDArray[np.float64] | None = None,
) -> tuple[Reals, Reals | None]:
    """One batch of CD (chains None) or PCD (chains v, h), in place; gives v1 and h."""
    W, b, c = parameters
    vW, vb, vc = velocities
    real = W.dtype.type
    rate, keep = real(o.learning_rate), real(o.momentum)
    v, h = (v0, None) if chains is None else chains
    v1, h = _negative_phase(parameters, spin, v, h, k, key, step)
    p0 = unit_means(_layer_inputs(v0, W, c), spin)
    p1 = unit_means(_layer_inputs(v1, W, c), spin)

    n0, n1 = len(v0), len(v1)
    weights = np.ones(n0) if row_weights is None else row_weights
    total = np.add.accumulate(weights)[-1]  # row by row
    share0 = (weights / total).astype(real)
    share1 = share0 if chains is None else np.full(n1, 1.0 / n1).astype(real)
    share = np.concatenate([share0, share1])

    on = (np.concatenate([v0, v1]) > 0).astype(real)
    f0, f1 = _visible_fractions(on, share, n0, row_weights is not None)
    vb[:] = keep * vb + rate * (real(2 if spin else 1) * (f0 - f1))
    mu, lam = o.visible_offset, o.hidden_offset
    if mu is not None:
        mu += real(o.offset_rate) * ((f0 + f0 - real(1) if spin else f0) - mu)

    mean0, mean1 = _row_sum(share0, p0), _row_sum(share1, p1)
    vc[:] = keep * vc + rate * _hidden_statistics(o, mean0, mean1)

    scale = np.concatenate([rate * share0, -rate * share1])[:, None]
    p = np.concatenate([p0, p1])
    factors = scale * (p if lam is None else p - lam)
    l1, l2 = rate * real(o.l1), rate * real(o.l2)
    vW[:] = (keep * vW - l1 * np.sign(W)) - l2 * W
    if mu is not None:
        vW -= mu[:, None] * (rate * (mean0 - mean1))
    x = np.concatenate([v0, v1]).T
    vW[:] = lookup_product(np.ascontiguousarray(x), factors, vW)
    W += vW
    if mu is None or lam is None:
        b += vb
        c += vc
    else:
        up, down = _shifts(vW, mu, lam)
        b += vb - up
        c += vc - down
    return v1, h


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
