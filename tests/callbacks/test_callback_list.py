import numpy as np
import pytest

from deepbasics.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger
from deepbasics.callbacks.base import HOOKS
from deepbasics.callbacks.logs import Logs


class Recorder(Callback):
    """Notes every hook it is called at."""

    def __init__(self):
        self.calls = []


def _recording(hook):
    return lambda self, *args: self.calls.append((hook, *args))


for _hook in HOOKS:
    setattr(Recorder, _hook, _recording(_hook))


class Model:
    stop_training = False


def test_every_hook_reaches_the_callback_with_its_position_and_logs():
    recorder = Recorder()
    callbacks = CallbackList([recorder])
    for hook in HOOKS:
        if hook in ("on_batch_begin", "on_batch_end"):
            continue
        position = (3,) if "batch" in hook or "epoch" in hook else ()
        getattr(callbacks, hook)(*position, {"loss": 1})
        assert recorder.calls[-1] == (hook, *position, {"loss": 1.0})


def test_callbacks_run_in_order_and_see_what_earlier_ones_added():
    first = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=1.0))
    callbacks = CallbackList([first], add_history=True, model=Model())
    callbacks.on_train_begin()
    callbacks.on_epoch_end(0, {"loss": 0.5})
    assert callbacks.model.history.history == {"loss": [0.5], "extra": [1.0]}


def test_history_and_bar_come_last_and_are_not_doubled():
    mine = History()
    callbacks = CallbackList(
        [mine], add_history=True, add_progbar=True, verbose=0, epochs=1, steps=1
    )
    assert [type(c) for c in callbacks.callbacks] == [History, ProgbarLogger]
    assert callbacks.callbacks[0] is mine


def test_logs_are_floats_in_alphabetical_order_without_nesting():
    seen = []
    callbacks = CallbackList(LambdaCallback(on_train_end=seen.append))
    callbacks.on_train_end({"loss": np.float32(0.5), "acc": np.array(1), "d": {"a": 2}, "t": "x"})
    assert list(seen[0].items()) == [("acc", 1.0), ("a", 2.0), ("loss", 0.5), ("t", "x")]
    assert {type(v) for v in seen[0].values()} == {float, str}


def test_legacy_batch_hooks_are_called_by_todays():
    class Old(Callback):
        batches = ()

        def on_batch_end(self, batch, logs=None):
            self.batches = (*self.batches, batch)

    old = Old()
    callbacks = CallbackList(old)
    assert callbacks.wants("on_train_batch_end")
    assert not callbacks.wants("on_train_batch_begin")
    callbacks.on_train_batch_end(4, {})
    assert old.batches == (4,)


def test_logs_of_a_batch_are_read_only_if_a_callback_is_due():
    class Sometimes(Callback):
        batches = ()

        def due(self, batch):
            return batch % 2 == 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches = (*self.batches, batch)

    reads = []

    def read():
        reads.append(True)
        return {"loss": 1.0}

    sometimes = Sometimes()
    callbacks = CallbackList([sometimes, LambdaCallback(on_epoch_end=print)])
    assert not callbacks.wants("on_train_batch_end")
    for batch in range(5):
        callbacks.on_train_batch_end(batch, read)
    assert sometimes.batches == (0, 2, 4)
    assert len(reads) == 3


def test_a_subclass_that_overrides_a_batch_hook_is_called_at_every_batch():
    class Mine(ProgbarLogger):
        batches = ()

        def on_train_batch_end(self, batch, logs=None):
            self.batches = (*self.batches, batch)

    mine = Mine()
    callbacks = CallbackList(mine, verbose=0, epochs=1, steps=3)
    callbacks.on_epoch_begin(0)
    for batch in range(3):
        callbacks.on_train_batch_end(batch, {})
    assert mine.batches == (0, 1, 2)


def test_params_and_model_reach_every_callback():
    callbacks = CallbackList([[Callback(), Callback()], Callback()], model=Model(), epochs=3)
    assert [c.params for c in callbacks.callbacks] == [{"epochs": 3}] * 3
    assert all(c.model is callbacks.model for c in callbacks.callbacks)


def test_a_class_or_another_thing_is_refused():
    with pytest.raises(TypeError, match=r"class History; pass an instance: History\(\.\.\.\)"):
        CallbackList([History])
    with pytest.raises(TypeError, match="'checkpoint', which is no Callback"):
        CallbackList(["checkpoint"])


def test_lookups_fall_back_to_other_spellings_of_a_metric():
    logs = Logs(acc=1, val_accuracy=2, out_mean_squared_error=3, learning_rate=4)
    assert logs["accuracy"] == logs.get("accuracy") == 1
    assert logs["val_acc"] == 2
    assert logs["out_mse"] == 3
    assert logs["lr"] == 4
    assert "val_acc" in logs
    assert "mae" not in logs
    assert logs.get("mae", 7) == 7
    assert sorted(logs) == ["acc", "learning_rate", "out_mean_squared_error", "val_accuracy"]
    with pytest.raises(KeyError, match="mae"):
        logs["mae"]


def test_a_spelling_that_is_there_wins():
    assert Logs(acc=1, accuracy=2)["acc"] == 1


def test_a_history_starts_its_epochs_anew_but_keeps_its_values():
    history = History()
    history.set_model(Model())
    for _ in range(2):
        history.on_train_begin()
        history.on_epoch_end(0, {"loss": 1.0})
    assert history.epoch == [0]
    assert history.history == {"loss": [1.0, 1.0]}
    assert history.model.history is history
