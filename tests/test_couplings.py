"""Couplings by Walsh-Hadamard: values, orbits, labels, and the way back."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rgdl


def states(n):
    return 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1


def minus_h(shape, K, h=0.0):
    s = states(math.prod(shape)).reshape(-1, *shape)
    return -rgdl.Ising(shape, K=K, h=h).hamiltonian(s)


def ising(shape, K, h=0.0):
    return rgdl.Couplings.from_table(minus_h(shape, K, h), shape=shape)


@given(n=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_coefficients_are_averages_over_states(n, seed):
    table = np.random.default_rng(seed).normal(size=1 << n)
    couplings = rgdl.Couplings.from_table(table)
    s = states(n)
    assert couplings.constant == pytest.approx(table.mean(), abs=1e-14)
    for order in range(1, n + 1):
        for sites in itertools.combinations(range(n), order):
            expected = np.mean(table * s[:, sites].prod(axis=1))
            label = "".join(f"({i})" for i in sites)
            assert couplings[label] == pytest.approx(expected, abs=1e-14)
    np.testing.assert_allclose(-couplings.hamiltonian(s), table, atol=1e-13)
    assert len(couplings) == (1 << n) - 1
    assert (np.diff(couplings.order) >= 0).all()


def test_unit_vectors_of_one_and_two_hidden_units():
    # papers.md section 9, re-derived from ln 2cosh in test_mapping's spirit
    s = states(3)
    w = np.array([[0.5, -0.3, 0.8], [-0.7, 0.4, 0.1]])
    one = np.log(2 * np.cosh(0.2 + s @ w[0]))
    couplings = rgdl.Couplings.from_table(one)
    expected = {
        "(0)": 0.0572574504,
        "(1)": -0.0347236163,
        "(2)": 0.1104574691,
        "(0)(1)": -0.0857852655,
        "(0)(2)": 0.2969618626,
        "(1)(2)": -0.1680279910,
        "(0)(1)(2)": 0.0184764024,
    }
    assert couplings.constant == pytest.approx(1.0922198405, abs=1e-10)
    assert {k: round(couplings[k], 10) for k in expected} == expected
    two = one - np.log(2 * np.cosh(0.2 + s @ w[0]))
    two += s @ [0.1, -0.2, 0.3]
    two += np.log(2 * np.cosh(s @ w.T + [0.2, -0.5])).sum(axis=1)
    couplings = rgdl.Couplings.from_table(two)
    assert couplings.constant == pytest.approx(2.1452344355, abs=1e-10)
    assert couplings["(0)(1)(2)"] == pytest.approx(0.0066234168, abs=1e-10)
    assert couplings["(0)(1)"] == pytest.approx(-0.2865444004, abs=1e-10)


@pytest.mark.parametrize("shape", [(3, 3), (4, 4), (3, 4), (8,), (5,), (3, 5)])
def test_ising_has_only_its_couplings(shape):
    couplings = ising(shape, 0.4, 0.1)
    expected = dict.fromkeys(couplings.labels, 0.0) | {"field": 0.1}
    nn = [label for label in couplings.labels if label.split()[0] == "nn"]
    expected |= dict.fromkeys(nn, 0.4)
    assert len(nn) == len(set(shape))
    for label, value in expected.items():
        assert couplings[label] == pytest.approx(value, abs=1e-14)
    assert couplings.spread.max() < 1e-14
    bonds = sum(
        m
        for label, m in zip(couplings.labels, couplings.multiplicities, strict=True)
        if label in nn
    )
    assert bonds == len(shape) * math.prod(shape)
    assert couplings.multiplicities.sum() == 2 ** math.prod(shape) - 1


def test_labels_of_the_square_torus():
    couplings = ising((4, 4), 0.4)
    assert couplings.labels[:4] == ("field", "nn", "nnn", "3rd")
    assert len(set(couplings.labels)) == len(couplings)
    assert "plaquette" in couplings.labels
    assert "4-spin (0,0)(0,1)(0,2)(1,1)" in couplings.labels
    multiplicity = dict(zip(couplings.labels, couplings.multiplicities, strict=True))
    assert multiplicity["nn"] == 32
    assert multiplicity["nnn"] == 32
    assert multiplicity["3rd"] == 16
    assert multiplicity["plaquette"] == 16


def test_plaquette_label_names_the_elementary_square():
    s = states(9).reshape(-1, 3, 3)
    products = s
    for axis in (1, 2):
        products = products * np.roll(products, -1, axis)
    table = 0.7 * products.reshape(len(s), -1).sum(1)
    couplings = rgdl.Couplings.from_table(table, shape=(3, 3))
    assert couplings["plaquette"] == pytest.approx(0.7)
    others = [k for k in couplings.labels if k != "plaquette"]
    assert max(abs(couplings[k]) for k in others) < 1e-14


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (2,), (4, 2)])
def test_per_bond_halves_doubled_neighbours_only(shape):
    couplings = ising(shape, 0.4, 0.1)
    bonds = couplings.per_bond()
    nn = [label for label in couplings.labels if label.split()[0] == "nn"]
    assert max(couplings[label] for label in nn) == pytest.approx(0.8)
    for label in nn:
        assert bonds[label] == pytest.approx(0.4)
    assert bonds["field"] == pytest.approx(0.1)
    count = dict(zip(bonds.labels, bonds.multiplicities, strict=True))
    assert sum(count[label] for label in nn) == len(shape) * math.prod(shape)
    s = states(math.prod(shape)).reshape(-1, *shape)
    np.testing.assert_allclose(bonds.hamiltonian(s), couplings.hamiltonian(s))
    again = bonds.per_bond()
    np.testing.assert_array_equal(again.values, bonds.values)


def test_spread_shows_a_broken_symmetry():
    table = minus_h((3, 3), 0.4)
    table += 0.01 * (2 * (np.arange(512) & 1) - 1)  # a field on site 0 alone
    couplings = rgdl.Couplings.from_table(table, shape=(3, 3))
    field = couplings.labels.index("field")
    assert couplings.values[field] == pytest.approx(0.01 / 9)
    assert couplings.spread[field] == pytest.approx(0.01 * 8 / 9)
    assert np.delete(couplings.spread, field).max() < 1e-14


def test_hamiltonian_takes_lattices_and_rows():
    model = rgdl.Ising((3, 4), K=0.3, h=-0.2)
    couplings = ising((3, 4), 0.3, -0.2)
    s = 2 * np.random.default_rng(0).integers(0, 2, (7, 3, 4)) - 1
    expected = model.hamiltonian(s)
    np.testing.assert_allclose(couplings.hamiltonian(s), expected, atol=1e-14)
    rows = couplings.hamiltonian(s.reshape(7, 12))
    np.testing.assert_allclose(rows, expected, atol=1e-14)
    assert couplings.hamiltonian(s[0]).shape == ()
    with pytest.raises(ValueError, match="shape"):
        couplings.hamiltonian(s.reshape(7, 4, 3)[:, :2])
    with pytest.raises(ValueError, match="spins -1 and"):
        couplings.hamiltonian(s * 0)


def test_sign_of_the_hamiltonian_matters():
    wrong = rgdl.Couplings.from_table(-minus_h((3, 3), 0.4, 0.1), shape=(3, 3))
    assert wrong["nn"] == pytest.approx(-0.4)  # what a flipped sign would give


def test_tables_are_readable_and_escaped():
    couplings = ising((4, 4), 0.4, 0.1)
    text = repr(couplings)
    assert text.splitlines()[0] == "Couplings of 16 spins on 4x4, constant 0"
    assert text.splitlines()[2].split()[:4] == ["field", "1", "16", "0.1"]
    assert "more, none above" in text
    page = couplings._repr_html_()
    assert page.count("<tr>") == 3
    random = rgdl.Couplings.from_table(np.random.default_rng(0).normal(size=1024))
    assert len(repr(random).splitlines()) == 23


def test_html_escapes_labels(monkeypatch):
    couplings = ising((3, 3), 0.4)
    monkeypatch.setattr(couplings, "_label", lambda k: "<b>&")
    assert "&lt;b&gt;&amp;" in couplings._repr_html_()


@pytest.mark.parametrize("label", ["nearest", "", "(0)(1)", "(9)"])
def test_unknown_labels_are_key_errors(label):
    with pytest.raises(KeyError, match="there are field, nn"):
        ising((3, 3), 0.4)[label]


@pytest.mark.parametrize("label", ["nn", "", "(1)(0)", "(0)(0)", "(7)"])
def test_unknown_sites_are_key_errors(label):
    with pytest.raises(KeyError, match=r"there are \(0\)"):
        rgdl.Couplings.from_table(np.ones(8))[label]


@pytest.mark.parametrize(
    ("table", "shape", "message"),
    [
        (np.ones(3), None, "minus_h must have shape"),
        (np.ones(1), None, "minus_h must have shape"),
        (np.ones((2, 2)), None, "minus_h must have shape"),
        ([1.0, math.nan], None, "finite"),
        ([1.0, math.inf], None, "finite"),
        (np.ones(8), (2, 2), "3 sites"),
        (np.ones(16), (2, 2, 1, 1), "1 to 3 extents"),
    ],
)
def test_bad_tables_are_refused(table, shape, message):
    with pytest.raises(ValueError, match=message):
        rgdl.Couplings.from_table(table, shape=shape)


def test_orbits_of_a_cube():
    cube = states(8).reshape(-1, 2, 2, 2)
    bonds = sum((cube * np.roll(cube, -1, k)).sum(axis=(1, 2, 3)) for k in (1, 2, 3))
    couplings = rgdl.Couplings.from_table(0.4 * bonds, shape=(2, 2, 2))
    assert couplings["nn"] == pytest.approx(0.8)
    assert couplings.per_bond()["nn"] == pytest.approx(0.4)
    assert couplings.spread.max() < 1e-14
    assert "plaquette" in couplings.labels


def test_table_is_not_modified():
    table = np.array([0.5, -0.5, -0.5, 0.5])
    rgdl.Couplings.from_table(table)
    assert table.tolist() == [0.5, -0.5, -0.5, 0.5]
    with pytest.raises(ValueError, match="lattice shape"):
        rgdl.Couplings.from_table(table).per_bond()


def test_title_warns_of_doubled_bonds():
    def title(*shape):
        return repr(rgdl.Couplings.from_table(np.zeros(16), shape=shape))

    assert "per pair (see per_bond)" in title(2, 2)
    assert "per pair" not in title(4)
