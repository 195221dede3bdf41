"""The benchmark skeleton: what it measures, and that it leaves no trace."""

import json
import os

import pytest

import rgdl
from rgdl import bench
from rgdl.bench import _exact, _packed, _rbm, _rg, _samplers, _timing


@pytest.fixture
def quick(monkeypatch):
    """Benchmarks that take no time, one of them a peer's."""
    seen = []

    def make():
        return lambda: seen.append(rgdl.show_config()["simd"]) or float(len(seen))

    entries = (
        bench.Benchmark("quick", "rg", "us", make, "found nothing"),
        bench.Benchmark("other", "rg", "us", make, peer="scikit-learn"),
        bench.Benchmark("absent", "rg", "us", make, peer="no_such_package"),
    )
    monkeypatch.setattr(bench, "_BENCHMARKS", entries)
    return seen


def test_every_variant_is_measured_and_the_old_one_restored(quick):
    before = rgdl.show_config()["simd"]
    variants = list(rgdl.show_config()["simd_available"])
    results = bench.measure("rg", repeats=3)
    assert rgdl.show_config()["simd"] == before
    assert [row.variant for row in results.rows] == [*variants, "peer: scikit-learn"]
    assert quick[: len(variants)] == variants


def test_variant_is_restored_after_an_error(monkeypatch):
    def make():
        raise RuntimeError("broken")

    entries = (bench.Benchmark("broken", "rg", "us", make),)
    monkeypatch.setattr(bench, "_BENCHMARKS", entries)
    before = rgdl.show_config()["simd"]
    with pytest.raises(RuntimeError, match="broken"):
        bench.measure()
    assert rgdl.show_config()["simd"] == before


def test_median_and_quartiles_skip_the_warm_up(quick):
    row = bench.measure("rg", repeats=5).rows[0]
    turn = len(rgdl.show_config()["simd_available"])
    assert (row.low, row.median, row.high) == (1 + 2 * turn, 1 + 3 * turn, 1 + 4 * turn)
    assert row.repeats == 5


def test_what_is_compared_is_measured_in_turns(monkeypatch):
    seen = []

    def entry(name, **more):
        make = lambda: lambda: seen.append(name) or 1.0  # noqa: E731
        return bench.Benchmark(name, "rg", "us", make, **more)

    entries = (
        entry("ours", rival="theirs"),
        entry("alone"),
        entry("also ours", rival="theirs"),
        entry("theirs", peer="scikit-learn"),
    )
    monkeypatch.setattr(bench, "_BENCHMARKS", entries)
    results = bench.measure("rg", repeats=2)
    variants = len(rgdl.show_config()["simd_available"])
    ours = ["ours"] * variants + ["also ours"] * variants
    with_peer = [*ours, "theirs"]
    assert seen == ours + with_peer * 2 + ["alone"] * 3 * variants
    assert {row.name: row.ratio for row in results.rows} == {
        "ours": 1.0,
        "also ours": 1.0,
        "theirs": None,
        "alone": None,
    }


def test_table_and_json_hold_the_same(quick):
    results = bench.measure("rg", repeats=3)
    content = json.loads(json.dumps(results.as_dict(), allow_nan=False))
    assert len(content["rows"]) == len(results.rows)
    table = str(results).splitlines()
    assert table[0] == content["machine"]
    for row, line in zip(content["rows"], table[2:], strict=False):
        assert row["variant"] in line
        assert f"{row['median']:.4g}" in line
    assert table[-1] == "quick: found nothing"


def test_ratios_are_against_the_fastest_rival(monkeypatch):
    """Times and rates; a peer is measured next to its rival, an absent one never."""

    def entry(name, unit, value, **options):
        return bench.Benchmark(name, "rg", unit, lambda: lambda: value, **options)

    entries = (
        entry("work", "us", 2.0, rival="their work"),
        entry("rate", "flips/ns", 30.0, rival="their rate"),
        entry("twice", "flips/ns", 45.0, rival="rate"),
        entry("alone", "us", 1.0, rival="absent"),
        entry("their work", "us", 8.0, peer="scikit-learn"),
        entry("their work", "us", 6.0, peer="numpy"),
        entry("their rate", "flips/ns", 0.5, peer="numpy"),
        entry("absent", "us", 0.1, peer="no_such_package"),
    )
    monkeypatch.setattr(bench, "_BENCHMARKS", entries)
    rows = bench.measure("rg", repeats=1).rows
    ratios = {row.name: row.ratio for row in rows}
    assert ratios["work"] == 3.0
    assert ratios["rate"] == 60.0
    assert ratios["twice"] == 1.5
    assert ratios["alone"] is ratios["their work"] is None
    names = list(dict.fromkeys(row.name for row in rows))
    assert names == ["work", "their work", "rate", "their rate", "twice", "alone"]
    assert "60x" in str(bench.Results("box", rows))


def test_peers_do_not_see_openblas_settings(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert not any(key.startswith("OPENBLAS_") for key in _timing.peer_environment())
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"


def test_peers_run_where_they_are_told(monkeypatch, tmp_path):
    """The interpreter is RGDL_BENCH_PYTHON; a script's failure is told."""
    assert _timing.run_peer("numpy", "import sys; print(sys.argv[1])", "2.5") == 2.5
    with pytest.raises(RuntimeError, match="benchmark of numpy failed"):
        _timing.run_peer("numpy", "1 / 0")
    assert _timing.has_peer("numpy")
    monkeypatch.setenv("RGDL_BENCH_PYTHON", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError):
        _timing.has_peer("numpy")


def test_groups():
    groups = {each.group for each in bench.benchmarks()}
    assert groups == {"samplers", "rbm", "exact", "rg"}
    with pytest.raises(ValueError, match="group must be one of"):
        bench.benchmarks("gpu")
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        bench.measure("rg", repeats=0)


@pytest.mark.parametrize(
    "timer",
    [
        lambda: _samplers._heat_bath(rows=64, short=1, long=5),
        lambda: _samplers._independent(4, 0.3, "local"),
        lambda: _samplers._correlation_function(rows=2),
        lambda: _samplers._sample(rows=1, workers=2),
        lambda: _packed._any_terms(
            rgdl.Ising((8, 8), K=1, couplings=_packed._glass(8)), sweeps=2
        ),
        lambda: _packed._perfect(rows=1),
        lambda: _rbm._epoch(_rbm.Shape(100, 64, 16, 10), "cd"),
        lambda: _exact._kaufman(calls=1),
        lambda: _exact._energies(rows=10),
    ],
)
def test_every_benchmark_runs(timer):
    assert timer()() > 0


_SMALL_RG = {
    _rg._majority: {"rows": 10},
    _rg._majority_bits: {"rows": 10},
    _rg._operators: {"rows": 10},
    _rg._kadanoff: {},
    _rg._live: {"frames": 1},
    _rg._monte_carlo: {"n": 128},
}


def test_every_benchmark_of_rg_runs():
    assert {each.make for each in bench.benchmarks("rg")} == set(_SMALL_RG)
    for make, sizes in _SMALL_RG.items():
        assert make(**sizes)() > 0
