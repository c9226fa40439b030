"""What every layer has: weights, names, configs, calls; and layers that users write."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, ops

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


class Linear(layers.Layer):
    """As the guides write one."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        return super().get_config() | {"units": self.units}


class Block(layers.Layer):
    """Holds layers in an attribute and a list, and has no build."""

    def __init__(self):
        super().__init__()
        self.first = Linear(5)
        self.more = [layers.Dense(2), layers.Dropout(0.5)]

    def call(self, inputs, training=False):
        x = self.first(inputs)
        for layer in self.more:
            x = layer(x)
        return x * (2.0 if training else 1.0)


def numpy(x):
    return ops.convert_to_numpy(x)


def test_a_layer_of_the_users_own_builds_at_the_first_call(backend):
    layer = Linear()
    assert not layer.built
    y = layer(X)
    assert layer.built
    np.testing.assert_allclose(numpy(y), X @ layer.w.numpy() + layer.b.numpy(), rtol=1e-5)
    assert [v.shape for v in layer.weights] == [(3, 4), (4,)]
    assert layer.count_params() == 16
    layer(X)
    assert len(layer.weights) == 2


def test_calling_build_by_hand_builds_once(backend):
    layer = Linear()
    layer.build((None, 3))
    assert layer.built
    before = layer.get_weights()
    layer(X)
    assert len(layer.weights) == 2
    np.testing.assert_array_equal(before[0], layer.get_weights()[0])


def test_build_may_call_that_of_its_base_and_of_its_parts(backend):
    class Both(layers.Dense):
        def build(self, input_shape):
            self.inner = layers.Dense(2)
            self.inner.build((*input_shape[:-1], self.units))
            super().build(input_shape)

        def call(self, inputs):
            return self.inner(super().call(inputs))

    layer = Both(4, name="both")
    assert numpy(layer(X)).shape == (6, 2)
    assert len(layer.weights) == 4
    paths = [v.path for v in layer.weights]
    assert paths[:2] == ["both/kernel", "both/bias"]
    assert paths[2].startswith("both/dense")


def test_parts_are_found_in_attributes_and_lists(backend):
    block = Block()
    block(X)
    assert [v.shape for v in block.weights] == [(3, 5), (5,), (5, 2), (2,)]
    assert len(block.seed_generators()) == 1
    block.more[0].trainable = False
    assert len(block.trainable_weights) == 2
    assert len(block.non_trainable_weights) == 2


def test_a_block_of_layers_trains_in_a_model(backend):
    block = Block()
    model = db.Sequential([block, layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, X[:, :1], verbose=0)
    assert len(model.trainable_weights) == 6
    assert model.output_shape == (None, 1)
    assert len(model.optimizer.variables) == 2 + 2 * 6


def test_parts_that_only_a_call_builds_are_built_before_the_optimizer(backend):
    class Lazy(Block):
        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 2)

    model = db.Sequential([db.Input((3,)), Lazy()])
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    assert len(model.optimizer.variables) == 2 + 2 * 4


def test_training_is_handed_down_and_decided_by_the_outermost_call(backend):
    block = Block()
    plain = numpy(block(X))
    np.testing.assert_array_equal(numpy(block(X, training=False)), plain)
    trained = numpy(block(X, training=True))
    assert ((trained == 0) | np.isclose(trained, 4 * plain)).all()  # doubled, and by 1 / (1 - 0.5)
    assert (trained == 0).any()
    model = db.Sequential([block])
    np.testing.assert_array_equal(model.predict(X, verbose=0), plain)
    np.testing.assert_array_equal(numpy(model(X)), plain)


def test_weights_can_be_given_to_the_first_call(backend):
    kernel, bias = np.full((3, 2), 0.5), np.ones(2)
    layer = layers.Dense(2, weights=[kernel, bias])
    np.testing.assert_allclose(numpy(layer(X)), X @ kernel + bias, rtol=1e-5)


def test_variables_set_as_attributes_are_weights(backend):
    class Counter(layers.Layer):
        def __init__(self):
            super().__init__()
            self.count = db.Variable(0, trainable=False)

        def call(self, inputs):
            self.count.assign_add(1)
            return inputs

    layer = Counter()
    layer(X)
    layer(X)
    assert int(layer.count) == 2
    assert layer.weights == layer.non_trainable_weights == [layer.count]
    model = db.Sequential([db.Input((3,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], batch_size=2, verbose=0)
    assert int(layer.count) >= 5


def test_trainable_weights_come_before_the_others(backend):
    class Mixed(layers.Layer):
        def build(self, input_shape):
            self.a = self.add_weight((1,), "zeros", trainable=False, name="a")
            self.b = self.add_weight((1,), "zeros", name="b")
            self.n = self.add_weight((), dtype="int64", trainable=False, name="n")

        def call(self, inputs):
            return inputs + self.a + self.b

    layer = Mixed()
    layer(X)
    assert [v.name for v in layer.weights] == ["b", "a", "n"]
    assert layer.n.dtype == "int64"


def test_the_name_of_a_weight_may_come_first_as_in_keras_2(backend):
    layer = layers.Layer(name="old")
    for weight in (
        layer.add_weight("w", (2, 3), initializer="ones"),
        layer.add_weight("w", shape=[2, 3], initializer="ones"),
        layer.add_weight("w", (2, 3), "float32", "ones"),
        layer.add_weight((2, 3), "ones", name="w"),
    ):
        assert (weight.path, weight.shape) == ("old/w", (2, 3))
        np.testing.assert_array_equal(weight.numpy(), np.ones((2, 3)))


def test_names_number_themselves_and_start_again(backend):
    db.utils.clear_session()
    assert [layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert Linear().name == "linear"
    assert layers.Dense(1, name="mine").name == "mine"
    db.utils.clear_session()
    assert layers.Dense(1).name == "dense"


def test_penalties_and_added_losses_are_listed(backend):
    layer = layers.Dense(
        2, kernel_regularizer=db.regularizers.L1(0.5), activity_regularizer=db.regularizers.L2(0.1)
    )
    y = numpy(layer(X))
    activity, kernel = (float(numpy(loss)) for loss in layer.losses)
    assert activity == pytest.approx(0.1 * (y**2).sum() / 6, rel=1e-5)
    assert kernel == pytest.approx(0.5 * np.abs(layer.kernel.numpy()).sum(), rel=1e-5)
    layer(X)
    assert len(layer.losses) == 2
    layer.trainable = False
    assert layer.loss_functions() == []


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, "relu", kernel_initializer="he_normal", bias_regularizer="l2"),
        layers.Dense(3, activity_regularizer="l1", trainable=False, dtype="float64"),
        layers.Activation("softmax"),
        layers.Dropout(0.3, noise_shape=(None, 1), seed=3),
        layers.Flatten("channels_first"),
        layers.Reshape((3, -1)),
        layers.Identity(),
        layers.InputLayer((3, None), batch_size=4),
        db.Sequential([layers.Dense(2)]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_config_makes_the_same_layer(layer):
    twin = layers.deserialize(layers.serialize(layer))
    assert type(twin) is type(layer)
    assert twin.get_config() == layer.get_config()
    assert twin is not layer


def test_a_custom_layer_is_found_by_the_name_given(backend):
    twin = layers.deserialize(layers.serialize(Linear(7)), {"Linear": Linear})
    assert twin.units == 7
    model = db.Sequential([db.Input((3,)), db.Sequential([Linear(7)])])
    copy = db.Sequential.from_config(model.get_config(), {"Linear": Linear})
    assert copy.count_params() == 28


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_dtype_of_its_own_casts_what_comes_in(backend, dtype):
    layer = layers.Dense(2, dtype=dtype)
    assert ops.dtype(layer(X.astype("float64"))) == dtype
    assert {v.dtype for v in layer.weights} == {dtype}


def test_a_call_uses_the_backend_of_the_weights(backend):
    layer = layers.Dense(2)
    expected = numpy(layer(X))
    with db.use_backend("numpy"):
        found = layer(X)
    np.testing.assert_allclose(backend.numpy(found), expected, rtol=1e-6)


def test_output_shapes_are_worked_out_where_nobody_says_them(backend):
    class Halve(layers.Layer):
        def call(self, inputs):
            return inputs[:, : inputs.shape[1] // 2]

    assert Halve().compute_output_shape((None, 8, 3)) == (None, 4, 3)
    model = db.Sequential([db.Input((8, 3)), Linear(2), Halve(), layers.Flatten()])
    assert model.output_shape == (None, 8)


def test_forgetting_the_base_constructor_is_named():
    class Bare(layers.Layer):
        def __init__(self):
            self.units = 3

    with pytest.raises(RuntimeError, match=r"Bare.*super\(\).__init__"):
        Bare()


def test_forgetting_call_is_named(backend):
    with pytest.raises(TypeError, match="must define call"):
        layers.Layer()(X)


def test_a_keyword_of_the_users_layer_is_left_to_it():
    class Odd(layers.Layer):
        def __init__(self, alpha, p=1, **kwargs):
            super().__init__(**kwargs)
            self.alpha, self.p = alpha, p

    layer = Odd(alpha=3, p=2, name="odd")
    assert (layer.alpha, layer.p, layer.name) == (3, 2, "odd")


def test_a_loss_may_be_a_function_of_weights(backend):
    """As in Keras 2: it counts in each step, of a layer, of one within and of a model."""
    inner = layers.Dense(1, kernel_initializer="ones")
    model = db.Sequential([db.Input((2,)), db.Sequential([layers.Dense(2), inner])])
    model.layers[0].layers[0].trainable = False
    model.compile(db.optimizers.SGD(0.5), "mse")
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    assert model.evaluate(x, y, verbose=0) == 0.0
    model.add_loss(lambda: 0.25 * ops.sum(ops.square(inner.kernel)))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(0.5)
    losses = [model.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(losses, [0.5, 0.5 * 0.75**2, 0.5 * 0.75**4], rtol=1e-6)
    inner.add_loss(lambda: ops.mean(inner.bias))
    assert len(model.losses) == len(model.layers[0].losses) + 1 == 2
    with pytest.raises(ValueError, match="within call"):
        inner.add_loss(ops.sum(inner.kernel))


def test_methods_of_arrays_are_told_to_be_ops(backend):
    class Summed(layers.Layer):
        def call(self, inputs):
            return ops.expand_dims(inputs.mean(axis=1), -1)

    model = db.Sequential([db.Input((2,)), layers.Dense(2), Summed()])
    model.compile("sgd", "mse")
    data = np.zeros((4, 2)), np.zeros((4, 1))
    if backend.name == "numpy":
        with pytest.raises(AttributeError, match=r"write ops\.mean\(x\)"):
            model.fit(*data, verbose=0)
    else:
        model.fit(*data, verbose=0)
