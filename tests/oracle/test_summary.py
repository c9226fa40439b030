"""`summary()` reads as that of Keras: several inputs, nested and shared models, frozen layers."""

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


SETTINGS = (
    {},
    {"expand_nested": True},
    {"show_trainable": True},
    {"expand_nested": True, "show_trainable": True, "line_length": 110},
    {"line_length": 70},
)


@pytest.mark.parametrize("make", [nested, siamese, compiled, stacked, unbuilt])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("columns", [80, 140])
def test_a_summary_reads_as_that_of_keras(make, settings, columns, monkeypatch):
    if settings.get("line_length", 0) > columns:
        pytest.skip("Keras cuts the table at the edge of the terminal")
    monkeypatch.setenv("COLUMNS", str(columns))
    texts = []
    for lib in (deepbasics, keras):
        lines = []
        make(lib).summary(print_fn=lines.append, **settings)
        texts.append("\n".join(lines).strip())
    assert texts[0] == texts[1]
