"""Reductions over the elements that are not NaN. `axis` is None (all), an int or a tuple."""

from collections.abc import Callable
from typing import Any

from deepbasics import dtypes
from deepbasics.ops import reduction
from deepbasics.ops.call import call, dtype_of, float_tensor, tensor
from deepbasics.ops.elementwise import divide, isnan, logical_not, sqrt, subtract, where
from deepbasics.ops.reduction import Axis

__all__ = [
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod",
    "nanstd", "nansum", "nanvar",
]  # fmt: skip

Tensor = Any


def _filled(x: Any, value: float) -> tuple[Tensor, Tensor | None]:
    """`x` with a value for each NaN, and where those were (None: `x` holds ints)."""
    x = tensor(x)
    if not dtypes.is_float(dtype_of(x)):
        return x, None
    missing = isnan(x)
    return where(missing, value, x), missing


def _reduced(name: str, value: float, word: str) -> Callable[..., Tensor]:
    """A reduction for which each NaN counts as the neutral `value`."""

    def op(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return getattr(reduction, name)(_filled(x, value)[0], axis, keepdims)

    op.__name__ = op.__qualname__ = f"nan{name}"
    op.__doc__ = f"The {word} over `axis` of the elements that are not NaN; of none it is {value}."
    return op


nansum = _reduced("sum", 0.0, "sum")
nanprod = _reduced("prod", 1.0, "product")


def _running(name: str, value: float, word: str) -> Callable[..., Tensor]:
    def op(x: Any, axis: int | None = None, dtype: str | None = None) -> Tensor:
        return getattr(reduction, name)(_filled(x, value)[0], axis, dtype)

    op.__name__ = op.__qualname__ = f"nan{name}"
    op.__doc__ = f"Running {word} along `axis` (None: flattened), with {value} for each NaN."
    return op


nancumsum = _running("cumsum", 0.0, "sums")
nancumprod = _running("cumprod", 1.0, "products")


def _extreme(name: str, value: float, word: str) -> Callable[..., Tensor]:
    def op(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        x, missing = _filled(x, value)
        y = getattr(reduction, name)(x, axis, keepdims)
        return y if missing is None else where(reduction.all(missing, axis, keepdims), NAN, y)

    op.__name__ = op.__qualname__ = f"nan{name}"
    op.__doc__ = f"The {word} over `axis` of the elements that are not NaN; NaN if all are."
    return op


NAN = float("nan")
nanmax = _extreme("max", -float("inf"), "largest")
nanmin = _extreme("min", float("inf"), "smallest")


def _place(name: str, value: float, word: str) -> Callable[..., Tensor]:
    def op(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
        x, missing = _filled(x, value)
        y = getattr(reduction, name)(x, axis, keepdims)
        return y if missing is None else where(reduction.all(missing, axis, keepdims), -1, y)

    op.__name__ = op.__qualname__ = f"nan{name}"
    op.__doc__ = f"Where (int32) the {word} that is not NaN is along `axis`; -1 if all are NaN."
    return op


nanargmax = _place("argmax", -float("inf"), "largest")
nanargmin = _place("argmin", float("inf"), "smallest")


def _count(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    return reduction.sum(tensor(logical_not(isnan(x)), dtype_of(x)), axis, keepdims)


def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis` of the elements that are not NaN; NaN if there are none."""
    x = float_tensor(x)
    return divide(nansum(x, axis, keepdims), _count(x, axis, keepdims))


def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The population variance over `axis` of the elements that are not NaN."""
    x = float_tensor(x)
    centred = _filled(subtract(x, nanmean(x, axis, keepdims=True)), 0.0)[0]
    total = reduction.sum(call("square", centred), axis, keepdims)
    return divide(total, _count(x, axis, keepdims))


def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The population standard deviation over `axis` of the elements that are not NaN."""
    return sqrt(nanvar(x, axis, keepdims))
