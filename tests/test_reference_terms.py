"""Sums over terms and states in C against their readable twins."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgdl import _core, _reference


def random_states(seed, n):
    rng = np.random.default_rng(seed)
    n_groups = int(rng.integers(0, 6))
    masks = rng.integers(0, 1 << max(n - 6, 0), n_groups, dtype=np.uint64)
    return rng, masks, rng.integers(-3, 4, (n_groups, 64))


@given(n=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_states_equal_twins(n, seed):
    rng, masks, whole = random_states(seed, n)
    rows = ((n + 1) * whole).astype(np.int32)
    reach = (n + 1) * 3 * len(masks)
    counts = _core.states_count(n, masks, rows, reach, 2 * reach + n + 1, 1, None)
    twin = _reference.states_count(n, masks, rows, reach, 2 * reach + n + 1)
    assert (counts == twin).all()
    values, h = whole * 0.3, rng.normal(size=n)
    table = _core.states_table(masks, values, 0.7, 0.2, h, 1)
    expected = _reference.states_table(masks, values, 0.7, 0.2, h)
    np.testing.assert_allclose(table, expected, atol=1e-13)
    top, sums = _core.states_sums(masks, values, 0.7, 0.2, h, 1, None)
    twin_top, twin_sums = _reference.states_sums(masks, values, 0.7, 0.2, h)
    assert top == pytest.approx(twin_top, abs=1e-13)
    np.testing.assert_allclose(sums, twin_sums, rtol=1e-11, atol=1e-12)


@given(n=st.integers(1, 9), rows=st.integers(0, 3), seed=st.integers(0, 2**32))
def test_terms_sums_equal_twin(n, rows, seed):
    rng = np.random.default_rng(seed)
    lists = [rng.permutation(n)[: rng.integers(0, n + 1)] for _ in range(5)]
    sites = np.concatenate(lists).astype(np.uint32)
    starts = np.cumsum([0, *map(len, lists)]).astype(np.uint64)
    values = rng.choice([0.5, 1.5], size=5)
    spins = rng.choice(np.array([-1, 1], dtype=np.int8), size=(rows, n))
    arguments = (spins, sites, starts, values, rng.normal(size=n))
    np.testing.assert_allclose(
        _core.terms_sums(*arguments), _reference.terms_sums(*arguments), atol=1e-13
    )


@pytest.mark.parametrize(
    "name", ["terms_sums", "states_count", "states_sums", "states_table"]
)
def test_twins_have_the_signatures_of_the_kernels(name):
    kernel = list(inspect.signature(getattr(_core, name)).parameters)
    twin = list(inspect.signature(getattr(_reference, name)).parameters)
    assert [x for x in kernel if x not in ("workers", "progress")] == twin


U64, ROW = np.zeros(1, np.uint64), np.zeros((1, 64))
STARTS, ONE = np.array([0, 1], np.uint64), np.ones(1)
SITE, SPIN = np.zeros(1, np.uint32), np.ones(1, np.int8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: _core.states_table(U64, ROW, 1, 0, np.ones(29), 1),
            ValueError,
            "1 to 28",
        ),
        (
            lambda: _core.states_table(U64, ROW[:, :63].copy(), 1, 0, ONE, 1),
            ValueError,
            r"shape \(1, 64\)",
        ),
        (
            lambda: _core.states_table(U64 + np.uint64(1), ROW, 1, 0, ONE, 1),
            ValueError,
            "ARGUMENT",
        ),
        (
            lambda: _core.states_sums(U64, ROW.astype(int), 1, 0, ONE, 1, None),
            TypeError,
            "float64",
        ),
        (
            lambda: _core.states_count(29, U64, ROW.astype(np.int32), 0, 99, 1, None),
            ValueError,
            "ARGUMENT",
        ),
        (
            lambda: _core.states_count(3, U64, ROW.astype(np.int32), 0, 3, 1, None),
            ValueError,
            "VALUES",
        ),
        (
            lambda: _core.states_count(3, U64, ROW.astype(np.int32), 9, 9, 1, None),
            ValueError,
            "offset must be below",
        ),
        (
            lambda: _core.terms_sums(SPIN, SITE + np.uint32(1), STARTS, ONE, ONE),
            ValueError,
            "starts must ascend",
        ),
        (
            lambda: _core.terms_sums(SPIN, SITE, STARTS[:1], ONE, ONE),
            ValueError,
            "starts must ascend",
        ),
        (
            lambda: _core.terms_sums(SPIN, SITE, STARTS, ONE, np.ones(2)),
            ValueError,
            "whole configurations",
        ),
        (
            lambda: _core.terms_sums(SPIN * 2, SITE, STARTS, ONE, ONE),
            ValueError,
            "VALUES",
        ),
    ],
)
def test_kernels_refuse_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
