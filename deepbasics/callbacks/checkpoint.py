"""Save the model while it trains."""

import os
from pathlib import Path

from deepbasics.callbacks.base import Callback
from deepbasics.callbacks.logs import Logs
from deepbasics.callbacks.monitor import Monitor
from deepbasics.paths import as_path

MODEL_FILES = (".keras", ".h5", ".hdf5")
WEIGHT_FILES = (".h5", ".hdf5")


class ModelCheckpoint(Callback):
    """Saves the model, or its weights, after epochs or batches; every time or when it improved.

    Args:
        filepath: where to. `{epoch}` (counted from 1), `{batch}` (with `save_freq=N`; from 1) and
            the names in the logs are filled in: `"best-{epoch:02d}-{val_loss:.2f}.keras"`. Missing
            folders are made.
        monitor: name of the value that decides what is best.
        verbose: 1 prints what it does.
        save_best_only: saves only if the value has improved.
        save_weights_only: calls `model.save_weights` rather than `model.save`.
        mode: `"min"`, `"max"` or `"auto"` (by the metric).
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: what the first value must beat.
        period: epochs between two looks (Keras 1 and 2).

    Raises:
        ValueError: an unknown file type or `save_freq`.
        KeyError: when saving, if `filepath` names something that the logs do not hold.
        OSError: when saving, if there is a folder at `filepath`, no room on the disk, and the like;
            a file that was there is as it was.
    """

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        period: int = 1,
    ) -> None:
        self.filepath = as_path(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.period = period
        self.best = initial_value_threshold
        self._monitor = Monitor("ModelCheckpoint", monitor, mode)
        self._epoch = 0
        self._epochs_waited = 0
        self._batches_waited = 0
        self._last_batch = -1
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"ModelCheckpoint got save_freq={save_freq!r}; use 'epoch' or a number of batches."
            )
        endings = WEIGHT_FILES if save_weights_only else MODEL_FILES
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"ModelCheckpoint got filepath={self.filepath!r}; with save_weights_only="
                f"{save_weights_only} it must end in one of {', '.join(endings)}."
            )

    def due(self, batch: int) -> bool:
        """Whether `save_freq` batches have passed since the last time."""
        if self.save_freq == "epoch":
            return False
        fresh_epoch = batch <= self._last_batch
        self._batches_waited += batch + 1 if fresh_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._batches_waited < self.save_freq:
            return False
        self._batches_waited = 0
        return True

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._look(self._epoch, {"batch": batch + 1, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._epochs_waited += 1
        if self.save_freq == "epoch" and self._epochs_waited >= self.period:
            self._epochs_waited = 0
            self._look(epoch, logs or {})

    def _look(self, epoch: int, logs: dict) -> None:
        path = self._path(epoch, logs)
        if self.save_best_only and not self._improved(epoch, logs, path):
            return
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
        self._save(path)
        self._say(epoch, f"finished saving model to {path}")

    def _path(self, epoch: int, logs: dict) -> str:
        names = Logs({"epoch": epoch + 1, **logs})
        try:
            return self.filepath.format_map(names)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint cannot fill in {error} in {self.filepath!r}; there is: "
                f"{', '.join(names)}."
            ) from None
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"ModelCheckpoint cannot fill in {self.filepath!r} with {names}: {error}."
            ) from None

    def _improved(self, epoch: int, logs: dict, path: str) -> bool:
        value = self._monitor.value(logs, self.model)
        if value is None:
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self._monitor.better(value, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {before}")
            return False
        change = f"improved from {before} to {value:.5f}"
        self._say(epoch, f"{self.monitor} {change}, saving model to {path}")
        self.best = value
        return True

    def _save(self, path: str) -> None:
        if Path(path).is_dir():
            raise IsADirectoryError(f"ModelCheckpoint needs a file; {path!r} is a folder.")
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise type(error)(
                error.errno, f"ModelCheckpoint cannot make its folder: {error.strerror}", path
            ) from None
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: {text}", flush=True)
