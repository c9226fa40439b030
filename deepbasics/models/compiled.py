"""What `compile` was given; once shapes are known, a loss and metrics for each output."""

from collections.abc import Mapping, Sequence
from typing import Any

from deepbasics import errors, losses, metrics, optimizers, tree
from deepbasics.losses.base import reduce
from deepbasics.metrics import Mean

ACCURACY = ("accuracy", "acc", "crossentropy", "ce")


class Compiled:
    """Optimizer, losses and metrics of a model.

    `loss`, `loss_weights`, `metrics` and `weighted_metrics` are one thing, or for several outputs a
    list in their order or a dict by output name. Names are checked here; `build` resolves them when
    the shapes are known.
    """

    def __init__(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        if not isinstance(self.optimizer, optimizers.Optimizer):
            raise TypeError(
                'An optimizer must be a name such as "adam", an Optimizer or a dict from '
                f"serialize(); got {optimizer!r}."
            )
        self.loss, self.loss_weights = loss, loss_weights
        self.metrics = [metrics] if _is_one(metrics) else metrics
        self.weighted_metrics = (
            [weighted_metrics] if _is_one(weighted_metrics) else weighted_metrics
        )
        for identifier in tree.flatten(loss):
            if identifier is not None:
                losses.resolve(identifier)
        for identifier in tree.flatten([self.metrics or [], self.weighted_metrics or []]):
            if identifier is not None and identifier not in ACCURACY:
                _check_metric(identifier)
        self._chosen_for: Any = None
        self._built_for: Any = None
        self.output_losses: list[Any] = []
        self.weights: list[float] = []
        self.loss_tracker = Mean(name="loss")
        self.loss_trackers: list[Mean] = []
        self._metrics: list[list[tuple[str, Any, bool]]] = []

    def scale_loss(self) -> None:
        """Scale the loss, as gradients in float16 need."""
        if not isinstance(self.optimizer, optimizers.LossScaleOptimizer):
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer)

    def choose_losses(self, names: Sequence[str]) -> None:
        """Resolve the loss of each output, by its name."""
        if self._chosen_for == names:
            return
        self.output_losses = [losses.resolve(item) for item in per_output(self.loss, names, "loss")]
        self.weights = [
            1.0 if w is None else float(w)
            for w in per_output(self.loss_weights, names, "loss_weights")
        ]
        self._chosen_for = names

    def build(
        self, names: Sequence[str], y_shapes: Sequence[Any], output_shapes: Sequence[Any]
    ) -> bool:
        """Resolve the metrics of each output, by its name and both shapes (with the batch).

        Returns whether there was something to do: once is enough, until outputs change.
        """
        if self._built_for == (names, output_shapes):
            return False
        several = len(names) > 1
        measured = zip(names, self.output_losses, strict=True) if several else ()
        self.loss_trackers = [Mean(name=f"{n}_loss") for n, loss in measured if loss is not None]
        plain = per_output(self.metrics, names, "metrics", lists=True)
        weighted = per_output(self.weighted_metrics, names, "weighted_metrics", lists=True)
        taken: set[str] = set()
        self._metrics = []
        for i, name in enumerate(names):
            prefix = f"{name}_" if several else ""
            found = []
            for group, is_weighted in ((plain[i], False), (weighted[i], True)):
                for item in group:
                    metric = metrics.resolve(
                        item, self.output_losses[i], y_shapes[i], output_shapes[i]
                    )
                    label = _free(f"{prefix}{metric.name}", taken, is_weighted)
                    found.append((label, metric, is_weighted))
            self._metrics.append(found)
        self._built_for = (names, output_shapes)
        return True

    @property
    def labels(self) -> list[str]:
        """The names of what is measured, "loss" first, then in the order of `compile`."""
        return ["loss", *(t.name for t in self.loss_trackers), *(n for n, _, _ in self.flat())]

    def flat(self) -> list[tuple[str, Any, bool]]:
        """(name, metric, whether it is weighted) of all outputs."""
        return [item for found in self._metrics for item in found]

    def trackers(self) -> list[Any]:
        """All metrics, those of the losses first."""
        return [self.loss_tracker, *self.loss_trackers, *(m for _, m, _ in self.flat())]

    def compute_loss(
        self, y: Sequence[Any], y_pred: Sequence[Any], weights: Sequence[Any]
    ) -> tuple[Any, list[Any]]:
        """(the weighted sum of the outputs' losses or None, the loss of each output)."""
        total, each = None, []
        for loss, scale, target, output, w in zip(
            self.output_losses, self.weights, y, y_pred, weights, strict=True
        ):
            value = None if loss is None else _scalar(loss(target, output, w))
            each.append(value)
            if value is not None:
                value = value if scale == 1.0 else value * scale
                total = value if total is None else total + value
        return total, each

    def track(self, loss: Any, each: Sequence[Any], rows: int) -> None:
        """Take the losses of a batch of so many rows into those of the epoch."""
        self._track(self.loss_tracker, loss, rows)
        self.track_each(each, rows)

    def saw_no_loss(self) -> bool:
        """Whether no loss was tracked since the last reset."""
        return not self.loss_tracker.count.numpy()

    def track_each(self, each: Sequence[Any], rows: int) -> None:
        """As `track`, for the loss of each output."""
        known = [value for value in each if value is not None]
        for tracker, value in zip(self.loss_trackers, known, strict=False):
            self._track(tracker, value, rows)

    def measure(self, y: Sequence[Any], y_pred: Sequence[Any], weights: Sequence[Any]) -> None:
        """Take a batch into the metrics."""
        for found, target, output, w in zip(self._metrics, y, y_pred, weights, strict=True):
            for _, metric, is_weighted in found:
                metric.update_state(target, output, w if is_weighted else None)

    @staticmethod
    def _track(tracker: Mean, value: Any, rows: int) -> None:
        tracker.total.assign_add(value * float(rows))
        tracker.count.assign_add(rows)


def as_number(value: Any) -> Any:
    """A float, or a list of floats where a metric gives several."""
    from deepbasics import ops

    array = ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else array.tolist()


def _scalar(value: Any) -> Any:
    """A loss with reduction "none" is averaged for training."""
    return reduce(value) if value.shape else value


def _is_one(value: Any) -> bool:
    return value is not None and not isinstance(value, (list, tuple, Mapping))


def _check_metric(identifier: Any) -> None:
    try:
        metrics.get(identifier)
    except ValueError as error:
        known = ", ".join(ACCURACY[:2])
        hint = errors.nearest(str(identifier), ACCURACY)
        raise ValueError(f"{error}{hint} Also: {known}.") from None


def _free(name: str, taken: set[str], is_weighted: bool) -> str:
    """`name`, made unlike those taken: `weighted_` in front of a weighted one, else a number."""
    if name in taken and is_weighted:
        name = f"weighted_{name}"
    candidate, n = name, 0
    while candidate in taken:
        n += 1
        candidate = f"{name}_{n}"
    taken.add(candidate)
    return candidate


def per_output(given: Any, names: Sequence[str], what: str, lists: bool = False) -> list[Any]:
    """One entry for each output, from one thing for all, a list in order, or a dict by name.

    With `lists` the entries are lists: a flat list belongs to the only output, or to each of
    several.
    """
    if isinstance(given, Mapping):
        unknown = set(given) - set(names)
        if unknown:
            raise ValueError(
                f"{what} names outputs {sorted(unknown)}; the model's outputs are {list(names)}."
            )
        found = [given.get(name) for name in names]
    elif lists:
        nested = any(isinstance(g, (list, tuple)) for g in given or ())
        if nested and len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries for {len(names)} outputs.")
        several = len(names) > 1 and len(given or ()) == len(names)
        found = list(given) if nested or several else [given] * len(names)
    elif isinstance(given, (list, tuple)):
        if len(given) == 1:
            given = list(given) * len(names)
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries for {len(names)} outputs.")
        found = list(given)
    else:
        found = [given] * len(names)
    if lists:
        groups = [f if isinstance(f, (list, tuple)) else [f] for f in found]
        return [[item for item in group if item is not None] for group in groups]
    return found
