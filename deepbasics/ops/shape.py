"""Ops that make, move, select or join elements; and `cast`."""

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import dtypes
from deepbasics.ops.call import axes, call, dtype_of, one_axis, tensor

__all__ = [
    "append", "array", "array_split", "broadcast_to", "cast", "concatenate", "copy", "diag",
    "diagflat", "diagonal", "dsplit", "dstack", "dtype", "expand_dims", "flip", "fliplr", "flipud",
    "get_item", "hsplit", "hstack", "moveaxis", "ndim", "pack", "pad", "ravel", "repeat", "reshape",
    "roll", "rot90", "saturate_cast", "shape", "size", "split", "squeeze", "stack", "swapaxes",
    "take", "take_along_axis", "tile", "transpose", "tril", "triu", "unstack", "view", "vsplit",
    "vstack",
]  # fmt: skip

Tensor = Any
Shape = int | Sequence[int]


def as_shape(value: Shape) -> tuple[int, ...]:
    """A shape as a tuple; an int is the length of one axis."""
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


def saturate_cast(x: Any, dtype: str) -> Tensor:
    """`x` in another dtype; what that cannot hold becomes its smallest or largest value, NaN 0."""
    x, wanted = tensor(x), dtypes.name(dtype)
    given = dtype_of(x)
    if "bool" in (given, wanted):
        return tensor(x, wanted)
    if dtypes.is_float(wanted):
        ends = dtypes.finfo(wanted)
        fits = not dtypes.is_float(given) or dtypes.finfo(given).max <= ends.max
        return tensor(x if fits else call("clip", x, float(ends.min), float(ends.max)), wanted)
    low, high = dtypes.int_range(wanted)
    if dtypes.is_int(given):
        least, most = dtypes.int_range(given)
        return tensor(call("clip", x, builtins.max(low, least), builtins.min(high, most)), wanted)
    above, below = call("greater_equal", x, float(high)), call("less_equal", x, float(low))
    beyond = call("logical_or", call("logical_or", above, below), call("isnan", x))
    inside = tensor(call("where", beyond, 0.0, x), wanted)
    high, low = tensor(high, wanted), tensor(low, wanted)
    return call("where", above, high, call("where", below, low, inside))


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
    wanted = as_shape(newshape)
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
    return call("broadcast_to", tensor(x), shape=as_shape(shape))


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """In reversed order along `axis` (None: all)."""
    x = tensor(x)
    return call("flip", x, axis=axes(axis, len(x.shape)))


def flipud(x: Any) -> Tensor:
    """In reversed order along the first axis."""
    return flip(x, 0)


def fliplr(x: Any) -> Tensor:
    """In reversed order along the second axis."""
    return flip(x, 1)


def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Moved on by `shift` along `axis`, what leaves at the end coming in at the start.

    None: of the flattened tensor. Several axes: one shift for all, or one for each.
    """
    x = tensor(x)
    if axis is None:
        return reshape(roll(ravel(x), builtins.sum(as_shape(shift)), 0), x.shape)
    for a, by in np.broadcast(as_shape(axis), as_shape(shift)):
        over = one_axis(int(a), len(x.shape))
        cut = int(-by) % x.shape[over] if x.shape[over] else 0
        if cut:
            x = concatenate(split(x, (cut,), over)[::-1], over)
    return x


def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k right angles in the plane of two axes, from the first towards the second."""
    first, second = (one_axis(a, ndim(array)) for a in axes)
    if first == second:
        raise ValueError(f"rot90 needs two axes; got {tuple(axes)}.")
    turned = array if k % 4 < 2 else flip(array, (first, second))
    return flip(swapaxes(turned, first, second), first) if k % 2 else tensor(turned)


def view(x: Any, dtype: str | None = None) -> Tensor:
    """The same bits read as another dtype; the last axis grows or shrinks with its size.

    No gradient flows through it.
    """
    x = tensor(x)
    wanted = dtype_of(x) if dtype is None else dtypes.name(dtype)
    last, new = dtypes.size(dtype_of(x)) * (x.shape[-1] if x.shape else 1), dtypes.size(wanted)
    if wanted == dtype_of(x):
        return x
    if last % new or (not x.shape and last != new):
        raise ValueError(f"Cannot view {last} bytes of the last axis as {wanted}, of {new} bytes.")
    return call("bitcast", x, dtype=wanted)


# diagonals ----------------------------------------------------------------------------------------


def tril(x: Any, k: int = 0) -> Tensor:
    """`x` with zeros above the k-th diagonal of its last two axes."""
    return _kept(x, np.tri(*shape(x)[-2:], k, dtype=bool))


def triu(x: Any, k: int = 0) -> Tensor:
    """`x` with zeros below the k-th diagonal of its last two axes."""
    return _kept(x, ~np.tri(*shape(x)[-2:], k - 1, dtype=bool))


def _kept(x: Any, mask: np.ndarray) -> Tensor:
    x = tensor(x)
    return call("where", tensor(mask), x, tensor(0, dtype_of(x)))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of the plane of two axes, as the last axis of the result."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    n, m = x.shape[-2:]
    rows, columns = _diagonal(n, m, offset)
    return take(reshape(x, (*x.shape[:-2], n * m)), rows * m + columns, -1)


def _diagonal(n: int, m: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(builtins.max(0, -k), builtins.min(n, m - k))
    return rows, rows + k


def diag(x: Any, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix; of a row, the matrix that has it there and zeros elsewhere."""
    x = tensor(x)
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ValueError(f"diag needs a row or a matrix; got shape {tuple(x.shape)}.")
    n = x.shape[0] + builtins.abs(k)
    rows, columns = _diagonal(n, n, k)
    places = tensor(rows * n + columns)
    return reshape(call("add_at", x, places, axis=0, shape=(n * n,)), (n, n))


def diagflat(x: Any, k: int = 0) -> Tensor:
    """The matrix with all elements of `x` on its k-th diagonal."""
    return diag(ravel(x), k)


# selecting ----------------------------------------------------------------------------------------


def get_item(x: Any, key: Any) -> Tensor:
    """`x[key]` with ints, slices of positive step, None and Ellipsis."""
    return call("getitem", tensor(x), key=key if isinstance(key, tuple) else (key,))


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


def stack(x: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    return concatenate([expand_dims(part, axis) for part in _together(x)], axis)


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
    if isinstance(indices_or_sections, (int, np.integer)):
        if n % indices_or_sections:
            raise ValueError(f"Cannot split {n} entries into {indices_or_sections} equal pieces.")
        cuts = list(range(0, n, n // indices_or_sections))[1:] if n else []
    else:
        cuts = [int(c) for c in indices_or_sections]
    before = (builtins.slice(None),) * over
    ends = zip([0, *cuts], [*cuts, n], strict=True)
    return [call("getitem", x, key=(*before, builtins.slice(a, b))) for a, b in ends]


def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """As `ops.split`, but the pieces need not be equal: the first are one longer."""
    if isinstance(indices_or_sections, (int, np.integer)):
        rest, longer = divmod(shape(x)[axis], indices_or_sections)
        lengths = [rest + (i < longer) for i in range(indices_or_sections)]
        indices_or_sections = np.cumsum(lengths)[:-1]
    return split(x, indices_or_sections, axis)


def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Pieces along the first axis."""
    return split(x, indices_or_sections, 0)


def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Pieces along the second axis; along the only one of a row."""
    return split(x, indices_or_sections, 1 if ndim(x) > 1 else 0)


def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Pieces along the third axis."""
    return split(x, indices_or_sections, 2)


def _at_least(axes_wanted: int, x: Any) -> Tensor:
    """With axes of length 1: (n) becomes (1, n) for two, (1, n, 1) for three."""
    x = tensor(x)
    while len(x.shape) < axes_wanted:
        x = expand_dims(x, -1 if len(x.shape) == 2 else 0)
    return x


def vstack(xs: Sequence[Any]) -> Tensor:
    """Joined along the first axis; a row counts as a matrix of one row."""
    return concatenate([_at_least(2, x) for x in xs], 0)


def hstack(xs: Sequence[Any]) -> Tensor:
    """Joined along the second axis; rows along their only one."""
    xs = [_at_least(1, x) for x in xs]
    return concatenate(xs, 1 if ndim(xs[0]) > 1 else 0)


def dstack(xs: Sequence[Any]) -> Tensor:
    """Joined along the third axis; (n) counts as (1, n, 1), (n, m) as (n, m, 1)."""
    return concatenate([_at_least(3, x) for x in xs], 2)


def tile(x: Any, repeats: Shape) -> Tensor:
    """The whole tensor repeated along each axis."""
    x, times = tensor(x), as_shape(repeats)
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
