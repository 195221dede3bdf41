"""Transforms as conditional distributions, and the exact flow of the chain."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rgdl
from rgdl import exact, rg

TRANSFORMS = [
    rg.Decimation(),
    rg.Decimation(b=3),
    rg.MajorityRule(),
    rg.MajorityRule(b=3),
    rg.MajorityRule(ties="corner"),
    rg.Kadanoff(strength=0.4),
]


def random_spins(shape, seed=0):
    return 2 * np.random.default_rng(seed).integers(0, 2, shape, dtype=np.int8) - 1


def layer(units="spin", shape=(4, 3), seed=0):
    generator = np.random.default_rng(seed)
    return SimpleNamespace(
        W_=generator.normal(size=shape).astype(np.float32),
        b_=generator.normal(size=shape[0]),
        c_=generator.normal(size=shape[1]),
        units=units,
    )


def all_states(n):
    return np.array(list(itertools.product((-1, 1), repeat=n)), dtype=np.int8)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_probabilities_sum_to_one_for_every_fine_state(transform):
    fine = random_spins((20, 2 * transform.b, 2 * transform.b))
    total = np.zeros(20)
    for h in all_states(4):
        coarse = np.tile(h.reshape(2, 2), (20, 1, 1))
        total += np.exp(transform.log_prob(fine, coarse))
    np.testing.assert_allclose(total, 1, rtol=1e-14)
    up, down = transform.log_probabilities(fine)
    np.testing.assert_allclose(np.logaddexp(up, down), 0, atol=1e-15)
    assert not np.isnan([up, down]).any()


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@pytest.mark.parametrize("shape", [(12,), (6, 12), (6, 6, 6)])
def test_coarse_configurations_are_possible(transform, shape):
    fine = random_spins((8, *shape))
    coarse = transform.coarsen(fine, rng=0)
    assert coarse.dtype == np.int8
    assert coarse.shape == (8, *transform.coarse_shape(shape))
    assert np.isfinite(transform.log_prob(fine, coarse)).all()
    if isinstance(transform, rg.Decimation):
        assert (transform.log_prob(fine, -coarse) == -np.inf).all()
    np.testing.assert_array_equal(
        transform.operator(fine, coarse), transform.log_prob(fine, coarse)
    )


def test_majority_counts_and_breaks_ties():
    block = np.array([[1, -1], [-1, 1]], dtype=np.int8)
    fine = np.tile(block, (4000, 1, 1))
    corner = rg.MajorityRule(ties="corner")
    assert (corner.coarsen(fine) == 1).all()
    assert (corner.coarsen(-fine) == -1).all()
    assert (corner.log_prob(fine, np.ones((4000, 1, 1))) == 0).all()
    random = rg.MajorityRule()
    coarse = random.coarsen(fine, rng=0)
    assert abs(coarse.mean()) < 5 / math.sqrt(4000)
    np.testing.assert_allclose(random.log_prob(fine, coarse), -math.log(2))
    clear = fine.copy()
    clear[:, 0, 1] = 1
    assert (random.coarsen(clear, rng=0) == 1).all()
    assert (corner.coarsen(clear) == 1).all()


def test_majority_is_keyed_and_prefix_stable():
    fine = random_spins((600, 8, 8))
    rule = rg.MajorityRule()
    coarse = rule.coarsen(fine, rng=5)
    assert (rule.coarsen(fine, rng=5) == coarse).all()
    assert (rule.coarsen(fine[:100], rng=5) == coarse[:100]).all()
    assert (rule.coarsen(fine, rng=6) != coarse).any()
    generator = np.random.default_rng(5)
    assert (rule.coarsen(fine, rng=generator) == coarse).all()
    assert (rule.coarsen(fine, rng=generator) != coarse).any()


def test_majority_frequencies_follow_log_prob():
    fine = np.tile(random_spins((1, 4, 4), seed=3), (20_000, 1, 1))
    rule = rg.MajorityRule()
    up, _ = rule.log_probabilities(fine[:1])
    frequency = (rule.coarsen(fine, rng=1) > 0).reshape(20_000, -1).mean(axis=0)
    assert np.abs(frequency - np.exp(up[0])).max() < 5 / math.sqrt(4 * 20_000)


SOFT = rg.Kadanoff(strength=0.5)


def test_nested_stacks_are_flat():
    """The same keys and probabilities however a stack is put together."""
    flat = rg.Compose(SOFT, SOFT, SOFT)
    fine = random_spins((50, 8, 8), seed=4)
    small = random_spins((3, 8), seed=4)
    for nested in (
        rg.Compose(SOFT, rg.Compose(SOFT, SOFT)),
        rg.Compose(rg.Compose(SOFT, SOFT), SOFT),
        rg.Compose(rg.Compose(flat)),
    ):
        assert nested.transforms == (SOFT,) * 3
        assert repr(nested) == repr(flat)
        assert nested.b == 8
        assert (nested.coarsen(fine, rng=2) == flat.coarsen(fine, rng=2)).all()
        np.testing.assert_array_equal(
            nested.log_prob(small, np.ones((3, 1))),
            flat.log_prob(small, np.ones((3, 1))),
        )
    total = sum(np.exp(flat.log_prob(small, np.full((3, 1), h))) for h in (-1, 1))
    np.testing.assert_allclose(total, 1, rtol=1e-13)


@pytest.mark.parametrize("strength", [1e308, -1e308])
def test_huge_strengths_keep_fair_ties(strength):
    rule = rg.Kadanoff(strength=strength)
    tie = np.tile(np.array([[1, 1], [-1, -1]], dtype=np.int8), (2000, 1, 1))
    up = np.ones((2000, 1, 1))
    np.testing.assert_allclose(rule.log_prob(tie, up), -math.log(2))
    assert abs(rule.coarsen(tie, rng=0).mean()) < 5 / math.sqrt(2000)
    all_up = np.ones((4, 2, 2), dtype=np.int8)
    assert (rule.coarsen(all_up, rng=0) == np.sign(strength)).all()
    assert (rule.log_prob(all_up, np.sign(strength) * up[:4]) == 0).all()
    assert (rule.log_prob(all_up, -np.sign(strength) * up[:4]) == -np.inf).all()


STACKS = [rg.Compose(SOFT, SOFT), rg.Compose(rg.Decimation(), rg.MajorityRule())]


@pytest.mark.parametrize("transform", [*TRANSFORMS, *STACKS], ids=repr)
def test_no_configurations_give_no_rows(transform):
    fine = np.empty((0, 12, 12), dtype=np.int8)
    coarse = transform.coarsen(fine, rng=0)
    assert coarse.shape == (0, *transform.coarse_shape((12, 12)))
    assert transform.log_prob(fine, coarse).shape == (0,)
    if transform is not STACKS[0]:
        up, down = transform.log_probabilities(fine)
        assert up.shape == down.shape == (0, (12 // transform.b) ** 2)


def test_no_rows_for_a_layer():
    rows = np.empty((0, 2, 2), dtype=np.int8)
    transform = rg.RBMTransform(layer())
    assert transform.log_prob(rows, np.empty((0, 3))).shape == (0,)
    with pytest.raises(ValueError, match=r"v must have shape \(n, 4\)"):
        transform.log_prob(np.empty((0, 5)), np.empty((0, 3)))


@pytest.mark.parametrize("transform", [*TRANSFORMS, *STACKS], ids=repr)
def test_coarse_lattices_of_another_shape_are_refused(transform):
    fine = random_spins((3, 12, 24))
    shape = transform.coarse_shape((12, 24))
    for wrong in ((3, *shape[::-1]), (3, math.prod(shape)), (2, *shape), (3,), ()):
        with pytest.raises(ValueError, match=r"h must h|as many rows"):
            transform.log_prob(fine, np.ones(wrong))


@pytest.mark.parametrize("transform", [rg.Decimation(b="sqrt2"), SOFT, *STACKS])
@pytest.mark.parametrize("shape", [8, (8.0, 8.0)])
def test_shapes_are_tuples_of_integers(transform, shape):
    with pytest.raises(TypeError, match="shape must be a tuple of integers, got"):
        transform.coarse_shape(shape)


def test_layer_wants_a_tuple():
    with pytest.raises(TypeError, match="shape must be a tuple of integers, got 4"):
        SOFT.layer(4)


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_rbm_layer_is_its_conditional(units):
    rbm = layer(units)
    v, h = all_states(4), all_states(3)
    if units == "binary":
        v, h = (v + 1) // 2, (h + 1) // 2
    w = rbm.W_.astype(float)
    weight = np.exp((rbm.c_ + v @ w) @ h.T)  # b cancels in p(h|v)
    expected = np.log(weight / weight.sum(axis=1, keepdims=True))
    transform = rg.RBMTransform(rbm)
    for j, state in enumerate(h):
        rows = np.tile(state, (len(v), 1))
        np.testing.assert_allclose(
            transform.log_prob(v, rows), expected[:, j], rtol=1e-12
        )
    lattice = v.reshape(-1, 2, 2)
    np.testing.assert_array_equal(
        transform.log_prob(lattice, np.tile(h[0], (16, 1))),
        transform.log_prob(v, np.tile(h[0], (16, 1))),
    )
    assert transform.coarse_shape((2, 2)) is None
    assert transform.b is None


def test_rbm_layer_is_stable_for_huge_weights():
    rbm = layer()
    rbm.W_ = rbm.W_ * 1e4
    up, down = rg.RBMTransform(rbm).log_probabilities(all_states(4))
    assert not np.isnan([up, down]).any()
    assert (np.maximum(up, down) <= 0).all()


def test_rbm_layer_refuses_other_units_and_shapes():
    transform = rg.RBMTransform(layer("binary"))
    with pytest.raises(ValueError, match=r"\(v \+ 1\) // 2"):
        transform.log_probabilities(all_states(4))
    with pytest.raises(ValueError, match="spins -1 and"):
        rg.RBMTransform(layer()).log_probabilities(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"v must have shape \(n, 4\)"):
        transform.log_probabilities(np.ones((2, 5)))
    with pytest.raises(ValueError, match="h must hold 2 rows of 3"):
        transform.log_prob(np.ones((2, 4)), np.ones((3, 3)))
    with pytest.raises(TypeError, match=r"fitted rgdl\.RBM"):
        rg.RBMTransform(object())
    bad = layer()
    bad.W_[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        rg.RBMTransform(bad)
    bad = layer("ternary")
    with pytest.raises(ValueError, match=r"rbm\.units"):
        rg.RBMTransform(bad)
    bad = layer()
    bad.b_ = bad.b_[:2]
    with pytest.raises(ValueError, match=r"rbm\.W_ must have shape"):
        rg.RBMTransform(bad)


def test_rbm_layer_coarsens_with_the_machine():
    rbm = layer()
    seen = {}

    def sample_hidden(v, *, rng=None):
        seen.update(v=v, rng=rng)
        return np.ones((len(v), 3), dtype=np.int8)

    rbm.sample_hidden = sample_hidden
    fine = random_spins((5, 2, 2))
    assert rg.RBMTransform(rbm).coarsen(fine, rng=7).shape == (5, 3)
    assert seen["v"].shape == (5, 4)
    assert seen["rng"] == 7


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_blocks_refuse_bad_input(transform):
    with pytest.raises(ValueError, match=f"b must divide .* got b={transform.b}"):
        transform.coarsen(random_spins((3, 7, 7)))
    with pytest.raises(ValueError, match="b must divide"):
        transform.coarse_shape((7,))
    with pytest.raises(ValueError, match=r"2 \* s - 1"):
        transform.coarsen(np.zeros((3, 6, 6), dtype=np.int8))
    with pytest.raises(ValueError, match="1 to 3 lattice axes"):
        transform.coarsen(random_spins(6))
    with pytest.raises(ValueError, match="1 to 3 extents"):
        transform.coarse_shape(())
    fine = random_spins((3, 6, 6))
    before = fine.copy()
    fine.flags.writeable = False
    transform.coarsen(fine, rng=0)
    assert (fine == before).all()


@pytest.mark.parametrize("b", [0, 1, -2])
def test_block_length_must_be_two_or_more(b):
    with pytest.raises(ValueError, match="b must be at least 2"):
        rg.Decimation(b=b)
    with pytest.raises(ValueError, match="b must be at least 2"):
        rg.MajorityRule(b=b)


def test_unknown_ties_are_refused():
    with pytest.raises(ValueError, match="ties must be one of"):
        rg.MajorityRule(ties="up")
    with pytest.raises(TypeError, match="b must be an integer"):
        rg.Decimation(b=2.0)


def test_chain_flow_equals_the_table():
    # papers.md 1.2
    expected = [1.0, 0.6625013737, 0.3500611389, 0.1136720675, 0.0128115420]
    flow = rg.decimate_chain(1.0, 7)
    np.testing.assert_allclose(flow.couplings[:5, 0], expected, atol=5e-11)
    assert flow.couplings[5, 0] == pytest.approx(0.0001641177, abs=5e-11)
    assert flow.couplings[6, 0] == pytest.approx(2.69e-8, rel=2e-3)
    assert flow.labels == ("nn",)
    assert flow.n_steps == 7
    assert flow.couplings.shape == (8, 1)
    assert "0.6625013737" in repr(flow)


@given(K=st.floats(-5, 5))
def test_chain_flow_squares_tanh_and_keeps_z(K):
    flow = rg.decimate_chain(K, 1)
    coarse = flow.couplings[1, 0]
    assert math.tanh(coarse) == pytest.approx(math.tanh(K) ** 2, rel=1e-10, abs=1e-14)
    fine_z = exact.chain(8, K).log_z
    coarse_z = exact.chain(4, coarse).log_z + 4 * flow.constants[1]
    assert coarse_z == pytest.approx(fine_z, rel=1e-12)


@pytest.mark.parametrize("K", [1e-9, 1e-5, 0.3, 0.49999, 0.5, 0.50001, 3.0, 20.0])
def test_chain_flow_loses_no_digits(K):
    import mpmath

    with mpmath.workdps(60):
        expected = mpmath.log(mpmath.cosh(2 * mpmath.mpf(K))) / 2
    result = rg.decimate_chain(K, 1).couplings[1, 0]
    assert abs(result / expected - 1) < 1e-15 * 4


def test_chain_flow_at_its_ends():
    large = rg.decimate_chain(1e300, 3)
    assert np.isfinite(large.couplings).all()
    near = rg.decimate_chain(50.0, 2).couplings[:, 0]
    np.testing.assert_allclose(np.diff(near), -math.log(2) / 2, rtol=1e-13)
    assert (rg.decimate_chain(0.0, 3).couplings == 0).all()
    assert rg.decimate_chain(1e-200, 1).couplings[1, 0] == 0
    assert rg.decimate_chain(0.7, 0).couplings.tolist() == [[0.7]]
    with pytest.raises(ValueError, match="K must be finite"):
        rg.decimate_chain(math.inf, 1)
    with pytest.raises(ValueError, match="n_steps must be at least 0"):
        rg.decimate_chain(1.0, -1)


@pytest.mark.stat
def test_decimated_chain_samples_have_the_flowed_coupling():
    """Bond energy of a decimated chain within 5 sigma; the fine one is far off."""
    K, n = 1.0, 4000
    s = rgdl.sample(rgdl.Ising(32, K=K), n, rng=11, progress=False)
    coarse = rg.Decimation().coarsen(s)
    flowed = rg.decimate_chain(K, 1).couplings[1, 0]
    energy = rgdl.Ising(16, K=flowed).energy(coarse)
    sigma = energy.std() / math.sqrt(n)
    assert abs(energy.mean() - exact.chain(16, flowed).energy) < 5 * sigma
    assert abs(energy.mean() - exact.chain(16, K).energy) > 50 * sigma
