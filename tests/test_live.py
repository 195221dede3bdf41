"""The live lattice: steps against exact energies, messages without a browser."""

import json
import sys
from types import ModuleType

import numpy as np
import pytest
import traitlets

import rgdl
from rgdl import _live, exact, rg
from rgdl._live import LiveRun, Session

K_C = exact.K_CRITICAL


def energies(run, frames=40, sweeps=16):
    return np.array([run.step(sweeps).energies for _ in range(frames)])


def mean_of_blocks(values, blocks=8):
    means = values.reshape(blocks, -1).mean(axis=1)
    return means.mean(), means.std(ddof=1) / blocks**0.5


@pytest.mark.stat
def test_energy_is_kaufmans():
    """64 lattices of 32 x 32, 40 frames: an error of about 0.001.

    At 1 % more temperature the energy differs by 0.016, far beyond 5 errors.
    """
    run = LiveRun(
        rgdl.Ising((32, 32), T=2.6), rg.MajorityRule(), levels=1, lattices=64, rng=1
    )
    expected = exact.kaufman((32, 32), 1 / 2.6).energy
    mean, error = mean_of_blocks(energies(run)[:, 0])
    assert abs(mean - expected) < 5 * error < 0.01
    run.temperature = 1.01 * 2.6  # another temperature is seen
    run.step(100)
    mean, error = mean_of_blocks(energies(run)[:, 0])
    assert abs(mean - expected) > 5 * error


def test_flow_stays_at_the_critical_point_and_leaves_it_elsewhere():
    flows = {}
    for K in (1 / 2.6, K_C, 1 / 2.1):
        run = LiveRun(rgdl.Ising((64, 64), K=K), rg.MajorityRule(), levels=2, rng=2)
        flows[K] = np.mean([run.step(8).k_eff for _ in range(20)], axis=0)
        assert flows[K][0] == pytest.approx(K, abs=0.01)
    assert flows[K_C] == pytest.approx([K_C] * 3, abs=0.02)
    assert (np.diff(flows[1 / 2.6]) < -0.02).all()
    assert (np.diff(flows[1 / 2.1]) > 0.02).all()


def test_reading_of_k_eff_is_the_exact_one():
    run = LiveRun(rgdl.Ising((16, 16), K=0.42), rg.Decimation(), levels=1, rng=3)
    frame = run.step(5)
    for energy, k, shape in zip(frame.energies, frame.k_eff, run.shapes, strict=True):
        assert k == pytest.approx(float(exact.k_eff(energy, shape)), abs=1e-3)


def test_images_are_the_lattice_and_its_blocks():
    rule = rg.MajorityRule(ties="corner")
    run = LiveRun(rgdl.Ising((128, 128), T=2.3), rule, lattices=2, rng=4)
    frame = run.step(3)
    assert [image.shape[0] for image in frame.images] == [128, 64, 32, 16]
    for fine, coarse in zip(frame.images, frame.images[1:], strict=False):
        assert (rule.coarsen(fine[None])[0] == coarse).all()


def test_same_key_same_frames():
    frames = []
    for temperatures in ([2.4, 2.4], [2.4, 2.4], [2.4, 3.0]):
        run = LiveRun(rgdl.Ising((16, 16), T=2.2), rg.Kadanoff(), levels=2, rng=5)
        for run.temperature in temperatures:
            frame = run.step(3)
        frames.append(frame)
    assert frames[0].energies == frames[1].energies != frames[2].energies
    assert frames[2].temperature == 3.0
    assert frames[2].sweeps == 6
    for one, two in zip(frames[0].images, frames[1].images, strict=True):
        assert (one == two).all()


@pytest.fixture
def session():
    model = rgdl.Ising((16, 16), T=2.3)
    return Session(LiveRun(model, rg.MajorityRule(), levels=2, lattices=2, rng=6))


def test_answers_hold_numbers_and_packed_images(session, monkeypatch):
    seen = []
    step = session.run.step
    monkeypatch.setattr(
        session.run, "step", lambda n: (seen.append(step(n)), seen[-1])[1]
    )
    content, images = session.answer({"type": "frames", "temperature": 2.5, "count": 3})
    assert json.loads(json.dumps(content)) == content
    assert content["temperature"] == 2.5
    assert len(content["frames"]) == 3
    assert len(images) == 9
    expected = [image for frame in seen for image in frame.images]
    for bits, image in zip(images, expected, strict=True):
        raw = np.frombuffer(bits, dtype=np.uint8)
        up = np.unpackbits(raw, bitorder="little")[: image.size]
        assert (2 * up.astype(int) - 1 == image.ravel()).all()


def test_sweeps_adapt_to_the_machine(session, monkeypatch):
    monkeypatch.setattr(_live, "_STEP_SECONDS", 1e3)
    session.answer({"type": "frames", "count": 8})
    assert session.sweeps == _live._MOST_SWEEPS
    monkeypatch.setattr(_live, "_STEP_SECONDS", 1e-9)
    session.answer({"type": "frames", "count": 8})
    assert session.sweeps == 1
    content, _ = session.answer({"type": "frames", "count": 10**9})
    assert len(content["frames"]) == _live._MOST_FRAMES  # the page cannot block us


@pytest.mark.parametrize(
    "message",
    [
        None,
        "frames",
        {"type": "quit"},
        {"type": "frames", "temperature": float("nan")},
        {"type": "frames", "temperature": 0.0},
        {"type": "frames", "temperature": "hot"},
        {"type": "frames", "count": 0},
    ],
)
def test_wrong_messages_are_answered_with_an_error(session, message):
    before = session.run.temperature
    content, images = session.answer(message)
    assert content["type"] == "error"
    assert content["message"]
    assert images == []
    assert session.run.temperature == before
    assert session.run.sweeps == 0


def test_interrupt_stops_the_page_not_the_kernel(session, monkeypatch):
    def interrupted(sweeps):
        raise KeyboardInterrupt

    monkeypatch.setattr(session.run, "step", interrupted)
    assert session.answer({"type": "frames"}) == (
        {"type": "error", "message": "interrupted"},
        [],
    )


class FakeWidget(traitlets.HasTraits):
    """What `anywidget.AnyWidget` offers, without Jupyter."""

    def on_msg(self, callback):
        self.callback = callback

    def send(self, content, buffers=None):
        self.sent = content, buffers


@pytest.fixture
def anywidget(monkeypatch):
    fake = ModuleType("anywidget")
    fake.AnyWidget = FakeWidget
    monkeypatch.setitem(sys.modules, "anywidget", fake)
    monkeypatch.delitem(sys.modules, "rgdl._live_widget", raising=False)


def test_widget_passes_messages_on(anywidget):
    widget = rgdl.live(rgdl.Ising((16, 16), T=2.3), levels=1, rng=7)
    assert widget.settings["shapes"] == [[16, 16], [8, 8]]
    assert widget.settings["rule"] == "MajorityRule(b=2, ties='random')"
    assert widget.settings["temperature"] == pytest.approx(2.3)
    json.dumps(widget.settings)
    widget.callback(widget, {"type": "frames", "count": 1}, [])
    content, images = widget.sent
    assert content["type"] == "frames"
    assert [len(image) for image in images] == [32, 8]
    assert "export default" in widget._esm
    assert ".rgdl-live" in widget._css


def test_without_the_extra_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "rgdl._live_widget", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'rgdl\[notebooks\]'"):
        rgdl.live(rgdl.Ising((16, 16), T=2.3))


@pytest.mark.parametrize(
    ("model", "rule", "error", "message"),
    [
        ("Ising", rg.MajorityRule(), TypeError, "model must be a rgdl.Ising"),
        (rgdl.Ising((8, 8), T=2.0), "majority", TypeError, "transform must be"),
        (rgdl.Ising(64, T=2.0), rg.MajorityRule(), ValueError, "two-dimensional"),
        (rgdl.Ising((8, 8), T=2.0, h=0.1), rg.MajorityRule(), ValueError, "h=0"),
        (rgdl.Ising((8, 8), T=9.0), rg.MajorityRule(), ValueError, "T = 1/K"),
        (rgdl.Ising((8, 8), K=-0.4), rg.MajorityRule(), ValueError, "T = 1/K"),
        (
            rgdl.Ising((8, 8), T=2.0, periodic=False),
            rg.MajorityRule(),
            ValueError,
            "a live lattice needs",
        ),
        (rgdl.Ising((8, 8), T=2.0), rg.MajorityRule(), ValueError, "square lattice 3"),
        (rgdl.Ising((9, 8), T=2.0), rg.MajorityRule(), ValueError, "b must divide"),
    ],
)
def test_bad_arguments(model, rule, error, message):
    with pytest.raises(error, match=message):
        LiveRun(model, rule)
