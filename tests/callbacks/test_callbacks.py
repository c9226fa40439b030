import math
import types

import pytest

from deepbasics.callbacks import (
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TerminateOnNaN,
)


class Model:
    """As much of a model as callbacks touch."""

    def __init__(self):
        self.stop_training = False
        self.epoch = 0
        self.saved = []
        self.metrics = []
        self.optimizer = types.SimpleNamespace(learning_rate=0.1)

    def get_weights(self):
        return [self.epoch]

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite):
        self.saved.append(path)

    def save_weights(self, path, overwrite):
        self.saved.append(path + " (weights)")


def train(callback, values, name="val_loss", batches=0):
    """Runs a callback through epochs in which a value is as given; returns the model."""
    model = Model()
    callbacks = CallbackList(callback, model=model, epochs=len(values))
    callbacks.on_train_begin()
    for model.epoch, value in enumerate(values):
        callbacks.on_epoch_begin(model.epoch)
        for batch in range(batches):
            callbacks.on_train_batch_end(batch, {"loss": value})
        callbacks.on_epoch_end(model.epoch, {name: value})
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model


def test_early_stopping_waits_for_its_patience():
    stopping = EarlyStopping(patience=2)
    assert train(stopping, [3, 2, 2, 2, 1]).epoch == 3
    assert stopping.stopped_epoch == 3
    assert stopping.best == 2
    assert stopping.best_epoch == 1


def test_early_stopping_starts_anew_with_each_training():
    stopping = EarlyStopping(patience=2)
    for _ in range(2):
        assert train(stopping, [1, 1, 1, 1]).epoch == 2


def test_best_weights_come_back_even_if_training_was_not_stopped(capsys):
    model = train(EarlyStopping(patience=9, restore_best_weights=True, verbose=1), [3, 1, 2])
    assert model.weights == [1]
    assert capsys.readouterr().out == (
        "Restoring model weights from the end of the best epoch: 2.\n"
    )


def test_nan_never_improves():
    stopping = EarlyStopping(patience=3)
    train(stopping, [math.nan, 5, math.nan, 4])
    assert stopping.best == 4
    assert stopping.best_epoch == 3


def test_training_never_stops_after_its_first_epoch():
    assert train(EarlyStopping(), [math.nan, math.nan, math.nan]).epoch == 1


def test_a_missing_value_is_warned_of_and_does_nothing():
    with pytest.warns(UserWarning, match="EarlyStopping watches 'val_loss'.*there is: loss"):
        model = train(EarlyStopping(), [1, 2], name="loss")
    assert not model.stop_training


def test_a_monitor_may_be_named_as_in_older_versions():
    assert train(EarlyStopping("val_acc"), [0.5, 0.4, 0.3], name="val_accuracy").epoch == 1


@pytest.mark.parametrize(
    ("name", "improves"),
    [
        ("loss", "down"),
        ("val_out_loss", "down"),
        ("accuracy", "up"),
        ("val_sparse_categorical_accuracy", "up"),
        ("auc_1", "up"),
        ("val_mae", "down"),
        ("root_mean_squared_error", "down"),
        ("cosine_similarity", "up"),
        ("binary_crossentropy", "down"),
    ],
)
def test_the_name_of_a_metric_tells_its_direction(name, improves):
    stopping = EarlyStopping(name, patience=9)
    train(stopping, [1, 2, 0], name=name)
    assert stopping.best == (2 if improves == "up" else 0)


def test_a_metric_under_a_name_of_ones_own_is_known_by_its_class():
    class MeanIoU:
        name = "score"

    stopping = EarlyStopping("val_score", patience=9)
    stopping.set_model(Model())
    stopping.model.metrics = [MeanIoU()]
    for epoch, value in enumerate([1, 2, 0]):
        stopping.on_epoch_end(epoch, {"val_score": value})
    assert stopping.best == 2


def test_an_unknown_direction_is_guessed_with_a_warning():
    with pytest.warns(UserWarning, match="smaller values of 'score' for better; pass mode='max'"):
        train(EarlyStopping("score"), [1, 2], name="score")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode='largest'; use 'auto', 'min' or 'max'"):
        EarlyStopping(mode="largest")


def test_a_plateau_reduces_the_rate_down_to_its_least(capsys):
    plateau = ReduceLROnPlateau(factor=0.5, patience=1, min_lr=0.03, verbose=1)
    model = train(plateau, [1, 1, 1, 1])
    assert model.optimizer.learning_rate == 0.03
    assert capsys.readouterr().out == (
        "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.05.\n"
        "\nEpoch 3: ReduceLROnPlateau reducing learning rate to 0.03.\n"
    )


def test_a_plateau_takes_the_old_name_of_min_delta():
    with pytest.warns(DeprecationWarning, match=r"epsilon=….*write min_delta=0\.5"):
        plateau = ReduceLROnPlateau(epsilon=0.5, patience=9)
    train(plateau, [1, 0.8])
    assert plateau.best == 1


def test_a_factor_that_does_not_reduce_is_refused():
    with pytest.raises(ValueError, match="factor=1; it must be below 1"):
        ReduceLROnPlateau(factor=1)


@pytest.mark.parametrize("schedule", [lambda epoch, rate: 0.5**epoch, lambda epoch: 0.5**epoch])
def test_a_schedule_may_take_the_rate_or_not(schedule):
    assert train(LearningRateScheduler(lambda epoch, rate: rate / 2), [1, 1]).optimizer == (
        types.SimpleNamespace(learning_rate=0.025)
    )
    assert train(LearningRateScheduler(schedule), [1, 1, 1]).optimizer.learning_rate == 0.25


def test_a_schedule_that_gives_no_float_is_refused():
    with pytest.raises(ValueError, match="must return a float; got None"):
        train(LearningRateScheduler(lambda epoch: None), [1])


def test_a_type_error_inside_a_schedule_is_not_swallowed():
    with pytest.raises(TypeError, match="unsupported operand"):
        train(LearningRateScheduler(lambda epoch, rate: rate + "x"), [1])


def test_a_checkpoint_fills_in_epoch_and_values_and_makes_folders(tmp_path):
    path = str(tmp_path / "a" / "{epoch:02d}-{val_acc:.2f}.keras")
    model = train(ModelCheckpoint(path), [0.5, 0.25], name="val_accuracy")
    assert [p.split("/")[-1] for p in model.saved] == ["01-0.50.keras", "02-0.25.keras"]
    assert (tmp_path / "a").is_dir()


def test_a_checkpoint_keeps_the_best(tmp_path):
    model = train(ModelCheckpoint(tmp_path / "{epoch}.h5", save_best_only=True), [3, 4, 2, 5])
    assert [p.split("/")[-1] for p in model.saved] == ["1.h5", "3.h5"]


def test_the_first_value_must_beat_the_threshold(tmp_path):
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}.h5", save_best_only=True, initial_value_threshold=2.5
    )
    assert [p.split("/")[-1] for p in train(checkpoint, [3, 2]).saved] == ["2.h5"]


def test_a_checkpoint_may_save_weights_alone(tmp_path):
    model = train(ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True), [1])
    assert model.saved == [str(tmp_path / "w.weights.h5 (weights)")]


def test_a_checkpoint_may_look_every_few_epochs(tmp_path):
    model = train(ModelCheckpoint(tmp_path / "{epoch}.hdf5", period=2), [1] * 5)
    assert [p.split("/")[-1] for p in model.saved] == ["2.hdf5", "4.hdf5"]


def test_a_checkpoint_may_count_batches_across_epochs(tmp_path):
    path = tmp_path / "{epoch}-{batch}.keras"
    model = train(ModelCheckpoint(path, save_freq=3), [1, 1], batches=4)
    assert [p.split("/")[-1] for p in model.saved] == ["1-3.keras", "2-2.keras"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filepath": "model.txt"}, "'model.txt'; .* must end in one of .keras, .h5, .hdf5"),
        ({"filepath": "m.keras", "save_weights_only": True}, "must end in one of .h5, .hdf5"),
        ({"filepath": "m.keras", "save_freq": "batch"}, "save_freq='batch'; use 'epoch' or"),
    ],
)
def test_a_checkpoint_that_could_not_save_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ModelCheckpoint(**options)


def test_an_unknown_name_in_a_path_is_an_error_that_lists_the_known(tmp_path):
    with pytest.raises(KeyError, match=r"cannot fill in 'auc'.*there is: epoch, val_loss"):
        train(ModelCheckpoint(tmp_path / "{auc}.keras"), [1])


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path):
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        train(ModelCheckpoint(tmp_path / "m.keras"), [1])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_training_ends_with_an_invalid_loss(loss, capsys):
    assert train(TerminateOnNaN(), [1, loss, 1], batches=1).epoch == 1
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match=f"loss is {loss} at batch 0"):
        train(TerminateOnNaN(raise_error=True), [loss], batches=1)


def test_a_table_of_logs_can_be_continued(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        train(CSVLogger(path, separator=";", append=True), [0.5, 0.25])
    assert path.read_text().split() == ["epoch;val_loss", "0;0.5", "1;0.25", "0;0.5", "1;0.25"]


def test_a_lambda_callback_takes_any_hook_and_refuses_other_names():
    epochs = []
    train(LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch)), [1, 1])
    assert epochs == [0, 1]
    LambdaCallback(on_test_begin=print)
    with pytest.raises(TypeError, match=r"'on_epoch_ended'\. Did you mean 'on_epoch_end'"):
        LambdaCallback(on_epoch_ended=print)


class Number:
    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


def averaging_model():
    model = Model()
    pairs = [(Number(1.0), Number(10.0))]
    model.optimizer = types.SimpleNamespace(use_ema=True, ema_pairs=lambda: pairs)
    return model, *pairs[0]


def test_an_evaluation_runs_on_the_averages():
    model, weight, average = averaging_model()
    callbacks = CallbackList(SwapEMAWeights(), model=model, epochs=1)
    callbacks.on_test_begin()
    assert (weight.value, average.value) == (10.0, 1.0)
    callbacks.on_test_end()
    assert (weight.value, average.value) == (1.0, 10.0)


def test_averages_stay_from_an_epochs_end_to_the_next_and_after_the_last():
    model, weight, average = averaging_model()
    callbacks = CallbackList(SwapEMAWeights(swap_on_epoch=True), model=model, epochs=2)
    callbacks.on_epoch_begin(0)
    assert weight.value == 1.0
    callbacks.on_epoch_end(0)
    assert weight.value == 10.0
    callbacks.on_epoch_begin(1)
    assert (weight.value, average.value) == (1.0, 10.0)
    callbacks.on_epoch_end(1)
    assert (weight.value, average.value) == (10.0, 10.0)


def test_an_optimizer_without_averages_is_refused():
    with pytest.raises(ValueError, match="use_ema=True"):
        CallbackList(SwapEMAWeights(), model=Model(), epochs=1).on_test_begin()
