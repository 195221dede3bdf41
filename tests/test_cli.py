"""The command line: output, exit codes, and one line for what went wrong."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

import rgdl
from rgdl import bench, experiments
from rgdl.__main__ import main
from rgdl.experiments import mehta_schwab
from rgdl.report import Report, Verdict


@pytest.fixture
def fake_reproduce(monkeypatch):
    calls = []

    def reproduce(name, **options):
        calls.append((name, options))
        report = Report(name)
        report.section("s").verdict(Verdict("c", "claim", "fast: not converged", {}))
        report.provenance = {"expected_seconds_of_the_full_run_on_a_quiet_machine": 600}
        return report

    monkeypatch.setattr(experiments, "reproduce", reproduce)
    return calls


def test_reproduce_prints_verdicts_next_command_and_page(
    fake_reproduce, tmp_path, capsys
):
    out = tmp_path / "page"
    arguments = ["reproduce", "mehta-schwab", "--fast", "--out", str(out)]
    assert main([*arguments, "--seed", "7", "--workers", "1"]) == 0
    assert fake_reproduce == [
        ("mehta-schwab", {"fast": True, "out": out, "rng": 7, "workers": 1})
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "claim     fast: not converged  c"
    assert "about 10 min" in "\n".join(lines)
    command = f" -m rgdl reproduce mehta-schwab --seed 7 --out {out}"
    assert any(line.startswith("  ") and line.endswith(command) for line in lines)
    assert lines[-1] == str(out / "report.html")


def test_full_run_names_no_next_command(fake_reproduce, tmp_path, capsys):
    assert main(["reproduce", "mehta-schwab", "--out", str(tmp_path)]) == 0
    assert "fast version" not in capsys.readouterr().out


def test_reproduce_for_real(tmp_path, capsys, monkeypatch):
    tiny = replace(
        mehta_schwab.FAST,
        shape=(8, 8),
        rows=100,
        held_out=40,
        reference=64,
        layers=(16, 4),
        epochs=1,
        block=4,
        chains=32,
        steps=4,
        network_samples=32,
        network_steps=4,
        ais_chains=16,
        ais_betas=10,
        reach=1,
        critical_size=16,
        levels=1,
        critical_rows=128,
        filter_size=8,
        filter_rows=100,
        filter_epochs=1,
        ring=8,
        small_rows=500,
        small_epochs=1,
        small_hidden=4,
        random_hidden=4,
    )
    monkeypatch.setattr(mehta_schwab, "FAST", tiny)
    out = tmp_path / "page"
    assert main(["reproduce", "mehta-schwab", "--fast", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "report.html")
    content = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert content["provenance"]["key"] == "0"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reproduce", "nothing"], "name must be one of 'mehta-schwab', got 'nothing'"),
        (["reproduce", "mehta-schwab", "--workers", "0"], "workers must be positive"),
        (["reproduce", "mehta-schwab", "--seed", "-1"], "rng must not be negative"),
        (["bench", "nothing"], "group must be one of"),
    ],
)
def test_users_error_is_one_line(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rgdl: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["fly"], ["reproduce"], ["bench", "--x"]])
def test_bad_usage_exits_with_2(arguments, capsys):
    assert main(arguments) == 2
    assert "usage: rgdl" in capsys.readouterr().err


def test_help_exits_with_0(capsys):
    assert main(["--help"]) == 0
    assert "reproduce" in capsys.readouterr().out


def test_unwritable_folder_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "page"
    assert main(["reproduce", "mehta-schwab", "--fast", "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_interrupt_says_where_and_exits_with_130(monkeypatch, capsys):
    def reproduce(name, **options):
        stop = KeyboardInterrupt()
        stop.add_note("stopped in stage 'train'")
        raise stop

    monkeypatch.setattr(experiments, "reproduce", reproduce)
    assert main(["reproduce", "mehta-schwab"]) == 130
    assert capsys.readouterr().err == "rgdl: stopped in stage 'train'\n"


def test_bench_prints_table_or_json(monkeypatch, capsys):
    def measure(group, *, repeats):
        row = bench.Row("sum", "rg", "portable", "us", 2.0, 1.5, 2.5, repeats)
        return bench.Results("box", (row,))

    monkeypatch.setattr(bench, "measure", measure)
    assert main(["bench", "rg"]) == 0
    assert "portable" in capsys.readouterr().out
    assert main(["bench", "rg", "--repeats", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["repeats"] == 3
    assert main(["bench", "rg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["median"] == 2.0


def test_info_from_a_shell():
    done = subprocess.run(
        [sys.executable, "-m", "rgdl", "info"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"version: {rgdl.__version__}" in done.stdout
    assert "simd_available" in done.stdout
