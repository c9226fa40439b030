"""Gradients before the update: one for each variable, checked and clipped.

Norms are taken variable by variable, so that an arena changes nothing in their last digits.
"""

import warnings
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any

from deepbasics import ops
from deepbasics.variables import Variable


def apart(pairs: Iterable[tuple[Any, Variable]]) -> tuple[list[Any], list[Variable]]:
    """The gradients and the Variables of pairs. TypeError where these are in the other order."""
    pairs = list(pairs)
    strange = [v for _, v in pairs if not isinstance(v, Variable)]
    if strange:
        raise TypeError(
            "apply_gradients takes pairs (gradient, variable), in this order; got "
            f"{type(strange[0]).__name__} for a variable."
        )
    return [g for g, _ in pairs], [v for _, v in pairs]


def in_order(
    grads: Sequence[Any], variables: Sequence[Variable], known: Sequence[Variable]
) -> list[Any]:
    """The gradient of each of the `known` Variables, given those of `variables`; None for none.

    Raises:
        ValueError: the counts differ, a variable is not known, a shape is wrong, or there is no
        gradient at all.
    """
    if len(grads) != len(variables):
        raise ValueError(f"There are {len(grads)} gradients for {len(variables)} variables.")
    tracked = {id(v) for v in known}
    for variable in variables:
        if id(variable) not in tracked:
            raise ValueError(
                f"This optimizer was not built for {variable.path!r}. Use one optimizer for each "
                "set of variables, or build(variables) with all of them first."
            )
    missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if len(missing) == len(variables):
        raise ValueError(
            f"There is no gradient for any variable: {', '.join(missing)}. The loss must be made "
            "of deepbasics.ops; what NumPy or Python computes from a tensor is a constant."
        )
    if missing:
        warnings.warn(f"There is no gradient for {', '.join(missing)}.", stacklevel=4)
    by_id = {id(v): _tensor(g, v) for g, v in zip(grads, variables, strict=True)}
    return [by_id.get(id(v)) for v in known]


def _tensor(g: Any, variable: Variable) -> Any:
    if g is None:
        return None
    g = ops.convert_to_tensor(g, dtype=variable.dtype)
    if tuple(g.shape) != variable.shape:
        raise ValueError(
            f"The gradient for {variable.path!r} has shape {tuple(g.shape)}; the variable has "
            f"{variable.shape}."
        )
    return g


def clip(
    given: list[Any], norm: float | None = None, global_norm: float | None = None
) -> list[Any]:
    """Gradients with norms of at most `norm` each, or `global_norm` taken together."""
    if norm:
        return [g if g is None else g * _shrink(_squares(g), norm) for g in given]
    if global_norm:
        total = reduce(add, [_squares(g) for g in given if g is not None])
        scale = _shrink(total, global_norm)
        return [g if g is None else g * ops.cast(scale, ops.dtype(g)) for g in given]
    return given


def _squares(g: Any) -> Any:
    return ops.sum(ops.square(g))


def _shrink(squares: Any, limit: float) -> Any:
    """What to multiply by, so that a norm of `sqrt(squares)` becomes at most `limit`."""
    return limit / ops.maximum(ops.sqrt(squares), limit)
