"""Penalties against Keras 3."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

from deepbasics import ops, regularizers  # noqa: E402 - Keras reads its backend when imported

FLOAT32 = 1e-6  # relative: sums of some 30 terms

CASES = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.2}),
    ("L1L2", {"l1": 0.2, "l2": 0.1}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
W = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
ZERO_ROW = np.concatenate([W, np.zeros((1, 6), "float32")])


@pytest.mark.parametrize("w", [W, ZERO_ROW], ids=["normal", "zero row"])
@pytest.mark.parametrize(("name", "given"), CASES)
def test_penalties_are_those_of_keras(backend, name, given, w):
    got = getattr(regularizers, name)(**given)(ops.convert_to_tensor(w))
    want = getattr(keras.regularizers, name)(**given)(keras.ops.convert_to_tensor(w))
    assert ops.dtype(got) == "float32"
    assert float(got) == pytest.approx(float(want), rel=FLOAT32)


@pytest.mark.parametrize(("name", "given"), CASES)
def test_configs_are_those_of_keras(name, given):
    theirs = getattr(keras.regularizers, name)(**given)
    ours = getattr(regularizers, name)(**given).get_config()
    assert ours.keys() == theirs.get_config().keys()
    read = regularizers.deserialize(keras.regularizers.serialize(theirs)).get_config()
    for key in ours.keys() - {"mode"}:  # L1 in Keras rounds its strength to float32
        assert ours[key] == pytest.approx(read[key], rel=1e-7)


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2", "L1L2", "OrthogonalRegularizer"])
def test_names_that_keras_knows_give_the_same_class(name):
    ours, theirs = regularizers.get(name), keras.regularizers.get(name)
    assert type(ours).__name__ == type(theirs).__name__
