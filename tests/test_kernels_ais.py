"""Annealed chains in C against their readable twin."""

import numpy as np
import pytest

from rgdl import _core
from rgdl import _reference as ref

KEY = np.array([3, 1, 4, 15], dtype=np.uint64)
BETAS = np.array([0.0, 0.2, 0.2, 0.7, 1.0])


def machine(n_visible, n_hidden, dtype, density):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(n_visible, n_hidden)) * 0.3
    W *= rng.random(W.shape) < density
    parameters = W, rng.normal(size=n_visible) * 0.2, rng.normal(size=n_hidden) * 0.2
    base = rng.normal(size=n_visible) * 0.1
    return tuple(a.astype(dtype) for a in (*parameters, base))


def run(W, b, c, base, spin, bits, workers=1, betas=BETAS):
    visible = bits.copy()
    log_weight = np.zeros(len(bits))
    slope = np.zeros((len(betas), len(bits)))
    _core.rbm_anneal(
        W,
        W.T.copy(),
        b,
        c,
        base,
        spin,
        betas,
        visible,
        log_weight,
        slope,
        KEY,
        workers,
        None,
    )
    return log_weight, slope, visible


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spin", [True, False])
@pytest.mark.parametrize(
    ("n_visible", "n_hidden", "density"), [(70, 21, 1.0), (130, 33, 0.02)]
)
def test_rbm_anneal(simd, n_visible, n_hidden, density, spin, dtype):
    """States bit for bit; log weights and slopes to rounding."""
    W, b, c, base = machine(n_visible, n_hidden, dtype, density)
    v = np.random.default_rng(1).integers(0, 2, (9, n_visible)).astype(np.int8)
    bits = _core.pack(v, 0)
    start = (2 * v - 1 if spin else v).astype(dtype)
    log_weight, slope, visible = run(W, b, c, base, spin, bits)
    expected = ref.rbm_anneal(W, b, c, base, spin, BETAS, start, KEY)
    low = -1 if spin else 0
    assert np.array_equal(_core.unpack(visible, n_visible, low), expected[2])
    assert np.allclose(log_weight, expected[0], rtol=0, atol=1e-11)
    assert np.allclose(slope, expected[1], rtol=0, atol=1e-11)


def test_workers_do_not_matter():
    W, b, c, base = machine(130, 33, "float64", 0.02)
    v = np.random.default_rng(1).integers(0, 2, (200, 130)).astype(np.int8)
    bits = _core.pack(v, 0)
    one, three = (run(W, b, c, base, True, bits, workers=n) for n in (1, 3))
    for a, z in zip(one, three, strict=True):
        assert np.array_equal(a, z)
    part = run(W, b, c, base, True, bits[:64])
    assert np.array_equal(part[0], one[0][:64])


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"W": np.zeros((130, 33), int)}, TypeError, "weights must have dtype float32"),
        ({"b": np.zeros(129)}, ValueError, "must fit weights of shape"),
        ({"bits": np.zeros((4, 2), np.uint64)}, ValueError, "3 words per row"),
        ({"betas": np.zeros(0)}, ValueError, "."),
    ],
)
def test_bad_arguments(change, error, match):
    W, b, c, base = machine(130, 33, "float64", 0.02)
    arguments = {"W": W, "b": b, "c": c, "base": base, "spin": True}
    arguments["bits"] = np.zeros((4, 3), np.uint64)
    with pytest.raises(error, match=match):
        run(**(arguments | change))


@pytest.mark.parametrize("spin", [True, False])
def test_unit_sums_are_log_cosh_and_tanh_whatever_the_number_of_states(spin):
    rng = np.random.default_rng(0)
    bias = rng.normal(size=1100)
    for n_states in (1, 7, 8, 21):
        x = 3 * rng.normal(size=(1100, n_states))
        x[:3, 0] = 0.0, 800.0, -800.0
        y = x + bias[:, None]
        sums = _core.unit_sums(x, bias, spin)
        low = -y if spin else np.zeros_like(y)
        assert np.allclose(sums, np.logaddexp(y, low).sum(axis=0), rtol=1e-13)
        on = np.exp(y - np.logaddexp(y, low))
        assert np.allclose(x, 2 * on - 1 if spin else on, rtol=0, atol=1e-14)


def test_clamped_units_stay_and_records_end_in_the_last_state():
    rng = np.random.default_rng(1)
    W, b, c = 0.3 * rng.normal(size=(70, 33)), np.zeros(70), np.zeros(33)
    start = _core.pack(rng.integers(0, 2, (600, 70), dtype=np.int8), 0)
    mask = _core.pack((rng.random((1, 70)) < 0.4).astype(np.int8), 0)
    hidden = np.zeros((600, 1), dtype=np.uint64)

    def run(half_steps, first=0, visible=start, **options):
        states = visible.copy()
        _core.rbm_gibbs(
            W, b, c, True, states, hidden, True, half_steps, KEY, 17, first, 2, None,
            **options,
        )  # fmt: skip
        return states

    records = np.zeros((600, 3, 2), dtype=np.uint64)
    last = run(10, clamped=mask, records=records, record_every=2)
    assert np.array_equal(last & mask, start & mask)
    assert not np.array_equal(last, start)
    assert np.array_equal(records[:, 2], last)
    assert np.array_equal(records[:, 0], run(6, clamped=mask))
    # a step at a time, the clamped units put back by hand
    states = start
    for t in range(5):
        states = (run(2, 2 * t, states) & ~mask) | (start & mask)
    assert np.array_equal(states, last)
    with pytest.raises(ValueError, match="records must be"):
        run(4, records=records, record_every=2)
