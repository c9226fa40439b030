"""Operators of NumPy's arrays beside tensors, Variables and symbolic tensors."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import ops
from deepbasics.backends import registry

OPERATORS = ("+", "-", "*", "/", "**", "//", "%", "==", "!=", "<", "<=", ">", ">=")
ARRAY = np.array([1.0, 2.0, 3.0], "float32")
OTHER = np.array([2.0, 2.0, 0.5], "float32")


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_array_comes_first_in_a_recorded_step(operator):
    def formula(left, right):
        return {"+": left + right, "-": left - right, "*": left * right, "/": left / right,
                "**": left**right, "//": left // right, "%": left % right, "==": left == right,
                "!=": left != right, "<": left < right, "<=": left <= right, ">": left > right,
                ">=": left >= right}[operator]  # fmt: skip

    step = registry.get("numpy").step(lambda x: formula(ARRAY, x))
    for _ in range(3):
        np.testing.assert_array_equal(step(OTHER), formula(ARRAY, OTHER))


def test_a_product_of_an_array_and_a_tensor():
    matrix = np.eye(3, dtype="float32") * 2
    step = registry.get("numpy").step(lambda x: matrix @ x)
    for _ in range(3):
        np.testing.assert_array_equal(step(OTHER), matrix @ OTHER)


def test_adding_to_a_constant_in_a_step(backend):
    """The labels of a GAN, with noise added."""

    def step(x):
        labels = ops.concatenate([ops.ones((1,)), ops.zeros((2,))], axis=0)
        labels += x
        labels *= x
        return labels

    recorded = backend.step(step)
    for _ in range(3):
        found = ops.convert_to_numpy(recorded(backend.tensor(OTHER)))
        np.testing.assert_array_equal(found, (np.array([1.0, 0.0, 0.0], "float32") + OTHER) * OTHER)


def test_adding_a_variable_to_a_tensor(backend):
    bias = db.Variable(OTHER)
    y = ops.ones((3,))
    y += bias
    np.testing.assert_array_equal(ops.convert_to_numpy(y), 1 + OTHER)


def test_adding_symbols_to_an_array():
    x = db.Input((3,))
    y = np.ones(3, "float32")
    y += x
    np.testing.assert_array_equal(db.Model(x, y).predict(ARRAY[None], verbose=0), 1 + ARRAY[None])


def test_functions_of_numpy_are_refused_with_ours_named(backend):
    with pytest.raises(TypeError, match=r"write ops\.exp"):
        np.exp(db.Variable(OTHER))
    with pytest.raises(TypeError, match=r"write ops\.exp"):
        np.exp(db.Input((3,)))
