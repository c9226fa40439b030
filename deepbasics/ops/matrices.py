"""Equations and decompositions of matrices: the last two axes, the others a batch.

A matrix that is singular, or not positive definite where it must be, raises
`numpy.linalg.LinAlgError` on every backend. Eigenvectors and singular vectors are unique but for
their sign; here the first large element of each is positive.
"""

import math
from typing import Any

from deepbasics import dtypes
from deepbasics.ops.call import axes, call, dtype_of, float_tensor, pair, tensor
from deepbasics.ops.creation import eye
from deepbasics.ops.elementwise import abs as absolute
from deepbasics.ops.elementwise import exp, greater, greater_equal, multiply, not_equal, where
from deepbasics.ops.products import length, matmul
from deepbasics.ops.reduction import argmax
from deepbasics.ops.reduction import max as largest
from deepbasics.ops.reduction import min as smallest
from deepbasics.ops.reduction import sum as total
from deepbasics.ops.shape import (
    expand_dims,
    get_item,
    ravel,
    reshape,
    swapaxes,
    take_along_axis,
    tril,
    triu,
)

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eigh", "inv", "logdet", "lstsq", "lu_factor",
    "matrix_rank", "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
]  # fmt: skip

Tensor = Any


def _matrix(x: Any, name: str, square: bool = True) -> Tensor:
    x = float_tensor(x)
    if len(x.shape) < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ValueError(f"ops.{name} needs {kind}; got shape {tuple(x.shape)}.")
    return x


# equations ----------------------------------------------------------------------------------------


def solve(a: Any, b: Any) -> Tensor:
    """The x with a x = b; `b` has one axis less than `a` (a vector each) or as many (columns)."""
    a, b = pair(_matrix(a, "solve"), float_tensor(b))
    single = len(b.shape) == len(a.shape) - 1
    b = expand_dims(b, -1) if single else b
    if len(b.shape) < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(f"Cannot solve with shapes {tuple(a.shape)} and {tuple(b.shape)}.")
    x = call("solve", a, b)
    return get_item(x, (..., 0)) if single else x


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Tensor:
    """As `ops.solve`, of the upper (or the lower) triangle of `a`."""
    return solve(tril(a) if lower else triu(a), b)


def inv(x: Any) -> Tensor:
    """The inverse."""
    x = _matrix(x, "inv")
    return solve(x, call("broadcast_to", eye(x.shape[-1], dtype=dtype_of(x)), shape=tuple(x.shape)))


def slogdet(x: Any) -> tuple[Tensor, Tensor]:
    """(the sign of the determinant, the logarithm of its size)."""
    return tuple(call("slogdet", _matrix(x, "slogdet")))


def logdet(x: Any) -> Tensor:
    """The logarithm of the size of the determinant."""
    return slogdet(x)[1]


def det(x: Any) -> Tensor:
    """The determinant; its gradient needs a matrix that is not singular."""
    sign, log = slogdet(x)
    return multiply(sign, exp(log))


# decompositions -----------------------------------------------------------------------------------


def cholesky(x: Any, upper: bool = False) -> Tensor:
    """The lower triangle L with L Lᵀ = x, positive definite; `upper`: Lᵀ."""
    found = call("cholesky", _matrix(x, "cholesky"))
    return swapaxes(found, -1, -2) if upper else found


def cholesky_inverse(x: Any, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is `x`."""
    x = _matrix(x, "cholesky_inverse")
    part = inv(tril(swapaxes(x, -1, -2) if upper else x))
    return matmul(swapaxes(part, -1, -2), part)


def qr(x: Any, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """(Q with orthonormal columns, R an upper triangle), Q R = x; "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f'qr: mode must be "reduced" or "complete"; got {mode!r}.')
    return tuple(call("qr", _matrix(x, "qr", square=False), mode=mode))


def lu_factor(x: Any) -> tuple[Tensor, Tensor]:
    """(L below the diagonal of U in one matrix, the row exchanged with each row in turn; int32)."""
    found, pivots, _ = call("lu", _matrix(x, "lu_factor", square=False))
    return found, tensor(pivots, "int32")


def _signs(vectors: Tensor) -> Tensor:
    """For each column 1 or -1, so that times it the first large element is positive."""
    fixed = call("stop_gradient", vectors)
    size = absolute(fixed)
    large = greater_equal(size, multiply(largest(size, -2, keepdims=True), 0.3))
    first = argmax(tensor(large, "int32"), axis=-2, keepdims=True)
    chosen = take_along_axis(fixed, first, -2)
    return where(call("less", chosen, 0), call("add", multiply(chosen, 0), -1.0), 1.0)


def eigh(x: Any) -> tuple[Tensor, Tensor]:
    """(eigenvalues, ascending; eigenvectors, a column each) of symmetric matrices.

    Only the lower triangle is read. The gradient by the vectors needs different eigenvalues.
    """
    values, vectors = call("eigh", _matrix(x, "eigh"))
    return values, multiply(vectors, _signs(vectors)) if vectors.shape[-1] else vectors


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(U, singular values in descending order, Vᵀ), U diag(s) Vᵀ = x; or the values alone.

    The gradient by the vectors needs `full_matrices=False` where `x` is not square, and different
    singular values.
    """
    x = _matrix(x, "svd", square=False)
    if not compute_uv:
        return call("svd", x, full=False)[1]
    u, s, v = call("svd", x, full=full_matrices)
    if 0 in x.shape[-2:]:
        return u, s, v
    signs, n = _signs(u), s.shape[-1]
    turned = swapaxes(get_item(signs, (..., slice(n))), -1, -2)
    if v.shape[-2] == n:
        return multiply(u, signs), s, multiply(v, turned)
    rest = swapaxes(_signs(swapaxes(v, -1, -2)), -1, -2)
    both = [turned, get_item(rest, (..., slice(n, None), slice(None)))]
    return multiply(u, signs), s, multiply(v, call("concatenate", *both, axis=len(v.shape) - 2))


def matrix_rank(x: Any, tol: float | None = None) -> Tensor:
    """How many singular values exceed `tol` (None: max(n, m) ε times the largest); int32."""
    values = svd(x, compute_uv=False)
    limit = multiply(largest(values, -1, keepdims=True), _epsilon(x)) if tol is None else tol
    return total(greater(values, limit), -1)


def _epsilon(x: Any) -> float:
    x = float_tensor(x)
    return float(dtypes.finfo(dtype_of(x)).eps) * max(x.shape[-2:])


def pinv(x: Any, rcond: float | None = None) -> Tensor:
    """The Moore-Penrose inverse; singular values up to `rcond` times the largest count as 0."""
    u, s, v = svd(x, full_matrices=False)
    limit = multiply(largest(s, -1, keepdims=True), _epsilon(x) if rcond is None else rcond)
    kept = greater(s, limit)
    scale = where(kept, call("reciprocal", where(kept, s, 1.0)), 0.0)
    return matmul(swapaxes(v, -1, -2), multiply(expand_dims(scale, -1), swapaxes(u, -1, -2)))


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Tensor:
    """The x with the least |a x - b|², of several the shortest; `b` a vector or columns."""
    a, b = pair(_matrix(a, "lstsq", square=False), float_tensor(b))
    return matmul(pinv(a, rcond), b)


# norms --------------------------------------------------------------------------------------------


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors (`axis` an int) or matrices (two axes); None: of all elements.

    `ord` of vectors: None or 2, 1, 0 (elements that are not 0), inf, -inf, any p; of matrices:
    None or "fro", "nuc", 1, -1, 2, -2, inf, -inf. The derivative of a length at 0 is 0.
    """
    x = float_tensor(x)
    if axis is None and ord is None:
        y = length(ravel(x), (0,))
        return reshape(y, (1,) * len(x.shape)) if keepdims else y
    over = tuple(range(len(x.shape))) if axis is None else axes_in_order(axis, len(x.shape))
    if len(over) == 1:
        return _vector_norm(x, 2 if ord is None else ord, over, keepdims)
    if len(over) != 2:
        raise ValueError(f"norm: axis must be one or two axes; got {axis} for shape {x.shape}.")
    return _matrix_norm(x, "fro" if ord is None else ord, over, keepdims)


def axes_in_order(axis: Any, n: int) -> tuple[int, ...]:
    """Axes as non-negative ones, in the order given."""
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(axes(a, n)[0] for a in given)


def _vector_norm(x: Tensor, ord: Any, over: tuple[int, ...], keepdims: bool) -> Tensor:
    if isinstance(ord, str):
        raise ValueError(f"norm: ord {ord!r} is for matrices; vectors take a number.")
    if ord == 2:
        return length(x, over, keepdims)
    size = absolute(x)
    if ord in (math.inf, -math.inf):
        return (largest if ord > 0 else smallest)(size, over, keepdims)
    if ord == 0:
        return total(tensor(not_equal(x, 0), dtype_of(x)), over, keepdims)
    powers = size if ord == 1 else call("power", size, ord)
    sums = total(powers, over, keepdims)
    return sums if ord == 1 else call("power", sums, 1 / ord)


def _matrix_norm(x: Tensor, ord: Any, over: tuple[int, int], keepdims: bool) -> Tensor:
    rows, columns = over
    if ord == "fro":
        return length(x, over, keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        inner, outer = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = total(absolute(x), inner, keepdims=True)
        y = (largest if ord > 0 else smallest)(sums, outer, keepdims=True)
    elif ord in (2, -2, "nuc"):
        last = [a for a in range(len(x.shape)) if a not in over]
        values = svd(call("transpose", x, axes=(*last, rows, columns)), compute_uv=False)
        y = {2: largest, -2: smallest, "nuc": total}[ord](values, -1)
    else:
        raise ValueError(
            f"norm: ord of a matrix must be fro, nuc, 1, -1, 2, -2, inf or -inf; got {ord!r}."
        )
    kept = [1 if a in over else n for a, n in enumerate(x.shape)]
    return reshape(y, kept if keepdims else [x.shape[a] for a in range(len(kept)) if a not in over])
