"""The area under a curve of rates, over thresholds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.errors import unknown
from deepbasics.losses.base import as_float, pair, spread
from deepbasics.metrics.confusion import COUNTS, Confusion, checked_thresholds, even_thresholds


class AUC(Confusion):
    """The area under the ROC curve (recall over false positive rate) or the PR curve.

    It is counted at `num_thresholds` thresholds, evenly from just below 0 to just above 1, or at
    the given `thresholds` (with 0 and 1 added): not exact, but constant in memory.

    Args:
        curve: "ROC" or "PR" (precision over recall).
        summation_method: between neighbours "interpolation" (ROC: trapezoids; PR: precision along
            the line of counts), or the smaller ("minoring") or larger ("majoring") of the two.
        multi_label: the mean of the areas of each label, the last axis of 2-D predictions.
        num_labels: how many labels; by default known from the first batch.
        label_weights: a weight per label, in that mean, or of each entry without `multi_label`.
        from_logits: predictions are logits, and pass a sigmoid first.

    Reference: Davis & Goadrich (2006), "The relationship between precision-recall and ROC curves".
    """

    counted = tuple(COUNTS)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _one_of("curve", str(curve).upper(), ("ROC", "PR"))
        methods = ("interpolation", "minoring", "majoring")
        self.summation_method = _one_of("summation method", summation_method.lower(), methods)
        self.num_thresholds, self.thresholds = num_thresholds, thresholds
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights, self.from_logits = label_weights, from_logits
        if thresholds is None:
            self._limits = even_thresholds(num_thresholds)
        else:
            self._limits = [-1e-7, *sorted(checked_thresholds(thresholds)), 1 + 1e-7]
        if not multi_label:
            self.build(self._limits)
        elif num_labels:
            self.build(self._limits, num_labels)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch; `sample_weight` has one weight per sample or per entry."""
        y, p = pair(self.name, y_true, y_pred)
        if self.from_logits:
            p = ops.sigmoid(p)
        if not self.multi_label:
            return super().update_state(y, p, self._entry_weights(p, sample_weight))
        if len(p.shape) != 2:
            raise ValueError(
                f"AUC(multi_label=True) needs predictions of shape (batch, labels); "
                f"got {tuple(p.shape)}."
            )
        if not self.variables:
            self.build(self._limits, p.shape[-1])
        weight = None if sample_weight is None else spread(sample_weight, p)
        return self.count(*(None if t is None else ops.expand_dims(t, 0) for t in (y, p, weight)))

    def _entry_weights(self, p: Any, sample_weight: Any) -> Any:
        if self.label_weights is None:
            return sample_weight
        labels = ops.broadcast_to(as_float(np.asarray(self.label_weights), ops.dtype(p)), p.shape)
        return labels if sample_weight is None else labels * spread(sample_weight, p)

    def result(self) -> Any:
        if not self.variables:
            return ops.zeros((), self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._interpolated_precision()
        else:
            areas = self._area()
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weights = as_float(np.asarray(self.label_weights), self.dtype)
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def _area(self) -> Any:
        """The sum of width times height between neighbouring thresholds."""
        recall = self.rate("recall")
        if self.curve == "ROC":
            fp, tn = self.false_positives, self.true_negatives
            x, y = ops.divide_no_nan(fp, fp + tn), recall
        else:
            x, y = recall, self.rate("precision")
        heights = {
            "interpolation": lambda a, b: (a + b) / 2.0,
            "minoring": ops.minimum,
            "majoring": ops.maximum,
        }[self.summation_method](y[:-1], y[1:])
        return ops.sum((x[:-1] - x[1:]) * heights, axis=0)

    def _interpolated_precision(self) -> Any:
        """Between two thresholds true positives grow linearly with all positives.

        With `t = slope p + intercept` the area under t / p over dt / (t + fn) is
        `slope (Δt + intercept log(p_upper / p_lower))` over the number of labelled positives.
        """
        t, fn = self.true_positives.value, self.false_negatives.value
        p = t + self.false_positives.value
        rise = t[:-1] - t[1:]
        slope = ops.divide_no_nan(rise, p[:-1] - p[1:])
        intercept = t[1:] - slope * p[1:]
        both = ops.logical_and(ops.greater(p[:-1], 0.0), ops.greater(p[1:], 0.0))
        ratio = ops.where(both, ops.divide_no_nan(p[:-1], p[1:]), 1.0)
        areas = slope * (rise + intercept * ops.log(ratio))
        return ops.sum(ops.divide_no_nan(areas, t[1:] + fn[1:]), axis=0)

    def get_config(self) -> dict[str, Any]:
        own = (
            "num_thresholds", "curve", "summation_method", "thresholds", "multi_label",
            "num_labels", "label_weights", "from_logits",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def _one_of(kind: str, value: str, valid: tuple[str, ...]) -> str:
    if value not in valid:
        raise unknown(kind, value, valid)
    return value
