"""Levels step and run: one batch of `fit`, a hundred batches, and a change of backend between."""

import os

import numpy as np
import pytest

from deepbasics import optimizers
from deepbasics.backends import registry
from deepbasics.random import set_random_seed
from deepbasics.testing import cases, levels
from deepbasics.testing.networks import small
from deepbasics.testing.tolerances import RUN, compare

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
NETS = pytest.mark.parametrize("case", cases.NETS, ids=str)
NO_OPTIMIZERS = {"Optimizer", "deserialize", "get", "schedules", "serialize"}


def test_every_optimizer_has_a_row():
    assert {case.name for case in cases.OPTIMIZERS} | NO_OPTIMIZERS == set(optimizers.__all__)


@pytest.mark.parametrize("case", cases.OPTIMIZERS, ids=str)
@DTYPES
def test_weights_slots_and_metrics_agree_after_a_step(case, dtype, other):
    levels.check_step(case, other, dtype)


@NETS
@DTYPES
def test_a_hundred_losses_agree(case, dtype, other):
    levels.check_run(case, other, dtype)


@NETS
def test_a_hundred_losses_are_those_of_training(case):
    losses = levels.loss_curve(case, "numpy", "float64")
    assert np.mean(losses[-20:]) < np.mean(losses[:20])


def _pima(datasets):
    return datasets.pima.load_data()


def _mnist(datasets):
    (x, y), _ = datasets.mnist.load_data()
    return x[:12_800].reshape(-1, 784) / 255, np.eye(10)[y[:12_800]]


def _gender(datasets):
    x, y = datasets.body_measures.load_data()
    return x, y if y.ndim > 1 else np.eye(2)[y]


def _churn(datasets):
    pytest.importorskip("pandas", reason="the churn table is a DataFrame")
    table = datasets.churn.load_data()
    x = table.drop(columns=["RowNumber", "CustomerId", "Surname", "Exited"])
    x["Gender"] = x["Gender"] == "Male"
    for country in ("Germany", "Spain"):
        x[country] = x["Geography"] == country
    x = x.drop(columns="Geography").to_numpy("float64")
    return (x - x.mean(axis=0)) / x.std(axis=0), table["Exited"].to_numpy()


REAL = {"pima": _pima, "mnist": _mnist, "gender": _gender, "churn": _churn}


@pytest.mark.skipif("DEEPBASICS_DATA" not in os.environ, reason="DEEPBASICS_DATA names no folder")
@pytest.mark.parametrize("name", REAL)
@DTYPES
def test_a_hundred_losses_on_real_data_agree(name, dtype, other):
    from deepbasics import datasets

    (case,) = [case for case in cases.NETS if case.name == name]
    levels.check_run(case, other, dtype, data=REAL[name](datasets))


# a change of backend in the middle ----------------------------------------------------------------


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(160, 5)), np.eye(3)[rng.integers(0, 3, 160)]


def _new(backend, optimizer="adam"):
    with registry.use_backend(backend):
        set_random_seed(2)
        return small(optimizer)


def _train(model, data, batches):
    x, y = data
    return [
        model.train_on_batch(x[8 * i : 8 * i + 8], y[8 * i : 8 * i + 8], return_dict=True)["loss"]
        for i in batches
    ]


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "rmsprop", "adafactor"])
@pytest.mark.parametrize("there", [True, False], ids=["to the other", "from the other"])
def test_training_goes_on_after_a_move_as_if_nothing_had_happened(optimizer, there, data, other):
    first, second = ("numpy", other) if there else (other, "numpy")
    stayed, moved = _new("numpy", optimizer), _new(first, optimizer)
    want = _train(stayed, data, range(20))
    got = _train(moved, data, range(10))
    moved.to(second)
    assert moved.backend.name == second
    got += _train(moved, data, range(10, 20))
    compare(np.array(got), np.array(want), RUN["float32"], "loss")


def test_a_move_there_and_back_changes_no_bit(data, other):
    model = _new("numpy")
    _train(model, data, range(3))
    before = levels.state_of(model)
    model.to(other).to("numpy")
    for was, now in zip(before, levels.state_of(model), strict=True):
        assert was.keys() == now.keys()
        for name in was:
            np.testing.assert_array_equal(now[name], was[name], err_msg=name)


def test_a_moved_model_predicts_the_same_wherever_it_is_called_from(data, other):
    model = _new("numpy")
    want = model.predict(data[0], verbose=0)
    model.to(other)
    with registry.use_backend("numpy"):
        got = model.predict(data[0], verbose=0)
    np.testing.assert_allclose(got, want, rtol=1e-5)
