"""Models of every kind against slow direct definitions of their energy."""

import itertools
import math
import pickle

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import rgdl

shapes = st.lists(st.integers(2, 4), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**32)


def random_spins(rng, n, shape):
    return (2 * rng.integers(0, 2, (n, *shape)) - 1).astype(np.int8)


def slow_bonds(s, shape, periodic, operators):
    """Sum over origins and operators (offsets from the first site, J) of products."""
    total = 0.0
    for origin in np.ndindex(shape):
        for offsets, strength in operators:
            product = int(s[origin])
            for offset in offsets:
                site = [x + d for x, d in zip(origin, offset, strict=True)]
                for axis, extent in enumerate(shape):
                    if periodic[axis]:
                        site[axis] %= extent
                if not all(0 <= x < n for x, n in zip(site, shape, strict=True)):
                    break
                product *= int(s[tuple(site)])
            else:
                total += strength * product
    return total


def named_operators(name, ndim):
    unit = np.eye(ndim, dtype=int)
    if name == "nn":
        return [(tuple(e),) for e in unit]
    planes = list(itertools.combinations(unit, 2))
    if name == "plaquette":
        return [(tuple(a), tuple(b), tuple(a + b)) for a, b in planes]
    assert name == "nnn"
    if ndim == 1:
        return [((2,),)]
    return [(tuple(x),) for a, b in planes for x in (a + b, a - b)]


@given(shape=shapes, seed=seeds, data=st.data())
def test_names_and_offsets_follow_the_definition(shape, seed, data):
    ndim = len(shape)
    rng = np.random.default_rng(seed)
    periodic = tuple(data.draw(st.booleans()) for _ in shape)
    names = ["nn"]
    if ndim > 1:
        names.append("plaquette")
    if ndim > 1 or shape[0] > 2:
        names.append("nnn")
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True))
    couplings = {name: float(rng.normal()) for name in chosen}
    if data.draw(st.booleans()):
        couplings[(*(0,) * (ndim - 1), 1)] = 0.3
    operators = []
    for key, strength in couplings.items():
        of_key = named_operators(key, ndim) if isinstance(key, str) else [(key,)]
        operators += [(offsets, strength) for offsets in of_key]
    K = float(rng.normal())
    h = data.draw(st.sampled_from([0.0, 0.4, rng.normal(size=shape)]))
    model = rgdl.Ising(shape, K=K, h=h, periodic=periodic, couplings=couplings)
    s = random_spins(rng, 3, shape)
    bonds = np.array([slow_bonds(x, shape, periodic, operators) for x in s])
    field = (h * s).reshape(3, -1).sum(1)
    np.testing.assert_allclose(model.energy(s), -bonds / model.n_sites, atol=1e-12)
    np.testing.assert_allclose(model.hamiltonian(s), -K * bonds - field, atol=1e-12)
    mean = s.reshape(3, -1).mean(1)
    np.testing.assert_allclose(model.magnetization(s), mean, atol=1e-15)
    assert pickle.loads(pickle.dumps(model)) == model
    assert hash(pickle.loads(pickle.dumps(model))) == hash(model)


@given(shape=shapes, seed=seeds, glass=st.sampled_from(["gauss", "signs", "weiss"]))
def test_arrays_follow_the_definition(shape, seed, glass):
    rng = np.random.default_rng(seed)
    n = math.prod(shape)
    J = {
        "gauss": lambda: rng.normal(size=(n, n)),
        "signs": lambda: rng.choice([-1.0, 0.0, 1.0], size=(n, n)),
        "weiss": lambda: np.full((n, n), 1 / n),
    }[glass]()
    J = np.triu(J, 1)
    J = J + J.T
    given_array = J.copy()
    model = rgdl.Ising(shape, K=0.7, h=0.1, couplings=J)
    s = random_spins(rng, 70, shape)
    flat = s.reshape(70, n).astype(float)
    expected = -0.7 * np.einsum("ci,ij,cj->c", flat, J, flat) / 2 - 0.1 * flat.sum(1)
    np.testing.assert_allclose(model.hamiltonian(s), expected, atol=1e-12)
    assert (given_array == J).all()
    for convert in (scipy.sparse.csr_array, scipy.sparse.coo_matrix):
        sparse = rgdl.Ising(shape, K=0.7, h=0.1, couplings=convert(J))
        assert sparse == model
        assert (sparse.hamiltonian(s) == model.hamiltonian(s)).all()


@given(
    shape=shapes.filter(lambda shape: math.prod(shape) <= 9),
    seed=seeds,
    constant=st.floats(-3, 3),
)
def test_couplings_go_round(shape, seed, constant):
    """Model -> table -> Couplings -> model keeps H, extent 2 and odd ones included."""
    rng = np.random.default_rng(seed)
    names = {"nn": 0.5, **({"plaquette": -0.4} if len(shape) > 1 else {})}
    model = rgdl.Ising(shape, K=0.9, h=0.2, couplings=names)
    n = model.n_sites
    states = 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1
    minus_h = constant - model.hamiltonian(states.reshape(-1, *shape))
    couplings = rgdl.Couplings.from_table(minus_h, shape=shape)
    for each in (couplings, couplings.per_bond()):
        again = rgdl.Ising(shape, couplings=each)
        assert again.K is None
        assert again.T is None
        s = random_spins(rng, 5, shape)
        expected = model.hamiltonian(s) - constant
        np.testing.assert_allclose(again.hamiltonian(s), expected, atol=1e-11)
        np.testing.assert_allclose(again.energy(s), expected / n, atol=1e-12)
        kicked = rgdl.Ising(shape, couplings=each, h=1.0)
        np.testing.assert_allclose(
            kicked.hamiltonian(s), expected - s.reshape(5, -1).sum(1), atol=1e-11
        )
    assert again == rgdl.Ising(shape, couplings=couplings)


@pytest.mark.parametrize("shape", [(2,), (7,), (2, 2), (2, 5), (3, 3), (2, 3, 4)])
def test_nearest_neighbours_by_any_way_are_the_same(shape):
    rng = np.random.default_rng(0)
    plain = rgdl.Ising(shape, K=0.3, h=0.2)
    s = random_spins(rng, 9, shape)
    assert rgdl.Ising(shape, K=0.3, h=0.2, couplings={"nn": 1}) == plain
    units = {tuple(e): 1.0 for e in np.eye(len(shape), dtype=int).tolist()}
    others = [
        rgdl.Ising(shape, K=0.3, h=np.full(shape, 0.2)),
        rgdl.Ising(shape, K=0.3, h=0.2, couplings=units),
        rgdl.Ising(shape, K=0.15, h=0.2, couplings={"nn": 2.0}),
    ]
    for other in others:
        np.testing.assert_allclose(other.hamiltonian(s), plain.hamiltonian(s))
        assert other != plain


def test_an_offset_that_is_its_own_negative_counts_twice():
    up = np.ones(4, dtype=np.int8)
    assert rgdl.Ising(4, K=1.0, couplings={2: 1}).hamiltonian(up) == -4
    assert rgdl.Ising(4, K=1.0, couplings={"nnn": 1}, periodic=False).energy(up) == -0.5


def test_names_reach_by_distance():
    up = np.ones((8, 8, 8), dtype=np.int8)
    shells = [3, 6, 4, 3, 12, 12]  # half the neighbours of the simple cubic lattice
    for name, count in zip(
        ["nn", "nnn", "3rd", "4th", "5th", "6th"], shells, strict=True
    ):
        assert rgdl.Ising((8, 8, 8), K=1, couplings={name: 1}).energy(up) == -count


def test_many_configurations_equal_one_by_one():
    rng = np.random.default_rng(3)
    model = rgdl.Ising((5, 7), K=0.3, h=rng.normal(size=(5, 7)), periodic=False)
    s = random_spins(rng, 200, (5, 7))
    whole = model.hamiltonian(s)
    assert (whole[:70] == model.hamiltonian(s[:70])).all()
    assert [float(model.hamiltonian(x)) for x in s[:5]] == whole[:5].tolist()
    assert model.hamiltonian(s.reshape(4, 50, 5, 7)).shape == (4, 50)
    with pytest.raises(ValueError, match=r"2 \* s - 1"):
        model.energy((s > 0).astype(np.int8))


def test_models_of_every_kind_are_values():
    ring = rgdl.Ising(4, K=0.5)
    J = np.ones((4, 4)) - np.eye(4)
    couplings = rgdl.Couplings.from_table(np.arange(16.0))
    models = [
        ring,
        rgdl.Ising(4, K=0.5, periodic=False),
        rgdl.Ising((2, 2), K=0.5),
        rgdl.Ising((2, 2), K=0.5, periodic=(True, False)),
        rgdl.Ising(4, K=0.5, couplings={"nnn": 1}),
        rgdl.Ising(4, K=0.5, couplings={"nnn": 0.5}),
        rgdl.Ising(4, K=0.5, h=[0.0, 0, 0, 1]),
        rgdl.Ising(4, K=0.5, h=[1.0, 0, 0, 0]),
        rgdl.Ising(4, K=0.5, couplings=J),
        rgdl.Ising(4, K=0.5, couplings=2 * J),
        rgdl.Ising(4, couplings=couplings),
        rgdl.Ising(4, couplings=couplings, h=0.1),
    ]
    assert len(set(models)) == len(models)
    for model in models:
        copy = pickle.loads(pickle.dumps(model))
        assert copy == model
        assert hash(copy) == hash(model)
        assert "Ising" in model._repr_html_()
    named = "couplings={'nn': 2.0, (1, 1): 1.0}"
    text = f"Ising((2, 2), K=0.5, periodic=(True, False), {named})"
    model = rgdl.Ising(
        (2, 2), K=0.5, periodic=(True, False), couplings={"nn": 2, (1, 1): 1}
    )
    assert repr(model) == text
    assert eval(text, {"Ising": rgdl.Ising}) == model
    assert (
        repr(rgdl.Ising(4, K=1.0, periodic=False)) == "Ising(4, K=1.0, periodic=False)"
    )
    assert repr(models[8]) == "Ising(4, K=0.5, couplings=<array (4, 4)>)"
    assert repr(models[10]) == "Ising(4, couplings=<Couplings of 4 spins>)"
    assert repr(models[6]) == "Ising(4, K=0.5, h=<array (4,)>)"


def test_attributes_are_copies_that_cannot_be_changed():
    J = np.ones((4, 4)) - np.eye(4)
    h = np.arange(4.0)
    model = rgdl.Ising(4, K=0.5, couplings=J, h=h)
    J[0, 1] = h[0] = 9.0
    assert model.couplings[0, 1] == 1.0
    assert model.h[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        model.couplings[0, 1] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        model.h[0] = 2.0
    named = rgdl.Ising(4, K=0.5, couplings={"nnn": 1})
    named.couplings["nnn"] = 5.0
    assert named.couplings == {"nnn": 1.0}
    assert rgdl.Ising(4, K=0.5).couplings is None
    assert rgdl.Ising((4, 4), K=0.5, periodic=False).periodic == (False, False)


def asymmetric(n=4):
    J = np.zeros((n, n))
    J[0, 1] = 1.0
    return J


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"couplings": {"nxn": 1}}, ValueError, "nn, nnn, .* got 'nxn'"),
        ({"couplings": {"plaquette": 1}}, ValueError, "in 1 dimensions"),
        ({"couplings": {"nn": math.nan}}, ValueError, r"couplings\['nn'\] must be fin"),
        ({"couplings": {"nn": "x"}}, TypeError, "must be a real number"),
        ({"couplings": {(1, 0): 1}}, ValueError, "offset of 1 integers"),
        ({"couplings": {0.5: 1}}, ValueError, "keyed by"),
        ({"couplings": {1: 1, (1,): 2}}, ValueError, "twice"),
        ({"couplings": {1: 1, -1: 2}}, ValueError, "one of an offset and its negative"),
        ({"couplings": {4: 1}}, ValueError, "the same site twice"),
        ({"couplings": {0: 1}}, ValueError, "the same site twice"),
        ({"couplings": {((1,), (5,)): 1}}, ValueError, "the same site twice"),
        ({"couplings": {4: 1}, "periodic": False}, ValueError, "fits nowhere"),
        ({"couplings": np.ones(4)}, ValueError, r"shape \(4, 4\)"),
        ({"couplings": np.ones((3, 3))}, ValueError, r"got \(3, 3\)"),
        ({"couplings": np.eye(4)}, ValueError, "zero diagonal"),
        ({"couplings": asymmetric()}, ValueError, "symmetric"),
        ({"couplings": asymmetric() - asymmetric().T}, ValueError, "symmetric"),
        ({"couplings": asymmetric() * math.nan}, ValueError, "finite"),
        ({"couplings": asymmetric() * 1j}, TypeError, "real"),
        ({"couplings": "nn"}, TypeError, r"such as \{'nn': 1\}"),
        (
            {"couplings": rgdl.Couplings.from_table(np.ones(16))},
            ValueError,
            "neither K nor T",
        ),
        (
            {"couplings": rgdl.Couplings.from_table(np.ones(8)), "K": None},
            ValueError,
            "of 4 spins",
        ),
        (
            {"couplings": rgdl.Couplings.from_table(np.ones(16), (2, 2)), "K": None},
            ValueError,
            "on the lattice",
        ),
        ({"h": [1.0, 2.0]}, ValueError, r"have shape \(4,\), got \(2,\)"),
        ({"h": [1.0, 2.0, 3.0, math.inf]}, ValueError, "h must be finite"),
        ({"h": ["a"] * 4}, TypeError, "h must hold real numbers"),
        ({"periodic": 1}, TypeError, "periodic must be a bool"),
        ({"periodic": (True, True)}, ValueError, "one value per axis"),
    ],
)
def test_bad_couplings_fields_and_boundaries_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        rgdl.Ising(4, **{"K": 0.5, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"periodic": False},
        {"couplings": {"nn": 2.0}},
        {"h": [0.1, 0.2, 0.3, 0.4]},
        {"couplings": np.ones((4, 4)) - np.eye(4)},
    ],
)
def test_what_needs_the_plain_model_says_so(change):
    model = rgdl.Ising(4, K=0.5, **change)
    assert rgdl.sample(model, 4, rng=0).shape == (4, 4)
    with_clusters = list(change) == ["periodic"]  # open axes have clusters
    for method in ("wolff", "swendsen-wang", "perfect")[2 * with_clusters :]:
        with pytest.raises(ValueError, match="nearest-neighbour"):
            rgdl.sample(model, 4, method=method)


@pytest.mark.parametrize("shape", [(64, 64), (33, 35), (9, 7)])
def test_energies_of_many_rows_equal_sliced_products(shape):
    """More rows than one batch of 256, and sites that do not fill whole words."""
    rng = np.random.default_rng(3)
    s = 2 * rng.integers(0, 2, (300, *shape), dtype=np.int8) - 1
    h = rng.normal(size=shape)
    model = rgdl.Ising(
        shape, K=0.4, h=h, periodic=False, couplings={"nn": 1, "nnn": 0.5}
    )
    x = s.astype(np.int64)
    near = (x[:, 1:] * x[:, :-1]).sum((1, 2)) + (x[:, :, 1:] * x[:, :, :-1]).sum((1, 2))
    far = (x[:, 1:, 1:] * x[:, :-1, :-1]).sum((1, 2))
    far += (x[:, 1:, :-1] * x[:, :-1, 1:]).sum((1, 2))
    n = x[0].size
    assert (model.energy(s) == -(near + 0.5 * far) / n).all()
    assert (model.magnetization(s) == x.mean((1, 2))).all()
    fields = (h * x).sum((1, 2))
    expected = -0.4 * (near + 0.5 * far) - fields
    np.testing.assert_allclose(model.hamiltonian(s), expected, rtol=0, atol=1e-11)
    s[299, -1, -1] = 0
    with pytest.raises(ValueError, match="-1"):
        model.energy(s)
