"""Critical data against exact thermodynamics; K read off energies."""

import math
from fractions import Fraction

import numpy as np
import pytest

import rgdl
from rgdl import exact

K_C = exact.K_CRITICAL


def test_critical_couplings_equal_the_table():
    couplings = exact.critical(2).K_c  # papers.md 12.1
    assert couplings["square"] == K_C == pytest.approx(0.4406867935097715126, rel=1e-15)
    assert couplings["triangular"] == pytest.approx(0.27465307216702742, rel=1e-15)
    assert couplings["honeycomb"] == pytest.approx(0.65847894846240835, rel=1e-15)
    assert 1 / couplings["square"] == pytest.approx(2.2691853142130219681, rel=1e-15)
    assert 1 / couplings["triangular"] == pytest.approx(3.6409569065, abs=6e-11)
    assert 1 / couplings["honeycomb"] == pytest.approx(1.5186514350, abs=6e-11)
    dual = math.atanh(math.exp(-2 * couplings["triangular"]))
    assert couplings["honeycomb"] == pytest.approx(dual, rel=1e-14)


@pytest.mark.parametrize("d", [2, 3])
def test_exponents_obey_the_scaling_laws(d):
    data = exact.critical(d)
    assert data.alpha == pytest.approx(2 - d * data.nu)
    assert data.alpha + 2 * data.beta + data.gamma == pytest.approx(2)
    assert data.gamma == pytest.approx(data.beta * (data.delta - 1))
    assert data.gamma == pytest.approx(data.nu * (2 - data.eta))
    assert data.nu == pytest.approx(1 / (d - data.delta_epsilon))
    assert data.eta == pytest.approx(2 * data.delta_sigma - d + 2)


def test_critical_data_are_readable():
    two, three = exact.critical(2), exact.critical(3)
    assert (two.delta, two.gamma) == (Fraction(15), Fraction(7, 4))
    assert two.central_charge == Fraction(1, 2)
    assert "beta=1/8" in repr(two)
    assert "delta_sigma=0.518148806(24)" in repr(three)
    assert "K_c_cubic=0.2216546260(50)" in repr(three)
    assert "<th>nu</th><td>0.62997097(12)</td>" in three._repr_html_()
    assert three.binder == 0.46548
    assert three.errors["binder"] == 5e-5
    assert two.errors == {"binder": 1.1e-6}
    with pytest.raises(TypeError):
        two.K_c["square"] = 0.0
    with pytest.raises(AttributeError):
        two.beta = 0.0


def test_amplitudes_are_those_of_onsager():
    amplitudes = exact.critical(2).amplitudes
    t = 1e-7
    above, below = exact.onsager(K_C / (1 + t)), exact.onsager(K_C / (1 - t))
    length = amplitudes["correlation_length_above"]
    assert above.correlation_length * t == pytest.approx(length, rel=1e-6)
    length = amplitudes["correlation_length_below"]
    assert below.correlation_length * t == pytest.approx(length, rel=1e-6)
    assert below.magnetization / t**0.125 == pytest.approx(
        amplitudes["magnetization"], rel=1e-6
    )
    hotter = exact.onsager(K_C / (1 + t * math.e))
    growth = above.specific_heat - hotter.specific_heat
    assert growth == pytest.approx(amplitudes["specific_heat"], rel=1e-5)
    assert amplitudes["specific_heat"] == pytest.approx(0.4945385895, abs=6e-11)


def test_specific_heat_of_tori_grows_with_its_amplitude():
    """papers.md 12.3: C(2L) - C(L) -> A ln 2, and (e + sqrt 2) L -> -0.62244."""
    small, large = (exact.kaufman((L, L), K_C) for L in (512, 1024))
    expected = exact.critical(2).amplitudes["specific_heat"] * math.log(2)
    growth = large.specific_heat - small.specific_heat
    assert growth == pytest.approx(expected, abs=2e-3)
    assert growth / math.log(2) == pytest.approx(0.49454, abs=2e-3)
    assert (large.energy + math.sqrt(2)) * 1024 == pytest.approx(-0.62244, abs=2e-5)


@pytest.mark.parametrize("aspect", [1, 2, 3])
def test_universal_part_of_log_z_is_that_of_kaufman(aspect):
    torus = exact.kaufman((192, 192 * aspect), K_C)
    bulk = torus.n_sites * exact.onsager(K_C).log_z_per_site
    expected = exact.universal_log_z(aspect)
    assert torus.log_z - bulk == pytest.approx(expected, abs=3e-5)
    assert exact.universal_log_z(1 / aspect) == expected
    assert expected != pytest.approx(exact.universal_log_z(aspect * 1.1), abs=1e-3)


def test_universal_part_of_log_z_in_closed_form():
    closed = math.log(2**0.25 + 2**-0.5)
    assert exact.universal_log_z() == pytest.approx(closed, rel=1e-15)
    assert closed == pytest.approx(0.639912, abs=5e-7)
    # a long torus is a strip: pi c r / 6 with c = 1/2
    assert exact.universal_log_z(50) == pytest.approx(math.pi * 50 / 12, abs=1e-12)


@pytest.mark.parametrize("shape", [None, (16, 16), (4, 6), (5, 5), (2, 3)])
def test_k_eff_inverts_the_energy(shape):
    K = np.array([-0.7, -K_C, -0.2, -1e-6, 0, 1e-9, 0.1, 0.43, K_C, 0.4407, 0.6, 1])
    solve = exact.onsager if shape is None else lambda k: exact.kaufman(shape, k)
    energies = np.array([solve(k).energy for k in K])
    found = exact.k_eff(energies.reshape(3, 4), shape)
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found.ravel(), K, rtol=1e-12, atol=1e-15)
    assert not np.allclose(exact.k_eff(energies + 1e-9, shape), K, rtol=1e-12)


def test_k_eff_of_many_energies_and_scalars():
    energies = np.linspace(-1.99, 1.99, 2001)
    K = exact.k_eff(energies)
    assert np.all(np.diff(K) < 0)
    np.testing.assert_allclose(K, -K[::-1], rtol=1e-12, atol=1e-15)
    assert exact.k_eff(-math.sqrt(2)) == pytest.approx(K_C, rel=1e-14)
    assert exact.k_eff(-1.0).shape == ()
    assert exact.k_eff([]).shape == (0,)
    assert exact.k_eff(-2 + 1e-14) == pytest.approx(math.log(8e14) / 8, rel=1e-2)
    given = energies.copy()
    exact.k_eff(energies)
    np.testing.assert_array_equal(energies, given)


def test_k_eff_reads_blocked_lattices():
    """Blocking the plain model at high temperature lowers the coupling it shows."""
    s = rgdl.sample(rgdl.Ising((16, 16), K=0.3), 500, rng=0)
    blocked = rgdl.rg.MajorityRule(b=2).coarsen(s, rng=1)
    on_blocks = rgdl.Ising((8, 8), K=1.0)  # only to measure
    K = exact.k_eff(on_blocks.energy(blocked).mean(), (8, 8))
    assert 0.1 < K < 0.3


@pytest.mark.parametrize(
    ("energy", "shape", "message"),
    [
        (-2.0, None, "above -2 and below 2, .* got -2"),
        ([0.0, 2.5], (4, 4), "below 2, .* got 2.5"),
        (math.nan, None, "got nan"),
        (1.3, (5, 5), "below 1.2"),
        (1.7, (4, 5), "below 1.6"),
        (0.0, (4,), "2 extents"),
        (0.0, (1, 4), "at least 2"),
    ],
)
def test_k_eff_names_what_cannot_be(energy, shape, message):
    with pytest.raises(ValueError, match=message):
        exact.k_eff(energy, shape)


def test_critical_refuses_bad_input():
    with pytest.raises(ValueError, match="2 or 3"):
        exact.critical(4)
    with pytest.raises(TypeError, match="integer"):
        exact.critical("2")
    for aspect in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="aspect"):
            exact.universal_log_z(aspect)


def test_k_eff_names_what_is_no_number():
    for energy in ("a", [1j], [None]):
        with pytest.raises(TypeError, match="energy must hold real numbers"):
            exact.k_eff(energy)
