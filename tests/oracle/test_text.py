"""What is printed, against what Keras 3 prints for the same model, sizes and times."""

import io
import sys

import numpy as np
import pytest

from deepbasics.utils import normalize, pad_sequences, progress, to_categorical
from deepbasics.utils.progress import Progbar
from deepbasics.utils.summary import Row, Size, summary_table

keras = pytest.importorskip("keras", reason="compares with Keras 3")

WIDTHS = (None, 50, 76, 88, 100, 131)


def dense_model():
    model = keras.Sequential(name="small")
    model.add(keras.Input((784,)))
    model.add(keras.layers.Dense(512, activation="relu", name="first"))
    model.add(keras.layers.Dropout(0.2, name="a_layer_with_a_rather_long_name_that_wraps"))
    model.add(keras.layers.BatchNormalization(name="norm"))
    model.add(keras.layers.Dense(10, name="out", trainable=False))
    return model


def unbuilt_model():
    layers = [keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")]
    return keras.Sequential(layers, name="unbuilt")


def image_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, name="conv2d"),
            keras.layers.MaxPooling2D(name="max_pooling2d"),
            keras.layers.Flatten(name="flatten"),
        ],
        name="image",
    )


def branching_model():
    left = keras.Input((3,), name="left")
    right = keras.Input((4,), name="right")
    a = keras.layers.Dense(5, name="a")(left)
    b = keras.layers.Dense(5, name="b")(right)
    joined = keras.layers.Concatenate(name="joined_from_both_of_the_branches")([a, b])
    return keras.Model([left, right], keras.layers.Dense(1, name="out")(joined), name="two")


def trained_model():
    model = dense_model()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


MODELS = [dense_model, unbuilt_model, image_model, branching_model, trained_model]


def size_of(variables):
    return Size(
        sum(int(np.prod(v.shape)) for v in variables),
        sum(int(np.prod(v.shape)) * np.dtype(v.dtype).itemsize for v in variables),
    )


def rows_of(model, connected):
    def feeding(layer):
        tensors = [t for node in layer._inbound_nodes for t in node.input_tensors]
        histories = [t._keras_history for t in tensors]
        return [f"{h.operation.name}[{h.node_index}][{h.tensor_index}]" for h in histories]

    return [
        Row(
            layer.name,
            type(layer).__name__,
            tuple(layer.output.shape) if layer._inbound_nodes else None,
            layer.count_params() if layer.built else 0,
            layer.built,
            layer.trainable if layer.weights else None,
            feeding(layer) if connected else (),
        )
        for layer in model.layers
    ]


@pytest.mark.parametrize("show_trainable", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("build", MODELS)
def test_a_summary_reads_as_in_keras(build, width, show_trainable, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    model = build()
    connected = build is branching_model
    options = {"line_length": width, "show_trainable": show_trainable}
    theirs = []
    model.summary(print_fn=theirs.append, **options)
    optimizer = model.optimizer.variables if model.compiled else None
    ours = summary_table(
        model.name,
        rows_of(model, connected),
        size_of(model.trainable_weights),
        size_of(model.non_trainable_weights),
        size_of(optimizer) if optimizer else None,
        connected=connected,
        **options,
    )
    assert ours.splitlines() == [line.rstrip() for line in theirs[0].splitlines()]


def test_nested_models_are_listed_as_in_keras(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="deep")], name="inner")
    model = keras.Sequential([inner, keras.layers.Dense(2, name="out")], name="outer")
    model.build((None, 3))
    theirs = []
    model.summary(print_fn=theirs.append, expand_nested=True)
    inner_row, out_row = rows_of(model, False)
    rows = [inner_row, *(row._replace(depth=1) for row in rows_of(inner, False)), out_row]
    ours = summary_table(model.name, rows, size_of(model.weights), size_of([]))
    assert ours.splitlines() == [line.rstrip() for line in theirs[0].splitlines()]


class Clock:
    now = 1e6

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


LOOPS = {
    "short": (4, 0.5, {}),
    "fast": (1000, 0.00001, {}),
    "slow": (7, 2000.0, {}),
    "minutes": (30, 10.0, {}),
    "unknown": (None, 0.02, {}),
    "samples": (60, 0.03, {"unit_name": "sample"}),
    "as given": (60, 0.03, {"stateful_metrics": ["loss"]}),
    "averaged": (60, 0.03, {"stateless_metrics": ["loss"]}),
    "plain": (20, 0.041, {"verbose": 2}),
    "narrow": (20, 0.041, {"width": 7}),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_progress_bar_draws_what_keras_draws(name, monkeypatch):
    """On a terminal: the same redraws at the same moments; backspaces before a redraw apart."""
    target, pace, options = LOOPS[name]
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    clock = Clock()
    monkeypatch.setattr(progress, "perf_counter", clock)
    monkeypatch.setattr("keras.src.utils.progbar.time.time", clock)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    theirs = keras.utils.Progbar(target, **options)
    ours = Progbar(target, stream=Terminal(), **options)
    rng = np.random.default_rng(0)
    steps = target or 25
    for step in range(1, steps + 1):
        clock.now += pace * (9 if step == 1 else 1)  # the first step takes longer
        values = [("loss", float(rng.uniform(0, 0.01))), ("mae", float(rng.uniform(0, 5)))]
        finalize = step == steps
        theirs.update(step, values, finalize=finalize)
        ours.update(step, values, finalize=finalize)
    assert ours.stream.getvalue() == terminal.getvalue().replace("\b", "").replace(
        "\x1b[37m\x1b[0m", ""
    )
    assert ours.stream.getvalue().endswith("\n") or target is None


@pytest.mark.parametrize(
    ("x", "num_classes"), [([1, 0, 3], None), ([[1], [2]], 4), ([[0, 1], [1, 0]], None)]
)
def test_one_hot_rows_are_those_of_keras(x, num_classes):
    theirs = keras.utils.to_categorical(x, num_classes)
    ours = to_categorical(x, num_classes)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("order", [1, 2, np.inf])
@pytest.mark.parametrize("axis", [-1, 1])
def test_normalized_rows_are_those_of_keras(axis, order):
    x = np.random.default_rng(1).normal(size=(4, 3))
    x[2] = 0
    np.testing.assert_array_equal(normalize(x, axis, order), keras.utils.normalize(x, axis, order))


@pytest.mark.parametrize("maxlen", [None, 2, 5])
@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_padded_sequences_are_those_of_keras(maxlen, padding, truncating):
    sequences = [[1], [2, 3], [4, 5, 6], []]
    options = {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": 9}
    theirs = keras.utils.pad_sequences(sequences, **options)
    ours = pad_sequences(sequences, **options)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)
