"""Every exact and block kernel in C against its readable twin."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgdl import _core, _reference

KEY = np.array([1, 2**64 - 1, 3, 0], dtype=np.uint64)
shapes = st.lists(st.integers(2, 5), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**32)


def random_spins(seed, *shape):
    bits = np.random.default_rng(seed).integers(0, 2, shape, dtype=np.int8)
    return 2 * bits - 1


def test_stream_equals_twin():
    for purpose, index in [(1, 0), (3, 7), (17, 2**40)]:
        stream = _reference.Stream(KEY, purpose, index)
        expected = np.array([stream.plane() for _ in range(5)])
        assert (_core.stream_planes(KEY, purpose, index, 5) == expected).all()


@given(shape=shapes, n=st.integers(0, 4), seed=seeds)
def test_ising_sums_equal_twin(shape, n, seed):
    spins = random_spins(seed, n, *shape)
    sums = _core.ising_sums(spins, shape)
    assert sums.dtype == np.int64
    assert (sums == _reference.ising_sums(spins, shape)).all()


@pytest.mark.parametrize("shape", [(130,), (40, 40), (3, 100), (100, 3), (64, 65)])
def test_ising_sums_of_long_rows_equal_rolled_products(shape):
    spins = random_spins(0, 20, *shape).astype(int)
    bonds = sum(spins * np.roll(spins, -1, axis + 1) for axis in range(len(shape)))
    sums = _core.ising_sums(spins.astype(np.int8), shape)
    assert (sums[:, 0] == bonds.reshape(20, -1).sum(1)).all()
    assert (sums[:, 1] == spins.reshape(20, -1).sum(1)).all()


@given(n=st.integers(0, 6), seed=seeds)
def test_walsh_hadamard_equals_twin(n, seed):
    values = np.random.default_rng(seed).normal(size=1 << n)
    twin = values.copy()
    _core.walsh_hadamard(values)
    _reference.walsh_hadamard(twin)
    np.testing.assert_allclose(values, twin, atol=1e-14, rtol=0)


@given(
    n_visible=st.integers(1, 6),
    n_hidden=st.integers(0, 5),
    scale=st.sampled_from([0.1, 1.0, 300.0]),
    spin_units=st.booleans(),
    seed=seeds,
)
def test_rbm_free_energies_equal_twin(n_visible, n_hidden, scale, spin_units, seed):
    generator = np.random.default_rng(seed)
    weights = scale * generator.normal(size=(n_visible, n_hidden))
    b, c = generator.normal(size=n_visible), generator.normal(size=n_hidden)
    arguments = (weights, b, c, spin_units, 0, 1 << n_visible)
    expected = _reference.rbm_free_energies(*arguments)
    result = _core.rbm_free_energies(*arguments, 1)
    np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-13 * scale)


@pytest.mark.parametrize("spin_units", [True, False])
def test_rbm_free_energies_do_not_depend_on_range_or_workers(spin_units):
    generator = np.random.default_rng(3)
    weights, b, c = (generator.normal(size=s) for s in ((13, 7), 13, 7))
    whole = _core.rbm_free_energies(weights, b, c, spin_units, 0, 1 << 13, 1)
    for workers in (1, 2, 5):
        for start, stop in [(0, 1 << 13), (1, 5000), (1023, 1025), (4096, 8192)]:
            part = _core.rbm_free_energies(
                weights, b, c, spin_units, start, stop, workers
            )
            assert (part == whole[start:stop]).all()


@given(shape=shapes, n=st.integers(0, 3), seed=seeds, b=st.integers(1, 3))
def test_blocks_equal_twins(shape, n, seed, b):
    spins = random_spins(seed, n, *(b * extent for extent in shape[:2]))
    assert (_core.decimate(spins, b) == _reference.decimate(spins, b)).all()
    for ties in (0, 1):
        twin = _reference.majority(spins, b, ties, KEY)
        assert (_core.majority(spins, b, ties, KEY) == twin).all()
    twin = _reference.kadanoff(spins, b, 0.4, KEY)
    assert (_core.kadanoff(spins, b, 0.4, KEY) == twin).all()


def test_majority_equals_twin_in_three_dimensions():
    spins = random_spins(1, 3, 4, 2, 6)
    assert (
        _core.majority(spins, 2, 0, KEY) == _reference.majority(spins, 2, 0, KEY)
    ).all()
    assert (_core.decimate(spins, 2) == spins[:, ::2, ::2, ::2]).all()


@pytest.mark.parametrize(
    ("shape", "b"),
    [
        *[(shape, 2) for shape in [(4, 4), (2, 6), (6, 64), (4, 66), (4, 130)]],
        *[((6, 9), 3), ((3, 66), 3), ((4, 132), 4)],
    ],
)
def test_block_spins_of_bit_rows_equal_twin(simd, shape, b):
    spins = random_spins(5, 600, *shape)
    bits = _core.pack(spins.reshape(-1, shape[1]), -1).reshape(600, shape[0], -1)
    found = [_core.majority_rows(bits, shape[1], b, ties, KEY) for ties in (0, 1)]
    found.append(_core.kadanoff_rows(bits, shape[1], b, 0.4, KEY))
    found.append(_core.decimate_rows(bits, shape[1], b))
    twins = [_reference.majority(spins, b, ties, KEY) for ties in (0, 1)]
    twins.append(_reference.kadanoff(spins, b, 0.4, KEY))
    twins.append(_reference.decimate(spins, b))
    for coarse, twin in zip(found, twins, strict=True):
        rows = _core.unpack(coarse.reshape(-1, coarse.shape[2]), shape[1] // b, -1)
        assert (rows.reshape(twin.shape) == twin).all()


@pytest.mark.parametrize(
    ("shape", "widths", "b"),
    [
        ((4, 6), (2, 2), 2),
        ((4, 66), (4, 4), 2),
        ((2, 130), (1, 5), 2),
        ((6, 64), (3, 5), 2),
        ((6, 9), (3, 1), 3),
        ((4, 4), (6, 7), 2),  # wider than the lattice, and too large to look up
        ((6, 132), (5, 4), 2),
    ],
)
def test_filters_of_bit_rows_equal_twin(simd, shape, widths, b):
    """Bit for bit, though one looks fields up and compares integers."""
    spins = random_spins(7, 9, *shape)
    bits = _core.pack(spins.reshape(-1, shape[1]), -1).reshape(9, shape[0], -1)
    rng = np.random.default_rng(1)
    for scale in (0.3, 8.0):  # also fields beyond every threshold
        weights = scale * rng.normal(size=widths)
        first = [-((w - b) // 2) % n for w, n in zip(widths, shape, strict=True)]
        found = _core.filter_rows(bits, shape[1], b, weights, tuple(first), 0.1, KEY)
        twin = _reference.filter_blocks(spins, b, weights, 0.1, KEY)
        rows = _core.unpack(found.reshape(-1, found.shape[2]), shape[1] // b, -1)
        assert (rows.reshape(twin.shape) == twin).all()


@pytest.mark.parametrize("columns", [2, 6, 64, 66, 130, 192])
def test_turned_rows_of_bits_keep_every_second_site(columns):
    spins = random_spins(3, 5, 4, columns)
    bits = _core.pack(spins.reshape(-1, columns), -1).reshape(5, 4, -1)
    found = _core.turn_rows(bits, columns)
    rows = _core.unpack(found.reshape(-1, found.shape[2]), columns // 2, -1)
    rows = rows.reshape(5, 4, columns // 2)
    for x in range(4):
        assert (rows[:, x] == spins[:, x, x % 2 :: 2]).all()


def test_filters_of_rows_refuse_what_does_not_fit():
    bits = np.zeros((1, 4, 1), dtype=np.uint64)
    weights = np.ones((2, 2))
    for columns, b, first in ((5, 2, (0, 0)), (4, 3, (0, 0)), (4, 2, (4, 0))):
        with pytest.raises(ValueError, match=r"argument|bits must be"):
            _core.filter_rows(bits, columns, b, weights, first, 0.0, KEY)
    for columns in (3, 128):
        with pytest.raises(ValueError, match="even number of columns"):
            _core.turn_rows(bits, columns)


OPERATORS = (
    (((0, 0),),),
    (((0, 0), (0, 1)), ((0, 0), (1, 0))),
    (((0, 0), (2, 1)), ((0, 0), (-1, 2)), ((0, 0), (1, -2))),
    (((0, 0), (0, 1), (1, 0)), ((0, 0), (3, 5), (-7, 2))),
    (((0, 0), (0, 1), (1, 0), (1, 1)),),
    (((0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0)),),
)


@pytest.mark.parametrize(
    "shape", [(1, 2), (2, 2), (4, 4), (3, 5), (8, 63), (64, 64), (300, 7), (9, 100)]
)
def test_operator_sums_equal_twin(simd, shape):
    spins = random_spins(6, 5, *shape)
    bits = _core.pack(spins.reshape(-1, shape[1]), -1).reshape(5, shape[0], -1)
    products = [(a, p) for a, group in enumerate(OPERATORS) for p in group]
    offsets = np.array([o for _, p in products for o in p], dtype=np.int64)
    starts = np.cumsum([0, *(len(p) for _, p in products)]).astype(np.uint64)
    owners = np.array([a for a, _ in products], dtype=np.uint64)
    sums = _core.operator_sums(bits, shape[1], offsets, starts, owners, len(OPERATORS))
    assert (sums == _reference.operator_sums(spins, OPERATORS)).all()


def test_majority_equals_twin_across_groups():
    spins = random_spins(2, 1100, 4)
    assert (
        _core.majority(spins, 2, 0, KEY) == _reference.majority(spins, 2, 0, KEY)
    ).all()


def test_first_rows_of_majority_do_not_depend_on_the_others():
    spins = random_spins(4, 1500, 8, 8)
    whole = _core.majority(spins, 2, 0, KEY)
    for n in (1, 511, 512, 513, 1499):
        assert (_core.majority(spins[:n], 2, 0, KEY) == whole[:n]).all()


def test_ties_are_fair_and_keyed():
    ties = np.tile(np.array([1, -1], dtype=np.int8), (20_000, 5))
    coarse = _core.majority(ties, 2, 0, KEY)
    assert abs(coarse.mean()) < 5 / np.sqrt(coarse.size)
    assert (coarse != _core.majority(ties, 2, 0, KEY + np.uint64(1))).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: _core.ising_sums([1], (2,)), TypeError, "NumPy array"),
        (lambda: _core.ising_sums(np.ones(2), (2,)), TypeError, "dtype int8"),
        (lambda: _core.ising_sums(np.ones(3, np.int8), (2,)), ValueError, "whole"),
        (lambda: _core.ising_sums(np.ones(4, np.int8), [2, 2]), TypeError, "tuple"),
        (lambda: _core.ising_sums(np.ones(4, np.int8), (4, 1)), ValueError, "ARGUMENT"),
        (lambda: _core.ising_sums(np.ones(4, np.int8), ()), ValueError, "1 to 3"),
        (lambda: _core.ising_sums(np.zeros(4, np.int8), (4,)), ValueError, "VALUES"),
        (
            lambda: _core.ising_sums(np.ones(4, np.int8), (2**62, 2**62)),
            ValueError,
            "OVERFLOW",
        ),
        (lambda: _core.walsh_hadamard(np.ones(3)), ValueError, "power of two"),
        (lambda: _core.walsh_hadamard(np.ones(0)), ValueError, "power of two"),
        (lambda: _core.walsh_hadamard(np.ones(8)[::2]), ValueError, "contiguous"),
        (lambda: _core.decimate(np.ones((1, 4), np.int8), 3), ValueError, "divide"),
        (lambda: _core.decimate(np.ones(4, np.int8), 2), ValueError, "2 to 4"),
        (lambda: _core.decimate(np.ones((1, 4), np.int8), 0), ValueError, "at least 1"),
        (lambda: _core.decimate(np.ones((1, 0), np.int8), 1), ValueError, "divide"),
        (
            lambda: _core.majority(np.zeros((1, 4), np.int8), 2, 0, KEY),
            ValueError,
            "VALUES",
        ),
        (
            lambda: _core.majority(np.ones((1, 4), np.int8), 2, 0, KEY[:3]),
            ValueError,
            "key must hold 4 words",
        ),
        (
            lambda: _core.rbm_free_energies(
                np.ones((2, 2)), np.ones(3), np.ones(2), True, 0, 4, 1
            ),
            ValueError,
            "weights must have shape",
        ),
        (
            lambda: _core.rbm_free_energies(
                np.ones((2, 2)), np.ones(2), np.ones(2), True, 0, 5, 1
            ),
            ValueError,
            "start and stop",
        ),
        (
            lambda: _core.rbm_free_energies(
                np.ones((41, 1)), np.ones(41), np.ones(1), True, 0, 5, 1
            ),
            ValueError,
            "at most 40 rows",
        ),
    ],
)
def test_kernels_refuse_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_walsh_hadamard_needs_writeable_values():
    values = np.ones(4)
    values.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        _core.walsh_hadamard(values)


@pytest.mark.parametrize(
    "name",
    ["ising_sums", "walsh_hadamard", "decimate", "majority"],
)
def test_twins_have_the_signatures_of_the_kernels(name):
    kernel, twin = (getattr(module, name) for module in (_core, _reference))
    assert list(inspect.signature(kernel).parameters) == list(
        inspect.signature(twin).parameters
    )
