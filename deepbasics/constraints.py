"""Constraints: `constraint(w)` gives the weights to go on with, after each update.

`|w|` is the norm along `axis`. `axis=0` is each unit of a Dense kernel `(inputs, units)`; a Conv2D
kernel needs `axis=[0, 1, 2]`. The divisor `|w|` has `config.epsilon()` added.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deepbasics import absent, config, legacy, ops
from deepbasics.lookup import Lookup


class Constraint:
    """Base of the constraints: subclass it and write `__call__(w)`, over ops."""

    def __call__(self, w: Any) -> Any:
        """The constrained weights, in the shape and dtype of `w`; the base lets all pass."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Constraint":
        """The inverse of `get_config`."""
        return cls(**config)


def _with_norm(w: Any, axis: int | Sequence[int]) -> tuple[Any, Any]:
    w = ops.convert_to_tensor(w)
    axis = axis if isinstance(axis, int) else tuple(axis)
    return w, ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Norms of at most `max_value`: `w * min(|w|, max_value) / |w|`.

    >>> ops.convert_to_numpy(MaxNorm(1.0)([[3.0], [4.0]])).round(3).ravel()
    array([0.6, 0.8], dtype=float32)
    """

    @legacy.keywords("MaxNorm")
    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w, norm = _with_norm(w, self.axis)
        return w * (ops.clip(norm, 0, self.max_value) / (config.epsilon() + norm))


class UnitNorm(Constraint):
    """Norms of 1: `w / |w|`."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w, norm = _with_norm(w, self.axis)
        return w / (config.epsilon() + norm)


class NonNeg(Constraint):
    """No weight below zero: `max(w, 0)`.

    >>> ops.convert_to_numpy(NonNeg()([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0)


class MinMaxNorm(Constraint):
    """Norms moved by `rate` of the way to the nearest in `[min_value, max_value]`."""

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w, norm = _with_norm(w, self.axis)
        near = self.rate * ops.clip(norm, self.min_value, self.max_value) + (1 - self.rate) * norm
        return w * (near / (config.epsilon() + norm))


max_norm = maxnorm = MaxNorm
unit_norm = unitnorm = UnitNorm
non_neg = nonneg = NonNeg
min_max_norm = MinMaxNorm

_lookup = Lookup(
    "constraint",
    {"MaxNorm": MaxNorm, "UnitNorm": UnitNorm, "NonNeg": NonNeg, "MinMaxNorm": MinMaxNorm}
    | {"max_norm": MaxNorm, "unit_norm": UnitNorm, "non_neg": NonNeg, "min_max_norm": MinMaxNorm}
    | {"maxnorm": MaxNorm, "unitnorm": UnitNorm, "nonneg": NonNeg},
)

get = _lookup.get
serialize = _lookup.serialize
deserialize = _lookup.deserialize

__getattr__ = absent.attributes(__name__)
