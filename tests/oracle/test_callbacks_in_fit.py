"""Callbacks in trainings of both libraries: the same calls, with the same logs, and the same words.

Both models begin with the same weights and see the same batches.
"""

import contextlib
import io
import re
import warnings

import numpy as np
import pytest

import deepbasics

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
pytest.importorskip("torch", reason="Keras trains on torch here")
pytest.importorskip("h5py", reason="the extra saving")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")
VALIDATION = (X[:7] + 0.1, Y[:7])
WEIGHTS = [0.3 * RNG.normal(size=s).astype("float32") for s in ((4, 3), (3,), (3, 1), (1,))]
HOOKS = [
    *(f"on_{kind}_{when}" for kind in ("train", "test", "predict") for when in ("begin", "end")),
    *(f"on_{kind}_batch_{when}" for kind in ("train", "test", "predict")
      for when in ("begin", "end")),
    *("on_epoch_begin", "on_epoch_end"),
]  # fmt: skip


def model(lib, rate=0.1, metrics=("accuracy",), **settings):
    layers = lib.layers
    stack = [lib.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1, "sigmoid")]
    made = lib.Sequential(stack)
    made.set_weights(WEIGHTS)
    metrics = [metric(lib) if callable(metric) else metric for metric in metrics]
    made.compile(lib.optimizers.SGD(rate, **settings), "binary_crossentropy", metrics=metrics)
    return made


def recorder(lib):
    """A callback that notes each call: hook, position, and logs to five digits."""
    calls = []

    def note(hook):
        def method(self, *position, logs=None):
            if position and not isinstance(position[-1], int):
                *position, logs = position
            shown = {
                name: round(float(value), 4)
                for name, value in (logs or {}).items()
                if name != "outputs"
            }
            calls.append((hook, *position, shown))

        return method

    kind = type("Recorder", (lib.callbacks.Callback,), {hook: note(hook) for hook in HOOKS})
    return kind(), calls


def fit(lib, callbacks, made=None, epochs=3, batch=8, **settings):
    made = made or model(lib)
    settings = {"shuffle": False, "verbose": 0} | settings
    return made.fit(X, Y, batch, epochs, callbacks=callbacks, **settings)


def of(name, *arguments, **settings):
    """A callback that each library makes."""
    return lambda lib: getattr(lib.callbacks, name)(*arguments, **settings)


def stop(hook, flag, at):
    def make(lib):
        def look(batch, logs=None):
            if batch == at:
                setattr(callback.model, flag, True)

        callback = lib.callbacks.LambdaCallback(**{hook: look})
        return callback

    return make


def batches(n):
    for _ in range(n):
        yield X[:5], Y[:5]


VAL = {"validation_data": VALIDATION}
STILL = {"rate": 0.0}  # a model that does not learn
# name: (further callbacks, how the model is made, how it is trained)
TRAININGS = {
    "plain": ([], {}, {}),
    "validation": ([], {}, VAL),
    "validation every other epoch": ([], {}, {**VAL, "epochs": 5, "validation_freq": 2}),
    "validation in some epochs": ([], {}, {**VAL, "epochs": 5, "validation_freq": [1, 4]}),
    "a part held back": ([], {}, {"validation_split": 0.3, "validation_batch_size": 2}),
    "later epochs": ([], {}, {"epochs": 5, "initial_epoch": 3}),
    "some steps": ([], {}, {"batch": 5, "steps_per_epoch": 2}),
    "stopped in its first epoch": ([of("EarlyStopping", "loss", patience=0)], STILL, {}),
    "stopped, starting later": (
        [of("EarlyStopping", "loss", patience=1, start_from_epoch=3, restore_best_weights=True)],
        STILL,
        {"epochs": 9},
    ),
    "stopped by an accuracy": (
        [of("EarlyStopping", "val_accuracy", patience=2)],
        STILL,
        {**VAL, "epochs": 9},
    ),
    "stopped by what is there every other epoch": (
        [of("EarlyStopping", "val_loss", patience=1)],
        STILL,
        {**VAL, "epochs": 9, "validation_freq": 2},
    ),
    "stopped by metrics under names of one's own": (
        [of("EarlyStopping", "mine", patience=1), of("EarlyStopping", "curve", patience=5)],
        {"metrics": [lambda lib: lib.metrics.MeanAbsoluteError(name="mine"),
                     lambda lib: lib.metrics.AUC(name="curve")]},
        {"epochs": 6},
    ),
    "never stopped, for nothing is there": ([of("EarlyStopping")], {}, {}),
    "a rate that falls": (
        [of("ReduceLROnPlateau", "loss", 0.5, 1, verbose=1, min_lr=0.0)],
        STILL,
        {"epochs": 6},
    ),
    "a rate that falls, and waits": (
        [of("ReduceLROnPlateau", "accuracy", 0.5, 1, min_delta=0.5, cooldown=1, verbose=1)],
        {},
        {"epochs": 9},
    ),
    "a rate that would fall": ([of("ReduceLROnPlateau")], {}, {}),
    "a schedule": ([of("LearningRateScheduler", lambda epoch, rate: rate * 0.5, 1)], {}, {}),
    "checkpoints of the best": (
        [of("ModelCheckpoint", "{epoch:02d}-{val_accuracy:.2f}.keras", "val_accuracy", 1, True)],
        {},
        VAL,
    ),
    "checkpoints by batches": (
        [of("ModelCheckpoint", "{epoch:02d}-{batch}.weights.h5", verbose=1,
            save_weights_only=True, save_freq=2)],
        {},
        {},
    ),
    "checkpoints of nothing": ([of("ModelCheckpoint", "m.keras", save_best_only=True)], {}, {}),
    "stopped after a batch": ([stop("on_train_batch_end", "stop_training", 1)], {}, {}),
    "stopped after an epoch": ([stop("on_epoch_end", "stop_training", 1)], {}, {}),
    "moving averages": (
        [of("SwapEMAWeights")],
        {"use_ema": True, "ema_momentum": 0.5},
        VAL,
    ),
    "moving averages between epochs": (
        [of("SwapEMAWeights", True)],
        {"use_ema": True, "ema_momentum": 0.5},
        VAL,
    ),
}  # fmt: skip


def both(run, tmp_path, monkeypatch):
    """What each library did: calls, results, words, files."""
    for lib in (deepbasics, keras):
        folder = tmp_path / lib.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        callback, calls = recorder(lib)
        out = io.StringIO()
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(out):
            found = run(lib, callback)
        files = sorted(path.name for path in folder.iterdir())
        yield calls, found, out.getvalue(), files


def rounded(history):
    return {name: np.round(np.asarray(v, float), 4).tolist() for name, v in history.items()}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training(name, tmp_path, monkeypatch):
    others, made, how = TRAININGS[name]

    def run(lib, callback):
        trained = model(lib, **made)
        more = [make(lib) for make in others]
        history = fit(lib, [*more, callback], trained, **how)
        again = fit(lib, [callback, *more], trained, **how)  # with the state that they are in
        weights = [np.round(w, 4).tolist() for w in trained.get_weights()]
        return rounded(history.history), history.epoch, rounded(again.history), weights

    ours, theirs = both(run, tmp_path, monkeypatch)
    assert ours == theirs


@pytest.mark.parametrize("at", [0, 1, None])
def test_an_evaluation_and_a_prediction(at, tmp_path, monkeypatch):
    """Also such as a callback ends."""

    def run(lib, callback):
        made = model(lib)
        ends = [] if at is None else [
            stop("on_test_batch_end", "stop_evaluating", at)(lib),
            stop("on_predict_batch_end", "stop_predicting", at)(lib),
        ]  # fmt: skip
        for _ in range(2):
            found = made.evaluate(X, Y, 8, verbose=0, callbacks=[callback, *ends], return_dict=True)
            outputs = made.predict(X, 8, verbose=0, callbacks=[callback, *ends])
        return rounded(dict(sorted(found.items()))), np.round(outputs, 5).tolist()

    ours, theirs = both(run, tmp_path, monkeypatch)
    assert ours == theirs


def test_generators(tmp_path, monkeypatch):
    def run(lib, callback):
        made = model(lib)
        first = made.fit(batches(7), steps_per_epoch=3, epochs=2, verbose=0, callbacks=[callback])
        second = made.fit(batches(4), verbose=0, callbacks=[callback])
        return rounded(first.history), rounded(second.history)

    ours, theirs = both(run, tmp_path, monkeypatch)
    assert ours == theirs


# what is printed ----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(run, lib, stream):
    """The lines as they are when each was drawn for the last time; times are T, colours none."""
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(stream):
        run(lib)
    text = re.sub(r"\x1b\[\d+m|\x08", "", stream.getvalue())
    last = [line.split("\r")[-1].rstrip() for line in text.split("\n")]
    return [re.sub(r"\b\d+(s|ms|us)\b", "T", line) for line in last]


PRINTS = {
    "fit": lambda lib, v: fit(lib, [], verbose=v, **VAL),
    "one epoch": lambda lib, v: fit(lib, [], epochs=1, verbose=v),
    "steps": lambda lib, v: fit(lib, [], batch=5, verbose=v, steps_per_epoch=2),
    "validation every other epoch": lambda lib, v: fit(
        lib, [], verbose=v, validation_freq=2, **VAL
    ),
    "later epochs": lambda lib, v: fit(lib, [], verbose=v, initial_epoch=1),
    "words of callbacks": lambda lib, v: fit(
        lib,
        [of("ReduceLROnPlateau", "loss", 0.5, 1, verbose=1)(lib),
         of("EarlyStopping", "loss", patience=2, verbose=1, restore_best_weights=True)(lib)],
        model(lib, 0.0), verbose=v,
    ),
    "of unknown length": lambda lib, v: model(lib).fit(batches(3), verbose=v),
    "a generator and another": lambda lib, v: model(lib).fit(
        batches(6), epochs=2, verbose=v, steps_per_epoch=2,
        validation_data=batches(4), validation_steps=2,
    ),
    "evaluate": lambda lib, v: model(lib).evaluate(X, Y, 8, v),
    "evaluate a generator": lambda lib, v: model(lib).evaluate(batches(3), verbose=v),
    "predict": lambda lib, v: model(lib).predict(X, 8, v),
}  # fmt: skip


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["redirected", "terminal"])
@pytest.mark.parametrize("verbose", [0, 1, 2, "auto", 3])
@pytest.mark.parametrize("name", PRINTS)
def test_what_is_left_to_read_is_the_same(name, verbose, stream):
    ours, theirs = (
        printed(lambda lib: PRINTS[name](lib, verbose), lib, stream())
        for lib in (deepbasics, keras)
    )
    assert ours == theirs
