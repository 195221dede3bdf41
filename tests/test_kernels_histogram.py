"""Walks in energy: C against the twin, bit for bit; cuts, workers, bad arguments."""

import numpy as np
import pytest

import rgdl
from rgdl import _core
from rgdl import _reference as ref
from rgdl.density import _start

KEY = np.array([1, 4, 1, 4], dtype=np.uint64)
MODELS = {
    "ring": rgdl.Ising(6, K=1),
    "double": rgdl.Ising((2, 3), K=-1),
    "plaquette": rgdl.Ising((3, 3), K=1, couplings={"nn": 1.0, "plaquette": -2.0}),
}


def arrays_of(model, walkers):
    t = model._terms()
    _, values = t.integers(rows=1)
    values = values.astype(np.int32)
    spins, streams = _start(walkers, t.n_sites, KEY)
    return t, values, (t.sites, t.starts, values, spins, streams)


def twin_of(t, values, spins, index):
    ends = zip(t.starts[:-1], t.starts[1:], strict=True)
    sites = [tuple(t.sites[a:b].tolist()) for a, b in ends]
    terms = list(zip(values.tolist(), sites, strict=True))
    n_levels = int(np.abs(values).sum()) + 1
    return ref.Walk(spins, terms, ref.Stream(KEY, 8, index), np.zeros(n_levels))


@pytest.mark.parametrize("name", MODELS)
def test_both_stages_equal_the_twin(name):
    t, values, arrays = arrays_of(MODELS[name], 2)
    walks = [twin_of(t, values, arrays[3][w].copy(), w) for w in range(2)]
    log_g = np.zeros((2, int(np.abs(values).sum()) + 1))
    attempts, learned = _core.histogram_learn(*arrays, log_g, 0.02, 10**6, 1, None)
    assert learned
    assert [ref.learn_density(walk, 0.02) for walk in walks] == attempts.tolist()
    for walk, row in zip(walks, log_g, strict=True):
        assert np.array_equal(walk.log_g, row)
    weights = np.linspace(0.0, 2.0, log_g.shape[1])
    visits, trips = _core.histogram_produce(
        *arrays, weights, 0, log_g.shape[1] - 1, 800, 1, None
    )
    for w, walk in enumerate(walks):
        walk.log_g[:] = weights
        assert np.array_equal(ref.visit_levels(walk, 800), visits[w])
        assert np.array_equal(walk.spins, arrays[3][w])
    assert (visits.sum(axis=1) == 800).all()
    if name == "ring":
        assert (trips > 0).all()


def test_workers_do_not_change_the_bits():
    seen = []
    for workers in (1, 2, 5):
        _, values, arrays = arrays_of(MODELS["plaquette"], 3)
        log_g = np.zeros((3, int(np.abs(values).sum()) + 1))
        learned = _core.histogram_learn(*arrays, log_g, 1e-4, 10**8, workers, None)
        weights = np.where(np.isfinite(log_g), log_g, 0).mean(axis=0)
        made = _core.histogram_produce(*arrays, weights, 3, 9, 80_000, workers, None)
        seen.append([learned[0], log_g, *made, *arrays[3:]])
    for other in seen[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(seen[0], other, strict=True))


def test_learning_stops_at_the_limit():
    _, values, arrays = arrays_of(MODELS["ring"], 2)
    log_g = np.zeros((2, int(np.abs(values).sum()) + 1))
    attempts, learned = _core.histogram_learn(*arrays, log_g, 1e-9, 4000, 1, None)
    assert not learned
    assert attempts.tolist() == [4000, 4000]


@pytest.mark.parametrize("broken", ["spins", "streams", "log_g", "starts"])
def test_bad_arrays(broken):
    _, values, arrays = arrays_of(MODELS["ring"], 2)
    sites, starts, values, spins, streams = arrays
    log_g = np.zeros((2, len(values) + 1))
    if broken == "spins":
        spins[0, 0] = 0
    if broken == "streams":
        streams = streams[:1].copy()
    if broken == "log_g":
        log_g = log_g[:1].copy()
    if broken == "starts":
        starts = starts[:-1].copy()
    with pytest.raises(ValueError, match=r"spins|streams|log_g|starts"):
        _core.histogram_learn(
            sites, starts, values, spins, streams, log_g, 0.1, 80, 1, None
        )
