"""Copies of models beside those that Keras makes: the same functions, the same layers."""

import pytest

import deepbasics

keras = pytest.importorskip("keras", reason="the oracle of this file")


def graph(lib):
    """A layer called twice, a model within, two inputs in a dict, two outputs."""
    layers = lib.layers
    inner = lib.Sequential([lib.Input((3,)), layers.Dense(3, name="within")], name="inner")
    inputs = {"a": lib.Input((4,), name="a"), "b": lib.Input((4,), name="b")}
    twice = layers.Dense(3, "relu", name="twice")
    y = layers.Add(name="add")([inner(twice(inputs["a"])), twice(inputs["b"])])
    outputs = [layers.Dense(1, name="one")(y), layers.Dropout(0.5, name="drop")(inner(y))]
    return lib.Model(inputs, outputs, name="graph")


def stack(lib):
    within = lib.Sequential([lib.Input((5,)), lib.layers.Dense(4, name="x")], name="within")
    return lib.Sequential([lib.Input((2,)), lib.layers.Dense(5, name="y"), within], name="stack")


def wider(lib):
    def clone(layer):
        config = layer.get_config()
        if layer.name in ("one", "x"):
            config["units"] *= 2
        return type(layer).from_config(config)

    return {"clone_function": clone}


def noisy(lib):
    def call(layer, *args, **kwargs):
        y = layer(*args, **kwargs)
        own = isinstance(layer, lib.layers.Dense)
        return (
            lib.layers.GaussianNoise(0.1, name=f"{layer.name}_{len(made)}")(y)
            if own and not (made.append(y))
            else y
        )

    made = []
    return {"call_function": call}


def on_others(lib):
    return {"input_tensors": {"b": lib.Input((4,), name="b"), "a": lib.Input((4,), name="a")}}


SETTINGS = {
    "plain": lambda lib: {},
    "recursive": lambda lib: {"recursive": True},
    "wider": wider,
    "wider within": lambda lib: wider(lib) | {"recursive": True},
    "calls": noisy,
    "calls within": lambda lib: noisy(lib) | {"recursive": True},
    "inputs": on_others,
}


def told(model):
    """The layers of a model with their outputs, those of models within too."""
    return [
        (layer.name, type(layer).__name__, tuple(w.shape for w in layer.get_weights()),
         told(layer) if hasattr(layer, "layers") else None)
        for layer in model.layers
    ]  # fmt: skip


@pytest.mark.parametrize("how", SETTINGS)
@pytest.mark.parametrize("make", [graph, stack])
def test_a_clone_is_that_of_keras(make, how):
    settings = [SETTINGS[how](lib) for lib in (deepbasics, keras)]
    refused = make is stack and {"call_function", "input_tensors"} & settings[0].keys()
    clones = []
    for lib, given in zip((deepbasics, keras), settings, strict=True):
        model = make(lib)
        model.compile("adam", "mse")
        if refused:
            with pytest.raises(ValueError, match=r"call_function|input_tensors"):
                lib.models.clone_model(model, **given)
            continue
        clones.append(lib.models.clone_model(model, **given))
    if refused:
        return
    ours, theirs = clones
    assert sorted(told(ours), key=str) == sorted(told(theirs), key=str)
    assert ours.name == theirs.name
    assert type(ours.optimizer).__name__ == type(theirs.optimizer).__name__ == "Adam"
    assert ours.count_params() == theirs.count_params()
