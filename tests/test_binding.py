"""The extension's interface: types, shapes, signatures, signals, fork, leaks."""

import gc
import inspect
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import rgdl
from rgdl import _core

KEY = np.arange(4, dtype=np.uint64)
W = np.zeros((5, 3), dtype=np.float32)
B, C = np.zeros(5, dtype=np.float32), np.zeros(3, dtype=np.float32)
BITS = np.zeros((2, 1), dtype=np.uint64)


def train_arguments(**change):
    arguments = {
        "weights": W.copy(), "visible_bias": B.copy(), "hidden_bias": C.copy(),
        "spin": True, "weight_velocity": W.copy(), "visible_velocity": B.copy(),
        "hidden_velocity": C.copy(), "data": BITS,
        "order": np.arange(2, dtype=np.uint32), "negative": BITS.copy(),
        "batch_size": 2, "persistent": False, "k": 1, "learning_rate": 0.1,
        "momentum": 0.0, "l1": 0.0, "key": KEY, "cursor": np.zeros(4, np.uint64),
        "workers": 1, "progress": None,
    }  # fmt: skip
    return {**arguments, **change}


def simulate_arguments(**change):
    arguments = {
        "shape": (2, 2), "K": 0.3, "h": 0.0, "method": 2,
        "words": np.zeros((1, 4, 8), np.uint64),
        "streams": np.ones((1, 4, 8), np.uint64),
        "cursor": np.zeros((1, 2), np.uint64), "thin": 1,
        "bonds": np.zeros((2, 512), np.int32),
        "magnetization": np.zeros((2, 512), np.int32), "workers": 1, "progress": None,
    }  # fmt: skip
    return {**arguments, **change}


def test_interrupted_simulation_goes_on_with_the_same_bits():
    def stop_at(fraction):
        def progress(done):
            if fraction < done < 1.0:
                raise KeyboardInterrupt

        return progress

    names = ("words", "streams", "cursor", "bonds", "magnetization")
    rows = {"bonds": np.zeros((200, 512), np.int32)}
    rows["magnetization"] = rows["bonds"].copy()
    start = simulate_arguments(thin=4000, **rows)
    golden = {**start, **{name: start[name].copy() for name in names}}
    _core.ising_simulate(**golden)
    for fraction in (0.0, 0.2, 0.5):
        with pytest.raises(KeyboardInterrupt):
            _core.ising_simulate(**{**start, "progress": stop_at(fraction)})
        done = int(start["cursor"][0, 1])
        assert start["cursor"][0, 0] == 4000 * done
        assert np.array_equal(start["bonds"][:done], golden["bonds"][:done])
    assert 0 < done < 200
    _core.ising_simulate(**start)
    assert all(np.array_equal(start[name], golden[name]) for name in names)


def sample_arguments(**change):
    arguments = {
        "shape": (4, 4), "K": 0.3, "h": 0.0, "method": 0, "n": 2, "sweeps": 1,
        "start": 0,
        "p_up": 0.5, "key": KEY, "workers": 1, "progress": None,
    }  # fmt: skip
    return {**arguments, **change}


@pytest.mark.parametrize(
    ("function", "arguments", "error", "match"),
    [
        (
            "stream_planes",
            {"key": [1, 2, 3, 4]},
            TypeError,
            "key must be a NumPy array",
        ),
        ("stream_planes", {"key": KEY[:3]}, ValueError, "key must hold 4 words, got 3"),
        ("stream_planes", {"key": KEY.astype(float)}, TypeError, "key must have dtype"),
        ("stream_planes", {"n": -1}, ValueError, "at least 0, got -1"),
        ("stream_planes", {"n": 2**60}, (ValueError, MemoryError), None),
        ("stream_planes", {"n": 1.5}, TypeError, None),
        ("biased_planes", {"p": 1.5}, ValueError, r"p must be in \[0, 1\]"),
        ("biased_planes", {"p": float("nan")}, ValueError, r"p must be in \[0, 1\]"),
        ("permutation", {"n": 2**33}, ValueError, "below 2\\^32"),
        ("pack", {"values": np.zeros(3, np.int8)}, ValueError, "2 dimensions, got 1"),
        ("pack", {"values": np.zeros((2, 3))}, TypeError, "dtype int8, got float64"),
        ("pack", {"values": np.full((2, 3), 2, np.int8)}, ValueError, "RG_ERR_VALUES"),
        (
            "pack",
            {"values": np.zeros((4, 4), np.int8)[:, ::2]},
            ValueError,
            "contiguous",
        ),
        (
            "unpack",
            {"n": 65},
            ValueError,
            "must have 2 words per row for n = 65, got 1",
        ),
        ("ising_sample", {"shape": [4, 4]}, TypeError, "shape must be a tuple"),
        ("ising_sample", {"shape": ()}, ValueError, "shape must have 1 to 3"),
        ("ising_sample", {"shape": (4, 1)}, ValueError, "RG_ERR_ARGUMENT"),
        ("ising_sample", {"shape": (2**31, 2**31)}, ValueError, "RG_ERR_OVERFLOW"),
        ("ising_sample", {"p_up": 2.0}, ValueError, "RG_ERR_ARGUMENT"),
        ("ising_sample", {"n": 2**60}, ValueError, "too big"),
        ("ising_sample", {"workers": 0}, ValueError, "at least 1, got 0"),
        ("rbm_train", {"weights": W.astype(int)}, TypeError, "float32 or float64"),
        ("rbm_train", {"visible_bias": C}, ValueError, r"lengths \(5, 3\)"),
        ("rbm_train", {"hidden_bias": C.astype(float)}, TypeError, "dtype float32"),
        ("rbm_train", {"weight_velocity": W[:4].copy()}, ValueError, "lengths"),
        ("rbm_train", {"data": BITS.astype(np.int64)}, TypeError, "dtype uint64"),
        ("rbm_train", {"data": np.zeros((2, 2), np.uint64)}, ValueError, "1 words"),
        (
            "rbm_train",
            {"order": np.array([2], np.uint32)},
            ValueError,
            "below 2, got 2",
        ),
        ("rbm_train", {"negative": BITS[:1].copy()}, ValueError, "at least 2 rows"),
        (
            "rbm_train",
            {"cursor": KEY[:3].copy()},
            ValueError,
            "cursor must have 4 words",
        ),
        (
            "rbm_train",
            {"cursor": np.array([0, 9, 0, 0], np.uint64)},
            ValueError,
            "RG_ERR_ARGUMENT",
        ),
        ("rbm_train", {"k": 0}, ValueError, "k = 0 needs persistent"),
        ("rbm_train", {"persistent": True}, TypeError, "hidden must be a NumPy array"),
        (
            "rbm_train",
            {"persistent": True, "hidden": BITS[:1].copy()},
            ValueError,
            "as many rows as negative, 2, got 1",
        ),
        ("rbm_train", {"visible_offset": B.copy()}, ValueError, "go together"),
        (
            "rbm_train",
            {"visible_offset": B.copy(), "hidden_offset": C.astype(float)},
            TypeError,
            "hidden_offset must have dtype float32",
        ),
        ("rbm_train", {"hidden_average": B.copy()}, ValueError, "must have 3 entries"),
        ("rbm_train", {"hidden_sum": np.zeros(4)}, ValueError, "must have 3 entries"),
        (
            "rbm_train",
            {"sample_weight": np.array([1.0, 0.0])},
            ValueError,
            r"one number in \(0, 1e30\]",
        ),
        (
            "rbm_train",
            {"sample_weight": np.array([1.0, np.nan])},
            ValueError,
            r"one number in \(0, 1e30\]",
        ),
        ("ising_sample", {"K": float("nan")}, ValueError, "RG_ERR_ARGUMENT"),
        ("ising_sample", {"method": 3}, ValueError, "RG_ERR_ARGUMENT"),
        ("ising_start", {"p_up": 2.0}, ValueError, "RG_ERR_ARGUMENT"),
        ("ising_load", {"spins": np.zeros((2, 4), np.int8)}, ValueError, "VALUES"),
        ("ising_unload", {"n": 513}, ValueError, "with 513 rows"),
        (
            "ising_simulate",
            {"streams": np.zeros((1, 4, 8), np.uint64)},
            ValueError,
            None,
        ),
        (
            "ising_simulate",
            {"cursor": np.zeros((2, 2), np.uint64)},
            ValueError,
            "cursor",
        ),
        ("ising_simulate", {"thin": 0}, ValueError, "at least 1"),
        ("ising_simulate", {"bonds": np.zeros((1, 4), np.int32)}, ValueError, "bonds"),
        ("fold_load", {"shape": (16, 64)}, ValueError, "does not fold"),
        ("fold_load", {"spins": np.zeros(3, np.int8)}, ValueError, "2048 sites, got 3"),
        ("fold_unload", {"words": np.zeros((3, 8), np.uint64)}, ValueError, "(4, 8)"),
        ("ising_sample", {"start": 7}, ValueError, "RG_ERR_ARGUMENT"),
        (
            "ising_sample",
            {"shape": (16, 16), "sweeps": 2**62},
            ValueError,
            "RG_ERR_OVERFLOW",
        ),
        ("ising_sample", {"n": 10**30}, ValueError, "cannot fit"),
        (
            "logarithm",
            {"x": np.array([0.0])},
            ValueError,
            "positive, normal and finite",
        ),
        ("logarithm", {"x": np.array([np.nan])}, ValueError, "positive, normal"),
        ("rbm_train", {"k": 4000}, ValueError, "RG_ERR_ARGUMENT"),
    ],
)
def test_bad_arguments(function, arguments, error, match):
    base = {
        "stream_planes": {"key": KEY, "purpose": 1, "index": 0, "n": 1},
        "biased_planes": {"key": KEY, "purpose": 1, "index": 0, "n": 1, "p": 0.5},
        "permutation": {"key": KEY, "purpose": 1, "index": 0, "n": 1},
        "pack": {"values": np.zeros((1, 1), np.int8), "low": 0},
        "logarithm": {"x": np.ones(1)},
        "unpack": {"bits": BITS, "n": 3, "low": 0},
        "ising_sample": sample_arguments(),
        "ising_start": {
            "shape": (4, 4),
            "start": 1,
            "p_up": 0.5,
            "key": KEY,
            "first": 0,
            "n_blocks": 1,
        },
        "ising_load": {},
        "ising_unload": {"words": np.zeros((1, 4, 8), np.uint64)},
        "ising_simulate": simulate_arguments(),
        "fold_load": {"shape": (16, 128), "spins": np.ones(2048, np.int8)},
        "fold_unload": {"shape": (16, 128)},
        "rbm_train": train_arguments(),
    }[function]
    with pytest.raises(error, match=match):
        getattr(_core, function)(**{**base, **arguments})


def test_read_only_parameters_are_refused():
    frozen = W.copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="weights must be writeable"):
        _core.rbm_train(**train_arguments(weights=frozen))
    # reading them is fine
    assert _core.rbm_mean(frozen, B, C, True, BITS, True, 1).shape == (2, 3)


def test_byte_swapped_and_misaligned_arrays_are_refused():
    with pytest.raises(TypeError, match="key must have dtype uint64, got >u8"):
        _core.stream_planes(KEY.astype(">u8"), 1, 0, 1)
    raw = np.zeros(4 * 8 + 1, dtype=np.uint8)[1:].view(np.uint64)
    with pytest.raises(ValueError, match="aligned"):
        _core.stream_planes(raw, 1, 0, 1)


def test_equivalent_integer_types_are_the_same_dtype():
    bits = np.array([[13]], dtype=np.ulonglong)
    assert np.array_equal(_core.unpack(bits, 4, 0), [[1, 0, 1, 1]])


def test_signatures_and_docstrings():
    functions = [f for _, f in inspect.getmembers(_core, inspect.isbuiltin)]
    assert len(functions) > 10
    for function in functions:
        assert inspect.signature(function).parameters is not None
        assert function.__doc__
    assert list(inspect.signature(_core.pack).parameters) == ["values", "low"]


def test_keyword_errors_keep_the_parsers_message():
    with pytest.raises(TypeError, match="pack"):
        _core.pack(values=np.zeros((1, 1), np.int8))
    with pytest.raises(TypeError, match="build_info"):
        _core.build_info(1)


def test_reference_counts_and_objects_do_not_grow():
    spins = np.ones((3, 70), dtype=np.int8)
    arguments = train_arguments()

    def work():
        _core.unpack(_core.pack(spins, -1), 70, -1)
        _core.ising_sample(**sample_arguments())
        _core.rbm_train(**arguments)
        for bad in ({"values": -spins, "low": 0}, {"values": 3, "low": 0}):
            with pytest.raises((TypeError, ValueError)):
                _core.pack(**bad)

    work()
    gc.collect()
    counts = [sys.getrefcount(a) for a in arguments.values()]
    objects = len(gc.get_objects())
    for _ in range(20):
        work()
    gc.collect()
    assert [sys.getrefcount(a) for a in arguments.values()] == counts
    assert len(gc.get_objects()) - objects < 20
    assert sys.getrefcount(spins) <= 3


def interrupt_after(seconds, action):
    """Run action with SIGINT after some time; seconds from the signal to its answer."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, send)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        action()
    timer.join()
    return time.perf_counter() - sent[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_answers_within_a_tenth_of_a_second(workers):
    model = rgdl.Ising((64, 64), K=0.44)
    waited = min(
        interrupt_after(
            0.2,
            lambda: rgdl.sample(model, 50_000, rng=0, workers=workers, progress=False),
        )
        for _ in range(3)
    )
    assert waited < 0.1


@pytest.mark.parametrize("kind", ["counted", "summed"])
def test_ctrl_c_stops_an_enumeration(kind):
    J = np.ones((28, 28)) - np.eye(28)
    h = 0.0 if kind == "counted" else np.linspace(0, 1, 28)
    model = rgdl.Ising(28, K=0.1, couplings=J, h=h)
    waited = min(
        interrupt_after(0.1, lambda: rgdl.exact.enumerate_states(model, progress=False))
        for _ in range(3)
    )
    assert waited < 0.1


def test_ctrl_c_during_training_leaves_whole_batches():
    model = rgdl.Ising((16, 16), K=0.44)
    s = rgdl.sample(model, 2000, rng=0)
    rbm = rgdl.RBM(200, n_epochs=100_000, rng=0, progress=False)
    assert interrupt_after(0.3, lambda: rbm.fit(s)) < 0.3
    assert np.isfinite(rbm.W_).all()
    assert np.abs(rbm.W_).max() > 0
    assert rbm.transform(s[:3]).shape == (3, 200)


def test_a_broken_off_epoch_is_finished_to_the_same_bits():
    s = rgdl.sample(rgdl.Ising((8, 8), K=0.44), 1050, rng=0)
    for method in ("pcd", "cd"):
        settings = {"method": method, "momentum": 0.5, "k": 2, "rng": 3}
        whole = rgdl.RBM(30, n_epochs=3, **settings).fit(s)
        rbm = rgdl.RBM(30, n_epochs=1, **settings).fit(s)

        def stop(fraction):
            if fraction > 0.4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rbm.set_params(progress=stop).partial_fit(s)
        assert 0 < rbm._cursor[1] < len(s)
        rbm.set_params(progress=False).partial_fit(s).partial_fit(s)
        assert len(rbm.history_["epoch"]) == 3
        assert np.array_equal(rbm.W_, whole.W_)
        assert np.array_equal(rbm._negative, whole._negative)
        assert rbm.history_["reconstruction_error"][1:] == pytest.approx(
            whole.history_["reconstruction_error"][1:], nan_ok=True, rel=0
        )


def test_ctrl_c_inside_a_long_batch():
    s = rgdl.sample(rgdl.Ising((16, 16), K=0.3), 200, rng=0)
    rbm = rgdl.RBM(200, k=2000, n_epochs=10, rng=0, progress=False)
    assert interrupt_after(0.3, lambda: rbm.fit(s)) < 0.1
    assert not rbm._velocity[0].any()  # no batch is whole yet


def test_workers_are_limited_by_the_work():
    rbm = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.4))
    rbm.set_params(workers=100_000)
    assert rbm.transform(np.ones((1, 4, 4))).shape == (1, 32)
    assert rbm.sample(2, steps=2, rng=0).shape == (2, 4, 4)
    spins = rgdl.sample(rgdl.Ising((4, 4), K=0.4), 50, rng=0)
    rbm = rgdl.RBM(4, n_epochs=1, batch_size=10**8, method="cd", rng=0, workers=10**5)
    assert rbm.fit(spins)._negative.shape == (50, 1)


def test_progress_is_the_fraction_done():
    rbm = rgdl.RBM.from_ising(rgdl.Ising((4, 4), K=0.4))
    for n_rows, workers in [(100, 8), (600, 4), (512, 1), (1100, 2)]:
        seen = []
        rbm.set_params(workers=workers, progress=seen.append)
        rbm.gibbs(np.ones((n_rows, 4, 4)), k=3, rng=0)
        assert seen == sorted(seen)
        assert seen[-1] == 1.0


def test_an_error_in_the_progress_callable_is_raised():
    def fail(fraction):
        raise RuntimeError(f"stop at {fraction}")

    with pytest.raises(RuntimeError, match="stop at"):
        _core.ising_sample(**sample_arguments(n=1024, sweeps=500, progress=fail))
    with pytest.raises(RuntimeError, match="stop at"):
        _core.rbm_train(**train_arguments(progress=fail))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_after_workers_is_safe():
    model = rgdl.Ising((8, 8), K=0.3)
    golden = rgdl.sample(model, 2000, rng=1, workers=2)
    child = os.fork()
    if child == 0:
        same = np.array_equal(rgdl.sample(model, 2000, rng=1, workers=2), golden)
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_calls_from_many_threads_give_the_same_bits():
    model = rgdl.Ising((12, 12), K=0.3)
    golden = rgdl.sample(model, 700, rng=1)
    results = [None] * 4

    def run(i):
        results[i] = rgdl.sample(model, 700, rng=1, workers=1 + i % 2, progress=False)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(result, golden) for result in results)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_gemm_is_the_product(dtype, transpose_a, transpose_b):
    from scipy.linalg.cython_blas import __pyx_capi__ as routines

    rng = np.random.default_rng(0)
    a, b = rng.random((5, 7)).astype(dtype), rng.random((7, 3)).astype(dtype)
    given = {
        "routine": routines["sgemm" if dtype == np.float32 else "dgemm"],
        "a": np.ascontiguousarray(a.T) if transpose_a else a,
        "b": np.ascontiguousarray(b.T) if transpose_b else b,
        "out": np.ones((5, 3), dtype), "transpose_a": transpose_a,
        "transpose_b": transpose_b, "alpha": 2.0, "beta": 0.5,
    }  # fmt: skip
    _core.gemm(**given)
    assert np.allclose(given["out"], 2 * (a @ b) + 0.5, rtol=1e-6)
    wrong = routines["dgemm" if dtype == np.float32 else "sgemm"]
    with pytest.raises(TypeError, match="same precision"):
        _core.gemm(**{**given, "routine": wrong})
    with pytest.raises(TypeError, match="32-bit integers"):
        _core.gemm(**{**given, "routine": routines["ddot"]})
    with pytest.raises(TypeError, match="no capsule"):
        _core.gemm(**{**given, "routine": None})
    with pytest.raises(ValueError, match="shapes that fit"):
        _core.gemm(**{**given, "out": np.ones((3, 5), dtype)})
    with pytest.raises(ValueError, match="at least 1"):
        _core.gemm(**given, workers=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(700, 70), (70, 900), (512, 512)])
@pytest.mark.parametrize("transposed", [(False, True), (True, False)])
def test_gemm_in_pieces_is_the_product_for_any_workers(dtype, shape, transposed):
    """Long products are cut into pieces of 256 rows or columns; one worker or more."""
    from rgdl._blas import blas_threads, matmul

    rng = np.random.default_rng(0)
    a = rng.random((shape[0], 90)).astype(dtype)
    b = rng.random((90, shape[1])).astype(dtype)
    swapped = [
        np.ascontiguousarray(x.T if t else x)
        for x, t in zip((a, b), transposed, strict=True)
    ]
    results = []
    for workers in (1, 2, 3, 7):
        out = np.ones(shape, dtype)
        with blas_threads(workers):
            matmul(
                *swapped, transpose_a=transposed[0], transpose_b=transposed[1],
                scale=0.5, out=out, add=True,
            )  # fmt: skip
        results.append(out)
    assert np.allclose(results[0], 0.5 * (a @ b) + 1, rtol=1e-5)
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spin", [False, True])
def test_unit_means_are_sigmoid_and_tanh(dtype, spin):
    """Rows and units beyond whole blocks of 32 and panels of 16, too."""
    rng = np.random.default_rng(0)
    for rows, units in ((1, 1), (33, 16), (70, 37)):
        x = (4 * rng.standard_normal((rows, units))).astype(dtype)
        bias = rng.standard_normal(units).astype(dtype)
        inputs = (x + bias).astype(np.float64)
        want = np.tanh(inputs) if spin else 1 / (1 + np.exp(-inputs))
        _core.unit_means(x, bias, spin)
        assert abs(x - want).max() < (3e-7 if dtype == np.float32 else 1e-15)
    with pytest.raises(ValueError, match="one value per column"):
        _core.unit_means(x, bias[1:], spin)
    with pytest.raises(TypeError, match="bias"):
        _core.unit_means(x, bias.astype(np.float16), spin)


def test_gibbs_steps_give_the_means_of_their_last_states():
    rng = np.random.default_rng(0)
    machine = [rng.standard_normal(s).astype(np.float32) for s in ((70, 33), 70, 33)]
    visible, hidden = np.zeros((5, 2), np.uint64), np.zeros((5, 1), np.uint64)
    mean = np.empty((5, 33), np.float32)
    job = (*machine, False, visible, hidden, False, 3, KEY, 17, 0, 1, None)
    _core.rbm_gibbs(*job, mean=mean)
    assert np.array_equal(mean, _core.rbm_mean(*machine, False, visible, True, 1))
    with pytest.raises(ValueError, match="mean"):
        _core.rbm_gibbs(*job, mean=mean[:4].copy())
    with pytest.raises(TypeError, match="mean"):
        _core.rbm_gibbs(*job, mean=mean.astype(np.float64))
