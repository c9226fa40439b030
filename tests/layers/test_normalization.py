"""Normalisation layers: what they compute, when the statistics move, what they refuse."""

import numpy as np
import pytest

from deepbasics import Sequential, layers


def _raises(match):
    return pytest.raises(ValueError, match=match)


@pytest.mark.parametrize("eager", [False, True], ids=["replayed", "eager"])
def test_fit_moves_the_statistics_and_evaluate_and_predict_do_not(backend, eager):
    rng = np.random.default_rng(0)
    x = (5 + 3 * rng.normal(size=(64, 4))).astype("float32")
    model = Sequential([layers.BatchNormalization(momentum=0.5, input_shape=(4,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=eager)
    norm = model.layers[0]
    model.fit(x, x[:, :1], batch_size=16, epochs=2, shuffle=False, verbose=0)
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(2):
        for batch in x.astype("float64").reshape(4, 16, 4):
            mean, variance = (mean + batch.mean(0)) / 2, (variance + batch.var(0)) / 2
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-5)
    before = norm.get_weights()
    model.evaluate(x, x[:, :1], verbose=0)
    model.predict(x, verbose=0)
    for a, b in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_is_normalised_by_itself_while_training_and_by_the_moving_statistics_else(backend):
    x = np.random.default_rng(1).normal(2, 3, size=(50, 4)).astype("float32")
    layer = layers.BatchNormalization(epsilon=0)
    y = backend.numpy(layer(x, training=True))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(0), 1, atol=1e-5)
    layer.moving_mean.assign(np.full(4, 2.0))
    layer.moving_variance.assign(np.full(4, 9.0))
    np.testing.assert_allclose(backend.numpy(layer(x)), (x - 2) / 3, rtol=1e-5, atol=1e-6)


def test_freezing_in_the_middle_takes_effect_in_fit(backend):
    x = np.random.default_rng(2).normal(size=(32, 4)).astype("float32")
    model = Sequential([layers.BatchNormalization(input_shape=(4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    norm = model.layers[0]
    norm.trainable = False
    model.compile("sgd", "mse")
    before = norm.get_weights()
    model.fit(x, x[:, :1], verbose=0)
    for a, b in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_layer_norm_does_not_look_at_other_rows(backend):
    x = np.random.default_rng(3).normal(size=(4, 6)).astype("float32")
    layer = layers.LayerNormalization()
    np.testing.assert_allclose(
        backend.numpy(layer(x))[:1], backend.numpy(layer(x[:1])), rtol=1e-6, atol=1e-7
    )


def test_one_group_of_each_channel_and_all_channels_are_the_ends_of_group_norm(backend):
    x = np.random.default_rng(4).normal(size=(2, 5, 6)).astype("float32")
    whole = backend.numpy(layers.GroupNormalization(1, epsilon=0)(x))
    np.testing.assert_allclose(whole.reshape(2, -1).std(1), 1, rtol=1e-4)
    each = backend.numpy(layers.GroupNormalization(-1, epsilon=0)(x))
    np.testing.assert_allclose(each.std(1), 1, rtol=1e-4)


def test_zeros_of_unit_norm_stay_zeros(backend):
    assert not backend.numpy(layers.UnitNormalization()(np.zeros((2, 3)))).any()


def test_spectral_norm_leads_to_a_largest_singular_value_of_one(backend):
    layer = layers.SpectralNormalization(layers.Conv2D(6, 3), power_iterations=3)
    x = np.random.default_rng(5).normal(size=(2, 6, 6, 4)).astype("float32")
    for _ in range(10):
        layer(x, training=True)
    matrix = layer.layer.kernel.numpy().reshape(-1, 6)
    assert abs(np.linalg.svd(matrix, compute_uv=False)[0] - 1) < 1e-3
    before = layer.layer.kernel.numpy()
    layer(x)
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), before)


def test_spectral_norm_leaves_a_kernel_of_zeros(backend):
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    y = backend.numpy(layer(np.ones((2, 4)), training=True))
    assert not y.any()
    assert np.isfinite(layer.vector_u.numpy()).all()


def test_spectral_norm_and_its_layer_come_back_from_their_configuration():
    layer = layers.SpectralNormalization(layers.Dense(3, "relu"), power_iterations=2)
    again = layers.deserialize(layers.serialize(layer))
    assert again.power_iterations == 2
    assert again.layer.get_config() == layer.layer.get_config()


def test_what_cannot_be_normalised_is_named():
    with _raises(r"BatchNormalization layer 'bn' needs known lengths along axis -1; got .*None\)"):
        layers.BatchNormalization(name="bn").build((None, 4, None))
    with _raises(r"LayerNormalization layer .* along axis \[1, 3\]; got inputs .*\(None, 4, 5\)"):
        layers.LayerNormalization(axis=[1, 3]).build((None, 4, 5))
    with _raises(r"must be a multiple of groups; got 6 channels .*groups=4"):
        layers.GroupNormalization(4).build((None, 6))
    with _raises("Flatten layer 'flat' has neither"):
        layers.SpectralNormalization(layers.Flatten(name="flat")).build((None, 2, 3))
    with _raises(r"a mask for inputs of shape \(2, 3, 4\) has one axis less .*got \(2,\)"):
        layer = layers.BatchNormalization()
        layer(np.ones((2, 3, 4)), training=True, mask=np.ones(2, bool))


def test_activation_layers_refuse_negative_settings():
    with _raises("ReLU: max_value must be at least 0; got -1"):
        layers.ReLU(-1)
    with _raises("LeakyReLU: negative_slope must be at least 0"):
        layers.LeakyReLU(-0.1)
    with _raises("PReLU layer .* needs known lengths.*shared_axes"):
        layers.PReLU().build((None, None, 3))
    with _raises(r"Permute: dims must be the numbers from 1 to 2"):
        layers.Permute((0, 1))
    with _raises(r"RepeatVector layer .* needs inputs of shape \(batch, features\)"):
        layers.RepeatVector(3).build((None, 2, 3))


def test_a_loss_after_a_softmax_layer_sees_its_logits(backend):
    model = Sequential([layers.Dense(3, input_shape=(2,)), layers.Softmax()])
    model.compile("sgd", "categorical_crossentropy")
    model.set_weights([np.full((2, 3), [500.0, 0, 0]), np.zeros(3)])
    loss = model.evaluate(np.ones((1, 2)), np.array([[0.0, 1, 0]]), verbose=0)
    np.testing.assert_allclose(loss, 1000, rtol=1e-5)
