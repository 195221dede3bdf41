"""Local updates as Markov chains: stationarity, ergodicity, limits of every kernel."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import _core
from rgdl import _reference as ref

KEY = np.array([2, 7, 18, 28], dtype=np.uint64)
HEATBATH, METROPOLIS, LOCAL = range(3)


def advance(shape, K, h, method, words, sweeps, first_sweep=0):
    """Advance packed chains in place; bonds and magnetization after the last sweep."""
    n = len(words)
    cursor = np.tile(np.array([first_sweep, 0], dtype=np.uint64), (n, 1))
    sums = np.zeros((2, 1, 512 * n), dtype=np.int32)
    _core.ising_simulate(
        shape, K, h, method, words,
        _core.stream_states(KEY, _core.PURPOSE_SIMULATE, first_sweep, n),
        cursor, sweeps, sums[0], sums[1], 1, None,
    )  # fmt: skip
    return sums[:, 0]


def state_numbers(words, n_sites):
    spins = _core.ising_unload(words, 512 * len(words)) > 0
    return (spins << np.arange(n_sites)).sum(axis=1)


CASES = [
    ((2, 2), 0.5, 0.0),
    ((2, 2), 0.4, 0.1),
    ((3, 2), 0.4, 0.0),
    ((3, 3), -0.5, 0.3),
    ((8,), 0.9, 0.0),
    ((8,), 0.9, -0.2),
    ((2, 2, 2), 0.2, 0.0),
    ((2, 2, 2), 0.15, 0.2),
]


@pytest.mark.stat
@pytest.mark.parametrize(
    ("method", "sweep"), [(HEATBATH, 0), (METROPOLIS, 0), (LOCAL, 0), (LOCAL, 7)]
)
@pytest.mark.parametrize(("shape", "K", "h"), CASES)
def test_one_sweep_keeps_the_boltzmann_distribution(simd, shape, K, h, method, sweep):
    """One-step stationarity from exact draws, chi-square over all states.

    Power: 102,400 rows see a shift of 1.5 % in the probabilities of 256 states. Broken
    twins: sweeps with the neighbours' classes shifted by a field of 0.3, and (as h = 0
    is blind to a wrong sign of it) at a K that is 25 % off.
    """
    n_sites = math.prod(shape)
    weight = np.exp(-ref.ising_enumerate(shape, K, h))
    p = weight / weight.sum()
    n = 512 * 200
    states = np.random.default_rng(5).choice(len(p), size=n, p=p)
    spins = (2 * (states[:, None] >> np.arange(n_sites) & 1) - 1).astype(np.int8)
    keep = n * p > 5

    def chi_square(K_used, h_used):
        words = _core.ising_load(spins)
        advance(shape, K_used, h_used, method, words, 1, sweep)
        counts = np.bincount(state_numbers(words, n_sites), minlength=len(p))
        counts = np.append(counts[keep], counts[~keep].sum())
        expected = n * np.append(p[keep], p[~keep].sum() + 1e-9)
        return float(((counts - expected) ** 2 / expected).sum())

    # mean at most n_states, sd sqrt(2 n_states): 6 sd plus the tail's skew
    bound = len(p) + 6 * math.sqrt(2 * len(p)) + 20
    assert chi_square(K, h) < bound
    assert chi_square(K, h + 0.3) > bound
    assert chi_square(1.25 * K, h) > bound


@pytest.mark.stat
@pytest.mark.parametrize("method", [HEATBATH, METROPOLIS, LOCAL])
@pytest.mark.parametrize("h", [0.0, 0.1])
def test_one_sweep_keeps_the_energies_of_4x4(method, h):
    """As above with 65,536 states, over bins of (bond sum, magnetization)."""
    shape, K, n = (4, 4), 0.4, 512 * 400
    spins = (2 * (np.arange(2**16)[:, None] >> np.arange(16) & 1) - 1).astype(np.int8)
    bonds, magnetization = _core.ising_sums(spins, shape).T
    weight = np.exp(K * bonds + h * magnetization)
    p = weight / weight.sum()
    rows = np.random.default_rng(6).choice(len(p), size=n, p=p)

    def bins(bonds, magnetization):
        return (bonds + 32) // 4 * 17 + (magnetization + 16) // 2

    exact = np.bincount(bins(bonds, magnetization), weights=p, minlength=17 * 17)
    keep = n * exact > 5

    def chi_square(K_used):
        words = _core.ising_load(spins[rows])
        sums = advance(shape, K_used, h, method, words, 1)
        counts = np.bincount(bins(*sums), minlength=17 * 17)[keep]
        return float(((counts - n * exact[keep]) ** 2 / (n * exact[keep])).sum())

    bound = keep.sum() + 6 * math.sqrt(2 * keep.sum()) + 20
    assert chi_square(K) < bound
    assert chi_square(1.03 * K) > bound  # broken twin: K 3 % off


@pytest.mark.stat
@pytest.mark.parametrize("method", [METROPOLIS, LOCAL])
def test_replicas_are_independent(method):
    """Variance of the mean of 512 replicas is that of independent ones.

    4000 well separated draws: the ratio's sd is sqrt(2/4000) = 2.2 %. Replicas that
    share random numbers in pairs (the broken twin) would give 2.
    """
    shape, n_blocks, draws = (4, 4), 4, 1000
    words = _core.ising_start(shape, 0, 0.5, KEY, 0, n_blocks)
    streams = _core.stream_states(KEY, _core.PURPOSE_SIMULATE, 0, n_blocks)
    cursor = np.zeros((n_blocks, 2), dtype=np.uint64)
    sums = np.zeros((2, draws, 512 * n_blocks), dtype=np.int32)
    _core.ising_simulate(
        shape, 0.25, 0.0, method, words, streams, cursor, 24, *sums, 1, None
    )
    energy = sums[0, 20:].reshape(-1, n_blocks, 512).astype(float)

    def ratio(energy):
        return energy.mean(axis=2).var() / (energy.var() / 512)

    assert abs(ratio(energy) - 1) < 4 * math.sqrt(2 / (980 * n_blocks))
    pairs = np.repeat(energy[:, :, :256], 2, axis=2)
    assert abs(ratio(pairs) - 1) > 0.5


def test_metropolis_alone_is_not_ergodic():
    """At K = 0 every proposal is accepted: two sweeps bring every spin back.

    On a chain walls move without cost, always: they hop two sites a sweep in step, and
    pairs are created and destroyed too rarely; "local" and heat-bath are right.
    """
    for shape in [(2, 2), (8,), (3, 4), (2, 3, 2)]:
        start = _core.ising_start(shape, 0, 0.5, KEY, 0, 1)
        words = start.copy()
        advance(shape, 0.0, 0.0, METROPOLIS, words, 1)
        assert np.array_equal(words, ~start)
        words = start.copy()
        advance(shape, 0.0, 0.0, LOCAL, words, 16)
        assert not np.array_equal(words, start)
        assert abs(np.bitwise_count(words ^ start).mean() - 32) < 8
    # an alternating 4x4 stripe state: all local fields are 0, a closed cycle of two
    stripes = np.tile(np.array([[1], [1], [-1], [-1]], dtype=np.int8), (1, 4))
    stripes = stripes * np.roll(stripes.T, 1, axis=0)
    fields = sum(np.roll(stripes, step, axis) for step in (1, -1) for axis in (0, 1))
    assert not fields.any()
    for method, frozen in [(METROPOLIS, True), (HEATBATH, False), (LOCAL, False)]:
        words = _core.ising_load(np.tile(stripes.reshape(1, 16), (512, 1)))
        bonds, _ = advance((4, 4), 1 / 1.5, 0.0, method, words, 400)
        assert (bonds.max() == 0) == frozen


@pytest.mark.stat
def test_metropolis_and_local_on_a_chain():
    """Chain of 8 at T = 0.9, exact <e> = -0.8699: only "local" and heat-bath get it."""
    K = 1 / 0.9
    t = math.tanh(K)
    exact = -(t + t**7) / (1 + t**8)
    z = {}
    for method in (HEATBATH, METROPOLIS, LOCAL):
        words = _core.ising_start((8,), 0, 0.5, KEY, 0, 8)
        energy = -advance((8,), K, 0.0, method, words, 4000)[0] / 8
        z[method] = (energy.mean() - exact) / (energy.std() / math.sqrt(len(energy)))
    assert abs(z[HEATBATH]) < 4
    assert abs(z[LOCAL]) < 4
    assert abs(z[METROPOLIS]) > 8


@pytest.mark.stat
@pytest.mark.parametrize("method", [HEATBATH, METROPOLIS, LOCAL])
def test_symmetries_and_ground_states(simd, method):
    shape = (4, 6)
    # h -> -h turns the mean magnetization, K -> -K the staggered one
    sums = {}
    for h in (0.05, -0.05):
        words = _core.ising_start(shape, 0, 0.5, KEY, 0, 4)
        sums[h] = advance(shape, 0.2, h, method, words, 64)[1] / 24
    sd = math.hypot(sums[0.05].std(), sums[-0.05].std()) / math.sqrt(2048)
    assert abs(sums[0.05].mean() + sums[-0.05].mean()) < 4 * sd
    assert sums[0.05].mean() > 8 * sd
    bonds = {}
    for K in (0.3, -0.3):
        words = _core.ising_start(shape, 0, 0.5, KEY, 0, 4)
        bonds[K] = advance(shape, K, 0.0, method, words, 64)[0]
    sd = math.hypot(bonds[0.3].std(), bonds[-0.3].std()) / math.sqrt(2048)
    assert abs(bonds[0.3].mean() + bonds[-0.3].mean()) < 4 * sd
    # large |K|: an ordered, or an alternating, state stays for ever
    for K, start in ((30.0, 1), (-30.0, 2)):
        words = _core.ising_start(shape, start, 0.5, KEY, 0, 1)
        before = words.copy()
        assert set(advance(shape, K, 0.0, method, words, 20)[0]) == {
            48 if K > 0 else -48
        }
        assert np.array_equal(words, before)


@pytest.mark.stat
@pytest.mark.parametrize("method", [HEATBATH, METROPOLIS, LOCAL])
@pytest.mark.parametrize(("shape", "K"), [((16, 128), 0.3), ((1024,), 0.7)])
def test_one_sweep_of_a_folded_lattice_keeps_energy_and_order(shape, K, method):
    """One-step stationarity of single lattices from exact draws (coupling from the
    past): e and m^2 after less before, a paired difference, within 4 sigma of 0.

    Power: the twin whose sweep has K 5 % off moves e by more than 4 sigma.
    """
    rows = rgdl.sample(rgdl.Ising(shape, K=K), 512, method="perfect", rng=4)
    n = math.prod(shape)
    streams = _core.stream_states(KEY, _core.PURPOSE_SIMULATE, 0, 16 * 512)

    def z(K_used):
        after = np.zeros((512, 2), dtype=np.int64)
        for row in range(512):
            words = _core.fold_load(shape, rows[row].ravel())
            _core.fold_simulate(
                shape, K_used, 0.0, method, words, streams[16 * row : 16 * row + 16],
                np.array([7, 0], dtype=np.uint64), 1, after[row, :1], after[row, 1:],
                1, None,
            )  # fmt: skip
        bonds, magnetization = _core.ising_sums(rows.reshape(512, n), shape).T
        gaps = (after[:, 0] - bonds) / n, (after[:, 1] ** 2 - magnetization**2) / n**2
        return [gap.mean() / (gap.std() / math.sqrt(512)) for gap in gaps]

    assert np.abs(z(K)).max() < 4
    assert abs(z(1.05 * K)[0]) > 4
