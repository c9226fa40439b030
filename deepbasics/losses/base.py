"""What a loss is: per-entry values, weights, masks, and how they are reduced to one number."""

from collections.abc import Callable
from typing import Any

from deepbasics import config, dtypes, logits, masks, ops
from deepbasics.errors import unknown

MEAN = "sum_over_batch_size"
_REDUCTIONS = {
    "auto": MEAN,  # Keras 2
    "mean": MEAN,
    MEAN: MEAN,
    "sum": "sum",
    "none": "none",
    "mean_with_sample_weight": "mean_with_sample_weight",
}


def as_reduction(reduction: str | None) -> str:
    """The canonical name of a reduction; ValueError for an unknown one.

    >>> as_reduction("auto"), as_reduction(None)
    ('sum_over_batch_size', 'none')
    """
    name = "none" if reduction is None else str(reduction).lower()
    if name not in _REDUCTIONS:
        raise unknown("reduction", reduction, _REDUCTIONS)
    return _REDUCTIONS[name]


def as_float(x: Any, dtype: str | None = None) -> Any:
    """`x` as a tensor of `dtype`; by default its own float dtype, or floatx for ints."""
    x = ops.convert_to_tensor(x)
    own = ops.dtype(x)
    dtype = dtype or (own if dtypes.is_float(own) else config.floatx())
    return x if own == dtype else ops.cast(x, dtype)


def widened(y: Any) -> Any:
    """An output in floatx if its floats are smaller, as losses and metrics are taken in full."""
    if ops.dtype(y) not in ("float16", "bfloat16"):
        return y
    wide = ops.cast(y, config.floatx())
    masks.carry(y, wide)
    for activation in ("sigmoid", "softmax"):
        z = logits.recall(y, activation)
        if z is not None:
            logits.remember(wide, activation, ops.cast(z, config.floatx()))
    return wide


def same_rank(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both with one rank, if they differ by a last axis of size 1.

    A rank-1 tensor gains the axis, so that (n,) against (n, 1) is one value per row; else the
    longer one loses it.
    """
    difference = len(y_true.shape) - len(y_pred.shape)
    if difference == 1 and y_true.shape[-1] == 1:
        if len(y_pred.shape) == 1:
            return y_true, ops.expand_dims(y_pred, -1)
        return ops.squeeze(y_true, -1), y_pred
    if difference == -1 and y_pred.shape[-1] == 1:
        if len(y_true.shape) == 1:
            return ops.expand_dims(y_true, -1), y_pred
        return y_true, ops.squeeze(y_pred, -1)
    return y_true, y_pred


def pair(function: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels and predictions as tensors of one float dtype and one shape.

    Shapes never broadcast: a difference other than a last axis of size 1 raises ValueError.
    """
    y_pred = as_float(y_pred)
    y_true, y_pred = same_rank(as_float(y_true, ops.dtype(y_pred)), y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{function} got labels of shape {tuple(y_true.shape)} and predictions of shape "
            f"{tuple(y_pred.shape)}; it compares them entry by entry, so the shapes must be equal. "
            "Reshape the labels, or change the width of the last layer."
        )
    return y_true, y_pred


def mean_over(x: Any, axis: int = -1) -> Any:
    """The mean over one axis; free where that axis has size 1."""
    return ops.squeeze(x, axis) if x.shape[axis] == 1 else ops.mean(x, axis=axis)


def spread(weight: Any, values: Any, what: str = "sample_weight") -> Any:
    """Weights in the dtype of `values`, with axes of size 1 appended so that they broadcast."""
    weight = as_float(weight, ops.dtype(values))
    given, shape = tuple(weight.shape), tuple(weight.shape)
    target = tuple(values.shape)
    while len(shape) > len(target) and shape[-1] == 1:
        shape = shape[:-1]
    shape += (1,) * (len(target) - len(shape))
    if len(shape) > len(target) or any(w not in (1, v) for w, v in zip(shape, target, strict=True)):
        raise ValueError(
            f"{what} has shape {given}, but the values to weigh have shape {target}; "
            "there must be one weight per sample, or one per entry."
        )
    return weight if shape == given else ops.reshape(weight, shape)


def reduce(values: Any, sample_weight: Any = None, reduction: str = MEAN, mask: Any = None) -> Any:
    """Per-entry losses to one number.

    With N entries l, weights w (default 1) and a mask m (default all): "sum" is sum(w m l);
    "sum_over_batch_size" that over the count of entries in the mask (not over the weights);
    "mean_with_sample_weight" over sum(w m), 0 if that is 0; "none" keeps w m l.
    """
    given = [spread(w, values) for w in (sample_weight, mask) if w is not None]
    weight = None
    for w in given:
        values = values * w
        weight = w if weight is None else weight * w
    if reduction == "none":
        return values
    if reduction == "mean_with_sample_weight" and weight is not None:
        return ops.divide_no_nan(ops.sum(values), _total(weight, values))
    if reduction == MEAN and mask is not None:
        return ops.divide_no_nan(ops.sum(values), _total(given[-1], values))
    return ops.sum(values) if reduction == "sum" else ops.mean(values)


def _total(weight: Any, values: Any) -> Any:
    return ops.sum(ops.broadcast_to(weight, tuple(values.shape)))


class Loss:
    """Base of losses: `call` gives per-entry values, `__call__` weighs and reduces them.

    A subclass writes `call(y_true, y_pred)` over `deepbasics.ops`. It gets predictions in their own
    float dtype (ints in floatx) or in `dtype`, and labels in the same, of equal rank if they
    differed by a last axis of size 1.

    Args: `name`; `reduction`, one of "sum_over_batch_size" (the default; also "mean", "auto"),
    "sum", "none" (None), "mean_with_sample_weight"; `dtype`, that the predictions are cast to.
    """

    _prepares = True

    def __init__(
        self, name: str | None = None, reduction: str | None = MEAN, dtype: str | None = None
    ) -> None:
        self.name = name or type(self).__name__
        self.reduction = as_reduction(reduction)
        self.dtype = None if dtype is None else dtypes.name(dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Per-entry losses."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred).")

    def mask(self, y_true: Any) -> Any | None:
        """Which entries count, as booleans or 0 and 1; None for all of them."""
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; `sample_weight` has one weight per sample or per entry.

        What the mask of `y_pred` hides is left out.
        """
        hidden = masks.mask_of(y_pred)
        if self.dtype is not None:
            y_pred = as_float(y_pred, self.dtype)
        if self._prepares:
            y_pred = as_float(y_pred)
            y_true, y_pred = same_rank(as_float(y_true, ops.dtype(y_pred)), y_pred)
        values, mask = self.call(y_true, y_pred), self.mask(y_true)
        if hidden is not None:
            hidden = spread(hidden, values, "The mask of the predictions")
            mask = hidden if mask is None else spread(mask, values) * hidden
        return reduce(values, sample_weight, self.reduction, mask)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        """A loss from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


class FunctionLoss(Loss):
    """The loss of a function `(y_true, y_pred, **parameters)` that gives per-entry values."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = MEAN,
        name: str | None = None,
        dtype: str | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self.parameters = parameters

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred, **self.parameters)

    def get_config(self) -> dict[str, Any]:
        return {"fn": self.fn, **super().get_config(), **self.parameters}


class LibraryLoss(FunctionLoss):
    """A loss of this library: its function prepares its own arguments and is known by the class."""

    _prepares = False

    def get_config(self) -> dict[str, Any]:
        return {**Loss.get_config(self), **self.parameters}
