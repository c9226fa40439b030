"""What a subclass of `Model` may define to change what a step does, in Keras' terms."""

from collections.abc import Mapping
from typing import Any

from deepbasics import logits, tree
from deepbasics.backends import registry
from deepbasics.layers.shapes import specs
from deepbasics.losses.base import widened
from deepbasics.models import inputs, steps
from deepbasics.models.graph import single
from deepbasics.models.unrepeatable import watched

_OWN = ("train_step", "test_step", "predict_step", "compute_metrics")
_STEPS = {"train": steps.train_step, "test": steps.test_step, "predict": steps.predict_step}


class Hooks:
    """The part of a model that says what its steps are.

    A step is code over `deepbasics.ops`: it is recorded once and replayed, so it must not branch on
    the value of a tensor. Its first call runs as it is written: it may build layers and optimizers.

    >>> import deepbasics as db
    >>> class Squeezed(db.Sequential):
    ...     def train_step(self, data):
    ...         x, y = data
    ...         def loss():
    ...             return self.compute_loss(y=y, y_pred=db.ops.tanh(self(x, training=True)))
    ...         value, gradients = db.gradients(loss, self.trainable_variables)
    ...         self.optimizer.apply(gradients, self.trainable_variables)
    ...         return {"loss": value}
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        """One update on `data`, a batch `(x,)`, `(x, y)` or `(x, y, sample_weight)` of tensors.

        Returns what to show of it, by name. A subclass may take gradients with
        `deepbasics.gradients(function, variables)`, and apply them with any optimizer.
        """
        return self._built_in("train", data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics on a batch, by name."""
        return self._built_in("test", data)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch."""
        return self(data[0], training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss given to `compile` and the penalties of layers and weights, a scalar tensor.

        A subclass may define its own, over ops.
        """
        outputs, y, w = self._per_output(y, y_pred, sample_weight)
        total, each = self.compiled.compute_loss(y, outputs, w)
        self.compiled.track_each(each, int(outputs[0].shape[0]))
        return steps.with_penalties(total, self.losses)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Takes a batch into the metrics given to `compile`; returns the values of all so far."""
        outputs, y, w = self._per_output(y, y_pred, sample_weight)
        self.compiled.measure(y, outputs, w)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The values of all metrics so far, by name, as tensors."""
        named = zip(self.metrics_names, self.metrics, strict=True)
        return {name: metric.result() for name, metric in named}

    # metrics --------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The loss's and those given to `compile`, then those held by the model and its layers."""
        return [*self._compiled_metrics(), *self._walked().metrics]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        compiled = [] if self.compiled is None else self.compiled.labels
        names = {id(m): n for m, n in zip(self._compiled_metrics(), compiled, strict=True)}
        return [names.get(id(metric), metric.name) for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Forget all batches seen by the metrics."""
        for metric in self.metrics:
            metric.reset_state()

    def _compiled_metrics(self) -> list[Any]:
        return [] if self.compiled is None else self.compiled.trackers()

    # how the loop asks ----------------------------------------------------------------------------

    def overrides(self, *names: str) -> bool:
        """Whether a subclass defines one of these methods."""
        return any(getattr(type(self), name) is not getattr(Hooks, name) for name in names)

    def has_own_steps(self) -> bool:
        """Whether a subclass defines a step, or what a step shows."""
        return self.overrides(*_OWN)

    def _per_output(self, y: Any, y_pred: Any, w: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """(outputs, labels, weights), one of each for each output; builds losses and metrics."""
        if self._outputs_form is None:
            self._outputs_form = specs(y_pred)
        outputs, names = [widened(y) for y in tree.flatten(y_pred)], self.flat_output_names()
        y, w = (inputs.spread(part, names) for part in (y, w))
        shapes = [(None, *t.shape[1:]) for t in outputs]
        self.compiled.choose_losses(names)
        self.compiled.build(names, [() if t is None else tuple(t.shape) for t in y], shapes)
        return outputs, y, w

    def _built_in(self, kind: str, data: Any) -> dict[str, Any]:
        """The built-in step on a batch."""
        x, y, w = (*data, None, None)[:3] if isinstance(data, (tuple, list)) else (data, None, None)
        if self._outputs_form is None:
            self._outputs_form = specs(self(x, training=False))
        names = self.flat_output_names()
        batch = (x, inputs.spread(y, names), inputs.spread(w, names))
        shapes = self.flat_output_shapes()
        self.compiled.choose_losses(names)
        self.compiled.build(names, [() if t is None else tuple(t.shape) for t in batch[1]], shapes)
        form = tree.map(lambda leaf: leaf is not None, batch)
        logs = _STEPS[kind](self, form)(*tree.flatten(batch))
        return self.get_metrics_result() if logs is None else logs

    def measure(self, x: Any, y: Any, outputs: Any, w: Any) -> dict[str, Any] | None:
        """Take a batch into the metrics; what to show where a subclass says so, else None."""
        if not self.overrides("compute_metrics"):
            self.compiled.measure(y, outputs, w)
            return None
        return self.compute_metrics(x, single(y), single(outputs), single(w))

    def between_batches(self, method: str) -> Any:
        """`reset_metrics` or `get_metrics_result`, recorded where all metrics are the library's."""
        metrics = self.metrics
        made = sum([len(metric.variables) for metric in metrics])  # some come late
        key = (method, *metrics, made, self.run_eagerly, self.compiled is None)
        return self._kept(key, lambda: self._recorded(method, metrics))()

    def _recorded(self, method: str, metrics: list[Any]) -> Any:
        known = all(type(m).__module__.startswith("deepbasics.") for m in metrics)
        plain = self.overrides(method) or not known or self.run_eagerly or self.compiled is None
        return getattr(self, method) if plain else registry.active().step(getattr(self, method))


class Program:
    """A step as a backend runs it. One that a subclass wrote runs as it is the first time."""

    def __init__(self, model: Any, kind: str, form: Any) -> None:
        self._backend = registry.active()
        self._own = model.has_own_steps()
        step = _own_step(model, kind, form) if self._own else _STEPS[kind](model, form)
        self._step = step if model.run_eagerly else watched(step, model, self._own)
        self._settings = {"eager": model.run_eagerly, "compiled": model.jit_compile is True}
        self.recorded: Any = None

    def __call__(self, *batch: Any) -> Any:
        if self.recorded is not None:
            return self.recorded(*batch)
        recorded = self.recorder()
        return self._step(*batch) if self._own else recorded(*batch)

    def ready(self, batch: Any) -> Any:
        """See `Backend.step`."""
        return self

    def recorder(self) -> Any:
        """The backend's step."""
        if self.recorded is None:
            self.recorded = self._backend.step(self._step, **self._settings)
        return self.recorded


def _own_step(model: Any, kind: str, form: Any) -> Any:
    method = getattr(model, f"{kind}_step")

    def step(*flat: Any) -> Any:
        x, y, w = tree.pack_as(form, flat)
        data = (x, y, w) if w is not None else (x, y) if y is not None else (x,)
        with logits.scope():
            found = method(data)
        if kind != "predict":
            if found is not None and not isinstance(found, Mapping):
                raise TypeError(
                    f"{kind}_step returns a dict of what to show, such as "
                    f'{{"loss": value}}; it returned {type(found).__name__}.'
                )
            return found
        model.predicted = specs(found)
        return tree.flatten(found)

    return step
