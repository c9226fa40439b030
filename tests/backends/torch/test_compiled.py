"""`jit_compile=True`: the recorded step goes through `torch.compile`."""

import shutil

import numpy as np
import pytest

from deepbasics import random
from deepbasics.backends import registry
from deepbasics.layers import Dense, Dropout
from deepbasics.models import Sequential

torch = pytest.importorskip("torch", reason="these are tests of the torch backend")


def trained(data, jit_compile):
    """The weights after training a model made with seed 1."""
    random.set_random_seed(1)
    made = Sequential(
        [Dense(6, "tanh", input_shape=(5,)), Dropout(0.3, seed=5), Dense(1, "sigmoid")]
    )
    made.compile("adam", "binary_crossentropy", jit_compile=jit_compile)
    made.fit(*data, batch_size=8, epochs=5, verbose=0)
    return made.get_weights()


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(32, 5)), rng.integers(0, 2, 32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of torch.jit
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_a_compiled_step_trains_to_the_same_weights(data):
    for a, b in zip(trained(data, "auto"), trained(data, True), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def test_where_the_compiler_fails_the_step_is_replayed(data, monkeypatch):
    def broken(function, **settings):
        def call(*tensors):
            raise RuntimeError("no compiler here\nand much more")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="no compiler here"):
        compiled = trained(data, True)
    for a, b in zip(trained(data, "auto"), compiled, strict=True):
        np.testing.assert_array_equal(a, b)


def test_numpy_takes_the_setting_and_has_nothing_to_compile(data):
    with registry.use_backend("numpy"):
        for a, b in zip(trained(data, "auto"), trained(data, True), strict=True):
            np.testing.assert_array_equal(a, b)
