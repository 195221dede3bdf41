"""Likelihoods, distances, couplings, clamped and tempered chains of a machine."""

import itertools
import math

import numpy as np
import pytest

import rgdl
from rgdl import DBN, RBM, receptive
from rgdl._belief import likelihood_bound


def random_machine(units, n_visible=6, n_hidden=4, scale=0.6, seed=0):
    rng = np.random.default_rng(seed)
    W = scale * rng.normal(size=(n_visible, n_hidden))
    return RBM.from_weights(
        W, rng.normal(size=n_visible) / 3, rng.normal(size=n_hidden) / 3, units=units
    )


def all_states(n, units):
    v = np.arange(1 << n)[:, None] >> np.arange(n) & 1
    return 2 * v - 1 if units == "spin" else v


@pytest.mark.parametrize("units", ["spin", "binary"])
@pytest.mark.parametrize("scale", [0.5, 20.0])
def test_score_samples_is_the_sum_of_conditionals(units, scale):
    rbm = random_machine(units, scale=scale)
    v = all_states(6, units)
    log_p = -rbm.free_energy(v)
    expected = np.zeros(len(v))
    for i in range(6):
        other = np.arange(64) ^ (1 << i)
        expected -= np.logaddexp(0, log_p[other] - log_p)
    scores = rbm.score_samples(v)
    assert np.allclose(scores, expected, rtol=1e-12, atol=1e-12)
    assert np.array_equal(rbm.score_samples(v[10:13]), scores[10:13])


def test_log_likelihood_and_kl_of_known_laws():
    model = rgdl.Ising((3, 4), K=0.4, h=0.1)
    rbm = RBM.from_ising(model)
    v = all_states(12, "spin")
    p = np.exp(-model.hamiltonian(v.reshape(-1, 3, 4)))
    p /= p.sum()
    log_p = -rbm.free_energy(v) - rbm.log_partition().value
    assert np.allclose(np.exp(log_p), p, rtol=1e-12)
    assert rbm.kl(model).value < 1e-12
    other = random_machine("binary", 12, 5)
    log_q = -other.free_energy((v + 1) // 2) - other.log_partition().value
    exact = float((p * (np.log(p) - log_q)).sum())
    kl = other.kl(model)
    assert abs(kl.value - exact) < 1e-12
    assert kl.error == 0
    answer = other.log_likelihood((v + 1) // 2)
    assert abs(answer.value - log_q.mean()) < 1e-12


def test_kl_beyond_enumeration():
    """5x5: sampled; the bond machine of another K has a KL from Kaufman's formula."""
    model, other = rgdl.Ising((5, 5), K=0.35), rgdl.Ising((5, 5), K=0.3)
    rbm = RBM.from_ising(other)
    a, b = (rgdl.exact.kaufman((5, 5), K) for K in (0.35, 0.3))
    exact = (0.35 - 0.3) * (-25 * a.energy) + b.log_z - a.log_z
    log_z = rgdl.rbm.LogZ(
        b.log_z + 50 * (math.log(2) + 0.3), 0.0, 0.0, 0.0, True, "exact"
    )
    kl = rbm.kl(model, log_z=log_z, n_samples=4000, rng=0)
    assert 0 < kl.error < 0.02
    assert abs(kl.value - exact) < 4 * kl.error


@pytest.mark.parametrize(
    "model",
    [
        rgdl.Ising(5, K=0.7, periodic=False),
        rgdl.Ising((3, 3), K=-0.4, periodic=(True, False), h=0.2),
        rgdl.Ising((3, 3), K=0.3, h=np.linspace(-1, 1, 9).reshape(3, 3)),
        rgdl.Ising((4, 3), K=0.3, couplings={"nn": 1.0, "nnn": -0.4}),
        rgdl.Ising((2, 3), K=0.5),
        rgdl.Ising(
            6,
            K=0.5,
            couplings=np.triu(np.sin(np.arange(36.0)).reshape(6, 6), 1)
            + np.triu(np.sin(np.arange(36.0)).reshape(6, 6), 1).T,
        ),
    ],
)
def test_from_ising_is_exact_for_any_pair_model(model):
    rbm = RBM.from_ising(model)
    v = all_states(model.n_sites, "spin")
    minus_h = -model.hamiltonian(v.reshape(-1, *model.shape))
    minus_f = -rbm.free_energy(v)
    assert np.ptp(minus_f - minus_h) < 1e-12
    assert ((rbm.W_ != 0).sum(axis=0) == 2).all()


def test_from_ising_refuses_more_than_pairs():
    with pytest.raises(ValueError, match="product of 4 spins"):
        RBM.from_ising(rgdl.Ising((4, 4), K=0.3, couplings={"plaquette": 1.0}))


# ---- effective couplings ----


def test_vectors_of_two_hidden_units():
    W = np.array([[0.5, -0.3, 0.8], [-0.7, 0.4, 0.1]]).T
    rbm = RBM.from_weights(W, [0.1, -0.2, 0.3], [0.2, -0.5])
    J = rbm.effective_couplings("exact")
    assert abs(J.constant - 2.1452344355) < 1e-10
    expected = {
        "(0)": 0.4179455660,
        "(1)": -0.3609696818,
        "(2)": 0.3793331343,
        "(0)(1)": -0.2865444004,
        "(0)(2)": 0.2488858675,
        "(1)(2)": -0.1432547758,
        "(0)(1)(2)": 0.0066234168,
    }
    for label, value in expected.items():
        assert abs(J[label] - value) < 1e-10
    assert abs(rbm.log_partition().value - 4.635913105619688) < 1e-13


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_three_ways_agree(units):
    rbm = random_machine(units, 9, 6)
    exact = rbm.effective_couplings("exact").coefficients()
    low = rbm.effective_couplings("low-degree")
    gauss = rbm.effective_couplings("gaussian", n_exact=7)
    for i, j in itertools.combinations(range(9), 2):
        value = exact[(1 << i) + (1 << j)]
        assert abs(low.pairs[i, j] - value) < 1e-13
        assert abs(gauss.pairs[i, j] - value) < 1e-13
    assert np.allclose(low.field, exact[1 << np.arange(9)], atol=1e-13)
    # unit maps leave the law, hence the couplings, unchanged
    spin = RBM.from_weights(*rbm.spin_weights())
    assert np.allclose(spin.effective_couplings("exact").coefficients()[1:], exact[1:])


def test_strong_weights_do_not_overflow():
    """Weights to 400, beyond any exponential: the limit of |x|, by enumeration."""
    W = np.array([[400.0, -3.0], [-350.0, 0.2], [0.5, 20.0], [0.0, 7.0]])
    rbm = RBM.from_weights(W, np.zeros(4), np.array([30.0, -1.0]))
    exact = rbm.effective_couplings("exact", averaged=False).coefficients()
    pairs = rbm.effective_couplings("gaussian", n_exact=2).pairs
    for i, j in itertools.combinations(range(4), 2):
        assert pairs[i, j] == pytest.approx(exact[(1 << i) + (1 << j)], rel=1e-12)


def test_gaussian_improves_with_exact_terms():
    rbm = random_machine("spin", 16, 10, scale=0.3)
    table = rbm.effective_couplings("exact").coefficients()
    pairs = np.array(list(itertools.combinations(range(16), 2)))
    truth = table[(1 << pairs).sum(axis=1)]
    errors = []
    for n_exact in (0, 2, 4):
        J = rbm.effective_couplings("gaussian", n_exact=n_exact).pairs
        off = J[tuple(pairs.T)] - truth
        errors.append(math.sqrt((off**2).sum() / (truth**2).sum()))
    assert errors[0] < 0.06
    assert errors[0] > 3 * errors[1] > 3 * errors[2]


def test_bond_machine_gives_back_its_coupling():
    rbm = RBM.from_ising(rgdl.Ising((8, 8), K=-0.37))
    J = rbm.effective_couplings().by_displacement()
    expected = np.zeros((8, 8))
    expected[[0, 0, 1, 7], [1, 7, 0, 0]] = -0.37
    assert np.allclose(J, expected, atol=1e-13)
    at = rbm.couplings_at((1, 0))
    assert abs(at.value + 0.37) < 1e-12
    assert abs(rbm.couplings_at((1, 1)).value) < 1e-12


@pytest.mark.parametrize("scale", [0.3, 0.8])
def test_gaussian_error_has_the_size_of_the_error(scale):
    """120 pairs: the stated error is above most true ones, yet of their size."""
    rbm = random_machine("spin", 16, 10, scale=scale)
    table = rbm.effective_couplings("exact").coefficients()
    pairs = np.array(list(itertools.combinations(range(16), 2)))
    truth = table[(1 << pairs).sum(axis=1)]
    for n_exact in (0, 1, 2, 4):
        J = rbm.effective_couplings("gaussian", n_exact=n_exact)
        off = np.abs(J.pairs[tuple(pairs.T)] - truth)
        stated = J.pairs_error[tuple(pairs.T)]
        assert np.array_equal(J.pairs_error, J.pairs_error.T)
        ratio = math.sqrt((off**2).mean() / (stated**2).mean())
        assert 0.02 < ratio < 1.5, (n_exact, ratio)
        assert (off < 4 * stated).mean() > 0.8, (n_exact, (off < 4 * stated).mean())
    small = random_machine("spin", 8, 3)
    everything = small.effective_couplings("gaussian", n_exact=6)
    assert not everything.pairs_error.any()


def test_coupling_at_tells_spread_from_error():
    """A machine without the torus' symmetry: spread is not an error of the method."""
    rbm = random_machine("spin", 12, 6, scale=0.8)
    table = rbm.effective_couplings("exact").coefficients()
    rbm.lattice_shape_ = (3, 4)
    sites = np.arange(12).reshape(3, 4)
    pairs = (1 << sites) + (1 << np.roll(sites, -1, axis=1))
    truth = table[pairs.ravel()]
    at = rbm.couplings_at((0, 1), n_exact=10)
    assert abs(at.value - truth.mean()) < 1e-12
    assert abs(at.spread - truth.std()) < 1e-12
    assert (at.error, at.reliable) == (0, True)
    rough = rbm.couplings_at((0, 1))
    assert 0 < rough.error < rough.spread / 3
    assert abs(rough.value - truth.mean()) < 4 * rough.error
    few = np.where(np.arange(16) % 3 == 0, 3.0, 0.05)[:, None]
    peaked = RBM.from_weights(few, np.zeros(16), [20.0])
    peaked.lattice_shape_ = (4, 4)
    assert not peaked.couplings_at((0, 1), n_exact=6).reliable


def test_couplings_are_averaged_over_the_torus_only_if_asked():
    """Against the table of -F by its defining sums, over every set of sites."""
    rbm = random_machine("spin", 6, 4, scale=0.8)
    rbm.lattice_shape_ = (2, 3)
    v = all_states(6, "spin")
    sets = v[:, None, :] > 0  # row S of all_states is the set of its up spins
    products = np.where(sets, v[None], 1).prod(axis=2)
    truth = products @ -rbm.free_energy(v) / 64
    own = rbm.effective_couplings("exact", averaged=False)
    assert np.allclose(own.coefficients(), truth, atol=1e-13)
    assert own.shape is None
    mean = rbm.effective_couplings("exact")
    off = np.abs(mean.coefficients() - truth).max()
    assert off > 0.1
    assert abs(off - mean.spread.max()) < 1e-12
    with pytest.raises(TypeError, match="averaged must be a bool"):
        rbm.effective_couplings("exact", averaged="no")


def test_errors_that_are_not_known_are_not_reliable():
    rbm = random_machine("spin")
    v = all_states(6, "spin")
    for one, other in ((v[:1], v[1:2]), (v[:1], v), (v, v[:1])):
        gap = rbm.free_energy_gap(one, other)
        assert math.isnan(gap.error)
        assert not gap.reliable
    assert rbm.free_energy_gap(v[:2], v[2:9]).reliable
    dbn = DBN((4, 3))
    dbn.layers_ = [random_machine("spin", 6, 4), random_machine("spin", 4, 3)]
    dbn.lattice_shape_, dbn.n_features_in_ = (6,), 6
    single = dbn.log_likelihood_bound(v, draws=1, rng=0)
    assert math.isnan(single.error)
    assert not single.reliable
    assert dbn.log_likelihood_bound(v, draws=2, rng=0).reliable


# ---- chains ----


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_clamped_chains_follow_the_conditional_law(units):
    """20,000 rows: standard error of a mean 0.007; unclamped means differ by > 0.1."""
    rbm = random_machine(units, 5, 3, scale=1.0)
    v = all_states(5, units)
    mask = np.array([True, False, False, True, False])
    values = np.ones(5, dtype=int)
    p = np.exp(-rbm.free_energy(v) + rbm.free_energy(v).min())
    inside = (v[:, mask] == 1).all(axis=1)
    conditional = (p * inside) @ v / (p * inside).sum()
    s = rbm.sample(20000, steps=30, clamp=(mask, values), rng=0)
    assert (s[:, mask] == 1).all()
    assert np.abs(s.mean(axis=0) - conditional).max() < 0.03
    free = rbm.sample(20000, steps=30, rng=0)
    assert np.abs(free.mean(axis=0) - conditional).max() > 0.1
    start = rbm.sample(20000, steps=1, rng=1)
    again = rbm.gibbs(start, k=5, clamp=mask, rng=2)
    assert np.array_equal(again[:, mask], start[:, mask])


def test_recorded_chains():
    rbm = random_machine("spin", 5, 3)
    x = rbm.chains(7, 4, thin=2, burn_in=3, rng=0)
    assert x.shape == (7, 4, 5)
    more = rbm.chains(7, 6, thin=2, burn_in=3, rng=0)
    assert np.array_equal(more[:, :4], x)
    assert not np.array_equal(x[:, 0], x[:, 1])


def joint_test(rbm, step, rounds=400, chains=500):
    """Geweke: exact starts stay exact; z-scores of <v>, <v v'> after the steps."""
    v = all_states(rbm.W_.shape[0], rbm.units)
    p = np.exp(-rbm.free_energy(v) + rbm.free_energy(v).min())
    p /= p.sum()
    rng = np.random.default_rng(0)
    n = rounds * chains
    s = step(v[rng.choice(len(v), n, p=p)])
    pairs = [(i, i) for i in range(v.shape[1])]
    pairs += list(itertools.combinations(range(v.shape[1]), 2))
    z = []
    for i, j in pairs:
        f = (
            (lambda x, i=i: x[:, i])
            if i == j
            else (lambda x, i=i, j=j: x[:, i] * x[:, j])
        )
        mean = p @ f(v)
        spread = math.sqrt(p @ (f(v) - mean) ** 2 / n)
        z.append((f(s.astype(float)).mean() - mean) / spread)
    return np.abs(z).max()


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_gibbs_leaves_the_law_invariant(units):
    """200,000 draws, 21 statistics; the twin's hidden biases are off by 0.1."""
    rbm = random_machine(units)
    assert joint_test(rbm, lambda v: rbm.gibbs(v, k=2, rng=5)) < 4.5
    twin = RBM.from_weights(rbm.W_, rbm.b_, rbm.c_ + 0.1, units=units)
    assert joint_test(rbm, lambda v: twin.gibbs(v, k=2, rng=5)) > 8


def test_tempering_crosses_what_gibbs_does_not():
    """4x4 at K = 1.2: chains alone keep their sign, tempered ones do not."""
    model = rgdl.Ising((4, 4), K=1.2)
    rbm = RBM.from_ising(model)
    up = np.ones((20, 4, 4), dtype=int)
    alone = rbm.chains(20, 100, burn_in=0, start=up, rng=0).mean(axis=(2, 3))
    assert alone.min() > 0
    result = rbm.temper(chains=20, draws=300, n_betas=12, rng=1)
    assert result.reliable
    assert result.samples.shape == (20, 300, 4, 4)
    assert (result.swap_rates > 0.2).all()
    m = result.samples.mean(axis=(2, 3))
    assert abs(m.mean()) < 0.5
    energy = model.energy(result.samples.reshape(-1, 4, 4))
    exact = rgdl.exact.enumerate_states(model)
    per_chain = energy.reshape(20, -1).mean(axis=1)
    error = per_chain.std(ddof=1) / math.sqrt(20)
    assert abs(per_chain.mean() - exact.energy) < 4 * error + 1e-4


def test_annealing_reaches_what_gibbs_does_not():
    """4x4 at K = 1: annealed chains have the energy of enumeration and both signs.

    200 chains: standard error of the energy 0.004. The twin is quenched: its chains
    from fair units are stuck in stripes and lie 20 errors above.
    """
    model = rgdl.Ising((4, 4), K=1.0)
    rbm = RBM.from_ising(model)
    exact = float(rgdl.exact.enumerate_states(model).energy)

    def off(s):
        e = model.energy(s)
        return (e.mean() - exact) / (e.std(ddof=1) / math.sqrt(len(e)) + 1e-3)

    s = rbm.anneal(200, n_betas=600, rng=0)
    assert s.shape == (200, 4, 4)
    assert abs(off(s)) < 4
    assert abs(s.mean(axis=(1, 2)).mean()) < 0.3
    assert off(rbm.sample(200, steps=2, rng=0)) > 10
    assert np.array_equal(rbm.set_params(workers=2).anneal(200, n_betas=600, rng=0), s)
    for bad in ({"n": 0}, {"n": 3, "n_betas": 1}):
        with pytest.raises(ValueError, match="at least"):
            rbm.anneal(**bad)


# ---- belief networks ----


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_bound_of_a_small_network(units):
    """Below the enumerated ln p(v) in every row, up to the draws' noise; near it."""
    dbn = DBN((4, 3))
    dbn.layers_ = [random_machine(units, 5, 4), random_machine(units, 4, 3, seed=1)]
    dbn.lattice_shape_, dbn.n_features_in_ = (5,), 5
    v, h = all_states(5, units), all_states(4, units)
    first, top = dbn.layers_
    log_prior = -top.free_energy(h) - top.log_partition().value
    inputs = h @ first.W_.T + first.b_
    scale = 2 if units == "spin" else 1
    on = 1 / (1 + np.exp(-scale * inputs))
    log_v = np.where(v[:, None, :] == 1, np.log(on), np.log(1 - on)).sum(axis=2)
    exact = np.logaddexp.reduce(log_prior + log_v, axis=1)
    assert abs(np.exp(exact).sum() - 1) < 1e-12
    bound, rows = likelihood_bound(
        dbn.layers_, v, top.log_partition(), draws=600, rng=0
    )
    assert (rows < exact + 0.1).all()
    assert bound.value < exact.mean()
    assert bound.value > exact.mean() - 0.5
    assert 0 < bound.error < 0.02
    same = dbn.log_likelihood_bound(v, draws=600, rng=0)
    assert abs(same.value - bound.value) < 4 * math.hypot(same.error, bound.error)


def test_bound_of_one_layer_is_the_likelihood():
    rbm = random_machine("spin")
    dbn = DBN((4,))
    dbn.layers_, dbn.lattice_shape_, dbn.n_features_in_ = [rbm], (6,), 6
    v = all_states(6, "spin")
    expected = rbm.log_likelihood(v).value
    assert abs(dbn.log_likelihood_bound(v, draws=2, rng=0).value - expected) < 1e-12


def test_passes_of_a_network():
    s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 300, rng=0)
    dbn = DBN((6, 3), rbm=RBM(units="spin", n_epochs=2, rng=0)).fit(s)
    assert dbn.sample_hidden(s, 0, rng=0).shape == (300, 6)
    assert dbn.sample_hidden(s, rng=0).shape == (300, 3)
    h = dbn.sample_hidden(s, rng=0)
    assert dbn.sample_visible(h, rng=0).shape == s.shape
    assert np.array_equal(dbn.gibbs(s, k=2, rng=1), dbn.gibbs(s, k=2, rng=1))
    sizes = dbn.field_sizes(0, threshold=True)
    assert (sizes.participation <= dbn.field_sizes(0).participation + 1e-12).all()


def test_centres_of_fields_follow_translations():
    fields = np.random.default_rng(0).normal(size=(4, 9, 12)) ** 5
    fields[3] = 0.0
    centre = receptive.field_sizes(fields).centre
    moved = receptive.field_sizes(np.roll(fields, (5, 7), axis=(1, 2))).centre
    assert np.allclose((centre[:3] + np.array([5, 7])) % [9, 12], moved[:3])
    assert np.isnan(centre[3]).all()
    one = np.zeros((1, 9, 12))
    one[0, 8, 3] = -2.0
    assert np.allclose(receptive.field_sizes(one).centre, [[8.0, 3.0]])


def test_receptive_fields_on_the_torus():
    fields = np.zeros((3, 6, 6))
    fields[0, 2, 3] = -2.0
    fields[1] = 1.0
    sizes = receptive.field_sizes(fields)
    assert np.allclose(sizes.participation[:2], [1, 36])
    assert np.isnan(sizes.participation[2])
    assert sizes.radius[0] < 1e-12
    assert sizes.covered == 1.0
    assert np.allclose(sizes.coverage.sum(), 37)
    fields[0, 2, 4] = 0.9
    kept = receptive.half_maximum(fields)
    assert kept[0, 2, 4] == 0
    assert kept[0, 2, 3] == -2
    rolled = receptive.field_sizes(np.roll(fields, (3, 5), (1, 2)))
    assert np.allclose(rolled.radius[0], receptive.field_sizes(fields).radius[0])
    with pytest.raises(ValueError, match="fields must be finite"):
        receptive.field_sizes([[np.nan, 1.0]])


# ---- what is refused ----


def test_what_is_no_answer_is_refused():
    s = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 60, rng=0)
    rbm = RBM(4, n_epochs=1, rng=0, progress=False).fit(s)
    dbn = DBN((4,), rbm=RBM(n_epochs=1, rng=0, progress=False)).fit(s)
    with pytest.raises(ValueError, match=r"model must have shape \(4, 4\)"):
        rbm.kl(rgdl.Ising((2, 8), K=0.4))
    for ask in (
        lambda: rbm.log_likelihood(s, log_z=3.0),
        lambda: rbm.kl(rgdl.Ising((4, 4), K=0.4), log_z=3.0),
        lambda: dbn.log_likelihood_bound(s, log_z=3.0),
    ):
        with pytest.raises(
            TypeError, match=r"log_z must be a rgdl.rbm.LogZ, got float"
        ):
            ask()
    with pytest.raises(TypeError, match="every step of displacement must be an int"):
        rbm.couplings_at((0.5, 0))
    with pytest.raises(TypeError, match="displacement must be a tuple"):
        rbm.couplings_at(1)
    mask = np.ones((4, 4), dtype=bool)
    for clamp in ((mask, np.ones((2, 8))), (np.ones((2, 8), bool), s[0])):
        with pytest.raises(ValueError, match=r"of clamp must .* shape \(4, 4\)"):
            rbm.sample(2, steps=1, clamp=clamp)
    for good in (s[0], s[0].ravel(), s[:2], s[:2].reshape(2, 16)):
        assert np.array_equal(
            rbm.sample(2, steps=1, clamp=(mask, good)).reshape(2, 16),
            np.broadcast_to(np.reshape(good, (-1, 16)), (2, 16)),
        )
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        RBM(4, n_epochs=1).fit(s, validation=s[:0])
    with pytest.raises(TypeError, match="callbacks must be a list"):
        RBM(4, n_epochs=1).fit(s, callbacks=lambda m: False)


@pytest.mark.parametrize("solver", ["sgd", "exact", "lbfgs"])
def test_weights_of_infinite_sum_are_refused(solver):
    s = rgdl.sample(rgdl.Ising((2, 2), K=0.4), 60, rng=0)
    with pytest.raises(ValueError, match="sample_weight must have a finite sum"):
        RBM(2, n_epochs=1, solver=solver).fit(s, sample_weight=np.full(60, 1e308))


@pytest.mark.parametrize("name", ["W_", "b_", "c_"])
def test_parameters_that_are_no_numbers_are_refused(name):
    v = all_states(6, "spin")
    for ask in (
        lambda m: m.transform(v),
        lambda m: m.free_energy(v),
        lambda m: m.score_samples(v),
        lambda m: m.log_partition(),
        lambda m: m.log_partition("ais"),
        lambda m: m.sample(2),
        lambda m: m.gibbs(v),
        lambda m: m.temper(chains=2, draws=2),
        lambda m: m.effective_couplings(),
    ):
        rbm = random_machine("spin")
        getattr(rbm, name).flat[0] = np.nan
        with pytest.raises(ValueError, match="W_, b_ and c_ must be finite"):
            ask(rbm)
