"""Shapes of one tensor or of a nest: a shape is a tuple, or a list of lengths and None."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

from deepbasics import tree
from deepbasics.symbolic import SymbolicTensor


def shapes_of(tensors: Any) -> Any:
    """The shape of a tensor, or a nest of shapes for a nest of tensors; tuples become lists."""
    if isinstance(tensors, (list, tuple)):
        return [shapes_of(t) for t in tensors]
    if isinstance(tensors, dict):
        return {k: shapes_of(t) for k, t in tensors.items()}
    return None if tensors is None else tuple(tensors.shape)


def batch_shape_of(
    where: str, whole: Any, shape: Any, batch_size: int | None
) -> tuple[int | None, ...] | None:
    """The shape with the batch in front: as given, or made of one without; None for neither.

    ValueError for what is no length.
    """
    if whole is None and shape is not None:
        alone = isinstance(shape, (int, float, str))
        whole = (batch_size, *((shape,) if alone else shape))
    if whole is None:
        return None
    lengths = tuple(whole)
    if not all(n is None or (isinstance(n, Integral) and n >= 1) for n in lengths):
        raise ValueError(
            f"{where}: the shape of an input is made of positive whole numbers, and None for any "
            f"length, such as (784,); got {lengths!r}."
        )
    return tuple(n if n is None else int(n) for n in lengths)


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape and not a nest of them."""
    return isinstance(value, (tuple, list)) and all(d is None or isinstance(d, int) for d in value)


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """A nest of the same form with `function` applied to each shape, as a tuple."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {k: map_shapes(function, v) for k, v in shapes.items()}
    return type(shapes)(map_shapes(function, s) for s in shapes)


def without_batch(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """The shape with None for the batch."""
    return (None, *shape[1:])


def specs(tensors: Any) -> Any:
    """What a nest of tensors looks like, whatever the batch: a nest of symbolic tensors."""
    if tensors is None:
        raise ValueError("call() returned None: it lacks a return.")
    return tree.map(lambda t: SymbolicTensor(without_batch(t.shape), t.dtype), tensors)
