"""Dense, Activation, Dropout, Flatten, Reshape, Identity, Input."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, ops

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (2, 4, 5, 3)])
def test_dense_acts_on_the_last_axis(backend, shape):
    x = np.random.default_rng(1).normal(size=shape)
    layer = layers.Dense(2, activation="tanh", bias_initializer="ones")
    found = numpy(layer(x))
    np.testing.assert_allclose(found, np.tanh(x @ layer.kernel.numpy() + 1), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *shape[1:-1], 2)


def test_dense_takes_numpy_integers_as_units(backend):
    assert layers.Dense(np.int64(3)).units == 3


def test_dense_needs_a_known_width():
    for shape in [(None, None), (3,)]:
        with pytest.raises(ValueError, match="needs inputs of shape"):
            layers.Dense(2).build(shape)


def test_constraints_hold_after_every_update(backend):
    model = db.Sequential(
        [layers.Dense(2, kernel_constraint="non_neg", bias_constraint="max_norm")]
    )
    model.compile(db.optimizers.SGD(1.0), "mse")
    model.fit(X, -np.abs(X[:, :2]) * 9, verbose=0)
    kernel, bias = model.get_weights()
    assert kernel.min() == 0
    assert np.sqrt((bias**2).sum()) <= 2 + 1e-5


def test_dropout_is_off_unless_training(backend):
    layer = layers.Dropout(0.5)
    np.testing.assert_array_equal(numpy(layer(X)), X)
    assert (numpy(layer(X, training=True)) == 0).any()


def test_dropout_zeroes_the_rate_and_keeps_the_mean(backend):
    y = numpy(layers.Dropout(0.25, seed=2)(np.ones((300, 300)), training=True))
    assert abs((y == 0).mean() - 0.25) < 0.01
    assert abs(y.mean() - 1) < 0.01


@pytest.mark.parametrize(("rate", "expected"), [(0, X), (1, np.zeros_like(X))])
def test_dropout_of_nothing_and_of_everything(backend, rate, expected):
    np.testing.assert_array_equal(numpy(layers.Dropout(rate)(X, training=True)), expected)


def test_dropout_draws_anew_each_time_and_the_same_from_the_same_seed(backend):
    first, second = layers.Dropout(0.5, seed=4), layers.Dropout(0.5, seed=4)
    masks = [numpy(layer(X, training=True)) for layer in (first, first, second, second)]
    assert not np.array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])
    np.testing.assert_array_equal(masks[1], masks[3])


def test_noise_shape_shares_the_mask_along_an_axis(backend):
    y = numpy(layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(np.ones((50, 7)), training=True))
    assert (y == y[:, :1]).all()
    assert len(np.unique(y)) == 2


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_dropout_refuses_what_is_no_fraction(rate):
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\]"):
        layers.Dropout(rate)


def test_flatten_moves_channels_last_first(backend):
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(numpy(layers.Flatten()(x)), x.reshape(2, 12))
    moved = np.moveaxis(x, 1, -1).reshape(2, 12)
    np.testing.assert_array_equal(numpy(layers.Flatten("channels_first")(x)), moved)
    assert layers.Flatten().compute_output_shape((None, 3, 4)) == (None, 12)
    assert layers.Flatten().compute_output_shape((None, None, 4)) == (None, None)


def test_reshape_keeps_the_batch_and_fills_in_one_axis(backend):
    layer = layers.Reshape((2, -1))
    assert numpy(layer(X)).shape == (4, 2, 3)
    assert layer.compute_output_shape((None, 6)) == (None, 2, 3)
    assert layer.compute_output_shape((None, None)) == (None, 2, None)
    with pytest.raises(ValueError, match=r"cannot turn \(6,\), 6 elements a row, into \(5,\)"):
        layers.Reshape((5,))(X)


def test_flatten_and_reshape_take_an_empty_batch(backend):
    assert numpy(layers.Flatten()(np.zeros((0, 2, 3)))).shape == (0, 6)
    assert numpy(layers.Reshape((3, 2))(np.zeros((0, 6)))).shape == (0, 3, 2)


def test_activation_takes_names_and_functions(backend):
    for activation in ("relu", ops.relu, lambda x: ops.maximum(x, 0)):
        np.testing.assert_array_equal(numpy(layers.Activation(activation)(X)), np.maximum(X, 0))


def test_identity_and_input_pass_through(backend):
    np.testing.assert_array_equal(numpy(layers.Identity()(X)), X)
    np.testing.assert_array_equal(numpy(layers.InputLayer((6,))(X)), X)


def test_an_input_needs_a_shape():
    with pytest.raises(ValueError, match=r"Input\(shape=\(784,\)\)"):
        db.Input()
    assert db.Input(6).shape == (None, 6)
    assert db.Input((6,), batch_size=3).shape == (3, 6)
    assert db.Input(batch_shape=(2, 6)).shape == (2, 6)
    with pytest.raises(ValueError, match="can only come first"):
        db.Sequential([layers.Dense(1), db.Input((6,))])
