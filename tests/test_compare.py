"""Coarse-grainings side by side: against exact tables, enumeration and each other."""

import math
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

import rgdl
from rgdl import rg
from rgdl.rg._symmetry import asymmetry

RULES = [rg.Decimation(), rg.MajorityRule()]


@pytest.mark.parametrize(
    ("K", "width", "buffer", "available", "decimation", "majority"),
    [  # papers.md 6.2: infinite chain
        (0.1, 2, 1, 0.00009868, 0.00004983, 0.00002983),
        (0.25, 2, 1, 0.00359999, 0.00190773, 0.00139422),
        (0.5, 2, 1, 0.04573560, 0.02763417, 0.02425683),
        (0.5, 4, 1, 0.04594755, 0.02319080, 0.01127481),
        (0.5, 4, 2, 0.00975437, 0.00492438, 0.00240198),
        (1.0, 2, 1, 0.32522098, 0.24703286, 0.24056806),
        (1.0, 4, 1, 0.34733066, 0.20131719, 0.16312546),
        (1.5, 2, 1, 0.58154623, 0.50002043, 0.49614762),
    ],
)
def test_information_on_the_chain_equals_the_table(
    K, width, buffer, available, decimation, majority
):
    chain = rgdl.Ising(3 * width, K=K, periodic=False)  # E: beyond the buffer
    for rule, kept in (
        (rg.Decimation(width), decimation),
        (rg.MajorityRule(width), majority),
    ):
        found = rg.mutual_information(chain, rule, buffer=buffer)
        np.testing.assert_allclose(found, (kept, available), atol=6e-9)


@pytest.mark.parametrize(
    ("K", "available", "majority"),
    [(0.5, 0.04595766, 0.00500435), (1.0, 0.35716455, 0.08628297)],
)
def test_information_of_a_long_block_equals_the_table(K, available, majority):
    """Blocks of eight as one hidden unit, whose huge weights make a majority."""
    W = np.zeros((12, 1))
    W[2:10] = 40.0
    layer = rgdl.RBM.from_weights(W, np.zeros(12), np.zeros(1)).as_transform()
    chain = rgdl.Ising(12, K=K, periodic=False)
    found = rg.mutual_information(chain, layer)
    np.testing.assert_allclose(found, (majority, available), atol=6e-9)


def test_information_of_a_block_that_ignores_its_spins_is_zero():
    chain = rgdl.Ising(6, K=0.5, periodic=False)
    kept, available = rg.mutual_information(chain, rg.Kadanoff(strength=0.0))
    assert kept == pytest.approx(0.0, abs=1e-15)
    assert available == pytest.approx(0.04573560, abs=6e-9)
    small = rgdl.Ising((4, 4), K=0.5)
    assert math.isnan(rg.mutual_information(small, rg.Decimation())[0])


def test_enumeration_gives_what_the_mapping_gives():
    model = rgdl.Ising((4, 4), K=0.4)
    table = rg.compare(model, [*RULES, rg.Kadanoff()])
    assert table.n == 0
    for row, rule in zip(table.rows, [*RULES, rg.Kadanoff()], strict=True):
        push = rgdl.mapping.verify(model, rule).h_push
        assert row.exact
        assert row.coarse_shape == (2, 2)
        values = [row.couplings[label] for label in ("nn", "nnn", "plaquette")]
        expected = [push[label] for label in ("nn", "nnn", "plaquette")]
        np.testing.assert_allclose(values, expected, atol=1e-12)
        nn, nnn, four = expected
        pairs = 4 * nn**2 + 2 * nnn**2
        reach = math.sqrt((4 * nn**2 + 2 * 2 * nnn**2) / pairs)
        assert row.reach[0] == pytest.approx(reach)
        assert row.many_body[0] == pytest.approx(four**2 / (pairs + four**2))
    s = 2 * (np.arange(1 << 16)[:, None] >> np.arange(16) & 1) - 1
    law = np.exp(-model.hamiltonian(s.reshape(-1, 4, 4)))
    law /= law.sum()
    found = table["Decimation(b=2)"]
    expected = [1.0, law @ (s[:, 0] * s[:, 1]), law @ (s[:, 0] * s[:, 2])]
    np.testing.assert_allclose(found.correlator, expected, atol=1e-12)
    kept = s[:, [0, 2, 8, 10]]
    m = law @ np.abs(kept.mean(axis=1))
    assert found.magnetization[0] == pytest.approx(m)
    assert found.energy[0] == pytest.approx(
        law @ rgdl.Ising((2, 2), K=1.0).energy(kept.reshape(-1, 2, 2))
    )


def test_sampling_agrees_with_enumeration(monkeypatch):
    # 4 sigma in each number; the twin samples at K = 0.36 instead of 0.4
    model = rgdl.Ising((4, 4), K=0.4)
    exact = rg.compare(model, RULES)
    monkeypatch.setattr("rgdl.rg._compare._MAX_ENUMERATED", 1)
    drawn = rg.compare(model, RULES, n=8000, rng=1)
    wrong = rg.compare(rgdl.Ising((4, 4), K=0.36), RULES, n=8000, rng=1)

    def pulls(other):
        names = ("nn", "magnetization", "energy", "k_eff")
        return [
            abs(getattr(b, name)[0] - getattr(a, name)[0]) / getattr(b, name)[1]
            for a, b in zip(exact.rows, other.rows, strict=True)
            for name in names
        ]

    assert max(pulls(drawn)) < 4
    assert min(pulls(wrong)) > 4
    for a, b in zip(exact.rows, drawn.rows, strict=True):
        # C(0) of decimation is 1 in every row
        gap = np.abs(a.correlator - b.correlator)
        assert (gap <= 4 * b.correlator_error + 1e-12).all()
        assert b.couplings.is_close(a.couplings)


def test_large_lattices_have_exponents():
    model = rgdl.Ising((16, 16), K=rgdl.exact.K_CRITICAL)
    rules = {
        "dec": rg.Decimation(),
        "maj": rg.MajorityRule(),
        "turn": rg.Decimation("sqrt2"),
    }
    table = rg.compare(model, rules, n=2000, rng=0)
    assert table["maj"].y_h[0] == pytest.approx(1.88, abs=0.02)
    assert table["maj"].nn[1] > 0
    assert "not reliable" in table["dec"].notes["exponents"]
    assert table["turn"].coarse_shape == (16, 8)
    assert math.isnan(table["turn"].k_eff[0])
    text = repr(table)
    assert "maj" in text.splitlines()[3]
    assert "y_t" in text
    assert "<table>" in table._repr_html_()
    for quantity in ("correlator", "couplings", "k_eff"):
        ax = Figure().add_subplot()
        assert rgdl.plot.comparison(table, quantity=quantity, ax=ax) is ax


@pytest.mark.parametrize(("n", "K"), [(8, 0.5), (12, 1.1), (8, -0.3)])
def test_decimated_rings_read_their_flowed_coupling(n, K):
    table = rg.compare(rgdl.Ising(n, K=K), {"copy": rg.Decimation()})
    expected = math.log(math.cosh(2 * K)) / 2
    assert table["copy"].k_eff[0] == pytest.approx(expected, abs=1e-12)


def test_machines_are_compared_by_their_layer():
    model = rgdl.Ising(8, K=0.5)
    rbm = rgdl.mapping.block_machine(8, 0.5)
    row = rg.compare(model, {"exact": rbm}).rows[0]
    assert row.coarse_shape is None
    assert row.kl_push[0] == pytest.approx(0.0, abs=1e-12)
    assert row.couplings.shape is None
    assert row.magnetization[0] > 0


def test_open_lattices_have_no_torus_couplings():
    model = rgdl.Ising(8, K=0.5, periodic=False)
    row = rg.compare(model, RULES).rows[0]
    assert row.couplings.shape is None
    middle = rg.decimate_chain(0.5, 1).couplings[1, 0]
    assert row.couplings["(1)(2)"] == pytest.approx(middle, abs=1e-12)


@pytest.mark.parametrize("b", [2, 4])
def test_correlator_of_an_open_chain_does_not_wrap_around(b):
    # <s_i s_j> = tanh(K)^|i-j| between any two sites of an open chain
    model = rgdl.Ising(8, K=0.5, periodic=False)
    row = rg.compare(model, {"copy": rg.Decimation(b)}).rows[0]
    expected = math.tanh(0.5) ** np.arange(5)
    np.testing.assert_allclose(row.correlator, expected, atol=1e-13)


def test_correlator_of_a_strip_that_is_open_one_way():
    for periodic in ((True, False), (False, True), False):
        model = rgdl.Ising((2, 6), K=0.4, h=0.1, periodic=periodic)
        row = rg.compare(model, {"rule": rg.Kadanoff()}).rows[0]
        s = 2 * (np.arange(1 << 12)[:, None] >> np.arange(12) & 1) - 1
        s = s.reshape(-1, 2, 6)
        law = np.exp(-model.hamiltonian(s))
        law /= law.sum()
        m = s.reshape(-1, 2, 3, 2).sum(axis=(1, 3))
        h = np.tanh(rg.Kadanoff().strength * m)
        closed = model.periodic[1]
        for r, found in enumerate(row.correlator):
            places = [x for x in range(3) if closed or 2 * x + r < 6]
            means = [law @ (h[:, x] * s[:, 0, (2 * x + r) % 6]) for x in places]
            assert found == pytest.approx(np.mean(means), abs=1e-13)


@pytest.mark.parametrize(
    ("model", "rule", "reason"),
    [
        (rgdl.Ising((8, 8), K=0.3, periodic=False), rg.MajorityRule(), "open"),
        (
            rgdl.Ising((8, 8), K=0.3, couplings={(0, 1): 1, (1, 0): 0.2}),
            rg.Decimation(),
            "model does not show",
        ),
        (
            rgdl.Ising((8, 4), K=0.3, couplings={(0, 1): 1, (1, 0): 0.2}),
            rg.Decimation(),
            "model does not show",
        ),
        (
            rgdl.Ising((8, 8), K=0.3),
            rg.FilterTransform([[1, 0.2], [0.1, 0]]),
            "FilterTransform.* lacks",
        ),
    ],
    ids=repr,
)
def test_no_couplings_by_orbits_without_their_symmetry(model, rule, reason):
    row = rg.compare(model, {"rule": rule}, n=64, rng=0).rows[0]
    assert row.couplings is None
    assert re.search(reason, row.notes["couplings"])
    assert math.isnan(row.nn[0])
    found = rgdl.mapping.estimate(model, rule, n=64, rng=0)
    assert found.h_push is None
    assert re.search(reason, found.reasons["h_push"])
    assert re.search(reason, repr(found))


@pytest.mark.parametrize(
    "rule",
    [
        rg.Decimation(),
        rg.MajorityRule(),
        rg.FilterTransform(np.full((4, 4), 0.2)),
        rg.FilterTransform(np.full((3, 3), 0.2)),
        rg.Compose(rg.Kadanoff(), rg.MajorityRule()),
    ],
    ids=repr,
)
def test_rules_that_have_the_torus_symmetry_keep_their_couplings(rule):
    for model in (
        rgdl.Ising((8, 16), K=0.3, couplings={"nn": 1, "nnn": 0.1}),
        rgdl.Ising((8, 8), K=0.3, h=np.full((8, 8), 0.1)),
    ):
        assert asymmetry(model, rule) == ""


def test_more_hidden_units_than_enumerated_leave_a_note():
    rng = np.random.default_rng(0)
    machines = {
        str(n): rgdl.RBM.from_weights(
            rng.normal(size=(6, n)) / 4, np.zeros(6), np.zeros(n)
        )
        for n in (2, 17, 21)
    }
    model = rgdl.Ising(6, K=0.4)
    table = rg.compare(model, machines)
    assert math.isnan(table["21"].magnetization[0])
    assert table["21"].couplings is None
    assert "21 hidden units, at most 20" in table["21"].notes["law"]
    assert table["21"].information[0] == pytest.approx(
        rg.mutual_information(model, machines["21"].as_transform())[0], nan_ok=True
    )
    # 17 units by the tower rule: <h_i h_j> over v, where they are independent
    s = 2 * (np.arange(64)[:, None] >> np.arange(6) & 1) - 1
    p = np.exp(-model.hamiltonian(s))
    p /= p.sum()
    h = np.tanh(s @ machines["17"].W_)
    states = 2 * (np.arange(1 << 17)[:, None] >> np.arange(17) & 1) - 1
    law = np.exp(-table["17"].couplings.hamiltonian(states))
    assert law.sum() == pytest.approx(1.0, abs=1e-10)
    pair = law @ (states[:, 2] * states[:, 16])
    assert pair == pytest.approx(p @ (h[:, 2] * h[:, 16]), abs=1e-12)
    text = repr(table)
    assert "no law of the coarse variables: 21 hidden units" in text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: rg.compare(m, []), ValueError, "at least one"),
        (lambda m: rg.compare(m, [3]), TypeError, "Transforms or machines"),
        (lambda m: rg.compare(m, 3), TypeError, "a list or a mapping"),
        (lambda m: rg.compare(m, rg.Decimation()), TypeError, "a list or a mapping"),
        (
            lambda m: rg.mutual_information(5, rg.Decimation()),
            TypeError,
            "model must be an",
        ),
        (lambda m: rg.mutual_information(m, 5), TypeError, "transform must be"),
        (lambda m: rg.compare(m, [rg.Decimation(3)]), ValueError, "divide"),
        (lambda m: rg.compare((4, 4), RULES), TypeError, "Ising"),
        (
            lambda m: rg.mutual_information(m, rg.Decimation(), unit=9),
            ValueError,
            "unit",
        ),
        (lambda m: rg.compare(m, RULES)["x"], KeyError, "no transform"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(rgdl.Ising((4, 4), K=0.4))
