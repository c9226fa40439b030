"""Ops that rank: the largest k of a row, and whether a class is among them."""

from typing import Any

from deepbasics.ops.call import dtype_of, tensor
from deepbasics.ops.elementwise import greater, less, where
from deepbasics.ops.nn import one_hot
from deepbasics.ops.reduction import argmax
from deepbasics.ops.reduction import sum as total
from deepbasics.ops.shape import cast, expand_dims, stack, take_along_axis

__all__ = ["in_top_k", "top_k"]

Tensor = Any


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest values of the last axis, largest first, and where they are (int32).

    Of equal values the first comes first. It takes k passes over `x`, so k should be small; the
    result is in order whether `sorted` or not.
    """
    x = left = tensor(x)
    classes = x.shape[-1]
    if not 1 <= k <= classes:
        raise ValueError(f"top_k: k must be from 1 to {classes}, the size of the axis; got {k}.")
    places = []
    for _ in range(k):
        places.append(argmax(left, axis=-1))
        taken = one_hot(places[-1], classes, dtype="bool")
        left = where(taken, float("-inf"), left)
    indices = stack(places, axis=-1)
    return take_along_axis(x, indices, axis=-1), cast(indices, "int32")


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether fewer than k predictions of a row exceed that of its target; ties count as hits.

    Targets are class ids of shape (...), predictions have shape (..., C).
    """
    predictions = tensor(predictions)
    chosen = take_along_axis(predictions, expand_dims(targets, -1), axis=-1)
    above = cast(greater(predictions, chosen), dtype_of(predictions))
    return less(total(above, axis=-1), k)
