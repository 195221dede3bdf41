"""rgdl.observables: FFT results against double sums and exact correlations."""

import itertools
import math

import numpy as np
import pytest

import rgdl
from rgdl import observables

SHAPES = [(8,), (7,), (4, 6), (5, 4), (3, 5), (4, 2, 3), (3, 4, 5), (2, 2)]


def random_spins(n, shape, seed=0):
    return (2 * np.random.default_rng(seed).integers(0, 2, (n, *shape)) - 1).astype(
        np.int8
    )


def double_sum(s):
    """C(r) by the definition."""
    axes = tuple(range(1, s.ndim))
    result = np.empty(s.shape)
    for r in itertools.product(*map(range, s.shape[1:])):
        moved = np.roll(s, tuple(-x for x in r), axes)
        result[(slice(None), *r)] = (s.astype(float) * moved).mean(axis=axes)
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_correlations_are_the_double_sum(shape):
    s = random_spins(5, shape)
    found = observables.correlation_function(s)
    assert found == pytest.approx(double_sum(s), abs=1e-5)
    broken = np.roll(found, 1, axis=-1)  # a displacement off by one
    assert broken != pytest.approx(double_sum(s), abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_structure_factor_is_the_fourier_sum(shape):
    s = random_spins(3, shape)
    n = math.prod(shape)
    axes = tuple(range(1, s.ndim))
    exact = np.abs(np.fft.fftn(s, axes=axes)) ** 2 / n
    found = observables.structure_factor(s)
    assert found.shape == s.shape
    assert found == pytest.approx(exact, abs=1e-5 * n)
    assert found.mean(axis=axes) == pytest.approx(1.0, abs=1e-5)
    model = rgdl.Ising(shape, K=0.1)
    corner = (slice(None), *[0] * len(shape))
    assert found[corner] == pytest.approx(n * model.magnetization(s) ** 2, abs=1e-4)
    lowest = observables.lowest_modes(s)
    for axis in range(len(shape)):
        k1 = tuple(1 if axis == a else 0 for a in range(len(shape)))
        assert lowest[:, axis] == pytest.approx(exact[(slice(None), *k1)], abs=1e-9 * n)


def test_batches_do_not_show(monkeypatch):
    s = random_spins(37, (6, 6))
    whole = observables.correlation_function(s)
    monkeypatch.setattr(observables, "_CHUNK", 100)
    assert (observables.correlation_function(s) == whole).all()
    assert observables.structure_factor(s).shape == s.shape


@pytest.mark.stat
@pytest.mark.parametrize(("shape", "K"), [((8, 8), 0.4), ((6, 10), 0.44), ((16,), 0.8)])
def test_correlations_of_samples_are_exact_ones(shape, K):
    """Every displacement within 5 sigma (up to 64 of them); errors about 0.004. The
    twin with K 5 % off fails."""
    model = rgdl.Ising(shape, K=K)
    c = observables.correlation_function(rgdl.sample(model, 10_240, rng=5))
    error = np.maximum(c.std(axis=0) / math.sqrt(len(c)), 1e-6)
    z = (c.mean(axis=0) - rgdl.exact.correlations(shape, K)) / error
    assert np.abs(z).max() < 5
    off = (c.mean(axis=0) - rgdl.exact.correlations(shape, 1.05 * K)) / error
    assert np.abs(off).max() > 5


@pytest.mark.stat
def test_correlation_length_is_the_exact_one():
    """S(0) and S(k1) of 8x8 from exact correlations; 4 sigma at an error of 1 %."""
    K = 0.38
    exact_s = np.fft.fft2(rgdl.exact.correlations((8, 8), K)).real
    exact = math.sqrt(exact_s[0, 0] / exact_s[0, 1] - 1) / (2 * math.sin(math.pi / 8))
    s = rgdl.sample(rgdl.Ising((8, 8), K=K), 20_480, rng=6)
    xi = observables.correlation_length(s)
    assert xi.reliable
    assert xi.error < 0.02 * exact
    assert abs(xi.value - exact) < 4 * xi.error
    other = observables.correlation_length(
        rgdl.sample(rgdl.Ising((8, 8), K=0.95 * K), 20_480, rng=6)
    )
    assert abs(other.value - exact) > 4 * other.error


@pytest.mark.parametrize("shape", [(7,), (6, 6), (4, 5), (4, 4, 4)])
def test_radial_average_keeps_multiplicities(shape):
    values = np.random.default_rng(0).normal(size=(3, *shape))
    r, found = observables.radial_average(values)
    table = {}
    for x in itertools.product(*map(range, shape)):
        d = sum(min(a, L - a) ** 2 for a, L in zip(x, shape, strict=True))
        table.setdefault(d, []).append(values[(slice(None), *x)])
    assert r == pytest.approx([math.sqrt(d) for d in sorted(table)])
    expected = np.stack([np.mean(table[d], axis=0) for d in sorted(table)], axis=1)
    assert found == pytest.approx(expected)


def test_order_parameters():
    s = random_spins(4, (3, 4, 5))
    signs = (-1.0) ** np.indices((3, 4, 5)).sum(axis=0)
    assert observables.staggered_magnetization(s) == pytest.approx(
        (s * signs).mean(axis=(1, 2, 3))
    )
    model = rgdl.Ising((3, 4, 5), K=0.2)
    names = ["energy", "magnetization", "staggered_magnetization", "lowest_mode"]
    found = observables.measure(model, s.reshape(2, 2, 3, 4, 5), names)
    assert list(found) == names
    assert all(x.shape == (2, 2) for x in found.values())
    assert found["energy"].ravel() == pytest.approx(model.energy(s))


def test_bad_arguments_are_named():
    for function in (
        observables.correlation_function,
        observables.structure_factor,
        observables.staggered_magnetization,
        observables.lowest_modes,
        observables.correlation_length,
    ):
        with pytest.raises(ValueError, match="s must have shape"):
            function(np.ones(5))
        with pytest.raises(ValueError, match="-1 and"):
            function(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="equal extents"):
        observables.correlation_length(np.ones((2, 4, 5)))
    with pytest.raises(ValueError, match="values must have shape"):
        observables.radial_average(np.ones(3))
    model = rgdl.Ising((4, 4), K=0.1)
    with pytest.raises(ValueError, match="observables must be one of"):
        observables.measure(model, np.ones((1, 4, 4)), ["spin"])
    with pytest.raises(ValueError, match="s must have shape"):
        observables.measure(model, np.ones((1, 4, 5)))
