"""Ops that make, move, select or join elements; and `cast`."""

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import config, dtypes
from deepbasics.ops.call import axes, call, dtype_of, one_axis, pair, tensor

__all__ = [
    "append", "arange", "array", "broadcast_to", "cast", "concatenate", "copy", "dtype",
    "expand_dims", "eye", "flip", "full", "full_like", "get_item", "linspace", "moveaxis", "ndim",
    "ones", "ones_like", "pack", "pad", "ravel", "repeat", "reshape", "saturate_cast", "scatter",
    "scatter_update", "shape", "size", "slice", "split", "squeeze", "stack", "swapaxes", "take",
    "take_along_axis", "tile", "transpose", "unstack", "zeros", "zeros_like",
]  # fmt: skip

Tensor = Any
Shape = int | Sequence[int]


def _as_shape(value: Shape) -> tuple[int, ...]:
    return (int(value),) if isinstance(value, (int, np.integer)) else tuple(int(n) for n in value)


# what a tensor is ---------------------------------------------------------------------------------


def shape(x: Any) -> tuple[int, ...]:
    """The shape, as a tuple of ints."""
    return tuple(x.shape) if hasattr(x, "shape") else tuple(tensor(x).shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(shape(x))


def size(x: Any) -> int:
    """The number of elements."""
    return math.prod(shape(x))


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return dtype_of(x) if hasattr(x, "dtype") else dtype_of(tensor(x))


def cast(x: Any, dtype: str) -> Tensor:
    """`x` in another dtype; floats are truncated towards zero when cast to ints."""
    return tensor(x, dtypes.name(dtype))


saturate_cast = cast

# making -------------------------------------------------------------------------------------------


def full(shape: Shape, fill_value: Any, dtype: str | None = None) -> Tensor:
    """A tensor filled with a value; default dtype floatx."""
    return tensor(np.full(_as_shape(shape), fill_value, dtypes.name(dtype or config.floatx())))


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


def eye(N: int, M: int | None = None, k: int = 0, dtype: str | None = None) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere: shape (N, M)."""
    return tensor(np.eye(N, M, k, dtype=dtypes.name(dtype or config.floatx())))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None) -> Tensor:
    """Evenly spaced values in [start, stop); int32 for ints, floatx for floats."""
    start, stop = (0, start) if stop is None else (start, stop)
    floats = builtins.any(isinstance(v, float) for v in (start, stop, step))
    kind = dtypes.name(dtype) if dtype else config.floatx() if floats else "int32"
    return tensor(np.arange(start, stop, step).astype(kind))


def linspace(
    start: float, stop: float, num: int = 50, endpoint: bool = True, dtype: str | None = None
) -> Tensor:
    """`num` evenly spaced values from start to stop."""
    kind = dtypes.name(dtype or config.floatx())
    return tensor(np.linspace(start, stop, num, endpoint=endpoint).astype(kind))


def array(x: Any, dtype: str | None = None) -> Tensor:
    """A tensor of an array-like."""
    return tensor(x, dtypes.name(dtype) if dtype else None)


def copy(x: Any) -> Tensor:
    """A copy."""
    return call("add", tensor(x), 0)


# form ---------------------------------------------------------------------------------------------


def reshape(x: Any, newshape: Shape) -> Tensor:
    """The same elements in C order in another shape; one length may be -1."""
    x = tensor(x)
    wanted = _as_shape(newshape)
    return call("reshape", x, shape=resolve_shape(tuple(x.shape), wanted))


def resolve_shape(given: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
    """`wanted` with its -1 worked out. Raises ValueError if the sizes cannot match."""
    total, known = math.prod(given), math.prod(n for n in wanted if n != -1)
    fits = wanted.count(-1) <= 1 and (
        total == known if -1 not in wanted else known > 0 and total % known == 0
    )
    if -1 in wanted and known == 0 and total == 0:
        return tuple(0 if n == -1 else n for n in wanted)
    if not fits:
        raise ValueError(f"Cannot reshape {given} ({total} elements) to {wanted}.")
    return tuple(total // known if n == -1 else n for n in wanted)


def ravel(x: Any) -> Tensor:
    """All elements in one axis, in C order."""
    return reshape(x, (-1,))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Axes permuted (None: reversed)."""
    x = tensor(x)
    order = range(len(x.shape))[::-1] if axes is None else axes
    return call("transpose", x, axes=tuple(one_axis(a, len(x.shape)) for a in order))


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    order = list(range(ndim(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to new places, the others keeping their order."""
    n = ndim(x)
    source = [one_axis(a, n) for a in (source if isinstance(source, Sequence) else [source])]
    target = destination if isinstance(destination, Sequence) else [destination]
    order = [a for a in range(n) if a not in source]
    for to, a in sorted(zip([one_axis(t, n) for t in target], source, strict=True)):
        order.insert(to, a)
    return transpose(x, order)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Tensor:
    """A new axis of length 1 at `axis` of the result."""
    x = tensor(x)
    given = axis if isinstance(axis, Sequence) else (axis,)
    n = len(x.shape) + len(given)
    new = {one_axis(a, n) for a in given}
    old = iter(x.shape)
    return call("reshape", x, shape=tuple(1 if a in new else next(old) for a in range(n)))


def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Without its axes of length 1 (all, or those named). Raises ValueError for a longer one."""
    x = tensor(x)
    over = [a for a, n in enumerate(x.shape) if n == 1] if axis is None else axis
    over = axes(over, len(x.shape))
    for a in over:
        if x.shape[a] != 1:
            raise ValueError(f"Cannot squeeze axis {a} of shape {tuple(x.shape)}: it is not 1.")
    return call("reshape", x, shape=tuple(n for a, n in enumerate(x.shape) if a not in over))


def broadcast_to(x: Any, shape: Shape) -> Tensor:
    """Repeated along axes of length 1 (and new leading axes) to fill `shape`."""
    return call("broadcast_to", tensor(x), shape=_as_shape(shape))


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """In reversed order along `axis` (None: all)."""
    x = tensor(x)
    return call("flip", x, axis=axes(axis, len(x.shape)))


# selecting ----------------------------------------------------------------------------------------


def get_item(x: Any, key: Any) -> Tensor:
    """`x[key]` with ints, slices of positive step, None and Ellipsis."""
    return call("getitem", tensor(x), key=key if isinstance(key, tuple) else (key,))


def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The block of the given shape that begins at `start_indices` (Python ints)."""
    key = tuple(
        builtins.slice(int(a), int(a) + int(n)) for a, n in zip(start_indices, shape, strict=True)
    )
    return get_item(inputs, key)


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Entries at `indices` along `axis` (None: flattened); negative ones count from the end."""
    x = tensor(x)
    if axis is None:
        x, axis = call("reshape", x, shape=(-1,)), 0
    return call("take", x, tensor(indices, "int64"), axis=one_axis(axis, len(x.shape)))


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """One entry along `axis` for each index; `indices` has the other axes of `x`."""
    x, indices = tensor(x), tensor(indices, "int64")
    if axis is None:
        x, indices, axis = ravel(x), ravel(indices), 0
    return call("take_along_axis", x, indices, axis=one_axis(axis, len(x.shape)))


# joining ------------------------------------------------------------------------------------------


def _together(xs: Sequence[Any]) -> list[Tensor]:
    xs = [tensor(x) for x in xs]
    common = dtypes.result_type(*(dtype_of(x) for x in xs))
    return [tensor(x, common) for x in xs]


def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors joined along an axis; the other axes must agree."""
    xs = _together(xs)
    shapes = [tuple(x.shape) for x in xs]
    over = one_axis(axis, len(shapes[0]))
    rest = {(*s[:over], *s[over + 1 :]) for s in shapes}
    if len(rest) > 1 or len({len(s) for s in shapes}) > 1:
        raise ValueError(f"Cannot concatenate shapes {shapes} along axis {axis}: others differ.")
    return xs[0] if len(xs) == 1 else call("concatenate", *xs, axis=over)


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    return concatenate([expand_dims(x, axis) for x in _together(xs)], axis)


def append(x1: Any, x2: Any, axis: int | None = None) -> Tensor:
    """`x2` after `x1` (None: both flattened)."""
    return concatenate([ravel(x1), ravel(x2)]) if axis is None else concatenate([x1, x2], axis)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along an axis, without that axis."""
    x = tensor(x)
    over = one_axis(axis, len(x.shape))
    before = (builtins.slice(None),) * over
    return [call("getitem", x, key=(*before, i)) for i in range(num or x.shape[over])]


def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Pieces along an axis: so many equal ones, or cut at the given indices."""
    x = tensor(x)
    over = one_axis(axis, len(x.shape))
    n = x.shape[over]
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ValueError(f"Cannot split {n} entries into {indices_or_sections} equal pieces.")
        cuts = list(range(0, n, n // indices_or_sections))[1:] if n else []
    else:
        cuts = [int(c) for c in indices_or_sections]
    before = (builtins.slice(None),) * over
    ends = zip([0, *cuts], [*cuts, n], strict=True)
    return [call("getitem", x, key=(*before, builtins.slice(a, b))) for a, b in ends]


def tile(x: Any, repeats: Shape) -> Tensor:
    """The whole tensor repeated along each axis."""
    x, times = tensor(x), _as_shape(repeats)
    n = builtins.max(len(x.shape), len(times))
    dims = (1,) * (n - len(x.shape)) + tuple(x.shape)
    times = (1,) * (n - len(times)) + times
    split_up = [m for d in dims for m in (1, d)]
    wide = [m for d, t in zip(dims, times, strict=True) for m in (t, d)]
    y = call("broadcast_to", call("reshape", x, shape=tuple(split_up)), shape=tuple(wide))
    whole = tuple(d * t for d, t in zip(dims, times, strict=True))
    return call("reshape", y, shape=whole)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each entry along `axis` repeated so many times (one number, or one for each entry)."""
    x = tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    over = one_axis(axis, len(x.shape))
    return take(x, np.repeat(np.arange(x.shape[over]), repeats), over)


def pad(
    x: Any, pad_width: Any, mode: str = "constant", constant_values: float | None = None
) -> Tensor:
    """Wider by `pad_width`: an int, (before, after), or one pair per axis.

    `mode` is "constant", "reflect", "symmetric" or "edge".
    """
    x = tensor(x)
    n = len(x.shape)
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (n, 2)).tolist()
    if mode == "constant":
        pairs = tuple((a, b) for a, b in widths)
        return call("pad", x, widths=pairs, value=constant_values or 0)
    for a, (before, after) in enumerate(widths):
        if before or after:
            x = take(x, np.pad(np.arange(x.shape[a]), (before, after), mode=mode), a)
    return x


def pack(xs: Sequence[Any]) -> Tensor:
    """All elements of all tensors (of one dtype), one after the other, in one axis."""
    return call("pack", *[tensor(x) for x in xs])


def scatter_update(inputs: Any, indices: Any, updates: Any) -> Tensor:
    """`inputs` with `updates[i]` at the place `indices[i]`; indices: ints (n, leading axes)."""
    x, updates = pair(inputs, updates)
    flat, n = _flat_indices(indices, tuple(x.shape))
    block = tuple(x.shape[n:])
    rows = call("reshape", x, shape=(-1, *block))
    old = call("take", rows, flat, axis=0)
    change = call("subtract", call("reshape", updates, shape=tuple(old.shape)), old)
    change = call("add_at", change, flat, axis=0, shape=tuple(rows.shape))
    return call("reshape", call("add", rows, change), shape=tuple(x.shape))


def scatter(indices: Any, values: Any, shape: Shape) -> Tensor:
    """Zeros of `shape` with `values[i]` added at the place `indices[i]`."""
    values, whole = tensor(values), _as_shape(shape)
    flat, n = _flat_indices(indices, whole)
    block = whole[n:]
    rows = call("reshape", values, shape=(-1, *block))
    y = call("add_at", rows, flat, axis=0, shape=(math.prod(whole[:n]), *block))
    return call("reshape", y, shape=whole)


def _flat_indices(indices: Any, whole: tuple[int, ...]) -> tuple[Tensor, int]:
    indices = tensor(indices, "int64")
    n = indices.shape[-1]
    strides = np.cumprod([1, *whole[1:n][::-1]])[::-1].astype("int64")
    flat = call("sum", call("multiply", indices, tensor(strides)), axis=(len(indices.shape) - 1,))
    return call("reshape", flat, shape=(-1,)), n
