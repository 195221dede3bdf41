"""The experiment at a tiny size: complete, repeatable, resumable, self-contained."""

import _thread
import contextlib
import functools
import io
import json
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import rgdl
from rgdl._validate import worker_count
from rgdl.experiments import mehta_schwab, names
from rgdl.experiments.mehta_schwab import _run, _stages, _training
from rgdl.experiments.mehta_schwab._checks import checks
from rgdl.report import Missing
from rgdl.stats import Estimate

TINY = replace(
    mehta_schwab.FAST,
    shape=(8, 8),
    rows=300,
    held_out=60,
    reference=128,
    layers=(16, 4, 2),
    epochs=2,
    block=4,
    chains=64,
    steps=8,
    network_samples=64,
    network_steps=8,
    ais_chains=16,
    ais_betas=20,
    reach=2,
    pairs=8,
    critical_size=16,
    levels=1,
    critical_rows=128,
    filter_size=8,
    filter_rows=100,
    filter_epochs=1,
    small_rows=300,
    small_epochs=2,
    ring=8,
    small_hidden=4,
    random_hidden=4,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def report(folder):
    return mehta_schwab.run(TINY, rng=5, workers=1, progress=False, out=folder)


@pytest.fixture(scope="module")
def content(report, folder):
    return json.loads((folder / "report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def page(report, folder):
    return (folder / "report.html").read_text("utf-8")


def test_all_parts_are_there(report):
    assert [section.title for section in report.sections] == [
        "What is claimed",
        "One dimension: decimation by machines",
        "Two dimensions: the data",
        "The network",
        "What the hidden units see",
        "Reconstructions",
        "What the machines themselves look like",
        "Likelihood",
        "The Hamiltonian that layer 1 has learned",
        "Hidden layers as block spins",
        "Exponents",
        "The mapping, state by state",
    ]
    assert len(report.figures) == 17
    assert len({verdict.claim for verdict in report.verdicts}) == 22


def test_every_verdict_has_rule_numbers_and_check(report):
    for verdict in report.verdicts:
        assert verdict.rule, verdict.claim
        assert verdict.numbers, verdict.claim
        assert verdict.check, verdict.claim


def test_identities_hold_and_nothing_unconverged_is_judged(report):
    for verdict in report.verdicts:
        if verdict.kind == "identity":
            assert verdict.outcome == "holds", verdict.claim
        elif "training data" not in verdict.claim:
            assert verdict.outcome == "fast: not converged", verdict.claim


def test_folder_holds_report_numbers_and_model_only(report, folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "model-without-L1.npz",
        "model.npz",
        "report.html",
        "report.json",
    ]
    network = rgdl.DBN.load(folder / "model.npz")
    assert network.layers == TINY.layers
    assert network.receptive_fields(0).shape == (16, 8, 8)


def test_stages_are_timed_and_the_key_is_kept(report):
    names_of = list(_run._shares(TINY))
    assert list(report.provenance["seconds"]) == names_of
    assert list(report.provenance["processor_seconds"]) == names_of
    assert report.provenance["key"] == "5"
    assert report.provenance["settings"]["rows"] == 300


def printed(code):
    """Run a check; the numbers it prints, and its text."""
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        exec(compile(code, "check", "exec"), {"__name__": "check"})
    text = stream.getvalue()
    return [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text)], text


# What a check gets in another way than the report: couplings at all places, not some.
OTHERWISE = re.compile("nearest neighbours|of the others")


@pytest.mark.parametrize("place", range(22))
def test_check_prints_the_verdicts_numbers(place, report, folder, monkeypatch):
    """Every estimate of a claim, to nine digits: the code takes the run's keys."""
    verdict = report.verdicts[place]
    monkeypatch.chdir(folder)
    numbers, text = printed(verdict.check)
    assert numbers
    for name, value in verdict.numbers.items():
        if isinstance(value, dict):
            value = value["is"]
        if isinstance(value, Estimate) and not OTHERWISE.search(name):
            assert np.isclose(numbers, value.value, rtol=1e-9).any(), (name, text)


def test_check_of_the_ring_finds_its_couplings(report):
    """By another way than the report's: the machine is turned upside down."""
    numbers, text = printed(checks(TINY, 5)["decimation"])
    assert "4 spins:" in text
    for value in report.numbers["ring"]["K"][1:]:
        assert np.isclose(numbers, value, rtol=1e-12).any()


def test_checks_use_public_functions_only():
    for settings in (TINY, mehta_schwab.FULL):
        for name, code in checks(settings, 5).items():
            assert not re.search(r"[. ]_[a-z]", code), name
            compile(code, name, "exec")


# ------------------------------------------------------------------ the files agree


def test_page_and_json_hold_the_same_numbers(page, content):
    inside = re.search(
        r"<summary>All numbers \(JSON\)</summary><pre>(.*?)</pre>", page, re.S
    )
    assert json.loads(unescape(inside.group(1))) == content["numbers"]


def test_json_says_why_a_number_is_missing(content):
    assert "numbers.twin.exact bond RBM.kl_push" in content["missing"]
    for place, reason in content["missing"].items():
        assert reason, place
        assert "history" not in place  # what training does not record is not listed


def test_every_cell_of_json_is_on_the_page(page, content, report):
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    for verdict in content["verdicts"]:
        assert verdict["claim"] in text
    for table in content["tables"]:
        for cell in table["header"]:
            assert cell in text
    energy = report.numbers["data"]["training"]["energy"]
    assert str(energy).replace("-", "−") in text


def test_page_loads_nothing_from_outside(page):
    assert not re.search(r"https?://|@import|url\(|<script|<link", page)
    assert len(re.findall(r'src="data:image/png;base64,', page)) == 17
    assert len(page) < 3_000_000


# --------------------------------------------------------- same key, same everything


def plain(report):
    return json.dumps(_stages._encoded(report.numbers), sort_keys=True)


def test_workers_do_not_matter(report, folder, tmp_path):
    again = mehta_schwab.run(TINY, rng=5, workers=2, progress=False, out=tmp_path)
    assert plain(again) == plain(report)
    first, second = (np.load(f / "model.npz") for f in (folder, tmp_path))
    for name in set(first.files) - {"meta"}:
        assert np.array_equal(first[name], second[name]), name


class Stop:
    """Interrupts at the call given."""

    def __init__(self, after):
        self.left = after

    def __call__(self, done):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_interrupted_run_goes_on_to_the_same_bits(
    report, folder, tmp_path, monkeypatch
):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_run._coarse, "measure", stop)
        with pytest.raises(KeyboardInterrupt) as caught:
            mehta_schwab.run(TINY, rng=5, progress=False, out=tmp_path)
    assert caught.value.__notes__ == [
        "stopped in stage 'coarse'",
        "the same command goes on from there",
    ]
    assert not (tmp_path / "report.html").exists()
    with monkeypatch.context() as patch:
        patch.setattr(_run._data, "draw", stop)  # finished stages are read
        patch.setattr(_run._samples, "measure", stop)
        again = mehta_schwab.run(TINY, rng=5, progress=False, out=tmp_path)
    assert plain(again) == plain(report)
    pictures = [
        re.findall(r'src="data[^"]*"', (f / "report.html").read_text("utf-8"))
        for f in (folder, tmp_path)
    ]
    assert pictures[0] == pictures[1]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_training_goes_on_to_the_same_bits(workers, tmp_path):
    settings = replace(TINY, rows=4_000, epochs=20)
    spins = rgdl.sample(rgdl.Ising((8, 8), K=0.4), 4_000, rng=0)

    def train(part, folder):
        return _training.train(spins, settings, 3, workers, part, folder)

    whole = train(lambda done: None, None)
    with pytest.raises(KeyboardInterrupt):
        train(Stop(2), tmp_path)
    files = list(tmp_path.rglob("*.npz"))
    assert files
    resumed = train(lambda done: None, tmp_path)
    for arm in _training.ARMS:
        for a, b in zip(whole[arm].layers_, resumed[arm].layers_, strict=True):
            assert np.array_equal(a.W_, b.W_)
            np.testing.assert_equal(a.history_, b.history_)  # nan is nan there


def test_work_side_by_side_gives_the_threads_of_blas_back():
    """In a process of its own: threadpoolctl obeys the thread that came first."""
    script = """
import rgdl, numpy, scipy.linalg
from rgdl._blas import blas_threads
from rgdl.experiments.mehta_schwab import _settings, _stages, _training
from threadpoolctl import threadpool_info
def threads():
    return [x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"]
before = threads()
spins = rgdl.sample(rgdl.Ising((8, 8), K=0.4), 500, rng=0)
tiny = replace(_settings.FAST, shape=(8, 8), layers=(16, 4), epochs=20)
for _ in range(3):
    _training.train(spins, tiny, 3, 2, lambda done: None, None)
    assert threads() == before, threads()
    def task():
        with blas_threads(1):
            time.sleep(0.02)
    _stages.together([task] * 6, 2)
    assert threads() == before, threads()
"""
    script = "import time\nfrom dataclasses import replace\n" + script
    subprocess.run([sys.executable, "-c", script], check=True)


def test_other_key_or_size_starts_afresh(tmp_path):
    names_of = {
        _stages.fingerprint(settings, key)
        for settings, key in ((TINY, 0), (TINY, 1), (replace(TINY, rows=301), 0))
    }
    assert len(names_of) == 3


def test_stage_is_read_back_as_it_was(tmp_path):
    numbers = {
        "estimate": Estimate(1.5, 0.1, reliable=False, reason="why"),
        "missing": Missing("gone"),
        "nan": float("nan"),
        "list": (1, 2.5, "text"),
    }
    arrays = {"x": np.arange(3)}
    calls = []

    def work(part):
        calls.append(part)
        return _stages.Result(numbers, arrays)

    shares = {"a": 1.0}
    first = _stages.Stages(shares, lambda done: None, tmp_path / "s")("a", work)
    stages = _stages.Stages(shares, lambda done: None, tmp_path / "s")
    second = stages("a", work)
    assert len(calls) == 1
    assert str(first.numbers) == str(second.numbers)
    assert second.numbers["estimate"].reason == "why"
    assert np.array_equal(second.arrays["x"], arrays["x"])
    assert stages.seconds["a"] >= 0
    stages.finish()
    assert not (tmp_path / "s").exists()


def test_the_bar_does_not_go_back():
    shown = []
    stages = _stages.Stages({"a": 1.0, "b": 3.0}, shown.append)

    def work(part):
        for done in (0.2, 0.9, 0.1, 0.5):  # two passes of one stage
            part(done)
        return _stages.Result({})

    for name in ("a", "b"):
        stages(name, work)
    assert shown == sorted(shown)
    assert shown[-1] == 1.0


def test_time_expected_is_that_of_a_quiet_machine():
    """Waiting for other programs is not scaled up."""
    stages = _stages.Stages({}, print)
    stages.seconds = {"training": 60.0, "write": 10.0}
    stages.processor = {"training": 20.0, "write": 3.0}
    found = _run._provenance(mehta_schwab.FULL, 0, 2, stages)
    assert found["expected_seconds_of_the_full_run_on_a_quiet_machine"] == 13


@pytest.mark.parametrize("workers", [1, 3])
def test_tasks_together_come_back_in_order(workers):
    barrier = threading.Barrier(workers, timeout=10)

    def task(i):
        if i < workers:
            barrier.wait()  # broken unless so many run at a time
        return i * i

    tasks = [functools.partial(task, i) for i in range(7)]
    assert _stages.together(tasks, workers) == [i * i for i in range(7)]
    tasks[2] = functools.partial(divmod, 1, 0)
    barrier = threading.Barrier(1)
    with pytest.raises(ZeroDivisionError):
        _stages.together(tasks[1:], workers)


def test_interrupt_does_not_wait_for_tasks():
    """The tasks take 5 s; Ctrl-C comes after 0.2 s."""
    tasks = [functools.partial(time.sleep, 5.0)] * 4
    begin = time.perf_counter()
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        _stages.together(tasks, 2)
    assert time.perf_counter() - begin < 2.0


def test_drawn_key_repeats_the_run(monkeypatch):
    keys = []
    monkeypatch.setattr(
        _run, "_measure", lambda s, key, *rest: (keys.append(key), 1 / 0)
    )
    for rng in (None, None, 7, np.random.SeedSequence(1)):
        with pytest.raises(ZeroDivisionError):
            mehta_schwab.run(TINY, rng=rng, progress=False)
    assert keys[0] != keys[1]
    assert keys[2] == 7


# ----------------------------------------------------------------------- the front door


def test_reproduce_writes_into_the_folder(tmp_path, monkeypatch):
    seen = {}

    def run(settings, **options):
        seen.update(options, settings=settings)
        return rgdl.Report("r")

    monkeypatch.setattr(mehta_schwab, "run", run)
    folder = tmp_path / "a" / "b"
    rgdl.reproduce("mehta-schwab", fast=True, out=folder, rng=0, workers=2)
    assert folder.is_dir()
    assert seen["settings"] == mehta_schwab.FAST
    assert (seen["out"], seen["rng"], seen["workers"]) == (Path(folder), 0, 2)


def test_all_processors_work_by_default(monkeypatch):
    """In a notebook as in the command."""
    seen = []
    monkeypatch.setattr(
        mehta_schwab, "run", lambda *_, workers, **__: seen.append(workers)
    )
    rgdl.reproduce("mehta-schwab")
    rgdl.reproduce("mehta-schwab", workers=1)
    assert seen == [worker_count(-1), 1]


def test_unknown_experiment_lists_the_known_ones():
    with pytest.raises(ValueError, match="must be one of 'mehta-schwab', got 'ising'"):
        rgdl.reproduce("ising")
    assert names() == ("mehta-schwab",)


@pytest.mark.parametrize("rng", [-1, 1.5, True])
def test_bad_key_is_refused(rng):
    with pytest.raises((TypeError, ValueError), match="rng"):
        mehta_schwab.run(TINY, rng=rng, progress=False)


def test_papers_settings_are_the_papers():
    full = mehta_schwab.FULL
    assert full.shape == (40, 40)
    assert full.K == 0.408
    assert full.rows == 20_000
    assert full.layers == (400, 100, 25)
    assert full.epochs == 200
    assert full.l1 == 2e-4


def test_expected_time_grows_with_the_work():
    seconds = {"ring": 1.0, "data": 1.0, "training": 1.0}
    fast, full = mehta_schwab.FAST, mehta_schwab.FULL
    assert mehta_schwab.expected_seconds(seconds, full) == pytest.approx(3.0)
    longer = replace(fast, epochs=2 * fast.epochs)
    assert mehta_schwab.expected_seconds(seconds, fast, longer) == pytest.approx(4.0)
