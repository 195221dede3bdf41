"""rgdl.sample: against exact results, with broken twins; keys, workers, prefixes."""

import math
import re
import warnings
import zlib

import numpy as np
import pytest

import rgdl
from rgdl import _reference as ref

GOLDEN_CRC = 459023717
KEY = np.array([2, 7, 18, 28], dtype=np.uint64)


def z_of(values, exact):
    return (values.mean() - exact) / (values.std(ddof=1) / math.sqrt(len(values)))


@pytest.mark.stat
@pytest.mark.parametrize(
    ("shape", "K", "seed"),
    [((40, 40), 0.408, 11), ((32, 32), 0.42, 12), ((24, 48), 0.3, 13)],
)
def test_energy_agrees_with_kaufman(shape, K, seed):
    """4 sigma; power: sees a shift of 4 sd(e) / sqrt(5000) = 0.2 to 0.3 % of e."""
    model = rgdl.Ising(shape, K=K)
    energy = model.energy(rgdl.sample(model, 5000, rng=seed, workers=2))
    exact = rgdl.exact.kaufman(shape, K)
    assert abs(z_of(energy, exact.energy)) < 4
    # variance: relative error sqrt(2 / n) for near-Gaussian energies
    cv = K**2 * model.n_sites * energy.var()
    assert abs(cv / exact.specific_heat - 1) < 4 * math.sqrt(2.2 / 5000)
    # broken twins: a K that is 1 % off, and chains cut long before equilibrium
    assert abs(z_of(energy, rgdl.exact.kaufman(shape, 1.01 * K).energy)) > 4
    with pytest.warns(rgdl.EquilibrationWarning, match="burn_in=3"):
        early = rgdl.sample(model, 5000, burn_in=3, rng=seed, workers=2)
    assert abs(z_of(model.energy(early), exact.energy)) > 4


@pytest.mark.stat
@pytest.mark.parametrize(
    ("shape", "K", "h"),
    [((2, 2), 0.5, 0.1), ((3, 2), 0.4, 0.0), ((8,), 0.9, -0.2), ((3, 3), -0.5, 0.3)],
)
def test_one_sweep_keeps_the_boltzmann_distribution(shape, K, h):
    """One-step stationarity from exact draws, chi-square over all states, on the twin
    that every kernel equals bit for bit (test_kernels.py).

    Power: with 40 blocks of 512 rows a chi-square bound at 1e-6 sees a shift of 1.5 %
    in the probabilities; sweeps at a K that is 25 % off must fail.
    """
    n = math.prod(shape)
    weight = np.exp(-ref.ising_enumerate(shape, K, h))
    p = weight / weight.sum()
    n_blocks = 40
    states = np.random.default_rng(5).choice(len(p), size=512 * n_blocks, p=p)
    bits = (states[:, None] >> np.arange(n)) & 1

    def chi_square(K_used):
        table = ref.update_table(len(shape), K_used, h, False)
        counts = np.zeros(len(p))
        stream = ref.Stream(KEY, 1, 0)
        for block in range(n_blocks):
            up = bits[512 * block : 512 * (block + 1)].T.reshape(*shape, 512) == 1
            for group in ref.site_groups(shape):
                ref.update_group(up, group, table, stream)
            index = (up.reshape(n, 512).T << np.arange(n)).sum(axis=1)
            counts += np.bincount(index, minlength=len(p))
        return ((counts - len(states) * p) ** 2 / (len(states) * p)).sum()

    # mean n_states - 1, sd sqrt(2 n_states): 6 sd plus the tail's skew
    bound = len(p) + 6 * math.sqrt(2 * len(p)) + 20
    assert chi_square(K) < bound
    assert chi_square(1.25 * K) > bound


@pytest.mark.stat
def test_distribution_over_all_states_of_a_small_lattice(simd):
    """From a random start after many sweeps; every one of 512 states, h != 0."""
    model = rgdl.Ising((3, 3), K=0.3, h=0.1)
    n = 512 * 100
    s = rgdl.sample(model, n, rng=3)
    index = ((s.reshape(n, 9) > 0) << np.arange(9)).sum(axis=1)
    counts = np.bincount(index, minlength=512)

    def chi_square(K):
        weight = np.exp(-ref.ising_enumerate((3, 3), K, 0.1))
        expected = n * weight / weight.sum()
        return ((counts - expected) ** 2 / expected).sum()

    bound = 511 + 6 * math.sqrt(2 * 511)
    assert chi_square(0.3) < bound
    assert chi_square(0.32) > bound  # broken twin: K 7 % off


@pytest.mark.stat
@pytest.mark.parametrize("K", [0.5, 0.4407, 0.333])
def test_replicas_are_independent(K):
    """Mean squared overlap of pairs of rows is that of independent draws.

    Replicas that share random numbers collapse: q^2 near 1 below T_c (the broken twin).
    """
    model = rgdl.Ising((8, 8), K=K)
    s = rgdl.sample(model, 1024, rng=21).reshape(1024, -1).astype(float)

    def q2(a, b):
        return (((a * b).mean(axis=1)) ** 2).reshape(-1, 64).mean(axis=1)

    same_word = q2(s[:512], np.roll(s[:512], 1, axis=0))
    two_blocks = q2(s[:512], s[512:])
    spread = math.hypot(same_word.std(), two_blocks.std()) / math.sqrt(8)
    assert abs(same_word.mean() - two_blocks.mean()) < 4 * spread
    shared = np.repeat(s[:1], 512, axis=0)
    assert abs(q2(shared, shared).mean() - two_blocks.mean()) > 4 * spread


@pytest.mark.stat
def test_magnetization_below_tc():
    """Both phases occur, |m| from the ordered start is right: 4x4 by enumeration."""
    model = rgdl.Ising((4, 4), K=0.6)
    m = model.magnetization(rgdl.sample(model, 8192, rng=2))
    exact = rgdl.exact.enumerate_states(model).mean_abs_magnetization
    assert abs(z_of(abs(m), exact)) < 4
    assert abs(z_of(m, 0.0)) < 4
    assert abs(z_of(abs(m), 1.01 * exact)) > 4  # broken twin: 1 % off


def exact_mean_square_magnetization(width, length, K):
    """<m^2> of a torus by its full transfer matrix (2^width states)."""
    states = np.array(
        [[1 if i >> j & 1 else -1 for j in range(width)] for i in range(1 << width)]
    )
    half_row = np.exp(K * (states * np.roll(states, 1, axis=1)).sum(axis=1) / 2)
    T = half_row[:, None] * np.exp(K * states @ states.T) * half_row
    values, vectors = np.linalg.eigh(T)
    ratios = values / values.max()
    M = vectors.T @ (states.sum(axis=1)[:, None] * vectors)
    pairs = sum(
        (np.outer(ratios**r, ratios ** (length - r)) * M**2).sum()
        for r in range(length)
    )
    return pairs / (ratios**length).sum() / (length * width**2)


@pytest.mark.stat
@pytest.mark.parametrize(
    ("shape", "K"), [((4, 100), 0.5), ((2, 100), 0.6), ((8, 32), 0.5), ((4, 40), 0.8)]
)
def test_elongated_lattices_below_tc(shape, K):
    """Domain walls cross the short axis: an ordered start alone is wrong here.

    Power: 8192 rows see 4 to 6 % of <m^2> and 1 % at 4x40, where walls are rare.
    """
    model = rgdl.Ising(shape, K=K)
    m = model.magnetization(rgdl.sample(model, 8192, rng=7, workers=2))
    exact = exact_mean_square_magnetization(*shape, K)
    assert abs(z_of(m**2, exact)) < 4
    if shape[1] > 60:  # broken twin: walls forgotten, m^2 of one ordered phase
        assert abs(z_of(m**2, (1 - math.sinh(2 * K) ** -4) ** 0.25)) > 4


def test_same_bits_for_every_variant_worker_count_and_prefix(simd):
    model = rgdl.Ising((10, 7), K=0.4, h=0.05)
    golden = rgdl.sample(model, 1500, rng=5, workers=1)
    assert np.array_equal(rgdl.sample(model, 1500, rng=5, workers=3), golden)
    assert np.array_equal(rgdl.sample(model, 600, rng=5, workers=2), golden[:600])
    assert np.array_equal(rgdl.sample(model, 1, rng=5), golden[:1])
    # replay: crc of the bytes, the same on every machine
    assert zlib.crc32(golden.tobytes()) == GOLDEN_CRC


def test_generator_is_advanced_and_key_is_recorded():
    model = rgdl.Ising((4, 4), K=0.3)
    generator = np.random.default_rng(1)
    first, info = rgdl.sample(model, 8, rng=generator, return_info=True)
    second = rgdl.sample(model, 8, rng=generator)
    assert not np.array_equal(first, second)
    assert np.array_equal(rgdl.sample(model, 8, rng=info.key), first)
    unkeyed, info = rgdl.sample(model, 8, return_info=True)
    assert np.array_equal(rgdl.sample(model, 8, rng=info.key), unkeyed)
    assert not np.array_equal(rgdl.sample(model, 8), unkeyed)


def test_frozen_and_infinite_temperature():
    cold = rgdl.sample(rgdl.Ising((4, 4), T=0.001), 64, rng=0)
    assert set(abs(cold.mean(axis=(1, 2)))) == {1.0}
    hot = rgdl.sample(rgdl.Ising((4, 4), K=0.0), 4096, rng=0)
    assert abs(hot.mean()) < 5 / math.sqrt(hot.size)


def test_starts_and_warnings():
    _, info = rgdl.sample(rgdl.Ising((8, 8), K=0.5), 4, rng=0, return_info=True)
    assert info.start == "ordered"
    _, info = rgdl.sample(rgdl.Ising((8, 8), K=-0.5), 4, rng=0, return_info=True)
    assert info.start == "staggered"
    with pytest.warns(rgdl.EquilibrationWarning, match="frustrated"):
        rgdl.sample(rgdl.Ising((5, 5), K=-0.6), 4, rng=0)
    with pytest.warns(rgdl.EquilibrationWarning, match="domain walls cross"):
        rgdl.sample(rgdl.Ising((2, 2, 12), K=0.3), 4, method="local", rng=0)
    with pytest.warns(rgdl.EquilibrationWarning, match="phases with weights"):
        rgdl.sample(rgdl.Ising((8, 8), K=0.5, h=0.01), 4, method="local", rng=0)


CHAIN = rgdl.Ising(8, K=1)
WEAK = rgdl.Ising((8, 8), K=0.6, h=0.005)
LARGE = rgdl.Ising((32, 32), K=0.44)
OPEN = rgdl.Ising((8, 8), K=0.44, periodic=False)
FRUSTRATED = rgdl.Ising((3, 3), K=-1)


@pytest.mark.parametrize(
    ("model", "method", "burn_in", "reasons"),
    [
        (CHAIN, "metropolis", None, ["not ergodic"]),
        (CHAIN, "metropolis", 5000, ["not ergodic"]),
        (CHAIN, "metropolis", 10, ["not ergodic", "burn_in=10 is short"]),
        (WEAK, "local", 2000, ["phases with weights"]),
        (LARGE, "local", 0, ["burn_in=0 is short.*about [0-9]+ sweeps"]),
        (OPEN, "local", 31, ["burn_in=31 is short.*pilot"]),
        (FRUSTRATED, "metropolis", None, ["frustrated", "not ergodic"]),
        (LARGE, "local", 5000, []),
        (OPEN, "local", 32, []),
    ],
)
def test_a_given_burn_in_silences_no_warning(model, method, burn_in, reasons):
    """`sample` and `simulate` give the same reasons, and all of them."""
    calls = (
        lambda: rgdl.sample(model, 2, method=method, burn_in=burn_in, rng=0),
        lambda: rgdl.simulate(
            model, chains=2, draws=2, method=method, burn_in=burn_in, rng=0
        ),
    )
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert len(caught) == bool(reasons)
        for reason in reasons:
            assert re.search(reason, str(caught[0].message))
    if reasons:
        assert caught[0].filename == __file__


def test_configurations_need_no_burn_in():
    spins = rgdl.sample(LARGE, 2, rng=0)
    options = {"draws": 2, "burn_in": 0, "rng": 1}
    rgdl.simulate(LARGE, chains=2, start=spins, **options)
    with pytest.warns(rgdl.EquilibrationWarning, match="burn_in=0"):
        rgdl.simulate(LARGE, chains=2, start="up", **options)


@pytest.mark.parametrize("method", ["wolff", "swendsen-wang"])
def test_a_refused_model_is_not_warned_of(method):
    """Warnings are errors here: the first is the refusal."""
    with pytest.raises(ValueError, match="frustrated; use method="):
        rgdl.sample(FRUSTRATED, 2, method=method, rng=0)
    with pytest.raises(ValueError, match="frustrated; use method="):
        rgdl.simulate(FRUSTRATED, chains=2, draws=2, method=method, rng=0)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"n": 2.5}, TypeError, "n must be an integer, got 2.5"),
        ({"method": "wolf"}, ValueError, "method must be one of 'auto', 'local'"),
        ({"burn_in": -1}, ValueError, "burn_in must be at least 0"),
        ({"workers": 0}, ValueError, "workers must be positive, or -1"),
        ({"rng": 1.5}, TypeError, "rng must be None, an int"),
        ({"rng": (1, 2, 3)}, ValueError, "must be a key of 4 words"),
        ({"progress": "yes"}, ValueError, "progress must be"),
        ({"model": 3}, TypeError, "model must be a rgdl.Ising, got int"),
        ({"n": 2**62}, ValueError, "too big"),
        ({"n": 10**30}, ValueError, "n must be at most"),
        ({"rng": "seed"}, TypeError, "rng cannot be used: .*'seed'"),
        ({"rng": -1}, ValueError, "rng cannot be used"),
        ({"n": 2**45}, MemoryError, "Unable to allocate"),
    ],
)
def test_bad_arguments(change, error, match):
    arguments = {"model": rgdl.Ising((4, 4), K=0.3), "n": 4, **change}
    with pytest.raises(error, match=match):
        rgdl.sample(arguments.pop("model"), arguments.pop("n"), **arguments)


@pytest.mark.stat
@pytest.mark.parametrize(
    ("shape", "K", "h", "seed"),
    [
        ((2, 2, 2), 0.15, 0.0, 21),
        ((2, 2, 2), 0.12, 0.1, 22),
        ((3, 3, 2), 0.2216546, 0.0, 23),
        ((3, 2, 2), 0.3, 0.0, 24),
    ],
)
def test_three_dimensions_agree_with_enumeration(shape, K, h, seed):
    """4 sigma in <e> and <m^2>; a K that is 10 % off is seen."""
    model = rgdl.Ising(shape, K=K, h=h)
    n = 20_000
    s = rgdl.sample(model, n, rng=seed)
    energy, m2 = model.energy(s), model.magnetization(s) ** 2
    exact = rgdl.exact.enumerate_states(model)
    assert abs(z_of(energy, exact.energy)) < 4
    assert abs(z_of(m2, exact.mean_square_magnetization)) < 4
    off = rgdl.exact.enumerate_states(rgdl.Ising(shape, K=1.1 * K, h=h))
    assert abs(z_of(energy, off.energy)) > 4


def test_starts_and_burn_in_in_three_dimensions():
    def info(shape, K, **arguments):
        model = rgdl.Ising(shape, K=K, **arguments)
        return rgdl.sample(model, 1, method="local", rng=0, return_info=True)[1]

    assert info((4, 4, 4), 0.2).start == "random"
    assert info((4, 4, 4), 0.24).start == "ordered"
    assert info((4, 4, 4), -0.24).start == "staggered"
    assert info((4, 4, 4), 0.24, h=1.0).start == "ordered"
    sweeps = [info((8, 8, 8), K).burn_in for K in (0.05, 0.15, 0.2216546, 0.5)]
    assert sweeps[0] < sweeps[1] < sweeps[2] > sweeps[3]
    with pytest.warns(rgdl.EquilibrationWarning, match="frustrated"):
        info((3, 3, 3), -0.3)
    with pytest.warns(rgdl.EquilibrationWarning, match="h N m0"):
        info((6, 6, 6), 0.24, h=0.001)
