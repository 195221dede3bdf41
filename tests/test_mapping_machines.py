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
        assert report.delta_f == pytest.approx(delta_f, abs=1e-12)
        assert report.trace_rms == pytest.approx(
            math.sqrt(law @ (trace - law @ trace) ** 2), abs=1e-11
        )
    else:
        assert min(a, b, c) > 0.1


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
    exact = mapping.verify(rgdl.Ising((4, 4), K=0.3), rule)
    assert found.kind == "conditional"
    assert found.kl is None
    assert "tells nothing" in repr(found)
    assert "<table>" in found._repr_html_()
    assert found.h_push.shape == (4, 2)
    small = mapping.estimate(rgdl.Ising((4, 4), K=0.3), rule, n=20_000, rng=5)
    assert small.h_push.is_close(exact.h_push, n_sigma=4)
