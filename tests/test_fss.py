"""rgdl.fss: synthetic data of known exponents, exact draws, exact Binder cumulants."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq
from test_trace import exact_trace, joint_density

import rgdl
from rgdl import fss
from rgdl.stats import Estimate


def exact_binder(L, K):
    joint = joint_density(L)
    weight = np.exp(-K * (joint.energies - joint.energies[0])) @ joint.counts
    p, m = weight / weight.sum(), joint.magnetizations / L**2
    return 1 - (p * m**4).sum() / (3 * (p * m**2).sum() ** 2)


def exact_crossing(a, b):
    return brentq(lambda K: exact_binder(b, K) - exact_binder(a, K), 0.40, 0.46)


@pytest.mark.stat
def test_crossings_are_the_exact_ones():
    """Exact draws at one or two K of 4, 5, 6, 7: within 4 sigma of the roots of exact
    cumulants, errors below 2e-3. Energies of the wrong sign (the twin) fail."""
    sizes = (4, 5, 6, 7)
    couplings = {4: (0.44,), 5: (0.43, 0.45), 6: (0.44,), 7: (0.435,)}
    traces = [
        exact_trace(L, K, 200_000, seed=10 * L + i)
        for L in sizes
        for i, K in enumerate(couplings[L])
    ]
    found = fss.binder_crossing(traces)
    exact = [exact_crossing(a, b) for a, b in pairwise(sizes)]
    z = [(x.value - y) / x.error for x, y in zip(found.crossings, exact, strict=True)]
    assert found.pairs == ((4, 5), (5, 6), (6, 7))
    assert max(np.abs(z)) < 4
    assert max(x.error for x in found.crossings) < 5e-3
    assert found.K == found.crossings[-1]
    u4 = exact_binder(7, exact[-1])
    assert abs(found.binder.value - u4) < 4 * found.binder.error < 0.02
    assert [c.L for c in found.curves] == list(sizes)
    flipped = [rgdl.Trace({**t, "energy": -t["energy"]}, model=t.model) for t in traces]
    wrong = fss.binder_crossing(flipped).crossings
    off = [abs(x.value - y) < 4 * x.error for x, y in zip(wrong, exact, strict=True)]
    assert not all(off)


@pytest.mark.stat
def test_error_of_a_crossing_covers_the_truth():
    """60 pairs of runs on 4 and 6: the rms of z is 1 within 4 sigma, 0.37. The twins,
    errors half and twice as large, fail."""
    exact = exact_crossing(4, 6)
    z = []
    for seed in range(60):
        traces = [exact_trace(L, 0.43, 5000, 7 * seed + L) for L in (4, 6)]
        K = fss.binder_crossing(traces).K
        z.append((K.value - exact) / K.error)
    rms = np.sqrt(np.mean(np.square(z)))
    assert abs(rms - 1) < 0.37
    assert abs(rms / 2 - 1) > 0.37
    assert abs(rms * 2 - 1) > 0.37


@pytest.mark.stat
def test_extrapolation_reaches_the_critical_coupling():
    """Crossings of 4/5, 5/6, 6/7 move as L^-3 (1/nu + omega): K_c within 4 sigma and
    3e-3, closer than the crossing of 4/5, which is off by more than that."""
    traces = [exact_trace(L, 0.435, 100_000, seed=L) for L in (4, 5, 6, 7)]
    found = fss.binder_crossing(traces, exponent=3.0)
    off = found.K.value - rgdl.exact.K_CRITICAL
    assert found.K.reliable
    assert abs(off) < 4 * found.K.error
    assert found.K.error < 5e-3
    assert abs(exact_crossing(4, 5) - rgdl.exact.K_CRITICAL) > 3e-3


def test_curves_that_do_not_cross_say_so():
    traces = [exact_trace(L, 0.3, 5000, seed=L) for L in (4, 6)]
    found = fss.binder_crossing(traces)
    assert math.isnan(found.K.value)
    assert not found.K.reliable
    assert "do not cross" in repr(found)


def scaling_curves(nu, kappa, noise, seed, K_c=0.4407, sizes=(8, 12, 16, 24)):
    """y = L^kappa f((K - K_c) L^(1/nu)) with f a smooth step, plus relative noise."""
    rng = np.random.default_rng(seed)
    data = []
    for L in sizes:
        x = np.linspace(-2, 2, 25)
        K = K_c + x * L ** (-1 / nu)
        y = L**kappa * (1.5 + np.tanh(x))
        dy = noise * L**kappa * np.ones(25)
        data.append(fss.Curve(L, K, y + dy * rng.normal(size=25), dy))
    return data


@pytest.mark.stat
@pytest.mark.parametrize(("nu", "kappa"), [(1.0, 1.75), (1.0, -0.125), (0.63, 0.0)])
def test_collapse_finds_known_exponents(nu, kappa):
    """4 sigma with errors below 3 % of nu and 0.03 of kappa; S about 1. The twin held
    at an exponent 0.2 off has S above 2 and says so."""
    data = scaling_curves(nu, kappa, 0.01, seed=1)
    start = {"K_c": 0.435, "nu": nu + 0.1, "kappa": kappa - 0.1}
    fit = fss.collapse(data, **start, n_resamples=12, rng=1)
    for found, exact, most in (
        (fit.K_c, 0.4407, 1e-3),
        (fit.nu, nu, 0.03),
        (fit.kappa, kappa, 0.03),
    ):
        assert found.reliable
        assert 0 < found.error < most
        assert abs(found.value - exact) < 4 * found.error
    assert 0.6 < fit.quality < 1.4
    held = fss.collapse(
        data, K_c=0.4407, nu=nu, kappa=kappa + 0.2, fit=["K_c", "nu"], n_resamples=2
    )
    assert held.quality > 2
    assert not held.nu.reliable
    assert held.kappa.error == 0
    x = fit.scaled()[0]
    assert x[0] == 8
    assert len(x[1]) == 25


@pytest.mark.stat
def test_collapse_errors_cover_the_truth():
    """20 data sets: kappa within 2 errors in at least 15 (expected 18; a third of the
    error keeps fewer). The rms of z, Student's t of 7 degrees, is 1.18 +- 0.22 and must
    be above 0.75, which the twin with errors twice as large is not."""
    z = []
    for seed in range(20):
        data = scaling_curves(1.0, 1.75, 0.02, seed, sizes=(8, 16))
        fit = fss.collapse(data, K_c=0.44, kappa=1.7, n_resamples=8, rng=seed)
        z.append(abs(fit.kappa.value - 1.75) / fit.kappa.error)
    assert (np.array(z) < 2).sum() >= 15
    assert (3 * np.array(z) < 2).sum() < 15
    rms = np.sqrt(np.mean(np.square(z)))
    assert rms > 0.75 > rms / 2


def test_collapse_is_keyed():
    data = scaling_curves(1.0, 1.75, 0.02, 3, sizes=(8, 16))
    one, two, other = (
        fss.collapse(data, K_c=0.44, kappa=1.7, n_resamples=4, rng=seed)
        for seed in (1, 1, 2)
    )
    assert one.nu == two.nu
    assert one.nu.value == other.nu.value
    assert one.nu.error != other.nu.error


@pytest.mark.stat
def test_collapse_of_traces():
    """Binder's cumulant of exact draws at 5 to 7: K_c within 4 errors of the collapse
    of exact curves; points that share draws are correlated, which their modes keep."""
    traces = [exact_trace(L, 0.44, 40_000, seed=L) for L in (5, 6, 7)]
    data = fss.curves(traces, "binder", np.linspace(0.41, 0.47, 13))
    exact = []
    for curve in data:
        values = np.array([exact_binder(curve.L, K) for K in curve.K])
        assert (np.abs(curve.values - values) < 4 * curve.errors).all()
        assert curve.errors == pytest.approx(np.sqrt((curve.modes**2).sum(axis=0)))
        exact.append(fss.Curve(curve.L, curve.K, values, curve.errors))
    options = {"K_c": 0.45, "fit": ["K_c"], "rng": 0}
    fit = fss.collapse(data, **options, n_resamples=20)
    truth = fss.collapse(exact, **options, n_resamples=2).K_c.value
    assert abs(fit.K_c.value - truth) < 4 * fit.K_c.error < 0.02
    apart = [fss.Curve(c.L, c.K, c.values, c.errors) for c in data]
    assert fss.collapse(apart, **options, n_resamples=20).K_c.error < fit.K_c.error


@pytest.mark.parametrize("quantity", ["chi", "cv", "|magnetization|", "binder"])
def test_curves_are_the_quantities_of_the_trace(quantity):
    trace = exact_trace(6, 0.44, 20_000, seed=2)
    (curve,) = fss.curves([trace], quantity, [0.43, 0.45])
    by_trace = trace.reweight(0.45)[quantity]
    assert curve.values[1] == pytest.approx(by_trace.value, rel=1e-9)
    assert curve.errors[1] == pytest.approx(by_trace.error, rel=1e-6)


def test_exact_cumulants_are_those_of_the_transfer_matrix():
    m, p = rgdl.exact.magnetization_distribution((6, 6), 0.43)
    u4 = 1 - (p * m**4).sum() / (3 * (p * m**2).sum() ** 2)
    assert exact_binder(6, 0.43) == pytest.approx(u4, rel=1e-12)


@pytest.mark.stat
def test_power_law_finds_the_exponent():
    """Exact <|m|> L^(1/8) and chi at K_c of 4..10 with errors of 1 %: the exponents of
    2D Ising within 0.05; scatter of known size within 4 sigma; a bend is refused."""
    K = rgdl.exact.K_CRITICAL
    sizes = [4, 6, 8, 10]
    means = []
    for L in sizes:
        m, p = rgdl.exact.magnetization_distribution((L, L), K)
        means.append(float((p * abs(m)).sum()))
    fit = fss.power_law(sizes, [Estimate(m, 0.01 * m) for m in means])
    assert abs(fit.exponent.value + 1 / 8) < 0.05
    assert fit.exponent.reliable
    rng = np.random.default_rng(4)
    y = [L**1.75 * (1 + 0.01 * rng.normal()) for L in sizes]
    noisy = fss.power_law(sizes, [Estimate(v, 0.01 * v) for v in y])
    assert abs(noisy.exponent.value - 1.75) < 4 * noisy.exponent.error < 0.08
    bent = fss.power_law(sizes, [Estimate(L**1.75 + 40, 0.3) for L in sizes])
    assert not bent.exponent.reliable
    two = fss.power_law(sizes[:2], [Estimate(1.0, 0.1), Estimate(2.0, 0.1)])
    assert not two.exponent.reliable


def test_bad_arguments_are_named():
    trace = exact_trace(4, 0.44, 500, seed=0)
    with pytest.raises(ValueError, match="at least two sizes"):
        fss.binder_crossing([trace])
    with pytest.raises(TypeError, match=r"rgdl\.Trace"):
        fss.binder_crossing([trace, 3])
    with pytest.raises(ValueError, match="energy and magnetization"):
        fss.binder_crossing(
            [trace, rgdl.Trace({"energy": trace["energy"]}, model=trace.model)]
        )
    with pytest.raises(ValueError, match="equal extents"):
        fss.curves([rgdl.Trace(dict(trace), model=rgdl.Ising((4, 5), K=0.4))], "chi")
    with pytest.raises(ValueError, match="quantity must be one of"):
        fss.curves([trace], "u4")
    data = scaling_curves(1.0, 0.0, 0.01, 0)
    with pytest.raises(ValueError, match="fit must be one of"):
        fss.collapse(data, K_c=0.44, fit=["beta"])
    with pytest.raises(ValueError, match="at least two sizes"):
        fss.collapse(data[:1], K_c=0.44)
    with pytest.raises(ValueError, match="positive"):
        fss.power_law([4, 8], [Estimate(1.0, 0.1), Estimate(-1.0, 0.1)])
    with pytest.raises(ValueError, match="at least two sizes"):
        fss.power_law([4], [Estimate(1.0, 0.1)])
