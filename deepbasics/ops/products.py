"""Products of matrices and tensors."""

import math
from collections.abc import Sequence
from typing import Any

from deepbasics.ops.call import call, float_tensor, one_axis, pair, tensor
from deepbasics.ops.reduction import sum as total
from deepbasics.ops.shape import (
    diagonal,
    expand_dims,
    moveaxis,
    ravel,
    reshape,
    stack,
    transpose,
    unstack,
)

__all__ = [
    "cdist", "cross", "dot", "inner", "kron", "matmul", "outer", "tensordot", "trace", "vdot",
]  # fmt: skip

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


def inner(x1: Any, x2: Any) -> Tensor:
    """The sum of products over the last axis of both; a scalar multiplies."""
    x1, x2 = pair(tensor(x1), tensor(x2))
    if not x1.shape or not x2.shape:
        return call("multiply", x1, x2)
    return tensordot(x1, x2, ([-1], [-1]))


def vdot(x1: Any, x2: Any) -> Tensor:
    """The sum of products of all elements, both flattened."""
    return dot(ravel(x1), ravel(x2))


def kron(x1: Any, x2: Any) -> Tensor:
    """Each element of `x1` times the whole of `x2`, as blocks."""
    x1, x2 = pair(tensor(x1), tensor(x2))
    n = max(len(x1.shape), len(x2.shape))
    s1, s2 = ((1,) * (n - len(x.shape)) + tuple(x.shape) for x in (x1, x2))
    blocks = call(
        "multiply",
        reshape(x1, [k for length in s1 for k in (length, 1)]),
        reshape(x2, [k for length in s2 for k in (1, length)]),
    )
    return reshape(blocks, [a * b for a, b in zip(s1, s2, strict=True)])


def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """The vector product of vectors of 3 (or 2) elements along an axis of each.

    Of two vectors in the plane the result is the element out of it, without that axis.
    """
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    x1, x2 = pair(tensor(x1), tensor(x2))
    lengths = x1.shape[axisa], x2.shape[axisb]
    if not set(lengths) <= {2, 3}:
        raise ValueError(f"cross needs vectors of 2 or 3 elements; got {lengths[0]}, {lengths[1]}.")
    a, b = (_parts(x, over) for x, over in ((x1, axisa), (x2, axisb)))

    def minor(i: int, j: int) -> Tensor:
        one, two = (None if a[p] is None or b[q] is None else call("multiply", a[p], b[q])
                    for p, q in ((i, j), (j, i)))  # fmt: skip
        if one is None or two is None:
            return call("negative", two) if one is None else one
        return call("subtract", one, two)

    if lengths == (2, 2):
        return minor(0, 1)
    return moveaxis(stack([minor(1, 2), minor(2, 0), minor(0, 1)], -1), -1, axisc)


def _parts(x: Tensor, axis: int) -> list[Tensor | None]:
    """The elements of the vectors along an axis; None for a third that is not there, a zero."""
    return [*unstack(x, axis=axis), None][:3]


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum over a diagonal of the plane of two axes; small ints count as int32."""
    return total(diagonal(x, offset, axis1, axis2), -1)


def cdist(x: Any, y: Any) -> Tensor:
    """The distance of each row of `x` and each of `y`: (..., n, d), (..., m, d) to (..., n, m)."""
    x, y = pair(float_tensor(x), float_tensor(y))
    return length(call("subtract", expand_dims(x, -2), expand_dims(y, -3)), (-1,))


def length(x: Tensor, axis: tuple[int, ...], keepdims: bool = False) -> Tensor:
    """√Σ x² over `axis`; the derivative at 0 is 0."""
    squares = total(call("square", x), axis, keepdims)
    zero = call("equal", squares, 0)
    return call("where", zero, 0.0, call("sqrt", call("where", zero, 1.0, squares)))
