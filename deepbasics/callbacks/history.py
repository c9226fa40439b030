"""What `fit` returns."""

from deepbasics.callbacks.base import Callback
from deepbasics.callbacks.logs import Logs


class History(Callback):
    """Keeps the logs of every epoch; `fit` adds one and returns it.

    `history` maps each metric to its values, one per epoch; older names find them too
    (`history["val_acc"]`). `epoch` lists the epochs, counted from 0. `params` holds `epochs`,
    `steps` and `verbose`. It is also at `model.history`.
    """

    def __init__(self) -> None:
        self.history = Logs()
        self.epoch: list[int] = []

    def set_model(self, model: object) -> None:
        super().set_model(model)
        model.history = self

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
