"""F scores: precision and recall in one number, for each class or on average."""

from typing import Any

from deepbasics import ops
from deepbasics.errors import unknown
from deepbasics.losses.base import pair, spread
from deepbasics.metrics.base import Metric

_AVERAGES = ("micro", "macro", "weighted")
_COUNTS = ("true_positives", "false_positives", "false_negatives", "labelled")


class FBetaScore(Metric):
    """`(1 + beta²) P R / (beta² P + R)` of each class; 0 where that has no value.

    Labels and predictions of shape (batch, classes). A prediction is positive above `threshold`,
    or, without one, where it is the largest of its row.

    Args: `average`: None for one score per class, "macro" for their mean, "weighted" for their mean
    by the number of labels, "micro" for the score of all counts together; `beta` > 0;
    `threshold` in [0, 1] or None.
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if average is not None and average not in _AVERAGES:
            raise unknown("average", average, _AVERAGES)
        if beta <= 0:
            raise ValueError(f"beta must be above 0; got {beta}.")
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be None or lie in [0, 1]; got {threshold}.")
        self.average, self.beta, self.threshold = average, beta, threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch; `sample_weight` has one weight per sample."""
        y, p = pair(self.name, y_true, y_pred)
        if len(p.shape) != 2:
            raise ValueError(
                f"{self.name} needs labels and predictions of shape (batch, classes); "
                f"got {tuple(p.shape)}."
            )
        if not self.variables:
            for count in _COUNTS:
                setattr(self, count, self.add_variable((p.shape[-1],), name=count))
        predicted = ops.cast(self._is_positive(p), ops.dtype(p))
        weight = 1.0 if sample_weight is None else spread(sample_weight, p)
        both = weight * y * predicted
        self.true_positives.assign_add(ops.sum(both, axis=0))
        self.false_positives.assign_add(ops.sum(weight * predicted * (1.0 - y), axis=0))
        self.false_negatives.assign_add(ops.sum(weight * (1.0 - predicted) * y, axis=0))
        self.labelled.assign_add(ops.sum(weight * y, axis=0))

    def _is_positive(self, p: Any) -> Any:
        if self.threshold is not None:
            return ops.greater(p, self.threshold)
        largest = ops.greater_equal(p, ops.max(p, axis=-1, keepdims=True))
        # A row of zeros predicts nothing.
        return ops.logical_and(largest, ops.greater(ops.abs(p), 1e-9))

    def result(self) -> Any:
        if not self.variables:
            return ops.zeros((), self.dtype)
        counts = [self.true_positives.value, self.false_positives.value, self.false_negatives.value]
        if self.average == "micro":
            counts = [ops.sum(count) for count in counts]
        tp, fp, fn = counts
        precision = ops.divide_no_nan(tp, tp + fp)
        recall = ops.divide_no_nan(tp, tp + fn)
        squared = self.beta**2
        score = ops.divide_no_nan(
            (1.0 + squared) * precision * recall, squared * precision + recall
        )
        if self.average == "weighted":
            return ops.sum(score * ops.divide_no_nan(self.labelled, ops.sum(self.labelled)))
        return ops.mean(score) if self.average == "macro" else score

    def get_config(self) -> dict[str, Any]:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: `FBetaScore` with beta = 1."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
