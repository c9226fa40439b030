"""Programs of the tutorials, run on each backend from the same seed, and beside Keras."""

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "torch"  # must be chosen before Keras is imported

import deepbasics as db
from deepbasics import tree
from deepbasics.backends import registry
from deepbasics.testing.evaluate import floatx
from deepbasics.testing.levels import compare_all
from deepbasics.testing.tolerances import RUN

Program = Callable[..., Any]
OF_KERAS = {
    # Its learning rates are float32, and its crossentropies those of clipped probabilities.
    "float64": {"rtol": 1e-6, "atol": 1e-6},
    "float32": {"rtol": 2e-4, "atol": 2e-5},  # some updates, and two ways to sum
}


def numbers(found: Any) -> dict[str, np.ndarray]:
    """What a program found, as arrays by place."""
    leaves = [leaf for leaf in tree.flatten(found) if leaf is not None]
    return {str(i): np.asarray(leaf, "float64") for i, leaf in enumerate(leaves)}


@pytest.fixture
def agree() -> Program:
    """Runs a program on all backends in float64, which must agree; gives what NumPy found.

    No step of a program may fall back to running eagerly.
    """

    def run(program: Program, *args: Any) -> Any:
        found = []
        for name in registry.available():
            with floatx("float64"), registry.use_backend(name, "cpu"), warnings.catch_warnings():
                warnings.filterwarnings("error", message="This step runs eagerly")
                db.utils.set_random_seed(0)
                found.append(program(db, *args))
                got = numbers(found[-1])
            compare_all(got, numbers(found[0]), RUN["float64"], f"{program.__name__} on {name}")
        return found[0]

    return run


@pytest.fixture
def agree_with_keras(agree: Program) -> Program:
    """As `agree`, and Keras finds the same; in float32 where it rounds to that within, as layer
    normalization and attention do.
    """
    keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

    def run(program: Program, *args: Any, dtype: str = "float64") -> Any:
        found = agree(program, *args)
        with floatx(dtype), registry.use_backend("numpy"):
            ours = found if dtype == "float64" else program(db, *args)
        before = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)  # else the first that Keras computed with stays
        try:
            theirs = program(keras, *args)
        finally:
            keras.config.set_floatx(before[0])
            keras.config.set_dtype_policy(before[1])
        ours, theirs = tree.flatten(ours), tree.flatten(theirs)
        assert len(ours) == len(theirs)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            np.testing.assert_allclose(a, _array(b), err_msg=f"result {i}", **OF_KERAS[dtype])
        return found

    return run


def _array(x: Any) -> np.ndarray:
    return np.asarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x)


@pytest.fixture
def start() -> Callable[[Any], None]:
    """Gives a model the same weights in each library."""

    def start(model: Any, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)

        def value(w: np.ndarray) -> np.ndarray:
            drawn = rng.uniform(0.05, 0.5, w.shape) * rng.choice([-1, 1], w.shape)
            # Biases, and the ones and variances of a normalization.
            constant = np.isin(w, (0, 1)).all() or (w == w.flat[0]).all()
            return w + 0.1 if w.ndim < 2 and constant else drawn

        model.set_weights([value(w) for w in model.get_weights()])

    return start


@pytest.fixture
def slopes() -> Callable[..., Any]:
    """`slopes(library, function, variables)`: (value, gradients), by what each library has."""

    def slopes(library: Any, function: Callable[[], Any], variables: list[Any]) -> Any:
        if library is db:
            return db.gradients(function, variables)
        import torch

        value = function()
        leaves = [getattr(v, "value", v) for v in variables]
        return value, torch.autograd.grad(value, leaves)

    return slopes


@pytest.fixture
def slope_by_input() -> Callable[..., Any]:
    """`slope_by_input(library, function, x)`: a gradient that can be differentiated again."""

    def slope(library: Any, function: Callable[[Any], Any], x: Any) -> Any:
        if library is db:
            return db.grad(function)(x)
        import torch

        x = x.detach().requires_grad_(True) if not x.requires_grad else x
        return torch.autograd.grad(function(x), x, create_graph=True)[0]

    return slope
