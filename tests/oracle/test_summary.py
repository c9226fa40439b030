"""`summary()` reads as that of Keras: several inputs, nested and shared models, frozen layers."""

import re

import numpy as np
import pytest

import deepbasics

keras = pytest.importorskip("keras", reason="the oracle of this file")


def nested(lib):
    """Two inputs, a Sequential and a functional model inside, a frozen layer, two outputs."""
    layers = lib.layers
    left, right = lib.Input((8,), name="left"), lib.Input((4, 3), name="right")
    stack = [lib.Input((8,)), layers.Dense(5, "relu", name="one"), layers.Dense(4, name="two")]
    tower = lib.Sequential(stack, name="tower")
    inner = lib.Input((4,), name="inner")
    dense = layers.Dense(3, name="dense_inside")(inner)
    pair = lib.Model(inner, [dense, layers.Activation("relu", name="relu")(dense)], name="pair")
    first, second = pair(tower(left))
    flat = layers.Flatten(name="flat")(right)
    joined = layers.Concatenate(name="joined")([first, second, flat])
    frozen = layers.Dense(7, name="frozen", trainable=False)
    out = layers.Dense(1, name="a_rather_long_name_for_an_output_layer")(frozen(joined))
    return lib.Model([left, right], [out, second], name="big")


def siamese(lib):
    shared = lib.layers.Dense(2, name="shared")
    one, other = lib.Input((3,), name="one"), lib.Input((3,), name="other")
    apart = lib.layers.Subtract(name="apart")([shared(one), shared(other)])
    return lib.Model({"one": one, "other": other}, {"apart": apart}, name="siamese")


def compiled(lib):
    stack = [lib.Input((3,)), lib.layers.Dense(2, name="one"), lib.layers.Dense(1, name="two")]
    model = lib.Sequential(stack, name="compiled")
    model.compile("adam", "mse")
    return model


def stacked(lib):
    inside = lib.Sequential([lib.layers.Dense(2, name="inside")], name="middle")
    stack = [lib.Input((3,)), inside, lib.layers.Dense(1, name="last")]
    return lib.Sequential(stack, name="outer")


def unbuilt(lib):
    return lib.Sequential([lib.layers.Dense(3, name="one")], name="unbuilt")


def trained(lib):
    layers = lib.layers
    stack = [lib.Input((4,)), layers.Dense(3, name="a"), layers.BatchNormalization(name="bn")]
    model = lib.Sequential([*stack, layers.Dense(1, name="b")], name="trained")
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4), "float32"), np.ones((4, 1), "float32"), verbose=0)
    return model


def frozen(lib):
    model = trained(lib)
    model.layers[0].trainable = False
    return model


def deep(lib):
    """Models three deep, one of them used twice."""
    layers = lib.layers
    core = lib.Sequential([lib.Input((4,)), layers.Dense(4, name="core_dense")], name="core")
    tower = lib.Sequential([lib.Input((4,)), core, layers.Dense(4, name="two")], name="tower")
    a, b = lib.Input((4,), name="a"), lib.Input((4,), name="b")
    return lib.Model([a, b], layers.Add(name="add")([tower(a), tower(b)]), name="deep")


def of_ops(lib):
    x = lib.Input((4,), name="x")
    return lib.Model(x, lib.layers.Dense(1, name="d")(lib.ops.relu(x) * 2.0), name="of_ops")


def text(lib):
    """Axes of any length, and a layer around another."""
    layers, x = lib.layers, lib.Input((None,), dtype="int32", name="words")
    y = layers.Embedding(1000, 8, name="e")(x)
    y = layers.Bidirectional(layers.LSTM(3, name="lstm"), name="both")(y)
    return lib.Model(x, layers.Dense(1, name="d")(y), name="text")


def empty(lib):
    return lib.Sequential(name="empty")


def of_a_class(lib):
    """A class of one's own, with a model and a list of layers within; not called yet."""

    class Net(lib.Model):
        def __init__(self):
            super().__init__(name="net")
            layers = lib.layers
            self.first = lib.Sequential([lib.Input((4,)), layers.Dense(3, name="a")], name="inner")
            self.rest = [layers.Dense(2, name=f"b{i}") for i in range(2)]
            self.drop = layers.Dropout(0.5, name="drop")

        def call(self, x):
            return self.rest[1](self.rest[0](self.drop(self.first(x))))

    return Net()


def of_a_class_called(lib):
    model = of_a_class(lib)
    model(np.ones((2, 4), "float32"))
    return model


SETTINGS = (
    {},
    {"expand_nested": True},
    {"show_trainable": True},
    {"expand_nested": True, "show_trainable": True, "line_length": 110},
    {"line_length": 70},
    {"line_length": 120},
    {"positions": [0.3, 0.6, 0.8, 1.0]},
    {"positions": [0.4, 0.7, 0.8, 0.9, 1.0], "show_trainable": True},
    {"layer_range": ["a", "b"]},
    {"layer_range": ["one", "two"]},
    {"layer_range": ["d", "d"]},
)


MODELS = (nested, siamese, compiled, stacked, unbuilt, trained, frozen, deep, of_ops, text, empty,
          of_a_class, of_a_class_called)  # fmt: skip


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("columns", [80, 140])
def test_a_summary_reads_as_that_of_keras(make, settings, columns, monkeypatch):
    if settings.get("line_length", 0) > columns:
        pytest.skip("Keras cuts the table at the edge of the terminal")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert printed(deepbasics, make, settings) == printed(keras, make, settings)


def printed(lib, make, settings):
    """The text; where there is none to show, what kind of error there is."""
    lines = []
    lib.utils.clear_session()  # ops are numbered
    try:
        make(lib).summary(print_fn=lambda line, line_break=True: lines.append(line), **settings)
    except ValueError:
        return ValueError
    # Keras shows the batch that a class of one's own was called on; here it is any, as elsewhere.
    return re.sub(r"\(2, (\d)\)   ", r"(None, \1)", "\n".join(lines).strip())


def test_positions_for_fewer_columns_than_there_are():
    with pytest.raises(ValueError, match=r"has 3 columns, Layer .type., Output Shape, Param"):
        compiled(deepbasics).summary(positions=[0.5, 1.0])
