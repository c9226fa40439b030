"""Parity: backends that agree are said to agree, and each kind of difference is found and named.

Differences are planted by building the leader's model otherwise than those that follow it, so that
these tests need one backend only.
"""

import numpy as np
import pytest

from deepbasics import config, ops, parity
from deepbasics.backends import registry
from deepbasics.layers import Dense, Dropout
from deepbasics.models import Sequential
from deepbasics.optimizers import SGD, Adam
from deepbasics.random import next_key
from deepbasics.utils import set_random_seed

X = np.random.default_rng(0).normal(size=(24, 3))
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float64")
OTHERS = [name for name in registry.available() if name != "numpy"]


def network(optimizer=None, activation="tanh", rate=0.5, seed=None, loss="binary_crossentropy"):
    model = Sequential(name="net")
    model.add(Dense(5, activation="tanh", input_shape=(3,), name="first"))
    model.add(Dropout(rate, seed=seed, name="drop"))
    model.add(Dense(4, activation=activation, name="second"))
    model.add(Dense(1, activation="sigmoid", name="last"))
    model.compile(optimizer or Adam(), loss, metrics=["accuracy"])
    return model


def planted(leader, others, **options):
    """The report on a leader that is built in one way and followers built in another."""
    builders = iter([leader, others, others])
    settings = {"steps": 6, "batch_size": 8, "floatx": "float64"} | options
    return parity.compare(lambda: next(builders)(), X, Y, ("numpy", "numpy"), **settings)


@pytest.mark.parametrize("floatx", ["float64", "float32"])
@pytest.mark.parametrize("other", OTHERS)
def test_backends_agree_on_every_level(other, floatx):
    report = parity.compare(
        network, X, Y, ("numpy", other), steps=30, batch_size=5, seed=3, floatx=floatx
    )
    assert report.ok, str(report)
    assert list(report.worst) == [level for level in parity.LEVELS if level in report.worst]
    assert set(report.worst) == set(parity.LEVELS)
    for level in ("initial weights", "batches", "dropout masks"):
        assert report.worst[level].size == 0
    assert report.steps == len(report.losses[0]) == len(report.losses[1]) == 30


def test_a_backend_agrees_with_itself_to_the_bit():
    report = planted(network, network)
    assert report.ok
    assert {found.size for found in report.worst.values()} == {0.0}
    assert "All within." in str(report)


@pytest.mark.parametrize("other", OTHERS)
def test_another_epsilon_on_one_backend_is_found_in_the_weights_of_the_first_step(other):
    def build():
        return network(Adam(epsilon=1e-7 if registry.active().name == "numpy" else 1e-8))

    report = parity.compare(build, X, Y, ("numpy", other), steps=10, floatx="float64")
    assert (report.first.step, report.first.level) == (1, "weights")
    assert report.first.size > 1e-6
    assert report.worst["outputs"].size < 1e-11, "the forward pass is not to blame"
    assert report.worst["gradients"].size < 1e-11, "nor are the gradients"
    assert report.worst["slots"].size < 1e-11
    assert "First past its tolerance: step 1, weights, net/first/kernel" in str(report)


def test_other_initial_weights_are_found_before_the_first_step():
    def shifted():
        model = network()
        model.layers[2].kernel.assign_add(np.full((5, 4), 1e-15))
        return model

    first = planted(network, shifted).first
    assert (first.level, first.step) == ("initial weights", 0)
    assert first.tensor == "net/second/kernel"


def test_other_shuffles_are_found():
    def one_stream_more():
        model = network()
        next_key()
        return model

    first = planted(network, one_stream_more).first
    assert (first.level, first.step) == ("batches", 1)


def test_other_dropout_masks_are_found():
    first = planted(lambda: network(seed=1), lambda: network(seed=2)).first
    assert (first.level, first.step, first.tensor) == ("dropout masks", 1, "drop")


def test_another_formula_is_found_in_the_output_of_its_layer():
    first = planted(network, lambda: network(activation=lambda x: 1.000001 * ops.tanh(x))).first
    assert (first.level, first.step, first.tensor) == ("outputs", 1, "second")


def test_a_wrong_gradient_under_a_right_output_is_found_in_the_first_weights_it_reaches():
    def wrong(x):
        y = ops.tanh(x)
        return ops.stop_gradient(y) + 1.001 * (y - ops.stop_gradient(y))

    report = planted(network, lambda: network(activation=wrong))
    assert report.worst["outputs"].size < 1e-11
    assert (report.first.level, report.first.step) == ("gradients", 1)
    assert report.first.tensor.startswith("net/second/")


def test_another_loss_is_found():
    def halved(y, y_pred):
        return ops.mean(ops.square(y_pred - y), axis=-1) * 0.5 + ops.stop_gradient(
            ops.mean(ops.square(y_pred - y), axis=-1) * 0.5001
        )

    def whole(y, y_pred):
        loss = ops.mean(ops.square(y_pred - y), axis=-1)
        return loss * 0.5 + ops.stop_gradient(loss * 0.5)

    first = planted(lambda: network(loss=whole), lambda: network(loss=halved)).first
    assert (first.level, first.step) == ("loss", 1)


def test_a_difference_in_a_later_step_is_found_there():
    class Slips(SGD):
        def update(self, g, w, slots, learning_rate, step):
            w, slots = super().update(g, w, slots, learning_rate, step)
            return w + ops.where(ops.equal(step, 3), 1e-9, 0.0), slots

    first = planted(lambda: network(SGD(0.1)), lambda: network(Slips(0.1))).first
    assert (first.level, first.step) == ("weights", 4)
    assert first.size == pytest.approx(1e-8, rel=1e-3), "in units of the learning rate"


def test_a_slip_that_heals_is_found_though_the_end_looks_right():
    class SlipsAndHeals(SGD):
        def update(self, g, w, slots, learning_rate, step):
            w, slots = super().update(g, w, slots, learning_rate, step)
            slip = ops.where(ops.equal(step, 2), 1e-3, 0.0)
            return w + slip - ops.where(ops.equal(step, 3), 1e-3, 0.0), slots

    report = planted(lambda: network(SGD(0.1)), lambda: network(SlipsAndHeals(0.1)))
    assert (report.first.level, report.first.step) == ("weights", 3)
    assert report.worst["loss curve"].passes


def test_nan_on_one_side_alone_is_found():
    def broken(x):
        return ops.tanh(x) + ops.where(ops.greater(x, -1e9), np.nan, 0.0)

    report = planted(network, lambda: network(activation=broken))
    assert (report.first.level, report.first.tensor) == ("outputs", "second")
    assert report.worst["outputs"].size == np.inf


def test_watching_changes_nothing_the_losses_are_those_of_fit():
    report = planted(network, network, batch_size=24, seed=5)
    with registry.use_backend("numpy"):
        config.set_floatx("float64")
        set_random_seed(5)
        history = network().fit(X, Y, batch_size=24, epochs=6, verbose=0)
        config.set_floatx("float32")
    assert report.losses[0] == history.history["loss"]
    assert report.losses[1] == history.history["loss"]


@pytest.mark.parametrize(("level", "found"), [("gradients", False), ("outputs", True)])
def test_a_gradient_that_cancels_is_measured_by_what_it_was_before(level, found):
    report = parity.Report(("numpy", "numpy"), "float64", 0, 1)
    for want, got in ((1.0, 1.0), (1e-9, 1e-9 + 1e-16)):
        report.take(level, [("kernel", np.array([want]))], [("kernel", np.array([got]))])
    assert bool(report.first) == found


def test_what_is_not_two_backends_is_refused():
    with pytest.raises(ValueError, match=r"two backends; got \['numpy'\]"):
        parity.compare(network, X, Y, ["numpy"])


def test_models_of_different_structure_are_refused():
    with pytest.raises(ValueError, match="the same model on both backends; build made one with"):
        planted(network, lambda: network(Adam(use_ema=True)))


def test_a_floatx_without_a_promise_is_refused_and_the_setting_is_left_alone():
    with pytest.raises(ValueError, match="float64 and float32; floatx is 'float16'"):
        parity.compare(network, X, Y, floatx="float16")
    assert config.floatx() == "float32"
