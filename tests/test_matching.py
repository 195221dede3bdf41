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
        (rgdl.Ising((16, 16), K=0.4, h=0.1), 1, "no field"),
        (rgdl.Ising((8, 8), K=0.4), 3, "less than 2 sites"),
        (rgdl.Ising((9, 9), K=0.4), 1, "divide"),
        (rgdl.Ising(16, K=0.4), 1, "two-dimensional"),
    ],
)
def test_bad_arguments(model, levels, message):
    with pytest.raises(ValueError, match=message):
        rg.match_lattices(model, rg.MajorityRule(), levels=levels, n=100, rng=0)
