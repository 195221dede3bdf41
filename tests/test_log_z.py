"""Log partition functions: exact, annealed, integrated, carried along training."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import RBM
from rgdl.rbm import LogZTrajectory, _annealing, _chains, _trajectory
from rgdl.rbm._annealing import bennett
from rgdl.rbm._log_z import mean_of_exponentials
from rgdl.rbm._moments import bits_values

BOND_40 = 4945.103551  # notes: 1421.43257347 + 3200 (ln 2 + 0.408)


def random_machine(units, dtype="float64", n_visible=30, n_hidden=9, scale=0.25):
    rng = np.random.default_rng(5)
    scale *= 1 if units == "spin" else 2
    W = (scale * rng.normal(size=(n_visible, n_hidden))).astype(dtype)
    b, c = 0.3 * rng.normal(size=n_visible), 0.5 * rng.normal(size=n_hidden)
    return RBM.from_weights(W, b, c, units=units)


def double_sum(rbm):
    """Ln Z over every (v, h)."""
    low = -1 if rbm.units == "spin" else 0
    v, h = (
        (np.arange(1 << n)[:, None] >> np.arange(n) & 1) * (1 - low) + low
        for n in rbm.W_.shape
    )
    minus = (v @ rbm.b_)[:, None] + h @ rbm.c_ + v @ rbm.W_ @ h.T
    return float(np.logaddexp.reduce(minus, axis=None))


@pytest.mark.parametrize("units", ["spin", "binary"])
@pytest.mark.parametrize("shape", [(3, 2), (7, 5), (4, 9)])
def test_exact_is_the_double_sum(units, shape):
    rbm = random_machine(units, "float64", *shape, scale=1.0)
    exact = rbm.log_partition("exact")
    assert abs(exact.value - double_sum(rbm)) < 1e-12
    assert (exact.error, exact.ess, exact.method) == (0, math.inf, "exact")
    assert rbm.log_partition() == exact


def test_bond_machine_of_4x4_to_1e_10():
    model = rgdl.Ising((4, 4), K=0.408)
    log_z = rgdl.exact.enumerate_states(model).log_z
    exact = RBM.from_ising(model).log_partition("exact")
    assert abs(exact.value - (log_z + 32 * (math.log(2) + 0.408))) < 1e-10
    assert abs(exact.value - 49.976901) < 1e-6


@pytest.mark.parametrize("units", ["spin", "binary"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["ais", "ti"])
def test_estimates_agree_with_enumeration(units, dtype, method):
    """Errors of 0.01 to 0.05 nats: a wrong term of 0.2 nats would show."""
    rbm = random_machine(units, dtype)
    exact = rbm.log_partition("exact").value
    estimate = rbm.log_partition(method, n_betas=400, n_chains=256, rng=3)
    assert estimate.reliable
    assert estimate.error < 0.06
    assert abs(estimate.value - exact) < 4 * estimate.error


def strong_machine(n_visible, n_hidden, scale, seed, units="spin"):
    """Weights N(0, scale^2), biases N(0, 1): modes far apart, none of them at b."""
    rng = np.random.default_rng(seed)
    W = scale * rng.normal(size=(n_visible, n_hidden))
    b, c = rng.normal(size=n_visible), rng.normal(size=n_hidden)
    return RBM.from_weights(W, b, c, units=units)


def two_modes():
    """All units up against all down, 1.2 nats apart in b and c."""
    return RBM.from_weights(np.full((24, 6), 0.35), np.full(24, -0.6), np.full(6, 0.5))


STRONG = [two_modes()] + [
    strong_machine(*shape, seed)
    for shape in ((20, 12, 1), (20, 12, 2), (6, 4, 6))
    for seed in range(6)
]


def pulls(method, **schedule):
    """(off, errors off) of every answer on STRONG that calls itself reliable."""
    found = []
    for seed, rbm in enumerate(STRONG):
        answer = rbm.log_partition(method, rng=seed, **schedule)
        if answer.reliable:
            off = answer.value - rbm.log_partition("exact").value
            found.append((off, off / answer.error))
    return np.array(found).T


def sure_base(parameters, spin, samples=None):
    """Broken twin: the mean field of a hidden layer that has seen no input."""
    W, b, c = parameters.as_float64()
    return np.clip(b + W @ np.tanh(c), -8, 8)


def test_annealing_knows_the_modes_of_strong_machines(monkeypatch):
    """19 machines whose modes differ by up to 16 nats; errors 0.04 to 0.3. A base that
    is sure of one mode is wrong by up to 38 errors where it calls itself reliable."""
    schedule = {"n_chains": 128, "n_betas": 300}
    off, pull = pulls("ais", **schedule)
    assert len(pull) >= 17
    assert np.abs(pull).max() < 4
    assert np.abs(off).max() < 0.6
    monkeypatch.setattr(_annealing, "base_bias", sure_base)
    _, broken = pulls("ais", **schedule)
    assert (np.abs(broken) > 8).sum() >= 3


def test_integration_knows_the_modes_of_strong_machines(monkeypatch):
    """Chains that lag, or carry no weight in common, are not called reliable."""
    schedule = {"n_chains": 256, "n_betas": 400}
    off, pull = pulls("ti", **schedule)
    assert len(pull) >= 4
    assert np.abs(pull).max() < 4
    assert np.abs(off).max() < 0.8
    modes = two_modes()
    answer = modes.log_partition("ti", rng=0)
    assert answer.reliable
    assert abs(answer.value - modes.log_partition("exact").value) < 4 * answer.error
    # all chains stay in the lesser mode: the weights of the climb tell
    monkeypatch.setattr(_annealing, "base_bias", sure_base)
    lost = modes.log_partition("ti", rng=0)
    assert abs(lost.value - modes.log_partition("exact").value) > 10 * lost.error
    assert not lost.reliable


@pytest.mark.parametrize("broken", [False, True])
def test_tempered_and_first_chains_know_the_modes(monkeypatch, broken):
    """Means of units against enumeration; with a sure base off by 10 and 90 errors."""
    rbm = strong_machine(6, 4, 6, 3)
    v = 2 * (np.arange(64)[:, None] >> np.arange(6) & 1) - 1
    p = np.exp(-rbm.free_energy(v) - rbm.log_partition("exact").value)
    mean = p @ v
    if broken:
        for module in (_chains, _trajectory):
            monkeypatch.setattr(module, "base_bias", sure_base)
    chains = rbm.temper(chains=100, draws=50, n_betas=20, rng=0).samples.mean(axis=1)
    error = chains.std(axis=0, ddof=1) / 10 + 0.005
    tempered = np.abs(chains.mean(axis=0) - mean) / error
    path = LogZTrajectory(n_chains=200, n_betas=400, rng=0)
    path.update(rbm)
    first = bits_values(path._states[0], 6, True).mean(axis=0)
    started = np.abs(first - mean) / np.sqrt((1 - mean**2 + 0.005) / path._independent)
    for far in (tempered.max(), started.max()):
        assert far > 6 if broken else far < 4


def test_chains_that_do_not_start_in_the_base_are_seen(monkeypatch):
    """4096 chains, 12 temperatures: error 0.01; the broken start is off by 0.1."""
    rbm = random_machine("spin")
    exact = rbm.log_partition("exact").value
    schedule = {"n_chains": 4096, "n_betas": 12, "rng": 3}
    estimate = rbm.log_partition("ais", **schedule)
    assert abs(estimate.value - exact) < 4 * estimate.error
    right = _annealing.base_states
    monkeypatch.setattr(
        _annealing, "base_states", lambda base, *rest: right(base + 1.0, *rest)
    )
    broken = rbm.log_partition("ais", **schedule)
    assert abs(broken.value - exact) > 4 * broken.error


def test_both_directions_bracket_and_join():
    model = rgdl.Ising((6, 6), K=0.35)
    rbm = RBM.from_ising(model)
    exact = rgdl.exact.kaufman((6, 6), 0.35).log_z + 72 * (math.log(2) + 0.35)
    samples = rgdl.sample(model, 256, rng=0)
    both = rbm.log_partition("ais", samples=samples, n_chains=256, n_betas=100, rng=1)
    assert both.method == "bennett"
    assert both.reliable
    assert both.lower < exact < both.upper
    assert abs(both.value - exact) < 4 * both.error
    alone = rbm.log_partition("ais", n_chains=256, n_betas=100, rng=1)
    assert both.error < alone.error
    assert alone.upper == math.inf


def test_samples_of_another_machine_are_found_out():
    """Frozen rows make the reverse estimate fall below the forward one."""
    rbm = RBM.from_ising(rgdl.Ising((6, 6), K=0.2))
    frozen = np.ones((256, 6, 6), dtype=int)
    answer = rbm.log_partition("ais", samples=frozen, n_chains=256, n_betas=300, rng=1)
    assert not answer.reliable


def test_few_steps_are_not_reliable():
    rbm = RBM.from_ising(rgdl.Ising((16, 16), K=0.44))
    hasty = rbm.log_partition("ais", n_chains=64, n_betas=10, rng=0)
    assert hasty.ess < 10
    assert not hasty.reliable
    assert "not reliable" in str(hasty)
    lagging = rbm.log_partition("ti", n_chains=64, n_betas=132, rng=0)
    assert not lagging.reliable


def test_bond_machine_of_40x40():
    """1600 x 3200 units; float32 weights move ln Z by less than 3e-4."""
    model = rgdl.Ising((40, 40), K=0.408)
    exact = rgdl.exact.kaufman((40, 40), 0.408).log_z + 3200 * (math.log(2) + 0.408)
    assert abs(exact - BOND_40) < 1e-6
    bond = RBM.from_ising(model)
    rbm = RBM.from_weights(bond.W_.astype(np.float32), bond.b_, bond.c_)
    samples = rgdl.sample(model, 64, rng=0)
    log_z = rbm.log_partition("ais", samples=samples, n_chains=64, n_betas=800, rng=1)
    assert log_z.reliable
    assert log_z.error < 0.5
    assert abs(log_z.value - exact) < 4 * log_z.error
    assert log_z.lower < exact < log_z.upper


def test_same_key_same_numbers():
    rbm = random_machine("spin")
    one, again = (rbm.log_partition("ais", n_betas=20, rng=7) for _ in range(2))
    assert one == again
    assert rbm.log_partition("ais", n_betas=20, rng=8) != one
    rbm.workers = 3
    assert rbm.log_partition("ais", n_betas=20, rng=7) == one


def test_bennett_on_gaussian_work():
    """Work N(D - v/2, v) forward and N(-D - v/2, v) reverse obey Crooks exactly."""
    rng = np.random.default_rng(0)
    d, v = 3.0, 4.0
    errors, pulls = [], []
    for _ in range(100):
        forward = rng.normal(d - v / 2, math.sqrt(v), 300)
        reverse = rng.normal(-d - v / 2, math.sqrt(v), 200)
        value, error, _ = bennett(forward, reverse)
        errors.append(error)
        pulls.append((value - d) / error)
    assert abs(np.mean(pulls)) < 0.4
    assert 0.8 < np.std(pulls) < 1.25


def test_mean_of_exponentials_error():
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(200):
        value, error, ess = mean_of_exponentials(rng.normal(700, 0.5, 400))
        pulls.append((value - 700 - 0.125) / error)
        assert 200 < ess < 400
    assert 0.85 < np.std(pulls) < 1.15


def followed(learning_rate, K=0.44, epochs=21, **options):
    """A trajectory through a PCD training, and the exact ln Z after every epoch."""
    s = rgdl.sample(rgdl.Ising((4, 4), K=K), 500, rng=0)
    path, exact = LogZTrajectory(n_chains=100, n_betas=400, rng=3, **options), []
    rbm = RBM(6, learning_rate=learning_rate, n_epochs=epochs, rng=1, progress=False)
    rbm.fit(s, callbacks=[path, lambda m: exact.append(m.log_partition("exact").value)])
    path.confirm(rbm)
    return rbm, path, np.array(exact)


@pytest.mark.stat
@pytest.mark.parametrize(
    ("learning_rate", "steps", "least"), [(0.02, 5, 15), (0.1, 5, 8), (0.5, 1, 0)]
)
def test_ln_z_is_followed_through_training(learning_rate, steps, least):
    """What it calls reliable is within four errors of enumeration; limit 4.

    Gentle training: most of it is carried. Wild training, one round per look: the
    machine leaps and breaks into modes, and little is carried, but nothing wrong.
    """
    rbm, path, exact = followed(learning_rate, steps=steps)
    carried = [
        (log_z.value - truth) / log_z.error
        for log_z, truth in zip(path.history, exact, strict=True)
        if log_z.method == "trajectory" and log_z.reliable
    ]
    assert len(carried) >= least
    assert np.abs(carried).max(initial=0.0) < 4
    # the history tells the same, and nothing of what is not known
    column = np.array(rbm.history_["log_z"])
    known = np.array([log_z.reliable for log_z in path.history])
    assert np.array_equal(np.isfinite(column), known)
    assert np.array_equal(column[known], [z.value for z in path.history if z.reliable])
    energies = np.array(rbm.history_["free_energy_data"])
    likelihoods = np.array(rbm.history_["log_likelihood"])
    assert np.allclose((-energies - column)[known], likelihoods[known], atol=1e-12)


@pytest.mark.stat
def test_chains_that_stand_still_are_found_out(monkeypatch):
    """Broken twin: chains that never move carry wrong values, and no start confirms
    one of them."""
    monkeypatch.setattr(LogZTrajectory, "_moved", lambda self, states, *rest: states)
    monkeypatch.setattr(LogZTrajectory, "_swap_rate", lambda self: 1.0)
    _, path, exact = followed(0.02, steps=5)
    wrong = [
        log_z
        for log_z, truth in zip(path.history, exact, strict=True)
        if abs(log_z.value - truth) > 4 * log_z.error + 1e-9
    ]
    assert wrong
    assert not any(log_z.reliable for log_z in wrong)


def test_trajectories_that_cannot_go_on():
    path = LogZTrajectory(n_chains=20, n_betas=20, rng=0)
    machine = RBM.from_ising(rgdl.Ising(6, K=0.5))
    with pytest.raises(ValueError, match="machine of the last update"):
        path.confirm(machine)
    path.update(machine)
    with pytest.raises(ValueError, match=r"must keep its shape \(6, 6\), got \(8, 8\)"):
        path.update(RBM.from_ising(rgdl.Ising(8, K=0.5)))
    with pytest.raises(ValueError, match="machine of the last update"):
        path.confirm(RBM.from_ising(rgdl.Ising(6, K=0.4)))
    # another training with the same callback starts again
    s = rgdl.sample(rgdl.Ising(6, K=0.5), 100, rng=0)
    path = LogZTrajectory(n_chains=20, n_betas=20, rng=0)
    for _ in range(2):
        rbm = RBM(2, n_epochs=2, rng=0).fit(s, callbacks=[path])
        assert len(path.history) == len(rbm.history_["log_z"]) == 2


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"method": "guess"}, "method must be one of"),
        ({"method": "ais", "n_chains": 1}, "n_chains must be at least 2"),
        ({"method": "ais", "n_betas": 1}, "n_betas must be at least 2"),
        (
            {"method": "ais", "samples": np.ones((4, 7), int)},
            "samples must have 30 units per row",
        ),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        random_machine("spin").log_partition(**arguments)
