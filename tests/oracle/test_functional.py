"""Functional models beside Keras 3: the same code, weights and data, and what comes of them."""

import copy
import json

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # float32, tens of updates, two ways to sum
ROWS = 24
RNG = np.random.default_rng(0)


def _data(*shape):
    return RNG.normal(size=(ROWS, *shape)).astype("float32")


def _text(steps):
    """Word ids, with zeros after the end."""
    ids = RNG.integers(1, 9, (ROWS, steps))
    return np.where(np.arange(steps) < RNG.integers(1, steps + 1, (ROWS, 1)), ids, 0)


def two_inputs(k):
    a, b = k.Input((3,), name="a"), k.Input((4,), name="b")
    x = k.ops.concatenate([k.layers.Dense(5, "tanh", name="left")(a), b], axis=-1)
    return k.Model([a, b], k.layers.Dense(2, name="out")(x), name="two")


def siamese(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    tower = k.Sequential([k.Input((4,)), k.layers.Dense(6, "tanh"), k.layers.Dense(3)], name="t")
    distance = k.ops.sum(k.ops.square(tower(a) - tower(b)), axis=1, keepdims=True)
    return k.Model([a, b], k.layers.Dense(1, "sigmoid", name="same")(distance), name="siamese")


def shared_layer(k):
    x = k.Input((4,), name="x")
    turn = k.layers.Dense(4, "tanh", name="turn")
    return k.Model(x, k.layers.Dense(2, name="out")(turn(turn(turn(x)))), name="thrice")


def residual(k):
    x = inputs = k.Input((5,), name="x")
    for i in range(3):
        x = x + k.layers.Dense(5, "relu", name=f"block_{i}")(x) * 0.5
    x = k.ops.maximum(x[:, 1:], -1) / 2 - 1
    return k.Model(inputs, k.layers.Dense(2, name="out")(x), name="residual")


def heads(k):
    x = k.Input((5,), name="x")
    trunk = k.layers.Dense(6, "tanh", name="trunk")(x)
    digit = k.layers.Dense(2, "softmax", name="digit")(trunk)
    parity = k.layers.Dense(1, "sigmoid", name="parity")(trunk)
    return k.Model(x, [digit, parity], name="heads")


def nested(k):
    inner_in = k.Input((4,), name="inner_in")
    inner = k.Model(inner_in, k.layers.Dense(4, "tanh", name="deep")(inner_in), name="inner")
    outer_in = k.Input((4,), name="outer_in")
    middle = k.Model(outer_in, inner(inner(outer_in)) + outer_in, name="middle")
    x = k.Input((4,), name="x")
    return k.Model(x, k.layers.Dense(2, name="out")(middle(middle(x))), name="nested")


def dicts(k):
    inputs = {"width": k.Input((2,), name="width"), "age": k.Input((1,), name="age")}
    both = k.ops.concatenate([inputs["age"], inputs["width"]], axis=1)
    x = k.layers.Dense(4, "tanh", name="x")(both)
    out = {"up": k.layers.Dense(2, name="u")(x), "down": k.layers.Dense(1, name="d")(x)}
    return k.Model(inputs, out, name="dicts")


def part(k):
    """Cut out of another model, from a layer in its middle on."""
    x = k.Input((4,), name="x")
    middle = k.layers.Dense(4, "tanh", name="middle")(x)
    whole = k.Model(x, k.layers.Dense(2, name="out")(middle * 2))
    return k.Model(whole.get_layer("middle").output, whole.output, name="part")


def translator(k):
    """A sequence in, another out: masks on the way, states handed on, layers with many outputs.

    Where states are handed on Keras 3 lets the mask of the sequence fall; so there is none here.
    """
    source, target = k.Input((None,), name="source"), k.Input((None,), name="target")
    words = k.layers.Embedding(9, 4, mask_zero=True, name="words")
    x = k.layers.LSTM(4, return_sequences=True, name="first")(words(source))
    _, h, c = k.layers.LSTM(5, return_state=True, name="reader")(x)
    writer = k.layers.LSTM(5, return_sequences=True, name="writer")
    x = writer(k.layers.Embedding(9, 3, name="bare")(target), initial_state=[h, c])
    out = k.layers.TimeDistributed(k.layers.Dense(9, "softmax"), name="out")(x)
    return k.Model([source, target], out, name="translator")


def tagger(k):
    """Masks all the way to the loss and the metrics."""
    words = k.Input((None,), name="words")
    x = k.layers.Embedding(9, 4, mask_zero=True, name="embedded")(words)
    x = k.layers.Dropout(0.0)(k.layers.GRU(5, return_sequences=True)(x))
    return k.Model(words, k.layers.Dense(9, "softmax", name="out")(x), name="tagger")


def attentive(k):
    """Merging layers, attention to itself and to a second input, normalisation, pooling."""
    x, other = k.Input((6, 4), name="x"), k.Input((3, 4), name="other")
    y = k.layers.MultiHeadAttention(2, 3, name="self")(x, x)
    y = k.layers.LayerNormalization(name="norm")(k.layers.Add(name="sum")([x, y]))
    y = k.layers.MultiHeadAttention(1, 4, name="cross")(y, value=other)
    y = k.layers.Concatenate(name="both")([y, x])
    y = k.layers.GlobalAveragePooling1D(name="pool")(y)
    return k.Model([x, other], k.layers.Dense(2, name="out")(y), name="attentive")


AB = [_data(4), _data(4)]
WORDS = [_text(5), _text(7)]
TWO, ONE = _data(2), _data(1)
BITS, HOT = (ONE > 0).astype("float32"), np.eye(2)[RNG.integers(0, 2, ROWS)]
MSE = {"loss": "mse", "metrics": ["mae"]}
MODELS = {
    "two inputs": (two_inputs, [_data(3), _data(4)], TWO, MSE),
    "inputs by name": (two_inputs, {"b": _data(4), "a": _data(3)}, TWO, MSE),
    "siamese": (siamese, AB, BITS, {"loss": "binary_crossentropy", "metrics": ["accuracy"]}),
    "shared layer": (shared_layer, _data(4), TWO, MSE),
    "residual": (residual, _data(5), TWO, MSE),
    "heads": (
        heads,
        _data(5),
        [HOT, BITS],
        {
            "loss": ["categorical_crossentropy", "binary_crossentropy"],
            "loss_weights": [1.0, 0.25],
            "metrics": [["accuracy"], ["accuracy", "mse"]],
        },
    ),
    "heads by name": (
        heads,
        _data(5),
        {"digit": HOT, "parity": BITS},
        {
            "loss": {"digit": "categorical_crossentropy", "parity": "mse"},
            "loss_weights": {"parity": 0.5, "digit": 2.0},
            "metrics": {"parity": ["mae"]},
        },
    ),
    "nested": (nested, _data(4), TWO, MSE),
    "dicts": (
        dicts,
        {"age": _data(1), "width": _data(2)},
        {"up": TWO, "down": ONE},
        {
            "loss": {"up": "mse", "down": "mae"},
            "loss_weights": {"up": 0.3, "down": 1.0},
            "metrics": {"up": ["mae"], "down": ["mse"]},
        },
    ),
    "translator": (
        translator,
        WORDS,
        np.roll(WORDS[1], -1, axis=1),
        {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
    ),
    "tagger": (
        tagger,
        WORDS[1],
        WORDS[1] % 3,
        {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
    ),
    "attentive": (attentive, [_data(6, 4), _data(3, 4)], TWO, MSE),
    "part": (part, _data(4), TWO, MSE),
}


# Where there are masks, Keras has the ops that make them in the graph.
BUILDS = {b.__name__: (b, x) for b, x, *_ in MODELS.values() if b not in (translator, tagger)}


@pytest.fixture(params=BUILDS)
def case(request):
    return BUILDS[request.param]


def twins(build):
    """A model of ours and one of Keras with the same weights and the same automatic names."""
    db.backend.clear_session()
    keras.backend.clear_session()
    ours, theirs = build(db), build(keras)
    start = np.random.default_rng(8)
    theirs.set_weights([start.normal(size=w.shape) * 0.5 for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def leaves(tree):
    return db.tree.flatten(tree)


def test_layers_and_weights_come_in_the_order_of_keras(case):
    ours, theirs = twins(case[0])
    assert [type(layer).__name__ for layer in ours.layers] == [
        type(layer).__name__ for layer in theirs.layers
    ]
    assert [o.name for o in ours._graph.operations] == [o.name for o in theirs.operations]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]


def leaves_of_shapes(shapes):
    if isinstance(shapes, dict):
        return [shapes[key] for key in sorted(shapes)]
    return shapes


def test_shapes_and_names_are_those_of_keras(case):
    ours, theirs = twins(case[0])
    # Of a dict Keras tells the shapes as a list, in the order of its keys.
    assert leaves_of_shapes(ours.input_shape) == leaves_of_shapes(theirs.input_shape)
    assert leaves_of_shapes(ours.output_shape) == leaves_of_shapes(theirs.output_shape)
    assert [t.name for t in ours.inputs] == [t.name for t in theirs.inputs]


@pytest.mark.parametrize("name", MODELS)
def test_predictions_and_training_are_those_of_keras(backend, name):
    build, x, y, compiled = MODELS[name]
    ours, theirs = twins(build)
    got, want = (model.predict(x, verbose=0) for model in (ours, theirs))
    assert type(got) is type(want)
    for a, b in zip(leaves(got), leaves(want), strict=True):
        np.testing.assert_allclose(a, b, **TOLERANCE)
    options = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    histories = []
    for library, model in ((db, ours), (keras, theirs)):
        model.compile(library.optimizers.SGD(0.05), **copy.deepcopy(compiled))
        histories.append(model.fit(x, y, **options).history)
    got, want = histories
    assert set(got) == set(want)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, **TOLERANCE, err_msg=name)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **TOLERANCE)


def without_what_is_not_here(config):
    """A config of Keras without what its torch backend adds and what is optional."""
    if isinstance(config, dict):
        skipped = ("build_config", "compile_config", "quantization_config")
        found = {k: without_what_is_not_here(v) for k, v in config.items() if k not in skipped}
        if isinstance(found.get("dtype"), dict):
            found["dtype"] = found["dtype"]["config"]["name"]
        if found.get("class_name") == "Sequential":
            found["config"].pop("dtype", None)
        if found.get("class_name") in ("LayerNormalization", "MultiHeadAttention"):
            found["config"] = {"name": found["config"]["name"]}  # compared in tests of layers
        for node in found.get("inbound_nodes", ()):
            node["kwargs"] = {k: v for k, v in node["kwargs"].items() if v is not None}
        return found
    if isinstance(config, list):
        return [without_what_is_not_here(item) for item in config]
    return config


def plain(model):
    return without_what_is_not_here(json.loads(json.dumps(model.get_config())))


def test_the_config_is_that_of_keras(case):
    ours, theirs = twins(case[0])
    assert plain(ours) == plain(theirs)


def test_keras_makes_the_same_model_of_our_config_and_we_of_that_of_keras(case):
    ours, theirs = twins(case[0])
    there = keras.Model.from_config(json.loads(json.dumps(ours.get_config())))
    here = db.Model.from_config(json.loads(json.dumps(theirs.get_config())))
    want = leaves(theirs.predict(case[1], verbose=0))
    for model in (there, here):
        model.set_weights(theirs.get_weights())
        for a, b in zip(leaves(model.predict(case[1], verbose=0)), want, strict=True):
            np.testing.assert_allclose(a, b, **TOLERANCE)


@pytest.mark.parametrize(
    "options", [{}, {"expand_nested": True, "show_trainable": True, "line_length": 120}]
)
def test_the_summary_reads_as_in_keras(case, options, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    texts = []
    for model in twins(case[0]):
        model.get_layer(index=-1).trainable = False
        model.summary(print_fn=texts.append, **options)
    got, want = ([line.rstrip() for line in text.splitlines()] for text in texts)
    assert got == want
