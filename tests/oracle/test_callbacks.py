"""Our callbacks beside those of Keras 3: the same logs, the same doings, the same words."""

import math

import numpy as np
import pytest

from deepbasics import callbacks as ours

keras = pytest.importorskip("keras", reason="compares with Keras 3")
theirs = keras.callbacks

NAN = math.nan
CURVES = {
    "falling": [5.0, 4.0, 3.0, 2.0, 1.0, 0.5],
    "flat": [1.0] * 9,
    "valley": [5.0, 3.0, 2.0, 2.5, 2.2, 1.95, 1.9, 3.0, 3.0, 3.0, 3.0],
    "rising": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    "small steps": [1.0, 0.99995, 0.9999, 0.99, 0.985, 0.9849, 0.9848],
    "not a number": [2.0, NAN, 1.0, NAN, NAN, 0.5, NAN, NAN, NAN],
    "noisy": list(np.random.default_rng(5).uniform(0, 1, 30)),
}


class Optimizer:
    """A float32 learning rate that can be set."""

    def __init__(self):
        self.learning_rate = 0.01

    @property
    def learning_rate(self):
        return self.rate

    @learning_rate.setter
    def learning_rate(self, rate):
        self.rate = np.float32(rate)


class Model:
    """Notes what callbacks do to it."""

    def __init__(self):
        self.optimizer = Optimizer()
        self.stop_training = False
        self.epoch = None
        self.doings = []

    def get_weights(self):
        return [self.epoch]

    def set_weights(self, weights):
        self.doings.append(("set_weights", weights))

    def save(self, path, overwrite):
        self.doings.append(("save", path))

    def save_weights(self, path, overwrite):
        self.doings.append(("save_weights", path))


def train(library, kind, options, curve, capsys, batches=3, fits=2):
    """Two trainings with one callback: what it did, what the history holds, what was printed."""
    callback = getattr(library, kind)(**options)
    record = []
    for _ in range(fits):
        model = Model()
        callbacks = library.CallbackList(
            [callback], add_history=True, model=model, epochs=len(curve), steps=batches, verbose=0
        )
        callbacks.on_train_begin()
        for model.epoch, value in enumerate(curve):
            callbacks.on_epoch_begin(model.epoch)
            for batch in range(batches):
                callbacks.on_train_batch_begin(batch)
                callbacks.on_train_batch_end(batch, {"loss": value, "accuracy": 1 - value})
            callbacks.on_epoch_end(
                model.epoch, {"val_loss": value, "loss": value / 2, "val_accuracy": 1 - value}
            )
            if model.stop_training:
                break
        callbacks.on_train_end()
        history = dict(model.history.history)
        record.append([model.doings, model.epoch, model.history.epoch, history])
        record.append([model.stop_training, float(model.optimizer.learning_rate)])
    return record, capsys.readouterr().out


def assert_same(kind, options, curve, capsys, **more):
    mine = train(ours, kind, options, curve, capsys, **more)
    reference = train(theirs, kind, options, curve, capsys, **more)
    assert repr(mine) == repr(reference)  # as text, for NaN is not equal to itself


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 1},
        {"patience": 3, "verbose": 1},
        {"patience": 2, "min_delta": 0.01},
        {"patience": 2, "baseline": 1.99},
        {"patience": 2, "restore_best_weights": True, "verbose": 1},
        {"patience": 3, "start_from_epoch": 2, "restore_best_weights": True, "verbose": 1},
        {"patience": 2, "baseline": 0.1, "restore_best_weights": True},
        {"patience": 2, "monitor": "val_accuracy", "mode": "max"},
    ],
)
def test_early_stopping(options, curve, capsys):
    assert_same("EarlyStopping", options, CURVES[curve], capsys)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factor": 0.5, "patience": 2, "verbose": 1},
        {"factor": 0.5, "patience": 1, "cooldown": 2, "verbose": 1},
        {"factor": 0.1, "patience": 1, "min_lr": 0.0005, "verbose": 1},
        {"patience": 0, "min_delta": 0.5, "verbose": 1},
        {"patience": 2, "monitor": "val_accuracy", "mode": "max"},
    ],
)
def test_reduce_lr_on_plateau(options, curve, capsys):
    assert_same("ReduceLROnPlateau", options, CURVES[curve], capsys)


@pytest.mark.parametrize("curve", ["falling", "valley", "noisy"])
@pytest.mark.parametrize(
    "options",
    [
        {"filepath": "{epoch:02d}-{val_loss:.3f}.keras", "verbose": 1},
        {"filepath": "best.keras", "save_best_only": True, "verbose": 1},
        {"filepath": "best.h5", "save_best_only": True, "initial_value_threshold": 2.1},
        {"filepath": "{epoch}.weights.h5", "save_weights_only": True, "save_freq": 4},
        {"filepath": "{epoch}-{batch}-{loss:.1f}.keras", "save_freq": 2, "verbose": 1},
        {
            "filepath": "{val_accuracy}.keras",
            "save_best_only": True,
            "monitor": "val_accuracy",
            "mode": "max",
            "verbose": 1,
        },
    ],
)
def test_model_checkpoint(options, curve, capsys, tmp_path):
    options = options | {"filepath": str(tmp_path / "new" / options["filepath"])}
    assert_same("ModelCheckpoint", options, CURVES[curve], capsys)


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch: 0.1 / (epoch + 1),
        lambda epoch, rate: rate * 0.9,
        lambda epoch, rate: np.float32(rate) / 2,
    ],
)
def test_learning_rate_scheduler(schedule, verbose, capsys):
    options = {"schedule": schedule, "verbose": verbose}
    assert_same("LearningRateScheduler", options, CURVES["falling"], capsys)


@pytest.mark.parametrize("curve", ["falling", "not a number"])
def test_terminate_on_nan(curve, capsys):
    assert_same("TerminateOnNaN", {}, CURVES[curve], capsys)
    assert_same("TerminateOnNaN", {}, [1.0, math.inf, 1.0], capsys)


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_logger(append, separator, capsys, tmp_path):
    options = {"separator": separator, "append": append}
    for library, name in ((ours, "ours.csv"), (theirs, "theirs.csv")):
        filename = str(tmp_path / name)
        train(library, "CSVLogger", options | {"filename": filename}, CURVES["noisy"], capsys)
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_csv_logger_without_validation(tmp_path):
    for library, name in ((ours, "ours.csv"), (theirs, "theirs.csv")):
        logger = library.CSVLogger(str(tmp_path / name))
        logger.on_train_begin()
        logger.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.75})
        logger.on_epoch_end(1, {"loss": 0.25, "accuracy": 1.0, "val_loss": 2.0})
        logger.on_train_end()
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


@pytest.mark.parametrize("options", [{}, {"append": True}, {"append": True, "separator": ";"}])
def test_csv_logger_of_arrays_lists_and_texts(options, tmp_path):
    logs = [
        {"loss": np.float32(0.5), "a": np.array(2.5), "b": np.array([1.0, 2.0]), "c": "text"},
        {"loss": np.float64(1e-9), "a": np.array(1), "b": [3, 4], "c": 't,x "y"', "more": 1.0},
        {"loss": np.nan, "a": math.inf, "b": (5, 6)},
    ]
    for library, name in ((ours, "ours.csv"), (theirs, "theirs.csv")):
        (tmp_path / name).write_text("epoch,kept\n")
        logger = library.CSVLogger(str(tmp_path / name), **options)
        for _ in range(2):
            logger.on_train_begin()
            for epoch, values in enumerate(logs):
                logger.on_epoch_end(epoch, values)
            logger.on_train_end()
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_lambda_callback(capsys):
    options = {
        "on_epoch_begin": lambda epoch, logs: print("epoch", epoch),
        "on_epoch_end": lambda epoch, logs: logs.update(added=1.0),
        "on_train_batch_end": lambda batch, logs: print(batch, sorted(logs.items())),
        "on_train_end": lambda logs: print("end"),
    }
    assert_same("LambdaCallback", options, CURVES["falling"], capsys)


def fit(callbacks):
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            callbacks.on_train_batch_end(batch, {"loss": 0.5, "accuracy": 1e-3})
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 0.25})
        callbacks.on_test_end({"loss": 0.25})
        callbacks.on_epoch_end(epoch, {"loss": 0.125, "val_loss": 0.25, "accuracy": 1e-4})
    callbacks.on_train_end()


def evaluate(callbacks):
    callbacks.on_test_begin()
    for batch in range(3):
        callbacks.on_test_batch_end(batch, {"loss": 0.25})
    callbacks.on_test_end({"loss": 0.5})


def predict(callbacks):
    callbacks.on_predict_begin()
    for batch in range(3):
        callbacks.on_predict_batch_end(batch, {"outputs": [[1.0]]})
    callbacks.on_predict_end()


@pytest.mark.parametrize("run", [fit, evaluate, predict])
@pytest.mark.parametrize("verbose", [1, 2, 3, 0])
def test_progbar_logger(run, verbose, capsys, monkeypatch):
    """What is left to see, apart from colours, when every line has been drawn for the last time."""
    monkeypatch.setattr("deepbasics.utils.progress.perf_counter", lambda: 1.0)
    monkeypatch.setattr("keras.src.utils.progbar.time.time", lambda: 1.0)

    def lines(library):
        loop = {"verbose": verbose, "epochs": 2, "steps": 3}
        run(library.CallbackList([], add_progbar=True, model=Model(), **loop))
        text = capsys.readouterr().out
        for code in ("\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"):
            text = text.replace(code, "")
        return [line.split("\r")[-1].rstrip() for line in text.split("\n")]

    assert lines(ours) == lines(theirs)
