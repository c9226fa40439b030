"""Noise layers: what they draw, when, and that it is the same everywhere."""

import numpy as np
import pytest

from deepbasics import Sequential, layers, ops
from deepbasics.backends import registry
from deepbasics.random import set_random_seed

NOISES = {
    "SpatialDropout1D": lambda **k: layers.SpatialDropout1D(0.4, **k),
    "AlphaDropout": lambda **k: layers.AlphaDropout(0.4, **k),
    "GaussianNoise": lambda **k: layers.GaussianNoise(0.4, **k),
    "GaussianDropout": lambda **k: layers.GaussianDropout(0.4, **k),
}
EACH = pytest.mark.parametrize("make", NOISES.values(), ids=NOISES)


def _drawn(layer, x, backend):
    return backend.numpy(layer(x, training=True))


@EACH
def test_there_is_none_but_while_training(backend, make):
    x = np.ones((4, 5, 6), "float32")
    layer = make(seed=1)
    np.testing.assert_array_equal(backend.numpy(layer(x)), x)
    assert (_drawn(layer, x, backend) != x).any()


@EACH
def test_each_call_draws_anew_and_the_same_seed_draws_the_same(backend, make):
    x = np.ones((4, 5, 6), "float32")
    one, other = make(seed=7), make(seed=7)
    first, second = (_drawn(one, x, backend) for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(_drawn(other, x, backend), first)


@EACH
def test_each_backend_draws_the_same(make):
    x = np.ones((4, 5, 6), "float32")
    found = []
    for name in registry.available():
        with registry.use_backend(name):
            set_random_seed(3)
            found.append(ops.convert_to_numpy(make()(x, training=True)))
    for values in found[1:]:
        np.testing.assert_allclose(values, found[0], rtol=1e-5, atol=1e-6)


def test_a_replayed_step_draws_anew(backend):
    model = Sequential([layers.GaussianNoise(1.0, seed=2, input_shape=(50,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    x = np.zeros((8, 50))
    losses = [model.train_on_batch(x, np.zeros((8, 1))) for _ in range(5)]
    assert len({float(loss) for loss in losses}) == 5


def test_spatial_dropout_drops_whole_channels(backend):
    x = np.ones((50, 6, 4, 20), "float32")
    y = _drawn(layers.SpatialDropout2D(0.3, seed=1), x, backend)
    per_map = y.reshape(50, 24, 20)
    assert (per_map == per_map[:, :1]).all()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
    assert abs((per_map[:, 0] == 0).mean() - 0.3) < 0.05


def test_gaussian_noise_has_the_deviation_asked_for(backend):
    y = _drawn(layers.GaussianNoise(0.5, seed=1), np.zeros((200, 500), "float32"), backend)
    assert abs(y.mean()) < 0.01
    assert abs(y.std() - 0.5) < 0.01
    assert abs((np.abs(y) > 1).mean() - 0.0455) < 0.003  # beyond two deviations


def test_gaussian_dropout_has_mean_one_and_the_variance_of_dropout(backend):
    y = _drawn(layers.GaussianDropout(0.2, seed=1), np.ones((200, 500), "float32"), backend)
    assert abs(y.mean() - 1) < 0.01
    assert abs(y.var() - 0.25) < 0.01


def test_alpha_dropout_keeps_mean_and_variance(backend):
    x = np.random.default_rng(0).normal(size=(400, 500)).astype("float32")
    y = _drawn(layers.AlphaDropout(0.3, seed=1), x, backend)
    assert abs(y.mean()) < 0.01
    assert abs(y.var() - 1) < 0.02
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.01
    assert values[counts.argmax()] < -0.5


def test_rates_out_of_range_are_refused():
    for make in (layers.SpatialDropout1D, layers.AlphaDropout, layers.GaussianDropout):
        with pytest.raises(ValueError, match=rf"{make.__name__}: rate must be in \[0, 1"):
            make(1.5)
    with pytest.raises(ValueError, match="GaussianNoise: stddev must be at least 0; got -1"):
        layers.GaussianNoise(-1)


def test_a_noise_shape_must_have_an_entry_for_each_axis():
    layer = layers.AlphaDropout(0.5, noise_shape=(None, 1))
    with pytest.raises(ValueError, match=r"noise_shape=\(None, 1\)"):
        layer(np.ones((2, 3, 4)), training=True)
