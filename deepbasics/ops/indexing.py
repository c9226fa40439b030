"""Ops that read and write at places which are tensors themselves; sums over segments."""

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import dtypes
from deepbasics.ops.call import call, dtype_of, tensor
from deepbasics.ops.core import convert_to_numpy
from deepbasics.ops.elementwise import (
    add,
    equal,
    maximum,
    minimum,
    multiply,
    negative,
    subtract,
    where,
)
from deepbasics.ops.integers import bitwise_invert
from deepbasics.ops.reduction import prod
from deepbasics.ops.shape import Shape, as_shape, broadcast_to, cast, get_item, reshape, take

__all__ = [
    "scatter", "scatter_update", "segment_max", "segment_min", "segment_prod", "segment_sum",
    "select", "slice", "slice_update",
]  # fmt: skip

Tensor = Any

# blocks -------------------------------------------------------------------------------------------


def _starts(start_indices: Any) -> list[Any]:
    """The first index along each axis: an int where it is known, else a tensor of shape ()."""
    if isinstance(start_indices, (list, tuple, np.ndarray)):
        return [int(i) if isinstance(i, (int, np.integer)) else tensor(i) for i in start_indices]
    start_indices = tensor(start_indices)
    return [get_item(start_indices, i) for i in range(start_indices.shape[0])]


def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Tensor:
    """The block of the given shape that begins at `start_indices` (ints, or tensors of them)."""
    x, starts, lengths = tensor(inputs), _starts(start_indices), as_shape(shape)
    for axis, (start, n) in enumerate(zip(starts, lengths, strict=True)):
        if isinstance(start, int):
            before = (builtins.slice(None),) * axis
            x = call("getitem", x, key=(*before, builtins.slice(start, start + n)))
        else:
            x = take(x, add(np.arange(n), start), axis)
    return x


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """`inputs` with the block that begins at `start_indices` replaced by `updates`."""
    x = tensor(inputs)
    block = tensor(updates, dtype_of(x))
    if 0 in block.shape:
        return x
    inside = None
    for axis, (start, n) in enumerate(zip(_starts(start_indices), block.shape, strict=True)):
        place = subtract(np.arange(x.shape[axis]), start)
        here = call("logical_and", call("greater_equal", place, 0), call("less", place, n))
        here = reshape(here, [-1 if a == axis else 1 for a in range(len(x.shape))])
        inside = here if inside is None else call("logical_and", inside, here)
        block = take(block, call("clip", place, 0, n - 1), axis)
    return block if inside is None else call("where", inside, block, x)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """The choice of the first condition that holds, element by element; else `default`."""
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select needs a choice for each condition: {len(condlist)} and {len(choicelist)}."
        )
    found = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = where(condition, choice, found)
    return found


# rows by index ------------------------------------------------------------------------------------


def _flat(indices: Any, whole: tuple[int, ...]) -> tuple[Tensor, int]:
    """Indices of shape (..., k) into the first k axes as one row of places, and k."""
    indices = tensor(indices, "int64")
    n = indices.shape[-1]
    lengths = tensor(np.asarray(whole[:n], "int64"))
    indices = where(call("less", indices, 0), call("add", indices, lengths), indices)
    strides = np.cumprod([1, *whole[1:n][::-1]])[::-1].astype("int64")
    flat = call("sum", call("multiply", indices, tensor(strides)), axis=(len(indices.shape) - 1,))
    return call("reshape", flat, shape=(math.prod(flat.shape),)), n


def scatter(indices: Any, values: Any, shape: Shape) -> Tensor:
    """Zeros of `shape` with `values[i]` added at the place `indices[i]`."""
    values, whole = tensor(values), as_shape(shape)
    flat, n = _flat(indices, whole)
    rows = reshape(values, (flat.shape[0], *whole[n:]))
    y = call("add_at", rows, flat, axis=0, shape=(math.prod(whole[:n]), *whole[n:]))
    return call("reshape", y, shape=whole)


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """`inputs` with `updates[i]` at the place `indices[i]`; indices: ints (..., leading axes).

    `reduction`: None replaces (of several for one place the last wins); "add", "mul", "max" and
    "min" join the updates with what is there.
    """
    x = tensor(inputs)
    updates, whole = tensor(updates, dtype_of(x)), tuple(x.shape)
    flat, n = _flat(indices, whole)
    rows = math.prod(whole[:n])
    x = reshape(x, (rows, *whole[n:]))
    updates = broadcast_to(reshape(updates, (-1, *whole[n:])), (flat.shape[0], *whole[n:]))
    if reduction not in _JOINED and reduction is not None:
        raise ValueError(
            f"scatter_update: reduction must be None, {', '.join(_JOINED)}; got {reduction!r}."
        )
    join = _replaced if reduction is None else _JOINED[reduction]
    return reshape(join(x, flat, updates), whole)


def _replaced(x: Tensor, flat: Tensor, updates: Tensor) -> Tensor:
    n = flat.shape[0]
    if not n:
        return x
    winner = call("max_at", tensor(np.arange(n)), flat, n=x.shape[0], low=-1)
    column = call("reshape", winner, shape=(x.shape[0], *[1] * (len(x.shape) - 1)))
    new = take(updates, call("maximum", winner, 0), 0)
    return call("where", call("greater_equal", column, 0), new, x)


_JOINED: dict[str, Callable[..., Tensor]] = {
    "add": lambda x, flat, updates: add(x, segment_sum(updates, flat, x.shape[0])),
    "mul": lambda x, flat, updates: multiply(x, segment_prod(updates, flat, x.shape[0])),
    "max": lambda x, flat, updates: maximum(x, segment_max(updates, flat, x.shape[0])),
    "min": lambda x, flat, updates: minimum(x, segment_min(updates, flat, x.shape[0])),
}

# segments -----------------------------------------------------------------------------------------


def _segments(data: Any, segment_ids: Any, num_segments: int | None) -> tuple[Tensor, Tensor, int]:
    """The data, ids from 0 to n (n for those out of range), and n."""
    data, ids = tensor(data), tensor(segment_ids, "int64")
    if num_segments is None:
        num_segments = int(convert_to_numpy(ids).max(initial=-1)) + 1
    n = int(num_segments)
    outside = call("logical_or", call("less", ids, 0), call("greater_equal", ids, n))
    return data, where(outside, n, ids), n


def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The sum of the rows of `data` with the same id: shape (num_segments, ...).

    Rows with ids out of range count nowhere. Without `num_segments` there are as many as the
    largest id needs, and a recorded step runs eagerly. `sorted` changes nothing.
    """
    data, ids, n = _segments(data, segment_ids, num_segments)
    rows = call("add_at", data, ids, axis=0, shape=(n + 1, *data.shape[1:]))
    return call("getitem", rows, key=(builtins.slice(0, n),))


def segment_max(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The largest of the rows with the same id, as `ops.segment_sum`; of none, the least value."""
    data, ids, n = _segments(data, segment_ids, num_segments)
    kind = dtype_of(data)
    low = -math.inf if dtypes.is_float(kind) else dtypes.int_range(kind)[0]
    rows = call("max_at", data, ids, n=n + 1, low=low)
    return call("getitem", rows, key=(builtins.slice(0, n),))


def segment_min(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The smallest of the rows with the same id, as `ops.segment_sum`; of none, the most."""
    data = tensor(data)
    # all bits inverted, the order of ints is reversed, and none goes out of range
    flipped = negative if dtypes.is_float(dtype_of(data)) else bitwise_invert
    return flipped(segment_max(flipped(data), segment_ids, num_segments))


def segment_prod(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The product of the rows with the same id, as `ops.segment_sum`; of none, 1.

    It takes memory for each row and segment. Its gradient is right at zeros too.
    """
    data, ids, n = _segments(data, segment_ids, num_segments)
    member = equal(reshape(ids, (-1, 1)), np.arange(n))
    member = reshape(member, (data.shape[0], n, *[1] * (len(data.shape) - 1)))
    rows = reshape(data, (data.shape[0], 1, *data.shape[1:]))
    return cast(prod(where(member, rows, 1), 0), dtype_of(data))
