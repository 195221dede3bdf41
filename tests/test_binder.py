"""Universal Binder values against exact small lattices, symmetry and broken twins."""

import numpy as np
import pytest

import rgdl
from rgdl import exact
from rgdl.exact import _binder

K_C = exact.K_CRITICAL


def u4_of(p, n):
    m = 2.0 * np.arange(n + 1) - n
    return 1 - p @ m**4 / p.sum() / (3 * (p @ m**2 / p.sum()) ** 2)


def limit(sides, values, powers):
    """Value at infinite size of a + sum_k b_k L^-power_k through all points."""
    sides = np.array(sides, dtype=float)
    matrix = np.array([sides**-p for p in (0, *powers)]).T
    return np.linalg.solve(matrix, values)[0]


def antiperiodic_by_imaginary_fields(side):
    """U4 with a seam across the first extent: Tr F T^side, F turning all spins."""
    state = np.arange(1 << side)
    spins = 2 * (state[:, None] >> np.arange(side) & 1) - 1
    inside = np.exp(K_C * (spins * np.roll(spins, -1, axis=1)).sum(axis=1) - K_C * side)
    along = np.exp(K_C * (spins @ spins.T) - K_C * side)
    n, up = side * side, (spins.sum(axis=1) + side) // 2
    traces = []
    for k in range(n + 1):
        turned = inside * np.exp(2j * np.pi * k * up / (n + 1))
        power = np.linalg.matrix_power(turned[:, None] * along, side)
        traces.append(np.trace(power[::-1]))
    return u4_of(np.fft.fft(traces).real, n)


@pytest.mark.parametrize("aspect", [1, 2])
def test_periodic_value_is_the_limit_of_exact_tori(aspect):
    """Corrections: L^{-7/4} from the regular part of <m^2>, then L^-2 and L^-4."""
    sides = range(5, 9)
    values = [
        u4_of(exact.magnetization_distribution((L, aspect * L), K_C)[1], aspect * L**2)
        for L in sides
    ]
    expected = limit(sides, values, (1.75, 2, 4))
    found = exact.universal_binder(aspect, points=2**14)
    assert found.error < 2e-5
    assert found.value == pytest.approx(expected, abs=1e-4)
    other = exact.universal_binder(aspect * 1.1)
    assert other.value != pytest.approx(expected, abs=1e-4)


def test_square_equals_the_literature():
    """Kamieniarz and Bloete, Salas and Sokal: 0.61069; critical() has more digits."""
    found = exact.universal_binder(points=2**15)
    assert found.value == pytest.approx(0.61069, abs=4 * found.error + 5e-6)
    data = exact.critical(2)
    assert found.value == pytest.approx(data.binder, abs=4 * found.error)
    assert data.errors["binder"] < 2e-6


def test_antiperiodic_value_is_the_limit_of_exact_tori():
    values = [antiperiodic_by_imaginary_fields(L) for L in (4, 5, 6, 7)]
    found = exact.universal_binder(1.0, "antiperiodic", points=2**14)
    assert found.value == pytest.approx(
        limit((4, 5, 6, 7), values, (2, 3, 4)), abs=2e-3
    )
    assert abs(found.value - exact.universal_binder().value) > 0.2


def test_free_value_is_the_limit_of_open_squares():
    """Three sizes only: edges bring every power of 1/L."""
    sides = (3, 4, 5)
    values = [
        exact.enumerate_states(rgdl.Ising((L, L), K=K_C, periodic=False)).binder
        for L in sides
    ]
    found = exact.universal_binder(1.0, "free", points=2**14)
    assert found.value == pytest.approx(limit(sides, values, (1, 2)), abs=5e-3)
    assert found.value == pytest.approx(0.396, abs=2e-3)  # Kaneda and Okabe 2001


@pytest.mark.parametrize("boundary", ["periodic", "free"])
def test_an_aspect_and_its_inverse_agree(boundary):
    wide = exact.universal_binder(2.5, boundary, points=2**8)
    assert wide.value == exact.universal_binder(0.4, boundary, points=2**8).value
    assert wide.value < exact.universal_binder(1.0, boundary, points=2**8).value


@pytest.mark.parametrize(
    ("signs", "across", "along"),
    [((1, 1, 1, 1), 1, 1), ((-1, 1, 1, -1), -1, 1), ((-1, -1, 1, 1), 1, -1)],
)
def test_four_spins_have_the_periods_of_the_torus(signs, across, along):
    """Without the odd spin structure they have not."""
    rng = np.random.default_rng(0)
    torus = _binder._Torus(1.0, signs)
    x, y = rng.random((2, 4, 20))
    here = torus.four(x, y)
    shift = np.array([1.0, 0, 0, 0])[:, None]
    assert np.allclose(torus.four(x + shift, y), across * here, rtol=1e-12)
    assert np.allclose(torus.four(x, y + shift), along * here, rtol=1e-12)
    torus.signs = (0, *signs[1:])
    assert not np.allclose(
        torus.four(x + shift, y), across * torus.four(x, y), rtol=1e-2
    )


@pytest.mark.parametrize("boundary", ["torus", "rectangle"])
def test_four_spins_factorise_at_short_distance(boundary):
    """A pair close together leaves r^{-1/4} times the correlation of the others."""
    if boundary == "torus":
        torus = _binder._Torus(1.3, (1, 1, 1, 1))
        x = np.array([[0.1], [0.1 + 1e-7], [0.5], [0.8]])
        y = np.array([[0.2], [0.2], [0.9], [0.4]])
        others = torus.two(x[2] - x[3], y[2] - y[3])
        assert torus.four(x, y) == pytest.approx(others * 1e-7**-0.25, rel=1e-5)
        return
    rectangle = _binder._Rectangle(1.0)
    u = np.array([[0.5], [0.5], [0.7], [0.2], [0.5], [0.5 + 1e-7], [0.4], [0.3]])
    connected, _ = rectangle.sums(u)
    apart = np.array(u)
    apart[5] += 0.2
    # Wick's first pairing cancels the divergence: what is left stays finite
    assert abs(connected) < 10 * abs(rectangle.sums(apart)[0]) + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"aspect": 0.0}, "aspect must be in"),
        ({"aspect": 9.0}, "aspect must be in"),
        ({"boundary": "twisted"}, "boundary must be one of"),
        ({"points": 100}, "power of two"),
        ({"points": 2**21}, "power of two"),
        ({"points": 32}, "points must be at least"),
    ],
)
def test_universal_binder_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        exact.universal_binder(**arguments)
