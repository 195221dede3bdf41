"""Exact machines, the identities pair by pair, and the judgement on samples."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp

import rgdl
from rgdl import mapping, rg

K_C = rgdl.exact.K_CRITICAL


def states(n):
    return 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1


def random_rbm(n_visible, n_hidden, seed):
    generator = np.random.default_rng(seed)
    return rgdl.RBM.from_weights(
        generator.normal(size=(n_visible, n_hidden)),
        generator.normal(size=n_visible),
        generator.normal(size=n_hidden),
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_identities_by_a_double_sum(sign):
    """papers.md 1.1 (a)-(d) with 10 + 10 units; the twin takes H with the wrong sign.

    (a) needs T = -E + H to be summed with e^{-H}: with -H it fails by order 1.
    """
    model = rgdl.Ising((2, 5), K=0.4, h=0.1)
    rbm = random_rbm(10, 10, seed=1)
    v = states(10)
    energies = model.hamiltonian(v.reshape(-1, 2, 5))
    minus_e = (v @ rbm.b_)[:, None] + v @ rbm.W_ @ v.T + v @ rbm.c_
    operator = minus_e + sign * energies[:, None]
    h_rg = -logsumexp(operator - energies[:, None], axis=0)
    h_rbm_h = -logsumexp(minus_e, axis=0)
    h_rbm_v = rbm.free_energy(v)
    trace = logsumexp(operator, axis=1)
    a = np.abs(h_rg - h_rbm_h).max()
    b = np.abs(trace - (energies - h_rbm_v)).max()
    log_z_v, log_z = logsumexp(-energies), logsumexp(minus_e)
    delta_f = log_z_v - logsumexp(-h_rg)
    c = abs(delta_f - (log_z_v - log_z))
    law = np.exp(-energies - log_z_v)
    # (d): shift E so that Delta F = 0; then <Tr e^T> = 1, the pointwise trace is not
    shifted = trace + delta_f
    d = abs(law @ np.exp(shifted) - 1)
    if sign == 1:
        assert max(a, b, c, d) < 1e-11
        assert np.abs(np.exp(shifted) - 1).max() > 1
        report = mapping.verify(model, rbm)
        push = law @ np.exp(minus_e - logsumexp(minus_e, axis=1, keepdims=True))
        p_h, p_v = (np.exp(logsumexp(minus_e, axis=axis) - log_z) for axis in (0, 1))
        r = trace - law @ trace
        for found, direct in (
            (report.log_z_v, log_z_v),
            (report.log_z_h, log_z),
            (report.delta_f, delta_f),
            (report.trace_constant, law @ trace),
            (report.trace_residual, np.abs(r).max()),
            (report.trace_rms, math.sqrt(law @ r**2)),
            (report.kl, law @ np.log(law / p_v)),
            (report.kl_push, push @ np.log(push / p_h)),
        ):
            assert found == pytest.approx(direct, abs=1e-11)
        for couplings, direct in (
            (report.h_model, h_rbm_h),
            (report.h_push, -np.log(push) - log_z_v),
        ):
            np.testing.assert_allclose(couplings.hamiltonian(v), direct, atol=1e-11)
        names = {"h_rg", "trace", "delta_f", "mean_trace", "push_bound"}
        assert set(report.identities) == names
        assert max(report.identities.values()) < 1e-11
    else:
        assert min(a, b, c) > 0.1


@pytest.mark.parametrize("n_hidden", [8, 16, 20])
def test_many_hidden_units_by_enumeration_of_the_visible_ones(n_hidden):
    """H_RG[h] and H_push[h] at a few h, all v summed; beyond the full double sum."""
    n = 16 if n_hidden < 20 else 10
    model = rgdl.Ising(n, K=0.4, h=0.1)
    rbm = random_rbm(n, n_hidden, seed=n_hidden)
    report = mapping.verify(model, rbm)
    v = states(n)
    field = v @ rbm.W_ + rbm.c_
    energies = model.hamiltonian(v)
    few = np.random.default_rng(0).integers(1 << n_hidden, size=24)
    h = 2 * (few[:, None] >> np.arange(n_hidden) & 1) - 1
    direct = -logsumexp((v @ rbm.b_)[:, None] + field @ h.T, axis=0)
    np.testing.assert_allclose(report.h_model.hamiltonian(h), direct, atol=1e-10)
    given = field @ h.T - np.logaddexp(field, -field).sum(axis=1)[:, None]
    direct = -logsumexp(given - energies[:, None], axis=0)
    np.testing.assert_allclose(report.h_push.hamiltonian(h), direct, atol=1e-9)
    if n_hidden > 8:
        return
    # H_model with another bias is seen
    other = random_rbm(n, n_hidden, seed=n_hidden)
    other.c_[0] += 1e-6
    gap = mapping.verify(model, other).h_model["(0)"] - report.h_model["(0)"]
    assert gap == pytest.approx(1e-6, rel=1e-4)


@pytest.mark.parametrize("n", [17, 20])
def test_up_to_twenty_sites_are_enumerated(n):
    K = 0.6
    if n == 20:
        report = mapping.verify(rgdl.Ising(n, K=K), rg.Decimation())
        flow = rg.decimate_chain(K, 1)
        assert report.h_push["nn"] == pytest.approx(flow.couplings[1, 0], abs=1e-12)
        assert report.identities["log_z"] < 1e-11
        assert report.identities["normalised"] < 1e-13
    else:
        rbm = mapping.sublattice_machine(rgdl.Ising(2 * n, K=1.0))
        model = rgdl.Ising(n, K=rg.decimate_chain(1.0, 1).couplings[1, 0])
        report = mapping.verify(model, rbm)
        assert report.trace_residual < 1e-12
        assert abs(report.kl_push) < 1e-12


def test_rings_of_16_8_4_are_one_flow():
    K = 0.7
    flow = rg.decimate_chain(K, 2).couplings[:, 0]
    for n, K_fine, K_coarse in ((16, flow[0], flow[1]), (8, flow[1], flow[2])):
        model = rgdl.Ising(n, K=K_fine)
        machine = mapping.block_machine(n, K_fine)
        report = mapping.verify(model, machine)
        assert report.trace_residual < 1e-12
        blocks = machine.W_[:, : n // 2]
        layer = rgdl.RBM.from_weights(blocks, np.zeros(n), np.zeros(n // 2))
        push = mapping.verify(model, rg.RBMTransform(layer)).h_push
        ring = rgdl.Couplings.from_table(
            -rgdl.Ising(n // 2, K=K_coarse).hamiltonian(states(n // 2))
        )
        difference = push - ring
        assert np.abs(difference.values).max() < 1e-12
        # the joint machine's own law of the block units, the bond units summed out
        minus_h = -report.h_model.hamiltonian(states(n)).reshape(-1, 1 << n // 2)
        own = rgdl.Couplings.from_table(logsumexp(minus_h, axis=0))
        assert np.abs((own - ring).values).max() < 1e-12


@pytest.mark.parametrize("K", [0.2, K_C, 0.7, 1.1])
def test_star_strength_is_arccosh(K):
    machine = mapping.block_machine(4, K)
    assert math.cosh(2 * machine.W_[0, 0]) == pytest.approx(math.exp(2 * K), rel=1e-13)


@pytest.mark.parametrize(
    ("strength", "golden"),
    [
        (0.3, (0.059732, 0.013277, -0.000352)),  # rg.md 7.4
        (0.764, None),
        (1.5, (0.211470, -0.015226, -0.000463)),
    ],
)
def test_blocks_of_any_strength_are_exact(strength, golden):
    model = rgdl.Ising(8, K=K_C)
    report = mapping.verify(model, mapping.block_machine(8, K_C, strength))
    assert report.trace_residual < 1e-12
    minus_h = -report.h_model.hamiltonian(states(12)).reshape(-1, 16)
    own = rgdl.Couplings.from_table(logsumexp(minus_h, axis=0), shape=4)
    if golden:
        found = [own["nn"], own["nnn"], own["4-spin (0)(1)(2)(3)"]]
        np.testing.assert_allclose(found, golden, atol=6e-7)


def test_sublattice_machine_is_the_model():
    model = rgdl.Ising((4, 4), K=K_C, h=0.1)
    machine = mapping.sublattice_machine(model)
    even = np.indices((4, 4)).sum(axis=0).ravel() % 2 == 0
    s = states(16)
    joint = (
        (s[:, even] @ machine.W_ * s[:, ~even]).sum(axis=1)
        + s[:, even] @ machine.b_
        + s[:, ~even] @ machine.c_
    )
    np.testing.assert_allclose(
        joint, -model.hamiltonian(s.reshape(-1, 4, 4)), atol=1e-12
    )
    star = rgdl.Couplings.from_rbm(mapping.sublattice_machine(rgdl.Ising(8, K=K_C)), 4)
    assert star["nn"] == pytest.approx(0.173286795140, abs=1e-12)
    assert star.as_lattice().labels == ("nn",)
    K = rg.decimate_chain(K_C, 1).couplings[1, 0]
    ring = mapping.verify(
        rgdl.Ising(4, K=K), mapping.sublattice_machine(rgdl.Ising(8, K=K_C))
    )
    assert ring.trace_residual < 1e-12


def test_sublattice_machine_needs_a_bipartite_lattice():
    with pytest.raises(ValueError, match="even with sites of odd"):
        mapping.sublattice_machine(rgdl.Ising(5, K=0.3))
    with pytest.raises(ValueError, match="pairs and fields"):
        mapping.sublattice_machine(
            rgdl.Ising((4, 4), K=0.3, couplings={"plaquette": 1})
        )


@pytest.mark.parametrize("strength", [0.7659830352147464, 2.0])
def test_kadanoff_rule_is_the_conditional_of_its_machine(strength):
    rule = rg.Kadanoff(strength=strength)
    machine = rule.as_rbm((4, 4))
    model = rgdl.Ising((4, 4), K=K_C)
    first = mapping.verify(model, rule).h_push
    second = mapping.verify(model, machine.as_transform()).h_push
    np.testing.assert_allclose(first.coefficients(), second.coefficients(), atol=1e-13)
    assert not mapping.verify(model, machine).holds(1e-3)  # the joint machine is not


def test_estimates_equal_the_enumeration():
    # errors of 10^4 rows; 4 sigma each, and a machine of K + 0.02 is told apart
    model = rgdl.Ising((4, 4), K=0.4)
    rbm = random_rbm(16, 6, seed=2)
    exact, found = mapping.verify(model, rbm), mapping.estimate(model, rbm, rng=3)
    for name in ("trace_constant", "trace_rms", "kl"):
        gap = getattr(found, name) - getattr(exact, name)
        assert abs(gap) < 4 * getattr(found, f"{name}_error")
    assert found.log_z_v == pytest.approx(exact.log_z_v, abs=1e-10)
    assert found.log_z_h == pytest.approx(exact.log_z_h, abs=1e-10)
    assert found.trace_residual <= exact.trace_residual + 1e-9
    other = mapping.estimate(rgdl.Ising((4, 4), K=0.42), rbm, rng=3)
    assert abs(other.kl - exact.kl) > 4 * other.kl_error


def test_large_exact_machine_has_no_residual():
    model = rgdl.Ising((16, 16), K=K_C)
    found = mapping.estimate(model, rgdl.RBM.from_ising(model), n=200, rng=0)
    assert found.trace_residual < 1e-10
    assert found.trace_rms_error < 1e-10
    assert found.log_z_v == pytest.approx(rgdl.exact.kaufman((16, 16), K_C).log_z)
    loose = rgdl.RBM.from_ising(rgdl.Ising((16, 16), K=0.4))
    assert mapping.estimate(model, loose, n=200, rng=0).trace_rms > 0.3


def test_estimated_couplings_of_a_transform():
    model = rgdl.Ising((8, 4), K=0.3)
    rule = rg.MajorityRule()
    found = mapping.estimate(model, rule, n=20_000, rng=5)
    assert found.reasons["kl"]
    exact = mapping.verify(rgdl.Ising((4, 4), K=0.3), rule)
    assert found.kind == "conditional"
    assert found.kl is None
    assert "tells nothing" in repr(found)
    assert "<table>" in found._repr_html_()
    assert found.h_push.shape == (4, 2)
    small = mapping.estimate(rgdl.Ising((4, 4), K=0.3), rule, n=20_000, rng=5)
    assert small.h_push.is_close(exact.h_push, n_sigma=4)


def machine(n_visible, n_hidden, units, seed):
    generator = np.random.default_rng(seed)
    return rgdl.RBM.from_weights(
        generator.normal(size=(n_visible, n_hidden)) / 3,
        generator.normal(size=n_visible) / 3,
        generator.normal(size=n_hidden) / 3,
        units=units,
    )


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_hidden_side_on_samples_equals_the_enumeration(units):
    """5 sigma in 63 couplings and in each divergence, errors near the true spread.

    A model of K = 0.5 instead of 0.4 is told apart by its couplings.
    """
    model = rgdl.Ising((4, 4), K=0.4)
    rbm = machine(16, 6, units, seed=4)
    exact = mapping.verify(model, rbm)
    runs = [mapping.estimate(model, rbm, n=4000, rng=seed) for seed in range(12)]
    for found in runs:
        assert found.h_model.is_close(exact.h_model, atol=1e-11)
        pulls = (found.h_push.values - exact.h_push.values) / found.h_push.errors
        assert np.abs(pulls).max() < 5
        assert found.h_push.constant == pytest.approx(exact.h_push.constant, abs=0.05)
        for name in ("kl_push", "kl", "push_gap"):
            true = getattr(exact, name, exact.kl - exact.kl_push)
            gap = getattr(found, name) - true
            assert abs(gap) < 5 * getattr(found, f"{name}_error")
        assert found.push_gap > 0
        assert found.push_gap == pytest.approx(found.kl - found.kl_push, abs=0.01)
    for name in ("kl_push", "push_gap"):
        spread = np.std([getattr(found, name) for found in runs], ddof=1)
        error = np.mean([getattr(found, f"{name}_error") for found in runs])
        assert 0.5 < spread / error < 2  # 12 runs: 21 percent
    spread = np.std([found.h_push.values for found in runs], axis=0, ddof=1)
    error = np.mean([found.h_push.errors for found in runs], axis=0)
    assert 0.8 < np.mean(spread / error) < 1.2
    other = mapping.verify(rgdl.Ising((4, 4), K=0.5), rbm).h_push
    pulls = (runs[0].h_push.values - other.values) / runs[0].h_push.errors
    assert np.abs(pulls).max() > 5
    layer = mapping.estimate(model, rbm.as_transform(), n=4000, rng=0)
    assert layer.h_push.is_close(runs[0].h_push)
    np.testing.assert_array_equal(layer.h_push.values, runs[0].h_push.values)
    assert "error" in repr(layer)
    assert "KL(P_push || p_h)" in repr(runs[0])
    assert "H_RG[h]" in runs[0]._repr_html_()


def test_exact_machine_has_no_divergence_on_samples():
    """Ring of 30 sites in 15 hidden units: the bound is met as 0 = 0 within noise."""
    K = rg.decimate_chain(0.8, 1).couplings[1, 0]
    rbm = mapping.sublattice_machine(rgdl.Ising(30, K=0.8))
    found = mapping.estimate(rgdl.Ising(15, K=K), rbm, n=2000, rng=1)
    assert found.kl == pytest.approx(0.0, abs=1e-11)
    assert abs(found.kl_push) < 5 * found.kl_push_error
    # every hidden spin of the ring sums out between two visible ones: the same ring
    assert found.h_model["(0)(1)"] == pytest.approx(K, abs=1e-12)
    pull = (found.h_push["(0)(1)"] - K) / found.h_push.errors[
        found.h_push.labels.index("(0)(1)")
    ]
    assert abs(pull) < 5


def test_wide_hidden_layers_say_why_there_is_no_hidden_side():
    model = rgdl.Ising((4, 4), K=0.4)
    wide = mapping.estimate(model, machine(16, 21, "spin", 0), n=64, rng=0)
    assert wide.h_model is wide.h_push is wide.kl_push is wide.push_gap is None
    for name in ("h_model", "h_push", "kl_push", "push_gap"):
        assert "21 hidden units, at most 20" in wide.reasons[name]
    layer = machine(16, 21, "spin", 0).as_transform()
    found = mapping.estimate(model, layer, n=64, rng=0)
    assert "21 hidden units, at most 20" in found.reasons["h_push"]


def test_what_does_not_fit_is_refused_before_sampling(monkeypatch):
    monkeypatch.setattr("rgdl.mapping._estimate.sample", lambda *_, **__: 1 / 0)
    model = rgdl.Ising((4, 4), K=0.4)
    small = machine(5, 2, "spin", 0)
    stack = rg.Compose(rg.MajorityRule(), small.as_transform())
    for each in (small, small.as_transform(), rg.Compose(small.as_transform())):
        with pytest.raises(ValueError, match="16 visible units"):
            mapping.estimate(model, each)
    for each in (stack, rg.MajorityRule(b=3)):
        with pytest.raises(ValueError, match=r"5|b must divide"):
            mapping.estimate(model, each)
    with pytest.raises(TypeError, match=r"rgdl\.RBM"):
        mapping.estimate(model, 5)
