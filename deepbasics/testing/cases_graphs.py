"""The table of cases for graphs: functional networks with several inputs and outputs."""

from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.layers import Dense, Dropout, Input
from deepbasics.models import Model, Sequential
from deepbasics.testing.networks import NetCase

ROWS = 400


def _two_inputs() -> Model:
    """What is known of a row comes in two parts; the second one skips a layer."""
    a, b = Input((5,), name="a"), Input((3,), name="b")
    x = ops.concatenate([Dense(6, "tanh")(a), b], axis=-1)
    model = Model([a, b], Dense(2, "softmax")(Dropout(0.2, seed=1)(x)))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def _siamese() -> Model:
    """One tower for both inputs: are the two of one kind?"""
    tower = Sequential([Input((6,)), Dense(8, "tanh"), Dense(4)])
    left, right = Input((6,)), Input((6,))
    distance = ops.sqrt(
        ops.sum(ops.square(tower(left) - tower(right)), axis=1, keepdims=True) + 1e-3
    )
    model = Model([left, right], Dense(1, "sigmoid")(distance))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def _residual() -> Model:
    """Blocks that add to what they are given; a model within a model, called twice."""
    given = Input((8,))
    block = Model(given, given + Dense(8, "tanh")(given) * 0.5, name="block")
    x = inputs = Input((8,))
    for _ in range(2):
        x = block(x)
    x = ops.maximum(x[:, 2:], -2.0) - ops.mean(x, axis=1, keepdims=True)
    model = Model(inputs, Dense(3, "softmax")(x))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def _heads() -> Model:
    """Two outputs by name, from inputs by name, with weighted losses."""
    inputs = {"width": Input((4,), name="width"), "age": Input((1,), name="age")}
    trunk = Dense(8, "tanh")(ops.concatenate([inputs["age"], inputs["width"]], axis=1))
    outputs = {"kind": Dense(3, "softmax")(trunk), "price": Dense(1)(trunk)}
    model = Model(inputs, outputs)
    model.compile(
        "adam",
        {"kind": "categorical_crossentropy", "price": "mse"},
        loss_weights={"kind": 1.0, "price": 0.2},
        metrics={"kind": ["accuracy"], "price": ["mae"]},
    )
    return model


def _kinds(rng: np.random.Generator, features: int, classes: int) -> tuple[Any, Any]:
    x = rng.normal(size=(ROWS, features))
    return x, (x @ rng.normal(size=(features, classes))).argmax(axis=1)


def _parts(rng: np.random.Generator) -> tuple[Any, Any]:
    x, ids = _kinds(rng, 8, 2)
    return [x[:, :5], x[:, 5:]], np.eye(2)[ids]


def _pairs(rng: np.random.Generator) -> tuple[Any, Any]:
    x, ids = _kinds(rng, 6, 2)
    other = rng.permutation(ROWS)
    return [x, x[other]], (ids == ids[other]).astype("float64")[:, None]


def _rows(rng: np.random.Generator) -> tuple[Any, Any]:
    x, ids = _kinds(rng, 8, 3)
    return x, np.eye(3)[ids]


def _houses(rng: np.random.Generator) -> tuple[Any, Any]:
    x, ids = _kinds(rng, 5, 3)
    price = x.sum(axis=1, keepdims=True) + 0.1 * rng.normal(size=(ROWS, 1))
    return {"age": x[:, :1], "width": x[:, 1:]}, {"kind": np.eye(3)[ids], "price": price}


NETS = [
    NetCase("two-inputs", _two_inputs, _parts, 16),
    NetCase("siamese", _siamese, _pairs, 16),
    NetCase("residual", _residual, _rows, 16),
    NetCase("heads", _heads, _houses, 16),
]
