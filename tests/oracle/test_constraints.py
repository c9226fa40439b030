"""Constrained weights against Keras 3."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

from deepbasics import constraints, ops  # noqa: E402 - Keras reads its backend when imported

FLOAT32 = 5e-7  # relative: a norm, a quotient and a product

DENSE = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
DENSE[:, 2] = 0  # a unit without weights
CONV = np.random.default_rng(1).normal(size=(3, 3, 2, 4)).astype("float32")
CASES = [
    ("MaxNorm", {}, DENSE),
    ("MaxNorm", {"max_value": 0.5, "axis": 1}, DENSE),
    ("MaxNorm", {"max_value": 1.0, "axis": [0, 1, 2]}, CONV),
    ("UnitNorm", {}, DENSE),
    ("UnitNorm", {"axis": [0, 1, 2]}, CONV),
    ("NonNeg", {}, DENSE),
    ("MinMaxNorm", {}, DENSE),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "rate": 0.3}, DENSE),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "axis": [0, 1, 2]}, CONV),
]


@pytest.mark.parametrize(("name", "given", "w"), CASES)
def test_weights_are_those_of_keras(backend, name, given, w):
    got = ops.convert_to_numpy(getattr(constraints, name)(**given)(ops.convert_to_tensor(w)))
    want = keras.ops.convert_to_numpy(getattr(keras.constraints, name)(**given)(w))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=FLOAT32)


@pytest.mark.parametrize(("name", "given", "w"), CASES)
def test_configs_are_those_of_keras(name, given, w):
    theirs = getattr(keras.constraints, name)(**given)
    assert getattr(constraints, name)(**given).get_config() == theirs.get_config()
    read = constraints.deserialize(keras.constraints.serialize(theirs))
    assert read.get_config() == theirs.get_config()
