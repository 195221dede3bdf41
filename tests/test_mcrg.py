"""Monte Carlo RG against exact enumeration and against published tables."""

import itertools

import numpy as np
import pytest

import rgdl
from rgdl import mapping, rg
from rgdl.rg import _mcrg

K_C = 0.5 * np.log1p(np.sqrt(2.0))


def test_standard_operators_have_their_images():
    chosen = rg.OperatorSet()
    assert (chosen.n_even, chosen.n_odd) == (7, 4)
    images = dict(zip(chosen.labels, map(len, chosen.products), strict=True))
    assert images == {
        "nn": 2,
        "nnn": 2,
        "plaquette": 1,
        "3rd": 2,
        "4th": 4,
        "5th": 2,
        "diamond": 1,
        "m": 1,
        "corner": 4,
        "line": 2,
        "3 of diamond": 4,
    }


def test_operators_count_what_they_say():
    s = np.ones((1, 6, 6), dtype=np.int8)
    s[0, 2, 3] = -1
    sums = dict(
        zip(rg.OperatorSet().labels, rg.operator_sums(s)[0].tolist(), strict=True)
    )
    assert sums["m"] == 34
    assert sums["nn"] == 72 - 2 * 4
    assert sums["plaquette"] == 36 - 2 * 4
    assert sums["corner"] == 4 * 36 - 2 * 12


def test_energy_is_the_nearest_neighbour_operator():
    s = rgdl.sample(rgdl.Ising((10, 6), K=0.3), 20, rng=1)
    nn = rg.operator_sums(s, {"nn": [(0, 0), (0, 1)]})[:, 0]
    assert nn == pytest.approx(-60 * rgdl.Ising((10, 6), K=0.3).energy(s))


def _enumerated(K, rule, operators):
    """Exact covariances of one step on the 4x4 torus, ties summed over."""
    model = rgdl.Ising((4, 4), K=K)
    bits = np.arange(1 << 16)[:, None] >> np.arange(16) & 1
    fine = (2 * bits - 1).astype(np.int8).reshape(-1, 4, 4)
    weights = np.exp(-model.hamiltonian(fine))
    weights /= weights.sum()
    up, down = rule.log_probabilities(fine)
    S = rg.operator_sums(fine, operators).astype(float)
    cross = np.zeros((S.shape[1],) * 2)
    own, coarse_mean = np.zeros_like(cross), np.zeros(S.shape[1])
    for state in itertools.product((1, -1), repeat=4):
        h = np.array(state, dtype=np.int8)
        p = weights * np.exp(np.where(h > 0, up, down).sum(axis=1))
        S_coarse = rg.operator_sums(h.reshape(1, 2, 2), operators)[0].astype(float)
        cross += np.outer(S_coarse, p @ S)
        own += np.outer(S_coarse, S_coarse) * p.sum()
        coarse_mean += S_coarse * p.sum()
    mean = weights @ S
    return cross - np.outer(coarse_mean, mean), own - np.outer(coarse_mean, coarse_mean)


EVEN = {name: rg.STANDARD_OPERATORS[name] for name in ("nn", "nnn", "plaquette")}


@pytest.mark.parametrize("rule", [rg.MajorityRule(), rg.Kadanoff(strength=0.7)])
def test_chain_rule_is_the_derivative_of_the_exact_couplings(rule):
    """T from covariances is dK'/dK of the enumerated couplings of H_push: nn, diagonal
    and four-spin couplings are all there are on 2x2."""
    cross, own = _enumerated(0.4, rule, EVEN)
    T = np.linalg.solve(own, cross)

    def couplings(K):
        push = mapping.verify(rgdl.Ising((4, 4), K=K), rule).h_push
        # per distinct pair: on 2x2 each nn pair is two bonds, each diagonal pair four
        # images, the plaquette four
        return np.array([push["nn"] / 2, push["nnn"] / 4, push["plaquette"] / 4])

    derivative = (couplings(0.4 + 1e-5) - couplings(0.4 - 1e-5)) / 2e-5
    assert T[:, 0] == pytest.approx(derivative, rel=1e-6)


@pytest.mark.stat
def test_small_lattice_equals_enumeration():
    """T of one step on 4x4 within 4.5 standard errors of the exact one (nn alone and m
    alone, so that 2x2 operators stay independent). Power: errors are about 0.4 %, the
    broken twin (fine and coarse from different chains) gives T near 0."""
    operators = {"nn": [(0, 0), (0, 1)], "m": [(0, 0)]}
    rule = rg.MajorityRule()
    run = rg.mcrg(
        rgdl.Ising((4, 4), K=0.4), rule, levels=1, n=60_000, operators=operators, rng=3
    )
    cross, own = _enumerated(0.4, rule, operators)
    exact = np.log2([cross[0, 0] / own[0, 0], cross[1, 1] / own[1, 1]])
    for value, error, expected in (
        (run.y_t[0, 0], run.y_t_error[0, 0], exact[0]),
        (run.y_h[0, 0], run.y_h_error[0, 0], exact[1]),
    ):
        assert 0 < error < 0.02
        assert abs(value - expected) < 4.5 * error


@pytest.mark.stat
def test_different_chains_per_level_fail(monkeypatch):
    """The broken twin: coarse lattices of other configurations carry no correlation."""
    honest = _mcrg._level_sums

    def broken(bits, *rest):
        first, *coarse = honest(bits, *rest)
        yield first
        for each in coarse:
            yield np.roll(each, 1, axis=0)

    monkeypatch.setattr(_mcrg, "_level_sums", broken)
    model = rgdl.Ising((16, 16), K=K_C)
    run = rg.mcrg(model, rg.MajorityRule(), levels=1, n=4000, rng=3)
    # eigenvalues, as y is nan where none is positive; honest ones are 1.95 and 3.68
    for T in (run.T_even[0], run.T_odd[0]):
        assert np.isfinite(T).all()
        assert np.abs(np.linalg.eigvals(T)).max() < 1


# The two tables of this measurement that print errors, and a third of our own kind:
# step, 1 2 3 4 7 even couplings, 1 and 4 odd couplings; (value, error) each.
TABLES = (
    (  # L = 64, 2e5 configurations
        ((0.9117, 16), (0.9684, 17), (0.9705, 16), (0.9706, 18), (0.9693, 20)),
        ((0.9589, 14), (0.9951, 18), (0.9966, 18), (0.9963, 18), (0.9953, 19)),
        ((0.9551, 16), (0.9960, 19), (0.9977, 19), (0.9959, 23), (0.9950, 22)),
        ((0.9451, 23), (0.9972, 24), (0.9987, 25), (0.9987, 39), (0.9947, 58)),
    ),
    (  # L = 64, 1.5e5 samples
        ((0.908, 10), (0.965, 10), (0.967, 20), (0.968, 20), (0.966, 10)),
        ((0.965, 30), (1.002, 30), (1.004, 30), (1.003, 20), (1.001, 20)),
        ((0.955, 10), (0.997, 10), (0.999, 10), (0.999, 10), (0.997, 20)),
        ((0.947, 20), (1.000, 20), (1.002, 20), (0.993, 40), (0.985, 70)),
    ),
    (  # L = 64, 5e5 samples
        ((0.9101, 12), (0.9648, 12), (0.9668, 12), (0.9668, 12), (0.9658, 15)),
        ((0.9618, 11), (0.9978, 11), (0.9992, 11), (0.9988, 12), (0.9978, 13)),
        ((0.9575, 12), (0.9987, 10), (1.0004, 10), (0.9997, 12), (0.9979, 14)),
        ((0.9444, 17), (0.9975, 14), (0.9990, 15), (0.9959, 23), (0.9860, 36)),
    ),
)
_NONE = (np.nan, np.nan)
# The same runs with 1, 2, 3 and 4 odd couplings, as far as they were printed.
ODD = (
    (
        ((1.8812, 1), _NONE, _NONE, (1.8812, 1)),
        ((1.8757, 1), _NONE, _NONE, (1.8761, 1)),
        ((1.8734, 2), _NONE, _NONE, (1.8748, 2)),
        ((1.8706, 3), _NONE, _NONE, (1.8740, 3)),
    ),
    (
        ((1.88117, 0.5), (1.88048, 0.4), (1.88083, 0.4), _NONE),
        ((1.8758, 1), (1.8760, 1), (1.8760, 1), _NONE),
        ((1.8736, 2), (1.8746, 2), (1.8746, 2), _NONE),
        ((1.8709, 3), (1.8737, 3), (1.8738, 3), _NONE),
    ),
    (
        ((1.8812, 1), (1.8805, 1), _NONE, (1.8812, 1)),
        ((1.8757, 1), (1.8759, 1), _NONE, (1.8761, 1)),
        ((1.8732, 1), (1.8742, 1), _NONE, (1.8744, 1)),
        ((1.8708, 2), (1.8738, 2), _NONE, (1.8744, 2)),
    ),
)


def _means(tables):
    """Inverse-variance means over the runs that have an entry, and their errors."""
    table = np.array(tables)
    weights = (table[..., 1] * 1e-4) ** -2.0
    total = np.nansum(weights, axis=0)
    return np.nansum(table[..., 0] * weights, axis=0) / total, total**-0.5


def test_published_tables_are_pooled():
    """One entry by hand, 1 odd coupling at the first step: 100, 400 and 100 parts."""
    mean, spread = _means(ODD)
    assert mean[0, 0] == pytest.approx((1.8812 + 4 * 1.88117 + 1.8812) / 6)
    assert spread[0, 0] == pytest.approx(1e-4 / np.sqrt(6))
    assert mean[0, 1] == pytest.approx((6.25 * 1.88048 + 1.8805) / 7.25)
    assert (mean[0, 2], spread[0, 2]) == pytest.approx((1.88083, 4e-5))
    assert mean.shape == (4, 4)


@pytest.mark.stat
def test_published_table_at_the_critical_point():
    """L = 64 at K_c, majority b = 2, 2e5 configurations.

    Every entry within 4 combined standard errors of the inverse-variance mean of the
    published runs, at most one (step, parity) group with an entry beyond 3. A shift of
    1 % in y_t would be 5 sigma. The second run's last odd column, printed as that of
    four couplings, is compared with three: at the first step its 1.88083(4) is 4 errors
    from the 1.8812(1) of the two others with four, and it is what three give.
    """
    run = rg.mcrg(
        rgdl.Ising((64, 64), K=K_C),
        rg.MajorityRule(),
        levels=4,
        n=200_000,
        rng=20,
        workers=2,
        progress=False,
    )
    far = 0
    for found, error, columns, tables in (
        (run.y_t, run.y_t_error, [0, 1, 2, 3, 6], TABLES),
        (run.y_h, run.y_h_error, [0, 1, 2, 3], ODD),
    ):
        mean, spread = _means(tables)
        sigma = np.hypot(error[:, columns], spread)
        pulls = np.abs(found[:, columns] - mean) / sigma
        assert pulls.max() < 4, pulls
        far += (pulls > 3).any(axis=1).sum()
    assert far <= 1
    assert run.reliable, run.reason


def test_decimation_is_never_reliable():
    model = rgdl.Ising((16, 16), K=K_C)
    run = rg.mcrg(model, rg.Decimation(), levels=2, n=1000, rng=0)
    assert not run.reliable
    assert "decimation" in run.reason


def test_stacks_of_decimations_are_never_reliable():
    model = rgdl.Ising((16, 16), K=K_C)
    stack = rg.Compose(rg.Decimation(), rg.Compose(rg.Decimation()))
    run = rg.mcrg(model, stack, levels=1, n=1000, rng=0)
    assert run.b == 4
    assert "decimation" in run.reason


def test_operators_that_coincide_are_named():
    """On 2x2 the product of 3rd neighbours is 1 and 4th ones are nn again."""
    model = rgdl.Ising((8, 8), K=K_C)
    run = rg.mcrg(model, rg.MajorityRule(), levels=2, n=1000, rng=0)
    assert not run.reliable
    assert "after step 2 the operator 3rd coincides with a constant" in run.reason
    assert np.isnan(run.y_t[1, 3:]).all()
    assert np.isfinite(run.y_t[1, :3]).all()
    chosen = {name: rg.STANDARD_OPERATORS[name] for name in ("nn", "4th", "m")}
    run = rg.mcrg(model, rg.MajorityRule(), levels=2, n=1000, rng=0, operators=chosen)
    assert "4th coincides with a combination of nn" in run.reason


@pytest.mark.parametrize("error", [0.0, np.nan])
def test_exponents_without_an_error_are_doubted(error):
    value = np.array([[0.9], [1.0]])
    spread = np.array([[0.01], [error]])
    assert "no jackknife error" in _mcrg._doubt(((value, spread, "y_t"),), 2)


@pytest.mark.parametrize(
    ("gap", "sigma", "flagged"),
    [
        (0.02, 0.001, True),  # significant, and large enough to matter
        (0.02, 0.01, False),  # 2 sigma
        (0.005, 0.0005, False),  # 10 sigma, but small
        (0.0101, 0.0025, True),  # just beyond both bounds
        (0.0099, 0.0001, False),
    ],
)
def test_levels_must_agree_within_4_errors_or_a_hundredth(gap, sigma, flagged):
    value = np.array([[0.7], [1.0], [1.0 + gap]])  # earlier levels do not count
    spread = np.full((3, 1), sigma / np.sqrt(2.0))
    for sign in (1, -1):
        reason = _mcrg._doubt(((2.0 + sign * (value - 1), spread, "y_t"),), 2)
        assert ("between the last two levels" in reason) is flagged


def test_exponents_of_noise_are_doubted():
    """Coarse spins that forget the fine ones: eigenvalues are 0 within errors."""
    model = rgdl.Ising((32, 32), K=K_C)
    run = rg.mcrg(model, rg.Kadanoff(strength=0.0), levels=2, n=2000, rng=7)
    assert not run.reliable
    for y, error, reason in ((-1.0, 0.01, "not above 0"), (1.0, 0.5, "within 4 err")):
        value, spread = np.full((2, 1), y), np.full((2, 1), error)
        assert reason in _mcrg._doubt(((value, spread, "y_t"),), 2)
    assert _mcrg._doubt(((value, spread / 2, "y_t"),), 2) == ""


def test_sums_of_no_lattices():
    assert rg.operator_sums(np.empty((0, 4, 70), dtype=np.int8)).shape == (0, 11)


def test_sizes_are_refused_before_any_sweep(monkeypatch):
    """Sums of more than 31 bits: 4 products on 2^30 sites."""

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(_mcrg, "packed_chains", never)
    model = rgdl.Ising((1 << 15, 1 << 15), K=0.4)
    with pytest.raises(ValueError, match="operators of 4 products: sums have 32"):
        rg.mcrg(model, rg.MajorityRule(), levels=1, n=1)


def test_same_key_same_bits_for_any_workers():
    model = rgdl.Ising((12, 12), K=0.42)
    one, two = (
        rg.mcrg(model, rg.MajorityRule(), levels=1, n=500, rng=5, workers=w)
        for w in (1, 2)
    )
    again = rg.mcrg(model, rg.MajorityRule(), levels=1, n=500, rng=one.key)
    for other in (two, again):
        assert (one.T_even == other.T_even).all()
        assert (one.y_h_error == other.y_h_error).all()


def test_other_transforms_take_part():
    model = rgdl.Ising((18, 18), K=K_C)
    run = rg.mcrg(model, rg.MajorityRule(b=3), levels=1, n=4000, rng=1)
    assert run.b == 3
    assert abs(run.y_h[0, 0] - 1.87) < 0.05
    soft = rg.mcrg(model, rg.Kadanoff(strength=1.0), levels=1, n=4000, rng=1)
    assert abs(soft.y_h[0, 0] - 1.88) < 0.05


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: rg.mcrg(
                rgdl.Ising((6, 6), K=0.4), rg.MajorityRule(), levels=2, n=1
            ),
            ValueError,
            "b must divide",
        ),
        (
            lambda: rg.mcrg(rgdl.Ising(8, K=0.4), rg.MajorityRule(), levels=1, n=1),
            ValueError,
            "two-dimensional",
        ),
        (
            lambda: rg.mcrg(
                rgdl.Ising((8, 8), K=0.4, h=0.1), rg.MajorityRule(), levels=1, n=1
            ),
            ValueError,
            r"model must have h=0: .* got h=0\.1",
        ),
        (lambda: rg.OperatorSet({"x": [(0, 0), (0, 1.9)]}), TypeError, "integers"),
        (
            lambda: rg.OperatorSet(
                {str(i): [(0, 0), (i, 2 * i + 300)] for i in range(1, 300)}
            ),
            ValueError,
            "at most 1024 products",
        ),
        (lambda: rg.mcrg(3, rg.MajorityRule(), levels=1, n=1), TypeError, "model"),
        (
            lambda: rg.mcrg(rgdl.Ising((4, 4), K=0.4), "majority", levels=1, n=1),
            TypeError,
            "transform must be",
        ),
        (lambda: rg.OperatorSet("all"), ValueError, "standard"),
        (lambda: rg.OperatorSet({"x": [(0, 0), (0, 0)]}), ValueError, "distinct"),
        (lambda: rg.OperatorSet({"x": [1, 2]}), TypeError, "offsets"),
        (lambda: rg.OperatorSet({}), TypeError, "operators must map"),
        (lambda: rg.operator_sums(np.ones((4, 4))), ValueError, "s must have shape"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
