"""Stop when training no longer helps."""

from deepbasics.callbacks.base import Callback
from deepbasics.callbacks.monitor import Monitor


class EarlyStopping(Callback):
    """Ends training when a value has stopped to improve.

    Args:
        monitor: name of the value in the logs.
        min_delta: an improvement is a change of more than this.
        patience: epochs without improvement before training ends; 0 acts as 1.
        verbose: 1 prints what it does.
        mode: `"min"`, `"max"` or `"auto"` (by the metric).
        baseline: until the value has been better than this, improvements do not count.
        restore_best_weights: gives the model the weights of its best epoch when training ends,
            whether it ends early or not.
        start_from_epoch: epochs before it are not looked at.

    After training, `stopped_epoch` (0: not stopped), `best_epoch` and `best` tell what happened.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.monitor = monitor
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        current = self._monitor.value(logs, self.model)
        if current is None or epoch < self.start_from_epoch:
            return
        improved = self._monitor.better(current, self.best)
        if improved:
            self.best = current
        if improved or (self.restore_best_weights and self.best_weights is None):
            self._keep(epoch)
        self.wait += 1
        if improved:
            if self.baseline is None or self._monitor.better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", flush=True)
        if self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}.",
                    flush=True,
                )
            self.model.set_weights(self.best_weights)
