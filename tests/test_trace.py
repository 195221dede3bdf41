"""rgdl.Trace and its files: against exact joint densities and Kaufman's results."""

import functools
import json
import math

import numpy as np
import pytest

import rgdl
from rgdl._files import FORMAT, read_npz, write_npz

joint_density = functools.cache(rgdl.exact.joint_density_of_states)


def exact_trace(L, K, n, seed, h=0.0, chains=1):
    """Independent draws of (e, m) from the joint density of states."""
    joint = joint_density(L)
    energy, m = np.meshgrid(joint.energies, joint.magnetizations, indexing="ij")
    with np.errstate(divide="ignore"):
        logs = np.log(joint.counts) - K * energy + h * m
    p = np.exp(logs - logs.max()).ravel()
    index = np.random.default_rng(seed).choice(p.size, size=(chains, n), p=p / p.sum())
    series = {
        "energy": energy.ravel()[index] / L**2,
        "magnetization": m.ravel()[index] / L**2,
    }
    return rgdl.Trace(series, model=rgdl.Ising((L, L), K=K, h=h))


def moments(L, K, h=0.0):
    m, p = rgdl.exact.magnetization_distribution((L, L), K, h)
    return (p * abs(m)).sum(), (p * m**2).sum(), (p * m**4).sum()


def close(estimate, exact):
    assert estimate.reliable, estimate
    assert estimate.error < 0.05 * abs(exact)
    return abs(estimate.value - exact) < 4 * estimate.error


@pytest.mark.stat
@pytest.mark.parametrize("K", [None, 0.42, 0.46])
def test_derived_quantities_agree_with_exact_ones(K):
    """4 sigma with errors below 5 %, at K = 0.44 and reweighted; a K 0.02 off fails."""
    trace = exact_trace(6, 0.44, 20_000, seed=3, chains=2)
    at = 0.44 if K is None else K

    def agree(at):
        a, mm, m4 = moments(6, at)
        exact = rgdl.exact.kaufman((6, 6), at)
        return [
            close(trace.mean("energy", K=K), exact.energy),
            close(trace.mean("|magnetization|", K=K), a),
            close(trace.cv(K=K), exact.specific_heat),
            close(trace.chi(K=K), 36 * at * (mm - a * a)),
            close(trace.binder(K=K), 1 - m4 / (3 * mm * mm)),
        ]

    assert all(agree(at))
    assert not all(agree(at + 0.02))
    assert not all(agree(at - 0.02))


@pytest.mark.stat
def test_the_sign_of_m_does_not_count_for_the_energy():
    """16x16 at K = 0.5: chains keep their phase, so <m> is not reliable at 0.495. The
    energy, Cv and |m| are, within 4 sigma of the exact ones, with errors no larger than
    without m in the trace. One histogram with all series (the twin) is not."""
    model = rgdl.Ising((16, 16), K=0.5)
    trace = rgdl.simulate(model, chains=256, draws=100, method="local", rng=1)
    exact = rgdl.exact.kaufman((16, 16), 0.495)
    assert not trace.mean("magnetization", K=0.495).reliable
    assert close(trace.mean("energy", K=0.495), exact.energy)
    assert close(trace.cv(K=0.495), exact.specific_heat)
    assert trace.mean("|magnetization|", K=0.495).reliable
    assert trace.reweight(0.495)["binder"].reliable
    alone = rgdl.Trace({"energy": trace["energy"]}, model=model)
    assert trace.mean("energy", K=0.495) == alone.mean("energy", K=0.495)
    series = [256 * trace["energy"]]
    observables = {name: [trace[name]] for name in trace}
    joined = rgdl.stats.MultiHistogram(series, [0.5], observables)
    assert not joined.estimate(None, "energy", K=0.495).reliable


@pytest.mark.stat
@pytest.mark.parametrize("K", [None, 0.36])
def test_specific_heat_in_a_field_is_the_variance_of_h(K):
    """4x4, h = 0.05 against enumeration; leaving the field out must fail."""
    trace = exact_trace(4, 0.4, 100_000, seed=4, h=0.05)
    at = 0.4 if K is None else K
    exact = rgdl.exact.enumerate_states(rgdl.Ising((4, 4), K=at, h=0.05))
    cv = trace.cv(K=K)
    assert abs(cv.value - exact.specific_heat) < 4 * cv.error
    no_field = rgdl.Trace(dict(trace), model=rgdl.Ising((4, 4), K=0.4)).cv(K=K)
    assert abs(no_field.value - exact.specific_heat) > 4 * no_field.error


@pytest.mark.stat
def test_ladder_joins_its_histograms():
    """Three couplings of 4x4, between and at them; errors below those of one alone."""
    ladder = [0.36, 0.42, 0.48]
    rungs = [exact_trace(4, K, 5000, seed=i) for i, K in enumerate(ladder)]
    series = {name: np.stack([t[name] for t in rungs]) for name in rungs[0]}
    trace = rgdl.Trace(series, model=rgdl.Ising((4, 4), K=0.36), K=ladder)
    for K in (0.38, 0.42, 0.46):
        assert close(trace.mean("energy", K=K), rgdl.exact.kaufman((4, 4), K).energy)
    assert trace.cv(K=0.42).error < rungs[1].cv().error
    assert trace.at(2).model == rungs[2].model
    assert len(trace.summary()) == 9
    assert repr(trace).startswith(
        "Trace of Ising((4, 4), K=0.36), 3 couplings x 1 chain"
    )
    with pytest.raises(ValueError, match="ladder needs K="):
        trace.cv()


def test_second_moment_length_of_a_trace_is_that_of_the_configurations():
    model = rgdl.Ising((12, 12), K=0.35)
    s = rgdl.sample(model, 1024, rng=1)
    names = ["energy", "magnetization", "lowest_mode"]
    series = rgdl.observables.measure(model, s[None], names)
    xi = rgdl.Trace(series, model=model).correlation_length()
    direct = rgdl.observables.correlation_length(s)
    assert xi.value == pytest.approx(direct.value, rel=1e-12)
    assert xi.error == pytest.approx(direct.error, rel=1e-12)


def test_is_what_arviz_and_emcee_take():
    trace = exact_trace(4, 0.4, 100, seed=0, chains=3)
    assert {name: x.shape for name, x in dict(trace).items()} == {
        "energy": (3, 100),
        "magnetization": (3, 100),
    }
    assert (trace.chains, trace.draws, trace.K, trace.lattice) == (3, 100, 0.4, (4, 4))


def test_summary_says_what_cannot_be_trusted():
    good = exact_trace(4, 0.4, 1000, seed=0, chains=2).summary()
    assert good["energy"].reliable
    assert good.r_hat["energy"] < 1.02
    assert "energy" in repr(good)
    assert "<table>" in good._repr_html_()
    short = exact_trace(4, 0.4, 5, seed=0).summary()
    assert not short["energy"].reliable
    assert short["energy"].reason in repr(short)
    frozen = rgdl.Trace({"energy": np.full((1, 50), -2.0)}, model=rgdl.Ising(8, K=9.0))
    assert "constant" in repr(frozen.summary())
    assert math.isnan(frozen.summary()["energy"].error)
    assert not frozen.cv().reliable


MODELS = [
    rgdl.Ising((4, 4), K=0.4),
    rgdl.Ising((4, 4), K=0.4, h=0.1, periodic=(True, False)),
    rgdl.Ising((4, 4), T=-2.0, h=np.arange(16.0).reshape(4, 4)),
    rgdl.Ising((4, 4), K=0.4, couplings={"nn": 1, (2, 1): 0.5, "plaquette": -0.25}),
    rgdl.Ising((4, 4), K=0.4, couplings={((0, 1), (1, 0)): 0.5}),
    rgdl.Ising((2, 2), K=0.4, couplings=np.ones((4, 4)) - np.eye(4)),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_file_keeps_everything(tmp_path, model):
    series = {
        "energy": np.random.default_rng(0).normal(size=(2, 9)),
        "a/b": np.ones((2, 9)),
    }
    trace = rgdl.Trace(
        series,
        model=model,
        method="local",
        thin=3,
        burn_in=7,
        key=(1, 2, 3, 2**64 - 1),
        info={"rate": [0.5]},
    )
    trace.save(tmp_path / "x.npz")
    back = rgdl.Trace.load(tmp_path / "x.npz")
    assert back.model == trace.model
    for name in ("method", "thin", "burn_in", "key", "info"):
        assert getattr(back, name) == getattr(trace, name)
    assert list(back) == list(trace)
    assert all((back[name] == trace[name]).all() for name in trace)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_file_keeps_a_ladder(tmp_path):
    series = {"energy": np.zeros((2, 1, 9))}
    trace = rgdl.Trace(series, model=rgdl.Ising(8, K=0.1), K=[0.1, 0.2])
    trace.save(tmp_path / "x.npz")
    assert rgdl.Trace.load(tmp_path / "x.npz").K.tolist() == [0.1, 0.2]


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    array = {"a": np.arange(3)}
    write_npz(path, "thing", {"b": 1}, array)
    meta, arrays = read_npz(path, "thing")
    assert meta["b"] == 1
    assert meta["rgdl"] == rgdl.__version__
    assert arrays["a"].tolist() == [0, 1, 2]
    with pytest.raises(rgdl.FileFormatError, match="holds a thing, not a trace"):
        rgdl.Trace.load(path)
    newer = {"meta": np.array(json.dumps({"format": FORMAT + 1, "kind": "trace"}))}
    np.savez(path, **newer)
    with pytest.raises(rgdl.FileFormatError, match="update rgdl"):
        rgdl.Trace.load(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(rgdl.FileFormatError, match="not a file of rgdl"):
        rgdl.Trace.load(path)
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(rgdl.FileFormatError, match="damaged"):
        rgdl.Trace.load(path)
    np.save(tmp_path / "y.npy", np.zeros(3))
    with pytest.raises(rgdl.FileFormatError):
        rgdl.Trace.load(tmp_path / "y.npy")
    with pytest.raises(FileNotFoundError):
        rgdl.Trace.load(tmp_path / "absent.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    write_npz(path, "thing", {}, {"a": np.arange(3)})

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_npz(path, "thing", {}, {"a": np.arange(4)})
    assert read_npz(path, "thing")[1]["a"].size == 3
    assert [item.name for item in tmp_path.iterdir()] == ["x.npz"]
    with pytest.raises(TypeError, match="Python objects"):
        write_npz(path, "thing", {}, {"a": np.array([{}], dtype=object)})


def test_bad_arguments_are_named():
    model = rgdl.Ising(8, K=0.1)
    with pytest.raises(TypeError, match=r"model must be a rgdl\.Ising"):
        rgdl.Trace({"energy": np.zeros((1, 9))}, model=8)
    with pytest.raises(ValueError, match="one shape"):
        rgdl.Trace({"a": np.zeros((1, 9)), "b": np.zeros((1, 8))}, model=model)
    with pytest.raises(ValueError, match="one shape"):
        rgdl.Trace({"a": np.zeros(9)}, model=model)
    with pytest.raises(ValueError, match="one shape"):
        rgdl.Trace({}, model=model)
    with pytest.raises(ValueError, match="a must be finite"):
        rgdl.Trace({"a": [[0.0, math.nan]]}, model=model)
    with pytest.raises(ValueError, match="K must be a ladder"):
        rgdl.Trace({"a": np.zeros((1, 1, 9))}, model=model, K=[math.nan])
    trace = rgdl.Trace({"a": np.zeros((1, 9))}, model=model)
    with pytest.raises(ValueError, match="must have energy"):
        trace.cv()
    with pytest.raises(ValueError, match="must have magnetization"):
        trace.binder()
    with pytest.raises(ValueError, match="name must be one of"):
        trace.mean("b")
    with pytest.raises(ValueError, match="needs the energy"):
        trace.reweight(0.2)
    with pytest.raises(ValueError, match="not a ladder"):
        trace.at(0)
    with pytest.raises(ValueError, match="read-only"):
        trace["a"][0, 0] = 1.0
