"""The mapping of Mehta and Schwab, judged on machines whose answer is known."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

import rgdl
from rgdl import _reference, exact, mapping, rg

K_C = exact.K_CRITICAL


def bond_machine(model, units="spin"):
    """One hidden unit per bond, w = arccosh(e^{2K}) / 2 (papers.md 1.2): exact."""
    sites = np.arange(model.n_sites).reshape(model.shape)
    pairs = [
        pair
        for axis in range(model.ndim)
        for pair in zip(sites.ravel(), np.roll(sites, -1, axis).ravel(), strict=True)
    ]
    weights = np.zeros((model.n_sites, len(pairs)))
    for column, pair in enumerate(pairs):
        for site in pair:
            weights[site, column] += math.acosh(math.exp(2 * model.K)) / 2
    if units == "binary":  # rg.md 7.5
        b, c = -2 * weights.sum(axis=1), -2 * weights.sum(axis=0)
        return SimpleNamespace(W_=4 * weights, b_=b, c_=c, units=units)
    zeros = [np.zeros(n) for n in weights.shape]
    return SimpleNamespace(W_=weights, b_=zeros[0], c_=zeros[1], units=units)


def random_machine(n_visible, n_hidden, units="spin", seed=0):
    generator = np.random.default_rng(seed)
    return SimpleNamespace(
        W_=generator.normal(size=(n_visible, n_hidden)),
        b_=generator.normal(size=n_visible),
        c_=generator.normal(size=n_hidden),
        units=units,
    )


def states(n):
    return 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_bond_machine_of_the_torus_is_exact(units):
    model = rgdl.Ising((4, 4), K=K_C)
    report = mapping.verify(model, bond_machine(model, units))
    assert report.kind == "joint"
    assert report.trace_residual < 1e-12
    assert report.trace_rms < 1e-12
    assert 0 <= report.kl < 1e-13
    assert report.holds(1e-12)
    assert report.log_z_v == pytest.approx(15.521915458755, abs=1e-11)
    if units == "spin":  # rg.md 7.5: 32 (K_c + ln 2)
        assert report.trace_constant == pytest.approx(36.282687170231, abs=1e-10)
        assert report.delta_f == pytest.approx(-32 * (K_C + math.log(2)), abs=1e-10)
    assert report.h_model is report.h_push is report.kl_push is None
    assert "32 hidden units, at most 20" in report.reasons["h_model"]
    assert "not available: 32 hidden units" in repr(report)


def test_flipped_sign_of_the_hamiltonian_fails_the_trace_condition(monkeypatch):
    """Broken twin: T = -E - H instead of -E + H."""
    model = rgdl.Ising((3, 3), K=0.4)
    rbm = bond_machine(model)
    assert mapping.verify(model, rbm).trace_residual < 1e-12
    flipped = _reference.ising_enumerate(model.shape, -model.K, -model.h)
    monkeypatch.setattr("rgdl._core.states_table", lambda *_: flipped)
    report = mapping.verify(model, rbm)
    assert report.trace_residual > 1
    assert report.kl > 0.1
    assert not report.holds()


def test_slightly_wrong_coupling_is_seen():
    model = rgdl.Ising((4, 4), K=K_C)
    report = mapping.verify(model, bond_machine(rgdl.Ising((4, 4), K=K_C + 1e-6)))
    assert 1e-6 < report.trace_residual < 1e-4
    assert 0 < report.kl < 1e-9
    # KL is (dK)^2 var(B) / 2 to leading order, var(B) = N Cv / K^2
    variance = 16 * exact.kaufman((4, 4), K_C).specific_heat / K_C**2
    assert report.kl == pytest.approx(1e-12 * variance / 2, rel=1e-3)


@pytest.mark.parametrize("units", ["spin", "binary"])
@pytest.mark.parametrize("h", [0.0, 0.3])
def test_random_machine_fails_the_claim_but_keeps_the_identities(units, h):
    model = rgdl.Ising((3, 3), K=0.4, h=h)
    report = mapping.verify(model, random_machine(9, 6, units))
    assert report.trace_residual > 1
    assert report.kl > 0.1
    assert not report.holds()
    assert set(report.identities) == {
        "h_rg",
        "trace",
        "delta_f",
        "mean_trace",
        "push_bound",
    }
    assert max(report.identities.values()) < 1e-12
    assert report.kl_push <= report.kl
    assert report.reasons == {}


@pytest.mark.parametrize("K", [0.2, K_C, 1.1])
def test_bond_machine_of_the_ring_is_exact_on_both_sides(K):
    model = rgdl.Ising(8, K=K)
    report = mapping.verify(model, bond_machine(model))
    assert report.trace_residual < 1e-12
    assert max(report.identities.values()) < 1e-12
    assert report.kl_push <= 1e-13
    for couplings in (report.h_model, report.h_push):
        for label in couplings.labels:  # the hidden ring has the visible coupling
            i, *rest = [int(x) for x in label.strip("()").split(")(")]
            neighbours = len(rest) == 1 and (rest[0] - i) % 8 in (1, 7)
            expected = K if neighbours else 0.0
            assert couplings[label] == pytest.approx(expected, abs=1e-12)
    # the joint machine keeps Z_lambda, the push-forward Z_data
    gap = report.h_model.constant - report.h_push.constant
    assert gap == pytest.approx(-report.delta_f, abs=1e-12)


def test_every_number_equals_a_plain_double_sum():
    model = rgdl.Ising((2, 3), K=0.5, h=0.2)
    rbm = random_machine(6, 4, seed=2)
    v, h = states(6), states(4)
    energy_v = model.hamiltonian(v.reshape(-1, 2, 3))
    minus_e = (v @ rbm.W_ @ h.T) + (v @ rbm.b_)[:, None] + h @ rbm.c_
    p = np.exp(-energy_v) / np.exp(-energy_v).sum()
    joint = np.exp(minus_e)
    q = joint / joint.sum()
    r = np.log(np.exp(minus_e + energy_v[:, None]).sum(axis=1))
    push = p @ (joint / joint.sum(axis=1, keepdims=True))
    report = mapping.verify(model, rbm)
    assert report.log_z_v == pytest.approx(math.log(np.exp(-energy_v).sum()))
    assert report.log_z_h == pytest.approx(math.log(joint.sum()))
    assert report.delta_f == pytest.approx(report.log_z_v - report.log_z_h)
    assert report.trace_constant == pytest.approx(p @ r)
    assert report.trace_residual == pytest.approx(np.abs(r - p @ r).max())
    assert report.trace_rms == pytest.approx(math.sqrt(p @ (r - p @ r) ** 2))
    assert report.kl == pytest.approx(p @ np.log(p / q.sum(axis=1)))
    assert report.kl_push == pytest.approx(push @ np.log(push / q.sum(axis=0)))
    for couplings, table in (
        (report.h_model, np.log(joint.sum(axis=0))),
        (report.h_push, np.log(push) + report.log_z_v),
    ):
        assert couplings["(0)(2)"] == pytest.approx(np.mean(table * h[:, 0] * h[:, 2]))
        assert couplings["(3)"] == pytest.approx(np.mean(table * h[:, 3]))
        assert couplings.constant == pytest.approx(table.mean())


def test_shifting_the_energy_changes_delta_f_only():
    model = rgdl.Ising(6, K=0.5)
    rbm = random_machine(6, 3, seed=1)
    shifted = SimpleNamespace(
        W_=np.column_stack([rbm.W_, np.zeros(6)]),
        b_=rbm.b_,
        c_=np.append(rbm.c_, 1.5),  # a free unit: ln Z grows by ln 2cosh 1.5
        units="spin",
    )
    one, two = mapping.verify(model, rbm), mapping.verify(model, shifted)
    assert two.delta_f == pytest.approx(one.delta_f - math.log(2 * math.cosh(1.5)))
    assert two.trace_residual == pytest.approx(one.trace_residual, rel=1e-12)
    assert two.kl == pytest.approx(one.kl, rel=1e-12)


def test_majority_rule_on_the_torus_equals_the_golden_values():
    model = rgdl.Ising((4, 4), K=K_C)
    report = mapping.verify(model, rg.MajorityRule())
    golden = {"nn": 0.692900341542, "nnn": 0.327384072465, "plaquette": 0.019634529784}
    assert report.h_push.constant == pytest.approx(11.232017095640, abs=1e-11)
    assert report.h_push.shape == (2, 2)
    for label, value in golden.items():  # rg.md 7.10
        assert report.h_push[label] == pytest.approx(value, abs=1e-11)
    # and once more by the definition, block by block
    s = states(16).reshape(-1, 4, 4)
    weights = np.exp(-model.hamiltonian(s))
    blocks = np.sign(s.reshape(-1, 2, 2, 2, 2).sum(axis=(2, 4))).reshape(-1, 4)
    table = np.zeros(16)
    for index, h in enumerate(states(4)):
        table[index] = math.log(weights @ ((1 + h * blocks) / 2).prod(axis=1))
    h = states(4)
    direct = {
        "nn": np.mean(table * h[:, 0] * h[:, 1]),
        "nnn": np.mean(table * h[:, 0] * h[:, 3]),
        "plaquette": np.mean(table * h.prod(axis=1)),
    }
    for label, value in direct.items():
        assert report.h_push[label] == pytest.approx(value, abs=1e-12)
    assert report.h_push.constant == pytest.approx(table.mean(), abs=1e-12)
    corner = mapping.verify(model, rg.MajorityRule(ties="corner"))
    assert abs(corner.h_push["nn"] - golden["nn"]) > 1e-3


@pytest.mark.parametrize(
    ("strength", "golden"),
    [  # rg.md 7.10: Kadanoff's T_lambda is the conditional of an RBM
        (0.765983, (11.374564365437, 0.653635655465, 0.345725826634, -0.033082924728)),
        (2.0, (11.232940658127, 0.692637981225, 0.327524563449, 0.019304502925)),
    ],
)
def test_rbm_layer_as_kadanoff_rule_equals_the_golden_values(strength, golden):
    site = np.arange(16).reshape(4, 4)
    weights = np.zeros((16, 4))
    for block, (x, y) in enumerate(itertools.product((0, 2), repeat=2)):
        weights[site[x : x + 2, y : y + 2].ravel(), block] = strength
    rbm = SimpleNamespace(W_=weights, b_=np.zeros(16), c_=np.zeros(4), units="spin")
    model = rgdl.Ising((4, 4), K=K_C)
    report = mapping.verify(model, rg.RBMTransform(rbm))
    found = report.h_push
    labels = ("(0)(1)", "(0)(3)", "(0)(1)(2)(3)")
    assert found.constant == pytest.approx(golden[0], abs=1e-11)
    for label, value in zip(labels, golden[1:], strict=True):
        assert found[label] == pytest.approx(value, abs=1e-11)
    assert report.identities["log_z"] < 1e-12


@pytest.mark.parametrize(
    ("strength", "golden"),
    [  # rg.md 7.4: N = 8, four blocks of two at K_c; nn and nnn and 4-spin
        (0.3, (0.059732, 0.013277, -0.000352)),
        (1.5, (0.211470, -0.015226, -0.000463)),
    ],
)
def test_blocks_of_two_on_the_ring_equal_the_golden_values(strength, golden):
    weights = strength * np.repeat(np.eye(4), 2, axis=0)
    rbm = SimpleNamespace(W_=weights, b_=np.zeros(8), c_=np.zeros(4), units="spin")
    found = mapping.verify(rgdl.Ising(8, K=K_C), rg.RBMTransform(rbm)).h_push
    for label, value in zip(("(0)(1)", "(0)(2)", "(0)(1)(2)(3)"), golden, strict=True):
        assert found[label] == pytest.approx(value, abs=1e-6)


def test_sublattice_machine_gives_the_star_couplings():
    """rg.md 7.6: visible sites A, hidden sites B, W = K: each B sums out a star."""
    weights = np.full((4, 1), K_C)
    table = np.log(2 * np.cosh(states(4) @ weights)).sum(axis=1)
    found = rgdl.Couplings.from_table(table)
    assert found["(0)(1)"] == pytest.approx(0.137326536084, abs=1e-12)
    assert found["(0)(1)(2)(3)"] == pytest.approx(-0.035960259056, abs=1e-12)
    pair = math.log(math.cosh(4 * K_C)) / 8
    four = pair - math.log(math.cosh(2 * K_C)) / 2
    assert found["(0)(1)"] == pytest.approx(pair, abs=1e-14)
    assert found["(0)(1)(2)(3)"] == pytest.approx(four, abs=1e-14)


@pytest.mark.parametrize("K", [0.3, K_C, 1.0])
def test_decimated_ring_has_the_flowed_coupling(K):
    flow = rg.decimate_chain(K, 1)
    report = mapping.verify(rgdl.Ising(8, K=K), rg.Decimation())
    assert report.h_push["nn"] == pytest.approx(flow.couplings[1, 0], abs=1e-12)
    assert report.h_push.constant == pytest.approx(4 * flow.constants[1], abs=1e-12)
    others = [label for label in report.h_push.labels if label != "nn"]
    assert max(abs(report.h_push[label]) for label in others) < 1e-12


def test_every_second_bond_unit_is_a_decimation_of_the_ring():
    """rg.md 7.4 at lambda*: bond units on bonds (2j, 2j+1) couple by ln cosh(2K)/2."""
    for K in (0.2, K_C, 0.7, 1.1):
        model = rgdl.Ising(8, K=K)
        rbm = bond_machine(model)
        rbm.W_, rbm.c_ = rbm.W_[:, ::2], rbm.c_[::2]
        found = mapping.verify(model, rg.RBMTransform(rbm)).h_push
        flowed = rg.decimate_chain(K, 1).couplings[1, 0]
        assert found["(0)(1)"] == pytest.approx(flowed, abs=1e-12)
        assert found["(0)(2)"] == pytest.approx(0, abs=1e-12)
        assert found["(0)(1)(2)(3)"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("transform", [rg.Decimation(), rg.MajorityRule()], ids=repr)
def test_conditional_is_judged_as_conditional(transform):
    report = mapping.verify(rgdl.Ising((4, 4), K=0.3), transform)
    assert report.kind == "conditional"
    assert report.trace_constant == report.trace_residual == report.trace_rms == 0
    assert report.kl is report.delta_f is report.h_model is report.kl_push is None
    assert report.holds() is None
    assert report.log_z_h == pytest.approx(report.log_z_v, abs=1e-12)
    assert report.identities["normalised"] < 1e-14  # what can fail, see Loose
    assert max(report.identities.values()) < 1e-12
    assert "tells nothing" in repr(report)


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_layer_pushes_forward_like_its_joint_machine(units):
    model = rgdl.Ising((3, 3), K=0.4, h=0.1)
    rbm = random_machine(9, 5, units)
    joint = mapping.verify(model, rbm)
    conditional = mapping.verify(model, rg.RBMTransform(rbm))
    np.testing.assert_allclose(
        conditional.h_push.values, joint.h_push.values, atol=1e-12
    )
    assert np.abs(joint.h_model.values - joint.h_push.values).max() > 0.01


def test_single_precision_weights_are_summed_in_double():
    model = rgdl.Ising((3, 3), K=0.4)
    rbm = random_machine(9, 6)
    for name in ("W_", "b_", "c_"):
        setattr(rbm, name, getattr(rbm, name).astype(np.float32))
    report = mapping.verify(model, rbm)
    assert max(report.identities.values()) < 1e-12


def test_large_hidden_layers_skip_the_direct_sum_with_a_reason():
    report = mapping.verify(rgdl.Ising((4, 4), K=0.3), random_machine(16, 8))
    assert report.identities["h_rg"] is None
    assert "too many" in report.reasons["h_rg"]
    assert report.identities["delta_f"] < 1e-10
    assert report.kl_push <= report.kl


def test_report_tells_claim_from_identity():
    text = repr(mapping.verify(rgdl.Ising(6, K=0.4), random_machine(6, 3)))
    claim, identities, numbers = text.split("\n\n")[1:4]
    assert claim.startswith("Claim (the physics)")
    assert "does not hold" in claim
    assert identities.startswith("Identities (true for any weights")
    assert "H_RG[h] = H_RBM[h]" in identities
    assert "Delta F" in numbers
    page = mapping.verify(rgdl.Ising(6, K=0.4), random_machine(6, 3))._repr_html_()
    assert "max |r - &lt;r&gt;|" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("model", "machine", "error", "message"),
    [
        ((4, 4), rg.Decimation(), TypeError, r"model must be an rgdl\.Ising"),
        (rgdl.Ising(21, K=1.0), rg.Decimation(), ValueError, "at most 20 sites"),
        (rgdl.Ising(4, K=1.0), object(), TypeError, r"rgdl\.RBM"),
        (rgdl.Ising(4, K=1.0), random_machine(5, 2), ValueError, "4 visible units"),
        (
            rgdl.Ising(4, K=1.0),
            rg.RBMTransform(random_machine(5, 2)),
            ValueError,
            "4 visible units",
        ),
        (rgdl.Ising(9, K=1.0), rg.Decimation(), ValueError, "b must divide"),
    ],
)
def test_bad_input_is_refused(model, machine, error, message):
    with pytest.raises(error, match=message):
        mapping.verify(model, machine)


@pytest.mark.parametrize(
    "model",
    [
        rgdl.Ising((4, 4), K=0.4, periodic=False, couplings={"nn": 1, "nnn": 0.2}),
        rgdl.Ising((2, 2, 2), K=0.3, h=np.linspace(0, 1, 8).reshape(2, 2, 2)),
        rgdl.Ising(6, K=0.3, couplings=1 - np.eye(6)),
    ],
    ids=repr,
)
def test_any_model_can_be_judged(model):
    rng = np.random.default_rng(0)
    n = model.n_sites
    rbm = rgdl.RBM.from_weights(
        rng.normal(size=(n, 3)), np.zeros(n), np.zeros(3), units="spin"
    )
    report = mapping.verify(model, rbm)
    assert report.log_z_v == pytest.approx(rgdl.exact.enumerate_states(model).log_z)
    assert report.kl > 0.01
    assert max(x for x in report.identities.values() if x is not None) < 1e-10


def enumerated_push(model, probabilities):
    """Table of ln sum_v e^{-H[v]} p(h|v) from the definition, pair by pair."""
    n = model.n_sites
    boltzmann = np.exp(-model.hamiltonian(states(n).reshape(-1, *model.shape)))
    return np.log(boltzmann @ probabilities)


def coefficient(table, *sites):
    h = states(len(table).bit_length() - 1)
    return np.mean(table * h[:, list(sites)].prod(axis=1))


def uneven_ring(n):
    J = np.diag(np.linspace(0.5, 1.5, n))
    J = np.roll(J, 1, axis=1)
    return J + J.T


UNEVEN = [
    rgdl.Ising((4, 4), K=0.4, couplings={(0, 1): 1, (1, 0): 0.2}),
    rgdl.Ising((4, 4), K=0.3, h=np.linspace(-0.4, 0.5, 16).reshape(4, 4)),
    rgdl.Ising(8, K=0.3, couplings=uneven_ring(8)),
]


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (UNEVEN[0], rg.Decimation()),
        (UNEVEN[1], rg.Decimation()),
        (UNEVEN[2], rg.Decimation()),
        (rgdl.Ising((4, 4), K=0.4), rg.FilterTransform([[1, 0.2], [0.1, 0]])),
        (rgdl.Ising((4, 4), K=0.4, h=0.2), rg.FilterTransform([[1.0, 0.2], [0.1, 0]])),
        (rgdl.Ising((8, 2), K=0.4), rg.MajorityRule(ties="corner")),
    ],
    ids=repr,
)
def test_orbits_are_only_used_where_the_law_has_their_symmetry(model, rule):
    s = states(model.n_sites).reshape(-1, *model.shape)
    up, down = rule.log_probabilities(s)
    h = states(up.shape[1])
    p = np.ones((len(s), len(h)))
    for j in range(up.shape[1]):
        p *= np.where(h[:, j] > 0, np.exp(up[:, j, None]), np.exp(down[:, j, None]))
    table = enumerated_push(model, p)
    report = mapping.verify(model, rule)
    found = report.h_push
    np.testing.assert_allclose(
        -found.hamiltonian(h.reshape(-1, *(found.shape or (up.shape[1],)))),
        table,
        atol=1e-12,
    )
    assert report.identities["log_z"] < 1e-12
    row = rg.compare(model, {"rule": rule}).rows[0]
    assert row.couplings.shape == found.shape


def test_uneven_bonds_have_couplings_of_their_own(monkeypatch):
    """Values of the definition; the twin takes orbit means and is told by ln Z."""
    model = UNEVEN[0]
    found = mapping.verify(model, rg.Decimation()).h_push
    kept = states(16)[:, [0, 2, 8, 10]]
    p = (kept[:, None] == states(4)[None]).all(axis=2).astype(float)
    table = enumerated_push(model, p)
    assert found.shape is None
    assert found["(0)(1)"] == pytest.approx(coefficient(table, 0, 1), abs=1e-13)
    assert found["(0)(2)"] == pytest.approx(coefficient(table, 0, 2), abs=1e-13)
    assert found["(0)(1)"] == pytest.approx(0.302153, abs=1e-6)
    assert found["(0)(2)"] == pytest.approx(0.023393, abs=1e-6)
    monkeypatch.setattr("rgdl.mapping._verify.all_couplings", rgdl.Couplings.from_table)
    blind = mapping.verify(model, rg.Decimation())
    assert blind.h_push["nn"] == pytest.approx(0.162773, abs=1e-6)
    assert blind.identities["log_z"] > 1e-3


class Loose(rg.Kadanoff):
    """Broken twin: probabilities that add up to e^{0.1}."""

    def log_probabilities(self, v):
        up, down = super().log_probabilities(v)
        return up + 0.1, down + 0.1


def test_a_rule_that_is_not_normalised_is_seen():
    model = rgdl.Ising((4, 4), K=0.3)
    good = mapping.verify(model, rg.Kadanoff())
    assert good.identities["normalised"] < 1e-14
    assert good.identities["log_z"] < 1e-12
    loose = mapping.verify(model, Loose())
    assert loose.identities["normalised"] == pytest.approx(0.4)
    assert loose.identities["log_z"] == pytest.approx(0.4)
    stack = mapping.verify(model, rg.Compose(Loose(), Loose()))
    assert stack.identities["normalised"] == pytest.approx(0.5)


def layers(units, *sizes):
    machines = []
    for i in range(1, len(sizes)):
        drawn = random_machine(sizes[i - 1], sizes[i], seed=i)
        machines.append(
            rgdl.RBM.from_weights(drawn.W_, drawn.b_, drawn.c_, units=units)
        )
    return rg.Compose(*(machine.as_transform() for machine in machines))


STACKS = [
    ((8,), rg.Compose(rg.Kadanoff(), rg.Kadanoff(strength=0.4))),
    ((8,), rg.Compose(rg.MajorityRule(), rg.MajorityRule())),
    ((12,), rg.Compose(rg.Decimation(), rg.Kadanoff(), rg.MajorityRule(b=3))),
    ((8,), layers("spin", 8, 5, 3)),
    ((2, 3), layers("binary", 6, 4, 3, 2)),
]


@pytest.mark.parametrize(("shape", "stack"), STACKS, ids=repr)
def test_stacks_push_the_law_forward(shape, stack):
    """Against e^{log_prob(v, h)} of every pair, which sums row by row."""
    model = rgdl.Ising(shape, K=0.4, h=0.1)
    report = mapping.verify(model, stack)
    n, n_hidden = model.n_sites, report.h_push.n_spins
    low = 0 if "binary" in repr(stack) else -1
    v = np.where(states(n) > 0, 1, low).reshape(-1, *shape)
    columns = []
    for h in np.where(states(n_hidden) > 0, 1, low):
        coarse = np.broadcast_to(h, (len(v), n_hidden))
        if stack.coarse_shape(shape) is not None:
            coarse = coarse.reshape(-1, *stack.coarse_shape(shape))
        columns.append(stack.log_prob(v, coarse))
    table = enumerated_push(model, np.exp(np.array(columns).T))
    minus_h = -report.h_push.hamiltonian(states(n_hidden))
    np.testing.assert_allclose(minus_h, table, atol=1e-12)
    assert max(report.identities.values()) < 1e-12
    row = rg.compare(model, {"stack": stack}).rows[0]
    mean = np.abs(states(n_hidden).mean(axis=1))
    law = np.exp(table - np.logaddexp.reduce(table))
    assert row.magnetization[0] == pytest.approx(law @ mean)
    assert math.isnan(row.information[0])
    assert "log_prob" in row.notes["information"]


def test_block_spins_of_block_spins_on_the_torus():
    model = rgdl.Ising((4, 4), K=0.4)
    for rule in (rg.Kadanoff(), rg.MajorityRule()):
        report = mapping.verify(model, rg.Compose(rule, rule))
        assert report.identities["log_z"] < 1e-12
        assert report.h_push["field"] == pytest.approx(0.0, abs=1e-13)


def test_layers_of_a_belief_network_are_one_transform():
    s = rgdl.sample(rgdl.Ising((2, 4), K=0.4), 200, rng=0)
    dbn = rgdl.DBN((6, 4, 2), rbm=rgdl.RBM(units="binary", n_epochs=1, rng=1))
    dbn.fit((s + 1) // 2)
    stack = dbn.as_transform(1)
    by_hand = rg.Compose(*(machine.as_transform() for machine in dbn.layers_[:2]))
    model = rgdl.Ising((2, 4), K=0.4)
    first, second = (mapping.verify(model, each).h_push for each in (stack, by_hand))
    assert first.n_spins == 4
    assert first.is_close(second, atol=1e-15)
    assert len(dbn.as_transform(-1).transforms) == 3
    assert dbn.as_transform(0).coarsen((s + 1) // 2, rng=0).shape == (200, 6)
    with pytest.raises(ValueError, match="layer"):
        dbn.as_transform(3)


def test_a_wide_layer_of_a_stack_is_not_enumerated():
    stack = rg.Compose(
        rg.RBMTransform(random_machine(8, 21)),
        rg.RBMTransform(random_machine(21, 2)),
    )
    model = rgdl.Ising(8, K=0.4)
    report = mapping.verify(model, stack)
    assert report.h_push is None
    assert "21 hidden units, at most 20" in report.reasons["h_push"]
