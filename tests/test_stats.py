"""rgdl.stats against series of known tau, exact draws, exact partition functions."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

import rgdl
from rgdl import stats

ALL = (stats.mean, stats.autocorrelation_time, stats.binning, stats.ess, stats.r_hat)


def ar1(a, shape, seed):
    """x_t = a x_{t-1} + noise, stationary: tau_int = (1 + a) / (2 (1 - a))."""
    noise = np.random.default_rng(seed).normal(size=shape)
    noise[..., 0] /= math.sqrt(1 - a * a)
    return lfilter([1.0], [1.0, -a], noise, axis=-1)


def tau_of(a):
    return (1 + a) / (2 * (1 - a))


def exact_energies(L, K, n, seed):
    """Independent total energies of the L x L torus, from its density of states."""
    levels, counts = rgdl.exact.density_of_states(L)
    logs = np.array([math.log(c) for c in counts]) - K * levels
    p = np.exp(logs - logs.max())
    return np.random.default_rng(seed).choice(levels, size=n, p=p / p.sum())


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.2345, 0.0067, "1.2345(67)"),
        (-1.95634, 0.00321, "-1.9563(32)"),
        (1234.5, 56, "1234(56)"),
        (1234.5, 567, "1.23(57)e+03"),
        (12.345, 1.2, "12.3(1.2)"),
        (9.99, 0.996, "10.0(1.0)"),
        (9.9996, 0.00996, "10.000(10)"),
        (0.5, 0.0995, "0.50(10)"),
        (1.234e-5, 2e-7, "1.234(20)e-05"),
        (1e-5, 3e-3, "0.0000(30)"),
        (12345678.9, 12.0, "1.2345679(12)e+07"),
        (1e12, 3e13, "0.1(3.0)e+13"),
        (1.0, math.nan, "1(nan)"),
        (math.nan, math.nan, "nan(nan)"),
        (math.inf, 1.0, "inf(1)"),
        (2.0, 0.0, "2(0)"),
    ],
)
def test_prints_value_and_error(value, error, text):
    estimate = stats.Estimate(value, error)
    assert str(estimate) == f"{estimate}" == text


def test_estimate_is_a_number_and_says_when_not_to_trust_it():
    x = stats.Estimate(1.5, 0.1, 2.0, 30.0, False, "too short")
    assert float(x) == 1.5
    assert f"{x:.3f}" == "1.500"
    assert "unreliable: too short" in repr(x)
    assert "unreliable" not in repr(stats.Estimate(1.5, 0.1))


@pytest.mark.stat
@pytest.mark.parametrize("a", [-0.5, 0.0, 0.5, 0.9, 0.97])
def test_autocorrelation_time_of_ar1(a):
    """40 series of 4 x 5000: mean and spread of tau; sees a shift of 3 to 6 %."""
    found = [stats.autocorrelation_time(ar1(a, (4, 5000), s)) for s in range(40)]
    values = np.array([tau.value for tau in found])
    errors = np.array([tau.error for tau in found])
    assert all(tau.reliable for tau in found)
    # truncation at 6 tau loses e^-6, the noise of the window itself about 1 %
    slack = 0.02 * tau_of(a)
    assert abs(values.mean() - tau_of(a)) < 4 * values.std() / math.sqrt(40) + slack
    assert 0.6 < errors.mean() / values.std() < 1.6
    # broken twin: emcee's convention
    assert abs(2 * values.mean() - tau_of(a)) > 4 * values.std() / math.sqrt(40) + slack


@pytest.mark.stat
def test_error_of_the_mean_covers_the_truth():
    """200 series, tau 9.5: 68 % within one error. Binomial 4 sigma is 13 %, so an error
    bar wrong by a factor 0.7 or 1.4 fails; ignoring correlations covers 18 %."""
    series = ar1(0.9, (200, 2, 3000), 7)
    found = [stats.mean(x) for x in series]
    z = np.array([x.value / x.error for x in found])
    assert abs((abs(z) < 1).mean() - 0.683) < 0.13
    naive = series.mean(axis=(1, 2)) / (series.std(axis=(1, 2)) / math.sqrt(6000))
    assert not abs((abs(naive) < 1).mean() - 0.683) < 0.13


@pytest.mark.stat
def test_jackknife_covers_the_truth_of_a_nonlinear_function():
    """Variance of AR(1) from two moments, 150 series; power as above with 15 %."""
    series = ar1(0.9, (150, 3, 4000), 8)
    truth = 1 / (1 - 0.9**2)

    def covered(**options):
        found = [
            stats.jackknife(lambda a, b: b - a * a, x, x * x, **options) for x in series
        ]
        return np.mean([abs(x.value - truth) < x.error for x in found]), found

    part, found = covered()
    assert abs(part - 0.683) < 0.15
    assert all(x.reliable for x in found)
    # x^2 of a Gaussian AR(1) decays like a^2
    taus = np.array([x.tau_int for x in found])
    assert abs(taus.mean() / tau_of(0.81) - 1) < 0.1
    broken, _ = covered(blocks=6000)  # blocks of two draws: correlations ignored
    assert not abs(broken - 0.683) < 0.15


@pytest.mark.stat
def test_jackknife_removes_the_bias():
    """<x>^2 of 40 numbers is too large by var / 40; 4 sigma sees 1/20 of that."""
    x = np.random.default_rng(5).normal(1.0, 2.0, size=(4000, 40))
    corrected = np.array([stats.jackknife(lambda a: a * a, r).value for r in x[:800]])
    plain = x.mean(axis=1) ** 2
    error = plain.std() / math.sqrt(800)
    assert abs(corrected.mean() - 1.0) < 4 * error
    assert abs(plain.mean() - 1.1) < 4 * plain.std() / math.sqrt(4000)


def test_jackknife_of_one_mean_is_the_error_of_the_mean():
    x = np.random.default_rng(3).normal(size=256)
    jack = stats.jackknife(lambda a: a, x, blocks=256)
    assert jack.value == pytest.approx(x.mean(), rel=1e-12)
    assert jack.error == pytest.approx(x.std(ddof=1) / 16, rel=1e-12)


@pytest.mark.stat
def test_binning_reaches_the_plateau():
    """Agrees with the window method within 15 % at ess = 10^4; blocks of one do not."""
    x = ar1(0.9, (4, 50_000), 9)
    bins = stats.binning(x)
    window = stats.mean(x)
    assert bins.estimate.reliable
    assert abs(bins.estimate.error / window.error - 1) < 0.15
    assert bins.errors[0] < 0.3 * window.error
    assert bins.errors[-1] < 2 * window.error
    assert not stats.binning(x[:1, :40]).estimate.reliable


def test_what_cannot_be_trusted_says_so():
    slow = ar1(0.999, (1, 500), 1)
    for x in (
        stats.mean(slow),
        stats.autocorrelation_time(slow),
        stats.jackknife(lambda a: a, slow),
        stats.mean([1.0, 2.0, 1.5]),
    ):
        assert not x.reliable
        assert x.reason
    constant = np.full((2, 100), 0.1)
    for x in (
        stats.mean(constant),
        stats.binning(constant).estimate,
        stats.jackknife(lambda a: a, constant),
    ):
        assert math.isnan(x.error)
        assert not x.reliable
    assert stats.mean(constant).value == pytest.approx(0.1)
    # chains that never meet: no short tau
    apart = np.random.default_rng(0).normal(size=(2, 1000))
    apart += np.array([[-5.0], [5.0]])
    assert not stats.mean(apart).reliable
    assert stats.r_hat(apart) > 1.5
    never = stats.jackknife(
        lambda a: math.nan, np.random.default_rng(0).normal(size=99)
    )
    assert not never.reliable


def test_many_short_chains_are_as_good_as_a_long_one():
    x = ar1(0.8, (500, 120), 11)
    tau = stats.autocorrelation_time(x)
    assert tau.reliable
    assert abs(tau.value - 4.5) < 4 * tau.error < 1


@pytest.mark.stat
def test_r_hat_sees_location_and_scale():
    """Agreeing chains below 1.01; a shift of half a sigma or a doubled scale above."""
    x = np.random.default_rng(1).normal(size=(4, 2000))
    assert 0.999 < stats.r_hat(x) < 1.01
    assert stats.r_hat(x + 0.5 * np.arange(4)[:, None]) > 1.1
    assert stats.r_hat(x * np.array([[1.0], [1.0], [1.0], [3.0]])) > 1.05
    assert stats.r_hat(np.exp(5 * x)) == pytest.approx(stats.r_hat(x), abs=0.002)
    assert math.isnan(stats.r_hat(np.ones((2, 10))))
    drift = np.linspace(0, 3, 2000)
    assert stats.r_hat(x[:1] + drift) > 1.1  # one chain, split


def test_r_hat_of_the_plain_formula():
    """Without ranks the definition is elementary; here normal scores do nothing."""
    from scipy.special import ndtri

    scores = ndtri((np.arange(1, 401) - 0.375) / 400.25)
    x = np.random.default_rng(2).permutation(scores).reshape(2, 200)
    split = x.reshape(4, 100)
    within = split.var(axis=1, ddof=1).mean()
    between = 100 * split.mean(axis=1).var(ddof=1)
    plain = math.sqrt((0.99 * within + between / 100) / within)
    assert stats.r_hat(x) >= plain - 1e-12
    assert stats.r_hat(x) == pytest.approx(plain, abs=0.02)


@pytest.mark.stat
@pytest.mark.parametrize("K", [0.36, 0.40, 0.44, 0.48])
def test_reweighting_of_exact_draws(K):
    """4x4 torus from K = 0.42: energy and Cv within 4 sigma of Kaufman's. Power: twins
    that reweight with the wrong sign, or to a K that is 0.01 off, fail."""
    energy = exact_energies(4, 0.42, 40_000, seed=17)
    exact = rgdl.exact.kaufman((4, 4), K)
    e = stats.reweight(energy, energy / 16, 0.42, K)
    assert e.reliable
    assert abs(e.value - exact.energy) < 4 * e.error

    def cv(a, b):
        return 16 * K * K * (b - a * a)

    c = stats.reweight(energy, (energy / 16, (energy / 16) ** 2), 0.42, K, function=cv)
    assert abs(c.value - exact.specific_heat) < 4 * c.error
    for wrong in (0.84 - K, K + 0.01):
        if wrong != K:
            off = stats.reweight(energy, energy / 16, 0.42, wrong)
            assert abs(off.value - exact.energy) > 4 * off.error


@pytest.mark.stat
def test_reweighting_error_covers_the_truth():
    """100 runs: 68 % within one error, 4 sigma binomial 19 %."""
    exact = rgdl.exact.kaufman((4, 4), 0.45).energy
    inside = 0
    for seed in range(100):
        energy = exact_energies(4, 0.42, 4000, seed)
        e = stats.reweight(energy, energy / 16, 0.42, 0.45)
        inside += abs(e.value - exact) < e.error
    assert abs(inside / 100 - 0.683) < 0.19


def test_reweighting_too_far_says_so():
    energy = exact_energies(16, 0.40, 4000, seed=1)
    near = stats.reweight(energy, energy / 256, 0.40, 0.405)
    far = stats.reweight(energy, energy / 256, 0.40, 0.46)
    beyond = stats.reweight(energy, energy / 256, 0.40, 0.9)
    assert near.reliable
    assert not far.reliable
    assert math.isnan(beyond.value)
    assert "effective draws" in beyond.reason


@pytest.mark.stat
def test_multi_histogram_gives_exact_partition_functions():
    """8x8 torus, four couplings of unequal length: ln Z ratios, energies between, all
    within 4 sigma of Kaufman's; errors of ln Z around 1e-2. The twin with one coupling
    mislabelled by 0.01 fails."""
    ladder = np.array([0.36, 0.40, 0.44, 0.48])
    series = [
        exact_energies(8, K, n, seed)
        for seed, (K, n) in enumerate(
            zip(ladder, (3000, 9000, 4000, 6000), strict=True)
        )
    ]
    joined = stats.MultiHistogram(series, ladder, {"e": [x / 64 for x in series]})
    assert joined.reliable
    first = rgdl.exact.kaufman((8, 8), 0.36).log_z

    def deviations(histogram):
        for K in (0.38, 0.40, 0.42, 0.46, 0.48):
            exact = rgdl.exact.kaufman((8, 8), K)
            log_z = histogram.log_z(K)
            e = histogram.estimate(None, "e", K=K)
            yield (log_z.value - (exact.log_z - first)) / log_z.error
            yield (e.value - exact.energy) / e.error

    assert max(map(abs, deviations(joined))) < 4
    assert joined.log_z(0.36).value == 0
    wrong = stats.MultiHistogram(
        series, ladder + np.array([0, 0, 0.01, 0]), {"e": [x / 64 for x in series]}
    )
    assert max(map(abs, deviations(wrong))) > 4


@pytest.mark.stat
def test_multi_histogram_error_covers_the_truth():
    """60 sets of three runs on 4x4: the rms of z of ln Z is 1 within 4 sigma, 0.37.
    The twins, errors half and twice as large, fail."""
    exact = (
        rgdl.exact.kaufman((4, 4), 0.5).log_z - rgdl.exact.kaufman((4, 4), 0.4).log_z
    )
    z = []
    for seed in range(60):
        series = [
            exact_energies(4, K, 1000, 100 * seed + i)
            for i, K in enumerate((0.4, 0.45, 0.5))
        ]
        log_z = stats.MultiHistogram(series, [0.4, 0.45, 0.5]).log_z(0.5)
        z.append((log_z.value - exact) / log_z.error)
    rms = np.sqrt(np.mean(np.square(z)))
    assert abs(rms - 1) < 0.37
    assert abs(rms / 2 - 1) > 0.37
    assert abs(rms * 2 - 1) > 0.37


def test_multi_histogram_solves_its_equations():
    """The self-consistent equations of Ferrenberg and Swendsen, written out."""
    ladder = np.array([0.3, 0.5])
    series = [exact_energies(4, K, 2000, i).astype(float) for i, K in enumerate(ladder)]
    joined = stats.MultiHistogram(series, ladder)
    g = [2 * max(0.5, stats.autocorrelation_time(x).value) for x in series]
    weight = np.concatenate([np.full(2000, 1 / x) for x in g])
    energy = np.concatenate(series)
    z = np.array([1.0, 1.0])
    for _ in range(2000):
        mixture = sum(
            2000 / gk * np.exp(-Kk * energy) / zk
            for gk, Kk, zk in zip(g, ladder, z, strict=True)
        )
        z = np.array([(weight * np.exp(-K * energy) / mixture).sum() for K in ladder])
        z /= z[0]
    whole = joined.log_z(0.5)
    # log_z is free of the jackknife's bias: compare within a small part of its error
    assert abs(whole.value - math.log(z[1])) < 0.1 * whole.error


def test_histograms_that_do_not_overlap_say_so():
    series = [exact_energies(16, K, 2000, 3) for K in (0.3, 0.6)]
    joined = stats.MultiHistogram(series, [0.3, 0.6])
    assert not joined.reliable
    assert "overlap" in joined.reason
    assert not joined.log_z(0.6).reliable


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ([1.0], ValueError),
        (np.zeros((2, 3, 4)), ValueError),
        (np.zeros((0, 5)), ValueError),
        ([1.0, math.nan, 2.0, 3.0], ValueError),
        ([1.0, math.inf, 2.0, 3.0], ValueError),
        (["a", "b"], TypeError),
        ([1j, 2j], TypeError),
    ],
)
def test_bad_series_are_named(function, bad, error):
    with pytest.raises(error, match="x must"):
        function(bad)


def test_bad_arguments_are_named():
    x = np.random.default_rng(0).normal(size=100)
    with pytest.raises(ValueError, match="at least one series"):
        stats.jackknife(lambda: 0.0)
    with pytest.raises(ValueError, match="one shape"):
        stats.jackknife(lambda a, b: a, x, x[:50])
    with pytest.raises(ValueError, match="blocks must be at most"):
        stats.jackknife(lambda a: a, x, blocks=101)
    with pytest.raises(ValueError, match="at least 4 draws"):
        stats.r_hat(x[:3])
    with pytest.raises(ValueError, match="all be different"):
        stats.MultiHistogram([x, x], [0.1, 0.1])
    with pytest.raises(ValueError, match="one series for each K"):
        stats.MultiHistogram([x], [0.1, 0.2])
    with pytest.raises(ValueError, match="shapes of energies"):
        stats.MultiHistogram([x], [0.1], {"m": [x[:50]]})
    with pytest.raises(ValueError, match="K must be finite"):
        stats.reweight(x, x, 0.1, math.nan)
    with pytest.raises(ValueError, match="names must be one of"):
        stats.MultiHistogram([x], [0.1], {"m": [x]}).estimate(None, "e", K=0.1)


def test_nothing_given_is_modified():
    x = np.random.default_rng(0).normal(size=(3, 50))
    before = x.copy()
    for function in ALL:
        function(x)
    stats.jackknife(lambda a: a, x)
    stats.reweight(x, x, 0.1, 0.2)
    assert (x == before).all()
