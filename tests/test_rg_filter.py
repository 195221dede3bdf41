"""Decimation to the turned lattice and filters shared over the lattice."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import rg
from rgdl.rg import _filter, _rows


def states(n):
    return (2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)


def test_turned_lattice_keeps_every_second_site():
    s = np.random.default_rng(0).choice([-1, 1], (3, 8, 8)).astype(np.int8)
    step = rg.Decimation(b="sqrt2")
    half = step.coarsen(s)
    assert half.shape == (3, *step.coarse_shape((8, 8))) == (3, 8, 4)
    for x in range(8):
        np.testing.assert_array_equal(half[:, x], s[:, x, x % 2 :: 2])
    np.testing.assert_array_equal(step.coarsen(half), rg.Decimation().coarsen(s))
    twice = rg.Compose(step, step)
    assert (twice.b, twice.coarse_shape((8, 8))) == (2, (4, 4))
    np.testing.assert_array_equal(twice.coarsen(s), rg.Decimation().coarsen(s))
    assert (step.log_prob(s, half) == 0).all()


def test_neighbours_of_the_turned_lattice_are_diagonal():
    lattice = rg.Decimation(b="sqrt2").coarse_lattice((8, 8))
    x, j = np.unravel_index(lattice.bonds, lattice.shape)
    fine = np.stack([x, 2 * j + x % 2], axis=-1)
    step = (fine[:, 1] - fine[:, 0]) % 8
    assert set(map(tuple, step.tolist())) == {(1, 1), (1, 7)}
    assert (lattice.adjacency().sum(axis=0) == 4).all()
    assert set(np.unique(lattice.adjacency())) == {0.0, 1.0}
    x, j = np.array([0, 1]), np.array([1, 1])  # the offsets say the same
    for rows, own in ((lattice.even_rows, 0), (lattice.odd_rows, 1)):
        for dx, dj in rows:
            there = lattice.adjacency().reshape(8, 4, 8, 4)
            assert there[own, 1, (own + dx) % 8, (1 + dj) % 4] == 1
    # a turned torus is an Ising model like any other: ground state energy -2 per site
    model = rgdl.Ising(lattice.shape, K=0.4, couplings=lattice.adjacency())
    assert float(model.energy(np.ones((1, 8, 4)))[0]) == -2.0


def test_turned_decimation_leaves_the_stars():
    K = 0.4
    model = rgdl.Ising((4, 4), K=K)
    push = rgdl.mapping.verify(model, rg.Decimation(b="sqrt2")).h_push
    assert push.shape is None  # the rows are shifted: no plain torus
    machine = rgdl.Couplings.from_rbm(rgdl.mapping.sublattice_machine(model))
    np.testing.assert_allclose(push.coefficients(), machine.coefficients(), atol=1e-12)
    pair = math.log(math.cosh(4 * K)) / 8
    bonds = rg.Decimation(b="sqrt2").coarse_lattice((4, 4)).bonds
    found = [push["".join(f"({i})" for i in sorted(bond))] for bond in bonds.tolist()]
    np.testing.assert_allclose(found, 2 * pair, atol=1e-12)  # two stars each


def test_decimation_in_three_dimensions():
    s = np.random.default_rng(1).choice([-1, 1], (2, 4, 6, 8)).astype(np.int8)
    np.testing.assert_array_equal(rg.Decimation().coarsen(s), s[:, ::2, ::2, ::2])
    lattice = rg.Decimation().coarse_lattice((6, 6, 6))
    expected = -rgdl.Ising((3, 3, 3), K=1.0).hamiltonian(s[:, :3, :3, :3])
    model = rgdl.Ising((3, 3, 3), K=1.0, couplings=lattice.adjacency())
    np.testing.assert_allclose(-model.hamiltonian(s[:, :3, :3, :3]), expected)


@pytest.mark.parametrize("shape", [(8, 6), (7, 7), (8,), (8, 8, 8)])
def test_turned_decimation_refuses_other_lattices(shape):
    with pytest.raises(ValueError, match="sqrt2"):
        rg.Decimation(b="sqrt2").coarse_shape(shape)


@pytest.mark.parametrize("shape", [(4, 4), (8,)])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_filter_probabilities_are_those_of_its_formula(shape, width):
    rng = np.random.default_rng(width)
    weights = rng.normal(size=(width,) * len(shape))
    rule = rg.FilterTransform(weights, 0.2)
    s = rng.choice([-1, 1], (5, *shape)).astype(np.int8)
    up, down = rule.log_probabilities(s)
    np.testing.assert_allclose(np.exp(up) + np.exp(down), 1.0)
    first = -((width - 2) // 2)
    for block, x in enumerate(np.ndindex(*(n // 2 for n in shape))):
        field = 0.2 + sum(
            weights[d]
            * s[
                (
                    slice(None),
                    *(
                        (2 * a + i + first) % n
                        for a, i, n in zip(x, d, shape, strict=True)
                    ),
                )
            ]
            for d in np.ndindex(*weights.shape)
        )
        np.testing.assert_allclose(np.exp(up[:, block]), 1 / (1 + np.exp(-2 * field)))


def test_equal_weights_are_kadanoffs_rule():
    model = rgdl.Ising((4, 4), K=0.4)
    first = rgdl.mapping.verify(model, rg.FilterTransform(np.full((2, 2), 0.7)))
    second = rgdl.mapping.verify(model, rg.Kadanoff(strength=0.7))
    assert first.h_push.is_close(second.h_push, atol=1e-12)


def test_filter_draws_its_probabilities():
    # 20 000 draws per block: 4 sigma = 0.014
    rule = rg.FilterTransform(np.random.default_rng(0).normal(size=(4, 4)) / 4, 0.1)
    s = np.random.default_rng(1).choice([-1, 1], (1, 4, 4)).astype(np.int8)
    drawn = rule.coarsen(np.repeat(s, 20_000, axis=0), rng=2)
    up, _ = rule.log_probabilities(s)
    gap = (drawn.reshape(-1, 4) > 0).mean(axis=0) - np.exp(up[0])
    assert np.abs(gap).max() < 4 * math.sqrt(0.25 / 20_000)
    np.testing.assert_array_equal(
        rule.coarsen(np.repeat(s, 300, axis=0), rng=2), drawn[:300]
    )


def _log_likelihood(data, weights, bias, visible):
    def minus_f(v):
        field = _filter._field(_filter._views(v, weights.shape, 2), weights, bias)
        hidden = np.logaddexp(field, -field).sum(axis=1)
        return visible * v.reshape(len(v), -1).sum(axis=1) + hidden

    every = minus_f(states(16).reshape(-1, 4, 4))
    return minus_f(data).mean() - np.log(np.exp(every).sum()), every


def test_gradient_equals_finite_differences():
    rng = np.random.default_rng(3)
    weights, bias, visible = rng.normal(size=(3, 3)) / 2, 0.1, -0.2
    data = rng.choice([-1, 1], (10, 4, 4)).astype(np.int8)
    _, every = _log_likelihood(data, weights, bias, visible)
    law = np.exp(every - every.max())
    law /= law.sum()
    s = states(16).reshape(-1, 4, 4)
    views = _filter._views(s, (3, 3), 2)
    h = np.tanh(_filter._field(views, weights, bias))
    exact = np.einsum("n,nx,dnx->d", law, h, views, optimize=True).reshape(3, 3)
    found = rg.filter_gradient(data, weights, bias)[0] - exact
    for d in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[d] = 1e-5
        high, _ = _log_likelihood(data, weights + step, bias, visible)
        low, _ = _log_likelihood(data, weights - step, bias, visible)
        assert found[d] == pytest.approx((high - low) / 2e-5, abs=1e-7)


def test_fields_of_both_layers_are_transposed():
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(3, 4))
    v = rng.choice([-1, 1], (6, 8, 8)).astype(np.int8)
    h = rng.choice([-1, 1], (6, 4, 4)).astype(np.int8)
    h, flat = h.reshape(6, -1), v.reshape(6, -1)
    first = (h * _filter._field(_filter._views(v, (3, 4), 2), weights, 0.0)).sum(axis=1)
    second = (flat * _filter._back(h, (8, 8), weights, 0.0, 2)).sum(axis=1)
    np.testing.assert_allclose(first, second)


def test_trained_filter_approaches_the_best_one():
    model = rgdl.Ising((4, 4), K=0.4)
    data = rgdl.sample(model, 4000, rng=0)
    rule = rg.train_filter(data, n_epochs=20, learning_rate=0.1, rng=1)
    before, _ = _log_likelihood(data, np.zeros((4, 4)), 0.0, 0.0)
    after, _ = _log_likelihood(data, rule.weights, rule.bias, rule.visible_bias)
    ceiling = float(-(rgdl.exact.enumerate_states(model).entropy * 16))
    assert after > before + 0.7 * (ceiling - before)
    assert rule.weights.shape == (4, 4)
    assert rule.weights.sum() > 0
    twice = [rg.train_filter(data[:500], n_epochs=2, rng=1) for _ in range(2)]
    np.testing.assert_array_equal(twice[0].weights, twice[1].weights)


def test_filter_takes_part_in_monte_carlo_rg():
    rule = rg.FilterTransform(np.full((2, 2), 0.7659830352147464))
    run = rg.mcrg(rgdl.Ising((16, 16), K=0.4406868), rule, levels=1, n=2000, rng=0)
    assert run.y_h[0, 0] == pytest.approx(1.875, abs=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rg.FilterTransform([[np.inf]]), "finite"),
        (lambda: rg.FilterTransform(1.0), "1 to 3 axes"),
        (lambda: rg.FilterTransform([1.0, 1.0]).coarse_shape((4, 4)), "1 axes"),
        (lambda: rg.train_filter(np.ones((4, 5, 5))), "divide"),
        (lambda: rg.train_filter(np.zeros((4, 4, 4))), "spins"),
        (lambda: rg.train_filter(np.ones((0, 4, 4))), "s must hold at least one"),
        (lambda: rg.train_filter(1.0), "s must hold at least one"),
        (
            lambda: rg.filter_gradient(np.ones((0, 4, 4)), np.ones((2, 2))),
            "v must hold at least one",
        ),
        (lambda: rg.train_filter(np.ones((4, 4, 4)), learning_rate=-1), "above 0"),
        (lambda: rg.train_filter(np.ones((4, 4, 4)), learning_rate=0), "above 0"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_filters_of_nothing():
    none = np.empty((0, 8, 8), dtype=np.int8)
    rule = rg.FilterTransform(np.ones((4, 4)))
    assert rule.coarsen(none, rng=0).shape == (0, 4, 4)
    assert rule.log_probabilities(none)[0].shape == (0, 16)
    assert rule.log_prob(none, np.empty((0, 4, 4))).shape == (0,)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_filters_coarsen_bits_as_they_coarsen_spins(width):
    """The core on rows of bits, and the fields of NumPy with the same stream."""
    s = np.random.default_rng(width).choice([-1, 1], (50, 8, 70)).astype(np.int8)
    weights = np.random.default_rng(9).normal(size=(width, width)) / width
    rule, key = rg.FilterTransform(weights, 0.1), np.arange(4, dtype=np.uint64)
    bits = rule._coarsen_rows(_rows.pack_rows(s), 70, key)
    signs = _filter._signs(rule._field(s), key, 0).reshape(50, 4, 35)
    np.testing.assert_array_equal(_rows.unpack_rows(bits, 35), signs)
    again = rule.coarsen(s, rng=tuple(int(word) for word in key))
    np.testing.assert_array_equal(again, signs)


def test_turned_lattices_of_bits():
    s = np.random.default_rng(0).choice([-1, 1], (5, 66, 66)).astype(np.int8)
    step, key = rg.Decimation(b="sqrt2"), np.zeros(4, dtype=np.uint64)
    once = step._coarsen_rows(_rows.pack_rows(s), 66, key)
    np.testing.assert_array_equal(_rows.unpack_rows(once, 33), step.coarsen(s))
    twice = step._coarsen_rows(once, 33, key)
    np.testing.assert_array_equal(_rows.unpack_rows(twice, 33), s[:, ::2, ::2])
