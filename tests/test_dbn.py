"""rgdl.DBN: greedy training on keyed samples, fields, passes up and down."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

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


def test_every_layer_may_have_its_prototype():
    X = spins()
    own = [RBM(method="cd", n_epochs=2, rng=1), RBM(n_epochs=4, l1=0.01)]
    dbn = DBN((8, 4), rbm=own).fit(X)
    assert [len(layer.history_["epoch"]) for layer in dbn.layers_] == [2, 4]
    assert [layer.method for layer in dbn.layers_] == ["cd", "pcd"]
    assert not hasattr(own[0], "W_")
    assert own[0].n_hidden == 256


def same_bits(one, two):
    return all(
        np.array_equal(a.W_, b.W_)
        and np.array_equal(a.b_, b.b_)
        and np.array_equal(a.c_, b.c_)
        for a, b in zip(one.layers_, two.layers_, strict=True)
    )


def test_files_and_pickles_keep_everything(tmp_path):
    dbn, X = fitted()
    dbn.save(tmp_path / "dbn.npz")
    copies = [DBN.load(tmp_path / "dbn.npz"), pickle.loads(pickle.dumps(dbn))]
    for copy in copies:
        assert same_bits(copy, dbn)
        assert copy.key_ == dbn.key_
        assert copy.layers == dbn.layers
        assert np.array_equal(
            copy.sample(9, steps=3, rng=4), dbn.sample(9, steps=3, rng=4)
        )
        # the copy trains to the same bits, its layers go on to the same bits
        assert same_bits(clone(copy).set_params(rbm__rng=dbn.key_).fit(X), dbn)
        one, two = (pickle.loads(pickle.dumps(d.layers_[0])) for d in (copy, dbn))
        assert np.array_equal(one.partial_fit(X).W_, two.partial_fit(X).W_)
    with pytest.raises(rgdl.errors.FileFormatError, match="holds a dbn, not a rbm"):
        RBM.load(tmp_path / "dbn.npz")


@pytest.mark.parametrize("rng", [5, None])
@pytest.mark.parametrize("cut", [0.2, 0.55, 0.9])
def test_a_cut_training_goes_on_to_the_same_bits(cut, rng, tmp_path):
    X = spins()

    def stop(fraction):
        if fraction > cut:
            raise KeyboardInterrupt

    rbm = RBM(n_epochs=4, rng=rng, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        DBN((12, 6, 3), rbm=rbm).fit(X, checkpoint=tmp_path)
    rbm.set_params(progress=False)
    resumed = DBN((12, 6, 3), rbm=rbm).fit(X, checkpoint=tmp_path)
    whole = DBN((12, 6, 3), rbm=RBM(n_epochs=4, rng=rng or resumed.key_)).fit(X)
    assert same_bits(resumed, whole)
    with pytest.raises(ValueError, match="belongs to another training"):
        DBN((12, 6, 3), rbm=rbm).fit(X[1:], checkpoint=tmp_path)


def test_draws_are_keyed():
    dbn, X = fitted()
    key = (1, 2, 3, 4)
    for draw in (
        lambda rng: dbn.sample(6, steps=5, rng=rng),
        lambda rng: dbn.sample_hidden(X, rng=rng),
        lambda rng: dbn.sample_visible([[1, -1, 1, 1]] * 9, rng=rng),
        lambda rng: dbn.gibbs(X[:20], rng=rng),
    ):
        assert np.array_equal(draw(key), draw(key))
        generator = np.random.default_rng(0)
        assert not np.array_equal(draw(generator), draw(generator))
    assert np.array_equal(
        dbn.sample(6, steps=5, rng=key), dbn.sample(9, steps=5, rng=key)[:6]
    )


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
        ({"rbm": "rbm"}, TypeError, "rbm must be a rgdl.RBM or one per layer, got s"),
        ({"rbm": [RBM()] * 2}, ValueError, "one prototype for each of 3 layers, got 2"),
        (
            {"rbm": [RBM(), RBM(units="binary"), RBM()]},
            ValueError,
            "rbm must have the same units in all",
        ),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        DBN(**arguments).fit((spins(10) + 1) // 2)
