"""What a person hangs into training: the hooks, and which of them a callback uses."""

from collections.abc import Callable

LEGACY_HOOKS = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """Something to be called at points of `fit`, `evaluate` and `predict`; subclass it.

    Epochs and batches are counted from 0. `logs` holds Python floats: at the end of a batch the
    running means of the epoch so far, at the end of an epoch its metrics, `val_` ones included.
    What a callback adds to the logs of an epoch reaches the history and the progress bar.
    `self.model` is the model, `self.params` holds `epochs`, `steps` and `verbose`.
    `self.model.stop_training = True` ends training after the batch or epoch under way.

    Attributes:
        due: `None`, or a method `(batch) -> bool` that says, for each batch, whether the batch hook
            of its class has anything to do. Where none has, the loop does not read its metrics.
        validation_data: as Keras 2 had it, in `fit` with arrays to validate on: these as a list,
            inputs, then labels, then weights (ones where none were given); else None.
    """

    params: dict | None = None
    model: object = None
    due: Callable[[int], bool] | None = None
    validation_data: list | None = None

    def set_params(self, params: dict) -> None:
        """Takes what the loop knows of itself: `epochs`, `steps` (or `None`), `verbose`."""
        self.params = params

    def set_model(self, model: object) -> None:
        """Takes the model that is trained, evaluated or asked."""
        self.model = model

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """After the last epoch; `logs` are those of its end."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before the first batch of an epoch."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """After the last batch of an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a training batch."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """The name that Keras 1 and 2 had for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """The name that Keras 1 and 2 had for `on_train_batch_end`."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Before the first batch of an evaluation, that of the validation data included."""

    def on_test_end(self, logs: dict | None = None) -> None:
        """After the last batch of an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """Before the first batch of a prediction."""

    def on_predict_end(self, logs: dict | None = None) -> None:
        """After the last batch of a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a batch of a prediction; `logs["outputs"]` are its outputs."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def overrides(callback: object, hook: str) -> bool:
    """Whether a callback does anything at a hook; a hook set on the instance counts too."""
    method = getattr(callback, hook, None)
    if method is None:
        return False
    if getattr(method, "__func__", method) is not getattr(Callback, hook):
        return True
    return hook in LEGACY_HOOKS and overrides(callback, LEGACY_HOOKS[hook])


def due_of(callback: object, hook: str) -> Callable[[int], bool] | None:
    """A callback's `due` for a hook; `None` if a subclass has overridden the hook without it."""
    for kind in type(callback).__mro__:
        if "due" in vars(kind):
            return callback.due
        if hook in vars(kind):
            return None
    return None
