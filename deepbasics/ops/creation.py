"""Ops that make tensors from settings."""

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import config, dtypes
from deepbasics.backends import registry
from deepbasics.ops.call import SCALARS, call, dtype_of, float_tensor, tensor
from deepbasics.ops.elementwise import add, divide, log, multiply, power, sign, subtract
from deepbasics.ops.shape import Shape, as_shape, moveaxis, reshape
from deepbasics.variables import Variable

__all__ = [
    "arange", "bartlett", "blackman", "empty", "empty_like", "eye", "full", "full_like",
    "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace", "logspace", "meshgrid",
    "ones", "ones_like", "tri", "vander", "zeros", "zeros_like",
]  # fmt: skip

Tensor = Any


def full(shape: Shape, fill_value: Any, dtype: str | None = None) -> Tensor:
    """A tensor filled with a value; default dtype floatx."""
    kind = dtypes.name(dtype or config.floatx())
    if registry.active().is_tensor(fill_value) or isinstance(fill_value, Variable):
        return call("broadcast_to", tensor(fill_value, kind), shape=as_shape(shape))
    return tensor(np.full(as_shape(shape), fill_value), kind)


def zeros(shape: Shape, dtype: str | None = None) -> Tensor:
    """A tensor of zeros; default dtype floatx."""
    return full(shape, 0, dtype)


def ones(shape: Shape, dtype: str | None = None) -> Tensor:
    """A tensor of ones; default dtype floatx."""
    return full(shape, 1, dtype)


def full_like(x: Any, fill_value: Any, dtype: str | None = None) -> Tensor:
    """A tensor of the shape (and, by default, the dtype) of `x`, filled with a value."""
    x = x if hasattr(x, "shape") else tensor(x)
    return full(tuple(x.shape), fill_value, dtype or dtype_of(x))


def zeros_like(x: Any, dtype: str | None = None) -> Tensor:
    """Zeros in the shape and dtype of `x`."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: str | None = None) -> Tensor:
    """Ones in the shape and dtype of `x`."""
    return full_like(x, 1, dtype)


def empty(shape: Shape, dtype: str | None = None) -> Tensor:
    """A tensor whose values do not matter: zeros; default dtype floatx."""
    return zeros(shape, dtype)


def empty_like(x: Any, dtype: str | None = None) -> Tensor:
    """As `ops.empty`, in the shape and dtype of `x`."""
    return zeros_like(x, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere: shape (N, M)."""
    return tensor(np.eye(N, M, k), dtypes.name(dtype or config.floatx()))


def identity(n: int, dtype: str | None = None) -> Tensor:
    """The identity matrix of n rows."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Tensor:
    """Ones on the k-th diagonal and below, zeros above: shape (N, M)."""
    return tensor(np.tri(N, M, k), dtypes.name(dtype or config.floatx()))


# evenly spaced ------------------------------------------------------------------------------------


def arange(start: Any, stop: Any = None, step: Any = None, dtype: str | None = None) -> Tensor:
    """Evenly spaced values in [start, stop); int32 for ints, floatx for floats."""
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    floats = builtins.any(isinstance(v, (float, np.floating)) for v in (start, stop, step))
    kind = dtypes.name(dtype) if dtype else config.floatx() if floats else "int32"
    return tensor(np.arange(start, stop, step), kind)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: str | None = None,
    axis: int = 0,
) -> Any:
    """`num` evenly spaced values from start to stop; with `retstep` their distance too.

    Tensors as start and stop broadcast, and the values lie along `axis`.
    """
    steps = max(num - 1 if endpoint else num, 1)
    if _are_numbers(start, stop):
        kind = dtypes.name(dtype or config.floatx())
        values = tensor(np.linspace(start, stop, num, endpoint), kind)
        return (values, tensor((stop - start) / steps, kind)) if retstep else values
    span = subtract(stop, start)
    span = float_tensor(span)
    share = tensor(np.arange(num) / steps, dtype_of(span))
    share = reshape(share, (num, *[1] * len(span.shape)))
    values = moveaxis(add(multiply(span, share), start), 0, axis)
    values = values if dtype is None else tensor(values, dtypes.name(dtype))
    return (values, divide(span, steps)) if retstep else values


def _are_numbers(*values: Any) -> bool:
    return builtins.all(isinstance(v, (*SCALARS, np.generic)) for v in values)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: str | None = None,
    axis: int = 0,
) -> Tensor:
    """`base` to the power of `num` evenly spaced values from start to stop."""
    if _are_numbers(start, stop, base):
        values = np.logspace(start, stop, num, endpoint, base)
        return tensor(values, dtypes.name(dtype or config.floatx()))
    values = power(base, linspace(start, stop, num, endpoint, axis=axis))
    return values if dtype is None else tensor(values, dtypes.name(dtype))


def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: str | None = None,
    axis: int = 0,
) -> Tensor:
    """`num` values from start to stop, each the same multiple of the one before."""
    if _are_numbers(start, stop):
        values = np.geomspace(start, stop, num, endpoint)
        return tensor(values, dtypes.name(dtype or config.floatx()))
    ends = (log(multiply(end, sign(start))) for end in (start, stop))
    logs = linspace(*ends, num, endpoint, axis=0)
    values = moveaxis(multiply(call("exp", logs), sign(start)), 0, axis)
    return values if dtype is None else tensor(values, dtypes.name(dtype))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Rows as the coordinates of a grid: one tensor each, of the shape of the grid.

    `indexing`: "xy" has the second row's axis first, "ij" all in order.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: indexing must be "xy" or "ij"; got {indexing!r}.')
    rows = [reshape(row, (-1,)) for row in x]
    order = list(range(len(rows)))
    if indexing == "xy" and len(rows) > 1:
        order[:2] = 1, 0
    whole = tuple(rows[i].shape[0] for i in order)
    along = [[-1 if i == place else 1 for i in order] for place in range(len(rows))]
    return [call("broadcast_to", reshape(row, shape), shape=whole)
            for row, shape in zip(rows, along, strict=True)]  # fmt: skip


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element of a row, from x to the power N - 1 down to 1: shape (n, N)."""
    x = tensor(x)
    n = x.shape[0] if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return power(reshape(x, (-1, 1)), tensor(powers.copy(), dtype_of(x)))


# windows ------------------------------------------------------------------------------------------


def _window(name: str, formula: str) -> Callable[[int], Tensor]:
    def op(x: int) -> Tensor:
        return tensor(getattr(np, name)(int(x)), config.floatx())

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"The {name.capitalize()} window of x points: {formula}."
    return op


bartlett = _window("bartlett", "a triangle from 0 to 1 and back")
blackman = _window("blackman", "0.42 - 0.5 cos(2πn/N) + 0.08 cos(4πn/N), N = x - 1")
hamming = _window("hamming", "0.54 - 0.46 cos(2πn/N), N = x - 1")
hanning = _window("hanning", "0.5 - 0.5 cos(2πn/N), N = x - 1")


def kaiser(x: int, beta: float) -> Tensor:
    """The Kaiser window of x points: I₀(β √(1 - (2n/N - 1)²)) / I₀(β), N = x - 1."""
    return tensor(np.kaiser(int(x), float(beta)), config.floatx())
