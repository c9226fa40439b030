"""Reductions. `axis` is None (all), an int or a tuple; `keepdims` keeps those axes, length 1."""

import math
from typing import Any

import numpy as np

from deepbasics.ops import elementwise
from deepbasics.ops.call import axes, call, dtype_of, float_tensor, one_axis, tensor

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod",
    "cumsum", "diff", "logsumexp", "max", "mean", "min", "moments", "prod", "ptp", "std", "sum",
    "trapezoid", "var",
]  # fmt: skip

Tensor = Any
Axis = int | tuple[int, ...] | list[int] | None


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over `axis`; bools and small ints count as int32."""
    x = _summed(x)
    return call("sum", x, axis=axes(axis, len(x.shape)), keepdims=keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over `axis`: the sum divided by the number of elements; ints become floatx."""
    x = float_tensor(x)
    over = axes(axis, len(x.shape))
    total = call("sum", x, axis=over, keepdims=keepdims)
    return call("divide", total, float(math.prod(x.shape[a] for a in over)))


def _extreme(name: str, word: str) -> Any:
    def op(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
        x = tensor(x)
        over = axes(axis, len(x.shape))
        if initial is None and 0 in [x.shape[a] for a in over]:
            raise ValueError(
                f"ops.{name} of an empty axis: shape {tuple(x.shape)}, axis {axis}. "
                "Pass initial= to give it a value."
            )
        if initial is not None and 0 in [x.shape[a] for a in over]:
            kept = [1 if a in over else n for a, n in enumerate(x.shape)]
            shape = kept if keepdims else [n for a, n in enumerate(x.shape) if a not in over]
            return call("broadcast_to", tensor(initial, dtype_of(x)), shape=tuple(shape))
        y = call(name, x, axis=over, keepdims=keepdims)
        both = getattr(elementwise, f"{name}imum")
        return y if initial is None else both(y, initial)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"The {word} over `axis`; ties share the gradient equally."
    return op


max = amax = _extreme("max", "largest element")
min = amin = _extreme("min", "smallest element")


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element over `axis` is true."""
    x = tensor(x, "bool")
    return call("any", x, axis=axes(axis, len(x.shape)), keepdims=keepdims)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over `axis` are true."""
    x = tensor(x, "bool")
    return call("all", x, axis=axes(axis, len(x.shape)), keepdims=keepdims)


def _arg(name: str, word: str) -> Any:
    def op(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
        x = _counted(x, None)
        if axis is None:
            flat = call("reshape", x, shape=(-1,))
            index = call(name, flat, axis=0)
            kept = (1,) * len(x.shape)
        else:
            over = one_axis(axis, len(x.shape))
            index = call(name, x, axis=over)
            kept = tuple(1 if a == over else n for a, n in enumerate(x.shape))
        index = tensor(index, "int32")
        return call("reshape", index, shape=kept) if keepdims else index

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"The index (int32) of the first {word} element along `axis` (None: of all)."
    return op


argmax = _arg("argmax", "largest")
argmin = _arg("argmin", "smallest")


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The population variance: the mean squared distance from the mean."""
    x = float_tensor(x)
    centred = call("subtract", x, mean(x, axis, keepdims=True))
    return mean(call("square", centred), axis, keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The population standard deviation, √var."""
    return call("sqrt", var(x, axis, keepdims))


def moments(
    x: Any, axes: Axis, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """(mean, population variance) over `axes`. There is one device, so nothing to synchronize."""
    return mean(x, axes, keepdims), var(x, axes, keepdims)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log Σ exp(x) without overflow."""
    x = float_tensor(x)
    over = axes(axis, len(x.shape))
    top = call("stop_gradient", call("max", x, axis=over, keepdims=True))
    top = elementwise.where(elementwise.isfinite(top), top, 0.0)
    total = call("sum", call("exp", call("subtract", x, top)), axis=over, keepdims=True)
    y = call("add", call("log", total), top)
    if keepdims:
        return y
    return call("reshape", y, shape=tuple(n for a, n in enumerate(x.shape) if a not in over))


def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: str | None = None) -> Tensor:
    """The product over `axis`; bools and small ints count as int32. Right at zeros too."""
    x = _summed(x, dtype)
    over = axes(axis, len(x.shape))
    kept = tuple(1 if a in over else n for a, n in enumerate(x.shape))
    rest = tuple(a for a in range(len(x.shape)) if a not in over)
    shape = tuple(x.shape[a] for a in rest)
    x = call("transpose", x, axes=(*over, *rest))
    x = call("reshape", x, shape=(math.prod(x.shape[: len(over)]), *shape))
    y = _halved(x) if x.shape[0] else tensor(np.ones(shape, dtype_of(x)))
    return call("reshape", y, shape=kept if keepdims else shape)


def _halved(x: Tensor) -> Tensor:
    """The product over the first axis: one half times the other, until one is left."""
    while (n := x.shape[0]) > 1:
        half = n // 2
        low, high = (call("getitem", x, key=(slice(a, a + half),)) for a in (0, half))
        folded = call("multiply", low, high)
        odd = [call("getitem", x, key=(slice(n - 1, n),))] if n % 2 else []
        x = call("concatenate", folded, *odd, axis=0) if odd else folded
    return x


def _summed(x: Any, dtype: str | None = None) -> Tensor:
    """In the dtype of a sum: the one asked for, and at least 32 bits for ints."""
    x = tensor(x, dtype)
    d = dtype_of(x)
    small = {
        "bool": "int32",
        "int8": "int32",
        "int16": "int32",
        "uint8": "int32",
        "uint16": "int32",
    }
    return tensor(x, small[d]) if dtype is None and d in small else x


def _counted(x: Any, dtype: str | None) -> Tensor:
    """In the dtype of running sums: the one asked for; bools count as int32."""
    x = tensor(x, dtype)
    return tensor(x, "int32") if dtype_of(x) == "bool" else x


def cumsum(x: Any, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """Running sums along `axis` (None: over the flattened tensor)."""
    x, over = _along(_counted(x, dtype), axis)
    return call("cumsum", x, axis=over)


def cumprod(x: Any, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """Running products along `axis` (None: over the flattened tensor).

    The gradient is right at zeros too: log₂ n products, of a distance that doubles each time.
    """
    x, over = _along(_counted(x, dtype), axis)
    n, reach = x.shape[over], 1
    before = (slice(None),) * over
    while reach < n:
        widths = tuple((reach if a == over else 0, 0) for a in range(len(x.shape)))
        earlier = call("getitem", x, key=(*before, slice(0, n - reach)))
        x = call("multiply", x, call("pad", earlier, widths=widths, value=1))
        reach *= 2
    return x


def _along(x: Tensor, axis: int | None) -> tuple[Tensor, int]:
    """The tensor and an axis of it; for None flattened."""
    if axis is None:
        return call("reshape", x, shape=(math.prod(x.shape),)), 0
    return x, one_axis(axis, len(x.shape))


def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest minus the smallest over `axis`."""
    return call("subtract", max(x, axis, keepdims), min(x, axis, keepdims))


def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Each element minus the one before it along `axis`, n times over."""
    a = tensor(a)
    over = one_axis(axis, len(a.shape))
    before = (slice(None),) * over
    for _ in range(n):
        after, first = (call("getitem", a, key=(*before, part))
                        for part in (slice(1, None), slice(None, -1)))  # fmt: skip
        bools = dtype_of(a) == "bool"
        a = call("logical_xor", after, first) if bools else call("subtract", after, first)
    return a


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """∫ y by the trapezoidal rule along `axis`, at the points `x` or at distances `dx`."""
    y = float_tensor(y)
    over = one_axis(axis, len(y.shape))
    before = (slice(None),) * over
    pair = (call("getitem", y, key=(*before, part)) for part in (slice(1, None), slice(None, -1)))
    heights = call("multiply", call("add", *pair), 0.5)
    if x is None:
        return sum(elementwise.multiply(heights, dx), over)
    x = tensor(x, dtype_of(y))
    if len(x.shape) == 1:
        shape = [1] * len(y.shape)
        shape[over] = x.shape[0]
        x = call("reshape", x, shape=tuple(shape))
    return sum(elementwise.multiply(heights, diff(x, axis=over)), over)


def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """How many elements over `axis` are not 0, as int32."""
    return sum(elementwise.not_equal(x, 0), axis)


def average(x: Any, axis: Axis = None, weights: Any = None) -> Tensor:
    """Σ w x / Σ w over `axis`; without weights the mean."""
    if weights is None:
        return mean(x, axis)
    w = elementwise.multiply(weights, elementwise.add(elementwise.multiply(x, 0), 1))
    return elementwise.divide(sum(elementwise.multiply(x, w), axis), sum(w, axis))
