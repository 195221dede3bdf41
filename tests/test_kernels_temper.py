"""Parallel tempering: C against the twin, bit for bit; the exchange rule itself."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import _core
from rgdl import _reference as ref

KEY = np.array([1, 6, 1, 8], dtype=np.uint64)
LADDER = np.array([0.2, 0.5, 0.9])


def glass():
    J = np.triu(np.random.default_rng(2).normal(size=(5, 5)), 1)
    return rgdl.Ising(5, K=1, h=0.1, couplings=J + J.T)


def start(n_blocks, n_sites):
    n = len(LADDER)
    words = [_core.stream_planes(KEY, 2, b, n * n_sites) for b in range(n_blocks)]
    streams = _core.stream_states(KEY, 7, 0, 2 * n * n_blocks)
    shape = (n_blocks, n, n_sites, 8)
    return np.array(words).reshape(shape), streams.reshape(n_blocks, 2 * n, 4, 8)


def run(model, state, draws, thin=1, step=0, workers=1, shape=None):
    t = model._terms()
    arrays = (t.sites, t.starts, t.relative, t.h, LADDER, shape, 0.0)
    return _core.temper(*arrays, *state, step, draws, thin, workers, None)


def test_ladder_equals_the_twin(simd):
    model, steps = glass(), 4
    t = model._terms()
    ends = zip(t.starts[:-1], t.starts[1:], strict=True)
    sites = [tuple(t.sites[a:b].tolist()) for a, b in ends]
    terms = list(zip(t.relative.tolist(), sites, strict=True))
    words, streams = start(1, 5)
    bits = np.unpackbits(words[0].view(np.uint8), axis=-1, bitorder="little") == 1
    states = list(bits)
    expected = ref.temper(states, terms, t.h, LADDER.tolist(), steps, KEY)
    bonds, up, accepted, trips = run(model, (words, streams), steps)
    assert np.array_equal(bonds, expected)
    packed = np.packbits(np.array(states), axis=-1, bitorder="little").view(np.uint64)
    assert np.array_equal(words[0], packed)
    assert np.array_equal(up[:, :, -1], np.where(states, 1, -1).sum(axis=1))
    assert (accepted > 0).all()
    assert (accepted <= 512 * steps // 2).all()
    assert not trips[:, 2].any()  # a walker that has not been at the first K yet


@pytest.mark.parametrize("shape", [None, (4, 4)])
def test_workers_and_cuts_do_not_change_the_bits(simd, shape):
    model = rgdl.Ising((4, 4), K=1) if shape else glass()
    whole = start(2, model.n_sites)
    bonds, up, accepted, _ = run(model, whole, 9, 2, shape=shape)
    cut = start(2, model.n_sites)
    a = run(model, cut, 4, 2, workers=2, shape=shape)
    b = run(model, cut, 5, 2, step=8, workers=5, shape=shape)
    assert np.array_equal(np.concatenate([a[0], b[0]], axis=2), bonds)
    assert np.array_equal(np.concatenate([a[1], b[1]], axis=2), up)
    assert np.array_equal(a[2] + b[2], accepted)
    assert all(np.array_equal(x, y) for x, y in zip(whole, cut, strict=True))


@pytest.mark.stat
def test_exchange_keeps_both_distributions():
    """One exchange from exact draws at both K, on the twin that C equals.

    chi^2 over the 7 levels of two spins' product ... of a 6-ring: 51,200 pairs, 5 sd;
    power: an exchange with the wrong sign must fail (it does by hundreds of sd).
    """
    model = rgdl.Ising(6, K=1)
    states = np.arange(64)[:, None] >> np.arange(6) & 1
    bonds = np.rint(-6 * model.energy(2 * states - 1)).astype(int)
    K_a, K_b = 0.2, 0.6
    rng = np.random.default_rng(4)
    p = [np.exp(K * bonds) / np.exp(K * bonds).sum() for K in (K_a, K_b)]
    n = 100
    a, b = (bonds[rng.choice(64, size=(n, 512), p=q)].astype(float) for q in p)

    def worst(sign):
        stream = ref.Stream(KEY, 7, 0)
        after = np.array(
            [
                np.where(
                    ref.exchange_mask(sign * K_a, sign * K_b, x, y, stream),
                    (y, x),
                    (x, y),
                )
                for x, y in zip(a, b, strict=True)
            ]
        )
        z = []
        for seen, q in zip((after[:, 0], after[:, 1]), p, strict=True):
            levels = np.unique(bonds)
            counts = np.array([(seen == level).sum() for level in levels])
            expected = n * 512 * np.array([q[bonds == x].sum() for x in levels])
            chi2 = ((counts - expected) ** 2 / expected).sum()
            z.append((chi2 - len(levels) + 1) / math.sqrt(2 * (len(levels) - 1)))
        return max(z)

    assert worst(1) < 5
    assert worst(-1) > 50  # broken twin: the wrong sign
