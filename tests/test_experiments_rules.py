"""The rules that judge the experiment, on made-up numbers that must pass and fail."""

import math

import numpy as np
import pytest

import rgdl
from rgdl.experiments.mehta_schwab import (
    _coarse,
    _couplings,
    _fields,
    _identities,
    _likelihood,
    _moments,
    _ring,
    _samples,
    _verdicts,
)
from rgdl.experiments.mehta_schwab._settings import FAST, Settings
from rgdl.report import Missing
from rgdl.stats import Estimate


def near(value, error=0.001):
    return Estimate(value, error)


def field(participation, radius, quantiles=(700.0, 15.0)):
    return {
        "participation": near(participation, 1.0),
        "radius": near(radius, 0.1),
        "participation 5 %": quantiles[0],
        "radius 5 %": quantiles[1],
    }


def layer(own=(90.0, 5.0), without=(200.0, 9.0)):
    sets = {
        "paper": field(*own),
        "without L1": field(*without),
        "shuffled": field(800.0, 16.0),  # layer 1 shares its participation ratio
    }
    return {
        name: {"all weights": each, "half maximum": each} for name, each in sets.items()
    }


SHAPE, K = (40, 40), 0.408
THERMO = {
    "energy": near(-1.1518),
    "specific heat": near(0.995, 0.01),
    "abs m": near(0.195),
    "m^2": near(0.0567),
    "U4": near(0.161),
}
DATA = {
    "training": THERMO,
    "reference": THERMO,
    "exact": {"energy": -1.15182, "specific heat": 0.99467},
    "distances": [1, 2, 4],
    "correlations": [near(0.57), near(0.38), near(0.2)],
}
MACHINE = {
    "own": THERMO,
    "starts": {"annealed": THERMO, "data": THERMO, "coins": THERMO},
    "correlations": DATA["correlations"],
    "worst gap": 1.0,
}
LIKELIHOOD = {
    "excess": near(3.0, 0.5),
    "floor": 669.52,
    "at least": 671.0,
    "exact on these rows": near(669.0, 1.0),
    "layer 1": near(672.0, 1.0),
}
UNSURE = Estimate(3.0, 0.5, reliable=False, reason="few chains")
RULES_OF_BLOCKS = {
    "decimation": {"K_eff": near(0.30)},
    "majority rule": {"K_eff": near(0.37)},
    "Kadanoff": {"K_eff": near(0.35)},
}
EXPONENTS = {
    "trained filter": {
        "levels": [{"y_t": near(0.99, 0.01), "y_h": near(1.87, 0.002)}],
        "reliable": True,
        "reason": "",
    },
    "majority rule": {"levels": [{"y_t": near(0.99), "y_h": near(1.875)}]},
}
RECONSTRUCTION = {
    name: {"overlap": near(value, 0.01)}
    for name, value in (
        ("network", 0.4),
        ("without L1", 0.4),
        ("shuffled weights", 0.0),
        ("another configuration", 0.0),
        ("block majority", 0.5),
    )
}
FLOW = {"deviation": [1e-15], "other_couplings": [0.0], "log_z_deviation": [1e-14]}
BLOCK = {"trace_residual": 1e-14, "kl": 0.0, "identities": 1e-15}
RANDOM = {"delta_f": -20.0, "trace_residual": 9.0, "kl": 2.0}
START = {"kl": 4.0, "trace_rms": 3.0}
END = {"kl": near(0.1), "trace_rms": near(0.3)}


def coarse(*values):
    return {
        "layers": [
            {"layer": i, "network": {"K_eff": value}, **RULES_OF_BLOCKS}
            for i, value in enumerate(values, start=1)
        ]
    }


# Judge, numbers that pass, and changes each of which must flip the outcome.
RULES = {
    "data": (
        lambda **new: _verdicts.judge_data(DATA | {"training": THERMO | new}),
        [{"energy": near(-1.16)}, {"specific heat": near(1.2, 0.01)}],
    ),
    "locality": (
        lambda own=(90.0, 5.0): _verdicts.judge_locality(layer(own), 2, 16.3),
        [{"own": (750.0, 5.0)}, {"own": (90.0, 15.5)}, {"own": (90.0, 9.0)}],
    ),
    "layer 1": (
        lambda radius=5.0: _verdicts.judge_locality(
            layer((800.0, radius)), 1, 16.3, "half maximum"
        ),
        [{"radius": 15.5}, {"radius": 8.5}],
    ),
    "growth": (
        lambda last=(200.0, 9.0): _verdicts.judge_growth([layer(), layer(last)]),
        [{"last": (200.0, 5.1)}, {"last": (92.0, 9.0)}, {"last": (50.0, 3.0)}],
    ),
    "L1": (
        lambda **new: _verdicts.judge_l1([layer(), layer(**new)]),
        [{"without": (90.0, 9.0)}, {"without": (200.0, 5.1)}, {"own": (300.0, 5.0)}],
    ),
    "reconstruction": (
        lambda **new: _verdicts.judge_reconstruction(
            RECONSTRUCTION | {name: {"overlap": each} for name, each in new.items()}
        ),
        [
            {"network": near(0.2, 0.01)},
            {"network": near(0.4, 0.05)},
            {"another configuration": near(0.35)},
        ],
    ),
    "samples": (
        lambda **new: _verdicts.judge_samples(
            MACHINE | {"own": THERMO | new}, DATA, "layer 1", SHAPE, K
        ),
        [
            {"energy": near(-1.05)},
            {"specific heat": near(1.5, 0.01)},
            {"m^2": near(0.09)},
            {"abs m": near(0.3)},
            {"U4": near(0.4)},
        ],
    ),
    "correlations": (
        lambda values=DATA["correlations"]: _verdicts.judge_samples(
            MACHINE | {"correlations": values}, DATA, "layer 1", SHAPE, K
        ),
        [{"values": [near(0.57), near(0.38), near(0.05)]}],
    ),
    "likelihood": (
        lambda **new: _verdicts.judge_likelihood(LIKELIHOOD | new),
        [{"excess": near(7.0)}, {"excess": UNSURE, "at least": 700.0}],
    ),
    "couplings": (
        lambda nn=0.41, other=-0.01: _verdicts.judge_couplings(
            {"rows": [{"coupling": near(nn)}, {"coupling": near(other)}]}, K
        ),
        [{"nn": 0.36}, {"other": -0.04}],
    ),
    "coarse": (
        lambda last=0.33: _verdicts.judge_coarse(coarse(near(0.36), near(last))),
        [{"last": 0.2}, {"last": 0.5}],
    ),
    "exponents": (
        lambda **new: _verdicts.judge_exponents(
            EXPONENTS
            | {
                "trained filter": EXPONENTS["trained filter"]
                | {"levels": [EXPONENTS["trained filter"]["levels"][0] | new]}
            }
        ),
        [{"y_t": near(0.9, 0.01)}, {"y_h": near(1.8, 0.002)}],
    ),
    "decimation": (
        lambda **new: _identities.judge_decimation(FLOW | new),
        [
            {"deviation": [1e-6]},
            {"other_couplings": [1e-3]},
            {"log_z_deviation": [0.1]},
            {"deviation": [math.nan]},
        ],
    ),
    "blocks": (
        lambda **new: _identities.judge_blocks([BLOCK, BLOCK | new]),
        [{"trace_residual": 0.1}, {"kl": 1e-3}, {"identities": 1e-6}],
    ),
    "exact machine": (
        lambda **new: _identities.judge_exact_machine(BLOCK | new),
        [{"trace_residual": 0.1}, {"kl": 0.01}],
    ),
    "hidden side": (
        lambda h_rg=1e-13: _identities.judge_hidden_side(
            {"identities": {"h_rg": h_rg}}
        ),
        [{"h_rg": 0.1}, {"h_rg": Missing("not enumerated")}],
    ),
    "kl identity": (
        lambda balance=1e-13: _identities.judge_kl_identity(
            {"m": {"balance": balance}}
        ),
        [{"balance": 0.1}],
    ),
    "delta f": (
        lambda **new: _identities.judge_delta_f(RANDOM | new),
        [{"kl": 0.0}, {"trace_residual": 0.0}],
    ),
    "training": (
        lambda **new: _identities.judge_training(
            {"no weights": START, "trained": END | new}, "trained", converged=True
        ),
        [{"kl": near(3.0)}, {"trace_rms": near(2.0)}, {"kl": near(0.0)}],
    ),
}


def test_every_rule_is_tried():
    # "layer 1" and "correlations" are second sets of numbers for the same judge
    assert len(RULES) == len(_verdicts.__all__) + len(_identities.__all__) + 2


@pytest.mark.parametrize("name", RULES)
def test_rule_passes_on_good_numbers(name):
    judge, _ = RULES[name]
    assert judge().outcome in ("reproduced", "holds")


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name, (_, changes) in RULES.items() for change in changes],
)
def test_rule_flips_on_bad_numbers(name, change):
    judge, _ = RULES[name]
    assert judge(**change).outcome in ("not reproduced", "fails")


@pytest.mark.parametrize(
    "verdict",
    [
        _verdicts.judge_likelihood(LIKELIHOOD | {"excess": UNSURE}),
        _verdicts.judge_coarse(coarse(near(0.36), Missing("no place"))),
        _verdicts.judge_samples(MACHINE | {"worst gap": 9.0}, DATA, "x", SHAPE, K),
        _verdicts.judge_samples(
            MACHINE | {"own": THERMO | {"energy": near(-1.15, 0.5)}},
            DATA,
            "x",
            SHAPE,
            K,
        ),
        _verdicts.judge_exponents(
            EXPONENTS
            | {
                "trained filter": {
                    "levels": [{"y_t": near(1.0, 0.2), "y_h": near(1.87)}],
                    "reliable": True,
                }
            }
        ),
        _verdicts.judge_exponents(
            EXPONENTS
            | {
                "trained filter": EXPONENTS["trained filter"]
                | {"reliable": False, "reason": "still changes"}
            }
        ),
        _verdicts.judge_samples(
            MACHINE
            | {
                "own": THERMO | {"energy": near(-1.0)},
                "starts": {
                    "data": THERMO,
                    "coins": THERMO | {"energy": near(-0.9)},
                },
                "worst gap": 9.0,
            },
            DATA,
            "only one start fails",
            SHAPE,
            K,
        ),
    ],
)
def test_what_cannot_be_measured_is_undecided(verdict):
    assert verdict.outcome == "undecided"


def test_all_starts_failing_decide_without_equilibrium():
    bad = THERMO | {"energy": near(-0.9)}
    machine = MACHINE | {
        "own": bad,
        "starts": {"annealed": bad, "data": bad, "coins": bad},
        "worst gap": math.inf,
    }
    found = _verdicts.judge_samples(machine, DATA, "x", SHAPE, K)
    assert found.outcome == "not reproduced"


def test_one_bad_layer_decides_whatever_the_others_are():
    found = _verdicts.judge_coarse(coarse(near(0.1), Missing("no place")))
    assert found.outcome == "not reproduced"


def test_unconverged_claims_are_not_judged():
    for verdict in (
        _verdicts.judge_locality(layer(), 2, 16.3, converged=False),
        _verdicts.judge_growth([layer(), layer()], converged=False),
        _verdicts.judge_likelihood(LIKELIHOOD, converged=False),
    ):
        assert verdict.outcome == "fast: not converged"


# ------------------------------------------------------------ what the stages measure


@pytest.mark.parametrize("n_sites", [8, 16])
@pytest.mark.parametrize("coupling", [0.3, 1.0])
def test_ring_flow_is_decimation(n_sites, coupling):
    flow = _ring.ring_flow(n_sites, coupling)
    closed = coupling
    for step in range(len(flow["sites"])):
        assert flow["K"][step] == pytest.approx(closed, abs=1e-12)
        closed = 0.5 * math.log(math.cosh(2.0 * closed))
    assert max(flow["other_couplings"]) < 1e-12
    assert max(flow["log_z_deviation"]) < 1e-11


def test_wrong_coarse_units_do_not_decimate(monkeypatch):
    """The broken twin: another weight than lambda* leaves other couplings."""
    exact = rgdl.RBM.from_ising

    def blurred(model):
        machine = exact(model)
        return rgdl.RBM.from_weights(0.8 * machine.W_, machine.b_, machine.c_)

    monkeypatch.setattr(rgdl.RBM, "from_ising", blurred)
    flow = _ring.ring_flow(8, 1.0)
    assert _identities.judge_decimation(flow).outcome == "fails"


def test_errors_match_the_spread_of_repeats():
    """Specific heat of 200 sets of 512: its claimed error against the spread (5 %)."""
    model = rgdl.Ising((4, 4), K=0.4)
    spins = rgdl.sample(model, 200 * 512, rng=0).reshape(200, 512, 4, 4)
    runs = [_moments.observables(model, each) for each in spins]
    for name in _moments.OBSERVABLES:
        values = np.array([run[name].value for run in runs])
        claimed = np.mean([run[name].error for run in runs])
        assert claimed == pytest.approx(values.std(), rel=0.2), name
    exact = rgdl.exact.kaufman((4, 4), 0.4)
    heat = np.array([run["specific heat"].value for run in runs])
    assert abs(heat.mean() - exact.specific_heat) < 4 * heat.std() / math.sqrt(200)


def test_errors_of_correlated_draws_come_from_chains():
    """Every draw five times: errors must not shrink (the broken twin counts draws)."""
    model = rgdl.Ising((4, 4), K=0.4)
    spins = rgdl.sample(model, 400, rng=0)
    once = _moments.observables(model, spins)
    five = _moments.observables(model, np.repeat(spins[:, None], 5, axis=1))
    flat = _moments.observables(model, np.repeat(spins, 5, axis=0))
    assert five["energy"].error == pytest.approx(once["energy"].error)
    assert flat["energy"].error < 0.5 * once["energy"].error


def test_packing_is_undone():
    spins = rgdl.sample(rgdl.Ising((5, 7), K=0.3), 20, rng=0)
    assert np.array_equal(_moments.unpacked(_moments.packed(spins), (5, 7)), spins)


def test_shuffle_keeps_every_units_weights_and_the_input():
    weights = np.random.default_rng(0).normal(size=(30, 4))
    before = weights.copy()
    (shuffled,) = _fields.shuffle_weights([weights], np.random.default_rng(1))
    assert np.array_equal(weights, before)
    assert np.array_equal(np.sort(shuffled, axis=0), np.sort(weights, axis=0))
    assert not np.array_equal(shuffled, weights)


def block_network(seed=0, strength=3.0):
    """Hidden units on 2 x 2 blocks of 8 x 8 spins, in random order, of random sign."""
    generator = np.random.default_rng(seed)
    order, sign = generator.permutation(16), generator.choice([-1.0, 1.0], 16)
    weights = np.zeros((8, 8, 16))
    for place, unit in enumerate(order):
        x, y = 2 * (place // 4), 2 * (place % 4)
        weights[x : x + 2, y : y + 2, unit] = sign[unit] * strength
    weights = weights.reshape(64, 16)
    machine = rgdl.RBM.from_weights(
        weights, np.zeros(64), -weights.sum(axis=0) / 2, units="binary"
    )
    machine.lattice_shape_ = (8, 8)
    network = rgdl.DBN((16,))
    network.layers_, network.lattice_shape_ = [machine], (8, 8)
    network.n_features_in_ = 64
    return network


def measure_coarse(network, spins):
    settings = Settings(shape=(8, 8), layers=(16,))
    generator = np.random.default_rng(3)
    weights = _fields.shuffle_weights([network.layers_[0].W_], generator)
    sets = {
        "paper": network.receptive_fields(0),
        "shuffled": _fields.products(weights, (8, 8))[0],
    }
    layer_sizes = {
        name: {"all weights": _fields.sizes(each, generator)}
        for name, each in sets.items()
    }
    fields = {"layers": [layer_sizes], "even radius": math.sqrt(2 * 63 / 12)}
    result = _coarse.measure(network, fields, spins, settings, 1, 1, lambda done: None)
    return result.numbers["layers"][0]


def test_hidden_units_that_are_blocks_are_read_as_blocks():
    """Order and signs are undone: K_eff is that of Kadanoff's rule (here W / 4)."""
    spins = rgdl.sample(rgdl.Ising((8, 8), K=0.408), 4_000, rng=0)
    found = measure_coarse(block_network(strength=4 * 0.7659830352), spins)
    assert found["placement"]["distance"] < 1e-9
    assert found["placement"]["reason"] == ""
    gap = _moments.difference(found["network"]["K_eff"], found["Kadanoff"]["K_eff"])
    assert abs(gap) < 4
    assert abs(_moments.difference(found["network"]["nn"], found["Kadanoff"]["nn"])) < 4
    assert found["decimation"]["K_eff"].value < found["majority rule"]["K_eff"].value


def test_units_without_a_place_have_no_couplings(monkeypatch):
    """The broken twins: shuffled weights, dead units, and centres all on one site."""
    spins = rgdl.sample(rgdl.Ising((8, 8), K=0.408), 500, rng=0)
    network = block_network()
    generator = np.random.default_rng(7)
    network.layers_[0].W_ = generator.permuted(network.layers_[0].W_, axis=0)
    assert "not local" in measure_coarse(network, spins)["network"]["K_eff"].reason
    network = block_network()
    network.layers_[0].c_[:3] = 100.0
    assert "never change" in measure_coarse(network, spins)["network"]["nn"].reason
    network = block_network()
    network.layers_[0].W_ = np.repeat(network.layers_[0].W_[:, :1], 16, axis=1)
    monkeypatch.setattr(_coarse, "MOST_SILENT", 1.0)
    assert "spacings" in measure_coarse(network, spins)["network"]["nn"].reason


def test_placement_undoes_any_order():
    places = np.stack(np.meshgrid([0.5, 2.5], [0.5, 2.5, 4.5], indexing="ij"), axis=-1)
    centres = places.reshape(6, 2)
    order = np.random.default_rng(0).permutation(6)
    units, distance = _coarse.place(centres[order], (4, 6), (2, 3))
    assert np.array_equal(order[units], np.arange(6))
    assert distance < 1e-12
    moved, far = _coarse.place(
        (centres + np.array([1.0, 0.0])) % [4, 6], (4, 6), (2, 3)
    )
    assert far == pytest.approx(0.5)
    assert len(set(moved)) == 6


def test_grid_is_square_or_none():
    assert _coarse.grid(400, (40, 40)) == (20, 20)
    assert _coarse.grid(25, (40, 40)) == (5, 5)
    assert _coarse.grid(12, (8, 8)) is None


def bond_machine(scale=1.0):
    machine = rgdl.RBM.from_ising(rgdl.Ising((8, 8), K=0.408))
    return rgdl.RBM.from_weights(scale * machine.W_, machine.b_, machine.c_)


@pytest.mark.parametrize(
    ("scale", "outcome"), [(1.0, "reproduced"), (0.8, "not reproduced")]
)
def test_couplings_of_an_exact_machine_are_the_models(scale, outcome):
    """The broken twin has weaker weights."""
    settings = Settings(shape=(8, 8), reach=3, pairs=16)
    result = _couplings.measure(bond_machine(scale), settings, 0, 2, lambda done: None)
    assert _verdicts.judge_couplings(result.numbers, 0.408).outcome == outcome
    if scale == 1.0:
        assert result.numbers["rows"][0]["coupling"].value == pytest.approx(0.408)
        rest = [row["coupling"].value for row in result.numbers["rows"][1:]]
        assert np.abs(rest).max() < 1e-12


def test_displacements_reach_the_corner_once_each():
    steps = _couplings.displacements(5)
    assert steps[0] == (1, 0)
    assert steps[-1] == (5, 5)
    assert len(steps) == len(set(steps)) == 20


class Exact:
    """A network of one layer that is the data's law, in binary units."""

    def __init__(self, K):
        spin = rgdl.RBM.from_ising(rgdl.Ising((6, 6), K=K))
        weights = 4.0 * spin.W_
        machine = rgdl.RBM.from_weights(
            weights,
            -weights.sum(axis=1) / 2,
            -weights.sum(axis=0) / 2,
            units="binary",
        )
        machine.lattice_shape_ = (6, 6)
        self.network = rgdl.DBN((machine.W_.shape[1],))
        self.network.layers_ = [machine]
        self.network.lattice_shape_, self.network.n_features_in_ = (6, 6), 36


@pytest.mark.parametrize(("K", "good"), [(0.3, True), (0.2, False)])
def test_exact_network_has_the_floor_and_the_datas_observables(K, good, monkeypatch):
    """KL, energy and correlations of the exact machine; the twin is at another K."""
    settings = Settings(
        shape=(6, 6),
        K=0.3,
        chains=128,
        steps=60,
        network_samples=256,
        network_steps=60,
        ais_chains=64,
        ais_betas=200,
        bound_draws=2,
    )
    model = rgdl.Ising((6, 6), K=0.3)
    spins = rgdl.sample(model, 512, rng=0)
    network = Exact(K).network
    samples = _samples.measure(network, spins, settings, 0, lambda done: None)
    own = _moments.unpacked(samples.arrays["layer 1 annealed"], (6, 6))
    first = samples.numbers["layer 1"]
    assert first["worst gap"] < 4
    monkeypatch.setattr(rgdl.RBM, "log_partition", _partition(K))
    found = _likelihood.measure(
        network, spins, own, first["worst gap"], settings, 0, lambda done: None
    )
    exact = rgdl.exact.kaufman((6, 6), 0.3)
    assert found.numbers["floor"] == pytest.approx(float(exact.entropy) * 36)
    excess = found.numbers["excess"]
    assert (abs(excess.value) < 4 * excess.error) == good
    assert found.numbers["at least"] < found.numbers["at most"]
    energy = first["own"]["energy"]
    assert (abs(_moments.difference(energy, float(exact.energy))) < 4) == good
    drifting = _likelihood.measure(
        network, spins, own, 5.0, settings, 0, lambda done: None
    )
    assert "drift by 5.0" in drifting.numbers["at most"].reason
    assert not drifting.numbers["excess"].reliable


def _partition(K):
    """Annealing as it is; "exact" of 72 hidden units from the model's own ln Z."""
    anneal = rgdl.RBM.log_partition

    def log_partition(self, method="auto", **options):
        if method != "exact":
            return anneal(self, method, **options)
        bonds = 72
        # ln Z of the bond machine is ln Z + bonds (ln 2 + K); binary units shift it
        W, b, c = self.spin_weights()
        shift = float(
            rgdl.RBM.from_weights(W, b, c).free_energy(np.ones((1, 36)))[0]
            - self.free_energy(np.ones((1, 36)))[0]
        )
        value = float(rgdl.exact.kaufman((6, 6), K).log_z)
        value += bonds * (math.log(2.0) + K) + shift
        return rgdl.rbm.LogZ(value, 0.0, value, value, True, "exact")

    return log_partition


def test_fast_settings_only_shrink():
    for name in ("rows", "epochs", "reference", "chains", "steps", "ais_betas"):
        assert getattr(FAST, name) < getattr(Settings(), name)
