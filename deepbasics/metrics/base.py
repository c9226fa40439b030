"""What a metric is: state in Variables, an update over ops, a result; and Mean and Sum."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import config, dtypes, initializers, masks, ops
from deepbasics.losses.base import as_float, same_rank, spread
from deepbasics.naming import snake_case
from deepbasics.variables import Variable


class Metric:
    """Base of metrics: a subclass makes its Variables, and writes `update_state` and `result`.

    `update_state(y_true, y_pred, sample_weight=None)` may look at shapes but never at the values of
    tensors, so that a training step with it can be recorded. `dtype` (default: floatx) is that of
    the state; `name` defaults to the class name in snake_case.
    """

    def __init__(self, dtype: str | None = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtypes.name(dtype or config.floatx())
        self._variables: list[Variable] = []

    @property
    def variables(self) -> list[Variable]:
        """The state, in the order of creation."""
        return list(self._variables)

    def add_variable(
        self,
        shape: tuple[int, ...] = (),
        initializer: Any = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> Variable:
        """A Variable of the state, of zeros; `reset_state` sets it back to them.

        An `initializer` is an array, a scalar, a callable `(shape, dtype) -> array`, or the name of
        one. Keras 2 had `name` first.
        """
        dtype = dtypes.name(dtype or self.dtype)
        if isinstance(shape, str):
            shape, name = (), shape
        named = isinstance(initializer, (str, dict))
        start = initializers.get(initializer) if named else initializer
        start = np.zeros(shape, dtype) if start is None else start
        variable = Variable(start, shape=shape, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    add_weight = add_variable

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take one batch into the state."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state(...).")

    def result(self) -> Any:
        """The value so far, as a tensor."""
        raise NotImplementedError(f"{type(self).__name__} must implement result().")

    def reset_state(self) -> None:
        """Forget every batch: set the state to zeros."""
        for variable in self._variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    reset_states = reset_state  # Keras 2

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update with one batch, and give the value so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Metric":
        """A metric from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def weighed(
    values: Any, sample_weight: Any, dtype: str, reduce: Callable[..., Any] = ops.mean
) -> tuple[Any, Any]:
    """Values, times weights, and weights, in one shape.

    Over axes that weights do not have, values are reduced first.
    """
    values = as_float(values, dtype)
    if sample_weight is None:
        return values, None
    weight = as_float(sample_weight, dtype)
    values, weight = same_rank(values, weight)
    if len(values.shape) > len(weight.shape):
        values = reduce(values, axis=tuple(range(len(weight.shape), len(values.shape))))
    weight = ops.broadcast_to(spread(weight, values), tuple(values.shape))
    return values * weight, weight


def _masked(sample_weight: Any, mask: Any, dtype: str) -> Any:
    """Weights that are 0 where the mask is."""
    mask = as_float(mask, dtype)
    if sample_weight is None:
        return mask
    weight = as_float(sample_weight, dtype)
    if len(weight.shape) > len(mask.shape):
        return weight * spread(mask, weight, "The mask of the predictions")
    return mask * spread(weight, mask)


class Sum(Metric):
    """The sum of the values, each times its weight: `sum(w v)`."""

    def __init__(self, name: str | None = "sum", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values; `sample_weight` has one weight per sample or per value."""
        values, _ = weighed(values, sample_weight, self.dtype, ops.sum)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Any:
        return self.total + 0  # not the storage, which goes on


class Mean(Metric):
    """The weighted mean of the values, `sum(w v) / sum(w)`; 0 before the first.

    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0], sample_weight=[1.0, 3.0])
    >>> float(mean.result())
    2.5
    """

    def __init__(self, name: str | None = "mean", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values; `sample_weight` has one weight per sample or per value."""
        values, weight = weighed(values, sample_weight, self.dtype)
        self.total.assign_add(ops.sum(values) if values.shape else values)
        self.count.assign_add(ops.size(values) if weight is None else ops.sum(weight))

    def result(self) -> Any:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The weighted mean of what a function `(y_true, y_pred, **parameters)` gives per sample.

    The function gets both in `dtype`, of equal rank if they differed by a last axis of size 1.
    """

    _prepares = True

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: str | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self.fn = fn
        self.parameters = parameters

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch; `sample_weight` has one weight per sample or per entry.

        What the mask of `y_pred` hides weighs nothing.
        """
        hidden = masks.mask_of(y_pred)
        if hidden is not None:
            sample_weight = _masked(sample_weight, hidden, self.dtype)
        if self._prepares:
            y_true, y_pred = (as_float(y, self.dtype) for y in (y_true, y_pred))
            y_true, y_pred = same_rank(y_true, y_pred)
        super().update_state(self.fn(y_true, y_pred, **self.parameters), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {"fn": self.fn, **super().get_config(), **self.parameters}


class FunctionMetric(MeanMetricWrapper):
    """A metric of this library: its function prepares its arguments and is known by the class."""

    _prepares = False

    def get_config(self) -> dict[str, Any]:
        return {**Mean.get_config(self), **self.parameters}
