"""The Ising model: conventions, strictness, behaviour as a value."""

import math
import pickle
import re

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import rgdl


def random_spins(shape, seed=0):
    return 2 * np.random.default_rng(seed).integers(0, 2, shape, dtype=np.int8) - 1


@given(
    shape=st.lists(st.integers(2, 7), min_size=1, max_size=3).map(tuple),
    K=st.floats(-2, 2),
    h=st.floats(-2, 2),
    seed=st.integers(0, 2**32),
)
def test_hamiltonian_is_energy_and_field_term(shape, K, h, seed):
    model = rgdl.Ising(shape, K=K, h=h)
    s = random_spins((5, *shape), seed)
    wide = s.astype(float)
    bonds = sum(wide * np.roll(wide, -1, axis + 1) for axis in range(len(shape)))
    bonds = bonds.reshape(5, -1).sum(1)
    total = wide.reshape(5, -1).sum(1)
    np.testing.assert_allclose(model.energy(s), -bonds / model.n_sites, atol=1e-15)
    np.testing.assert_allclose(model.magnetization(s), total / model.n_sites)
    np.testing.assert_allclose(model.hamiltonian(s), -K * bonds - h * total, atol=1e-12)
    identity = model.n_sites * (K * model.energy(s) - h * model.magnetization(s))
    np.testing.assert_allclose(model.hamiltonian(s), identity, atol=1e-12)


def test_extent_two_counts_its_bond_twice():
    up = np.ones((2, 2), dtype=np.int8)
    assert rgdl.Ising((2, 2), K=1.0).hamiltonian(up) == -8
    assert rgdl.Ising(2, K=1.0).hamiltonian([1, -1]) == 2


def test_leading_axes_are_kept():
    model = rgdl.Ising((4, 6), K=0.3)
    s = random_spins((2, 3, 4, 6))
    assert model.energy(s).shape == (2, 3)
    assert model.energy(s[0]).shape == (3,)
    assert model.energy(s[0, 0]).shape == ()
    assert model.energy(s[:0]).shape == (0, 3)
    assert f"{model.energy(s[1, 2]):.2f}" == f"{model.energy(s)[1, 2]:.2f}"


@pytest.mark.parametrize("convert", [np.int64, np.float32, np.int8, list])
def test_every_kind_of_spins_gives_the_same(convert):
    model = rgdl.Ising((4, 6), K=0.3, h=0.1)
    s = random_spins((3, 4, 6))
    given_spins = s.tolist() if convert is list else s.astype(convert)
    assert (model.hamiltonian(given_spins) == model.hamiltonian(s)).all()
    strided = random_spins((3, 8, 12))[:, ::2, ::2]
    assert (
        model.hamiltonian(strided) == model.hamiltonian(np.ascontiguousarray(strided))
    ).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int64, float, bool])
def test_binary_units_are_refused_with_the_cure(dtype):
    bits = (random_spins((2, 4)) > 0).astype(dtype)
    with pytest.raises(ValueError, match=r"2 \* s - 1"):
        rgdl.Ising(4, K=1.0).energy(bits)


@pytest.mark.parametrize("wrong", [2, -3, 0.5, np.nan, np.inf])
def test_other_values_are_refused_and_named(wrong):
    s = np.ones((2, 4), dtype=type(wrong))
    s[1, 2] = wrong
    with pytest.raises(ValueError, match="spins -1 and \\+1, got the value"):
        rgdl.Ising(4, K=1.0).hamiltonian(s)


def test_wrong_shapes_and_types_are_refused():
    model = rgdl.Ising((4, 6), K=0.3)
    with pytest.raises(ValueError, match=re.escape("(n, 4, 6), got (2, 24)")):
        model.energy(random_spins((2, 24)))
    with pytest.raises(ValueError, match=re.escape("got (6,)")):
        model.energy(random_spins(6))
    with pytest.raises(TypeError, match="dtype"):
        model.energy(np.full((4, 6), "up"))


def test_input_is_not_modified():
    s = random_spins((3, 4, 4))
    s.flags.writeable = False
    rgdl.Ising((4, 4), K=0.3).energy(s)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": 4}, ValueError, "exactly one of K and T"),
        ({"shape": 4, "K": 1.0, "T": 1.0}, ValueError, "exactly one of K and T"),
        ({"shape": 4, "T": 0.0}, ValueError, "T must not be 0"),
        ({"shape": 4, "T": 1e-320}, ValueError, "so near 0 that K = 1/T is inf"),
        ({"shape": 4, "K": math.nan}, ValueError, "K must be finite"),
        ({"shape": 4, "K": math.inf}, ValueError, "K must be finite"),
        ({"shape": 4, "K": 1.0, "h": math.nan}, ValueError, "h must be finite"),
        ({"shape": 4, "K": "x"}, TypeError, "K must be a real number"),
        ({"shape": 1, "K": 1.0}, ValueError, "at least 2"),
        ({"shape": (4, 1), "K": 1.0}, ValueError, "at least 2"),
        ({"shape": (2, 2, 2, 2), "K": 1.0}, ValueError, "1 to 3 extents"),
        ({"shape": 4.0, "K": 1.0}, TypeError, "must be an integer"),
    ],
)
def test_bad_parameters_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        rgdl.Ising(**arguments)


def test_model_is_a_value():
    model = rgdl.Ising((4, 6), T=2.0, h=0.25)
    assert (model.K, model.T, model.h) == (0.5, 2.0, 0.25)
    assert (model.shape, model.ndim, model.n_sites) == ((4, 6), 2, 24)
    assert model == rgdl.Ising([4, 6], K=0.5, h=0.25)
    assert hash(model) == hash(rgdl.Ising((4, 6), K=0.5, h=0.25))
    assert model != rgdl.Ising((4, 6), K=0.5)
    assert model != rgdl.Ising((6, 4), K=0.5, h=0.25)
    assert model != "model"
    assert pickle.loads(pickle.dumps(model)) == model
    assert eval(repr(model), {"Ising": rgdl.Ising}) == model
    assert eval(repr(rgdl.Ising(8, K=-0.1)), {"Ising": rgdl.Ising}).shape == (8,)
    assert rgdl.Ising(4, K=0).T == math.inf
    with pytest.raises(AttributeError):
        model.K = 1.0


def test_notebook_picture_draws_every_up_spin():
    model = rgdl.Ising((6, 9), K=0.3)
    text = model._repr_html_()
    s = rgdl.sample(model, 1, rng=0)[0]
    runs = re.findall(r"M(\d+) (\d+)h(\d+)", text)
    drawn = np.full((6, 9), -1, dtype=np.int8)
    for x, y, length in runs:
        drawn[int(y), int(x) : int(x) + int(length)] = 1
    assert (drawn == s).all()
    assert "<svg" in rgdl.Ising(8, K=0.3)._repr_html_()


def test_large_lattices_show_a_table_only():
    text = rgdl.Ising((500, 500), K=0.3)._repr_html_()
    assert "500 × 500" in text
    assert "<svg" not in text


def test_picture_is_left_out_where_it_would_take_long():
    assert "<svg" in rgdl.Ising((16, 16), K=0.3)._repr_html_()
    slow = rgdl.Ising((64, 64), K=0.4406867935097715)._repr_html_()
    assert "<svg" not in slow
    assert "64 × 64" in slow


@pytest.mark.parametrize("kind", ["dok_array", "dok_matrix", "csr_array", "lil_array"])
def test_every_sparse_array_is_taken_for_an_array(kind):
    """A dok_array is a Mapping as well."""
    J = np.zeros((9, 9))
    J[0, 1] = J[1, 0] = 1.0
    J[3, 7] = J[7, 3] = 2.0
    model = rgdl.Ising((3, 3), K=0.4, couplings=getattr(scipy.sparse, kind)(J))
    assert float(model.energy(np.ones((3, 3)))) == pytest.approx(-1 / 3)
    assert model == rgdl.Ising((3, 3), K=0.4, couplings=J)


def test_magnetization_asks_for_no_couplings(monkeypatch):
    s = random_spins((3, 4, 4))
    J = np.random.default_rng(0).normal(size=(16, 16))
    model = rgdl.Ising((4, 4), K=0.4, couplings=np.triu(J, 1) + np.triu(J, 1).T)
    monkeypatch.setattr(rgdl.Ising, "_terms", None)
    assert np.allclose(model.magnetization(s), s.mean(axis=(1, 2)), atol=1e-15)
    assert model.magnetization(s[0]).shape == ()
    with pytest.raises(ValueError, match="use 2"):
        model.magnetization((s + 1) // 2)


@pytest.mark.parametrize(
    "h", [1j, np.complex64(1), np.array(1 + 0j), [1j] * 4, np.ones(4, complex)]
)
def test_complex_numbers_are_refused(h):
    with pytest.raises(TypeError, match="h must hold real numbers"):
        rgdl.Ising(4, K=0.1, h=h)
    with pytest.raises(TypeError, match="K must be a real number"):
        rgdl.Ising(4, K=np.complex128(1))


def test_messages_say_what_to_do():
    with pytest.raises(TypeError, match=r"such as \{'nnn': 1\}"):
        rgdl.Ising((4, 4), K=0.4, couplings="nnn")
    with pytest.raises(ValueError, match="shape must have at most"):
        rgdl.Ising((2**33, 2**33), K=0.4)


@pytest.mark.parametrize("arguments", [{}, {"h": 0.3}, {"periodic": False}])
def test_no_energy_is_minus_zero(arguments):
    model = rgdl.Ising((2, 2), K=0.4, **arguments)
    s = np.array([[1, 1], [-1, -1]])
    assert str(float(model.energy(s))) == "0.0"
    assert str(float(model.hamiltonian(s))) == "0.0"
