"""rgdl.DBN: greedy training on keyed samples, fields, passes up and down."""

import numpy as np
import pytest

import rgdl
from rgdl import DBN, RBM


def spins(n=400):
    return rgdl.sample(rgdl.Ising((6, 6), K=0.42), n, rng=0)


def fitted(workers=1, rng=1, units="spin"):
    X = spins() if units == "spin" else (spins() + 1) // 2
    rbm = RBM(units=units, method="cd", n_epochs=3, rng=rng, workers=workers)
    return DBN(layers=(20, 10, 4), rbm=rbm).fit(X), X


def test_layers_and_shapes():
    dbn, X = fitted()
    assert [layer.W_.shape for layer in dbn.layers_] == [(36, 20), (20, 10), (10, 4)]
    assert dbn.transform(X).shape == (400, 4)
    assert dbn.reconstruct(X).shape == X.shape
    assert dbn.sample(5, steps=20, rng=0).shape == (5, 6, 6)
    assert set(np.unique(dbn.sample(50, steps=20, rng=0))) == {-1, 1}
    assert dbn.lattice_shape_ == (6, 6)


def test_receptive_fields_are_products_of_weights():
    dbn, _ = fitted()
    W = [layer.W_ for layer in dbn.layers_]
    assert np.array_equal(dbn.receptive_fields(0), W[0].T.reshape(20, 6, 6))
    product = (W[0].astype(float) @ W[1] @ W[2]).T.reshape(4, 6, 6)
    assert np.allclose(dbn.receptive_fields(2), product, atol=1e-6)
    assert np.array_equal(dbn.receptive_fields(), dbn.receptive_fields(2))
    with pytest.raises(ValueError, match=r"layer must be in \[-3, 3\), got 3"):
        dbn.receptive_fields(3)


@pytest.mark.parametrize("units", ["spin", "binary"])
def test_same_key_same_bits(units):
    one, _ = fitted(workers=1, units=units)
    two, _ = fitted(workers=3, units=units)
    for a, b in zip(one.layers_, two.layers_, strict=True):
        assert np.array_equal(a.W_, b.W_)
    other, _ = fitted(rng=2, units=units)
    assert not np.array_equal(one.layers_[0].W_, other.layers_[0].W_)
    # every layer has its own key
    assert len({layer.key_ for layer in one.layers_}) == 3


def test_recorded_key_repeats_the_stack():
    one, _ = fitted(rng=None)
    again, _ = fitted(rng=one.key_)
    for a, b in zip(one.layers_, again.layers_, strict=True):
        assert np.array_equal(a.W_, b.W_)


def test_first_layer_is_the_machine_it_would_be_alone():
    dbn, X = fitted()
    alone = RBM(20, units="spin", method="cd", n_epochs=3, rng=dbn.layers_[0].rng).fit(
        X
    )
    assert np.array_equal(alone.W_, dbn.layers_[0].W_)


def test_reconstruction_beats_an_untrained_stack():
    """Mean overlap of sign(reconstruction) with the data after longer training."""
    X = spins(2000)
    rbm = RBM(units="spin", method="cd", learning_rate=0.1, n_epochs=60, rng=1)
    trained = DBN(layers=(18, 9), rbm=rbm).fit(X)
    rbm.set_params(n_epochs=0)
    untrained = DBN(layers=(18, 9), rbm=rbm).fit(X)

    def overlap(dbn):
        return (np.sign(dbn.reconstruct(X)) * X).mean()

    # random projections to 9 numbers already keep 0.30
    assert overlap(trained) > 0.5
    assert overlap(untrained) < 0.35


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"layers": ()}, ValueError, "layers must name at least one layer"),
        ({"layers": (4, 0)}, ValueError, "every entry of layers must be at least 1"),
        ({"layers": 5}, TypeError, "layers must be a tuple of integers, got 5"),
        ({"rbm": RBM(units="spin")}, ValueError, "takes its units from its prototype"),
        ({"rbm": "rbm"}, TypeError, "rbm must be a rgdl.RBM, got str"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        DBN(**arguments).fit((spins(10) + 1) // 2)
