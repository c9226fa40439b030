"""Products of matrices and tensors."""

import math
from collections.abc import Sequence
from typing import Any

from deepbasics.ops.call import call, one_axis, pair, tensor
from deepbasics.ops.shape import expand_dims, reshape, transpose

__all__ = ["dot", "matmul", "outer", "tensordot"]

Tensor = Any


def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product over the last two axes, the others broadcasting; vectors as in NumPy.

    Raises ValueError with both shapes if the inner lengths differ.
    """
    x1, x2 = pair(x1, x2)
    s1, s2 = tuple(x1.shape), tuple(x2.shape)
    if not s1 or not s2 or s1[-1] != s2[-2 if len(s2) > 1 else 0]:
        raise ValueError(f"Cannot multiply shapes {s1} and {s2}: the inner lengths must agree.")
    if len(s1) == 1 or len(s2) == 1:
        y = matmul(
            x1 if len(s1) > 1 else expand_dims(x1, 0), x2 if len(s2) > 1 else reshape(x2, (-1, 1))
        )
        kept = [n for i, n in enumerate(y.shape[:-2])]
        kept += [y.shape[-2]] if len(s1) > 1 else []
        kept += [y.shape[-1]] if len(s2) > 1 else []
        return reshape(y, kept)
    if len(s1) > 2 and len(s2) == 2:  # one product instead of a batch of small ones
        flat = call("reshape", x1, shape=(math.prod(s1[:-1]), s1[-1]))
        return call("reshape", call("matmul", flat, x2), shape=(*s1[:-1], s2[-1]))
    return call("matmul", x1, x2)


def dot(x1: Any, x2: Any) -> Tensor:
    """As NumPy's: over the last axis of `x1` and the last but one of `x2`."""
    x1, x2 = pair(tensor(x1), tensor(x2))
    if not x1.shape or not x2.shape:
        return call("multiply", x1, x2)
    return tensordot(x1, x2, ([-1], [-2 if len(x2.shape) > 1 else 0]))


def tensordot(x1: Any, x2: Any, axes: int | Sequence[Any] = 2) -> Tensor:
    """Sum of products over given axes of both (an int: the last of `x1`, the first of `x2`)."""
    x1, x2 = pair(x1, x2)
    n1, n2 = len(x1.shape), len(x2.shape)
    if isinstance(axes, int):
        axes = (range(n1 - axes, n1), range(axes))
    over1, over2 = ([one_axis(a, n) for a in ([ax] if isinstance(ax, int) else ax)]
                    for ax, n in zip(axes, (n1, n2), strict=True))  # fmt: skip
    free1 = [a for a in range(n1) if a not in over1]
    free2 = [a for a in range(n2) if a not in over2]
    inner = math.prod(x1.shape[a] for a in over1)
    rows = reshape(transpose(x1, free1 + over1), (math.prod(x1.shape[a] for a in free1), inner))
    columns = reshape(transpose(x2, over2 + free2), (inner, math.prod(x2.shape[a] for a in free2)))
    whole = [x1.shape[a] for a in free1] + [x2.shape[a] for a in free2]
    return reshape(call("matmul", rows, columns), whole)


def outer(x1: Any, x2: Any) -> Tensor:
    """All products of an element of `x1` and one of `x2`: shape (size of x1, size of x2)."""
    x1, x2 = pair(tensor(x1), tensor(x2))
    return call("multiply", reshape(x1, (-1, 1)), reshape(x2, (1, -1)))
