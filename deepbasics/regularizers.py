"""Penalties on weights or activities, added to the loss: `regularizer(x)` is a scalar tensor."""

import math
from collections.abc import Mapping
from typing import Any

from deepbasics import absent, legacy, ops
from deepbasics.lookup import Lookup


class Regularizer:
    """Base of the regularizers: subclass it and write `__call__(x)`, over ops, and `get_config`."""

    def __call__(self, x: Any) -> Any:
        """The penalty of a tensor or Variable: a scalar in its dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x).")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Regularizer":
        """The inverse of `get_config`."""
        return cls(**config)


def _strength(name: str, value: float | None, default: float = 0.0) -> float:
    value = default if value is None else value
    try:
        strength = float(value)
    except (TypeError, ValueError):
        strength = math.nan
    if not 0 <= strength < math.inf:
        raise ValueError(f"{name} must be a finite number >= 0, not {value!r}.")
    return strength


def _absolute(strength: float, x: Any) -> Any:
    return strength * ops.sum(ops.abs(x))


def _squared(strength: float, x: Any) -> Any:
    return strength * ops.sum(ops.square(x))


class L1(Regularizer):
    """`l1 * sum(|x|)`.

    >>> float(L1(0.5)([1.0, -2.0]))
    1.5
    """

    @legacy.keywords("L1")
    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _strength("l1", l1, 0.01)

    def __call__(self, x: Any) -> Any:
        return _absolute(self.l1, x)


class L2(Regularizer):
    """`l2 * sum(x²)`, without the ½ of some textbooks.

    >>> float(L2(0.5)([1.0, -2.0]))
    2.5
    """

    @legacy.keywords("L2")
    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _strength("l2", l2, 0.01)

    def __call__(self, x: Any) -> Any:
        return _squared(self.l2, x)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x²)`. Both are 0 unless given (Keras 1 and 2: 0.01).

    >>> float(L1L2(l1=1.0, l2=0.5)([1.0, -2.0]))
    5.5
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _strength("l1", l1)
        self.l2 = _strength("l2", l2)

    def __call__(self, x: Any) -> Any:
        return _absolute(self.l1, x) + _squared(self.l2, x)


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean `|cos|` of the angles between rows (or columns) of a matrix.

    >>> round(float(OrthogonalRegularizer(1.0)([[1.0, 0.0], [1.0, 1.0]])), 6)
    0.707107
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"mode must be 'rows' or 'columns', not {mode!r}.")
        self.factor = _strength("factor", factor)
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer needs a matrix; got shape {tuple(x.shape)}.")
        rows = x if self.mode == "rows" else ops.transpose(x)
        squares = ops.sum(ops.square(rows), axis=1, keepdims=True)
        rows = rows / ops.sqrt(ops.maximum(squares, _TINY))
        n = rows.shape[0]
        cosines = ops.matmul(rows, ops.transpose(rows)) * (1 - ops.eye(n, dtype=ops.dtype(x)))
        return self.factor * 0.5 * ops.sum(ops.abs(cosines)) / (n * (n - 1) / 2)


_TINY = 1e-12  # a row of zeros stays one, as in Keras

l1 = activity_l1 = L1
l2 = activity_l2 = L2
l1_l2 = l1l2 = activity_l1l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_lookup = Lookup(
    "regularizer",
    {"L1": L1, "L2": L2, "L1L2": L1L2, "OrthogonalRegularizer": OrthogonalRegularizer}
    | {
        "l1": L1,
        "l2": L2,
        "l1_l2": L1L2,
        "l1l2": L1L2,
        "orthogonal_regularizer": OrthogonalRegularizer,
    }
    | {"activity_l1": L1, "activity_l2": L2, "activity_l1l2": L1L2},
)

get = _lookup.get
serialize = _lookup.serialize
deserialize = _lookup.deserialize

__getattr__ = absent.attributes(__name__)
