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


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("K", "h", "start"), [(0.44, 0.0, 0), (0.9, 0.2, 1)])
def test_ising_block(simd, shape, K, h, start):
    expected = ref.ising_block(shape, K, h, 2, start, 0.4, KEY)
    got = _core.ising_sample(shape, K, h, 512, 2, start, 0.4, KEY, 1, None)
    assert np.array_equal(got.reshape(-1, *shape), expected)


def test_staggered_start():
    got = _core.ising_sample((4, 6), 0.1, 0.0, 512, 0, 2, 0.5, KEY, 1, None)
    assert np.array_equal(
        got.reshape(-1, 4, 6), ref.ising_block((4, 6), 0.1, 0.0, 0, 2, 0.5, KEY)
    )
    parity = (-1) ** np.indices((4, 6)).sum(axis=0)
    assert set(np.unique((got.reshape(-1, 4, 6) * parity).mean(axis=(1, 2)))) == {-1, 1}


def test_certain_and_impossible_spins():
    # fields of 400: probabilities that round to 1 must be exactly 1
    up = _core.ising_sample((4, 4), 0.0, 400.0, 512, 1, 0, 0.5, KEY, 1, None)
    assert up.min() == 1
    down = _core.ising_sample((4, 4), 0.0, -400.0, 512, 1, 0, 0.5, KEY, 1, None)
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
    arguments = ((16, 16), 0.4, 0.0, 1024, 3000, 0, 0.5, KEY)
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
@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (70, 33)])
@pytest.mark.parametrize("options", TRAININGS)
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
