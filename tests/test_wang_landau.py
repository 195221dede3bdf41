"""rgdl.wang_landau against exact densities of states and enumeration."""

import math

import matplotlib
import numpy as np
import pytest

import rgdl

matplotlib.use("Agg")


def glass_4x4():
    rng = np.random.default_rng(7)
    index = np.arange(16).reshape(4, 4)
    J = np.zeros((16, 16))
    for axis in (0, 1):
        a, b = index.ravel(), np.roll(index, -1, axis=axis).ravel()
        np.add.at(J, (a, b), rng.choice([-1.0, 1.0], 16))
    return rgdl.Ising((4, 4), K=1, couplings=J + J.T)


def residuals(g, energies, counts):
    assert np.array_equal(g.energies, energies)
    return (g.log_g - [math.log(c) for c in counts]) / g.errors


def check(z, walkers):
    """4 sigma each; chi^2 by the number of energies near that of Student's t.

    Energies near each other are correlated, so chi^2 of one run spreads a lot: the
    bounds are factors of 1/5 and 2.5.
    """
    expected = (walkers - 1) / (walkers - 3)
    assert np.abs(z).max() < 4
    assert expected / 5 < (z**2).mean() < 2.5 * expected


@pytest.mark.stat
@pytest.mark.parametrize("L", [4, 8])
def test_tori_agree_with_the_exact_density(L):
    """Power: errors of ln g are 0.014 and 0.03 on average, so 12 % at one energy would
    be seen; a density that is off by a slope of 0.02 per energy fails."""
    g = rgdl.wang_landau(rgdl.Ising((L, L), K=1), walkers=16, rng=3, workers=2)
    energies, counts = rgdl.exact.density_of_states(L)
    z = residuals(g, energies, counts)
    check(z, 16)
    assert g.reliable
    assert g.errors.max() < 0.2
    tilt = 0.02 * (np.arange(len(z)) - len(z) / 2) / g.errors
    assert np.abs(z + tilt).max() > 4  # broken twin
    assert math.isclose(np.exp(g.log_g - L * L * math.log(2)).sum(), 1.0)


@pytest.mark.stat
@pytest.mark.parametrize(
    "model",
    [
        glass_4x4(),
        rgdl.Ising((4, 4), K=1, periodic=False),
        rgdl.Ising((3, 4), K=-0.5, couplings={"nn": 0.5, "plaquette": -0.25}),
        rgdl.Ising((2, 2, 3), K=1),
        rgdl.Ising(9, K=1),
    ],
    ids=["glass", "open", "plaquette", "3d", "chain"],
)
def test_other_models_agree_with_enumeration(model):
    g = rgdl.wang_landau(model, walkers=16, rng=5)
    n = model.n_sites
    states = np.arange(2**n)[:, None] >> np.arange(n) & 1
    spins = (2 * states - 1).astype(np.int8).reshape(-1, *model.shape)
    total = np.round(n * model.energy(spins) * 4) / 4
    energies, counts = np.unique(total + 0.0, return_counts=True)
    check(residuals(g, energies, counts), 16)
    assert g.reliable


@pytest.mark.stat
def test_open_4x5_agrees_with_enumeration():
    model = rgdl.Ising((4, 5), K=1, periodic=(False, False))
    g = rgdl.wang_landau(model, walkers=16, rng=11)
    for K in (0.2, 0.5):
        exact = rgdl.exact.enumerate_states(
            rgdl.Ising((4, 5), K=K, periodic=(False, False))
        )
        at = g.at(K)
        for name in ("log_z", "energy", "specific_heat", "entropy"):
            estimate = getattr(at, name)
            assert abs(estimate.value - getattr(exact, name)) < 4 * estimate.error


@pytest.mark.stat
def test_thermodynamics_agree_with_kaufman():
    """4 sigma at five K of one run; power: the energy of K 2 % higher must fail."""
    g = rgdl.wang_landau(rgdl.Ising((8, 8), K=1), walkers=16, rng=2)
    for K in (-0.3, 0.1, 0.4, 0.4406868, 0.6):
        at = g.at(K)
        exact = rgdl.exact.kaufman((8, 8), K)
        for name in ("log_z", "energy", "specific_heat", "entropy"):
            estimate = getattr(at, name)
            assert abs(estimate.value - getattr(exact, name)) < 4 * estimate.error
    at = g.at(0.4)
    other = rgdl.exact.kaufman((8, 8), 0.408).energy
    assert abs(at.energy.value - other) > 4 * at.energy.error
    assert g.at(0.0).log_z.value == pytest.approx(64 * math.log(2))


@pytest.mark.stat
def test_errors_of_thermodynamics_are_neither_too_small_nor_too_large():
    """Four runs on 8x8, 4 quantities at 5 K: the rms of z is that of Student's t of 15
    degrees, 1.07, and spreads by 0.1 (one run has 0.5 to 1.2). The twins, errors half
    and twice as large, fail."""
    z = []
    for seed in range(4):
        g = rgdl.wang_landau(rgdl.Ising((8, 8), K=1), walkers=16, rng=seed, workers=2)
        for K in (-0.3, 0.1, 0.4, 0.4406868, 0.6):
            at, exact = g.at(K), rgdl.exact.kaufman((8, 8), K)
            for name in ("log_z", "energy", "specific_heat", "entropy"):
                found = getattr(at, name)
                z.append((found.value - getattr(exact, name)) / found.error)
    rms = np.sqrt(np.mean(np.square(z)))
    assert 0.65 < rms < 1.5
    assert rms / 2 < 0.65
    assert 2 * rms > 1.5


@pytest.mark.stat
def test_production_takes_the_bias_of_the_weights_away():
    """Weights learned only to ln f = 0.02 are off by many errors; the estimate is not.
    The weights themselves in its place (no correction) are the broken twin."""
    g = rgdl.wang_landau(
        rgdl.Ising((4, 4), K=1), walkers=16, log_f=0.02, production=200_000, rng=1
    )
    energies, counts = rgdl.exact.density_of_states(4)
    check(residuals(g, energies, counts), 16)
    exact = np.array([math.log(c) for c in counts])
    assert np.abs((g.weights - exact) / g.errors).max() > 4


def test_walks_without_the_weights_fail():
    """Broken twin of the walk: always accepting samples g, not a flat histogram."""
    from rgdl import _reference as ref

    energies, counts = rgdl.exact.density_of_states(4)
    t = rgdl.Ising((4, 4), K=1)._terms()
    sites = t.sites.reshape(-1, 2).tolist()
    terms = [(1, (a, b)) for a, b in sites]
    key = np.array([3, 3, 3, 3], dtype=np.uint64)
    log_g = np.zeros(33)
    log_g[(32 - energies) // 2] = [math.log(c) for c in counts]
    flat = {}
    for name, weights in (("right", log_g), ("none", np.zeros(33))):
        walk = ref.Walk(np.ones(16, np.int8), terms, ref.Stream(key, 8, 0), weights)
        visits = ref.visit_levels(walk, 6_000)[(32 - energies) // 2]
        flat[name] = visits.min() / visits.mean()
    assert flat["right"] > 0.1
    assert flat["none"] < 0.05


def test_key_workers_and_arguments():
    model = rgdl.Ising((3, 3), K=1)
    a = rgdl.wang_landau(model, log_f=1e-3, production=8000, rng=4)
    b = rgdl.wang_landau(model, log_f=1e-3, production=8000, rng=a.key, workers=2)
    assert np.array_equal(a.log_g, b.log_g)
    assert np.array_equal(a.visits, b.visits)
    assert a.production == 8 * 8000
    assert a.plot().get_xlabel() == "E / N"
    with pytest.raises(ValueError, match="h = 0"):
        rgdl.wang_landau(rgdl.Ising((3, 3), K=1, h=0.1))
    J = np.triu(np.random.default_rng(0).normal(size=(5, 5)), 1)
    with pytest.raises(ValueError, match="whole multiples"):
        rgdl.wang_landau(rgdl.Ising(5, K=1, couplings=J + J.T))
    with pytest.raises(ValueError, match="log_f"):
        rgdl.wang_landau(model, log_f=0.0)
    with pytest.raises(TypeError, match="model"):
        rgdl.wang_landau("model")


def test_unreliable_results_say_why():
    model = rgdl.Ising((8, 8), K=1)
    with pytest.warns(rgdl.EquilibrationWarning, match="round trips|visited"):
        g = rgdl.wang_landau(model, log_f=1e-2, production=1000, rng=0)
    assert not g.reliable
    assert not g.at(0.3).energy.reliable
    assert "unreliable" in repr(g)
    with pytest.warns(rgdl.EquilibrationWarning, match="walkers"):
        rgdl.wang_landau(rgdl.Ising(4, K=1), walkers=1, log_f=1e-2, rng=0)
