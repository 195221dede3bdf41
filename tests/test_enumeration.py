"""Sums over all states: every kind of model, any number of workers, twins, limits."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rgdl
from rgdl import exact

FIELDS = (
    "log_z",
    "energy",
    "specific_heat",
    "entropy",
    "magnetization",
    "mean_abs_magnetization",
    "mean_square_magnetization",
    "susceptibility",
    "binder",
)


def all_spins(shape):
    n = math.prod(shape)
    states = 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1
    return states.reshape(-1, *shape).astype(np.int8)


def glass(n, seed=0, **arguments):
    J = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1)
    return rgdl.Ising(n, K=0.4, couplings=J + J.T, **arguments)


MODELS = [
    rgdl.Ising(2, K=0.5),
    rgdl.Ising(5, K=-0.7, h=0.3),
    rgdl.Ising(6, K=0.4),
    rgdl.Ising((2, 5), K=0.3, h=-0.2),
    rgdl.Ising((3, 4), K=0.6, periodic=(False, True)),
    rgdl.Ising((2, 2, 3), K=0.2, h=0.05),
    rgdl.Ising((3, 4), K=0.4, couplings={"nn": 1, "nnn": -0.5, "plaquette": 0.25}),
    rgdl.Ising((3, 3), K=0.4, couplings={((0, 1), (1, 0)): 0.3, "nn": 0.2}, h=0.1),
    rgdl.Ising((3, 4), K=0.0, couplings={"nn": 1.0, "nnn": math.pi}, h=0.4),
    rgdl.Ising((3, 4), K=0.5, couplings={"nn": 1.0, "nnn": math.pi}),
    rgdl.Ising((3, 3), K=0.5, h=np.linspace(-1, 1, 9).reshape(3, 3)),
    rgdl.Ising((3, 4), K=0.5, couplings=1 - np.eye(12)),
    glass(11),
    glass(4, h=[0.1, -0.2, 0.3, 0.0]),
    rgdl.Ising(
        (3, 3),
        couplings=rgdl.Couplings.from_table(
            1.5 - rgdl.Ising((3, 3), K=0.3, h=0.2).hamiltonian(all_spins((3, 3))),
            shape=(3, 3),
        ),
    ),
    rgdl.Ising(
        (2, 3),
        h=0.2,
        couplings=rgdl.Couplings.from_table(
            np.random.default_rng(1).normal(size=64), shape=(2, 3)
        ),
    ),
]


def plain_sums(model):
    s = all_spins(model.shape)
    H, N = model.hamiltonian(s), model.n_sites
    p = np.exp(-H)
    Z = math.fsum(p)
    p /= Z
    e, m = model.energy(s), model.magnetization(s)
    m2, m_abs = p @ m**2, p @ abs(m)
    return {
        "log_z": math.log(Z),
        "energy": p @ e,
        "specific_heat": p @ (H - p @ H) ** 2 / N,
        "entropy": -(p @ np.log(p)) / N,
        "magnetization": p @ m,
        "mean_abs_magnetization": m_abs,
        "mean_square_magnetization": m2,
        "susceptibility": N * (1 if model.K is None else model.K) * (m2 - m_abs**2),
        "binder": 1 - p @ m**4 / (3 * m2**2),
    }


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_enumeration_equals_a_plain_sum(model):
    result = exact.enumerate_states(model)
    for name, expected in plain_sums(model).items():
        assert getattr(result, name) == pytest.approx(expected, rel=1e-12, abs=1e-13)
    p = exact.boltzmann(model)
    s = all_spins(model.shape)
    np.testing.assert_allclose(p, np.exp(-model.hamiltonian(s) - result.log_z))
    assert p.sum() == pytest.approx(1, abs=1e-13)


@given(seed=st.integers(0, 2**32), data=st.data())
def test_integer_and_real_sums_agree(seed, data):
    """The same bonds as integers (counted) and with a field per site (summed)."""
    shape = data.draw(st.sampled_from([(3, 3), (2, 4), (8,), (2, 2, 2)]))
    rng = np.random.default_rng(seed)
    n = math.prod(shape)
    J = np.triu(rng.integers(-2, 3, size=(n, n)), 1)
    counted = rgdl.Ising(shape, K=0.3, couplings=J + J.T, h=0.25)
    field = np.full(shape, 0.25)
    field.flat[0] = np.nextafter(0.25, 1)  # not uniform, by one bit
    summed = rgdl.Ising(shape, K=0.3, couplings=J + J.T, h=field)
    one, other = exact.enumerate_states(counted), exact.enumerate_states(summed)
    assert math.isnan(other.h)
    for name in FIELDS:
        expected = pytest.approx(getattr(one, name), rel=1e-12, abs=1e-13)
        assert getattr(other, name) == expected


@pytest.mark.parametrize(
    "model", [rgdl.Ising((3, 6), K=0.4, h=0.1), glass(18)], ids=["counted", "summed"]
)
def test_workers_do_not_change_a_bit(model):
    results = [exact.enumerate_states(model, workers=n) for n in (1, 2, 3)]
    assert results[0] == results[1] == results[2]
    tables = [exact.boltzmann(model, workers=n) for n in (1, 3)]
    assert (tables[0] == tables[1]).all()


def test_twenty_four_spins_equal_kaufman_and_duality():
    """Also the glass: gauge-transformed ferromagnets have the ferromagnet's ln Z."""
    closed = exact.kaufman((4, 6), 0.44)
    summed = exact.enumerate_states(rgdl.Ising((4, 6), K=0.44))
    for name in ("log_z", "energy", "specific_heat", "entropy"):
        expected = pytest.approx(getattr(closed, name), rel=1e-12)
        assert getattr(summed, name) == expected
    assert summed.energy != exact.kaufman((4, 6), 0.44 * (1 + 1e-9)).energy
    rng = np.random.default_rng(4)
    gauge = rng.choice([-1.0, 1.0], size=20)
    field = rng.normal(size=20)
    plain = exact.enumerate_states(glass(20, h=field))
    J = glass(20).couplings * np.outer(gauge, gauge)
    turned = rgdl.Ising(20, K=0.4, couplings=J, h=gauge * field)
    assert exact.enumerate_states(turned).log_z == pytest.approx(plain.log_z, rel=1e-14)


def test_frozen_models_stay_finite():
    cold = exact.enumerate_states(rgdl.Ising((3, 3), K=400.0))
    assert cold.log_z == pytest.approx(math.log(2) + 18 * 400, rel=1e-15)
    assert (cold.energy, cold.specific_heat) == (-2.0, 0.0)
    J = glass(10).couplings
    frozen = exact.enumerate_states(rgdl.Ising(10, K=1e4, couplings=J))
    energy = rgdl.Ising(10, K=1e4, couplings=J).energy(all_spins((10,)))
    assert frozen.energy == pytest.approx(energy.min(), rel=1e-13)
    assert frozen.entropy == pytest.approx(math.log(2) / 10, abs=1e-9)
    p = exact.boltzmann(rgdl.Ising(10, K=1e4, couplings=J))
    assert p.max() == pytest.approx(0.5)


def test_limits_are_named():
    with pytest.raises(ValueError, match=r"at most 28 sites .* got 29"):
        exact.enumerate_states(rgdl.Ising(29, K=0.1))
    with pytest.raises(ValueError, match=r"at most 24 sites .* got 25"):
        exact.boltzmann(rgdl.Ising((5, 5), K=0.1))
    for function in (exact.enumerate_states, exact.boltzmann):
        with pytest.raises(TypeError, match=r"rgdl\.Ising"):
            function((4, 4))
        with pytest.raises(ValueError, match="workers"):
            function(rgdl.Ising(4, K=0.1), workers=0)


def test_progress_is_reported_and_can_stop_the_sum():
    seen = []
    exact.enumerate_states(rgdl.Ising((4, 5), K=0.3), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    seen.clear()
    exact.enumerate_states(glass(18), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(fraction):
        raise KeyboardInterrupt

    for model in (rgdl.Ising((4, 5), K=0.3), glass(18)):
        with pytest.raises(KeyboardInterrupt):
            exact.enumerate_states(model, progress=stop)


@pytest.mark.parametrize("K", [1e-12, 1e-6, 9e-4, 0.01, 0.02])
def test_energy_near_infinite_temperature_keeps_its_relative_precision(K):
    """Bond sums of all states cancel; Kaufman's series does not sum them."""
    found = exact.enumerate_states(rgdl.Ising((4, 4), K=K)).energy
    assert found == pytest.approx(exact.kaufman((4, 4), K).energy, rel=1e-13)


@pytest.mark.parametrize(("K", "h"), [(1e-9, 0.0), (1e-3, 0.0), (1e-4, 1e-5)])
def test_energy_of_hot_glasses_equals_mpmath(K, h):
    rng = np.random.default_rng(0)
    J = np.triu(rng.normal(size=(8, 8)), 1)
    fields = h * rng.normal(size=8)
    found = exact.enumerate_states(rgdl.Ising(8, K=K, h=fields, couplings=J + J.T))
    with mpmath.workdps(40):
        total = top = mpmath.mpf(0)
        for state in range(1 << 8):
            s = [1 if state >> i & 1 else -1 for i in range(8)]
            bonds = mpmath.fsum(
                mpmath.mpf(J[i, j]) * s[i] * s[j] for i in range(8) for j in range(i, 8)
            )
            field = mpmath.fsum(
                mpmath.mpf(f) * x for f, x in zip(fields, s, strict=True)
            )
            weight = mpmath.exp(K * bonds + field)
            total, top = total + weight, top + weight * bonds
        assert abs(-found.energy * 8 * total / top - 1) < 1e-13


def test_cold_antiferromagnets_have_no_magnetisation():
    """<m^2> is too small for a float64, or its square is."""
    frozen = exact.enumerate_states(rgdl.Ising((4, 4), K=-200.0))
    assert frozen.mean_square_magnetization == 0
    assert math.isnan(frozen.binder)
    cold = exact.enumerate_states(rgdl.Ising((4, 4), K=-50.0))
    # one spin turned: m = 2/16, weight 16 e^{8K}
    m2 = 16 * math.exp(-400) / 64
    assert cold.mean_square_magnetization == pytest.approx(m2, rel=1e-12)
    assert cold.binder == pytest.approx(-1 / 64 / (3 * m2), rel=1e-12)


def test_no_energy_is_minus_zero():
    assert str(exact.enumerate_states(rgdl.Ising((3, 3), K=0.0)).energy) == "0.0"
    assert str(exact.chain(8, 0.0).energy) == "0.0"
