"""Kac-Ward determinants against enumeration, gauge symmetry and broken twins."""

import math

import numpy as np
import pytest

import rgdl
from rgdl import exact


def matrix_of(down, across):
    """Pair couplings of the open lattice as a symmetric matrix."""
    rows, columns = across.shape[0], down.shape[1]
    site = np.arange(rows * columns).reshape(rows, columns)
    J = np.zeros((site.size, site.size))
    J[site[:-1], site[1:]] = down
    J[site[:, :-1], site[:, 1:]] = across
    return J + J.T


def random_bonds(shape, kind, rng):
    rows, columns = shape
    sizes = (rows - 1, columns), (rows, columns - 1)
    if kind == "gauss":
        return tuple(rng.normal(size=size) for size in sizes)
    if kind == "diluted":
        return tuple(rng.choice([-1.0, 0.0, 1.0], size) for size in sizes)
    return tuple(rng.choice([-1.0, 1.0], size) for size in sizes)


def glass(shape, J, K):
    return rgdl.Ising(shape, K=K, periodic=False, couplings=J)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (4, 4), (2, 7)])
@pytest.mark.parametrize("kind", ["sign", "gauss", "diluted"])
@pytest.mark.parametrize("K", [0.3, 1.0, -2.0])
def test_planar_equals_enumeration(shape, kind, K):
    rng = np.random.default_rng(len(kind))
    J = matrix_of(*random_bonds(shape, kind, rng))
    found = exact.planar(glass(shape, J, K))
    summed = exact.enumerate_states(glass(shape, J, K))
    assert found.log_z == pytest.approx(summed.log_z, rel=1e-12)
    assert found.energy == pytest.approx(summed.energy, rel=1e-12)
    assert found.entropy == pytest.approx(summed.entropy, abs=1e-10)
    assert found.specific_heat == pytest.approx(
        summed.specific_heat, rel=1e-12 if abs(K) < 2 else 1e-10
    )
    first, second = np.argwhere(np.triu(J))[0]
    J[first, second] = J[second, first] = 1.1 * J[first, second]
    broken = exact.planar(glass(shape, J, K))  # one bond stronger
    assert abs(broken.log_z / summed.log_z - 1) > 1e-6


@pytest.mark.parametrize("K", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["sign", "gauss"])
def test_planar_equals_transfer_matrices(kind, K):
    J = matrix_of(*random_bonds((24, 8), kind, np.random.default_rng(9)))
    found = exact.planar(glass((24, 8), J, K))
    step = 1e-4
    low, mid, high = (
        exact.transfer_matrix(glass((24, 8), J, K + k * step)).log_z for k in (-1, 0, 1)
    )
    assert found.log_z == pytest.approx(mid, rel=1e-12)
    assert found.energy * 192 == pytest.approx((low - high) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 4), (2, 2), 7])
@pytest.mark.parametrize("K", [0.0, 0.4, -0.4, 3.0])
def test_plain_open_lattice_equals_enumeration(shape, K):
    model = rgdl.Ising(shape, K=K, periodic=False)
    found, summed = exact.planar(model), exact.enumerate_states(model)
    assert found.log_z == pytest.approx(summed.log_z, rel=1e-12)
    assert found.energy == pytest.approx(summed.energy, rel=1e-10, abs=1e-15)


def test_open_chain_is_a_product():
    found = exact.planar(rgdl.Ising(50, K=0.7, periodic=False))
    assert found.log_z == pytest.approx(
        50 * math.log(2) + 49 * math.log(math.cosh(0.7)), rel=1e-13
    )
    assert found.energy == pytest.approx(-49 / 50 * math.tanh(0.7), rel=1e-13)


def test_strong_ferromagnet_is_frozen():
    found = exact.planar(rgdl.Ising((8, 8), K=500.0, periodic=False))
    assert found.log_z == pytest.approx(math.log(2) + 112 * 500, rel=1e-14)
    assert found.energy == pytest.approx(-112 / 64, rel=1e-9)


def test_turning_spins_by_a_gauge_changes_nothing():
    rng = np.random.default_rng(5)
    J = matrix_of(*random_bonds((16, 16), "gauss", rng))
    signs = rng.choice([-1.0, 1.0], 256)
    plain = exact.planar(glass((16, 16), J, 0.8))
    turned = exact.planar(glass((16, 16), signs[:, None] * J * signs, 0.8))
    assert turned.log_z == pytest.approx(plain.log_z, rel=1e-11)
    assert turned.energy == pytest.approx(plain.energy, rel=1e-10)


@pytest.mark.parametrize(("K", "tolerance"), [(1.0, 1e-13), (2.0, 1e-11)])
def test_mirror_images_agree(K, tolerance):
    """Elimination from the other end rounds differently."""
    down, across = random_bonds((32, 32), "sign", np.random.default_rng(10))
    plain = exact.planar(glass((32, 32), matrix_of(down, across), K))
    J = matrix_of(down[::-1], across[::-1])
    mirrored = exact.planar(glass((32, 32), J, K))
    assert mirrored.log_z == pytest.approx(plain.log_z, rel=tolerance)
    assert mirrored.energy == pytest.approx(plain.energy, rel=10 * tolerance)


def test_energy_is_the_derivative_of_log_z():
    J = matrix_of(*random_bonds((12, 16), "sign", np.random.default_rng(6)))
    low, high = (exact.planar(glass((12, 16), J, K)).log_z for K in (0.9999, 1.0001))
    energy = exact.planar(glass((12, 16), J, 1.0)).energy
    assert -(high - low) / 2e-4 / 192 == pytest.approx(energy, rel=1e-7)


def test_large_open_lattice_approaches_the_bulk():
    """ln Z = f N + surface + O(ln L): second differences leave f."""
    sizes = {
        L: exact.planar(rgdl.Ising((L, L), K=0.3, periodic=False)) for L in (8, 16)
    }
    longer = exact.planar(rgdl.Ising((8, 16), K=0.3, periodic=False)).log_z
    bulk = (sizes[16].log_z - 2 * longer + sizes[8].log_z) / 64
    assert bulk == pytest.approx(exact.onsager(0.3).log_z_per_site, rel=1e-6)


def test_reduced_couplings_are_taken_with_their_constant():
    J = matrix_of(*random_bonds((3, 3), "gauss", np.random.default_rng(7)))
    coefficients = np.zeros(512)
    coefficients[0] = 0.5
    for i, j in np.argwhere(np.triu(J)):
        coefficients[1 << i | 1 << j] = J[i, j]
    couplings = rgdl.Couplings(coefficients)
    model = rgdl.Ising((3, 3), periodic=False, couplings=couplings)
    found, summed = exact.planar(model), exact.enumerate_states(model)
    assert found.log_z == pytest.approx(summed.log_z, rel=1e-12)
    assert found.energy == pytest.approx(summed.energy, rel=1e-11)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ("glass", TypeError, r"rgdl\.Ising"),
        (rgdl.Ising((4, 4), K=0.4), ValueError, r"sites \(0, 12\)"),
        (rgdl.Ising((4, 4), K=0.4, h=0.1, periodic=False), ValueError, "no field"),
        (rgdl.Ising((3, 3, 3), K=0.4, periodic=False), ValueError, "2 axes"),
        (
            rgdl.Ising((4, 4), K=1, periodic=False, couplings={"nnn": 1}),
            ValueError,
            "nearest neighbours",
        ),
        (
            rgdl.Ising((4, 4), K=1, periodic=False, couplings={"plaquette": 1}),
            ValueError,
            "pair couplings",
        ),
        (rgdl.Ising((300, 300), K=1, periodic=False), ValueError, "at most 256"),
    ],
)
def test_planar_names_what_it_cannot_do(model, error, message):
    with pytest.raises(error, match=message):
        exact.planar(model)


def test_planar_refuses_what_rounding_spoils():
    J = matrix_of(*random_bonds((16, 16), "sign", np.random.default_rng(8)))
    with pytest.raises(rgdl.ConvergenceError, match="strongest coupling, 8"):
        exact.planar(glass((16, 16), J, 8.0))
