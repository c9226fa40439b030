"""Policies: what layers compute in and what they keep; loss scaling."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import config, dtype_policies, layers, mixed_precision, ops, optimizers, random
from deepbasics.backends import registry
from deepbasics.models import Sequential


@pytest.fixture(autouse=True)
def _float32_afterwards():
    yield
    db.set_dtype_policy(None)


@pytest.fixture
def torch_backend():
    pytest.importorskip("torch", reason="NumPy has no bfloat16")
    with registry.use_backend("torch", "cpu") as backend:
        yield backend


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 6))
    return x, (x.sum(axis=1) > 0).astype("float32")


def net():
    random.set_random_seed(0)
    model = Sequential(
        [
            layers.Dense(8, "relu", input_shape=(6,)),
            layers.BatchNormalization(),
            layers.Dropout(0.2, seed=1),
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def test_the_policy_in_force_is_that_of_layers_without_a_dtype():
    db.set_dtype_policy("mixed_float16")
    assert db.dtype_policy().name == "mixed_float16"
    layer = layers.Dense(2)
    assert (layer.compute_dtype, layer.dtype, layer.variable_dtype) == (
        "float16", "float32", "float32",
    )  # fmt: skip
    assert layers.Dense(2, dtype="float64").compute_dtype == "float64"
    assert layers.Dense(2, dtype=db.DTypePolicy("float16")).dtype == "float16"


def test_without_a_policy_floatx_decides():
    config.set_floatx("float64")
    try:
        assert db.dtype_policy().name == "float64"
    finally:
        config.set_floatx("float32")


def test_keras_names():
    mixed_precision.set_global_policy("mixed_float16")
    assert mixed_precision.global_policy() == mixed_precision.Policy("mixed_float16")
    assert mixed_precision.LossScaleOptimizer is optimizers.LossScaleOptimizer


def test_an_unknown_policy_is_named():
    with pytest.raises(ValueError, match="Did you mean 'mixed_float16'"):
        db.set_dtype_policy("mixed_float61")
    assert db.dtype_policy().name == "float32"


def test_numpy_says_that_it_has_no_bfloat16():
    with registry.use_backend("numpy"):
        with pytest.raises(ValueError, match="use the torch backend"):
            db.set_dtype_policy("mixed_bfloat16")
        with pytest.raises(ValueError, match="use the torch backend"):
            layers.Dense(2, dtype="bfloat16")


def test_a_layer_goes_through_its_config_with_its_policy():
    layer = layers.Dense(2, dtype="mixed_float16")
    assert layer.get_config()["dtype"] == "mixed_float16"
    assert layers.Dense.from_config(layer.get_config()).compute_dtype == "float16"
    saved = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    assert dtype_policies.get(saved).name == "mixed_float16"


def test_a_mixed_layer_computes_low_and_keeps_float32_weights(backend):
    layer = layers.Dense(3, dtype="mixed_float16")
    y = layer(np.ones((2, 4)))
    assert ops.dtype(y) == "float16"
    assert {v.dtype for v in layer.weights} == {"float32"}
    assert ops.dtype(layer.kernel.value) == "float32"


def test_a_float32_layer_in_a_mixed_model_computes_in_float32(backend):
    seen = []

    class Looks(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((), "ones", name="w")

        def call(self, x):
            seen.append((ops.dtype(x), ops.dtype(self.w.value)))
            return x * self.w

    model = Sequential([Looks(dtype="mixed_float16"), Looks(dtype="float32")])
    model(np.ones((2, 3)))
    assert seen[-2:] == [("float16", "float16"), ("float32", "float32")]


def test_a_weight_may_stay_out_of_it(backend):
    class Looks(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((), "ones", name="w", autocast=False)

        def call(self, x):
            assert ops.dtype(self.w.value) == "float32"
            return x

    Looks(dtype="mixed_float16")(np.ones((2, 3)))


def test_batch_statistics_are_taken_in_float32(backend):
    layer = layers.BatchNormalization(dtype="mixed_float16", momentum=0.0)
    x = np.full((70000, 1), 60.0)  # the sum overflows float16
    x[::2] = 62.0
    y = layer(x, training=True)
    assert ops.dtype(y) == "float16"
    np.testing.assert_allclose(layer.moving_mean.numpy(), [61.0], rtol=1e-3)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [1.0], rtol=1e-2)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_training_ends_near_that_in_float32(torch_backend, policy):
    losses = []
    for name in ("float32", policy):
        db.set_dtype_policy(name)
        losses.append(net().fit(*data(), batch_size=16, epochs=5, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-2)
    assert losses[1] != losses[0]


def test_float16_trains_on_numpy():
    with registry.use_backend("numpy"):
        wide = net().fit(*data(), batch_size=16, epochs=3, verbose=0).history["loss"]
        db.set_dtype_policy("mixed_float16")
        model = net()
        low = model.fit(*data(), batch_size=16, epochs=3, verbose=0).history["loss"]
        assert model.predict(data()[0], verbose=0).dtype == np.float16
    np.testing.assert_allclose(low, wide, rtol=2e-2)


def test_the_loss_is_scaled_for_float16_alone(backend):
    assert isinstance(net().optimizer, optimizers.Adam)
    db.set_dtype_policy("mixed_float16")
    model = net()
    assert isinstance(model.optimizer, optimizers.LossScaleOptimizer)
    model.compile(model.optimizer, "mse")
    assert isinstance(model.optimizer.inner_optimizer, optimizers.Adam)
    model.compile("adam", "mse", auto_scale_loss=False)
    assert isinstance(model.optimizer, optimizers.Adam)


def scaled(**settings):
    weight = db.Variable([1.0, 2.0])
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5), **settings)
    optimizer.build([weight])
    return weight, optimizer


def test_gradients_are_divided_by_the_scale(backend):
    weight, optimizer = scaled(initial_scale=4.0)
    assert float(ops.convert_to_numpy(optimizer.scale_loss(ops.convert_to_tensor(3.0)))) == 12.0
    optimizer.apply([ops.convert_to_tensor([4.0, 8.0])], [weight])
    assert weight.numpy().tolist() == [0.5, 1.0]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_step_with_an_overflow_changes_the_scale_alone(backend, bad):
    weight, optimizer = scaled(initial_scale=4.0)
    optimizer.apply([ops.convert_to_tensor([1.0, bad])], [weight])
    assert weight.numpy().tolist() == [1.0, 2.0]
    assert int(optimizer.iterations) == 0
    assert float(optimizer.dynamic_scale) == 2.0
    assert int(optimizer.step_counter) == 0


def test_the_scale_doubles_after_so_many_finite_steps(backend):
    weight, optimizer = scaled(initial_scale=4.0, dynamic_growth_steps=3)
    scales = []
    for _ in range(7):
        optimizer.apply([ops.convert_to_tensor([1.0, 1.0])], [weight])
        scales.append(float(optimizer.dynamic_scale))
    assert scales == [4, 4, 8, 8, 8, 16, 16]
    assert int(optimizer.iterations) == 7


def test_the_rest_is_that_of_the_inner_optimizer():
    _, optimizer = scaled()
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25
    assert optimizer.variables[2:] == optimizer.inner_optimizer.variables
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_rounded_products_are_off_until_asked_for():
    torch = pytest.importorskip("torch", reason="the setting is that of CUDA")
    registry.get("torch", "cpu")
    assert not torch.backends.cudnn.allow_tf32
    config.set_tf32(True)
    try:
        assert config.tf32()
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
    finally:
        config.set_tf32(False)
    assert not torch.backends.cuda.matmul.allow_tf32
