"""Metrics of the confusion matrix at one or many thresholds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.losses.base import pair, spread
from deepbasics.metrics.base import Metric

# The counts that are kept, by (is predicted to be positive, is labelled positive).
COUNTS = {
    "true_positives": (True, True),
    "false_positives": (True, False),
    "true_negatives": (False, False),
    "false_negatives": (False, True),
}
# A rate is the first count over the sum of the two.
RATES = {
    "precision": ("true_positives", "false_positives"),
    "recall": ("true_positives", "false_negatives"),
    "sensitivity": ("true_positives", "false_negatives"),
    "specificity": ("true_negatives", "false_positives"),
}
_LEAST = -1e10  # below any prediction: what `top_k` makes of those that are not among the k


def even_thresholds(number: int) -> list[float]:
    """`number` thresholds, evenly from 0 to 1, the outer two moved out by 1e-7."""
    if not isinstance(number, int) or number < 2:
        raise ValueError(f"num_thresholds must be an integer of at least 2; got {number!r}.")
    return [-1e-7, *(i / (number - 1) for i in range(1, number - 1)), 1 + 1e-7]


def checked_thresholds(thresholds: float | Sequence[float]) -> list[float]:
    """The thresholds as a list; ValueError for one outside [0, 1]."""
    given = [float(t) for t in np.ravel(thresholds)]
    if not given or not all(0 <= t <= 1 for t in given):
        raise ValueError(f"Thresholds must lie in [0, 1]; got {thresholds!r}.")
    return given


def _only_top(y_pred: Any, k: int) -> Any:
    """Predictions that are not among the k largest of the last axis become very small."""
    _, places = ops.top_k(y_pred, k)
    kept = ops.sum(ops.one_hot(places, y_pred.shape[-1]), axis=-2)
    return ops.where(ops.greater(kept, 0.0), y_pred, _LEAST)


class Confusion(Metric):
    """Counts at each threshold: a prediction above it is positive, a label other than 0 too.

    A subclass names the `counted` (of `COUNTS`) and calls `build`. `top_k`: only the k largest
    predictions of a row can be positive; `class_id`: look at this entry of the last axis alone.
    """

    counted: tuple[str, ...] = ()
    top_k: int | None = None
    class_id: int | None = None

    def build(self, limits: Sequence[float], *labels: int) -> None:
        """Make the Variables, for each threshold and, if given, each of so many labels."""
        self.limits = list(limits)
        for count in self.counted:
            setattr(self, count, self.add_variable((len(self.limits), *labels), name=count))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch; `sample_weight` has one weight per sample or per entry."""
        y, p = pair(self.name, y_true, y_pred)
        if self.top_k is not None:
            p = _only_top(p, self.top_k)
        if self.class_id is not None:
            y, p = y[..., self.class_id], p[..., self.class_id]
        weight = None
        if sample_weight is not None:
            weight = ops.broadcast_to(spread(sample_weight, p), tuple(p.shape))
        self.count(*(None if t is None else ops.reshape(t, (1, -1)) for t in (y, p, weight)))

    def count(self, y: Any, p: Any, weight: Any) -> None:
        """Add to the counts; of shape (1, n, ...), the sums run over n."""
        dtype = ops.dtype(p)
        limits = np.reshape(np.asarray(self.limits, dtype), (-1,) + (1,) * (len(p.shape) - 1))
        above = ops.cast(ops.greater(p, limits), dtype)
        true = ops.cast(ops.not_equal(y, 0.0), dtype)
        for name in self.counted:
            predicted, labelled = COUNTS[name]
            each = (above if predicted else 1.0 - above) * (true if labelled else 1.0 - true)
            each = each if weight is None else each * weight
            getattr(self, name).assign_add(ops.sum(each, axis=1))

    def rate(self, name: str) -> Any:
        """A rate of `RATES` at each threshold; 0 where nothing was counted."""
        part, rest = (getattr(self, count) for count in RATES[name])
        return ops.divide_no_nan(part, part + rest)


def _first_or_all(values: Any) -> Any:
    return values[0] if values.shape[0] == 1 else values


class _Count(Confusion):
    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self.build([0.5] if thresholds is None else checked_thresholds(thresholds))

    def result(self) -> Any:
        return _first_or_all(getattr(self, self.counted[0]) + 0)  # not the storage, which goes on

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.thresholds}


class TruePositives(_Count):
    """The weighted count of labels other than 0 with a prediction above the threshold (0.5)."""

    counted = ("true_positives",)


class TrueNegatives(_Count):
    """The weighted count of labels 0 with a prediction not above the threshold (0.5)."""

    counted = ("true_negatives",)


class FalsePositives(_Count):
    """The weighted count of labels 0 with a prediction above the threshold (0.5)."""

    counted = ("false_positives",)


class FalseNegatives(_Count):
    """The weighted count of labels other than 0 with a prediction not above the threshold (0.5)."""

    counted = ("false_negatives",)


class _Rate(Confusion):
    _rate = ""

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.counted = RATES[self._rate]
        default = 0.5 if top_k is None else _LEAST
        self.build([default] if thresholds is None else checked_thresholds(thresholds))

    def result(self) -> Any:
        return _first_or_all(self.rate(self._rate))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Rate):
    """True positives over all predicted positives; 0 if there are none.

    Args: `thresholds` (default 0.5; several give a vector); `top_k`, only the k largest predictions
    of a row can be positive (and then by default all of them are); `class_id`, look at this entry
    of the last axis alone.
    """

    _rate = "precision"


class Recall(_Rate):
    """True positives over all labelled positives; 0 if there are none. Args: as `Precision`."""

    _rate = "recall"


class _At(Confusion):
    """The best of one rate over the thresholds where another is at least `value`."""

    _wanted, _given = "", ""

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{self._given} must lie in [0, 1]; got {value}.")
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        self.counted = tuple(dict.fromkeys(RATES[self._wanted] + RATES[self._given]))
        self.build([0.5] if num_thresholds == 1 else even_thresholds(num_thresholds))

    def result(self) -> Any:
        allowed = ops.greater_equal(self.rate(self._given), self.value)
        return ops.max(ops.where(allowed, self.rate(self._wanted), 0.0))

    def get_config(self) -> dict[str, Any]:
        own = {"num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return {**super().get_config(), self._given: self.value, **own}


class PrecisionAtRecall(_At):
    """The best precision over `num_thresholds` thresholds where the recall is at least `recall`."""

    _wanted, _given = "precision", "recall"

    def __init__(self, recall: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(recall, *args, **kwargs)


class RecallAtPrecision(_At):
    """The best recall over `num_thresholds` thresholds with a precision of at least `precision`."""

    _wanted, _given = "recall", "precision"

    def __init__(self, precision: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(precision, *args, **kwargs)


class SensitivityAtSpecificity(_At):
    """The best sensitivity (recall) at thresholds with a specificity of at least `specificity`."""

    _wanted, _given = "sensitivity", "specificity"

    def __init__(self, specificity: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(specificity, *args, **kwargs)


class SpecificityAtSensitivity(_At):
    """The best specificity at thresholds with a sensitivity (recall) of at least `sensitivity`."""

    _wanted, _given = "specificity", "sensitivity"

    def __init__(self, sensitivity: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(sensitivity, *args, **kwargs)
