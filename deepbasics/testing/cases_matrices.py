"""Rows of the table for products, equations and decompositions of matrices."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.ops.call import call as primitive
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.derived import BLOCK, MATRIX, ROW
from deepbasics.testing.derived import row as op

SQUARE, BATCH, VECTORS = Draw("n n"), Draw("a n n"), Draw("a n k")


def _definite(x: Any) -> Any:
    """A positive definite matrix made of any, its eigenvalues well apart from 0."""
    return ops.matmul(x, ops.swapaxes(x, -1, -2)) + ops.eye(x.shape[-1], dtype=x.dtype)


def _symmetric(x: Any) -> Any:
    """A symmetric matrix whose eigenvalues are apart."""
    return _oblong(x + ops.swapaxes(x, -1, -2))


def _regular(x: Any) -> Any:
    """Far from singular: the diagonal outweighs the rest."""
    return x + 7.0 * ops.eye(x.shape[-1], dtype=x.dtype)


def _oblong(x: Any) -> Any:
    """Any matrix whose singular values are apart."""
    n, m = x.shape[-2:]
    diagonal = np.zeros((n, m), ops.dtype(x))
    np.fill_diagonal(diagonal, 100.0 - 30.0 * np.arange(min(n, m)))
    return ops.add(x, diagonal)


def _of(name: str, draw: Draw, prepare: Callable[..., Any], label: str = "", **settings: Any):
    """A row for a public op of one prepared matrix."""
    function = getattr(ops, name)
    return Case(name, (draw,), lambda x, **s: function(prepare(x), **s), settings, "reduction",
                True, "", label)  # fmt: skip


def _primitive(name: str, draw: Draw, prepare: Callable[..., Any], label: str = "", **settings):
    """A row for a primitive of one prepared matrix."""
    return Case(name, (draw,), lambda x, **s: primitive(name, prepare(x), **s), settings,
                "layer", True, "", label)  # fmt: skip


PRIMITIVES = [
    Case("solve", (BATCH, VECTORS), lambda a, b: primitive("solve", _regular(a), b), {},
         "reduction", True, ""),
    _primitive("cholesky", BATCH, _definite),
    _primitive("slogdet", BATCH, _regular),
    _primitive("slogdet", SQUARE, _regular, "one"),
    _primitive("qr", Draw("a m n"), _oblong, mode="reduced"),
    _primitive("qr", Draw("a n m"), _oblong, "wide", mode="reduced"),
    _primitive("lu", BATCH, _regular),
]  # fmt: skip
# Vectors of these are unique but for their sign: the public ops fix it.
FIXED = [
    Case("eigh", (BATCH,), lambda x: ops.eigh(_symmetric(x)), {}, "layer", True,
         ""),
    Case("svd", (Draw("m n"),), lambda x: ops.svd(_oblong(x), full_matrices=False), {},
         "layer", True, "", "tall"),
    Case("svd", (Draw("a n m"),), lambda x: ops.svd(_oblong(x), full_matrices=False), {},
         "layer", True, "", "wide"),
    Case("svd", (SQUARE,), lambda x: ops.svd(_oblong(x)), {}, "layer", True, "", "square"),
]  # fmt: skip


PRIMITIVES += FIXED

NORMS = [
    *((ord, 1) for ord in (None, 1, 2, 3, 2.5, 0, math.inf, -math.inf)),
    *((ord, (2, 0)) for ord in (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)),
]

DERIVED = [
    *FIXED,
    Case("solve", (SQUARE, ROW), lambda a, b: ops.solve(_regular(a), b), {}, "reduction", True, "",
         "vector"),
    Case("solve", (BATCH, VECTORS), lambda a, b: ops.solve(_regular(a), b), {}, "reduction", True,
         "", "columns"),
    *(Case("solve_triangular", (SQUARE, Draw("n k")), lambda a, b, lower: ops.solve_triangular(
        _regular(a), b, lower), {"lower": lower}, "reduction", True, "", str(lower))
      for lower in (False, True)),
    *(_of(name, BATCH, _regular) for name in ("inv", "det", "logdet", "slogdet", "lu_factor")),
    _of("cholesky", BATCH, _definite),
    _of("cholesky", SQUARE, _definite, "upper", upper=True),
    _of("cholesky_inverse", SQUARE, _regular),
    _of("qr", Draw("m n"), _oblong),
    _of("qr", Draw("n m"), _oblong, "wide"),
    _of("svd", Draw("n m"), _oblong, "values", compute_uv=False),
    _of("pinv", Draw("m n"), _oblong),
    _of("matrix_rank", Draw("m n"), _oblong),
    Case("lstsq", (Draw("m n"), Draw("m")), lambda a, b: ops.lstsq(_oblong(a), b), {}, "reduction",
         True, ""),
    *(op("norm", BLOCK, kind="reduction", label=f"{ord} {axis}", ord=ord, axis=axis,
         keepdims=ord == 1) for ord, axis in NORMS),
    op("norm", BLOCK, kind="reduction", label="all"),
    op("inner", MATRIX, Draw("k m"), kind="reduction"),
    op("vdot", MATRIX, Draw("n m"), kind="reduction"),
    op("kron", MATRIX, Draw("a n k"), kind="elementwise"),
    op("cross", Draw("m n"), ROW, kind="composed"),
    op("cross", Draw("m a"), Draw("m a"), kind="composed", label="plane"),
    op("cross", Draw("n m"), Draw("n m"), kind="composed", label="axis", axis=0),
    op("cross", Draw("m a"), ROW, kind="composed", label="mixed"),
    op("trace", BLOCK, kind="reduction", offset=1, axis1=0, axis2=2),
    op("cdist", MATRIX, Draw("a k m"), kind="reduction"),
]  # fmt: skip
