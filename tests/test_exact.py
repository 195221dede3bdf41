"""Exact thermodynamics: closed forms against each other, high precision and tables."""

import math
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rgdl
from rgdl import exact

FIELDS = ("log_z", "energy", "specific_heat", "entropy")


def energies_of_all_states(side):
    """Total bond energy in units of J; bit i of the index is spin i."""
    n = side * side
    states = 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1
    model = rgdl.Ising((side, side), K=1.0)
    return model.hamiltonian(states.reshape(-1, side, side))


def kaufman_by_mpmath(m, n, K):
    """Ln Z and its first two derivatives from Kaufman's formula at 90 digits."""
    with mpmath.workdps(90):

        def log_z(K):
            c, s = mpmath.cosh(2 * K), mpmath.sinh(2 * K)
            gamma = [
                mpmath.acosh(c * c / s - mpmath.cos(mpmath.pi * r / n))
                for r in range(2 * n)
            ]
            gamma[0] = 2 * K + mpmath.log(mpmath.tanh(K))
            products = sum(
                mpmath.fprod(2 * f(m * g / 2) for g in gamma[first::2])
                for first in (0, 1)
                for f in (mpmath.cosh, mpmath.sinh)
            )
            return mpmath.log((2 * s) ** (mpmath.mpf(m * n) / 2) * products / 2)

        K = mpmath.mpf(K)
        step = K * mpmath.mpf(10) ** -12
        low, mid, high = log_z(K - step), log_z(K), log_z(K + step)
        slope = (high - low) / (2 * step)
        return mid, slope, (high - 2 * mid + low) / step**2


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (2, 5), (7, 13), (11, 12), (12, 13)])
@pytest.mark.parametrize("K", [1e-16, 1e-9, 3e-5, 9e-4, 1.1e-3, 1.001, 1.2, 3.0])
def test_kaufman_keeps_its_precision_where_modes_cancel(shape, K):
    log_z, slope, curvature = kaufman_by_mpmath(*shape, K)
    result = exact.kaufman(shape, K)
    n_sites = math.prod(shape)
    assert abs(result.log_z / log_z - 1) < 1e-14
    assert abs(-result.energy * n_sites / slope - 1) < 2e-13
    assert abs(result.specific_heat * n_sites / K**2 / curvature - 1) < 1e-13


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (5, 2), (4, 7), (16, 16), (64, 64)])
@pytest.mark.parametrize("K", [0.1, 0.408, exact.K_CRITICAL, 0.4406, 0.45, 1.0])
def test_kaufman_equals_mpmath(shape, K):
    log_z, slope, curvature = kaufman_by_mpmath(*shape, K)
    result = exact.kaufman(shape, K)
    n_sites = math.prod(shape)
    assert result.n_sites == n_sites
    assert abs(result.log_z / log_z - 1) < 1e-12
    assert abs(-result.energy * n_sites / slope - 1) < 1e-12
    assert abs(result.specific_heat * n_sites / K**2 / curvature - 1) < 1e-12
    assert abs(result.entropy * n_sites / (log_z - K * slope) - 1) < 1e-12
    broken = exact.kaufman(shape, K * (1 + 1e-9))  # the comparison can fail
    assert abs(broken.specific_heat * n_sites / K**2 / curvature - 1) > 1e-12


@pytest.mark.parametrize(
    ("side", "log_z", "energy", "specific_heat"),
    [  # papers.md 12.3, at K_c
        (2, 4.3820266346738816, -1.6970562748477, 0.40394608794576),
        (3, 9.0202134009443348, -1.6112463815312, 0.62873610564649),
        (4, 15.521915458755283, -1.5656237876383, 0.78326682592891),
        (5, 23.886298779182912, -1.5367195165345, 0.90120018582366),
        (6, 34.111541054986249, -1.5168731245678, 0.99658181892024),
        (8, 60.141780789069153, -1.4915891074397, 1.1455592398944),
        (10, 93.610300510222106, -1.4762429083609, 1.2600196346099),
        (12, 134.51663060255821, -1.4659608164863, 1.3529506829073),
        (16, 238.64225663513289, -1.4530648528135, 1.4987049594),
        (20, 372.51827660322149, -1.4453094678059, 1.6111614949041),
        (32, 952.64807954854280, -1.4336584661462, 1.8467675900396),
        (40, 1488.1526002281576, -1.4297713123073, 1.9581816502509),
        (64, 3808.6722834198092, -1.4239383898330, 2.1922113931406),
        (128, 15232.769323338784, -1.4190762720850, 2.5363313351086),
    ],
)
def test_kaufman_at_criticality_equals_the_table(side, log_z, energy, specific_heat):
    result = exact.kaufman((side, side), exact.K_CRITICAL)
    assert result.log_z == pytest.approx(log_z, rel=1e-13)
    assert result.energy == pytest.approx(energy, rel=1e-12)
    assert result.specific_heat == pytest.approx(specific_heat, rel=1e-10)


@pytest.mark.parametrize("K", [0.44, exact.K_CRITICAL, 0.4408])
def test_kaufman_keeps_its_precision_on_large_tori(K):
    """Weights of the four products feel ln Z, which is 1e6, to its last digit."""
    log_z, slope, curvature = kaufman_by_mpmath(1000, 1000, K)
    result = exact.kaufman((1000, 1000), K)
    assert abs(result.log_z / log_z - 1) < 1e-15
    assert abs(-result.energy * 1e6 / slope - 1) < 1e-14
    assert abs(result.specific_heat * 1e6 / K**2 / curvature - 1) < 1e-12


@pytest.mark.parametrize(
    ("shape", "K", "states"),
    [
        ((1000, 1000), 10.0, 2),
        ((64, 64), 100.0, 2),
        ((8, 8), 60.0, 2),
        ((8, 12), 20.0, 2),
        ((5, 5), -30.0, 2470),
        ((5, 5), -1e5, 2470),
        ((6, 6), -1e5, 2),
    ],
)
def test_entropy_of_a_frozen_torus_counts_its_ground_states(shape, K, states):
    entropy = exact.kaufman(shape, K).entropy * math.prod(shape)
    assert entropy == pytest.approx(math.log(states), rel=1e-14)


@pytest.mark.parametrize(
    ("side", "specific_heat"),
    [(64, "2.1922113931406"), (128, "2.5363313351086")],  # papers.md 12.3
)
def test_specific_heat_holds_to_the_printed_digits(side, specific_heat):
    result = exact.kaufman((side, side), exact.K_CRITICAL)
    assert f"{result.specific_heat:.13f}" == specific_heat


@pytest.mark.parametrize(
    ("side", "T", "log_z"),
    [
        (8, 1, 128.715437337408),
        (8, 2, 66.3445818792278),
        (8, 2.5, 56.5993887604254),
        (8, 3, 52.2614096595550),
        (16, 1, 512.782307807942),
        (16, 2, 263.296210434021),
        (16, 2.5, 225.228846755876),
        (16, 3, 208.867325161361),
        (16, 4, 194.331260199905),
        (32, 2, 1051.10498761452),
        (32, 2.5, 900.478307763139),
        (32, 3, 835.463918435265),
    ],
)
def test_kaufman_off_criticality_equals_the_table(side, T, log_z):
    assert exact.kaufman((side, side), 1 / T).log_z == pytest.approx(log_z, rel=1e-13)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 3), (3, 5), (4, 4), (2, 8)])
@pytest.mark.parametrize("K", [1e-6, 0.01, 0.3, exact.K_CRITICAL, 1.2])
def test_kaufman_equals_enumeration(shape, K):
    closed = exact.kaufman(shape, K)
    summed = exact.enumerate_states(rgdl.Ising(shape, K=K))
    for name in FIELDS:
        expected = getattr(summed, name)
        assert getattr(closed, name) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_kaufman_is_symmetric_in_axes_and_sign():
    plus, minus = exact.kaufman((4, 6), 0.4), exact.kaufman((6, 4), -0.4)
    assert plus.log_z == minus.log_z
    assert plus.energy == -minus.energy
    assert plus.entropy == minus.entropy
    summed = exact.enumerate_states(rgdl.Ising((4, 4), K=-0.4))
    assert exact.kaufman((4, 4), -0.4).energy == pytest.approx(summed.energy, rel=1e-12)


def counted_by_enumeration(shape, K):
    """Ln Z, energy, specific heat from integer bond sums of all states."""
    n = math.prod(shape)
    states = np.arange(1 << n)
    bits = [states >> i & 1 for i in range(n)]
    site = np.arange(n).reshape(shape)
    walls = np.zeros(1 << n, dtype=np.int16)
    for axis in (0, 1):
        for a, b in zip(site.ravel(), np.roll(site, -1, axis).ravel(), strict=True):
            walls += (bits[a] ^ bits[b]).astype(np.int16)
    count = np.bincount(walls)
    sums = 2.0 * n - 2 * np.arange(len(count))[count > 0]
    log_weight = np.log(count[count > 0]) + K * sums
    p = np.exp(log_weight - log_weight.max())
    log_z = log_weight.max() + math.log(p.sum())
    p /= p.sum()
    mean = p @ sums
    return log_z, -mean / n, K * K * (p @ (sums - mean) ** 2) / n


@pytest.mark.parametrize("shape", [(3, 3), (3, 4), (4, 3), (2, 5), (5, 3), (2, 3)])
@pytest.mark.parametrize("K", [-1e-3, -0.3, -exact.K_CRITICAL, -1.0, -4.0, -30.0])
def test_frustrated_torus_equals_enumeration(shape, K):
    log_z, energy, heat = counted_by_enumeration(shape, K)
    result = exact.kaufman(shape, K)
    assert result.log_z == pytest.approx(log_z, rel=1e-13)
    assert result.energy == pytest.approx(energy, rel=1e-12)
    assert result.specific_heat == pytest.approx(heat, rel=1e-9, abs=1e-12)
    assert result.entropy == pytest.approx(
        log_z / math.prod(shape) + K * energy, rel=1e-9
    )


@pytest.mark.parametrize("K", [-0.44, -2.0])
def test_frustrated_5_x_5_torus_equals_the_table(K):
    """Densities of states of papers.md 12.4."""
    levels = {-50: 2, -42: 50, -38: 100, -34: 850, -30: 3140, -26: 16300, -22: 74500}
    levels |= {-18: 311800, -14: 1014900, -10: 2696080, -6: 5230300, -2: 7431800}
    levels |= {2: 7413900, 6: 5276500, 10: 2645740, 14: 1024150, 18: 314300}
    levels |= {22: 82750, 26: 14800, 30: 2470}
    assert sum(levels.values()) == 2**25
    z = math.fsum(g * math.exp(-K * e) for e, g in levels.items())
    energy = math.fsum(g * e * math.exp(-K * e) for e, g in levels.items()) / z / 25
    result = exact.kaufman((5, 5), K)
    assert result.log_z == pytest.approx(math.log(z), rel=1e-14)
    assert result.energy == pytest.approx(energy, rel=1e-13)


def test_frustrated_torus_limits():
    one, two = exact.kaufman((6, 7), -1e6), exact.kaufman((5, 5), -1e6)
    assert one.energy == pytest.approx(2 - 2 / 7, rel=1e-15)  # a bond of each row of 7
    assert two.energy == pytest.approx(2 - 4 / 5, rel=1e-15)
    assert two.specific_heat == 0
    ground = math.log(2470)  # papers.md 12.4
    assert exact.kaufman((5, 5), -25.0).log_z == pytest.approx(
        30 * 25 + ground, rel=1e-14
    )
    bulk = exact.onsager(-0.3)  # frustration is a boundary effect at high temperature
    assert exact.kaufman((63, 65), -0.3).energy == pytest.approx(bulk.energy, rel=1e-9)


def test_kaufman_limits():
    free = exact.kaufman((5, 7), 0.0)
    assert free.log_z == 35 * math.log(2)
    assert (free.energy, free.specific_heat) == (0.0, 0.0)
    frozen = exact.kaufman((6, 6), 200.0)
    assert frozen.log_z == pytest.approx(math.log(2) + 72 * 200, rel=1e-15)
    assert (frozen.energy, frozen.specific_heat) == (-2.0, 0.0)
    edge = [exact.kaufman((6, 6), K) for K in (79.99, 80.01)]
    assert edge[0].energy == pytest.approx(edge[1].energy, rel=1e-14)
    for K in (3.0, 10.0, 79.0):  # one spin flipped: 4 bonds of 2K, in 2 N ways
        cold = exact.kaufman((6, 6), K)
        weight = math.exp(-8 * K)
        assert cold.energy == pytest.approx(-2 + 8 * weight, abs=2e-8 * weight + 1e-13)
        heat = 64 * K**2 * weight
        assert cold.specific_heat == pytest.approx(heat, abs=heat / 100 + 1e-13 * K**2)
    universal = math.log(2**0.25 + 2**-0.5)  # ln Z - N f at criticality, large torus
    bulk = math.log(2) / 2 + 2 * float(mpmath.catalan) / math.pi
    large = exact.kaufman((256, 256), exact.K_CRITICAL)
    assert large.log_z - 256**2 * bulk == pytest.approx(universal, abs=1e-5)


@pytest.mark.parametrize(
    ("shape", "K", "error", "message"),
    [
        ((401, 400), -3.0, ValueError, "digits cancel"),
        ((4, 4), math.nan, ValueError, "K must be finite"),
        ((1, 4), 0.4, ValueError, "at least 2"),
        (4, 0.4, ValueError, "2 extents"),
        ((4, 4, 4), 0.4, ValueError, "extents"),
        ((4.0, 4), 0.4, TypeError, "integer"),
    ],
)
def test_kaufman_refuses_bad_input(shape, K, error, message):
    with pytest.raises(error, match=message):
        exact.kaufman(shape, K)


@pytest.mark.parametrize(
    ("n", "K", "log_z", "energy"),
    [  # papers.md 12.2
        (4, 0.5, 3.297642004810, -0.536343603991),
        (8, 0.5, 6.508171117278, -0.465649250982),
        (8, 1.0, 9.122649352006, -0.817662875434),
        (16, 1.0, 18.043577653164, -0.768569224173),
        (64, 1.0, 72.123392733685, -0.761594170809),
    ],
)
def test_chain_equals_the_table(n, K, log_z, energy):
    result = exact.chain(n, K)
    assert result.log_z == pytest.approx(log_z, abs=1e-11)
    assert result.energy == pytest.approx(energy, abs=1e-11)


@given(n=st.integers(2, 9), K=st.floats(-3, 3), h=st.floats(-3, 3))
def test_chain_equals_enumeration(n, K, h):
    closed = exact.chain(n, K, h)
    summed = exact.enumerate_states(rgdl.Ising(n, K=K, h=h))
    for name in (*FIELDS, "magnetization"):
        expected = getattr(summed, name)
        assert getattr(closed, name) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "K", "h"),
    [(101, -3, 0.1), (5, -10, 0.3), (1000, 0.5, 0.1), (8, -20, 3), (50, 3, 0.01)],
)
def test_chain_equals_mpmath(n, K, h):
    with mpmath.workdps(90):

        def log_z(x, y):
            root = mpmath.sqrt(
                mpmath.exp(2 * x) * mpmath.sinh(y) ** 2 + mpmath.exp(-2 * x)
            )
            u = mpmath.exp(x) * mpmath.cosh(y)
            return mpmath.log((u + root) ** n + (u - root) ** n)

        x, y, step = mpmath.mpf(K), mpmath.mpf(h), mpmath.mpf(10) ** -12
        energy = -(log_z(x + step, y) - log_z(x - step, y)) / (2 * step) / n
        m = (log_z(x, y + step) - log_z(x, y - step)) / (2 * step) / n
        values = [log_z(x * (1 + k * step), y * (1 + k * step)) for k in (-1, 0, 1)]
        heat = (values[0] - 2 * values[1] + values[2]) / step**2 / n
    result = exact.chain(n, K, h)
    assert result.log_z == pytest.approx(float(values[1]), rel=1e-14)
    assert result.energy == pytest.approx(float(energy), rel=1e-13)
    assert result.magnetization == pytest.approx(float(m), rel=1e-13)
    assert result.specific_heat == pytest.approx(float(heat), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    ("n", "K", "h"),
    [
        (3, 1e-8, 1e-8),
        (2, 1e-12, 0.0),
        (8, 20.0, 0.0),
        (9, 10.0, 1e-12),
        (7, -30.0, 0.0),
        (101, -100.0, 0.0),
        (100, 1000.0, 0.0),
        (1000, -20.0, 0.5),
        (1001, -20.0, 40.0),
        (10**9, 2.0, 1e-5),
    ],
)
def test_chain_keeps_its_relative_precision(n, K, h):
    """Hot, cold, frustrated or long: every number to 12 digits."""
    with mpmath.workdps(3000 if abs(K) > 500 else 900):

        def log_z(x, y):
            root = mpmath.sqrt(
                mpmath.exp(2 * x) * mpmath.sinh(y) ** 2 + mpmath.exp(-2 * x)
            )
            u = mpmath.exp(x) * mpmath.cosh(y)
            return mpmath.log((u + root) ** n + (u - root) ** n)

        x, y, step = mpmath.mpf(K), mpmath.mpf(h), mpmath.mpf(10) ** -200
        energy = -(log_z(x + step, y) - log_z(x - step, y)) / (2 * step) / n
        m = (log_z(x, y + step) - log_z(x, y - step)) / (2 * step) / n
        low, mid, high = (
            log_z(x * (1 + k * step), y * (1 + k * step)) for k in (-1, 0, 1)
        )
        heat = (low - 2 * mid + high) / step**2 / n
        entropy = (mid - (high - low) / (2 * step)) / n
    result = exact.chain(n, K, h)
    assert abs(result.log_z / mid - 1) < 1e-14
    assert abs(result.energy / energy - 1) < 1e-12
    assert abs(result.entropy / entropy - 1) < 1e-12
    assert abs(result.specific_heat - heat) <= 1e-12 * heat + 1e-300
    assert abs(result.magnetization - m) <= 1e-12 * abs(m)


@pytest.mark.parametrize(("K", "h"), [(500, 0), (-500, 3), (1, 800), (-500, 0), (0, 0)])
@pytest.mark.parametrize("n", [2, 100, 101])
def test_chain_is_finite_in_every_limit(n, K, h):
    result = exact.chain(n, K, h)
    assert all(math.isfinite(getattr(result, name)) for name in FIELDS)
    assert -1 <= result.energy <= 1
    assert result.entropy > -1e-10


def test_frozen_frustrated_ring_has_one_domain_wall():
    result = exact.chain(7, -400.0)
    assert result.log_z == pytest.approx(math.log(14) + 5 * 400, rel=1e-14)
    assert result.energy == pytest.approx(5 / 7)
    assert result.entropy == pytest.approx(math.log(14) / 7, rel=1e-10)


@pytest.mark.parametrize(
    ("side", "levels"),
    [  # papers.md 12.4
        (2, {-8: 2, 0: 12, 8: 2}),
        (3, {-18: 2, -10: 18, -6: 48, -2: 198, 2: 144, 6: 102}),
        (4, {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568}),
    ],
)
def test_density_of_states_equals_the_table(side, levels):
    energies = energies_of_all_states(side)
    values, counts = np.unique(energies, return_counts=True)
    found = dict(zip(values.astype(int).tolist(), counts.tolist(), strict=True))
    assert {energy: found[energy] for energy in levels} == levels
    if side == 4:
        assert found[0] == 20524
        assert sum(found.values()) == 65536
        assert all(found[-energy] == count for energy, count in found.items())


def test_joint_density_of_states_equals_the_table():
    energies = energies_of_all_states(3)
    m = 2 * np.bitwise_count(np.arange(512)).astype(int) - 9
    found = {}
    for energy in np.unique(energies):
        values, counts = np.unique(
            m[(energies == energy) & (m > 0)], return_counts=True
        )
        found[int(energy)] = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert found == {
        -18: {9: 1},
        -10: {7: 9},
        -6: {5: 18, 3: 6},
        -2: {5: 18, 3: 36, 1: 45},
        2: {3: 36, 1: 36},
        6: {3: 6, 1: 45},
    }


def test_enumeration_equals_a_plain_sum():
    model = rgdl.Ising((2, 3), K=0.7, h=-0.3)
    states = 2 * (np.arange(64)[:, None] >> np.arange(6) & 1) - 1
    s = states.reshape(-1, 2, 3)
    weights = np.exp(-model.hamiltonian(s))
    p = weights / weights.sum()
    m = model.magnetization(s)
    result = exact.enumerate_states(model)
    assert result.log_z == pytest.approx(math.log(weights.sum()))
    assert result.energy == pytest.approx(p @ model.energy(s))
    h = model.hamiltonian(s)
    assert result.specific_heat == pytest.approx((p @ h**2 - (p @ h) ** 2) / 6)
    assert result.entropy == pytest.approx(-(p @ np.log(p)) / 6)
    assert result.magnetization == pytest.approx(p @ m)
    assert result.mean_abs_magnetization == pytest.approx(p @ abs(m))
    assert result.mean_square_magnetization == pytest.approx(p @ m**2)
    chi = 6 * 0.7 * (p @ m**2 - (p @ abs(m)) ** 2)
    assert result.susceptibility == pytest.approx(chi)
    assert result.binder == pytest.approx(1 - p @ m**4 / (3 * (p @ m**2) ** 2))


def test_enumeration_names_its_limit():
    with pytest.raises(ValueError, match=r"at most 28 sites .* got 30"):
        exact.enumerate_states(rgdl.Ising((5, 6), K=0.4))
    with pytest.raises(TypeError, match=r"rgdl\.Ising"):
        exact.enumerate_states((4, 4))


def test_thermodynamics_is_a_readable_value():
    result = exact.kaufman((4, 4), 0.4)
    assert result == exact.kaufman((4, 4), 0.4)
    assert pickle.loads(pickle.dumps(result)) == result
    assert "log_z_per_site=0.91" in repr(result)
    assert "magnetization" not in repr(result)
    assert "<th>energy</th>" in result._repr_html_()
    with pytest.raises(AttributeError):
        result.energy = 0.0


def test_critical_coupling_is_self_dual():
    assert math.sinh(2 * exact.K_CRITICAL) == pytest.approx(1, rel=1e-15)
    assert exact.K_CRITICAL == pytest.approx(0.4406867935097715126, rel=1e-15)


@pytest.mark.parametrize("K", [1e-300, -1e-300, 1e-120])
def test_kaufman_at_vanishing_coupling(K):
    exact = rgdl.exact.kaufman((4, 4), K)
    assert exact.energy == pytest.approx(-2 * K, rel=1e-15)
    assert exact.log_z == 16 * math.log(2)
    # an extent of 2 doubles its bond: <s s'> = tanh 2K there
    assert rgdl.exact.kaufman((2, 4), K).energy == pytest.approx(-3 * K, rel=1e-15)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rgdl.exact.kaufman((4, 4), 1e308),
        lambda: rgdl.exact.chain(4, 0.1, 1e308),
        lambda: rgdl.exact.chain(5, -1e308, 1.0),
        lambda: rgdl.exact.onsager(1e308),
        lambda: rgdl.exact.triangular(1e300),
        lambda: rgdl.exact.correlations((4, 4), 1e308),
        lambda: rgdl.exact.central_charge(K=1e300),
        lambda: rgdl.exact.enumerate_states(rgdl.Ising((3, 3), K=1e308)),
        lambda: rgdl.exact.boltzmann(rgdl.Ising(4, K=1e308)),
        lambda: rgdl.exact.planar(rgdl.Ising((4, 4), K=1e308, periodic=False)),
        lambda: rgdl.exact.transfer_matrix(rgdl.Ising((4, 4), K=1e308)),
    ],
)
def test_senseless_couplings_are_refused(call):
    with pytest.raises(ValueError, match=r"1e\+06"):
        call()
