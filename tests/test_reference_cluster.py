"""Cluster updates in C equal their readable twin, bit for bit."""

import numpy as np
import pytest

from rgdl import _core
from rgdl import _reference as ref

KEY = np.array([5, 6, 7, 8], dtype=np.uint64)

CASES = [
    ((8,), 0.9, 0.0),
    ((130,), 1.2, 0.0),
    ((130,), -1.1, 0.3),
    ((2, 2), 0.4, 0.0),
    ((3, 2), 0.5, -0.1),
    ((32, 32), 0.44, 0.0),
    ((12, 64), 0.45, 0.0),
    ((5, 65), 0.45, 0.02),
    ((9, 128), 0.44, 0.0),
    ((21, 64), 0.45, 0.0),
    ((20, 130), 0.5, 0.0),
    ((8, 40), 0.44, -0.05),
    ((4, 150), -0.45, 0.1),
    ((6, 6), -0.4, -0.3),
    ((2, 2, 2), 0.3, 0.1),
    ((3, 4, 5), 0.25, 0.0),
    ((2, 9, 66), 0.3, 0.0),
    ((2, 4, 66), -0.23, 0.1),
    ((6, 4), 0.0, 0.0),
    ((6, 4), 30.0, 0.0),
    ((6, 4), 0.3, 40.0),
]

#: Open axes; odd antiferromagnets are not frustrated along them.
OPEN_CASES = [
    ((2,), 0.5, 0.0, (False,)),
    ((9,), -0.9, 0.1, (False,)),
    ((64,), 1.2, 0.0, (False,)),
    ((200,), 1.2, 0.0, (False,)),
    ((3, 2), 0.5, -0.1, (False, False)),
    ((8, 64), 0.45, 0.0, (False, False)),
    ((17, 65), 0.45, 0.02, (False, True)),
    ((17, 65), -0.45, 0.02, (False, False)),
    ((16, 130), 0.44, 0.0, (True, False)),
    ((5, 6), -0.4, 0.0, (False, True)),
    ((2, 2, 2), 0.3, 0.1, (False, False, False)),
    ((3, 9, 5), 0.25, 0.0, (True, True, False)),
    ((3, 4, 70), 0.25, 0.05, (True, False, True)),
    ((3, 8, 6), -0.24, 0.0, (False, True, True)),
]


def start(shape, chains):
    spins = np.random.default_rng(3).choice(
        np.array([-1, 1], dtype=np.int8), size=(chains, *shape), p=[0.2, 0.8]
    )
    words = _core.pack(spins.reshape(chains, -1), -1)
    return spins, words, _core.stream_states(KEY, _core.PURPOSE_CLUSTER, 0, chains)


def simulate(
    shape, K, h, method, chains, per_sweep, draws, thin, workers=1, periodic=None
):
    _, words, streams = start(shape, chains)
    out = _core.cluster_simulate(
        *(shape, K, h, method, words, streams, per_sweep, draws, thin),
        *(True, workers, None, periodic),
    )
    return [*out, words, streams]


@pytest.mark.parametrize("method", [0, 1])
@pytest.mark.parametrize(
    ("shape", "K", "h", "periodic"),
    [*((*case, None) for case in CASES), *OPEN_CASES],
)
def test_c_equals_the_twin(shape, K, h, periodic, method, simd):
    per_sweep, draws, thin = (3 if method == 0 else 1), 3, 2
    *out, words, _ = simulate(
        shape, K, h, method, 2, per_sweep, draws, thin, periodic=periodic
    )
    spins, _, _ = start(shape, 2)
    for chain in range(2):
        stream = ref.Stream(KEY, _core.PURPOSE_CLUSTER, chain)
        twin = ref.cluster_chain(
            *(shape, K, h, method, spins[chain], stream, per_sweep, draws, thin),
            periodic,
        )
        for mine, expected in zip(out, twin, strict=True):
            np.testing.assert_array_equal(mine[:, chain], expected)
    assert np.array_equal(words, _core.pack(spins.reshape(2, -1), -1))


@pytest.mark.parametrize("method", [0, 1])
def test_workers_and_continued_calls_give_the_same_bits(method, simd):
    shape, K, h, per_sweep = (10, 70), 0.44, 0.0, 2 if method == 0 else 1
    golden = simulate(shape, K, h, method, 5, per_sweep, 6, 2)
    for workers in (2, 3, 8):
        other = simulate(shape, K, h, method, 5, per_sweep, 6, 2, workers)
        for a, b in zip(golden, other, strict=True):
            np.testing.assert_array_equal(a, b)
    _, words, streams = start(shape, 5)
    parts = [
        _core.cluster_simulate(
            *(shape, K, h, method, words, streams, per_sweep, 3, 2, True, 1, None)
        )
        for _ in range(2)
    ]
    for a, b in zip(golden, zip(*parts, strict=True), strict=False):
        np.testing.assert_array_equal(a, np.concatenate(b))
    assert np.array_equal(words, golden[5])
    assert np.array_equal(streams, golden[6])


def test_stream_states_are_those_of_the_twin():
    states = _core.stream_states(KEY, 5, 3, 2)
    for i in range(2):
        lanes = np.array(ref.Stream(KEY, 5, 3 + i).lanes, dtype=np.uint64)
        assert np.array_equal(states[i], lanes.T)


def test_an_interrupt_leaves_whole_draws():
    shape = (64, 64)
    _, words, streams = start(shape, 1)

    class StopError(Exception):
        pass

    calls = []

    def progress(fraction):
        calls.append(fraction)
        if len(calls) == 4:
            raise StopError

    with pytest.raises(StopError):
        _core.cluster_simulate(
            *(shape, 0.44, 0.0, 1, words, streams, 1, 10**7, 1, False, 1, progress)
        )
    done = round(calls[-1] * 10**7)
    assert 0 < done < 10**7
    _, again, again_streams = start(shape, 1)
    _core.cluster_simulate(
        *(shape, 0.44, 0.0, 1, again, again_streams, 1, done, 1, False, 1, None)
    )
    assert np.array_equal(words, again)
    assert np.array_equal(streams, again_streams)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"shape": (4, 5), "K": -0.3}, ValueError, 'frustrated; use method="local"'),
        (
            {"shape": (4, 5), "K": -0.3, "periodic": (False, True)},
            ValueError,
            "frustrated",
        ),
        ({"periodic": (True,)}, ValueError, "periodic must be a tuple of 2 bools"),
        ({"periodic": [True, True]}, ValueError, "periodic must be a tuple"),
        ({"shape": (4, 1)}, ValueError, "RG_ERR_ARGUMENT"),
        ({"K": float("nan")}, ValueError, "RG_ERR_ARGUMENT"),
        ({"h": float("inf")}, ValueError, "RG_ERR_ARGUMENT"),
        ({"method": 2}, ValueError, "RG_ERR_ARGUMENT"),
        ({"thin": 0}, ValueError, "at least 1"),
        ({"clusters_per_sweep": 0}, ValueError, "at least 1"),
        ({"workers": 0}, ValueError, "at least 1"),
        ({"words": np.zeros((1, 2), np.uint64)}, ValueError, "1 words per chain"),
        ({"words": np.zeros((1, 1), np.int64)}, TypeError, "words"),
        ({"streams": np.zeros((2, 4, 8), np.uint64)}, ValueError, "streams must have"),
        ({"draws": 2**62, "thin": 2**10}, ValueError, "RG_ERR_OVERFLOW|too big|dim"),
    ],
)
def test_bad_arguments(change, error, match):
    arguments = {
        "shape": (4, 4),
        "K": 0.4,
        "h": 0.0,
        "method": 1,
        "words": np.zeros((1, 1), np.uint64),
        "streams": np.ones((1, 4, 8), np.uint64),
        "clusters_per_sweep": 1,
        "draws": 1,
        "thin": 1,
        "improved": False,
        "workers": 1,
        "progress": None,
    }
    with pytest.raises(error, match=match):
        _core.cluster_simulate(**{**arguments, **change})


def test_no_chains_and_no_draws():
    for chains, draws in ((0, 3), (2, 0)):
        words = np.zeros((chains, 1), np.uint64)
        streams = np.ones((chains, 4, 8), np.uint64)
        out = _core.cluster_simulate(
            *((4, 4), 0.4, 0.0, 1, words, streams, 1, draws, 1, True, 1, None)
        )
        assert [a.shape for a in out] == [(draws, chains)] * 5
