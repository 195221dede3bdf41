"""The transfer matrix kernels in C against their readable twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgdl import _core, _reference

widths = st.integers(1, 7)
seeds = st.integers(0, 2**32)


def close(a, b):
    return np.allclose(a, b, rtol=1e-12, atol=1e-300)


@given(width=widths, seed=seeds, fraction=st.sampled_from([1.0, 0.5]))
def test_column_weights_equal_twin(width, seed, fraction):
    across, field = np.random.default_rng(seed).normal(size=(2, width))
    weights, peak = _core.column_weights(across, field, fraction, 2)
    expected, expected_peak = _reference.column_weights(across, field, fraction)
    assert close(weights, expected)
    assert close(peak, expected_peak)
    assert weights.max() == 1


@given(
    width=widths,
    seed=seeds,
    parity=st.sampled_from([0, 1, -1]),
    rows=st.integers(1, 3),
    diagonals=st.tuples(st.booleans(), st.booleans()),
)
def test_transfer_apply_equals_twin(width, seed, parity, rows, diagonals):
    rng = np.random.default_rng(seed)
    n = 1 << (width - (parity != 0))
    vectors, along = rng.random((rows, n)), rng.normal(size=width)
    before, after = (rng.random(n) if asked else None for asked in diagonals)
    expected = _reference.transfer_apply(vectors, along, parity, before, after)
    result = vectors.copy()
    _core.transfer_apply(result, along, parity, before, after, 2)
    assert np.allclose(result, expected, rtol=1e-12, atol=1e-12)
    along[-1] += 0.01
    broken = _reference.transfer_apply(vectors, along, parity, before, after)
    assert not np.allclose(result, broken, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("parity", [0, 1, -1])
def test_wide_columns_do_not_depend_on_workers(parity):
    rng = np.random.default_rng(5)
    width, n = 15, 1 << (15 - (parity != 0))
    vectors, along, factors = rng.random((2, n)), rng.normal(size=width), rng.random(n)
    results = []
    for workers in (1, 2, 3, 7):
        result = vectors.copy()
        _core.transfer_apply(result, along, parity, factors, factors, workers)
        results.append(result)
    assert all((result == results[0]).all() for result in results)
    # one site after the other, in NumPy
    expected = vectors * factors
    for site, coupling in enumerate(along):
        pair = [np.exp(coupling - abs(coupling)), np.exp(-coupling - abs(coupling))]
        if parity and site == width - 1:
            expected = pair[0] * expected + parity * pair[1] * expected[:, ::-1]
        else:
            view = expected.reshape(2, -1, 2, 1 << site)
            flipped = view[:, :, ::-1]
            expected = (pair[0] * view + pair[1] * flipped).reshape(2, n)
    assert np.allclose(results[0], expected * factors, rtol=1e-13)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 3), (3, 3), (5, 2), (3, 4)])
@pytest.mark.parametrize(("same", "other"), [(1.0, 0.3), (0.4, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("stride", [0, 1, 13])
def test_torus_sum_equals_twin(shape, same, other, stride):
    counts = _core.torus_sum(*shape, same, other, stride, 2)
    expected = _reference.torus_sum(*shape, same, other, stride)
    assert close(counts, expected)
    assert (_core.torus_sum(*shape, same, other, stride, 1) == counts).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _core.column_weights(np.zeros(3), np.zeros(2), 1.0, 1), "field must"),
        (lambda: _core.column_weights(np.zeros(21), np.zeros(21), 1.0, 1), "1 to 20"),
        (lambda: _core.column_weights(np.zeros(0), np.zeros(0), 1.0, 1), "1 to 20"),
        (
            lambda: _core.transfer_apply(np.ones((1, 8)), np.ones(2), 0, None, None, 1),
            "vectors must have 4 columns, got 8",
        ),
        (
            lambda: _core.transfer_apply(np.ones((1, 4)), np.ones(2), 2, None, None, 1),
            "parity",
        ),
        (
            lambda: _core.transfer_apply(
                np.ones((1, 4)), np.ones(2), 0, np.ones(3), None, 1
            ),
            "before must have 4 values, got 3",
        ),
        (lambda: _core.torus_sum(3, 13, 1.0, 1.0, 0, 1), "RG_ERR_ARGUMENT"),
        (lambda: _core.torus_sum(1, 3, 1.0, 1.0, 0, 1), "RG_ERR_ARGUMENT"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
