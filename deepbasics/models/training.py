"""compile, fit, evaluate, predict: the loop around the steps."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from deepbasics import callbacks as callback_room
from deepbasics import legacy, tree
from deepbasics.backends import registry
from deepbasics.data import ArraySource, BatchSource, is_batches, split_validation
from deepbasics.models import inputs, steps
from deepbasics.models.compiled import Compiled
from deepbasics.random import next_key


class Training:
    """The part of a model that trains, evaluates and predicts."""

    compiled: Compiled | None = None
    stop_training = False
    history: Any = None

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
        `run_eagerly` runs each step op by op, for debugging. Raises ValueError for an unknown name,
        with the nearest known one.
        """
        with registry.use_backend(self.backend):
            self.compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics)
        self.run_eagerly = run_eagerly
        self.steps_per_execution, self.jit_compile = steps_per_execution, jit_compile
        self._programs = {}

    @property
    def optimizer(self) -> Any:
        """The optimizer, or None before `compile`."""
        return None if self.compiled is None else self.compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`."""
        return None if self.compiled is None else self.compiled.loss

    @property
    def metrics(self) -> list[Any]:
        """The metric objects, the loss's first."""
        return [] if self.compiled is None else self.compiled.trackers()

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return [] if self.compiled is None else self.compiled.labels

    def reset_metrics(self) -> None:
        """Forget all batches seen by the metrics."""
        for metric in self.metrics:
            metric.reset_state()

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
        with registry.use_backend(self.backend):
            source, validation = self._training_data(
                x, y, sample_weight, class_weight, inputs.check_batch_size(batch_size),
                shuffle, steps_per_epoch, validation_split, validation_data,
                validation_batch_size, validation_steps,
            )  # fmt: skip
            watch = callback_room.CallbackList(
                callbacks, add_history=True, add_progbar=verbose != 0, model=self,
                verbose=verbose, epochs=epochs, steps=source.steps,
            )  # fmt: skip
            self._fit(source, validation, watch, initial_epoch, epochs, validation_freq)
            return self.history

    def _fit(
        self, source: Any, validation: Any, watch: Any, start: int, epochs: int, frequency: Any
    ) -> None:
        self.stop_training = False
        watch.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(start, epochs):
            watch.on_epoch_begin(epoch)
            logs = self._epoch(source, epoch, watch)
            if validation is not None and _is_due(epoch, frequency):
                measured = self._evaluate(validation, watch)
                logs |= {f"val_{name}": value for name, value in sorted(measured.items())}
            watch.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        watch.on_train_end(logs)

    def _epoch(self, source: Any, epoch: int, watch: Any) -> dict[str, Any]:
        """Train on each batch once; returns the epoch's metrics."""
        self.compiled.reset()
        program = self._program("train", source.structure)
        begin, end = watch.on_train_batch_begin, watch.on_train_batch_end
        count = -1
        for count, (_, batch) in enumerate(source.epoch(epoch)):
            begin(count)
            program(*batch)
            end(count, self._logs)
            if self.stop_training:
                break
        _warn_if_short(source, count + 1)
        return self._logs()

    def _logs(self) -> dict[str, Any]:
        return dict(sorted(self.compiled.results().items()))

    def _training_data(
        self, x: Any, y: Any, w: Any, class_weight: Any, batch_size: int, shuffle: Any,
        steps_: int | None, split: float, validation: Any, validation_batch: int | None,
        validation_steps: int | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Checked sources of training and validation batches; builds whatever is not built."""
        if is_batches(x):
            source = BatchSource(x, steps=steps_, shuffle=shuffle is True, key=next_key())
            self._ready(*source.structure)
        else:
            parts = inputs.prepare(x, y, w)
            if split and validation is None:
                parts, validation = split_validation(parts, split)
            x, y, w = parts
            w = inputs.with_class_weight(y, w, class_weight)
            source = ArraySource(self._ready(x, y, w), batch_size, shuffle, next_key())
            if steps_ is not None:
                source.steps = min(steps_, source.steps)
        if validation is None:
            return source, None
        size = inputs.check_batch_size(validation_batch or batch_size)
        return source, self._evaluation_data(validation, size, validation_steps)

    def _evaluation_data(self, data: Any, batch_size: int, steps_: int | None) -> Any:
        if is_batches(data):
            source = BatchSource(data, steps=steps_)
            self._ready(*source.structure)
            return source
        if not isinstance(data, (tuple, list)) or not 1 <= len(data) <= 3:
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight).")
        parts = inputs.prepare(*(*data, None, None)[:3])
        source = ArraySource(self._ready(*parts), batch_size)
        source.steps = source.steps if steps_ is None else min(steps_, source.steps)
        return source

    def _ready(self, x: Any, y: Any, w: Any) -> tuple[Any, Any, Any]:
        """Build whatever is not built, check the data against it, and cast them once."""
        self.build_for(x)
        names, shapes = self.flat_output_names(), self.flat_output_shapes()
        targets = tree.flatten(y)
        self.compiled.build(names, [() if t is None else t.shape for t in targets], shapes)
        inputs.check_targets(self, y)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_weights)
        return inputs.cast_inputs(self, x), inputs.cast_targets(self, y), w

    def _program(self, kind: str, structure: Any) -> Any:
        """The step of a kind as the backend runs it, kept until something it depends on changes."""
        form = tree.map(lambda leaf: leaf is not None, structure)
        frozen = tuple(layer.trainable for layer in self.all_layers())
        constants = self.optimizer.constants() if kind == "train" else ()
        key = (kind, str(form), frozen, constants, registry.active())
        if key not in self._programs:
            make = {"train": steps.train_step, "test": steps.test_step}.get(
                kind, steps.predict_step
            )
            eager = getattr(self, "run_eagerly", False)
            self._programs[key] = registry.active().step(make(self, form), eager=eager)
        return self._programs[key]

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
        with registry.use_backend(self.backend):
            data = x if is_batches(x) else (x, y, sample_weight)
            source = self._evaluation_data(data, inputs.check_batch_size(batch_size), steps)
            watch = callback_room.CallbackList(
                callbacks, add_progbar=verbose != 0, model=self,
                verbose=verbose, epochs=1, steps=source.steps,
            )  # fmt: skip
            found = self._evaluate(source, watch)
        if return_dict:
            return found
        values = list(found.values())
        return values if len(values) > 1 else values[0]

    def _evaluate(self, source: Any, watch: Any) -> dict[str, Any]:
        """Metrics over all batches, in the order of `metrics_names`."""
        self.compiled.reset()
        program = self._program("test", source.structure)
        watch.on_test_begin()
        for count, (_, batch) in enumerate(source.epoch(0)):
            watch.on_test_batch_begin(count)
            program(*batch)
            watch.on_test_batch_end(count, self._logs)
        found = self.compiled.results()
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
        with registry.use_backend(self.backend):
            source = self._prediction_data(x, inputs.check_batch_size(batch_size), steps)
            watch = callback_room.CallbackList(
                callbacks, add_progbar=verbose != 0, model=self,
                verbose=verbose, epochs=1, steps=source.steps,
            )  # fmt: skip
            program = self._program("predict", source.structure)
            watch.on_predict_begin()
            batches = []
            for count, (_, batch) in enumerate(source.epoch(0)):
                watch.on_predict_batch_begin(count)
                batches.append([registry.active().numpy(t) for t in program(*batch)])
                watch.on_predict_batch_end(count, {"outputs": batches[-1]})
            watch.on_predict_end()
        outputs = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        return self.pack_outputs(outputs)

    def _prediction_data(self, x: Any, batch_size: int, steps_: int | None) -> Any:
        if is_batches(x):
            source = BatchSource(x, steps=steps_)
            self.build_for(source.structure[0])
            return source
        x, _, _ = inputs.prepare(x, None, None)
        self.build_for(x)
        return ArraySource((inputs.cast_inputs(self, x), None, None), batch_size)

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
        with registry.use_backend(self.backend):
            x, y, w = inputs.prepare(x, y, w)
            w = inputs.with_class_weight(y, w, class_weight)
            parts = self._ready(x, y, w)
            self.compiled.reset()
            batch = (
                None if a is None else registry.active().tensor(a) for a in tree.flatten(parts)
            )
            self._program(kind, parts)(*batch)
            found = self.compiled.results()
        if return_dict:
            return found
        values = list(found.values())
        return values if len(values) > 1 else values[0]


def _is_due(epoch: int, frequency: Any) -> bool:
    """Whether to validate after this epoch: every so many, or if listed (counted from 1)."""
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _warn_if_short(source: Any, count: int) -> None:
    if source.steps is not None and count < source.steps and getattr(source, "exhausted", False):
        warnings.warn(
            f"The data ran out after {count} of {source.steps} batches; the epoch ends here. A "
            "generator must yield at least steps_per_epoch * epochs batches.",
            stacklevel=4,
        )
