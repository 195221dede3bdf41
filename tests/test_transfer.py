"""Transfer matrices against enumeration, Kaufman, duality and tables."""

import math
import os
import signal
import threading
import time

import mpmath
import numpy as np
import pytest

import rgdl
from rgdl import exact

K_C = exact.K_CRITICAL
PERIODIC = [(True, True), (True, False), (False, True), (False, False)]


def random_model(shape, periodic, *, seed=0, field=0.5, scale=0.7):
    """Independent normal couplings of nearest neighbours, and fields."""
    rng = np.random.default_rng(seed)
    n = math.prod(shape)
    sites = np.arange(n).reshape(shape)
    matrix = np.zeros((n, n))
    for axis in (0, 1):
        stop = shape[axis] if periodic[axis] else shape[axis] - 1
        here = np.take(sites, range(stop), axis).ravel()
        there = np.take(np.roll(sites, -1, axis), range(stop), axis).ravel()
        np.add.at(matrix, (here, there), scale * rng.normal(size=len(here)))
    return rgdl.Ising(
        shape,
        K=1.0,
        h=field * rng.normal(size=shape),
        periodic=periodic,
        couplings=matrix + matrix.T,
    )


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2), (4, 3), (3, 4), (5, 3)])
@pytest.mark.parametrize("periodic", PERIODIC)
def test_log_z_of_any_bonds_equals_enumeration(shape, periodic):
    for field in (0.0, 0.5):
        model = random_model(shape, periodic, field=field)
        expected = exact.enumerate_states(model).log_z
        log_z = exact.transfer_matrix(model).log_z
        assert log_z == pytest.approx(expected, rel=1e-12)
        other = random_model(shape, periodic, field=field, scale=0.7001)
        assert exact.transfer_matrix(other).log_z != pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (4, 2), (3, 3), (4, 3), (4, 4)])
@pytest.mark.parametrize("periodic", PERIODIC)
@pytest.mark.parametrize("K", [0.3, -0.6, -3.0, 0.0, 2.5])
def test_log_z_of_uniform_bonds_equals_enumeration(shape, periodic, K):
    for h in (0.0, 0.2):
        model = rgdl.Ising(shape, K=K, h=h, periodic=periodic)
        expected = exact.enumerate_states(model).log_z
        log_z = exact.transfer_matrix(model).log_z
        assert log_z == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (10, 7), (7, 9), (60, 4), (9, 5), (300, 3)])
@pytest.mark.parametrize("K", [0.1, K_C, 0.9])
def test_log_z_of_tori_equals_kaufman(shape, K):
    log_z = exact.transfer_matrix(rgdl.Ising(shape, K=K)).log_z
    assert log_z == pytest.approx(exact.kaufman(shape, K).log_z, rel=1e-12)


def test_open_lattice_is_the_same_from_both_sides():
    """Of width 4 or 13; and a periodic length costs a trace, up to width 10."""
    field = np.random.default_rng(1).normal(size=(4, 13))
    along = rgdl.Ising((4, 13), K=0.4, h=field, periodic=(True, False))
    across = rgdl.Ising((13, 4), K=0.4, h=field.T, periodic=(False, True))
    assert math.isnan(exact.transfer_matrix(along).log_z)  # its trace is too wide
    ladder = rgdl.Ising((13, 4), K=0.4, h=field.T, periodic=False)
    turned = rgdl.Ising((4, 13), K=0.4, h=field, periodic=False)
    a, b = exact.transfer_matrix(ladder).log_z, exact.transfer_matrix(turned).log_z
    assert a == pytest.approx(b, rel=1e-13)
    assert exact.transfer_matrix(across).log_z > a


def modes(width, K, first):
    """Kaufman's gamma_r of every second momentum, the one of r = 0 with its sign."""
    theta = np.pi * (2 * np.arange(width) + first) / width
    cosh = np.cosh(2 * K) ** 2 / np.sinh(2 * K) - np.cos(theta)
    gamma = np.arccosh(np.maximum(cosh, 1.0))
    if first == 0:
        gamma[0] = 2 * K + np.log(np.tanh(K))
    return gamma


@pytest.mark.parametrize("width", [2, 3, 8, 11, 13])
@pytest.mark.parametrize("K", [0.2, K_C, 0.6])
def test_leading_eigenvalues_equal_onsager(width, K):
    """Lanczos from width 10 on; the even sector has odd momenta."""
    strip = exact.transfer_matrix(rgdl.Ising((4, width), K=K, periodic=(False, True)))
    gamma, zero = modes(width, K, 1), modes(width, K, 0)
    constant = width / 2 * np.log(2 * np.sinh(2 * K))
    top = constant + gamma.sum() / 2
    assert strip.log_eigenvalues[0] == pytest.approx(top, rel=1e-13)
    assert strip.infinite_log_z_per_site == pytest.approx(top / width, rel=1e-13)
    gap = (gamma.sum() - zero.sum()) / 2
    assert 1 / strip.correlation_length == pytest.approx(gap, abs=2e-13)
    pair = np.sort(gamma)[:2].sum()  # two of the lightest particles
    assert 1 / strip.even_correlation_length == pytest.approx(pair, abs=2e-13)


@pytest.mark.parametrize("width", [5, 12])
def test_duality_of_the_even_sector(width):
    K = 0.3
    dual = -0.5 * math.log(math.tanh(K))
    values = []
    for coupling in (K, dual):
        model = rgdl.Ising((2, width), K=coupling, periodic=(False, True))
        top = exact.transfer_matrix(model).log_eigenvalues[0]
        values.append(top - width / 2 * math.log(math.sinh(2 * coupling)))
    assert values[0] == pytest.approx(values[1], rel=1e-13)


def test_wide_strip_approaches_the_infinite_lattice():
    """papers.md 12.1 at T = 4, where the correlation length is below one."""
    model = rgdl.Ising((2, 14), T=4.0, periodic=(False, True))
    strip = exact.transfer_matrix(model, workers=2)
    assert strip.infinite_log_z_per_site == pytest.approx(0.759106478535455, abs=1e-7)
    xi = -1 / (0.5 + math.log(math.tanh(0.25)))
    assert strip.correlation_length == pytest.approx(xi, rel=1e-3)
    assert math.isnan(exact.transfer_matrix(rgdl.Ising((3, 11), T=4.0)).log_z_per_site)


def test_period_of_equal_columns_is_one_column():
    """A staggered field with no strength makes no difference; with some it does."""
    stagger = np.where(np.arange(6) % 2, 1.0, -1.0)[:, None] * np.ones(10)
    plain = exact.transfer_matrix(rgdl.Ising((6, 10), K=0.35, h=0.1))
    tiny = exact.transfer_matrix(rgdl.Ising((6, 10), K=0.35, h=0.1 + 1e-12 * stagger))
    assert tiny.log_eigenvalues[0] == pytest.approx(6 * plain.log_eigenvalues[0])
    assert tiny.infinite_log_z_per_site == pytest.approx(plain.infinite_log_z_per_site)
    assert tiny.correlation_length == pytest.approx(plain.correlation_length, rel=1e-8)
    large = exact.transfer_matrix(rgdl.Ising((6, 10), K=0.35, h=0.1 + 0.5 * stagger))
    assert large.correlation_length != pytest.approx(plain.correlation_length, rel=1e-2)


@pytest.mark.parametrize("field", [0.0, 0.4])
def test_period_of_random_columns_rules_long_lattices(field):
    """Ln Z of many periods grows by ln of the leading eigenvalue with each."""

    def repeated(times):
        rng = np.random.default_rng(3)
        bonds = np.tile(rng.normal(size=(2, 3, 4)), (1, times, 1))
        h = field * np.tile(rng.normal(size=(3, 4)), (times, 1))
        sites = np.arange(12 * times).reshape(-1, 4)
        matrix = np.zeros((sites.size, sites.size))
        for axis in (0, 1):
            matrix[sites, np.roll(sites, -1, axis)] = bonds[axis]
        return rgdl.Ising(sites.shape, K=1.0, h=h, couplings=matrix + matrix.T)

    strip = exact.transfer_matrix(repeated(1))
    long, longer = (exact.transfer_matrix(repeated(n)).log_z for n in (30, 31))
    assert strip.log_eigenvalues[0] == pytest.approx(longer - long, rel=1e-12)
    # and Z of one period is the sum of all eigenvalues
    ratio = math.exp(strip.log_z - strip.log_eigenvalues[0])
    assert 1 < ratio < 1 + 255 * math.exp(-3 / strip.correlation_length)


@pytest.mark.parametrize("width", [4, 12])
def test_antiferromagnet_of_even_width_is_the_ferromagnet(width):
    strips = [
        exact.transfer_matrix(rgdl.Ising((2, width), K=K, periodic=(False, True)))
        for K in (0.4, -0.4)
    ]
    logs = [strip.log_eigenvalues for strip in strips]
    assert logs[1] == pytest.approx(logs[0], rel=1e-13)
    lengths = [strip.correlation_length for strip in strips]
    assert lengths[1] == pytest.approx(lengths[0], rel=1e-11)


def test_frozen_strip_has_no_gap():
    strip = exact.transfer_matrix(rgdl.Ising((4, 12), K=100.0, periodic=(False, True)))
    assert strip.log_z == pytest.approx(100 * (48 + 36) + math.log(2), rel=1e-15)
    assert strip.correlation_length > 1e13


def test_lanczos_without_convergence_is_an_error(monkeypatch):
    from scipy.sparse import linalg

    def stuck(*args, **options):
        raise linalg.ArpackNoConvergence("no", np.zeros(0), np.zeros(0))

    monkeypatch.setattr(linalg, "eigsh", stuck)
    with pytest.raises(rgdl.ConvergenceError, match="leading eigenvalues"):
        exact.transfer_matrix(rgdl.Ising((2, 10), K=0.4, periodic=(False, True)))


def test_open_lattice_of_different_columns_has_no_strip():
    strip = exact.transfer_matrix(random_model((4, 3), (False, True)))
    assert math.isfinite(strip.log_z)
    assert strip.log_eigenvalues == ()
    assert math.isnan(strip.infinite_log_z_per_site)
    assert math.isnan(strip.correlation_length)


def test_columns_without_bonds_have_rank_one():
    strip = exact.transfer_matrix(rgdl.Ising((4, 12), K=0.0))
    assert strip.infinite_log_z_per_site == pytest.approx(math.log(2), rel=1e-14)
    assert strip.correlation_length == 0


def test_couplings_keep_their_constant():
    spins = 2.0 * (np.arange(16)[:, None] >> np.arange(4) & 1) - 1  # 2 x 2, C order
    pairs = spins[:, 0] * spins[:, 1] + 0.5 * spins[:, 1] * spins[:, 3]
    minus_h = 2.5 + 0.4 * pairs - 0.1 * spins[:, 2]
    couplings = rgdl.Couplings.from_table(minus_h)
    model = rgdl.Ising((2, 2), couplings=couplings, periodic=False)
    expected = np.logaddexp.reduce(minus_h)
    assert exact.transfer_matrix(model).log_z == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (rgdl.Ising(8, K=0.4), r"shape \(length, width\), got \(8,\)"),
        (rgdl.Ising((4, 4, 4), K=0.4), r"shape \(length, width\)"),
        (rgdl.Ising((4, 21), K=0.4), "at most 20, got 21"),
        (rgdl.Ising((4, 4), K=0.4, couplings={"nn": 1, "nnn": 0.1}), "nearest"),
        (rgdl.Ising((4, 4), K=0.4, couplings={"plaquette": 1}), "nearest"),
    ],
)
def test_transfer_matrix_refuses_other_models(model, message):
    with pytest.raises(ValueError, match=message):
        exact.transfer_matrix(model)


def test_transfer_matrix_refuses_what_is_no_model():
    with pytest.raises(TypeError, match=r"model must be an rgdl.Ising, got \(4, 4\)"):
        exact.transfer_matrix((4, 4))


def test_central_charge_is_one_half():
    result = exact.central_charge()
    assert abs(result.value - 0.5) < result.error < 1e-4
    onsager = math.log(2) / 2 + 2 * 0.915965594177219 / math.pi
    assert result.log_z_per_site == pytest.approx(onsager, abs=1e-8)
    assert abs(exact.central_charge((8, 10, 12), K=0.4).value - 0.5) > 0.05


@pytest.mark.parametrize("widths", [(4, 6), (4, 4, 6), (4, 6, 21)])
def test_central_charge_refuses_other_widths(widths):
    with pytest.raises(ValueError, match="widths must be three or more"):
        exact.central_charge(widths)


# ---- correlations --------------------------------------------------------------------


def correlations_by_states(shape, K, h):
    n = math.prod(shape)
    s = 2 * (np.arange(1 << n) >> np.arange(n)[:, None] & 1) - 1
    hamiltonian = rgdl.Ising(shape, K=K, h=h).hamiltonian(s.T.reshape(-1, *shape))
    weights = np.exp(-hamiltonian)
    return (s * s[0] * weights).sum(axis=1).reshape(shape) / weights.sum()


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (4, 3), (4, 4), (2, 5)])
@pytest.mark.parametrize(("K", "h"), [(0.4, 0.0), (0.3, 0.2), (-0.3, 0.1), (1.5, 0.0)])
def test_correlations_equal_enumeration(shape, K, h):
    result = exact.correlations(shape, K, h)
    assert result.shape == shape
    expected = correlations_by_states(shape, K, h)
    assert np.abs(result - expected).max() < 1e-13
    broken = correlations_by_states(shape, K + 1e-9, h)
    assert np.abs(result - broken).max() > 1e-13


@pytest.mark.parametrize(
    ("n", "K", "expected"),
    [  # papers.md 12.2
        (4, 0.5, (0.5363436040, 0.4084761544, 0.5363436040)),
        (8, 0.5, (0.4656492510, 0.2228277944, 0.1195122623)),
        (8, 1.0, (0.8176628754, 0.6963474746, 0.6270000968)),
        (16, 1.0, (0.7685692242, 0.5944963403, 0.4647903862)),
        (64, 1.0, (0.7615941708, 0.5800256892, 0.4417442008)),
    ],
)
def test_correlations_of_rings_equal_the_table(n, K, expected):
    result = exact.correlations(n, K)
    assert result.shape == (n,)
    assert result[1:4] == pytest.approx(expected, abs=6e-11)
    t, r = math.tanh(K), np.arange(n)
    expected = (t**r + t ** (n - r)) / (1 + t**n)
    assert np.abs(result - expected).max() < 2e-14


@pytest.mark.parametrize("shape", [(8, 8), (100, 6), (6, 100)])
@pytest.mark.parametrize("K", [0.35, K_C, 0.5])
def test_neighbours_of_a_torus_hold_its_energy(shape, K):
    pairs = exact.correlations(shape, K)
    energy = exact.kaufman(shape, K).energy
    assert -(pairs[0, 1] + pairs[1, 0]) == pytest.approx(energy, rel=1e-12)
    assert np.abs(pairs[1:] - pairs[:0:-1]).max() < 1e-13


@pytest.mark.parametrize("shape", [(10, 10), (3, 3, 3), (1, 4)])
def test_correlations_refuse_other_shapes(shape):
    with pytest.raises(ValueError, match="shape"):
        exact.correlations(shape, 0.4)


# ---- magnetisation -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "K", "moments"),
    [  # papers.md 12.5: <|m|>, <m^2>, <m^4>, U4
        (2, K_C, (0.899264068712, 0.874264068712, 0.855514068712, 0.626903958192)),
        (3, K_C, (0.871071935474, 0.809429989272, 0.746613605228, 0.620146560599)),
        (4, K_C, (0.843860444813, 0.761358908569, 0.665691213267, 0.617199318412)),
        (5, K_C, (0.822707863405, 0.723697273235, 0.604169927625, 0.615475534356)),
        (6, K_C, (0.804976558444, 0.693316591135, 0.556122863533, 0.614356239125)),
        (8, K_C, (0.777331092787, 0.646911574994, 0.485815234126, 0.613045384943)),
        (4, 0.5, (0.918943267402, 0.868921681642, 0.804530078689, 0.644810791188)),
        (8, 0.5, (0.911452266143, 0.841671184622, 0.734015204920, 0.654618649250)),
        (4, 0.4, (0.764712393222, 0.654825756937, 0.538318766756, 0.581527659120)),
        (8, 0.4, (0.603128979407, 0.432099078576, 0.266552513260, 0.524122855863)),
        (4, 0.408, (0.782015851539, 0.677630346347, 0.564865860497, 0.589948524243)),
        (8, 0.408, (0.640554063236, 0.475626221340, 0.307353839996, 0.547117217597)),
    ],
)
def test_moments_equal_the_table(side, K, moments):
    m, p = exact.magnetization_distribution((side, side), K)
    m1, m2, m4 = (float(np.sum(p * abs(m) ** k)) for k in (1, 2, 4))
    assert (m1, m2, m4, 1 - m4 / (3 * m2**2)) == pytest.approx(moments, abs=6e-13)


@pytest.mark.parametrize("side", [4, 5, 6])
@pytest.mark.parametrize("K", [0.2, K_C, 1.0, -0.4])
def test_every_probability_equals_the_joint_density(side, K):
    """Relative errors, also of the smallest: all sums have positive terms."""
    joint = exact.joint_density_of_states(side)
    minus_h = -K * joint.energies
    expected = np.exp(minus_h - minus_h.max()) @ joint.counts
    m, p = exact.magnetization_distribution((side, side), K)
    assert m.tolist() == (joint.magnetizations / side**2).tolist()
    assert np.allclose(p, expected / expected.sum(), rtol=1e-13, atol=0)
    _, broken = exact.magnetization_distribution((side, side), K * (1 + 1e-10))
    assert not np.allclose(p, broken, rtol=1e-13, atol=0)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 5), (6, 2)])
@pytest.mark.parametrize(("K", "h"), [(0.4, 0.0), (0.3, 0.2), (-0.5, -0.7)])
def test_distribution_equals_enumeration(shape, K, h):
    m, p = exact.magnetization_distribution(shape, K, h)
    expected = exact.enumerate_states(rgdl.Ising(shape, K=K, h=h))
    assert p.sum() == pytest.approx(1, abs=1e-14)
    assert np.sum(p * m) == pytest.approx(expected.magnetization, abs=1e-13)
    m2 = expected.mean_square_magnetization
    assert np.sum(p * m**2) == pytest.approx(m2, abs=1e-13)


def test_distribution_does_not_depend_on_workers():
    one = exact.magnetization_distribution((7, 6), 0.4)[1]
    two = exact.magnetization_distribution((7, 6), 0.4, workers=2)[1]
    assert (one == two).all()


@pytest.mark.parametrize("shape", [(13, 13), (4,), (2, 501), (12, 13), (1, 4)])
def test_distribution_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="shape"):
        exact.magnetization_distribution(shape, 0.4)


def test_ctrl_c_stops_a_long_sum():
    """Alone it takes half a minute."""
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        exact.magnetization_distribution((12, 12), 0.4)
    timer.join()
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize("periodic", [False, True, (True, False)])
def test_strong_opposing_fields_are_summed_in_logarithms(periodic):
    """Relative to the largest of each column, weights lost ln 2 of ln Z."""
    opposing = np.where(np.arange(4)[:, None] % 2, -1.0, 1.0) * np.ones((4, 4))
    random = 200 * np.random.default_rng(0).normal(size=(4, 4))
    for K, h in ((60.0, 80 * opposing), (120.0, 150 * opposing), (30.0, random)):
        model = rgdl.Ising((4, 4), K=K, h=h, periodic=periodic)
        strip = exact.transfer_matrix(model)
        expected = exact.enumerate_states(model).log_z
        assert strip.log_z == pytest.approx(expected, rel=1e-14)
        assert strip.log_eigenvalues == ()
        assert math.isnan(strip.infinite_energy)
        warmer = rgdl.Ising((4, 4), K=K * 0.999, h=h, periodic=periodic)
        assert abs(exact.transfer_matrix(warmer).log_z - expected) > 1e-3


def test_uniform_strips_fit_along_their_length_however_cold():
    cold = exact.transfer_matrix(rgdl.Ising((4, 4), K=60.0))
    assert abs(cold.log_z - (32 * 60.0 + math.log(2))) < 1e-9


@pytest.mark.parametrize(
    ("shape", "K", "h"),
    [((4, 4), -12.0, 30.0), ((3, 4), -40.0, 100.0), ((4, 4), -40.0, 170.0)],
)
def test_a_field_on_a_cold_antiferromagnet(shape, K, h):
    """Aligned states underflow without the field and may win with it."""
    m, p = exact.magnetization_distribution(shape, K, h)
    expected = exact.enumerate_states(rgdl.Ising(shape, K=K, h=h))
    assert np.sum(p * m) == pytest.approx(expected.magnetization, rel=1e-12, abs=1e-15)
    assert np.sum(p * m**2) == pytest.approx(
        expected.mean_square_magnetization, rel=1e-12, abs=1e-15
    )
    with pytest.raises(ValueError, match="beyond 7 x 7"):
        exact.magnetization_distribution((8, 8), K, h)


def distribution_by_imaginary_fields(side, K):
    """P(M) as the Fourier transform of Tr T(i theta)^side over N + 1 fields."""
    state = np.arange(1 << side)
    spins = 2 * (state[:, None] >> np.arange(side) & 1) - 1
    inside = np.exp(K * (spins * np.roll(spins, -1, axis=1)).sum(axis=1) - K * side)
    along = np.exp(K * (spins @ spins.T) - K * side)
    n = side * side
    up = (spins.sum(axis=1) + side) // 2
    traces = [
        np.trace(
            np.linalg.matrix_power(
                (inside * np.exp(2j * np.pi * k * up / (n + 1)))[:, None] * along, side
            )
        )
        for k in range(n + 1)
    ]
    p = np.fft.fft(traces).real
    return p / p.sum()


@pytest.mark.parametrize("side", [3, 4, 5, 6])
@pytest.mark.parametrize("K", [0.2, K_C])
def test_distribution_equals_imaginary_fields_and_fft(side, K):
    """The route of the transform keeps an absolute error only."""
    _, p = exact.magnetization_distribution((side, side), K)
    assert np.allclose(p, distribution_by_imaginary_fields(side, K), rtol=0, atol=1e-14)
    broken = distribution_by_imaginary_fields(side, K + 1e-9)
    assert not np.allclose(p, broken, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("width", "K", "h", "periodic"),
    [
        (6, 0.4, 0.0, True),
        (10, 0.44, 0.0, True),
        (5, 0.3, 0.1, True),
        (5, -0.3, 0.0, False),
        (9, -0.3, -0.2, (True, False)),
    ],
)
def test_strip_responses_are_derivatives(width, K, h, periodic):
    """Energy: in K; specific heat: in a factor of K and h (central differences)."""

    def free(factor_k, factor_h):
        model = rgdl.Ising(
            (8, width), K=K * factor_k, h=h * factor_h, periodic=periodic
        )
        return exact.transfer_matrix(model).infinite_log_z_per_site

    step = 2e-3
    strip = exact.transfer_matrix(rgdl.Ising((8, width), K=K, h=h, periodic=periodic))
    v = [free(1 + j * step, 1.0) for j in (-2, -1, 1, 2)]
    slope = (8 * (v[2] - v[1]) - (v[3] - v[0])) / (12 * step)
    assert strip.infinite_energy == pytest.approx(-slope / K, rel=1e-8)
    v = [free(1 + j * step, 1 + j * step) for j in (-2, -1, 0, 1, 2)]
    bend = (-v[0] + 16 * v[1] - 30 * v[2] + 16 * v[3] - v[4]) / (12 * step**2)
    assert strip.infinite_specific_heat == pytest.approx(bend, rel=1e-7)


def test_strip_responses_are_those_of_a_long_torus():
    strip = exact.transfer_matrix(rgdl.Ising((2, 11), K=K_C, periodic=(False, True)))
    torus = exact.kaufman((11, 1100), K_C)
    assert strip.infinite_energy == pytest.approx(torus.energy, rel=1e-12)
    assert strip.infinite_specific_heat == pytest.approx(torus.specific_heat, rel=1e-10)


def test_central_charge_refuses_frustrated_widths():
    with pytest.raises(ValueError, match="widths must be even for K < 0"):
        rgdl.exact.central_charge((3, 4, 5), K=-0.44)
    even = rgdl.exact.central_charge((8, 10, 12), K=-rgdl.exact.K_CRITICAL)
    assert abs(even.value - 0.5) < 1e-3


def test_central_charge_names_widths():
    with pytest.raises(TypeError, match="widths must be several integers, got 8"):
        exact.central_charge(8)


def infinite_strip(width, K):
    """Ln Z, energy, specific heat per site of a periodic strip (Onsager), mpmath."""
    with mpmath.workdps(120):

        def free(x):
            s = mpmath.sinh(2 * x)
            y = mpmath.cosh(2 * x) ** 2 / s
            gammas = [
                mpmath.acosh(y - mpmath.cos(mpmath.pi * (2 * r + 1) / width))
                for r in range(width)
            ]
            return (mpmath.mpf(width) / 2 * mpmath.log(2 * s) + sum(gammas) / 2) / width

        x, step = mpmath.mpf(K), mpmath.mpf(10) ** -25
        low, mid, high = free(x - step), free(x), free(x + step)
        bend = (high - 2 * mid + low) / step**2 * x * x
        return float(mid), float(-(high - low) / (2 * step)), float(bend)


@pytest.mark.parametrize("width", [2, 3, 4, 9, 10])
@pytest.mark.parametrize("K", [1e-9, 9e-4, 1.1e-3, 0.3, K_C, 0.6, 1.5, 2.0, 3.0, 10.0])
def test_strip_responses_equal_the_closed_form(width, K):
    """Cold, the odd sector is degenerate; hot, mean bonds are what rounding leaves."""
    strip = exact.transfer_matrix(rgdl.Ising((6, width), K=K))
    log_z, energy, heat = infinite_strip(width, K)
    assert strip.infinite_log_z_per_site == pytest.approx(log_z, rel=1e-13)
    assert strip.infinite_energy == pytest.approx(energy, rel=1e-12)
    assert strip.infinite_specific_heat == pytest.approx(heat, rel=1e-8, abs=0)


@pytest.mark.parametrize(("K", "h"), [(2.0, 0.01), (1.0, 1.0), (-1.5, 0.5), (-2, 5.0)])
def test_strip_responses_in_a_field_are_derivatives_when_cold(K, h):
    """Of ln lambda from a dense matrix at 60 digits."""
    width = 3 if K > 0 else 2
    with mpmath.workdps(60):
        states = [
            [2 * (i >> j & 1) - 1 for j in range(width)] for i in range(1 << width)
        ]

        def free(f_k, f_h):
            k, field = mpmath.mpf(K) * f_k, mpmath.mpf(h) * f_h

            def entry(a, b):
                inside = sum(
                    k * (x[j] * x[j - 1]) / 2 + field * x[j] / 2
                    for x in (a, b)
                    for j in range(width)
                )
                along = k * sum(x * y for x, y in zip(a, b, strict=True))
                return mpmath.exp(inside + along)

            matrix = mpmath.matrix([[entry(a, b) for b in states] for a in states])
            values = mpmath.eigsy(matrix, eigvals_only=True)
            return mpmath.log(max(values)) / width

        d = mpmath.mpf(10) ** -15
        energy = -(free(1 + d, 1) - free(1 - d, 1)) / (2 * d) / K
        heat = (free(1 + d, 1 + d) - 2 * free(1, 1) + free(1 - d, 1 - d)) / d**2
    strip = exact.transfer_matrix(rgdl.Ising((6, width), K=K, h=h))
    assert strip.infinite_energy == pytest.approx(float(energy), rel=1e-12)
    assert strip.infinite_specific_heat == pytest.approx(float(heat), rel=1e-8, abs=0)
