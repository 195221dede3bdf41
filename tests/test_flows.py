"""Analytic flows against exact sums, golden fixed points and finite differences."""

import itertools
import math

import numpy as np
import pytest

from rgdl import exact, rg
from rgdl.rg import _cumulant, _flow, _variational

K_C = 0.5 * math.log1p(math.sqrt(2.0))


def slope(step, x, width=1e-6):
    """Central difference of a scalar map."""
    return (step(x + width) - step(x - width)) / (2 * width)


# ---- the chain ----


@pytest.mark.parametrize(
    ("K", "h"), [(1.0, 0.3), (-0.7, 0.4), (0.2, -1.5), (3.0, 0.05)]
)
def test_chain_with_field_is_the_exact_sum_over_the_middle_spin(K, h):
    flow = rg.decimate_chain(K, 1, h=h)
    new_K, new_h = flow.couplings[1]
    for left, right in itertools.product((1, -1), repeat=2):
        summed = sum(math.exp(K * s * (left + right) + h * s) for s in (1, -1))
        gain = (new_h - h) / 2 * (left + right)
        expected = math.exp(flow.constants[1] + new_K * left * right + gain)
        assert summed == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("K", "h"), [(0.8, 0.0), (0.6, 0.2), (-0.5, 0.7)])
def test_chain_constants_add_up_to_the_free_energy(K, h):
    flow = rg.decimate_chain(K, 40, h=h)
    total = (flow.constants[1:] * 0.5 ** np.arange(1, 41)).sum()
    assert total == pytest.approx(exact.chain(2**20, K, h).log_z_per_site, abs=1e-9)


@pytest.mark.parametrize("K", [1e-9, 0.3, 0.9999, 1.0001, 20.0, 400.0])
@pytest.mark.parametrize("h", [1e-9, 0.3, 5.0, 40.0, 299.0, 720.0, 2000.0])
def test_chain_in_a_field_loses_no_digits(K, h):
    """Against 2000 digits; an exponent of size x keeps eps x."""
    import mpmath

    with mpmath.workdps(2000):
        k, x = mpmath.mpf(K), mpmath.mpf(h)
        coupling = mpmath.log(1 + (mpmath.sinh(2 * k) / mpmath.cosh(x)) ** 2) / 4
        gain = mpmath.log(mpmath.cosh(2 * k + x) / mpmath.cosh(2 * k - x)) / 2
    size = max(1.0, 2 * abs(2 * K - h))
    assert _flow._decimated(K, h) == pytest.approx(
        float(coupling), rel=2e-15 * size, abs=1e-300
    )
    assert _flow._field_gain(K, h) == pytest.approx(float(gain), rel=4e-15)
    assert _flow._field_gain(K, -h) == -_flow._field_gain(K, h)


def test_chain_without_field_matches_golden_values_and_keeps_extremes():
    flow = rg.decimate_chain(1.0, 3)
    assert flow.couplings[1, 0] == pytest.approx(0.6625013737, abs=5e-11)
    assert flow.couplings[2, 0] == pytest.approx(0.3500611389, abs=5e-11)
    assert rg.decimate_chain(1e-9, 1).couplings[1, 0] == pytest.approx(1e-18, rel=1e-12)
    assert rg.decimate_chain(500.0, 1, h=2.0).couplings[1, 0] == pytest.approx(
        500 - 0.5 * math.log(2 * math.cosh(2.0)), rel=1e-14
    )


# ---- Migdal and Kadanoff ----


@pytest.mark.parametrize(
    ("b", "d", "K", "y_t"),
    [
        (2, 2, 0.304688931718, 0.7472357189),
        (3, 2, 0.2406059125, 0.73814049),
        (4, 2, 0.2017629641, 0.72967604),
        (5, 2, 0.1751991102, 0.72215643),
        (1, 2, K_C, 0.7535495197),
        (2, 3, 0.0652662950, 0.93912893),
        (3, 3, 0.039355, 0.926047),
        (1, 3, 0.139778, 0.948169),
    ],
)
def test_migdal_kadanoff_table(b, d, K, y_t):
    point = rg.migdal_kadanoff(b=b, d=d)
    digits = 1e-10 if d == 2 else 5e-7
    assert point.couplings[0] == pytest.approx(K, abs=digits)
    assert point.y_t == pytest.approx(y_t, abs=6e-7 if d == 3 else 6e-9)


def test_other_order_is_the_same_map_half_a_step_later():
    one, other = rg.migdal_kadanoff(), rg.migdal_kadanoff(order="decimate-move")
    assert other.couplings[0] == pytest.approx(0.609377863436, abs=1e-12)
    assert (one.y_t, one.y_h) == pytest.approx((other.y_t, other.y_h), rel=1e-13)


@pytest.mark.parametrize(("b", "d"), [(2, 2), (3, 2), (2, 3), (2.5, 2.2)])
def test_migdal_kadanoff_eigenvalues_are_slopes_of_the_sum(b, d):
    point = rg.migdal_kadanoff(b=b, d=d)
    K = float(point.couplings[0])
    measured = slope(
        lambda x: rg.migdal_kadanoff_flow(x, 1, b=b, d=d).couplings[1, 0], K
    )
    assert point.eigenvalues[0] == pytest.approx(measured, rel=1e-8)
    if b == int(b):  # bond fields by the exact sum over the chain's inner spins
        moved, field = b ** (d - 1) * K, 1e-6

        def weight(left, right):
            total = 0.0
            for inner in itertools.product((1, -1), repeat=int(b) - 1):
                chain = (left, *inner, right)
                bonds = sum(x * y for x, y in itertools.pairwise(chain))
                total += math.exp(
                    moved * bonds + field * (2 * sum(inner) + left + right)
                )
            return total

        coarse = 0.25 * math.log(weight(1, 1) / weight(-1, -1))
        expected = b ** (d - 1) * coarse / field
        assert point.odd_eigenvalues[0] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("d", [1.0001, 1.01])
def test_limit_of_small_steps_near_one_dimension(d):
    """sinh 2K ln tanh K goes to -1, so K* = 1 / 2(d - 1) and y_t = d - 1."""
    limit = rg.migdal_kadanoff(b=1, d=d)
    assert limit.couplings[0] == pytest.approx(0.5 / (d - 1), rel=1e-12)
    assert limit.y_t == pytest.approx(d - 1, rel=1e-9)
    step = rg.migdal_kadanoff(b=1.0001, d=d)
    assert step.couplings[0] == pytest.approx(0.5 / (d - 1), rel=1e-4)
    assert step.y_t == pytest.approx(d - 1, rel=1e-4)


def test_limit_of_small_steps():
    near, limit = rg.migdal_kadanoff(b=1 + 1e-6), rg.migdal_kadanoff(b=1)
    assert near.couplings[0] == pytest.approx(limit.couplings[0], abs=1e-5)
    assert near.y_t == pytest.approx(limit.y_t, abs=1e-5)
    assert near.y_h == pytest.approx(limit.y_h, abs=1e-5)


@pytest.mark.parametrize("K", [0.1, 0.3, 0.44, 0.8])
def test_moving_bonds_bounds_the_free_energy(K):
    """From above, and never by more than the sites that lose all bonds: ln(2) / 3."""
    flow = rg.migdal_kadanoff_flow(K, 60)
    bound = (flow.constants[1:] * 0.25 ** np.arange(1, 61)).sum()
    assert 0 < bound - exact.onsager(K).log_z_per_site < math.log(2) / 3 + 1e-9


def test_one_dimension_is_exact():
    flow, chain = rg.migdal_kadanoff_flow(0.9, 5, d=1), rg.decimate_chain(0.9, 5)
    assert flow.couplings == pytest.approx(chain.couplings, rel=1e-13)
    assert flow.constants == pytest.approx(chain.constants, rel=1e-13)
    large = rg.migdal_kadanoff_flow(400.0, 1, d=1)
    assert large.couplings[1, 0] == pytest.approx(400 - math.log(2) / 2, rel=1e-13)


# ---- Kadanoff's variational transformation ----


def test_kadanoff_golden_fixed_point():
    point = rg.kadanoff_variational()
    assert point.parameters["p"] == pytest.approx(0.7659830352, abs=1e-10)
    assert point.y_t == pytest.approx(1.00087893, abs=5e-9)
    assert point.y_h == pytest.approx(1.87531581, abs=5e-9)
    coefficients = point.couplings / [2, 1, 1]
    golden = [0.13971663, 0.13971663, -0.00686501]
    assert coefficients == pytest.approx(golden, abs=5e-9)
    assert point.eigenvalues == pytest.approx(
        [2.00121883, 1.15134568, 0.50560673], abs=5e-9
    )
    assert point.odd_eigenvalues == pytest.approx([3.66881920, 0.95815413], abs=5e-9)


@pytest.mark.parametrize(
    ("p", "y_t", "y_h"),
    [
        (0.65, 0.2089, 1.9138),
        (0.70, 0.7102, 1.8798),
        (0.80, 1.1247, 1.8789),
        (0.85, 1.3081, 1.8903),
        (0.90, 1.4871, 1.9096),
        (1.0, 1.7094, 1.9475),
    ],
)
def test_kadanoff_at_other_p(p, y_t, y_h):
    point = rg.kadanoff_variational(p=p)
    assert (point.y_t, point.y_h) == pytest.approx((y_t, y_h), abs=5e-5)


def test_kadanoff_step_is_the_sum_over_four_spins():
    """One step against the sum written out, for a potential without symmetry rules."""
    K, h, p = K_C, 0.04, 0.7659830352
    flow = rg.kadanoff_flow(K, 1, p=p, h=h)
    nn, nnn, four, field, triple = flow.couplings[1] / [2, 1, 1, 4, 1]
    for mu in itertools.product((1, -1), repeat=4):
        total = 0.0
        for s in itertools.product((1, -1), repeat=4):
            ring = sum(s[i] * s[i - 1] for i in range(4))
            own = K / 2 * ring + h / 4 * sum(s)
            move = p * np.dot(mu, s) - math.log(2 * math.cosh(p * sum(s)))
            total += math.exp(4 * own + move)
        ring = sum(mu[i] * mu[i - 1] for i in range(4))
        across = mu[0] * mu[2] + mu[1] * mu[3]
        four_spins = mu[0] * mu[1] * mu[2] * mu[3]
        triples = four_spins * sum(mu)
        value = flow.constants[1] + nn * ring + nnn * across + four * four_spins
        value += field * sum(mu) + triple * triples
        assert math.log(total) == pytest.approx(value, rel=1e-12)
    golden = [2.93262372, 0.179361352, 0.00729281312, 0.0252527168, 0.0379406479]
    assert [flow.constants[1], nn, nnn, four, field] == pytest.approx(golden, abs=5e-9)
    assert triple == pytest.approx(-0.00230754635, abs=5e-11)


def test_kadanoff_eigenvalues_are_slopes():
    point = rg.kadanoff_variational()
    p = point.parameters["p"]
    at = np.concatenate([[0.0], point.couplings / [2, 1, 1], [0.0, 0.0]])
    columns = [
        (
            _variational._step(at + 1e-6 * e, p)[0]
            - _variational._step(at - 1e-6 * e, p)[0]
        )
        / 2e-6
        for e in np.eye(6)
    ]
    found = np.sort(np.linalg.eigvals(np.array(columns).T).real)[::-1]
    expected = np.sort([4.0, *point.eigenvalues, *point.odd_eigenvalues])[::-1]
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("K", "bound", "p"),
    [
        (0.2, 0.74644647, 0.36312),
        (0.4, 0.90102501, 0.59677),
        (K_C, 0.94794297, 0.65536),
        (0.5, 1.03438055, 0.76872),
        (0.8, 1.60258418, 1.19407),
    ],
)
def test_kadanoff_bound_table(K, bound, p):
    found = rg.kadanoff_bound(K)
    assert found.log_z_per_site == pytest.approx(bound, abs=6e-9)
    assert found.p == pytest.approx(p, abs=1e-5)
    assert found.log_z_per_site > exact.onsager(K).log_z_per_site


@pytest.mark.parametrize("h", [0.1, 2.0])
def test_kadanoff_bound_of_free_spins_in_a_field_is_exact(h):
    """At p = 0, the best of several minima in p."""
    bound = rg.kadanoff_bound(0.0, h=h)
    assert bound.log_z_per_site == pytest.approx(math.log(2 * math.cosh(h)), abs=1e-13)
    assert bound.p == pytest.approx(0.0, abs=1e-6)


def test_kadanoff_bound_is_stationary_at_the_fixed_point():
    """p* makes the bound stationary to first order where the flow stays; the twin that
    moves away from p* does not."""
    point = rg.kadanoff_variational()
    p = point.parameters["p"]
    assert abs(_variational._tilt(p)) < 1e-10
    assert abs(_variational._tilt(p + 0.01)) > 1e-4


# ---- cumulants ----


def test_niemeijer_van_leeuwen_tables():
    first, second = rg.niemeijer_van_leeuwen(1), rg.niemeijer_van_leeuwen(2)
    assert first.couplings[0] == pytest.approx(0.3356135116, abs=5e-11)
    assert first.eigenvalues[0] == pytest.approx(1.62352439, abs=5e-9)
    assert first.y_t == pytest.approx(0.88220265, abs=5e-9)
    assert first.odd_eigenvalues[0] == pytest.approx(3 / math.sqrt(2), rel=1e-14)
    golden = [0.27886906, -0.01424797, -0.01523123]
    assert second.couplings == pytest.approx(golden, abs=5e-9)
    assert second.eigenvalues == pytest.approx([1.77284, 0.19478, -0.13635], abs=5e-6)
    assert second.y_t == pytest.approx(1.04238, abs=5e-6)
    # the flow of the nn model turns here (found again in 50 digits; the notes'
    # 0.257484531 stops 3e-7 short)
    assert second.parameters["K_c"] == pytest.approx(0.2574842431, abs=5e-10)


def test_second_cumulant_by_enumeration_of_three_cells():
    """Couplings between the outer cells, and field, of a cell between two others.

    The cell at the origin and two of its neighbours, alone: the sum over spins at
    given majorities, with the bonds between cells times x, is differentiated twice.
    """
    K, h = 0.3, 0.05
    bonds, _, _ = _cumulant._geometry()
    assert bonds.tolist() == [[2, 3, 2], [0, 0, 1], [0, 0, 0]]
    m, pair = _cumulant._moments(K)
    cells = [(0, 0), (1, 1), (2, -1)]  # mutually nearest neighbours
    sites = [
        (c[0] + s[0], c[1] + s[1], k)
        for k, c in enumerate(cells)
        for s in _cumulant._CELL
    ]
    spins = np.array(list(itertools.product((1, -1), repeat=9)))
    within, between = np.zeros(len(spins)), np.zeros(len(spins))
    per_pair = dict.fromkeys([(0, 1), (0, 2), (1, 2)], 0)
    for (a, p), (b, q) in itertools.combinations(enumerate(sites), 2):
        if _cumulant._distance((p[0] - q[0], p[1] - q[1])) != 1:
            continue
        target = within if p[2] == q[2] else between
        target += K * spins[:, a] * spins[:, b]
        if p[2] != q[2]:
            per_pair[p[2], q[2]] += 1
    assert set(per_pair.values()) == {2}
    majorities = np.sign(spins.reshape(-1, 3, 3).sum(axis=2))
    energy = between + h * spins.sum(axis=1)

    def cumulants(mu):
        mine = (majorities == mu).all(axis=1)
        weights = np.exp(within[mine])
        weights /= weights.sum()
        mean = weights @ energy[mine]
        return mean + 0.5 * (weights @ energy[mine] ** 2 - mean**2)

    states = np.array(list(itertools.product((1, -1), repeat=3)))
    values = np.array([cumulants(mu) for mu in states])
    coupling = (values * states[:, 0] * states[:, 1]).mean()
    # two bonds; one path through the third cell: its four bonds start on it
    through = [
        (site[:2], other[:2])
        for site in sites
        if site[2] == 2
        for other in sites
        if other[2] < 2
        and _cumulant._distance((site[0] - other[0], site[1] - other[1])) == 1
    ]
    same = sum(
        1
        for (s, x), (t, y) in itertools.combinations(through, 2)
        if s == t and _cumulant._cell_of(x) != _cumulant._cell_of(y)
    )
    paths = same * (1 - m**2) + (4 - same) * (pair - m**2)
    # two fields on one cell, or on both, add to even couplings at order h^2 only
    expected = m**2 * (2 * K + K**2 * paths)
    assert coupling == pytest.approx(expected, rel=1e-12)
    field = (values * states[:, 0]).mean()
    # four of the twelve bonds of a cell are here
    share = (_cumulant._field_factor(K, 2) - 3 * m) * 4 / 12
    assert field == pytest.approx(h * (3 * m + share), rel=1e-12)


def test_cumulant_slopes_are_finite_differences():
    point = rg.niemeijer_van_leeuwen(2)
    columns = [
        (
            _cumulant._step(point.couplings + 1e-6 * e, 2)
            - _cumulant._step(point.couplings - 1e-6 * e, 2)
        )
        / 2e-6
        for e in np.eye(3)
    ]
    found = np.sort(np.linalg.eigvals(np.array(columns).T).real)[::-1]
    assert point.eigenvalues == pytest.approx(found, abs=1e-8)


def test_flows_may_start_anywhere():
    """At the fixed point nothing moves; fewer couplings mean that the others are 0."""
    point = rg.kadanoff_variational()
    flow = rg.kadanoff_flow(point.couplings.tolist(), 1, p=point.parameters["p"])
    assert np.allclose(flow.couplings[1, :3], point.couplings, atol=1e-12)
    point = rg.niemeijer_van_leeuwen()
    flow = rg.niemeijer_van_leeuwen_flow(point.couplings.tolist(), 1)
    assert np.allclose(flow.couplings[1], point.couplings, atol=1e-12)
    for start in ([0.3], [0.3, 0.0]):
        again = rg.niemeijer_van_leeuwen_flow(start, 2).couplings
        assert (again == rg.niemeijer_van_leeuwen_flow(0.3, 2).couplings).all()


def test_checkerboard_closure():
    point = rg.checkerboard()
    assert point.couplings[0] == pytest.approx(0.506981, abs=5e-7)
    assert point.y_t == pytest.approx(1.069961, abs=5e-7)
    measured = slope(
        lambda x: rg.checkerboard_flow(x, 1).couplings[1, 0], float(point.couplings[0])
    )
    assert point.eigenvalues[0] == pytest.approx(measured, rel=1e-9)


def test_checkerboard_constant_is_the_exact_sum():
    """ln sum_s e^{K s S} averaged over its 16 surroundings is the constant."""
    K = 0.37
    values = [
        math.log(2 * math.cosh(K * sum(s)))
        for s in itertools.product((1, -1), repeat=4)
    ]
    flow = rg.checkerboard_flow(K, 1)
    assert flow.constants[1] == pytest.approx(np.mean(values), rel=1e-13)


# ---- arguments ----


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rg.migdal_kadanoff(b=0.5), "b must be"),
        (lambda: rg.migdal_kadanoff(d=1), "d must be above 1"),
        (lambda: rg.migdal_kadanoff(order="up"), "order must be one of"),
        (lambda: rg.migdal_kadanoff_flow(0.3, 1, b=1), "b must be above 1"),
        (lambda: rg.migdal_kadanoff_flow(-0.3, 1, b=1.5), "K must not be negative"),
        (lambda: rg.kadanoff_variational(p=0.62), "p must"),
        (lambda: rg.kadanoff_variational(p=3.0), "p must have"),
        (lambda: rg.kadanoff_variational(p=0.60), "p must have"),
        (lambda: rg.niemeijer_van_leeuwen(3), "order must be 1 or 2"),
        (lambda: rg.kadanoff_bound(math.nan), "K must"),
        (lambda: rg.decimate_chain(1.0, 2, h=math.inf), "h must"),
        (lambda: rg.kadanoff_flow(1e308, 2, p=0.76), "float64 in step 1"),
        (lambda: rg.migdal_kadanoff_flow(1.0, 3000), "float64 in step 1025"),
        (lambda: rg.niemeijer_van_leeuwen_flow(1.0, 3000), "float64 in step"),
        (lambda: rg.decimate_chain(1e308, 3, h=1e308), "float64 in step 1"),
        (lambda: rg.migdal_kadanoff_flow(1.0, 3, b=2, d=5000), "smaller: b"),
        (lambda: rg.migdal_kadanoff(b=2, d=5000), "smaller: b"),
        (lambda: rg.migdal_kadanoff(b=1e200, d=3), "smaller: b"),
        (lambda: rg.migdal_kadanoff(b=1e300, d=1.001), "smaller: b"),
        (lambda: rg.migdal_kadanoff(b=1e300, d=1.5), "smaller: b"),
        (lambda: rg.migdal_kadanoff(b=1 + 1e-15), "at least 1 . 1e-06"),
        (lambda: rg.migdal_kadanoff(b=1 + 0.9e-6), "at least 1 . 1e-06"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_small_steps_of_migdal_approach_the_limit():
    """K* and y_t at b = 1 + e lie O(e) and O(e^2) from the limit; at the least e
    allowed rounding still leaves 9 digits."""
    limit = rg.migdal_kadanoff(b=1)
    for gap in (1e-6, 1e-5, 1e-4, 1e-3):
        point = rg.migdal_kadanoff(b=1 + gap)
        drift = (limit.couplings[0] - point.couplings[0]) / gap
        assert drift == pytest.approx(0.2203, abs=1e-3)  # the same at every e
        assert abs(point.y_t - limit.y_t) < 1e-9 + 0.1 * gap**2


def test_tiny_fixed_points_keep_their_digits():
    """K' = (b^(d-1) K)^b for small K: K* = b^(-b (d-1) / (b-1)), eigenvalue b."""
    for b, d in ((3, 200), (2, 40), (4, 30)):
        point = rg.migdal_kadanoff(b=b, d=d)
        log_K = -b * (d - 1) / (b - 1) * math.log(b)
        assert math.log(point.couplings[0]) == pytest.approx(log_K, rel=1e-13)
        assert point.y_t == pytest.approx(1.0, abs=1e-11)
