"""Two-lattice matching against the exact critical point and enumeration."""

import numpy as np
import pytest

import rgdl
from rgdl import rg
from rgdl.rg import _matching

K_C = rgdl.exact.K_CRITICAL


@pytest.mark.parametrize("K", [0.43, 0.44])
def test_critical_point_is_found(K):
    # statistical error 6e-4 at every level: a K_c wrong by 0.004 would be seen
    run = rg.match_lattices(
        rgdl.Ising((32, 32), K=K), rg.MajorityRule(), levels=3, n=25_000, rng=7
    )
    assert run.combined_error[-1] < 8e-4
    assert abs(run.combined[-1] - K_C) < 4 * run.combined_error[-1]
    assert run.reliable, run.reason
    # at the first level the irrelevant couplings spread the operators apart
    assert np.ptp(run.k_c[0]) > 2 * np.ptp(run.k_c[1])
    if K == 0.43:
        assert abs(run.combined[-1] - K) > 10 * run.combined_error[-1]


def test_small_lattices_equal_enumeration():
    """4x4 blocked once with 2x2: mean and slope of every operator, exactly."""
    K, rule = 0.4, rg.MajorityRule()
    operators = rg.OperatorSet({"nn": [(0, 0), (0, 1)]})
    means, slopes = [], []
    for side in (4, 2):
        n = side * side
        s = (2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)
        s = s.reshape(-1, side, side)
        model = rgdl.Ising((side, side), K=K)
        law = np.exp(-model.hamiltonian(s))
        law /= law.sum()
        bonds = -n * model.energy(s)
        nn = bonds
        if side == 4:  # E[nn of the blocks | v]: independent given v
            up, down = rule.log_probabilities(s)
            h = (np.exp(up) - np.exp(down)).reshape(-1, 2, 2)
            nn = sum((h * np.roll(h, 1, a)).sum(axis=(1, 2)) for a in (1, 2))
        means.append(law @ nn)
        slopes.append(law @ (nn * bonds) - means[-1] * (law @ bonds))
    expected = K - (means[0] - means[1]) / (slopes[0] - slopes[1])
    run = rg.match_lattices(
        rgdl.Ising((4, 4), K=K), rule, levels=1, n=40_000, operators=operators, rng=1
    )
    assert abs(run.k_c[0, 0] - expected) < 4 * run.k_c_error[0, 0]
    gap = (means[0] - means[1]) / 4
    assert run.difference[0, 0] == pytest.approx(gap, abs=0.02)


def test_levels_that_do_not_match_fail(monkeypatch):
    """Broken twin: the small lattice is blocked as often as the large one."""
    true = _matching._Moments.means

    def shifted(self, weights):
        first, slope = true(self, weights)
        if len(first) == 2:  # the small lattice: level n with level n
            first, slope = first[[1, 1]], slope[[1, 1]]
        return first, slope

    monkeypatch.setattr(_matching._Moments, "means", shifted)
    run = rg.match_lattices(
        rgdl.Ising((16, 16), K=0.43), rg.MajorityRule(), levels=2, n=4000, rng=7
    )
    assert abs(run.combined[0] - K_C) > 10 * run.combined_error[0]


@pytest.mark.parametrize(
    ("K", "rule", "reason"),
    [
        (0.44, rg.Decimation(), "decimation"),
        (0.2, rg.MajorityRule(), "dS/dK of nn does not grow"),
        (0.42, rg.MajorityRule(), "does not grow"),
        (0.45, rg.MajorityRule(), "too far from K=0.45"),
        (0.6, rg.MajorityRule(), "does not grow"),
        (0.44, rg.Kadanoff(strength=0.0), "does not grow"),
        (0.44, rg.Kadanoff(strength=0.5), "level before differs"),
    ],
)
def test_what_does_not_match_is_said(K, rule, reason):
    """Each is off K_c by many of its errors, or has none worth the name."""
    model = rgdl.Ising((32, 32), K=K)
    run = rg.match_lattices(model, rule, levels=3, n=8000, rng=7)
    assert not run.reliable
    assert reason in run.reason
    assert f"not reliable: {run.reason}" in repr(run)


def test_operators_that_disagree_are_named():
    """One level: irrelevant couplings still spread the operators, by 4 errors."""
    model = rgdl.Ising((32, 32), K=0.44)
    run = rg.match_lattices(model, rg.Kadanoff(strength=0.5), levels=1, n=8000, rng=7)
    assert not run.reliable
    assert "differs from the mean of the last level" in run.reason
    assert any(run.reason.startswith(f"the {label} ") for label in run.labels)


def test_all_processors_and_tiny_models():
    model = rgdl.Ising((8, 8), K=0.44)
    one, all_ = (
        rg.match_lattices(model, rg.MajorityRule(), levels=1, n=1, rng=3, workers=w)
        for w in (1, -1)
    )
    np.testing.assert_array_equal(one.k_c, all_.k_c)
    with pytest.raises(ValueError, match="workers must be positive"):
        rg.match_lattices(model, rg.MajorityRule(), levels=1, n=1, workers=0)


def test_same_key_same_numbers():
    args = (rgdl.Ising((16, 16), K=0.44), rg.MajorityRule())
    first = rg.match_lattices(*args, levels=2, n=500, rng=3)
    again = rg.match_lattices(*args, levels=2, n=500, rng=first.key, workers=2)
    np.testing.assert_array_equal(first.k_c, again.k_c)
    assert "K_c" in repr(first)
    assert "nnn" in repr(first)


@pytest.mark.parametrize(
    ("model", "levels", "message"),
    [
        (rgdl.Ising((16, 16), K=0.4, h=0.1), 1, "h=0"),
        (rgdl.Ising((8, 8), K=0.4), 3, "less than 2 sites"),
        (rgdl.Ising((2, 2), K=0.4), 1, "levels=1 leaves less than 2 sites"),
        (rgdl.Ising((9, 9), K=0.4), 1, "divide"),
        (rgdl.Ising(16, K=0.4), 1, "two-dimensional"),
    ],
)
def test_bad_arguments(model, levels, message):
    with pytest.raises(ValueError, match=message):
        rg.match_lattices(model, rg.MajorityRule(), levels=levels, n=100, rng=0)
