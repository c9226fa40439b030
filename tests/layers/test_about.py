"""What layers tell about themselves: path, dtypes, metrics, the shapes they were built for."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(2, name="inner")
        self.seen = db.metrics.Mean(name="seen")

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, inputs):
        self.seen.update_state(inputs)
        return self.inner(inputs)


def test_a_path_has_the_layers_around():
    model = db.Sequential([db.Input((3,)), layers.Dense(2, name="d"), Block(name="b")], name="m")
    assert [layer.path for layer in model.layers] == ["m/d", "m/b"]
    assert model.layers[1].inner.path == "m/b/inner"
    assert model.path == "m"
    assert layers.Dense(2, name="alone").path == "alone"


def test_inputs_are_cast_to_the_dtype_of_the_computation():
    assert layers.Dense(2).input_dtype == "float32"
    layer = layers.Dense(2, dtype="mixed_float16")
    assert (layer.input_dtype, layer.dtype) == ("float16", "float32")


def test_metrics_of_layers_and_of_what_is_in_them():
    class Two(layers.Layer):
        def __init__(self):
            super().__init__()
            self.blocks = [Block(), Block()]
            self.own = db.metrics.Sum()
            self.again = self.own

        def call(self, inputs):
            return self.blocks[1](self.blocks[0](inputs))

    layer = Two()
    assert layer.metrics == [layer.own, layer.blocks[0].seen, layer.blocks[1].seen]
    assert len(layer.metrics_variables) == 5
    assert layers.Dense(2).metrics == []
    model = db.Sequential([layer])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert len(model.metrics_variables) == 2 + 5


@pytest.mark.parametrize(
    ("make", "shapes", "expected"),
    [
        (lambda: layers.Dense(2), (4, 3), {"input_shape": (4, 3)}),
        (lambda: layers.LSTM(2), (4, 5, 3), {"input_shape": (4, 5, 3)}),
        (lambda: layers.Concatenate(), [(4, 3), (4, 2)], {"input_shape": [(4, 3), (4, 2)]}),
        (lambda: layers.Bidirectional(layers.GRU(2)), (4, 5, 3), {"input_shape": (4, 5, 3)}),
    ],
)
def test_a_layer_is_built_from_the_shapes_of_another(backend, make, shapes, expected):
    layer, other = make(), make()
    one = isinstance(shapes, tuple)
    layer(np.ones(shapes) if one else [np.ones(shape) for shape in shapes])
    found = layer.get_build_config()
    if layer.weights:
        assert found == expected
        assert other.get_build_config() is None
    other.build_from_config(found)
    assert [v.shape for v in other.weights] == [v.shape for v in layer.weights]


def test_a_layer_of_several_inputs_is_built_from_their_shapes(backend):
    layer, other = layers.MultiHeadAttention(1, 2), layers.MultiHeadAttention(1, 2)
    layer(np.ones((1, 2, 3)), np.ones((1, 4, 5)))
    found = layer.get_build_config()
    assert found == {"shapes_dict": {"query_shape": (1, 2, 3), "value_shape": (1, 4, 5)}}
    told = {"shapes_dict": {name: list(shape) for name, shape in found["shapes_dict"].items()}}
    other.build_from_config(told)
    assert [v.shape for v in other.weights] == [v.shape for v in layer.weights]
    other.build_from_config({"input_shape": (1, 1)})  # it is built already


def test_a_model_says_its_input_shape():
    model = db.Sequential([db.Input((3,)), layers.Dense(2)])
    assert model.get_build_config() == {"input_shape": (None, 3)}
