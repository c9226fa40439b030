"""compile, fit, evaluate, predict: the loop around the steps."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from deepbasics import callbacks as callback_room
from deepbasics import config, legacy, tree
from deepbasics.backends import registry
from deepbasics.data import ArraySource, BatchSource, capped, is_batches
from deepbasics.errors import as_count
from deepbasics.models import inputs, interrupts
from deepbasics.models.compiled import Compiled, as_number
from deepbasics.models.frozen import Flags
from deepbasics.models.instruments import Instruments
from deepbasics.models.preparing import Preparing
from deepbasics.variables import Variable


class Training(Preparing, Instruments):
    """The part of a model that trains, evaluates and predicts."""

    stop_training = False
    history: Any = None
    predicted: Any = None  # the form of what a predict_step of a subclass gives
    stop_evaluating = False
    stop_predicting = False
    _shown: Any = None  # what the last step gave to show, where a subclass wrote it
    _batch: Any = None  # where a callback follows, the form and the arrays of the batch under way
    run_eagerly = False
    jit_compile: str | bool = "auto"

    @legacy.keywords("compile")
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: str | bool = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train: optimizer, loss and metrics, each by name or object.

        For several outputs, `loss`, `loss_weights` and `metrics` are lists or dicts by output name.
        `run_eagerly` runs each step op by op, for debugging; else it is recorded and replayed.
        `jit_compile=True` also gives what was recorded to the backend's compiler: `torch.compile`
        on torch, which takes seconds to minutes at first and may change last digits; NumPy has
        none, and "auto" never asks for one. `auto_scale_loss` wraps the optimizer of a
        "mixed_float16" model in a `LossScaleOptimizer`. Raises ValueError for an unknown name,
        with the nearest known one.
        """
        loss_weights, metrics = legacy.compile_arguments(loss_weights, metrics)
        with registry.use_backend(self.backend):
            self.compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics)
            if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
                self.compiled.scale_loss()
        self._flags = Flags([self, *self.all_layers()])
        self.run_eagerly = run_eagerly
        self.steps_per_execution, self.jit_compile = steps_per_execution, jit_compile
        self._programs = {}
        self._gathered = None

    @property
    def optimizer(self) -> Any:
        """The optimizer, or None before `compile`."""
        return None if self.compiled is None else self.compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`."""
        return None if self.compiled is None else self.compiled.loss

    # fit ------------------------------------------------------------------------------------------

    @legacy.keywords("fit")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Iterable[int] = 1,
    ) -> Any:
        """Train; returns a `History`.

        Args:
            x, y: arrays, DataFrames, tensors or lists, nests of these for several inputs or
                outputs; or `x` alone: a generator, `PyDataset` or `DataLoader` of (x, y) or (x, y,
                sample_weight) batches.
            batch_size: rows per update, default 32; the last batch may be smaller.
            epochs: the index of the last epoch (the count, when `initial_epoch` is 0).
            verbose: 0 silent, 1 a progress bar, 2 one line per epoch; "auto" is 1.
            validation_split: the fraction of rows, taken from the end before shuffling, to validate
                on.
            validation_data: (x, y) or (x, y, sample_weight) to validate on after each epoch.
            shuffle: True draws a new order each epoch, "batch" only within batches.
            class_weight: dict from class id to weight; classes not named weigh 1.
            sample_weight: one weight per row (or per entry of the loss).

        Raises ValueError, before any weight has changed, for data that do not fit the model or the
        loss.
        """
        self._require_compiled("fit")
        epochs, initial_epoch = (
            as_count(name, value, least=0)
            for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch))
        )
        epochs = min(epochs, config.max_epochs() or epochs)
        due = _due(validation_freq)
        if shuffle not in (True, False, "batch"):
            raise ValueError(f'shuffle must be True, False or "batch"; got {shuffle!r}.')
        with self._settled():
            source, validation = self._training_data(
                x, y, sample_weight, class_weight, batch_size, shuffle, steps_per_epoch,
                validation_split, validation_data, validation_batch_size, validation_steps,
            )  # fmt: skip
            watch = callback_room.CallbackList(
                callbacks, add_history=True, add_progbar=verbose != 0, model=self,
                verbose=verbose, epochs=epochs, steps=source.steps,
            )  # fmt: skip
            watch.set_validation_data(validation)
            with interrupts.held_back() as interrupt:
                self._fit(source, validation, watch, range(initial_epoch, epochs), due, interrupt)
            return self.history

    def _fit(
        self, source: Any, validation: Any, watch: Any, epochs: range,
        due: Callable[[int], bool], interrupt: interrupts.Interrupts,
    ) -> None:  # fmt: skip
        self.stop_training = False
        watch.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in epochs:
            watch.on_epoch_begin(epoch)
            if not self._epoch(source, epoch, watch, interrupt):
                break
            logs = self._logs()
            if validation is not None and due(epoch):
                measured = self._evaluate(validation, watch)
                logs |= {f"val_{name}": value for name, value in sorted(measured.items())}
            watch.on_epoch_end(epoch, logs)
            interrupt.check()
            if self.stop_training:
                break
        if epochs and self.optimizer.built:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        watch.on_train_end(logs)
        self._batch = None

    def _epoch(self, source: Any, epoch: int, watch: Any, interrupt: interrupts.Interrupts) -> bool:
        """Train on each batch once; returns whether there was any."""
        self.between_batches("reset_metrics")
        program, logs = self._training_program(source), self._logs
        begin, end = watch.on_train_batch_begin, watch.on_train_batch_end
        count, watched, shown = -1, not watch.idle("train"), None
        run, filled = program, None
        for count, (_, batch) in enumerate(source.epoch(epoch)):
            if watched:
                self._batch = (source.structure, batch)
                begin(count)
                if self._moves != Variable.moves:  # a callback took the model elsewhere
                    run = program = self._training_program(source)
            if batch is not filled or run is program:  # else the same buffers, filled anew
                run, filled = program.ready(batch), batch
            shown = run(*batch)
            if watched:
                self._shown = shown
                end(count, logs)
            if interrupt.raised:
                raise KeyboardInterrupt
            if self.stop_training:
                break
        self._shown = shown
        if count < 0:
            warnings.warn(
                f"The data ran out before epoch {epoch + 1}; training ends here. A generator must "
                "yield at least steps_per_epoch * epochs batches.",
                stacklevel=legacy.level_of_caller(),
            )
        return count >= 0

    def _logs(self) -> dict[str, Any]:
        return dict(sorted(self._results().items()))

    def _results(self) -> dict[str, Any]:
        """The metrics so far; what a step of a subclass gave, where that is something else."""
        shown = self._shown
        if shown is None or set(shown) <= set(self.metrics_names):
            found = self.between_batches("get_metrics_result")
            if shown is not None and "loss" in shown and self.compiled.saw_no_loss():
                found = {**found, "loss": shown["loss"]}  # which the step computed by itself
            shown = found if shown is None else {name: found[name] for name in shown}
        return {name: as_number(value) for name, value in shown.items()}

    def _require_compiled(self, method: str) -> None:
        if self.compiled is None:
            raise RuntimeError(
                f"{method} needs to know the loss: call compile first, e.g. "
                f'{self.name}.compile(optimizer="adam", loss="mse").'
            )

    # evaluate -------------------------------------------------------------------------------------

    @legacy.keywords("evaluate")
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on data: a float, a list in the order of `metrics_names`, or a dict."""
        self._require_compiled("evaluate")
        with self._settled():
            data = x if is_batches(x) else (x, y, sample_weight)
            size = as_count("batch_size", batch_size, 32)
            source = self._evaluation_data(data, size, steps)
            watch = callback_room.CallbackList(
                callbacks, add_progbar=verbose != 0, model=self,
                verbose=verbose, epochs=1, steps=source.steps,
            )  # fmt: skip
            found = self._evaluate(source, watch)
        return found if return_dict else _as_result(found)

    def _evaluate(self, source: Any, watch: Any) -> dict[str, Any]:
        """Metrics over all batches, in the order of `metrics_names`."""
        self.between_batches("reset_metrics")
        program = self._program("test", source.structure)
        self.stop_evaluating = False
        watch.on_test_begin()
        watched, shown = not watch.idle("test"), None
        for count, (_, batch) in enumerate(source.epoch(0)):
            if watched:
                watch.on_test_batch_begin(count)
            shown = program(*batch)
            if watched:
                self._shown = shown
                watch.on_test_batch_end(count, self._logs)
                if self.stop_evaluating:
                    break
        self._shown = shown
        found = self._results()
        watch.on_test_end(dict(sorted(found.items())))
        return found

    # predict --------------------------------------------------------------------------------------

    @legacy.keywords("predict")
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all rows of `x`, as NumPy arrays; a nest of them for several outputs."""
        size = as_count("batch_size", batch_size, 32)
        limit = as_count("steps", steps, None)
        watched = bool(callbacks) or verbose != 0
        with registry.use_backend(self.backend):
            if is_batches(x):
                source = BatchSource(x, self._prediction_data, limit=limit)
            else:
                data = self._prediction_data(x, rows=size)
                if not watched and limit is None and len(tree.flatten(data[0])[0]) <= size:
                    return self._packed(self._outputs(self._program("predict", data), data))
                source = ArraySource(data, size)
                source.steps = min(limit or source.steps, source.steps)
            source = capped(source)
            watch = callback_room.CallbackList(
                callbacks, add_progbar=verbose != 0, model=self,
                verbose=verbose, epochs=1, steps=source.steps,
            )  # fmt: skip
            program = self._program("predict", source.structure)
            self.stop_predicting = False
            watch.on_predict_begin()
            batches = []
            for count, (_, batch) in enumerate(source.epoch(0)):
                watch.on_predict_batch_begin(count)
                batches.append(self._outputs(program, batch))
                watch.on_predict_batch_end(count, {"outputs": batches[-1]})
                if self.stop_predicting:
                    break
            watch.on_predict_end()
        return self._packed([np.concatenate(parts) for parts in zip(*batches, strict=True)])

    def _outputs(self, program: Any, batch: Any) -> list[np.ndarray]:
        """The outputs for a batch (or for all data, which are one), as arrays."""
        backend = registry.active()
        tensors = [None if a is None else backend.tensor(a) for a in tree.flatten(batch)]
        return [backend.numpy(tensor) for tensor in program(*tensors)]

    def _packed(self, outputs: list[np.ndarray]) -> Any:
        """The outputs in the form that the model gives them in."""
        if self.overrides("predict_step"):
            return tree.pack_as(self.predicted, outputs)
        return self.pack_outputs(outputs)

    # one batch ------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One update on one batch; the metrics of this batch alone."""
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The metrics of one batch."""
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs of one batch."""
        return self.predict(x, batch_size=len(tree.flatten(x)[0]), verbose=0)

    def _on_batch(
        self, kind: str, x: Any, y: Any, w: Any, class_weight: Any, return_dict: bool
    ) -> Any:
        self._require_compiled(f"{kind}_on_batch")
        with self._settled() as backend:
            parts = self._ready(*inputs.as_data(x, y, w), class_weight, kind == "train")
            if kind == "train":
                self._build_optimizer()
            self.between_batches("reset_metrics")
            batch = (None if a is None else backend.tensor(a) for a in tree.flatten(parts))
            self._shown = self._program(kind, parts)(*batch)
            found = self._results()
        return found if return_dict else _as_result(found)


def _as_result(found: dict[str, Any]) -> Any:
    """What `evaluate` returns: the loss alone, or a list if there are metrics."""
    values = list(found.values())
    return values if len(values) > 1 else values[0]


def _due(frequency: Any) -> Callable[[int], bool]:
    """Whether to validate after an epoch: every so many, or if listed (counted from 1)."""
    if isinstance(frequency, (list, tuple, set, range, np.ndarray)):
        listed = set(frequency)
        return lambda epoch: epoch + 1 in listed
    every = as_count("validation_freq", frequency)
    return lambda epoch: (epoch + 1) % every == 0
