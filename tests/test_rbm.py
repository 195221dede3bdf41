"""rgdl.RBM: exact quantities by enumeration, gradients, learning, estimator."""

import itertools
import math
import pickle
import zlib

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import rgdl
from rgdl.rbm import RBM

GOLDEN_CRC = [3430383522, 2524382228, 2785421018, 1114434335, 1088585881, 2892564602]


def all_states(n, units):
    low = -1 if units == "spin" else 0
    return np.array(list(itertools.product([low, 1], repeat=n)), dtype=np.int8)


def random_machine(n_visible, n_hidden, units, seed, scale=0.7):
    rng = np.random.default_rng(seed)
    W = scale * rng.standard_normal((n_visible, n_hidden))
    b, c = 0.4 * rng.standard_normal(n_visible), 0.4 * rng.standard_normal(n_hidden)
    return RBM.from_weights(W, b, c, units=units)


def minus_energies(rbm):
    """-E of every (v, h), from the definition."""
    v = all_states(rbm.W_.shape[0], rbm.units).astype(float)
    h = all_states(rbm.W_.shape[1], rbm.units).astype(float)
    return (v @ rbm.b_)[:, None] + (h @ rbm.c_)[None, :] + v @ rbm.W_ @ h.T


@pytest.mark.parametrize("units", ["spin", "binary"])
@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (3, 6)])
def test_free_energy_and_log_z_equal_the_double_sum(units, n_visible, n_hidden):
    rbm = random_machine(n_visible, n_hidden, units, 1)
    joint = minus_energies(rbm)
    free = -np.log(np.exp(joint).sum(axis=1))
    v = all_states(n_visible, units)
    assert np.allclose(rbm.free_energy(v), free, rtol=0, atol=1e-13)
    z = rbm.log_partition()
    assert abs(z.value - np.log(np.exp(joint).sum())) < 1e-13
    assert z.reliable
    assert z.error == 0.0
    # broken twin: the other units' formula
    other = RBM.from_weights(
        rbm.W_, rbm.b_, rbm.c_, units="binary" if units == "spin" else "spin"
    )
    assert abs(other.log_partition().value - z.value) > 0.1


def test_papers_test_vector():
    # one hidden unit, w = (0.5, -0.3, 0.8), c = 0.2 (Walsh transform of ln 2cosh)
    rbm = RBM.from_weights([[0.5], [-0.3], [0.8]], np.zeros(3), [0.2])
    brute = np.log(np.exp(minus_energies(rbm)).sum())
    assert abs(rbm.log_partition().value - 3.2476656312924) < 1e-12
    assert abs(brute - 3.2476656312924) < 1e-12


def test_unit_maps_leave_the_distribution_unchanged():
    binary = random_machine(5, 4, "binary", 2)
    W, b, c = binary.W_, binary.b_, binary.c_
    spin = RBM.from_weights(W / 4, b / 2 + W.sum(1) / 4, c / 2 + W.sum(0) / 4)
    s = all_states(5, "spin")
    f_spin, f_binary = spin.free_energy(s), binary.free_energy((s + 1) // 2)
    log_p = -f_spin - spin.log_partition().value
    assert np.allclose(log_p, -f_binary - binary.log_partition().value, atol=1e-13)


@pytest.mark.parametrize("K", [0.4406867935097715, -0.3])
@pytest.mark.parametrize("shape", [(8,), (3, 2), (4, 4), (2, 2)])
def test_bond_machine_is_the_ising_model(shape, K):
    model = rgdl.Ising(shape, K=K, h=0.1)
    rbm = RBM.from_ising(model)
    assert rbm.W_.dtype == np.float64
    assert rbm.lattice_shape_ == model.shape
    s = all_states(model.n_sites, "spin").reshape(-1, *shape)
    difference = rbm.free_energy(s) - model.hamiltonian(s)
    n_bonds = model.n_sites * model.ndim
    # constant: every bond gives ln 2 + |K| (its two states of h, shifted)
    assert np.ptp(difference) < 2e-12
    assert abs(difference.mean() + n_bonds * (math.log(2) + abs(K))) < 1e-11
    broken = RBM.from_ising(rgdl.Ising(shape, K=-K, h=0.1))
    assert np.ptp(broken.free_energy(s) - model.hamiltonian(s)) > 0.1


def test_bond_machine_log_z_by_kaufman():
    K = 0.4406867935097715
    rbm = RBM.from_ising(rgdl.Ising((4, 4), K=K))
    exact = rgdl.exact.kaufman((4, 4), K).log_z + 32 * (math.log(2) + K)
    assert abs(rbm.log_partition().value - exact) < 1e-11


@pytest.mark.stat
@pytest.mark.parametrize("units", ["spin", "binary"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gibbs_samples_follow_the_machine(simd, units, dtype):
    """Chi-square over the 32 visible states, 20,000 independent chains.

    Power: sees 5 % in one state's probability; the machine without b must fail.
    """
    rbm = random_machine(5, 4, units, 3, scale=0.35)
    if dtype == "float32":
        rbm = RBM.from_weights(rbm.W_.astype(np.float32), rbm.b_, rbm.c_, units=units)
    n = 20_000
    v = rbm.sample(n, steps=60, rng=4)
    index = ((v > 0) << np.arange(5)[::-1]).sum(axis=1)
    counts = np.bincount(index, minlength=32)

    def chi_square(machine):
        log_p = -machine.free_energy(all_states(5, units))
        p = np.exp(log_p - machine.log_partition().value)
        return ((counts - n * p) ** 2 / (n * p)).sum()

    bound = 31 + 6 * math.sqrt(62)
    assert chi_square(rbm) < bound
    assert chi_square(RBM.from_weights(rbm.W_, 0 * rbm.b_, rbm.c_, units=units)) > bound


@pytest.mark.stat
@pytest.mark.parametrize("units", ["spin", "binary"])
def test_update_is_the_likelihood_gradient(units):
    """One PCD batch with many chains and many steps against the exact gradient.

    16,384 chains: standard error of a component below 1 / 128; bound 5 of them.
    Power: any term of the gradient left out (0.1 and more here) fails.
    """
    n_visible, n_hidden, n_chains = 5, 3, 16_384
    rbm = random_machine(n_visible, n_hidden, units, 5)
    data = all_states(n_visible, units)[[1, 3, 7, 7, 20, 31, 31, 30]]
    fitted = RBM(
        n_hidden, units=units, k=40, n_chains=n_chains, batch_size=8, n_epochs=0,
        learning_rate=1.0, dtype="float64", rng=6, progress=False,
    )  # fmt: skip
    fitted.fit(data)
    fitted.W_[:], fitted.b_[:], fitted.c_[:] = rbm.W_, rbm.b_, rbm.c_
    fitted.partial_fit(data)
    v = all_states(n_visible, units).astype(float)
    p = np.exp(-rbm.free_energy(all_states(n_visible, units)))
    p /= p.sum()
    mean_h = rbm.transform(all_states(n_visible, units))
    x = data.astype(float)
    mean_x = rbm.transform(data)
    gradient_W = x.T @ mean_x / len(x) - v.T @ (p[:, None] * mean_h)
    gradient_b = x.mean(0) - p @ v
    gradient_c = mean_x.mean(0) - p @ mean_h
    for new, old, gradient in (
        (fitted.W_, rbm.W_, gradient_W),
        (fitted.b_, rbm.b_, gradient_b),
        (fitted.c_, rbm.c_, gradient_c),
    ):
        assert np.abs(new - old - gradient).max() < 5 / math.sqrt(n_chains)
        assert np.abs(new - old + gradient).max() > 5 / math.sqrt(n_chains)  # sign


@pytest.mark.stat
@pytest.mark.parametrize(
    "parameters",
    [
        {"units": "spin", "method": "pcd"},
        {"units": "spin", "method": "cd", "momentum": 0.5, "dtype": "float64"},
        {
            "units": "binary",
            "method": "cd",
            "learning_rate": 0.3,
            "momentum": 0.5,
            "n_epochs": 40,
        },
    ],
)
def test_learns_the_4x4_ising_model(parameters):
    """Exact KL(data model || machine) after epochs with a falling learning rate.

    0.03 to 0.09 nats are reached; before training it is above 2.
    """
    model = rgdl.Ising((4, 4), K=0.4406867935097715)
    s = rgdl.sample(model, 10_000, rng=1)
    X = s if parameters["units"] == "spin" else (s + 1) // 2
    settings = {"learning_rate": 0.05, "n_epochs": 20, "rng": 2, **parameters}
    rbm = RBM(16, progress=False, **settings).fit(X)
    for factor in (0.5, 0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.05, 0.02):
        rbm.set_params(learning_rate=factor * settings["learning_rate"]).partial_fit(X)
    assert rbm.kl(model).value < 0.15
    untrained = RBM(16, progress=False, **{**settings, "n_epochs": 0}).fit(X)
    assert untrained.kl(model).value > 2


def spins(n=300, shape=(4, 4), seed=0):
    return rgdl.sample(rgdl.Ising(shape, K=0.4), n, rng=seed)


def test_same_key_same_bits_for_any_workers():
    s = spins(330, (9, 9))
    for method in ("pcd", "cd"):
        fits = [
            RBM(40, method=method, n_epochs=2, rng=3, workers=workers).fit(s)
            for workers in (1, 2, 5)
        ]
        for other in fits[1:]:
            assert np.array_equal(fits[0].W_, other.W_)
            assert fits[0].history_ == other.history_ or method == "pcd"
        assert not np.array_equal(fits[0].W_, RBM(40, n_epochs=2, rng=4).fit(s).W_)


@pytest.mark.parametrize("workers", [1, 2])
def test_from_sample_to_trained_weights_the_bits_stay(simd, workers):
    """Golden replay through sampler, CD, layer draw and PCD: the same everywhere."""
    s = rgdl.sample(rgdl.Ising((8, 9), K=0.42), 700, rng=1, workers=workers)
    cd = RBM(
        40, units="binary", method="cd", n_epochs=2, momentum=0.5, l1=1e-3, rng=2,
        workers=workers,
    ).fit((s + 1) // 2)  # fmt: skip
    h = cd.sample_hidden((s + 1) // 2, rng=3)
    pcd = RBM(10, units="binary", n_epochs=2, dtype="float64", rng=4, workers=workers)
    pcd.fit(h)
    crc = [zlib.crc32(a.tobytes()) for a in (s, cd.W_, cd.b_, h, pcd.W_, pcd.c_)]
    assert crc == GOLDEN_CRC


def test_training_epoch_by_epoch_gives_the_same_bits():
    s = spins()
    whole = RBM(8, n_epochs=4, momentum=0.5, rng=1).fit(s)
    parts = RBM(8, n_epochs=2, momentum=0.5, rng=1).fit(s)
    parts = pickle.loads(pickle.dumps(parts))
    parts.partial_fit(s).partial_fit(s)
    assert np.array_equal(whole.W_, parts.W_)
    assert np.array_equal(whole.b_, parts.b_)


def test_spin_symmetry_is_exact_without_biases():
    s = spins(200)
    rbm = RBM(7, rng=0, n_epochs=2).fit(s)
    rbm.c_[:] = 0
    rbm.b_[:] = 0
    assert np.array_equal(rbm.transform(s), -rbm.transform(-s))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_all_two_valued_dtypes_are_the_same_data(dtype):
    X = ((spins() + 1) // 2).astype(dtype)
    before = X.copy()
    rbm = RBM(4, units="binary", n_epochs=1, rng=0).fit(X)
    golden = RBM(4, units="binary", n_epochs=1, rng=0).fit(X.astype(float))
    assert np.array_equal(rbm.W_, golden.W_)
    assert np.array_equal(X, before)
    strided = np.repeat(X, 2, axis=2)[:, :, ::2]
    assert np.array_equal(rbm.transform(strided), rbm.transform(X))


def test_estimator_shape():
    s = spins()
    rbm = RBM(6, n_epochs=1, rng=0)
    with pytest.raises(NotFittedError):
        rbm.transform(s)
    assert clone(rbm).get_params() == rbm.get_params()
    assert rbm.fit(s) is rbm
    assert rbm.n_features_in_ == 16
    assert rbm.lattice_shape_ == (4, 4)
    assert rbm.components_.shape == (6, 16)
    assert np.shares_memory(rbm.components_, rbm.W_)
    assert rbm.get_feature_names_out()[0] == "rbm0"
    assert rbm.sample(3, steps=2, rng=0).shape == (3, 4, 4)
    assert rbm.gibbs(s[:5], rng=0).shape == (5, 4, 4)
    assert rbm.reconstruct(s[:5]).shape == (5, 4, 4)
    assert rbm.sample_visible(rbm.sample_hidden(s[:5], rng=0), rng=0).dtype == np.int8
    features = make_pipeline(clone(rbm)).fit_transform(s.reshape(len(s), -1))
    assert np.array_equal(features, rbm.transform(s))
    assert "n_hidden=6" in repr(rbm)


def test_dense_and_packed_layers_agree():
    s = spins()
    rbm = RBM(20, n_epochs=2, rng=0).fit(s)
    packed = rbm.transform(s)
    nudged = s.astype(np.float32)
    nudged[0, 0, 0] *= 1 - 1e-6  # one value off the two: the dense path
    assert np.allclose(rbm.transform(nudged), packed, atol=1e-5)
    with pytest.warns(rgdl.DataWarning, match="leaves"):
        rbm.transform(2.5 * s)


def test_prefixes_do_not_depend_on_the_number_of_rows():
    rbm = random_machine(9, 5, "spin", 7)
    v = np.random.default_rng(0).choice([-1, 1], (1100, 9))
    drawn = rbm.sample(700, steps=3, rng=1)
    assert np.array_equal(drawn[:30], rbm.sample(30, steps=3, rng=1))
    whole, part = rbm.sample_hidden(v, rng=2), rbm.sample_hidden(v[:600], rng=2)
    assert np.array_equal(whole[:600], part)


def test_two_valued_data_of_the_other_units_are_an_error():
    spin = RBM.from_ising(rgdl.Ising(4, K=1.0))
    for data in ([[0, 1, 1, 0]], [[0.0, 1.0, 1.0, 0.0]], np.array([[True, False] * 2])):
        with pytest.raises(ValueError, match='units="binary"'):
            spin.transform(data)
    binary = RBM.from_weights(np.ones((4, 2)), np.zeros(4), np.zeros(2), units="binary")
    with pytest.raises(ValueError, match='units="spin"'):
        binary.transform([[-1.0, 1.0, 1.0, -1.0]])
    # one value only, inside the range: a real mean
    assert not spin.transform(np.zeros((1, 4))).any()


def test_given_weights_are_trained_on():
    model = rgdl.Ising((4, 4), K=0.4)
    rbm = RBM.from_ising(model).set_params(learning_rate=1e-6, rng=0, progress=False)
    rbm.partial_fit(rgdl.sample(model, 200, rng=0))
    assert abs(rbm.W_ - RBM.from_ising(model).W_).max() < 1e-5
    assert rbm.history_["epoch"] == [1.0]


def test_going_on_with_other_parameters_is_refused():
    rbm = RBM(4, n_epochs=1, rng=0).fit(spins())
    with pytest.raises(ValueError, match="n_hidden and dtype must stay 4 and float32"):
        rbm.set_params(dtype="float64").partial_fit(spins())
    with pytest.raises(ValueError, match="method must be one of"):
        rbm.set_params(dtype="float32", method="foo").partial_fit(spins())


def test_extreme_machines():
    cold = RBM.from_ising(rgdl.Ising(4, K=200.0))
    assert np.isclose(cold.W_.max(), 200.0 + 0.5 * math.log(2.0))
    with pytest.raises(ValueError, match="log Z is not finite"):
        RBM.from_weights([[1e308]], [0], [0]).log_partition()
    with pytest.raises(TypeError, match="W must hold real numbers"):
        RBM.from_weights([[1j]], [0], [0])
    for call in ("free_energy", "sample_hidden", "gibbs"):
        with pytest.raises(NotFittedError):
            getattr(RBM(3), call)([[1, 1]])


def test_divergence_is_an_error():
    s = spins()
    with pytest.raises(rgdl.ConvergenceError, match="lower"):
        RBM(4, learning_rate=1e38, n_epochs=3, rng=0).fit(s)


def test_constant_features_are_reported():
    s = spins().copy()
    s[:, 0, 0] = 1
    with pytest.warns(rgdl.DataWarning, match="1 of 16 features"):
        RBM(4, n_epochs=1, rng=0).fit(s)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"n_hidden": 0}, ValueError, "n_hidden must be at least 1"),
        ({"units": "potts"}, ValueError, "units must be one of 'spin', 'binary'"),
        ({"method": "sgd"}, ValueError, "method must be one of 'pcd', 'cd'"),
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": 5000}, ValueError, "k must be at most 2047"),
        ({"n_chains": 0}, ValueError, "n_chains must be at least 1"),
        ({"method": "cd", "n_chains": 5}, ValueError, "n_chains needs"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be finite"),
        ({"momentum": 1.0}, ValueError, r"momentum must be in \[0, 1\)"),
        ({"l1": -1}, ValueError, "l1 must be in"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
        ({"n_epochs": -1}, ValueError, "n_epochs must be at least 0"),
        ({"workers": 0}, ValueError, "workers must be positive"),
        ({"visible_bias": "log"}, ValueError, "visible_bias must be one of"),
    ],
)
def test_bad_parameters(change, error, match):
    with pytest.raises(error, match=match):
        RBM(**{"n_hidden": 3, **change}).fit(spins(20))


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ([[0, 1, 1]], ValueError, 'use units="binary", or 2 \\* X - 1'),
        ([[True, False]], ValueError, 'use units="binary", or 2 \\* X - 1'),
        ([[True, True]], ValueError, 'bool for units="spin"'),
        ([[math.nan, 1]], ValueError, "X contains NaN"),
        ([[math.inf, 1]], ValueError, "X contains infinity"),
        ([1, -1], ValueError, "Expected 2D array, got 1D array"),
        (np.ones((0, 4)), ValueError, "0 sample"),
        (np.ones((4, 0, 3)), ValueError, "0 feature"),
        ([["a"]], ValueError, "numeric"),
        ([[1j]], ValueError, "Complex data not supported"),
    ],
)
def test_bad_data(X, error, match):
    with pytest.raises(error, match=match):
        RBM(3).fit(X)


def test_wrong_width_and_exact_limits():
    rbm = RBM(3, n_epochs=1, rng=0).fit(spins())
    with pytest.raises(ValueError, match="X has 9 features, but RBM is expecting 16"):
        rbm.transform(np.ones((2, 9)))
    with pytest.raises(ValueError, match="v must have 16 units per row, got 9"):
        rbm.gibbs(np.ones((2, 9), dtype=int))
    with pytest.raises(ValueError, match="infinity"):
        rbm.transform(np.full((2, 16), np.inf))
    big = RBM.from_weights(np.zeros((30, 27)), np.zeros(30), np.zeros(27))
    with pytest.raises(ValueError, match="at most 26 units, got 30 visible"):
        big.log_partition("exact")
    with pytest.raises(ValueError, match="b must have shape"):
        RBM.from_weights(np.zeros((3, 2)), np.zeros(2), np.zeros(2))
    with pytest.raises(TypeError, match="model must be"):
        RBM.from_ising("ring")
