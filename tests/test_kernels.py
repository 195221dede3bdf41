"""Every kernel variant against the readable twins in _reference, bit for bit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgdl import _core
from rgdl import _reference as ref

KEY = np.array([3, 1, 4, 15], dtype=np.uint64)


@pytest.mark.parametrize(("purpose", "index"), [(1, 0), (16, 2**40 + 7)])
def test_stream_planes(simd, purpose, index):
    stream = ref.Stream(KEY, purpose, index)
    expected = np.array([stream.plane() for _ in range(9)])
    assert np.array_equal(_core.stream_planes(KEY, purpose, index, 9), expected)


@pytest.mark.parametrize("p", [0.0, 1.0, 0.5, 0.3, 1e-12, 1 - 2.0**-53])
def test_biased_planes(p):
    stream = ref.Stream(KEY, 5, 1)
    expected = np.array([ref.biased_plane(stream, p) for _ in range(3)])
    got = _core.biased_planes(KEY, 5, 1, 3, p)
    assert np.array_equal(got, expected)
    if p in (0.0, 1.0):
        assert np.all(got == (np.uint64(2**64 - 1) if p else np.uint64(0)))


def test_biased_plane_frequency():
    # 2 million bits, sd of the count 22: sees an error of 25 % in p at 5 sigma
    n, p = 4000, 2.0**-12
    on = np.bitwise_count(_core.biased_planes(KEY, 5, 2, n, p)).sum()
    mean, sd = 512 * n * p, math.sqrt(512 * n * p)
    assert abs(on - mean) < 5 * sd
    assert abs(on - 1.5 * mean) > 5 * sd  # broken twin: a p that is off by half


def test_normals_and_permutation():
    assert np.array_equal(
        _core.normals(KEY, 19, 0, 33), ref.normals(ref.Stream(KEY, 19, 0), 33)
    )
    assert np.array_equal(
        _core.permutation(KEY, 20, 4, 50), ref.permutation(ref.Stream(KEY, 20, 4), 50)
    )
    assert sorted(_core.permutation(KEY, 20, 5, 1000)) == list(range(1000))


def test_normal_moments():
    z = _core.normals(KEY, 19, 1, 100_000)
    assert abs(z.mean()) < 5 / math.sqrt(len(z))
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / len(z))
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / len(z))


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_logarithm(x):
    got = float(_core.logarithm(np.array(x)))
    assert got == ref.log(x)
    assert abs(got - math.log(x)) <= 3e-16 * max(1.0, abs(math.log(x)))


@given(st.floats(min_value=-700, max_value=700))
def test_reference_exp_is_accurate(x):
    assert abs(ref.exp(x) - math.exp(x)) <= 3e-16 * math.exp(x)


SHAPES = [(6,), (5,), (2,), (4, 6), (3, 5), (2, 2), (12, 13), (2, 4, 3)]


HEATBATH, METROPOLIS, LOCAL = range(3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("K", "h", "start", "method"),
    [
        (0.44, 0.0, 0, HEATBATH),
        (-0.9, 0.0, 1, HEATBATH),
        (0.3, 0.2, 1, HEATBATH),
        (0.44, 0.0, 0, METROPOLIS),
        (-0.3, 0.0, 1, METROPOLIS),
        (-0.3, 0.2, 0, METROPOLIS),
        (0.4, 1.6, 0, METROPOLIS),  # a class whose field is nearly 0 in 3D
    ],
)
def test_ising_block(simd, shape, K, h, start, method):
    expected = ref.ising_block(shape, K, h, method, 2, start, 0.4, KEY)
    got = _core.ising_sample(shape, K, h, method, 512, 2, start, 0.4, KEY, 1, None)
    assert np.array_equal(got.reshape(-1, *shape), expected)


@pytest.mark.parametrize("method", [HEATBATH, METROPOLIS, LOCAL])
@pytest.mark.parametrize("K", [0.0, -0.0, 40.0, -40.0])
def test_ising_block_at_the_ends_of_the_scale(simd, K, method):
    arguments = ((3, 4), K, 0.0, method)
    expected = ref.ising_block(*arguments, 9, 0, 0.4, KEY)
    got = _core.ising_sample(*arguments, 512, 9, 0, 0.4, KEY, 1, None)
    assert np.array_equal(got.reshape(-1, 3, 4), expected)


def simulation(shape, n_blocks, draws, key=KEY):
    """State and output arrays of a new simulation, by name."""
    return {
        "words": _core.ising_start(shape, 0, 0.5, key, 0, n_blocks),
        "streams": _core.stream_states(key, _core.PURPOSE_SIMULATE, 0, n_blocks),
        "cursor": np.zeros((n_blocks, 2), dtype=np.uint64),
        "bonds": np.zeros((draws, 512 * n_blocks), dtype=np.int32),
        "magnetization": np.zeros((draws, 512 * n_blocks), dtype=np.int32),
    }


@pytest.mark.parametrize("shape", [(5,), (4, 6), (3, 2), (2, 3, 4)])
def test_ising_simulate(simd, shape):
    K, h, thin, draws = 0.3, 0.1, 5, 2
    run = simulation(shape, 2, draws)
    run["cursor"][:, 0] = 4  # so that both kinds of sweep occur
    options = {"shape": shape, "K": K, "h": h, "method": LOCAL, "thin": thin}
    _core.ising_simulate(**options, **run, workers=2, progress=None)
    assert run["cursor"].tolist() == [[14, draws]] * 2
    spins = _core.ising_unload(run["words"], 1024).reshape(-1, *shape)
    for block in range(2):
        up = ref.ising_start(shape, 0, 0.5, KEY, block)
        stream = ref.Stream(KEY, _core.PURPOSE_SIMULATE, block)
        rows = slice(512 * block, 512 * (block + 1))
        for sweep in range(thin * draws):
            ref.ising_sweep(up, K, h, LOCAL, 4 + sweep, stream)
            if sweep % thin == thin - 1:
                s = np.moveaxis(np.where(up, 1, -1), -1, 0).astype(np.int8)
                sums = _core.ising_sums(s.reshape(512, -1).copy(), shape)
                draw = sweep // thin
                assert np.array_equal(run["bonds"][draw, rows], sums[:, 0])
                assert np.array_equal(run["magnetization"][draw, rows], sums[:, 1])
        assert np.array_equal(spins[rows], s)
        lanes = np.array(stream.lanes, np.uint64)
        assert np.array_equal(run["streams"][block], lanes.T)


@pytest.mark.parametrize(
    "shape", [(1024,), (16, 128), (192, 24), (16, 3, 128), (1536,), (40, 320)]
)
def test_fold(simd, shape):
    """One lattice folded into words, against the twin; sums against plain ones."""
    K, h, thin, draws = 0.3, 0.05, 5, 2
    n = math.prod(shape)
    spins = np.random.default_rng(3).choice(np.array([-1, 1], np.int8), n)
    words = _core.fold_load(shape, spins)
    assert np.array_equal(_core.fold_unload(shape, words), spins)
    streams = _core.stream_states(KEY, _core.PURPOSE_SIMULATE, 0, 16)
    cursor = np.array([4, 0], dtype=np.uint64)
    sums = np.zeros((2, draws), dtype=np.int64)
    state = {"words": words, "streams": streams, "cursor": cursor}
    _core.fold_simulate(
        shape, K, h, LOCAL, **state, thin=thin, bonds=sums[0], magnetization=sums[1],
        workers=2, progress=None,
    )  # fmt: skip
    assert cursor.tolist() == [14, draws]
    up, cuts = ref.fold(spins.reshape(shape))
    twin = [ref.Stream(KEY, _core.PURPOSE_SIMULATE, band) for band in range(16)]
    for sweep in range(4, 14):
        ref.fold_sweep(up, cuts, K, h, LOCAL, sweep, twin)
    bits = np.packbits(up.reshape(-1, 512), axis=1, bitorder="little")
    assert np.array_equal(words, bits.view(np.uint64))
    assert [np.array(s.lanes, np.uint64).T.tolist() for s in twin] == streams.tolist()
    plain = _core.ising_sums(_core.fold_unload(shape, words).reshape(1, -1), shape)
    assert np.array_equal(sums[:, -1], plain[0])


def test_staggered_start():
    got = _core.ising_sample((4, 6), 0.1, 0.0, 0, 512, 0, 2, 0.5, KEY, 1, None)
    assert np.array_equal(
        got.reshape(-1, 4, 6), ref.ising_block((4, 6), 0.1, 0.0, 0, 0, 2, 0.5, KEY)
    )
    parity = (-1) ** np.indices((4, 6)).sum(axis=0)
    assert set(np.unique((got.reshape(-1, 4, 6) * parity).mean(axis=(1, 2)))) == {-1, 1}


@pytest.mark.parametrize("method", [HEATBATH, METROPOLIS, LOCAL])
def test_certain_and_impossible_spins(method):
    # fields of 400: probabilities that round to 1 must be exactly 1
    up = _core.ising_sample((4, 4), 0.0, 400.0, method, 512, 1, 0, 0.5, KEY, 1, None)
    assert up.min() == 1
    down = _core.ising_sample((4, 4), 0.0, -400.0, method, 512, 1, 0, 0.5, KEY, 1, None)
    assert down.max() == -1


def test_groups_hold_no_neighbours():
    for shape in [*SHAPES, (9, 64), (7, 7, 7)]:
        groups = ref.site_groups(shape)
        assert sorted(s for g in groups for s in g) == list(np.ndindex(shape))
        for group in groups:
            sites = set(group)
            for site in group:
                for axis, extent in enumerate(shape):
                    x = (site[axis] + 1) % extent
                    assert (*site[:axis], x, *site[axis + 1 :]) not in sites


def test_slices_do_not_change_the_result():
    # a progress callable is called between slices; hundreds of them on this lattice
    calls = []
    arguments = ((16, 16), 0.4, 0.0, LOCAL, 1024, 3000, 0, 0.5, KEY)
    one = _core.ising_sample(*arguments, 2, calls.append)
    two = _core.ising_sample(*arguments, 1, None)
    assert np.array_equal(one, two)
    assert len(calls) > 3
    assert calls == sorted(calls)
    assert calls[-1] == 1.0


# ---- Boltzmann machines ----


def machine(n_visible, n_hidden, dtype, seed, scale=0.5):
    rng = np.random.default_rng(seed)
    return tuple(
        (scale * rng.standard_normal(shape)).astype(dtype)
        for shape in ((n_visible, n_hidden), n_visible, n_hidden)
    )


def states(n_rows, n_units, spin, dtype, seed):
    up = np.random.default_rng(seed).random((n_rows, n_units)) < 0.5
    return np.where(up, 1, -1 if spin else 0).astype(dtype)


def pack(x, spin):
    return _core.pack(np.ascontiguousarray(x.astype(np.int8)), -1 if spin else 0)


def unpack(bits, n, spin, dtype):
    return _core.unpack(bits, n, -1 if spin else 0).astype(dtype)


SIZES = [(1, 1, 1), (5, 3, 2), (64, 16, 7), (70, 33, 5), (130, 17, 66)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spin", [True, False])
@pytest.mark.parametrize(("n_visible", "n_hidden", "n_rows"), SIZES)
def test_rbm_mean(simd, n_visible, n_hidden, n_rows, spin, dtype):
    W, b, c = machine(n_visible, n_hidden, dtype, 1)
    v = states(n_rows, n_visible, spin, dtype, 2)
    got = _core.rbm_mean(W, b, c, spin, pack(v, spin), True, 1)
    expected = ref.unit_means(ref.lookup_product(v, W, np.tile(c, (n_rows, 1))), spin)
    assert got.dtype == dtype
    assert np.array_equal(got, expected)
    exact = v.astype(float) @ W.astype(float) + c
    exact = np.tanh(exact) if spin else 1 / (1 + np.exp(-exact))
    assert np.allclose(got, exact, atol=2e-6 if dtype == "float32" else 1e-14)
    h = states(n_rows, n_hidden, spin, dtype, 3)
    down = _core.rbm_mean(W, b, c, spin, pack(h, spin), False, 1)
    expected = ref.unit_means(ref.lookup_product(h, W.T, np.tile(b, (n_rows, 1))), spin)
    assert np.array_equal(down, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spin", [True, False])
@pytest.mark.parametrize(("n_visible", "n_hidden", "n_rows"), SIZES)
def test_rbm_gibbs(simd, n_visible, n_hidden, n_rows, spin, dtype):
    W, b, c = machine(n_visible, n_hidden, dtype, 4)
    v = states(n_rows, n_visible, spin, dtype, 5)
    visible = pack(v, spin)
    hidden = np.zeros((n_rows, -(-n_hidden // 64)), dtype=np.uint64)
    _core.rbm_gibbs(W, b, c, spin, visible, hidden, True, 3, KEY, 17, 0, 1, None)
    v1, h1 = ref.rbm_gibbs(W, b, c, spin, v, 3, KEY)
    assert np.array_equal(unpack(visible, n_visible, spin, dtype), v1)
    assert np.array_equal(unpack(hidden, n_hidden, spin, dtype), h1)


SGD = {"learning_rate": 0.1, "momentum": 0.5, "l1": 0.01, "l2": 0.02}
CENTRED = {"visible_offset": 1, "hidden_offset": 1, "offset_rate": 0.25}
SPARSE = {
    "hidden_average": 1,
    "sparsity_target": 0.1,
    "sparsity_cost": 0.5,
    "sparsity_decay": 0.75,
}
TRAININGS = {
    "plain": SGD,
    "weighted": SGD | {"weighted": True},
    "centred": SGD | CENTRED,
    "sparse": SGD | SPARSE,
    "all": SGD | CENTRED | SPARSE | {"weighted": True},
}


class Training:
    """Three batches, the last one short, for the kernels and for the twin."""

    def __init__(self, n_visible, n_hidden, n_chains, spin, dtype, options, k=2):
        self.spin, self.k, self.n_chains, self.dtype = spin, k, n_chains, dtype
        self.n_rows, self.batch_size = 25, 10
        self.parameters = machine(n_visible, n_hidden, dtype, 6, 0.1)
        self.velocities = machine(n_visible, n_hidden, dtype, 10, 0.01)
        self.data = states(self.n_rows, n_visible, spin, dtype, 7)
        rng = np.random.default_rng(8)
        self.order = rng.permutation(self.n_rows).astype(np.uint32)
        rows = n_chains or self.batch_size
        self.v = states(rows, n_visible, spin, dtype, 9)
        self.h = states(rows, n_hidden, spin, dtype, 11)
        options = dict(options)
        self.weights = rng.random(self.n_rows) if options.pop("weighted", 0) else None
        for name in ("visible_offset", "hidden_offset", "hidden_average"):
            if name in options:
                n = n_visible if name == "visible_offset" else n_hidden
                options[name] = (0.1 * rng.standard_normal(n)).astype(dtype)
        self.options = options

    def state(self):
        names = ("visible_offset", "hidden_offset", "hidden_average")
        running = [self.options[name] for name in names if name in self.options]
        return [*self.parameters, *self.velocities, *running]

    def run(self, workers=1, progress=None):
        """Run the kernels on this object's own arrays; returns v1, h, cursor, sums."""
        negative, hidden = pack(self.v, self.spin), pack(self.h, self.spin)
        cursor = np.array([40, 0, 0, 0], dtype=np.uint64)
        sums = np.zeros(len(self.parameters[2]))
        options = dict(self.options)
        sgd = [options.pop(name) for name in ("learning_rate", "momentum", "l1")]
        _core.rbm_train(
            *self.parameters, self.spin, *self.velocities, pack(self.data, self.spin),
            self.order, negative, self.batch_size, self.n_chains is not None, self.k,
            *sgd, KEY, cursor, workers, progress, hidden=hidden,
            sample_weight=self.weights, hidden_sum=sums, **options,
        )  # fmt: skip
        v1 = unpack(negative, self.v.shape[1], self.spin, self.dtype)
        h1 = unpack(hidden, self.h.shape[1], self.spin, self.dtype)
        return v1, h1, cursor.tolist(), sums

    def run_twin(self):
        options = ref.TrainOptions(**self.options)
        chains = (self.v, self.h) if self.n_chains else None
        changed = 0
        for step, first in enumerate(range(0, self.n_rows, self.batch_size)):
            rows = self.order[first : first + self.batch_size]
            v1, h = ref.rbm_batch(
                self.parameters, self.velocities, self.spin, self.data[rows], chains,
                self.k, options, KEY, 40 + step,
                None if self.weights is None else self.weights[rows],
            )  # fmt: skip
            if chains is None:
                changed += int((v1 != self.data[rows]).sum())
            else:
                chains = (v1, h)
        return v1, h, changed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spin", [True, False])
@pytest.mark.parametrize("n_chains", [None, 70])
@pytest.mark.parametrize(
    ("n_visible", "n_hidden", "options"),
    [(70, 33, "plain"), *((19, 17, name) for name in TRAININGS)],
)
def test_rbm_train(simd, n_visible, n_hidden, n_chains, spin, dtype, options):
    """Three batches, the last one short, against the twin, in every bit."""
    of = (n_visible, n_hidden, n_chains, spin, dtype, TRAININGS[options])
    kernels, twin = Training(*of), Training(*of)
    v1, h1, cursor, _ = kernels.run()
    expected_v1, expected_h1, changed = twin.run_twin()
    assert cursor == [43, 25, changed, len(expected_v1)]
    assert np.array_equal(v1[: len(expected_v1)], expected_v1)
    if n_chains:
        assert np.array_equal(h1, expected_h1)
    for got, expected in zip(kernels.state(), twin.state(), strict=True):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("spin", [True, False])
def test_rbm_train_given_chains(simd, spin):
    """With k = 0 the caller's rows are the negative rows, and nothing is drawn."""
    of = (70, 33, 7, spin, "float32", SGD, 0)
    kernels, twin = Training(*of), Training(*of)
    v1, h1, _, _ = kernels.run()
    twin.run_twin()
    assert np.array_equal(v1, kernels.v)
    assert np.array_equal(h1, kernels.h)
    for got, expected in zip(kernels.state(), twin.state(), strict=True):
        assert np.array_equal(got, expected)


def all_rows(n, spin):
    bits = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    return np.where(bits, 1, -1 if spin else 0).astype(float)


def step_on(parameters, spin, data, model, weights, **options):
    """One step at rate 1 with the negative rows given (PCD, k = 0); the changes."""
    W, b, c = new = tuple(a.copy() for a in parameters)
    velocities = tuple(np.zeros_like(a) for a in new)
    order = np.arange(len(data), dtype=np.uint32)
    _core.rbm_train(
        W, b, c, spin, *velocities, pack(data, spin), order, pack(model, spin),
        len(data), True, 0, 1.0, 0.0, options.pop("l1", 0.0), KEY,
        np.zeros(4, np.uint64), 1, None, sample_weight=weights, **options,
    )  # fmt: skip
    return [x - y for x, y in zip(new, parameters, strict=True)]


def penalised(parameters, spin, v, weights, l1, l2):
    """Weighted mean log likelihood minus the penalties on W, with the exact Z."""
    W, b, c = parameters
    x = v @ W + c
    soft = np.logaddexp(x, -x if spin else 0).sum(axis=1)
    z = _core.rbm_log_z(W, b, c, spin, 1, None)
    likelihood = float(weights @ (v @ b + soft)) / weights.sum() - z
    return likelihood - l1 * np.abs(W).sum() - 0.5 * l2 * np.square(W).sum()


@pytest.mark.parametrize("spin", [True, False])
def test_gradient_against_finite_differences(spin):
    """Weighted data, l1 and l2 against differences of the exact objective (1e-8).

    The model side is a sample of the machine's own law, so its statistics are replaced
    by exact ones: rows weighted by p(v) stand for the model, by linearity.
    """
    l1, l2, n_visible, n_hidden = 0.03, 0.07, 5, 3
    parameters = machine(n_visible, n_hidden, "float64", 12)
    rows = all_rows(n_visible, spin)
    weights = np.random.default_rng(13).random(len(rows)) + 0.1
    free = _core.rbm_free_energies(*parameters, spin, 0, len(rows), 1)
    law = np.exp(-free - _core.rbm_log_z(*parameters, spin, 1, None))
    assert law.sum() == pytest.approx(1, abs=1e-12)
    plus = step_on(parameters, spin, rows, rows, weights, l1=l1, l2=l2)
    minus = step_on(parameters, spin, rows, rows, law)
    gradient = [p - m for p, m in zip(plus, minus, strict=True)]
    for number, array in enumerate(parameters):
        for at in np.ndindex(array.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in parameters]
                moved[number][at] += sign * 1e-5
                values.append(penalised(moved, spin, rows, weights, l1, l2))
            expected = (values[0] - values[1]) / 2e-5
            assert gradient[number][at] == pytest.approx(expected, abs=1e-8)
            if number == 0:  # broken twin: without the penalties
                assert abs(gradient[0][at] + l2 * array[at] - expected) > 1e-4


def turned(rows, units, spin):
    rows = rows.copy()
    rows[:, units] = -rows[:, units] if spin else 1 - rows[:, units]
    return rows


def turn_machine(parameters, units, spin):
    """The machine that gives turned rows the probability of the rows."""
    W, b, c = (a.copy() for a in parameters)
    if not spin:
        c += W[units].sum(axis=0)
    W[units] *= -1
    b[units] *= -1
    return W, b, c


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("spin", [True, False])
@pytest.mark.parametrize("n_chains", [None, 7])
def test_centring_is_invariant_under_turning_units(spin, n_chains, centred):
    """Turning data units turns the machine; binary ones only with offsets."""
    options = TRAININGS["all"] if centred else SGD
    first, second = (
        Training(9, 5, n_chains, spin, "float64", options) for _ in range(2)
    )
    units = np.array([0, 3, 4, 8])
    second.data, second.v = (turned(a, units, spin) for a in (first.data, first.v))
    second.parameters = turn_machine(first.parameters, units, spin)
    vW, vb, vc = second.velocities
    if not centred and not spin:
        vc += vW[units].sum(axis=0)
    vW[units] *= -1
    vb[units] *= -1
    if centred:
        mu = second.options["visible_offset"]
        mu[units] = -mu[units] if spin else 1 - mu[units]
    first.run()
    second.run()
    expected = turn_machine(first.parameters, units, spin)
    same = all(
        np.allclose(got, want, atol=1e-12, rtol=0)
        for got, want in zip(second.parameters, expected, strict=True)
    )
    assert same is (centred or spin)


@given(st.data())
@settings(max_examples=30)
def test_pack_equals_packbits(data):
    n, units = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 150)))
    seed = data.draw(st.integers(0, 2**32))
    values = np.random.default_rng(seed).integers(0, 2, (n, units)).astype(np.int8)
    bits = _core.pack(values, 0)
    expected = np.packbits(values, axis=1, bitorder="little")
    assert np.array_equal(bits.view(np.uint8)[:, : expected.shape[1]], expected)
    assert not bits.view(np.uint8)[:, expected.shape[1] :].any()
    assert np.array_equal(_core.unpack(bits, units, 0), values)
    spins = _core.pack(2 * values - 1, -1)
    assert np.array_equal(_core.unpack(spins, units, 0), values)
