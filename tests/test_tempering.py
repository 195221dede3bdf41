"""rgdl.temper against enumeration and Kaufman; where single chains fail."""

import numpy as np
import pytest

import rgdl


def z_of(values, exact):
    """Deviation in standard errors; values (chains, draws), chains independent."""
    means = values.mean(axis=1)
    return (means.mean() - exact) / (means.std(ddof=1) / np.sqrt(len(means)))


def glass_4x4(seed):
    rng = np.random.default_rng(seed)
    index = np.arange(16).reshape(4, 4)
    J = np.zeros((16, 16))
    for axis in (0, 1):
        a, b = index.ravel(), np.roll(index, -1, axis=axis).ravel()
        np.add.at(J, (a, b), rng.normal(size=16))
    return J + J.T


@pytest.mark.stat
def test_energies_of_a_torus_agree_with_kaufman():
    """4 sigma at every K; power: 0.1 % of the energy, so K 1 % off must fail."""
    ladder = [0.36, 0.40, 0.44, 0.48]
    run = rgdl.temper(rgdl.Ising((8, 8), K=1), ladder, draws=200, rng=1, workers=2)
    for K, energy, m in zip(ladder, run["energy"], run["magnetization"], strict=True):
        assert abs(z_of(energy, rgdl.exact.kaufman((8, 8), K).energy)) < 4
        assert abs(z_of(energy, rgdl.exact.kaufman((8, 8), 1.01 * K).energy)) > 4
        assert abs(z_of(m, 0.0)) < 4
    assert run.info["reliable"]
    assert all(0.3 < rate < 1 for rate in run.info["swap_rates"])
    assert np.shape(run.info["round_trips"]) == (512, 4)


@pytest.mark.stat
def test_a_cold_glass_where_single_chains_are_stuck():
    """Gaussian 4x4 glass at K = 4: tempering within 4 sigma of enumeration at every
    K; the same steps at K = 4 alone, from random starts, are off by more than 20."""
    J = glass_4x4(5)
    ladder = np.geomspace(0.3, 4.0, 10)
    model = rgdl.Ising((4, 4), K=1, couplings=J)
    run = rgdl.temper(model, ladder, draws=300, burn_in=300, rng=2, workers=2)
    for K, energy in zip(ladder, run["energy"], strict=True):
        cold = rgdl.Ising((4, 4), K=K, couplings=J)
        assert abs(z_of(energy, rgdl.exact.enumerate_states(cold).energy)) < 4
    assert run.info["reliable"]
    alone = rgdl.temper(model, [4.0, 4.001], draws=300, burn_in=300, rng=2)
    exact = rgdl.exact.enumerate_states(rgdl.Ising((4, 4), K=4.0, couplings=J)).energy
    assert abs(z_of(alone["energy"][0], exact)) > 20


def test_too_few_couplings_are_told():
    with pytest.warns(rgdl.EquilibrationWarning, match=r"between K = 0\.1 and 1"):
        run = rgdl.temper(rgdl.Ising((16, 16), K=1), [0.1, 1.0], draws=10, rng=0)
    assert not run.info["reliable"]
    assert run.info["swap_rates"][0] < 0.05


@pytest.mark.filterwarnings("ignore::rgdl.EquilibrationWarning")
def test_key_chains_and_start():
    model = rgdl.Ising(6, K=1, h=0.2)
    arguments = {"draws": 5, "burn_in": 0, "progress": False}
    run = rgdl.temper(model, [0.6, 0.2], chains=600, rng=4, **arguments)
    assert run["energy"].shape == (2, 600, 5)
    again = rgdl.temper(model, [0.6, 0.2], chains=3, rng=run.key, **arguments)
    assert np.array_equal(again["energy"], run["energy"][:, :3])
    up = rgdl.temper(model, [0.6, 0.2], chains=512, start="up", rng=4, **arguments)
    assert up["magnetization"][..., 0].mean() > run["magnetization"][..., 0].mean()


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        ([0.3], "at least 2"),
        ([0.1, 0.3, 0.2], "monotonic"),
        ([0.1, np.nan], "finite"),
        ("ab", "real numbers"),
    ],
)
def test_bad_ladders(ladder, message):
    with pytest.raises((ValueError, TypeError), match=message):
        rgdl.temper(rgdl.Ising(4, K=1), ladder, draws=1)


@pytest.mark.parametrize("start", ["random", "up"])
@pytest.mark.parametrize("chains", [10**13, 2**62])
def test_too_many_chains_are_refused_at_once(chains, start, monkeypatch):
    """Before any block is made, naming the bytes (or the size, where none would do)."""
    monkeypatch.setattr("rgdl._core.stream_planes", None)
    with pytest.raises((MemoryError, ValueError), match=r"allocate .*iB|too big"):
        rgdl.temper(
            rgdl.Ising((8, 8), K=1), [0.1, 0.2], chains=chains, draws=2, start=start
        )


def test_reduced_couplings_have_no_K():
    couplings = rgdl.Couplings.from_table(np.arange(16.0))
    with pytest.raises(ValueError, match="must have a K"):
        rgdl.temper(rgdl.Ising(4, couplings=couplings), [0.1, 0.2], draws=2)
