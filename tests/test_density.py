"""Densities of states: tables, enumeration, Kaufman, and their own checks."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import exact
from rgdl.exact import _density

# papers.md 12.4; even sides are symmetric, so the lower half is enough
TABLE = {
    2: {-8: 2, 0: 12},
    3: {-18: 2, -10: 18, -6: 48, -2: 198, 2: 144, 6: 102},
    4: {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568, 0: 20524},
    5: {
        **{-50: 2, -42: 50, -38: 100, -34: 850, -30: 3140, -26: 16300, -22: 74500},
        **{-18: 311800, -14: 1014900, -10: 2696080, -6: 5230300, -2: 7431800},
        **{2: 7413900, 6: 5276500, 10: 2645740, 14: 1024150, 18: 314300, 22: 82750},
        **{26: 14800, 30: 2470},
    },
    6: {
        **{-72: 2, -64: 72, -60: 144, -56: 1620, -52: 6048, -48: 35148, -44: 159840},
        **{-40: 804078, -36: 3846576, -32: 17569080, -28: 71789328, -24: 260434986},
        **{-20: 808871328, -16: 2122173684, -12: 4616013408, -8: 8196905106},
        **{-4: 11674988208, 0: 13172279424},
    },
    8: {
        **{-128: 2, -120: 128, -116: 256, -112: 4672, -108: 17920, -104: 145408},
        **{-100: 712960, -96: 4274576, -92: 22128384, -88: 118551552},
        **{-84: 610683392, -80: 3150447680, -76: 16043381504, -72: 80748258688},
        **{-68: 396915938304, -64: 1887270677624, -60: 8582140066816},
        **{-56: 36967268348032, -52: 149536933509376, -48: 564033837424064},
        **{-44: 1971511029384704, -40: 6350698012553216, -36: 18752030727310592},
        **{-32: 50483110303426544, -28: 123229776338119424},
        **{-24: 271209458049836032, -20: 535138987032308224},
        **{-16: 941564975390477248, -12: 1469940812209435392},
        **{-8: 2027486077172296064, -4: 2462494093546483712, 0: 2627978003957146636},
    },
}
JOINT_3 = {  # papers.md 12.4, the half with M >= 0
    -18: {9: 1},
    -10: {7: 9},
    -6: {5: 18, 3: 6},
    -2: {5: 18, 3: 36, 1: 45},
    2: {3: 36, 1: 36},
    6: {3: 6, 1: 45},
}


@pytest.mark.parametrize("side", TABLE)
def test_density_of_states_equals_the_table(side):
    energies, counts = exact.density_of_states(side)
    expected = dict(TABLE[side])
    if side % 2 == 0:
        expected |= {-energy: count for energy, count in expected.items()}
    assert energies.dtype == np.int64
    assert all(type(count) is int for count in counts)
    assert dict(zip(energies.tolist(), counts, strict=True)) == expected


@pytest.mark.parametrize("side", [2, 3, 4])
def test_densities_equal_the_counts_over_all_states(side):
    n = side * side
    states = 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1) - 1
    model = rgdl.Ising((side, side), K=1.0)
    totals = np.rint(model.hamiltonian(states.reshape(-1, side, side))).astype(int)
    joint = exact.joint_density_of_states(side)
    counts = np.zeros((4 * n + 1, n + 1), dtype=int)
    np.add.at(counts, (totals + 2 * n, (states.sum(axis=1) + n) // 2), 1)
    assert (joint.counts == counts[joint.energies + 2 * n]).all()
    assert joint.counts.sum() == counts.sum()
    energies, counts = exact.density_of_states(side)
    assert counts == [int((totals == energy).sum()) for energy in energies]


def log_z_of_density(side, K):
    energies, counts = exact.density_of_states(side)
    logs = np.array([math.log(count) for count in counts]) - K * energies
    return logs.max() + math.log(np.exp(logs - logs.max()).sum())


@pytest.mark.parametrize("side", [3, 5, 8, 9, 15, 16])
@pytest.mark.parametrize("K", [0.05, 0.3, exact.K_CRITICAL, 0.9])
def test_density_of_states_gives_kaufman(side, K):
    expected = exact.kaufman((side, side), K).log_z
    assert log_z_of_density(side, K) == pytest.approx(expected, rel=1e-12)
    broken = log_z_of_density(side, K * (1 + 1e-8))
    assert broken != pytest.approx(expected, rel=1e-12)


def test_density_of_states_of_side_16():
    energies, counts = exact.density_of_states(16)
    # Beale's published numbers begin so: one, two adjacent, ... flipped spins
    assert counts[:4] == [2, 512, 1024, 67840]
    assert energies[:4].tolist() == [-512, -504, -500, -496]
    assert sum(counts) == 2**256
    assert counts == counts[::-1]


@pytest.mark.parametrize("fault", [0, 1, 7])
def test_density_of_states_notices_a_wrong_residue(fault, monkeypatch):
    right = _density._counts_modulo

    def wrong(side, p):
        residues = right(side, p)
        residues[fault] = (int(residues[fault]) + 1) % p
        return residues

    monkeypatch.setattr(_density, "_counts_modulo", wrong)
    with pytest.raises(rgdl.RgdlError, match="fails its checks"):
        exact.density_of_states(4)
    with pytest.raises(rgdl.RgdlError, match="fails its checks"):
        exact.joint_density_of_states(4)


def test_joint_density_equals_the_table():
    energies, magnetizations, counts = exact.joint_density_of_states(3)
    expected = np.zeros_like(counts)
    for energy, row in JOINT_3.items():
        for m, count in row.items():
            chosen = np.isin(magnetizations, (m, -m))
            expected[np.ix_(energies == energy, chosen)] = count
    assert (counts == expected).all()


@pytest.mark.parametrize("side", [2, 5, 6])
def test_joint_density_adds_up_to_both_margins(side):
    joint = exact.joint_density_of_states(side, workers=2)
    energies, counts = exact.density_of_states(side)
    n = side * side
    assert (joint.energies == energies).all()
    assert joint.counts.sum(axis=1).tolist() == counts
    binomials = [math.comb(n, up) for up in range(n + 1)]
    assert joint.counts.sum(axis=0).tolist() == binomials
    assert (joint.counts == joint.counts[:, ::-1]).all()


@pytest.mark.parametrize(
    "call", [exact.density_of_states, exact.joint_density_of_states]
)
@pytest.mark.parametrize("side", [1, 33, 0, -3])
def test_densities_refuse_other_sides(call, side):
    with pytest.raises(ValueError, match="L must be at "):
        call(side)


def test_densities_refuse_what_is_no_integer():
    with pytest.raises(TypeError, match=r"L must be an integer, got 4\.0"):
        exact.density_of_states(4.0)
