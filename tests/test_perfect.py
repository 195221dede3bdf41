"""method="perfect": the exact distribution, without any burn-in."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import _reference as ref


def chi_square(spins, shape, K, h):
    """(chi^2 - df) / sd over all states; df = states - 1, sd = sqrt(2 df)."""
    n_sites = math.prod(shape)
    up = spins.reshape(len(spins), n_sites) > 0
    counts = np.bincount((up << np.arange(n_sites)).sum(axis=1), minlength=2**n_sites)
    weight = np.exp(-ref.ising_enumerate(shape, K, h))
    expected = len(spins) * weight / weight.sum()
    chi2 = ((counts - expected) ** 2 / expected).sum()
    return (chi2 - len(weight) + 1) / math.sqrt(2 * (len(weight) - 1))


@pytest.mark.stat
@pytest.mark.parametrize(
    ("shape", "K", "h"),
    [
        ((2, 2), 0.4, 0.1),
        ((3, 3), 0.35, 0.05),
        ((6,), 0.7, -0.1),
        ((2, 4), -0.35, 0.4),
        ((2, 2, 2), 0.15, 0.1),
    ],
)
def test_distribution_over_all_states(shape, K, h):
    """chi^2 within 5 sd; power: 20,480 rows see a K that is 10 % off (broken twin)."""
    model = rgdl.Ising(shape, K=K, h=h)
    spins = rgdl.sample(model, 20_480, method="perfect", rng=5)
    assert chi_square(spins, shape, K, h) < 5
    assert chi_square(spins, shape, 1.1 * K, h) > 5


@pytest.mark.stat
def test_distribution_over_energy_and_magnetization_4x4():
    """65,536 states in 600 cells of (energy, m) with at least 10 expected; 5 sd."""
    model = rgdl.Ising((4, 4), K=0.35)
    states = np.arange(2**16)[:, None] >> np.arange(16) & 1
    every = (2 * states - 1).astype(np.int8).reshape(-1, 4, 4)
    weight = np.exp(-model.hamiltonian(every))

    def cells(s):
        e = np.rint(model.energy(s) * 16).astype(int) + 32
        return e * 33 + np.rint(model.magnetization(s) * 16).astype(int) + 16

    spins = rgdl.sample(model, 20_480, method="perfect", rng=6)
    p = np.bincount(cells(every), weight, minlength=65 * 33) / weight.sum()
    counts = np.bincount(cells(spins), minlength=65 * 33)

    def z(p):
        enough = len(spins) * p >= 10
        seen = np.append(counts[enough], counts[~enough].sum())
        expected = len(spins) * np.append(p[enough], p[~enough].sum())
        chi2 = ((seen - expected) ** 2 / expected).sum()
        return (chi2 - len(seen) + 1) / math.sqrt(2 * (len(seen) - 1))

    hotter = np.bincount(cells(every), weight**0.93, minlength=65 * 33)
    assert z(p) < 5
    assert z(hotter / hotter.sum()) > 5  # broken twin: K 7 % off


def couple_on_2x2(n, K, *, past):
    """n pairs of chains on 2x2, from the past, or forward until each pair meets."""
    rng = np.random.default_rng(7)
    neighbours = {0: (1, 2), 3: (1, 2), 1: (0, 3), 2: (0, 3)}  # each counts twice

    def sweep(upper, lower, u):
        for site, (a, b) in neighbours.items():
            for s in (upper, lower):
                s[site] = 1 - 2 * (u[site] >= 1 / (1 + np.exp(-4 * K * (s[a] + s[b]))))

    def start():
        return np.ones((4, n)), -np.ones((4, n))

    rows, seen = np.zeros((4, n), dtype=int), np.zeros(n, dtype=bool)
    uniforms = [rng.random((4, n)) for _ in range(128)]
    if past:
        upper, lower = start()
        for u in reversed(uniforms):
            sweep(upper, lower, u)
        assert (upper == lower).all()
        return upper.T.astype(int)
    upper, lower = start()
    for u in uniforms:
        sweep(upper, lower, u)
        met = (upper == lower).all(axis=0) & ~seen
        rows[:, met] = upper[:, met]
        seen |= met
    assert seen.all()
    return rows.T


@pytest.mark.stat
def test_coupling_forward_in_time_is_biased():
    """The broken twin takes the state in which a pair meets: 20,000 rows reject it by
    more than 10 sd; the same chains coupled from the past pass."""
    assert chi_square(couple_on_2x2(20_000, 0.3, past=False), (2, 2), 0.3, 0.0) > 10
    assert chi_square(couple_on_2x2(20_000, 0.3, past=True), (2, 2), 0.3, 0.0) < 5


@pytest.mark.stat
@pytest.mark.parametrize(("L", "K", "n"), [(32, 0.4, 512), (12, 0.4406867935, 512)])
def test_energy_agrees_with_kaufman(L, K, n):
    """4 sigma; power: 0.3 % (0.4) and 0.9 % (K_c) of the energy."""
    model = rgdl.Ising((L, L), K=K)
    spins, info = rgdl.sample(model, n, method="perfect", rng=3, return_info=True)
    energy = model.energy(spins)
    spread = energy.std(ddof=1) / math.sqrt(n)
    assert abs(energy.mean() - rgdl.exact.kaufman((L, L), K).energy) < 4 * spread
    assert abs(energy.mean() - rgdl.exact.kaufman((L, L), 0.96 * K).energy) > 4 * spread
    assert info.method == "perfect"
    assert info.burn_in >= 64
    again = rgdl.sample(model, 512, method="perfect", rng=info.key, workers=2)
    assert np.array_equal(again, spins)


def test_below_tc_the_limit_ends_it():
    with pytest.raises(rgdl.ConvergenceError, match=r"64 sweeps .*heatbath"):
        rgdl.sample(
            rgdl.Ising((16, 16), K=0.7), 10, method="perfect", burn_in=64, rng=0
        )


def test_frustrated_lattice_is_refused():
    with pytest.raises(ValueError, match="even extents"):
        rgdl.sample(rgdl.Ising((3, 4), K=-0.3), 10, method="perfect", rng=0)
