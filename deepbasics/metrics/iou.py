"""Intersection over union of label regions, from a confusion matrix of classes."""

from collections.abc import Sequence
from typing import Any

from deepbasics import ops
from deepbasics.losses.base import as_float
from deepbasics.metrics.base import Metric


class IoU(Metric):
    """The mean over `target_class_ids` of `tp / (tp + fp + fn)`, of classes that occur.

    Args: `num_classes`; `target_class_ids`, those that count; `ignore_class`, a label whose entries
    do not count; `sparse_y_true` and `sparse_y_pred`, whether they are class ids (the default) or
    scores on `axis`, of which the largest counts.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes, self.ignore_class = num_classes, ignore_class
        self.target_class_ids = list(target_class_ids)
        self.sparse_y_true, self.sparse_y_pred, self.axis = sparse_y_true, sparse_y_pred, axis
        if not self.target_class_ids or not all(
            0 <= c < num_classes for c in self.target_class_ids
        ):
            raise ValueError(
                f"target_class_ids must be classes from 0 to {num_classes - 1}; "
                f"got {self.target_class_ids}."
            )
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_cm")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch; `sample_weight` has one weight per entry."""
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        y, p = (ops.reshape(ops.cast(t, "int32"), (-1,)) for t in (y_true, y_pred))
        # A class out of range, and so an ignored -1, is a row of zeros.
        labels, predicted = (ops.one_hot(t, self.num_classes, dtype=self.dtype) for t in (y, p))
        if self.ignore_class is not None:
            counts = ops.cast(ops.not_equal(y, self.ignore_class), self.dtype)
            labels = labels * ops.expand_dims(counts, -1)
        if sample_weight is not None:
            labels = labels * ops.reshape(as_float(sample_weight, self.dtype), (-1, 1))
        self.total_cm.assign_add(ops.matmul(ops.transpose(labels), predicted))

    def result(self) -> Any:
        cm = self.total_cm.value
        diagonal = ops.sum(cm * ops.eye(self.num_classes, dtype=self.dtype), axis=0)
        union = ops.sum(cm, axis=0) + ops.sum(cm, axis=1) - diagonal
        wanted = ops.one_hot(self.target_class_ids, self.num_classes, dtype=self.dtype)
        wanted = ops.sum(wanted, axis=0) * ops.cast(ops.greater(union, 0.0), self.dtype)
        each = ops.divide_no_nan(diagonal, union)
        return ops.divide_no_nan(ops.sum(each * wanted), ops.sum(wanted))

    def get_config(self) -> dict[str, Any]:
        own = (
            "num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred",
            "axis",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


class MeanIoU(IoU):
    """The mean over all classes that occur of `tp / (tp + fp + fn)`. Args: as `IoU`."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target_class_ids"]
        return config


class BinaryIoU(IoU):
    """The `IoU` of two classes, 1 where a prediction is at least `threshold`, else 0."""

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count one batch; `sample_weight` has one weight per entry."""
        super().update_state(y_true, ops.greater_equal(y_pred, self.threshold), sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {**Metric.get_config(self), **own}


class OneHotIoU(IoU):
    """The `IoU` of labels that are one-hot rows, and of predictions that are scores.

    Args: as `IoU`; with `sparse_y_pred` the predictions are class ids.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(OneHotIoU):
    """The `MeanIoU` of labels that are one-hot rows. Args: as `OneHotIoU`."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target_class_ids"]
        return config
