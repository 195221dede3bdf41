"""Packed chains, ladders and exact samples: bad arguments and Ctrl-C."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import rgdl
from rgdl import _core, _packed

KEY = np.array([1, 2, 3, 4], dtype=np.uint64)
MODEL = rgdl.Ising((64, 64), K=0.4, periodic=False)


def seconds_to_stop(action):
    """From the signal to KeyboardInterrupt; the signal comes 0.2 s after the start."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.2, send)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            action()
    finally:
        timer.cancel()
    return time.perf_counter() - sent[0]


def test_chains_stop_and_stay_valid():
    state = _packed.start_chains(MODEL.n_sites, 512, KEY)
    before = state.words.copy()

    def work():
        _packed.advance(MODEL, state, "local", draws=1, thin=10**6, workers=2)

    assert seconds_to_stop(work) < 0.3
    assert not np.array_equal(state.words, before)
    assert set(np.unique(state.spins(512))) == {-1, 1}
    _packed.advance(MODEL, state, "local", draws=1)


LONG = {"chains": 2, "draws": 2, "thin": 10**7, "burn_in": 0, "progress": False}
TORUS = rgdl.Ising((128, 128), K=0.4)
CALLS = {
    "any model": lambda: rgdl.simulate(MODEL, **LONG),
    "folded": lambda: rgdl.simulate(TORUS, **LONG),
    "clusters": lambda: rgdl.simulate(TORUS, method="wolff", **LONG),
    "rows by clusters": lambda: rgdl.sample(
        TORUS, 2, method="swendsen-wang", burn_in=10**7, progress=False
    ),
    "rows of any model": lambda: rgdl.sample(MODEL, 2, burn_in=10**7, progress=False),
}


@pytest.mark.filterwarnings("ignore::rgdl.EquilibrationWarning")  # of no burn-in
@pytest.mark.parametrize("name", CALLS)
def test_public_calls_stop(name):
    assert seconds_to_stop(CALLS[name]) < 0.3


def test_ladders_stop():
    def work():
        rgdl.temper(MODEL, [0.3, 0.31, 0.32], draws=10**5, chains=1, progress=False)

    assert seconds_to_stop(work) < 0.3


def test_exact_samples_stop():
    model = rgdl.Ising((64, 64), K=0.45)

    def work():
        rgdl.sample(model, 1, method="perfect", burn_in=2**30, progress=False)

    assert seconds_to_stop(work) < 0.3


def temper(**changes):
    t = MODEL._terms()
    arguments = {
        "sites": t.sites,
        "starts": t.starts,
        "values": t.relative,
        "fields": t.h,
        "K": np.array([0.1, 0.2]),
        "shape": None,
        "h": 0.0,
        "words": np.zeros((1, 2, MODEL.n_sites, 8), dtype=np.uint64),
        "streams": _core.stream_states(KEY, 7, 0, 4).reshape(1, 4, 4, 8),
        "first_step": 0,
        "draws": 1,
        "thin": 1,
        "workers": 1,
        "progress": None,
    }
    return _core.temper(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"K": np.zeros(0)}, "K must not be empty"),
        ({"K": np.array([0.1, np.nan])}, "RG_ERR_ARGUMENT"),
        ({"K": np.array([0.1, 1e31])}, "RG_ERR_ARGUMENT"),
        ({"shape": (64, 63)}, "shape must fit"),
        ({"words": np.zeros((1, 3, 4096, 8), np.uint64)}, "words must have shape"),
        ({"streams": np.zeros((1, 3, 4, 8), np.uint64)}, "words must have shape"),
        ({"thin": 0}, "at least 1"),
    ],
)
def test_ladder_refusals(changes, message):
    assert temper()[0].shape == (2, 512, 1)
    with pytest.raises(ValueError, match=message):
        temper(**changes)


def test_other_refusals():
    with pytest.raises(ValueError, match="at least 1"):
        _core.ising_perfect((4, 4), 0.1, 0.0, 1, 0, KEY, 1, None)
    with pytest.raises(ValueError, match="RG_ERR_ARGUMENT"):
        _core.ising_perfect((4, 4), np.inf, 0.0, 1, 16, KEY, 1, None)
    with pytest.raises(ValueError, match="hold n"):
        _core.replicas_to_spins(np.zeros((1, 3, 8), np.uint64), 513)
    assert _core.replicas_to_spins(np.zeros((0, 3, 8), np.uint64), 0).shape == (0, 3)
    assert _core.ising_perfect((4, 4), 0.1, 0.0, 0, 16, KEY, 1, None)[0].shape == (
        0,
        16,
    )
