"""Small callbacks: functions as hooks, a table of the logs, a guard, averaged weights."""

import csv
import math
import os
from collections.abc import Callable

from deepbasics import legacy, ops
from deepbasics.callbacks.base import HOOKS, Callback
from deepbasics.paths import as_path


class LambdaCallback(Callback):
    """A callback made from functions; any hook may be given by its name.

    Functions of epochs and batches take `(epoch, logs)` and `(batch, logs)`, others `(logs)`.

    Raises:
        TypeError: a keyword that is no hook.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., None] | None = None,
        on_epoch_end: Callable[..., None] | None = None,
        on_train_begin: Callable[..., None] | None = None,
        on_train_end: Callable[..., None] | None = None,
        on_train_batch_begin: Callable[..., None] | None = None,
        on_train_batch_end: Callable[..., None] | None = None,
        **hooks: Callable[..., None] | None,
    ) -> None:
        legacy.check_keywords("LambdaCallback", hooks, HOOKS)
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite; with `raise_error`, by a RuntimeError.

    It says in which batch, and which layer was the first whose output was not finite. For that it
    keeps a copy of the weights before each batch; the model keeps those after it.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error
        self._before: list = []

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._before = [ops.copy(v.value) for v in getattr(self.model, "variables", ())]

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        layer = self._first_layer()
        if self.raise_error:
            raise RuntimeError(f"The loss is {loss} at batch {batch}.{layer}")
        print(f"Batch {batch}: Invalid loss, terminating training", flush=True)
        if layer:
            print(f"Batch {batch}:{layer}", flush=True)
        self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self._before = []

    def _first_layer(self) -> str:
        """A sentence about the layer, by the weights that it had in that batch."""
        variables = list(getattr(self.model, "variables", ()))
        if not variables or len(variables) != len(self._before):
            return ""
        after = [ops.copy(v.value) for v in variables]
        try:
            self._set(variables, self._before)
            layer = self.model.first_not_finite()
        finally:
            self._set(variables, after)
        if layer is None:
            return " The outputs of all layers are finite, so it is the loss of these that is not."
        return (
            f" The first output that is not finite is that of layer {layer.name!r} "
            f"({type(layer).__name__})."
        )

    def _set(self, variables: list, values: list) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a table.

    The columns are `epoch` (counted from 0) and the names in the logs of the first epoch, sorted;
    where none of them is a `val_` one, there is an (empty, `NA`) column for each of those too.

    Args:
        filename: where to.
        separator: between two cells.
        append: adds to the file instead of replacing it; the header is written once.
    """

    def __init__(
        self, filename: str | os.PathLike, separator: str = ",", append: bool = False
    ) -> None:
        self.filename = as_path(filename)
        self.separator = separator
        self.append = append
        self._file = None
        self._names: list[str] | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.on_train_end()  # a training that was interrupted left its file open
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._names = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.separator)
        if self._names is None:
            self._names = sorted(logs)
            if not any(name.startswith("val_") for name in logs):
                self._names += [f"val_{name}" for name in self._names]
            if self._file.tell() == 0:
                writer.writerow(["epoch", *self._names])
        writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self._names)])
        self._file.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cell(value: object) -> object:
    if getattr(value, "shape", ()) or isinstance(value, list | tuple):
        return f'"[{", ".join(map(str, value))}]"'
    return value


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the moving averages of the weights, trains with the weights.

    Polyak averaging: for an optimizer with `use_ema=True`, whose `ema_pairs()` are the trainable
    variables, each with its average.

    Args:
        swap_on_epoch: keeps the averages in the model from the end of an epoch to the beginning of
            the next, for callbacks that follow, such as `ModelCheckpoint`; after the last epoch
            they stay there.

    Raises:
        ValueError: when it would swap, if the optimizer keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._averages_in_model = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch:
            self._put_averages(False)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch:
            self._put_averages(True)
            if epoch == self.params["epochs"] - 1:  # the optimizer ends by copying its averages
                for weight, average in self._pairs():
                    average.assign(weight.numpy())

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._put_averages(True)

    def on_test_end(self, logs: dict | None = None) -> None:
        self._put_averages(False)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._put_averages(True)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._put_averages(False)

    def _put_averages(self, wanted: bool) -> None:
        if wanted == self._averages_in_model:
            return
        for weight, average in self._pairs():
            value = weight.numpy()
            weight.assign(average.numpy())
            average.assign(value)
        self._averages_in_model = wanted

    def _pairs(self) -> list[tuple]:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                f"SwapEMAWeights needs an optimizer with use_ema=True; {optimizer!r} has not."
            )
        return optimizer.ema_pairs()
