"""Callbacks hung into real training, on each backend."""

import numpy as np
import pytest

from deepbasics import ops
from deepbasics.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    LambdaCallback,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TerminateOnNaN,
)
from deepbasics.layers import Dense, Input, Lambda
from deepbasics.models import Sequential
from deepbasics.optimizers import SGD
from deepbasics.utils import set_random_seed

X = np.random.default_rng(0).normal(size=(24, 3))
Y = X.sum(axis=1, keepdims=True)

pytestmark = pytest.mark.usefixtures("backend")


def model(optimizer):
    set_random_seed(3)
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(callbacks, optimizer="sgd", epochs=3, **options):
    trained = model(optimizer)
    trained.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks, **options)
    return trained


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch_begin", epoch, sorted(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch_end", epoch, sorted(logs)))

    def on_train_batch_end(self, batch, logs=None):
        assert {type(value) for value in logs.values()} == {float}
        self.calls.append(("batch_end", batch, sorted(logs)))

    def on_test_begin(self, logs=None):
        self.calls.append(("test_begin",))

    def on_test_end(self, logs=None):
        self.calls.append(("test_end", sorted(logs)))


def test_the_order_of_an_epoch():
    recorder = Recorder()
    trained = fit(recorder, epochs=1, validation_data=(X, Y))
    assert recorder.calls == [
        ("epoch_begin", 0, []),
        *[("batch_end", batch, ["loss", "mae"]) for batch in range(3)],
        ("test_begin",),
        ("test_end", ["loss", "mae"]),
        ("epoch_end", 0, ["loss", "mae", "val_loss", "val_mae"]),
    ]
    assert recorder.params == {"verbose": 0, "epochs": 1, "steps": 3}
    assert recorder.model is trained


def test_batch_logs_are_running_means_of_the_epoch():
    seen = []
    frozen = SGD(learning_rate=0.0)
    callback = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    trained = fit(callback, frozen, epochs=1, shuffle=False)
    error = (trained.predict(X, verbose=0) - Y) ** 2
    means = [error[: 8 * batches].mean() for batches in (1, 2, 3)]
    np.testing.assert_allclose(seen, means, rtol=1e-5)


def test_training_stops_after_a_batch_or_an_epoch_when_told():
    batches, epochs = [], []

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)
            self.model.stop_training = batch == 1

        def on_epoch_end(self, epoch, logs=None):
            epochs.append(epoch)

    fit(Stop())
    assert batches == [0, 1]
    assert epochs == [0]


def test_best_weights_are_restored():
    kept = []
    stopping = EarlyStopping("loss", patience=1, restore_best_weights=True)
    keep = LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(stopping.model.get_weights())
    )
    # A rate that is far too high: the first epoch is the best one.
    trained = fit([keep, stopping], SGD(2.0), epochs=4)
    assert stopping.best_epoch == 0
    for weight, best in zip(trained.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(weight, best)


def test_a_reduced_rate_is_used_and_kept_in_the_history():
    rates = fit(
        ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9), SGD(0.01), epochs=4
    ).history.history["learning_rate"]
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.005, 0.0025], rtol=1e-6)


def test_validation_runs_on_averaged_weights_and_training_on_the_others():
    def run(callbacks):
        trained = fit(callbacks, SGD(0.1, use_ema=True, ema_momentum=0.5), validation_data=(X, Y))
        return trained.history.history

    plain, averaged = run([]), run([SwapEMAWeights()])
    assert averaged["loss"] == plain["loss"]
    assert averaged["val_loss"] != plain["val_loss"]


def test_history_finds_values_under_older_names():
    history = fit([], validation_data=(X, Y)).history.history
    assert history["val_mean_absolute_error"] == history["val_mae"]
    assert "acc" not in history


def test_a_loss_that_is_not_finite_is_traced_to_a_layer(capsys):
    def trained(layers, loss="mse", rate=1e-3):
        set_random_seed(3)
        model = Sequential([Input((3,)), *layers])
        model.compile(SGD(rate), loss)
        with np.errstate(all="ignore"):
            model.fit(X, Y, 8, verbose=0, shuffle=False, callbacks=[TerminateOnNaN()])
        return model, capsys.readouterr().out.splitlines()

    inner = Sequential([Input((3,)), Dense(3), Lambda(lambda x: ops.log(x - 1e9), name="log")])
    _, out = trained([inner, Dense(1)])
    assert out == [
        "Batch 0: Invalid loss, terminating training",
        "Batch 0: The first output that is not finite is that of layer 'log' (Lambda).",
    ]
    model, out = trained([Dense(4, "relu", name="one"), Dense(1, name="two")], rate=1e25)
    assert out[1] == "Batch 1: The first output that is not finite is that of layer 'two' (Dense)."
    assert not np.isfinite(model.get_weights()[0]).all(), "the weights are those of after the step"
    _, out = trained([Dense(1)], lambda y, p: ops.log(p - p - 1.0))
    assert out[1].startswith("Batch 0: The outputs of all layers are finite")
    model = Sequential([Input((3,)), Lambda(lambda x: ops.log(x - 1e9), name="log"), Dense(1)])
    model.compile("sgd", "mse")
    told = pytest.raises(RuntimeError, match=r"The loss is nan at batch 0\. The first.*'log'")
    with np.errstate(all="ignore"), told:
        model.fit(X, Y, 8, verbose=0, callbacks=[TerminateOnNaN(raise_error=True)])


def test_tracing_a_loss_changes_no_training():
    plain, watched = fit([]), fit([TerminateOnNaN()])
    for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert watched.first_not_finite() is None, "outside of a training there is no batch"


def test_a_list_of_callbacks_may_be_a_callback_list():
    recorder, history = Recorder(), History()
    trained = fit(CallbackList([recorder, [history]], epochs=9, steps=9, verbose=9))
    assert recorder.calls
    assert trained.history is history
    assert recorder.params["epochs"] == 3, "the loop says how long it is"


def test_a_callback_of_keras_2_finds_the_validation_data(backend):
    seen = []

    class Looking(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.validation_data)

    x, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)[:, None]
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse")
    looking = {"callbacks": [Looking()], "verbose": 0}
    model.fit(x, y, validation_split=0.3, **looking)
    model.fit(x, y, validation_data=(x, y, np.full(10, 0.5)), **looking)
    model.fit(x, y, validation_data=iter([(x, y)]), validation_steps=1, **looking)
    model.fit(x, y, **looking)
    wanted = [x[7:], y[7:], np.ones(3)], [x, y, np.full(10, 0.5)]
    for found, want in zip(seen[:2], wanted, strict=True):
        for a, b in zip(found, want, strict=True):
            np.testing.assert_array_equal(a, b)
    assert seen[2:] == [None, None]
