"""Translation-invariant couplings: geometry, arithmetic, and estimates from samples."""

import numpy as np
import pytest

import rgdl
from rgdl.couplings import _estimate

SMALL = {"nn": 0.3, "nnn": 0.1, "plaquette": -0.05}


def states(n):
    return (2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)


def table(model):
    lattice = states(model.n_sites).reshape(-1, *model.shape)
    return rgdl.Couplings.from_table(-model.hamiltonian(lattice), shape=model.shape)


def drawn(model, n, seed):
    """Independent configurations of a model that can be enumerated."""
    lattice = states(model.n_sites).reshape(-1, *model.shape)
    weights = np.exp(-model.hamiltonian(lattice))
    rows = np.random.default_rng(seed).choice(
        len(lattice), n, p=weights / weights.sum()
    )
    return lattice[rows]


@pytest.mark.parametrize("shape", [(8,), (3, 4), (4, 4), (2, 2, 3)])
def test_both_forms_are_the_same_hamiltonian(shape):
    model = rgdl.Ising(shape, K=0.7, h=0.2)
    full = table(model)
    lattice = full.as_lattice()
    assert full.is_close(lattice)
    assert lattice.is_close(full)
    s = states(model.n_sites).reshape(-1, *shape)
    np.testing.assert_allclose(lattice.hamiltonian(s), model.hamiltonian(s), atol=1e-12)
    again = rgdl.Ising(shape, couplings=lattice)
    np.testing.assert_allclose(again.hamiltonian(s), model.hamiltonian(s), atol=1e-12)


def test_named_couplings_of_a_large_lattice():
    model = rgdl.Ising((12, 12), K=1.0, couplings=SMALL)
    orbits = {
        "nn": [(0, 0), (0, 1)],
        "nnn": [(0, 0), (1, 1)],
        "plaquette": [(0, 0), (0, 1), (1, 0), (1, 1)],
    }
    found = rgdl.LatticeCouplings((12, 12), orbits, list(SMALL.values()))
    s = np.random.default_rng(0).choice([-1, 1], (5, 12, 12)).astype(np.int8)
    np.testing.assert_allclose(found.hamiltonian(s), model.hamiltonian(s), atol=1e-12)
    assert found.multiplicities.tolist() == [288, 288, 144]


def test_doubled_bonds_are_halved_per_bond():
    full = table(rgdl.Ising((2, 2), K=0.3))
    lattice = full.as_lattice()
    assert lattice["nn"] == pytest.approx(0.6)
    per_bond = lattice.per_bond()
    assert per_bond["nn"] == pytest.approx(0.3)
    assert per_bond.multiplicities.tolist() == [8]
    assert per_bond.is_close(full)
    assert full.per_bond().is_close(per_bond)
    s = states(4).reshape(-1, 2, 2)
    np.testing.assert_allclose(per_bond.hamiltonian(s), lattice.hamiltonian(s))


@pytest.mark.parametrize("form", [lambda c: c, lambda c: c.as_lattice()])
def test_arithmetic(form):
    first = form(table(rgdl.Ising((3, 3), K=0.4)))
    second = form(table(rgdl.Ising((3, 3), K=1.0, couplings=SMALL, h=0.1)))
    s = states(9).reshape(-1, 3, 3)
    total = 2 * first - second * 4
    expected = 2 * first.hamiltonian(s) - 4 * second.hamiltonian(s)
    np.testing.assert_allclose(total.hamiltonian(s), expected, atol=1e-12)
    assert (first - first).distance(first) == 1.0
    assert (-first).distance(first) == 2.0
    assert first.distance(first) == 0.0
    mixed = first + second.as_lattice()
    expected = first.hamiltonian(s) + second.hamiltonian(s)
    np.testing.assert_allclose(mixed.hamiltonian(s), expected, atol=1e-12)


def test_sizes_compare_by_label():
    small = rgdl.LatticeCouplings(4, {"nn": [(0,), (1,)]}, [0.4], errors=[0.01])
    large = rgdl.LatticeCouplings(64, {"nn": [(0,), (1,)]}, [0.43])
    assert small.is_close(large)
    assert not small.is_close(large, n_sigma=2)
    assert small.distance(large) == pytest.approx(0.03 / 0.43)


@pytest.mark.parametrize("method", ["callen", "pseudo-likelihood"])
def test_known_couplings_are_found(method):
    # 4 sigma in each of 8 couplings; nn off by 0.02 would be 5 sigma
    model = rgdl.Ising((4, 4), K=1.0, couplings={"nn": 0.2, "nnn": 0.1}, h=0.05)
    found = rgdl.Couplings.from_samples(drawn(model, 4000, 1), method=method)
    truth = table(model)
    assert found.labels[:3] == ("field", "nn", "nnn")
    assert found.is_close(truth, n_sigma=4)
    assert 0.0005 < found.error("nn") < 0.008
    assert not found.is_close(truth + 0.3 * truth, n_sigma=4)


def test_errors_of_both_methods_are_the_scatter_over_samples():
    # 40 sets of samples: standard deviations are known to 11 %
    model = rgdl.Ising((4, 4), K=0.3)
    operators = {"nn": [(0, 0), (0, 1)], "nnn": [(0, 0), (1, 1)]}
    rows = drawn(model, 40 * 500, 3).reshape(40, 500, 4, 4)
    runs = [rgdl.Couplings.from_samples(each, operators) for each in rows]
    other = [
        rgdl.Couplings.from_samples(each, operators, "pseudo-likelihood")
        for each in rows
    ]
    np.testing.assert_allclose(
        [a.values for a in runs], [b.values for b in other], atol=1e-13
    )
    scatter = np.std([each.values for each in runs], axis=0, ddof=1)
    for each in (runs, other):
        mean = np.mean([a.errors for a in each], axis=0)
        np.testing.assert_allclose(mean, scatter, rtol=0.4)


def test_one_site_per_set_solves_callen_too():
    # another route: <prod s> = <other spins x tanh> with the first site of a set only
    s = drawn(rgdl.Ising((4, 4), K=0.3), 20_000, 5).astype(float)
    found = rgdl.Couplings.from_samples(s, {"nn": [(0, 0), (0, 1)]})
    left = np.roll(s, -1, 2)
    field = sum(np.roll(s, d, a) for d in (1, -1) for a in (1, 2))
    goal = np.mean(s * left)
    slope = np.mean(left * field * (1 - np.tanh(0.3 * field) ** 2))
    other = 0.3 + (goal - np.mean(left * np.tanh(0.3 * field))) / slope
    assert other == pytest.approx(found["nn"], abs=4 * found.error("nn"))


def test_couplings_of_block_spins_equal_the_enumerated_ones():
    # h_push by enumeration against Callen on blocked samples, all orbits of 2x2 blocks
    model = rgdl.Ising((4, 4), K=0.3)
    rule = rgdl.rg.MajorityRule()
    exact = rgdl.mapping.verify(model, rule).h_push
    coarse = rule.coarsen(drawn(model, 20_000, 7), rng=8)
    found = rgdl.Couplings.from_samples(coarse)
    assert found.is_close(exact, n_sigma=4)
    assert found.error("nn") < 0.02


def test_lost_spin_in_the_equations_is_seen(monkeypatch):
    # broken twin: the local field of x includes the wrong neighbour
    model = rgdl.Ising((4, 4), K=0.3)
    true = _estimate.others_of_origin

    def wrong(classes, shape):
        return true(classes, shape)[:-1] or true(classes, shape)

    monkeypatch.setattr(_estimate, "others_of_origin", wrong)
    found = rgdl.Couplings.from_samples(drawn(model, 4000, 1), {"nn": [(0, 0), (0, 1)]})
    assert not found.is_close(table(model), n_sigma=4)


def test_chain_from_samples():
    s = rgdl.sample(rgdl.Ising(64, K=0.5), 2000, rng=0)
    found = rgdl.Couplings.from_samples(s)
    assert found.labels == ("field", "nn", "nnn", "3rd", "4 in line")
    assert found.is_close(
        rgdl.LatticeCouplings(64, {"nn": [(0,), (1,)]}, [0.5]), n_sigma=4
    )


def test_machine_gives_its_couplings():
    model = rgdl.Ising((3, 3), K=0.3)
    found = rgdl.Couplings.from_rbm(rgdl.RBM.from_ising(model), shape=(3, 3))
    assert found.as_lattice().labels == ("nn",)
    assert found["nn"] == pytest.approx(0.3, abs=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: rgdl.Couplings.from_samples(s[0, 0]), ValueError, "s must have"),
        (lambda s: rgdl.Couplings.from_samples(s, method="mcmc"), ValueError, "method"),
        (lambda s: rgdl.Couplings.from_samples(s, "all"), ValueError, "operators"),
        (
            lambda s: rgdl.Couplings.from_samples(s, {"a": [(0, 0), (4, 4)]}),
            ValueError,
            "same site twice",
        ),
        (
            lambda s: rgdl.Couplings.from_samples(
                s, {"a": [(0, 0), (0, 1)], "b": [(0, 0), (3, 0)]}
            ),
            ValueError,
            "coincide",
        ),
        (
            lambda s: rgdl.Couplings.from_samples(np.ones_like(s)),
            rgdl.RgdlError,
            "do not determine|did not converge",
        ),
        (
            lambda s: rgdl.LatticeCouplings((4, 4), {"a": [(0, 0), (0, 1)]}, [np.nan]),
            ValueError,
            "finite",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    s = drawn(rgdl.Ising((4, 4), K=0.2), 50, 0)
    with pytest.raises(error, match=message):
        call(s)


def test_constants_do_not_mix_across_sizes():
    """They grow with the sites: no sum of them is anyone's constant."""
    nn = {"nn": [(0, 0), (0, 1)]}
    small, large = (
        rgdl.LatticeCouplings((L, L), nn, [0.4], constant=0.7 * L * L) for L in (4, 8)
    )
    with pytest.raises(ValueError, match=r"same lattice to be added.*\(4, 4\)"):
        small + large
    with pytest.raises(ValueError, match="same lattice to be added"):
        small - large
    assert small.is_close(large)
    assert (small + small).constant == 2 * small.constant
    unknown = rgdl.LatticeCouplings((8, 8), nn, [0.1])
    assert (small + unknown)["nn"] == 0.5
    other = rgdl.LatticeCouplings((4, 4), nn, [0.4], constant=1.0)
    assert not small.is_close(other)


def test_few_rows_give_no_errors_to_trust():
    s = rgdl.sample(rgdl.Ising((8, 8), K=0.3), 8, rng=0)
    assert (rgdl.Couplings.from_samples(s).errors > 0).all()
    with pytest.raises(ValueError, match="n >= 8 rows"):
        rgdl.Couplings.from_samples(s[:7])


@pytest.mark.parametrize("offset", [1.9, np.float64(1.0), "1"])
def test_offsets_must_be_integers(offset):
    with pytest.raises(TypeError, match="operator 'x' must be a list of offsets"):
        rgdl.LatticeCouplings((8, 8), {"x": [(0, 0), (0, offset)]}, [0.1])
    whole = {"x": [(0, 0), (np.int64(0), np.uint8(1))]}
    assert rgdl.LatticeCouplings((8, 8), whole, [0.1]).multiplicities[0] == 128
