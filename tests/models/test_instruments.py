"""The source of a step runs alone and gives the step's numbers; its profile adds up."""

import subprocess
import sys

import numpy as np
import pytest

import deepbasics
from deepbasics.layers import LSTM, Dense, Dropout
from deepbasics.random import set_random_seed

RUN = """
import sys
sys.modules["deepbasics"] = None  # an import of it would fail
sys.path.insert(0, ".")
import numpy as np
import step
state, _ = step.main("state.npz", 4)
np.savez("after.npz", **state)
"""


def dense():
    return [Dense(6, "relu", input_shape=(5,)), Dropout(0.3), Dense(3, "softmax")]


def others():
    return [Dense(6, "tanh", kernel_regularizer="l2", input_shape=(5,)), Dense(3, "sigmoid")]


@pytest.mark.parametrize(
    ("layers", "optimizer", "loss"),
    [
        (dense, "adam", "categorical_crossentropy"),
        (dense, "rmsprop", "mse"),
        (others, "sgd", "binary_crossentropy"),
        (others, "nadam", "mae"),
    ],
)
def test_the_source_runs_without_the_library_and_ends_at_the_same_weights(
    layers, optimizer, loss, tmp_path
):
    with deepbasics.use_backend("numpy"):
        set_random_seed(4)
        model = deepbasics.Sequential(layers())
        model.compile(optimizer, loss, metrics=["accuracy"])
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(8, 5)), np.eye(3)[rng.integers(0, 3, 8)]
        model.train_on_batch(x, y)
        before = model.get_weights()
        source = model.step_source(x, y, save=tmp_path / "state.npz")
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        (tmp_path / "step.py").write_text(source)
        subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, check=True, timeout=60)
        for _ in range(4):
            model.train_on_batch(x, y)
    with np.load(tmp_path / "after.npz") as after:
        weights = np.concatenate([w.ravel() for w in model.get_weights()])
        np.testing.assert_array_equal(after["weights"], weights)


def small():
    model = deepbasics.Sequential(dense())
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_profile_names_layers_and_leaves_the_model_as_it_was():
    with deepbasics.use_backend("numpy"):
        model = small()
        x, y = np.ones((8, 5)), np.eye(3)[np.zeros(8, int)]
        model.train_on_batch(x, y)
        before = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
        found = model.profile_step(x, y, seconds=0.02)
        after = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
    for a, b in zip(after, before, strict=True):
        np.testing.assert_array_equal(a, b)
    places = found.by("place")
    assert {"dense", "d_dense", "loss", "adam", "metrics"} <= {
        p.rstrip("_0123456789") for p in places
    }
    assert found.total > 0
    assert sum(places.values()) == pytest.approx(sum(row.microseconds for row in found.rows))
    assert str(found).count("\n") == len(found.rows) + 2


def test_a_step_that_cannot_stand_alone_says_which_kernel():
    with deepbasics.use_backend("numpy"):
        model = deepbasics.Sequential([LSTM(3, input_shape=(4, 2)), Dense(1)])
        model.compile("sgd", "mse")
        batch = np.zeros((2, 4, 2)), np.zeros((2, 1))
        try:
            source = model.step_source(*batch)
        except ValueError as error:
            assert "cannot stand alone" in str(error)  # noqa: PT017 - either is well
        else:
            compile(source, "step.py", "exec")


def test_other_backends_say_where_steps_have_a_source():
    pytest.importorskip("torch", reason="another backend than NumPy")
    with deepbasics.use_backend("torch"):
        model = small()
        with pytest.raises(ValueError, match=r'shows the step of the backend "numpy".*torch'):
            model.step_source(np.ones((8, 5)), np.eye(3)[np.zeros(8, int)])


def test_a_model_shows_its_step_whatever_backend_is_active():
    pytest.importorskip("torch", reason="another backend than NumPy")
    batch = np.ones((8, 5)), np.eye(3)[np.zeros(8, int)]
    with deepbasics.use_backend("numpy"):
        model = small()
        source = model.step_source(*batch)
    with deepbasics.use_backend("torch"):
        assert model.step_source(*batch) == source
        assert model.profile_step(*batch, seconds=0.01).rows


def test_a_step_with_draws_of_its_own_has_a_profile_and_no_source():
    class Noisy(deepbasics.layers.Layer):
        def build(self, input_shape):
            self.draws = deepbasics.random.SeedGenerator(3)

        def call(self, inputs):
            return inputs + deepbasics.random.normal(inputs.shape, seed=self.draws)

    with deepbasics.use_backend("numpy"):
        model = deepbasics.Sequential([Dense(3, input_shape=(2,)), Noisy(), Dense(1)])
        model.compile("sgd", "mse")
        batch = np.zeros((4, 2)), np.zeros((4, 1))
        assert "random_draw" in {row.op for row in model.profile_step(*batch, seconds=0.01).rows}
        with pytest.raises(ValueError, match="cannot stand alone because of RECORDED"):
            model.step_source(*batch)
