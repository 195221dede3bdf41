"""Cluster updates against exact results: stationarity, enumeration, histograms.

Statistical tests use fixed keys; an error bar is that of independent chains.
"""

import functools
import itertools
import math

import numpy as np
import pytest

import rgdl
from rgdl import _core
from rgdl import _reference as ref

K_C = 0.5 * math.log(1 + math.sqrt(2))
METHODS = pytest.mark.parametrize("method", [0, 1], ids=["wolff", "swendsen-wang"])


def pack(spins):
    return _core.pack(np.ascontiguousarray(spins.reshape(len(spins), -1)), -1)


def simulate(
    shape, K, h, method, *, chains, draws, burn_in, per_sweep=1, seed=1, periodic=None
):
    """Chains from all spins up; (draws, chains) arrays as _core gives them."""
    words = pack(np.ones((chains, math.prod(shape)), np.int8))
    key = np.array([seed, 2, 3, 4], dtype=np.uint64)
    streams = _core.stream_states(key, _core.PURPOSE_CLUSTER, 0, chains)

    def advance(n, thin, improved):
        per = per_sweep if method == 0 else 1
        return _core.cluster_simulate(
            *(shape, K, h, method, words, streams, per, n, thin, improved, 2, None),
            periodic,
        )

    advance(1, burn_in, False)
    return advance(draws, 1, True)


def z_of(values, expected):
    """Deviation of the mean in units of its error; columns are independent chains."""
    means = values.mean(axis=0)
    error = means.std(ddof=1) / math.sqrt(len(means))
    return (means.mean() - expected) / error


def boltzmann(shape, K, h, periodic=None):
    """All states as spins (state number = bits in C order) and their probabilities."""
    n = math.prod(shape)
    bits = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    spins = (2 * bits - 1).reshape(-1, *shape)
    bonds = np.zeros(1 << n)
    for axis, closed in enumerate(periodic or (True,) * len(shape)):
        pairs = spins * np.roll(spins, 1, axis=axis + 1)
        if not closed:  # the first site's pair is with the last
            pairs = np.delete(pairs, 0, axis=axis + 1)
        bonds += pairs.reshape(1 << n, -1).sum(axis=1)
    weight = np.exp(K * bonds + h * spins.reshape(-1, n).sum(axis=1))
    return spins, weight / weight.sum()


# ---- one step keeps the Boltzmann distribution ----

SMALL = [
    ((2, 2), 0.4, 0.15),
    ((3, 2), 0.35, 0.0),
    ((4, 4), 0.3, 0.0),
    ((4, 4), -0.25, 0.2),
    ((8,), 0.8, -0.2),
    ((8,), -0.8, 0.0),
    ((2, 2, 2), 0.2, 0.1),
]


def chi_square_of_one_step(shape, K, h, step, n_start, periodic=None):
    """Chi-square of the states after one step from exact draws, and its bound."""
    n = math.prod(shape)
    _, p = boltzmann(shape, K, h, periodic)
    states = np.random.default_rng(5).choice(len(p), size=n_start, p=p)
    spins = (2 * ((states[:, None] >> np.arange(n)) & 1) - 1).astype(np.int8)
    after = step(spins)
    index = ((after > 0).astype(np.int64) << np.arange(n)).sum(axis=1)
    counts = np.bincount(index, minlength=len(p))
    # bins that hold 20 or more: rare states go together into the last
    order = np.argsort(p)
    small = np.cumsum(p[order]) * n_start < 20
    bins = np.zeros(len(p), dtype=np.int64)
    bins[order[~small]] = 1 + np.arange((~small).sum())
    expected = np.bincount(bins, weights=p * n_start)
    found = np.bincount(bins, weights=counts)
    used = expected > 0
    chi2 = ((found - expected)[used] ** 2 / expected[used]).sum()
    return chi2, used.sum() + 6 * math.sqrt(2 * used.sum()) + 20


def one_step(shape, K, h, method, periodic=None, seed=1):
    def step(spins):
        words = pack(spins)
        key = np.array([seed, 9, 9, 9], dtype=np.uint64)
        streams = _core.stream_states(key, _core.PURPOSE_CLUSTER, 0, len(spins))
        _core.cluster_simulate(
            *(shape, K, h, method, words, streams, 1, 1, 1, False, 2, None),
            periodic,
        )
        return _core.unpack(words, spins.shape[1], -1)

    return step


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize(("shape", "K", "h"), SMALL)
def test_one_update_keeps_the_boltzmann_distribution(shape, K, h, method):
    """Chi-square over states after one update of 60,000 exact draws.

    Power: the broken twins below shift the probabilities by a few per cent; the bound
    (6 sd and 20) sees 2 % on 4x4 and less elsewhere.
    """
    chi2, bound = chi_square_of_one_step(
        shape, K, h, one_step(shape, K, h, method), 60_000
    )
    assert chi2 < bound


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize(("shape", "K", "h"), SMALL)
def test_broken_updates_fail_the_same_check(shape, K, h, method):
    """Bonds with 1 - exp(-K) instead of 1 - exp(-2 K); and, with a field, none felt."""
    broken = [one_step(shape, K / 2, h, method)]
    if h != 0:
        broken.append(one_step(shape, K, 0.0, method))
    for step in broken:
        chi2, bound = chi_square_of_one_step(shape, K, h, step, 60_000)
        assert chi2 > bound


@pytest.mark.stat
@METHODS
def test_lost_wrapping_bond_fails(method, monkeypatch):
    """The twin on a 4-chain with and without the bond that closes it."""

    def step(spins):
        for row, s in enumerate(spins):
            stream = ref.Stream(np.array([row, 1, 1, 1], np.uint64), 5, 0)
            ref.cluster_chain((4,), 1.0, 0.0, method, s, stream)
        return spins

    chi2, bound = chi_square_of_one_step((4,), 1.0, 0.0, step, 400)
    assert chi2 < bound
    whole = ref.Strips.after

    def torn(self, site, axis, k=1):  # the last column is its own neighbour
        there = whole(self, site, axis, k)
        return site if abs(there[1] - site[1]) > 1 else there

    monkeypatch.setattr(ref.Strips, "after", torn)
    chi2, bound = chi_square_of_one_step((4,), 1.0, 0.0, step, 400)
    assert chi2 > bound


#: The seam's bonds would be those of a torus; that is the broken twin, axis by axis.
SMALL_OPEN = [
    ((3, 2), 0.4, 0.0, (False, False)),
    ((4, 4), 0.3, 0.0, (False, False)),
    ((3, 2), -0.4, 0.15, (False, False)),
    ((4, 4), 0.35, 0.0, (True, False)),
    ((3, 3), 0.4, 0.1, (True, False)),
    ((3, 4), -0.5, 0.0, (False, True)),
    ((8,), 0.8, 0.0, (False,)),
    ((8,), -0.8, 0.3, (False,)),
    ((2, 2, 2), 0.3, 0.1, (False, False, False)),
    ((2, 2, 2), 0.3, 0.0, (False, True, False)),
]


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize(("shape", "K", "h", "periodic"), SMALL_OPEN)
def test_one_update_on_open_axes(shape, K, h, periodic, method):
    """As on tori; bonds across the seam of any one open axis fail the same check.

    Power: such a bond joins two ends with probability 1 - exp(-2 |K|), about a half,
    where they are alike, and 60,000 draws see changes of 2 %.
    """
    step = one_step(shape, K, h, method, periodic)
    chi2, bound = chi_square_of_one_step(shape, K, h, step, 60_000, periodic)
    assert chi2 < bound
    for axis, closed in enumerate(periodic):
        broken = tuple(x or i == axis for i, x in enumerate(periodic))
        if not closed and (K > 0 or shape[axis] % 2 == 0):
            step = one_step(shape, K, h, method, broken)
            chi2, bound = chi_square_of_one_step(shape, K, h, step, 60_000, periodic)
            assert chi2 > bound


# ---- long runs ----


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize(
    ("shape", "per_sweep", "draws", "K"),
    [
        ((8, 8), 2, 800, K_C),
        ((32, 32), 2, 400, K_C),
        ((64, 64), 3, 150, K_C),
        ((100, 100), 3, 80, K_C),
        ((65, 66), 3, 120, 0.43),
        ((128, 128), 3, 60, K_C),
    ],
)
def test_energies_of_kaufman(shape, per_sweep, draws, K, method):
    """4 sigma in the energy per site, 24 chains from the ordered start.

    Power: the error is below 0.4 % of the energy, so 4 sigma see 1.6 %; a K that is
    3 % off (the broken twin) shifts it by more than 5 %.
    """
    bonds, m, m2, _, _ = simulate(
        *(shape, K, 0.0, method),
        chains=24,
        draws=draws,
        burn_in=60,
        per_sweep=per_sweep,
    )
    n = math.prod(shape)
    energy = -bonds / n
    exact = rgdl.exact.kaufman(shape, K=K).energy
    error = energy.mean(axis=0).std(ddof=1) / math.sqrt(24)
    assert error < 0.004 * abs(exact)
    assert abs(z_of(energy, exact)) < 4
    assert abs(z_of(energy, rgdl.exact.kaufman(shape, K=0.97 * K).energy)) > 4
    assert abs(z_of(m2 - (m / n) ** 2, 0.0)) < 4


@functools.cache
def exact_energy(shape, K, periodic):
    """-d ln Z / dK / N of a strip's transfer matrix; cubic in the step of K."""

    def log_z(x):
        model = rgdl.Ising(shape, K=x, periodic=periodic)
        return rgdl.exact.transfer_matrix(model).log_z

    d = 1e-3
    slope = 8 * (log_z(K + d) - log_z(K - d)) - (log_z(K + 2 * d) - log_z(K - 2 * d))
    return -slope / (12 * d * math.prod(shape))


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize(
    ("shape", "K", "periodic"),
    [
        ((66, 9), K_C, (False, False)),
        ((65, 8), 0.5, (False, True)),
        ((66, 8), -K_C, (True, False)),
        ((17, 9), -0.5, (False, False)),
    ],
)
def test_energies_of_open_strips(shape, K, periodic, method):
    """4 sigma of the transfer matrix, 48 chains, on both orders of the axes.

    Power: errors below 0.3 % of the energy; that of a K 4 % off is more than
    4 sigma away.
    """
    found = []
    for turn in (1, -1):
        bonds, _, m2, _, _ = simulate(
            *(shape[::turn], K, 0.0, method),
            chains=48,
            draws=250,
            burn_in=60 if method else 600,  # Wolff's clusters are small at first
            per_sweep=3,
            periodic=periodic[::turn],
        )
        energy = -bonds / math.prod(shape)
        exact = exact_energy(shape, K, periodic)
        assert energy.mean(axis=0).std(ddof=1) / math.sqrt(48) < 0.003 * abs(exact)
        assert abs(z_of(energy, exact)) < 4
        assert abs(z_of(energy, exact_energy(shape, 0.96 * K, periodic))) > 4
        found.append(m2.mean(axis=0))
    spread = math.sqrt(sum(m2.var(ddof=1) / len(m2) for m2 in found))
    assert abs(found[0].mean() - found[1].mean()) < 4 * spread


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize("L", [4, 6, 8])
def test_energy_histogram(L, method):
    """Chi-square of the energies against the exact density of states.

    Power: the last states of 4000 independent chains; a K 5 % off fails.
    """
    energies, counts = rgdl.exact.density_of_states(L)
    bonds, *_ = simulate(
        (L, L), 0.42, 0.0, method, chains=2000, draws=1, burn_in=40, per_sweep=2
    )
    more, *_ = simulate(
        (L, L), 0.42, 0.0, method, chains=2000, draws=1, burn_in=40, per_sweep=2, seed=2
    )
    found = np.concatenate([bonds.ravel(), more.ravel()])

    def chi2(K):
        log_w = np.array([math.log(c) if c else -math.inf for c in counts]) - K * (
            np.array(energies, dtype=float)
        )
        p = np.exp(log_w - log_w.max())
        p /= p.sum()
        expected = p * len(found)
        seen = np.array([(found == -e).sum() for e in energies])
        big = expected > 10
        rest = expected[~big].sum()
        total = ((seen - expected)[big] ** 2 / expected[big]).sum()
        return total + (seen[~big].sum() - rest) ** 2 / rest, big.sum() + 1

    value, bins = chi2(0.42)
    bound = bins + 6 * math.sqrt(2 * bins) + 20
    assert value < bound
    assert chi2(0.95 * 0.42)[0] > bound


@pytest.mark.stat
@METHODS
def test_magnetization_and_binder(method):
    """<|m|> and U4 of 6x6 at K_c against the exact distribution, 4 sigma.

    Power: errors of 0.2 %; the values at 0.97 K_c (broken twin) are 20 sigma away.
    """
    N = 36
    _, m, _, _, _ = simulate(
        (6, 6), K_C, 0.0, method, chains=200, draws=300, burn_in=30, per_sweep=2
    )
    m = m / N

    def exact(K):
        values, p = rgdl.exact.magnetization_distribution((6, 6), K)
        m2, m4 = (p * values**2).sum(), (p * values**4).sum()
        return (p * abs(values)).sum(), m2, m4

    mean_abs, m2, m4 = exact(K_C)
    assert abs(z_of(abs(m), mean_abs)) < 4
    # U4 = 1 - m4 / (3 m2^2), to first order in the deviations
    slope = (m**4 - m4) / (3 * m2**2) - 2 * m4 * (m**2 - m2) / (3 * m2**3)
    assert abs(z_of(slope, 0.0)) < 4
    assert abs(z_of(m, 0.0)) < 4
    assert abs(z_of(abs(m), exact(0.97 * K_C)[0])) > 4


ENUMERATED = [
    ((4, 4), 0.35, 0.0),
    ((4, 4), 0.3, 0.1),
    ((3, 3), 0.3, -0.4),
    ((4, 4), -0.35, 0.3),
    ((10,), 0.7, 0.15),
    ((2, 3, 2), 0.2, 0.0),
    ((2, 2, 4), -0.2, 0.25),
    ((2, 3, 2), 0.2, 0.2),
]


@pytest.mark.stat
@METHODS
@pytest.mark.parametrize(("shape", "K", "h"), ENUMERATED)
def test_enumeration(shape, K, h, method):
    """<e>, <m>, <m^2>, and the improved estimators, 4 sigma of 100 chains.

    Power: errors below 0.5 % of <m^2>; K 10 % and h 25 % too big are seen.
    """
    model = rgdl.Ising(shape, K=K, h=h)
    n = model.n_sites
    bonds, m, m2, m4, _ = simulate(
        shape, K, h, method, chains=100, draws=600, burn_in=30, per_sweep=3
    )
    exact = rgdl.exact.enumerate_states(model)
    assert abs(z_of(-bonds / n, exact.energy)) < 4
    assert abs(z_of((m / n) ** 2, exact.mean_square_magnetization)) < 4
    off = rgdl.exact.enumerate_states(rgdl.Ising(shape, K=1.1 * K, h=1.25 * h))
    assert abs(z_of(-bonds / n, off.energy)) > 4
    if method == 0:
        assert np.isnan(m4).all()
        assert np.isnan(m2).all() == (h != 0)
    if method == 1 or h == 0:
        order2, order4 = order_moments(shape, K, h)
        assert abs(z_of(m2, order2)) < 4
        if method == 1:
            assert abs(z_of(m4, order4)) < 4


def order_moments(shape, K, h):
    """<m^2>, <m^4> by enumeration; of the staggered magnetization for K < 0."""
    spins, p = boltzmann(shape, K, h)
    signs = np.where((K < 0) & (np.indices(shape).sum(axis=0) % 2 == 1), -1, 1)
    m = (spins * signs).reshape(len(p), -1).mean(axis=1)
    return (p * m**2).sum(), (p * m**4).sum()


@METHODS
def test_antiferromagnet_is_the_ferromagnet_under_the_sublattice_map(method):
    """The same streams, h = 0: every configuration is the other's image."""
    shape = (6, 70)
    spins = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (3, *shape))
    signs = (1 - 2 * (np.indices(shape).sum(axis=0) % 2)).astype(np.int8)
    key = np.array([4, 4, 4, 4], dtype=np.uint64)
    results = []
    for K, start in ((0.44, spins), (-0.44, spins * signs)):
        words = pack(start)
        streams = _core.stream_states(key, 5, 0, 3)
        bonds, *_ = _core.cluster_simulate(
            *(shape, K, 0.0, method, words, streams, 5, 4, 1, False, 1, None)
        )
        results.append((bonds, _core.unpack(words, math.prod(shape), -1)))
    assert np.array_equal(results[0][0], -results[1][0])
    assert np.array_equal(
        results[0][1].reshape(spins.shape) * signs, results[1][1].reshape(spins.shape)
    )


@pytest.mark.stat
@METHODS
def test_mean_cluster_is_n_times_m2(method):
    """<|C|> = N <m^2> on 16x16 at K_c; both sides measured, 4 sigma of 100 chains.

    Power: relative error 0.3 %; |C| of a field-free run at 0.98 K is 10 sigma away.
    """

    def run(K):
        return simulate(
            (16, 16), K, 0.0, method, chains=100, draws=200, burn_in=40, per_sweep=3
        )

    _, m, m2, _, _ = run(K_C)
    assert abs(z_of(m2 - (m / 256) ** 2, 0.0)) < 4
    other = run(0.98 * K_C)[2]
    assert abs(z_of(other - (m / 256) ** 2, 0.0)) > 4


@pytest.mark.stat
def test_improved_estimator_has_the_smaller_error():
    """Why it exists: at 0.9 K_c the error of <m^2> shrinks by more than 1.5."""
    _, m, m2, _, _ = simulate(
        (32, 32), 0.9 * K_C, 0.0, 1, chains=100, draws=40, burn_in=30
    )
    plain = ((m / 1024) ** 2).mean(axis=0).std()
    assert m2.mean(axis=0).std() < plain / 1.5


def test_extreme_couplings():
    """K = 0: independent fair spins. Large K: one cluster. Large h: all along it."""
    for method, h in itertools.product((0, 1), (50.0, -50.0)):
        words = pack(np.ones((4, 36), np.int8))
        streams = _core.stream_states(np.arange(4, dtype=np.uint64), 5, 0, 4)
        _, m, *_ = _core.cluster_simulate(
            *((6, 6), 0.1, h, method, words, streams, 400, 1, 20, False, 1, None)
        )
        assert np.array_equal(m, np.full((1, 4), math.copysign(36, h)))
    bonds, m, m2, m4, _ = simulate((6, 6), 40.0, 0.0, 1, chains=50, draws=20, burn_in=1)
    assert (bonds == 72).all()
    assert set(np.unique(m)) == {-36, 36}
    assert (m2 == 1).all()
    assert (m4 == 1).all()
    bonds, *_ = simulate((6, 6), 0.0, 0.0, 1, chains=50, draws=200, burn_in=1)
    assert abs(z_of(bonds / 72, 0.0)) < 4
