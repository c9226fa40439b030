"""Ops that put in order, rank, look up and find. NaN is the largest; equals stay as they came."""

from typing import Any

import numpy as np

from deepbasics.ops.call import call, dtype_of, one_axis, pair, tensor
from deepbasics.ops.core import convert_to_numpy
from deepbasics.ops.elementwise import equal, greater, less, logical_not
from deepbasics.ops.reduction import sum as total
from deepbasics.ops.shape import (
    cast,
    expand_dims,
    flip,
    get_item,
    ravel,
    reshape,
    take,
    take_along_axis,
)

__all__ = [
    "argpartition", "argsort", "digitize", "in_top_k", "isin", "nonzero", "searchsorted", "sort",
    "top_k", "unique", "unravel_index",
]  # fmt: skip

Tensor = Any


def _order(x: Tensor, axis: int | None) -> tuple[Tensor, Tensor, int]:
    """The tensor (flattened for axis None), the indices that sort it, and the axis."""
    x = tensor(x)
    x, axis = (ravel(x), 0) if axis is None or not x.shape else (x, one_axis(axis, len(x.shape)))
    return x, call("argsort", x, axis=axis), axis


def sort(x: Any, axis: int | None = -1) -> Tensor:
    """In ascending order along `axis` (None: flattened)."""
    single = not tensor(x).shape
    x, order, axis = _order(x, axis)
    y = call("take_along_axis", x, order, axis=axis)
    return reshape(y, ()) if single else y


def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The indices (int32) that put `x` in ascending order along `axis` (None: flattened)."""
    return tensor(_order(x, axis)[1], "int32")


def argpartition(x: Any, kth: int, axis: int | None = -1) -> Tensor:
    """Indices (int32) that put the kth smallest in its place, and no larger one before it."""
    return argsort(x, axis)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest values of the last axis, largest first, and where they are (int32).

    Of equal values the first comes first. In order whether `sorted` or not.
    """
    x = tensor(x)
    n = x.shape[-1]
    if not 1 <= k <= n:
        raise ValueError(f"top_k: k must be from 1 to {n}, the size of the axis; got {k}.")
    backwards = call("argsort", flip(x, -1), axis=len(x.shape) - 1)
    order = call("subtract", n - 1, get_item(flip(backwards, -1), (..., slice(k))))
    return take_along_axis(x, order, axis=-1), cast(order, "int32")


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether fewer than k predictions of a row exceed that of its target; ties count as hits.

    Targets are class ids of shape (...), predictions have shape (..., C).
    """
    predictions = tensor(predictions)
    chosen = take_along_axis(predictions, expand_dims(targets, -1), axis=-1)
    above = cast(greater(predictions, chosen), dtype_of(predictions))
    return less(total(above, axis=-1), k)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where to insert `values` in an ascending row, before (or after) what is equal; int32."""
    if side not in ("left", "right"):
        raise ValueError(f'searchsorted: side must be "left" or "right"; got {side!r}.')
    row, values = (tensor(x) for x in pair(tensor(sorted_sequence), tensor(values)))
    if len(row.shape) != 1:
        raise ValueError(f"searchsorted needs a row of one axis; got shape {tuple(row.shape)}.")
    return tensor(call("searchsorted", row, values, side=side), "int32")


def digitize(x: Any, bins: Any) -> Tensor:
    """How many of the ascending `bins` are not above each x: the bin that it falls in; int32."""
    return searchsorted(bins, x, side="right")


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of `x1` is (`invert`: is not) an element of `x2`; bool.

    `assume_unique` changes nothing: it takes one sort of `x2` either way.
    """
    x1, x2 = pair(tensor(x1), ravel(x2))
    n = x2.shape[0]
    if not n:
        return tensor(np.full(tuple(x1.shape), invert))
    row = sort(x2)
    place = call("minimum", call("searchsorted", row, x1, side="left"), n - 1)
    found = equal(take(row, place, 0), x1)
    return logical_not(found) if invert else found


# results whose shape depends on values: a recorded step that uses them runs eagerly ---------------


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The indices (int32) of the elements that are not 0, one tensor for each axis."""
    return tuple(tensor(i.astype("int32")) for i in np.nonzero(convert_to_numpy(x)))


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements (with `axis`: slices), in ascending order; no gradient.

    On request also where each first is, which of them each element is, and how often each occurs
    (int32). `size` cuts or fills up to so many, with `fill_value` (None: the smallest) and counts
    of 0.
    """
    array = convert_to_numpy(x)
    values, index, inverse, counts = np.unique(array, True, True, True, axis=axis)
    along = 0 if axis is None else axis
    if size is not None:
        keep, missing = np.arange(len(counts))[:size], max(0, size - len(counts))
        fill = values.min() if fill_value is None and values.size else fill_value or 0
        values = _filled(values.take(keep, along), missing, along, fill)
        counts = _filled(counts[:size], missing, 0, 0)
        index = _filled(index[:size], missing, 0, index[0] if len(index) else 0)
    asked = [(index, return_index), (inverse, return_inverse), (counts, return_counts)]
    found = [tensor(part.astype("int32")) for part, wanted in asked if wanted]
    return (tensor(values), *found) if found else tensor(values)


def _filled(array: np.ndarray, missing: int, axis: int, value: Any) -> np.ndarray:
    widths = [(0, missing if a == axis else 0) for a in range(array.ndim)]
    return np.pad(array, widths, constant_values=value)


def unravel_index(indices: Any, shape: Any) -> tuple[Tensor, ...]:
    """The index along each axis of `shape` (int32) for indices into the flattened tensor."""
    rest, found = tensor(indices), []
    for n in reversed(tuple(shape)):
        found.append(tensor(call("mod", rest, n), "int32"))
        rest = call("floor_divide", rest, n)
    return tuple(reversed(found))
