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
