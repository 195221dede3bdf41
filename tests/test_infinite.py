"""Infinite lattices against high precision, duality, star-triangle and finite tori."""

import math

import mpmath
import pytest

from rgdl import exact

K_C = exact.K_CRITICAL
NEAR = [K_C * (1 + sign * 10.0**-n) for n in (3, 6, 9) for sign in (-1, 1)]
TRIANGULAR_K_C = 0.27465307216702742
HONEYCOMB_K_C = 0.65847894846240835


def onsager_by_mpmath(K):
    """Everything from the textbook formulas at 40 digits."""
    with mpmath.workdps(40):
        K = mpmath.mpf(K)
        s, c = mpmath.sinh(2 * K), mpmath.cosh(2 * K)
        k2 = (s * s - 1) / c**2
        first, second = mpmath.ellipk(1 - k2**2), mpmath.ellipe(1 - k2**2)
        e = -c / s * (1 + 2 / mpmath.pi * k2 * first)
        heat = 2 * first - 2 * second - (1 - k2) * (mpmath.pi / 2 + k2 * first)

        def integrand(t):
            root = mpmath.sqrt(mpmath.sin(t) ** 2 + (k2 * mpmath.cos(t)) ** 2)
            return mpmath.log((1 + root) / 2)

        panels = [0, *(mpmath.pi / 2 * mpmath.mpf(2) ** -j for j in range(40, -1, -2))]
        log_z = mpmath.log(2 * c) + mpmath.quad(integrand, panels) / mpmath.pi
        wall = 2 * K + mpmath.log(mpmath.tanh(K))
        return {
            "log_z_per_site": log_z,
            "energy": e,
            "specific_heat": 2 / mpmath.pi * (K * c / s) ** 2 * heat,
            "entropy": log_z + K * e,
            "magnetization": (1 - s**-4) ** mpmath.mpf("0.125") if s > 1 else 0,
            "correlation_length": -1 / wall if wall < 0 else 1 / (2 * wall),
        }


@pytest.mark.parametrize("K", [0.05, 0.2, 0.4, *NEAR, 0.6, 0.999, 1.001, 2.0])
def test_onsager_equals_mpmath(K):
    result = exact.onsager(K)
    for name, expected in onsager_by_mpmath(K).items():
        value = getattr(result, name)
        assert abs(value - expected) <= 1e-12 * abs(expected), name
    broken = exact.onsager(K * (1 + 1e-9))
    length = result.correlation_length
    assert broken.correlation_length != pytest.approx(length, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("T", "log_z", "energy", "specific_heat", "m"),
    [  # papers.md 12.1
        (1.0, 2.00034828370071, -1.997160204112, 0.023379564687, 0.999275751957),
        (1.5, 1.33896212361620, -1.951116573078, 0.19727454018, 0.986499602621),
        (2.0, 1.02579281269492, -1.745564575313, 0.7248714486, 0.911319377877),
        (2.2, 0.950339138278758, -1.546489144098, 1.4142776913, 0.784755131384),
        (2.25, 0.935110544868716, -1.463102732587, 2.0530770254, 0.671854026683),
        (2.3, 0.921577782174386, -1.342866387696, 1.8223686861, 0),
        (2.5, 0.879363820774948, -1.106079203746, 0.86169835683, 0),
        (3.0, 0.815882731857721, -0.8173095925024, 0.4013795759, 0),
        (4.0, 0.759106478535455, -0.5572722406285, 0.17118841148, 0),
        (5.0, 0.734530812276326, -0.4282288332403, 0.097652177588, 0),
    ],
)
def test_onsager_equals_the_table(T, log_z, energy, specific_heat, m):
    result = exact.onsager(1 / T)
    assert result.log_z_per_site == pytest.approx(log_z, abs=6e-15)
    assert result.energy == pytest.approx(energy, abs=6e-13)
    assert result.specific_heat == pytest.approx(specific_heat, rel=1e-10)
    assert result.magnetization == pytest.approx(m, abs=6e-13)


@pytest.mark.parametrize(
    ("K", "length"),
    [
        (0.35, 2.56722),
        (0.4, 5.96238),
        (0.408, 7.46732),
        (0.42, 11.90558),
        (0.43, 23.21523),
    ],
)
def test_correlation_length_equals_the_table(K, length):
    assert exact.onsager(K).correlation_length == pytest.approx(length, abs=6e-6)


def test_onsager_at_criticality():
    result = exact.onsager(K_C)
    bulk = math.log(2) / 2 + 2 * float(mpmath.catalan) / math.pi
    assert result.log_z_per_site == pytest.approx(bulk, rel=1e-15)
    assert result.log_z_per_site == pytest.approx(0.9296953983416102150, rel=1e-15)
    assert result.energy == pytest.approx(-math.sqrt(2), rel=1e-15)
    assert result.specific_heat == result.correlation_length == math.inf
    assert -result.energy / 2 == pytest.approx(0.70710678, abs=6e-9)  # <s s'>
    assert exact.diagonal_correlation(K_C, 1) == pytest.approx(0.63661977, abs=6e-9)
    assert result.magnetization == 0
    assert math.isnan(result.log_z)
    assert result.n_sites == math.inf
    assert "log_z_per_site=0.929695398342" in repr(result)


def test_onsager_limits():
    free = exact.onsager(0.0)
    assert (free.log_z_per_site, free.energy) == (math.log(2), 0)
    for K in (1e-200, 1e-12, 1e-5):
        assert exact.onsager(K).energy == pytest.approx(-2 * K, rel=1e-9)
        assert exact.onsager(K).specific_heat == pytest.approx(2 * K**2, rel=1e-8)
    for K in (3.0, 20.0, 80.0):
        cold = exact.onsager(K)
        assert cold.log_z_per_site == pytest.approx(2 * K, rel=1e-10)
        assert cold.specific_heat == pytest.approx(
            64 * K**2 * math.exp(-8 * K), rel=0.1
        )
        entropy = (1 + 8 * K) * math.exp(-8 * K)
        assert cold.entropy == pytest.approx(entropy, rel=0.02)
    frozen = exact.onsager(1e6)
    assert (frozen.energy, frozen.magnetization, frozen.entropy) == (-2, 1, 0)


def test_antiferromagnet_is_the_ferromagnet_on_sublattices():
    for lattice in (exact.onsager, exact.honeycomb):
        plus, minus = lattice(0.7), lattice(-0.7)
        assert minus.log_z_per_site == plus.log_z_per_site
        assert minus.energy == -plus.energy
        assert minus.entropy == plus.entropy
        assert (plus.magnetization > 0, minus.magnetization) == (True, 0)


@pytest.mark.parametrize("K", [0.1, 0.3, 0.43, 0.44])
def test_square_lattice_is_self_dual(K):
    dual = math.atanh(math.exp(-2 * K))
    hot, cold = exact.onsager(K), exact.onsager(dual)
    shift = math.log(math.sinh(2 * K))
    assert hot.log_z_per_site == pytest.approx(cold.log_z_per_site + shift, rel=1e-13)


@pytest.mark.parametrize("K", [0.1, 0.3, 0.5, 0.8, -0.3])
def test_torus_approaches_the_infinite_lattice(K):
    torus, bulk = exact.kaufman((256, 256), K), exact.onsager(K)
    ordered = math.log(2) / 256**2 if abs(K) > K_C else 0
    assert torus.log_z_per_site - ordered == pytest.approx(
        bulk.log_z_per_site, rel=1e-13
    )
    assert torus.energy == pytest.approx(bulk.energy, rel=1e-11)
    assert torus.specific_heat == pytest.approx(bulk.specific_heat, rel=1e-9)


def houtappel_by_mpmath(lattice, K):
    """Ln Z / N of the textbook's double integral, its inner part in closed form."""
    c, s = mpmath.cosh(2 * K), mpmath.sinh(2 * K)
    triangle = lattice is exact.triangular
    constant, strength = (c**3 + s**3, s) if triangle else (1 + c**3, s * s)

    def integrand(a):
        p, q = constant - strength * mpmath.cos(a), 2 * strength * mpmath.cos(a / 2)
        return mpmath.log((p + mpmath.sqrt(abs(p * p - q * q))) / 2)

    soft = 2 * mpmath.pi / 3
    panels = [0, *(mpmath.pi * mpmath.mpf(2) ** -j for j in range(12, 0, -2)), soft]
    mean = mpmath.quad(integrand, [*sorted(panels), mpmath.pi]) / mpmath.pi
    if triangle:
        return mpmath.log(2) + mean / 2
    return mpmath.log(2) * 3 / 4 + mean / 4


@pytest.mark.parametrize(
    ("lattice", "K"),
    [
        *(
            (exact.triangular, K)
            for K in (-3.0, -1.2, -0.6, -0.2, 0.05, 0.26, 0.3, 0.8)
        ),
        *(
            (exact.triangular, K)
            for K in (-0.019, -0.021, 1e-3, 0.019, 1.09, 1.11, 1.5)
        ),
        *((exact.honeycomb, K) for K in (-0.4, 0.05, 0.6, 0.7, 1.2)),
        *((exact.honeycomb, K) for K in (-1e-3, 0.019, 0.021, 1.09, 1.11, 3.0)),
    ],
)
def test_triangular_and_honeycomb_equal_mpmath(lattice, K):
    result = lattice(K)
    with mpmath.workdps(40):
        x, step = mpmath.mpf(K), mpmath.mpf(10) ** -9
        low, mid, high = (
            houtappel_by_mpmath(lattice, x + k * step) for k in (-1, 0, 1)
        )
        slope, bend = (high - low) / (2 * step), (high - 2 * mid + low) / step**2
        assert abs(result.log_z_per_site / mid - 1) < 1e-13
        assert abs(-result.energy / slope - 1) < 1e-12
        assert abs(result.entropy / (mid - x * slope) - 1) < 2e-12
        assert abs(result.specific_heat / (x * x * bend) - 1) < 2e-12


@pytest.mark.parametrize("K", [0.2, 0.6, HONEYCOMB_K_C, 0.66, 1.0])
def test_star_triangle_and_duality_relate_the_lattices(K):
    """Summing out one sublattice of the honeycomb leaves a triangular lattice."""
    honeycomb = exact.honeycomb(K)
    inner = math.log(2 * math.cosh(2 * K) - 1) / 4
    star = (math.log(2 * math.cosh(3 * K)) + 3 * math.log(2 * math.cosh(K))) / 4
    summed = exact.triangular(inner)
    found = (summed.log_z_per_site + star) / 2
    assert honeycomb.log_z_per_site == pytest.approx(found, rel=1e-13)
    if K != HONEYCOMB_K_C:
        m = summed.magnetization
        assert honeycomb.magnetization == pytest.approx(m, rel=1e-11)
    dual = exact.triangular(math.atanh(math.exp(-2 * K))).log_z_per_site
    shift = math.log(2) / 4 + 0.75 * math.log(math.sinh(2 * K))
    assert honeycomb.log_z_per_site == pytest.approx(dual / 2 + shift, rel=1e-13)


def test_triangular_and_honeycomb_at_criticality():
    triangle, comb = exact.triangular(TRIANGULAR_K_C), exact.honeycomb(HONEYCOMB_K_C)
    assert triangle.energy == pytest.approx(-2, rel=1e-14)
    assert comb.energy == pytest.approx(-2 / math.sqrt(3), rel=1e-14)
    assert triangle.specific_heat == comb.specific_heat == math.inf
    near = exact.triangular(TRIANGULAR_K_C * (1 + 1e-9))
    assert near.energy == pytest.approx(-2, abs=1e-7)
    assert 0 < near.magnetization < 0.2
    ratio = 1e-6  # the heat grows as a logarithm with equal amplitudes
    heats = [exact.triangular(TRIANGULAR_K_C * (1 + x)) for x in (-ratio, ratio)]
    assert heats[0].specific_heat == pytest.approx(heats[1].specific_heat, rel=1e-4)


def test_triangular_and_honeycomb_limits():
    assert exact.triangular(0.0).log_z_per_site == pytest.approx(math.log(2), rel=1e-14)
    assert exact.honeycomb(0).log_z_per_site == pytest.approx(math.log(2), rel=1e-14)
    for K in (20.0, 1e4):
        frozen = exact.triangular(K), exact.honeycomb(K)
        assert [round(each.energy, 12) for each in frozen] == [-3, -1.5]
        assert [each.magnetization for each in frozen] == [1, 1]
        assert all(abs(each.entropy) < 1e-14 for each in frozen)
    frustrated = exact.triangular(-30.0)
    residual = float(mpmath.clsin(2, mpmath.pi / 3) / mpmath.pi)
    assert frustrated.entropy == pytest.approx(residual, rel=1e-14)
    assert residual == pytest.approx(0.32306594722, abs=1e-11)
    assert frustrated.energy == pytest.approx(1, rel=1e-14)


def test_diagonal_correlation_at_criticality_is_a_product():
    for n in (1, 2, 5, 20):
        product = math.prod((1 - 1 / (4 * k * k)) ** (k - n) for k in range(1, n))
        expected = (2 / math.pi) ** n * product
        assert exact.diagonal_correlation(K_C, n) == pytest.approx(expected, rel=1e-12)
    assert exact.diagonal_correlation(K_C, 0) == 1
    amplitude = exact.critical(2).amplitudes["correlation"]
    assert amplitude == pytest.approx(0.70338, abs=5e-6)  # papers.md 12.1
    far = exact.diagonal_correlation(K_C, 60) * (60 * math.sqrt(2)) ** 0.25
    assert far == pytest.approx(amplitude, rel=1e-4)


@pytest.mark.parametrize("K", [0.2, 0.44, 0.45, 1.0, -0.3])
def test_next_diagonal_correlation_equals_elliptic_integrals(K):
    s2 = math.sinh(2 * K) ** 2
    if s2 > 1:
        expected = 2 / math.pi * mpmath.ellipe(s2**-2)
    else:
        m = s2 * s2
        bracket = mpmath.ellipe(m) - (1 - m) * mpmath.ellipk(m)
        expected = 2 / math.pi * bracket / s2
    found = exact.diagonal_correlation(K, 1)
    assert found == pytest.approx(float(expected), rel=1e-13)


def test_diagonal_correlation_limits():
    far = exact.diagonal_correlation(0.5, 60)
    assert far == pytest.approx(exact.onsager(0.5).magnetization ** 2, rel=1e-12)
    assert exact.diagonal_correlation(100.0, 3) == 1
    assert exact.diagonal_correlation(0.0, 2) == pytest.approx(0, abs=1e-15)
    torus = exact.correlations((8, 10), 0.05)  # paths around weigh 28 tanh^8 K
    for n in (1, 2):
        found = exact.diagonal_correlation(0.05, n)
        assert found == pytest.approx(torus[n, n], abs=2e-9)


@pytest.mark.parametrize("function", [exact.onsager, exact.triangular, exact.honeycomb])
def test_infinite_lattices_refuse_bad_input(function):
    with pytest.raises(ValueError, match="K must be finite"):
        function(math.nan)
    with pytest.raises(TypeError, match="real number"):
        function("hot")


def test_diagonal_correlation_refuses_bad_input():
    with pytest.raises(ValueError, match="n must be at least 0"):
        exact.diagonal_correlation(0.4, -1)
    with pytest.raises(TypeError, match="integer"):
        exact.diagonal_correlation(0.4, 1.5)


def test_diagonal_correlations_reach_a_thousand_steps():
    with pytest.raises(ValueError, match="n must be at most 1000, got 1001"):
        exact.diagonal_correlation(0.3, 1001)
    far = exact.diagonal_correlation(exact.K_CRITICAL, 100)
    assert far * 100**0.25 == pytest.approx(0.645002448, rel=5e-6)
