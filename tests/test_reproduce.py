"""The experiment, at a tiny size, and the rules that judge it, on made-up numbers."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import rgdl
from rgdl.experiments import _verdicts, mehta_schwab, names
from rgdl.report import Missing

TINY = replace(
    mehta_schwab.FAST,
    shape=(8, 8),
    rows=300,
    held_out=60,
    layers=(12, 6, 3),
    epochs=2,
    block=4,
    ring=8,
    small_rows=1_000,
    small_epochs=5,
    small_hidden=6,
    random_hidden=4,
)


@pytest.fixture(scope="module")
def report():
    return mehta_schwab.run(TINY, rng=5, progress=False)


def test_all_parts_are_there(report):
    assert [section.title for section in report.sections] == [
        "What is claimed",
        "One dimension: decimation by machines",
        "Two dimensions: the data",
        "Two dimensions: the network",
        "The mapping, state by state",
    ]
    assert len(report.figures) == 8
    assert len(report.verdicts) == 11


def test_stages_are_timed_and_the_key_is_kept(report):
    assert tuple(report.provenance["seconds"]) == mehta_schwab._STAGES
    assert report.provenance["key"] == "5"
    assert report.provenance["settings"]["rows"] == 300


def test_same_key_gives_the_same_numbers(report):
    again = mehta_schwab.run(TINY, rng=5, workers=2, progress=False)
    assert again.numbers["sample"] == report.numbers["sample"]
    for name in ("fields", "reconstruction", "mapping", "training"):
        assert str(again.numbers[name]) == str(report.numbers[name])


def test_other_key_gives_other_numbers(report):
    other = mehta_schwab.run(TINY, rng=6, progress=False)
    assert other.numbers["sample"]["energy"] != report.numbers["sample"]["energy"]
    assert other.numbers["ring"] == report.numbers["ring"]


def test_drawn_key_repeats_the_run():
    small = replace(TINY, rows=100, epochs=1, small_epochs=1, small_hidden=2)
    drawn = mehta_schwab.run(small, progress=False)
    again = mehta_schwab.run(small, rng=int(drawn.provenance["key"]), progress=False)
    assert str(again.numbers) == str(drawn.numbers)


def test_identities_hold_and_nothing_unconverged_is_judged(report):
    for verdict in report.verdicts:
        if verdict.kind == "identity":
            assert verdict.outcome == "holds", verdict.claim
        elif "field" in verdict.claim or "Reconstruction" in verdict.claim:
            assert verdict.outcome == "fast: not converged", verdict.claim


def test_machines_come_in_order_of_their_error(report):
    machines = report.numbers["mapping"]
    assert machines["exact bond RBM"]["trace_residual"] < 1e-11
    exact, trained, random = (
        machines[name]["kl"] for name in ("exact bond RBM", "trained RBM", "random RBM")
    )
    assert abs(exact) < 1e-11 < trained < random


def test_report_files_agree(report, tmp_path):
    content = json.loads(report.to_json(tmp_path / "report.json").read_text("utf-8"))
    assert content["numbers"]["sample"] == report.numbers["sample"]
    size = report.to_html(tmp_path / "report.html").stat().st_size
    assert size < 3_000_000


def test_reproduce_writes_into_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(mehta_schwab, "FAST", TINY)
    folder = tmp_path / "a" / "b"
    report = rgdl.reproduce(
        "mehta-schwab", fast=True, out=folder, rng=0, progress=False
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.html",
        "report.json",
    ]
    assert "Fast run" in report.subtitle


def test_unknown_experiment_lists_the_known_ones():
    with pytest.raises(ValueError, match="must be one of 'mehta-schwab', got 'ising'"):
        rgdl.reproduce("ising")
    assert names() == ("mehta-schwab",)


@pytest.mark.parametrize("rng", [-1, 1.5, True])
def test_bad_key_is_refused(rng):
    with pytest.raises((TypeError, ValueError), match="rng"):
        mehta_schwab.run(TINY, rng=rng, progress=False)


def test_interrupt_says_where(monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(mehta_schwab, "_train", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        mehta_schwab.run(replace(TINY, rows=50), rng=0, progress=False)
    assert caught.value.__notes__ == ["stopped in stage 'train'"]


@pytest.mark.parametrize("n_sites", [8, 16])
@pytest.mark.parametrize("K", [0.3, 1.0])
def test_ring_flow_is_decimation(n_sites, K):
    flow = mehta_schwab.ring_flow(n_sites, K)
    closed = K
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
        return rgdl.RBM.from_weights(
            0.8 * machine.W_, machine.b_, machine.c_, units="spin"
        )

    monkeypatch.setattr(rgdl.RBM, "from_ising", blurred)
    flow = mehta_schwab.ring_flow(8, 1.0)
    assert _verdicts.judge_decimation(flow).outcome == "fails"


def test_jackknife_error_matches_the_spread_of_repeats():
    rng = np.random.default_rng(3)
    runs = [
        mehta_schwab.sample_statistics(rng.normal(size=2_000), K=0.5, n_sites=4)
        for _ in range(200)
    ]
    heat = np.array([run["specific_heat"] for run in runs])
    claimed = np.mean([run["specific_heat_error"] for run in runs])
    assert heat.mean() == pytest.approx(1.0, abs=0.01)
    assert claimed == pytest.approx(heat.std(), rel=0.2)


def test_widths_of_known_fields():
    place = np.arange(40)
    bump = np.exp(-((np.minimum(place, 40 - place) / 3.0) ** 2) / 2.0)
    fields = np.stack([np.outer(bump, bump), np.ones((40, 40)), np.zeros((40, 40))])
    participation, radius = mehta_schwab.field_widths(fields)
    assert participation[0] == pytest.approx(2.0 * math.pi * 9.0, rel=1e-3)
    assert radius[0] == pytest.approx(3.0, rel=1e-3)
    assert participation[1] == pytest.approx(1600.0)
    assert np.isnan(participation[2])
    assert np.isnan(radius[2])


def test_widths_do_not_depend_on_place_or_scale():
    fields = np.random.default_rng(0).normal(size=(5, 12, 10)) ** 9
    moved = -3.0 * np.roll(fields, (5, 7), axis=(1, 2))
    for a, b in zip(*map(mehta_schwab.field_widths, (fields, moved)), strict=True):
        assert np.allclose(a, b)


def test_shuffle_keeps_every_units_weights_and_the_input():
    weights = np.random.default_rng(0).normal(size=(30, 4))
    before = weights.copy()
    (shuffled,) = mehta_schwab.shuffle_weights([weights], 1)
    assert np.array_equal(weights, before)
    assert np.array_equal(np.sort(shuffled, axis=0), np.sort(weights, axis=0))
    assert not np.array_equal(shuffled, weights)


WIDTHS = {
    "participation": 90.0,
    "participation_shuffled": 800.0,
    "participation_shuffled_5": 700.0,
    "radius": 5.0,
    "radius_shuffled": 16.0,
    "radius_shuffled_5": 15.0,
}
ENERGY = {
    "energy": -1.1501,
    "energy_error": 0.001,
    "exact_energy": -1.15,
    "specific_heat": 1.01,
    "specific_heat_error": 0.02,
    "exact_specific_heat": 1.0,
}
RECONSTRUCTION = {
    "network": {"overlap": 0.4, "overlap_error": 0.01},
    "block_majority": {"overlap": 0.5},
    "other_configuration": {"overlap": 0.0},
}
START, END = {"kl": 4.0, "trace_rms": 3.0}, {"kl": 0.1, "trace_rms": 0.3}
LAYERS = [{"radius": r, "participation": 10.0 * r} for r in (2.0, 4.0, 8.0)]
FLOW = {"deviation": [1e-15], "other_couplings": [0.0], "log_z_deviation": [1e-14]}
RANDOM = {"delta_f": -20.0, "trace_residual": 9.0, "kl": 2.0}

# Judge, numbers that pass, and changes each of which must flip the outcome.
RULES = {
    "energy": (
        lambda **new: _verdicts.judge_energy(ENERGY | new),
        [{"energy": -1.16}, {"specific_heat": 1.2}, {"energy": math.nan}],
    ),
    "locality": (
        lambda **new: _verdicts.judge_locality(WIDTHS | new, 2),
        [{"participation": 750.0}, {"radius": 15.5}, {"radius": math.nan}],
    ),
    "growth": (
        lambda last=LAYERS[2]: _verdicts.judge_growth([*LAYERS[:2], last]),
        [
            {"last": {"radius": 3.0, "participation": 80.0}},
            {"last": {"radius": 8.0, "participation": 30.0}},
        ],
    ),
    "reconstruction": (
        lambda **new: _verdicts.judge_reconstruction(RECONSTRUCTION | new),
        [
            {"network": {"overlap": 0.2, "overlap_error": 0.01}},
            {"network": {"overlap": 0.4, "overlap_error": 0.05}},
            {"other_configuration": {"overlap": 0.35}},
        ],
    ),
    "training": (
        lambda **new: _verdicts.judge_training(
            {"no weights": START, "trained RBM": END | new}, converged=True
        ),
        [{"kl": 3.0}, {"trace_rms": 2.0}, {"kl": 0.0}],
    ),
    "decimation": (
        lambda **new: _verdicts.judge_decimation(FLOW | new),
        [
            {"deviation": [1e-6]},
            {"other_couplings": [1e-3]},
            {"log_z_deviation": [0.1]},
        ],
    ),
    "exact machine": (
        lambda **new: _verdicts.judge_exact_machine(
            {"trace_residual": 1e-13, "kl": 1e-15} | new
        ),
        [{"trace_residual": 0.1}, {"kl": 0.01}],
    ),
    "hidden side": (
        lambda h_rg=1e-13: _verdicts.judge_hidden_side({"identities": {"h_rg": h_rg}}),
        [{"h_rg": 0.1}],
    ),
    "kl identity": (
        lambda kl=2.0: _verdicts.judge_kl_identity(
            {"m": {"kl": kl, "trace_constant": 18.0, "delta_f": -20.0}}
        ),
        [{"kl": 2.1}],
    ),
    "delta f": (
        lambda **new: _verdicts.judge_delta_f(RANDOM | new),
        [{"kl": 0.0}, {"trace_residual": 0.0}],
    ),
}


def test_every_rule_is_tried():
    assert len(RULES) == len(_verdicts.__all__)


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


def test_unconverged_claims_are_not_judged():
    for verdict in (
        _verdicts.judge_locality(WIDTHS, 2, converged=False),
        _verdicts.judge_growth(LAYERS, converged=False),
        _verdicts.judge_reconstruction(RECONSTRUCTION, converged=False),
    ):
        assert verdict.outcome == "fast: not converged"


def test_missing_numbers_carry_their_reason(report):
    push = report.numbers["mapping"]["exact bond RBM"]["kl_push"]
    assert isinstance(push, Missing)
    assert push.reason


def test_expected_time_grows_with_the_work():
    seconds = {"ring": 1.0, "sample": 1.0, "train": 1.0}
    fast, full = mehta_schwab.FAST, mehta_schwab.FULL
    assert mehta_schwab.expected_seconds(seconds, full) == 3.0
    longer = replace(fast, epochs=2 * fast.epochs)
    assert mehta_schwab.expected_seconds(seconds, fast, longer) == 4.0
