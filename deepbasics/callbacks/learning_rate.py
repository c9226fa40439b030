"""Change the learning rate while training."""

import inspect
from collections.abc import Callable

import numpy as np

from deepbasics import legacy
from deepbasics.callbacks.base import Callback
from deepbasics.callbacks.monitor import Monitor


def learning_rate_of(optimizer: object) -> float:
    """The learning rate of an optimizer as a Python float."""
    rate = optimizer.learning_rate
    return float(rate.numpy() if hasattr(rate, "numpy") else rate)


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by a factor when a value has stopped to improve.

    Args:
        monitor: name of the value in the logs.
        factor: below 1; `rate = max(rate * factor, min_lr)`.
        patience: epochs without improvement before the rate is reduced.
        verbose: 1 prints each reduction.
        mode: `"min"`, `"max"` or `"auto"` (by the metric).
        min_delta: an improvement is a change of more than this (Keras 1: `epsilon`).
        cooldown: epochs after a reduction in which none are counted.
        min_lr: the least rate.

    Adds `learning_rate`, as it was during the epoch, to the logs.
    """

    @legacy.keywords("ReduceLROnPlateau")
    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau got factor={factor}; it must be below 1.")
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._monitor = Monitor("ReduceLROnPlateau", monitor, mode, min_delta)
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        current = self._monitor.value(logs, self.model)
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self.model.optimizer)
        if current is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._monitor.better(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        rate = learning_rate_of(self.model.optimizer)
        if rate <= np.float32(self.min_lr):
            return
        rate = max(rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            text = f"ReduceLROnPlateau reducing learning rate to {rate}."
            print(f"\nEpoch {epoch + 1}: {text}", flush=True)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: `(epoch, rate) -> rate` or `(epoch) -> rate`; epochs are counted from 0.
        verbose: 1 prints each rate.

    Adds `learning_rate` to the logs.

    Raises:
        ValueError: at the beginning of an epoch, if the schedule gives no float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        rate = learning_rate_of(self.model.optimizer)
        rate = self.schedule(*(epoch, rate)[: _arguments(self.schedule)])
        if not isinstance(rate, float | np.floating):
            raise ValueError(f"The schedule of a learning rate must return a float; got {rate!r}.")
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            text = f"LearningRateScheduler setting learning rate to {rate}."
            print(f"\nEpoch {epoch + 1}: {text}", flush=True)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self.model.optimizer)


def _arguments(schedule: Callable[..., float]) -> int:
    """How many of (epoch, rate) a schedule takes."""
    try:
        inspect.signature(schedule).bind(0, 0.0)
    except (TypeError, ValueError):  # it does not, or does not say
        return 1
    return 2
