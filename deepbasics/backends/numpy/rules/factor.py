"""Primitives that solve and factor matrices: the last two axes, the others a batch.

The vjps follow Giles (2008), "Collected matrix derivative results"; for the SVD Townsend (2016).
"""

import numpy as np

from deepbasics.backends.numpy.rules.elementwise import (
    add,
    divide,
    equal,
    multiply,
    negative,
    reciprocal,
    subtract,
    where,
)
from deepbasics.backends.numpy.rules.nn import matmul
from deepbasics.backends.numpy.rules.order import argsort
from deepbasics.backends.numpy.rules.shape import (
    concatenate,
    getitem,
    reshape,
    take_along_axis,
    transpose,
)
from deepbasics.backends.numpy.trace import Traced, primitive


def _t(x):
    axes = tuple(range(len(x.shape)))
    return transpose(x, axes=(*axes[:-2], axes[-1], axes[-2]))


def _masked(x, mask):
    return where(mask(np.ones(x.shape[-2:], bool)), x, 0.0)


def _lower(x):
    return _masked(x, lambda ones: np.tril(ones, -1))


def _upper(x):
    return _masked(x, np.triu)


def _eye(n, like):
    return np.eye(n, dtype=like.dtype)


def _column(x):
    return reshape(x, shape=(*x.shape, 1))


def _row(x):
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def _from_right(x, a):
    """x a⁻¹."""
    return _t(solve(_t(a), _t(x)))


solve = primitive(
    "solve",
    np.linalg.solve,
    lambda g, y, a, b: negative(matmul(solve(_t(a), g), _t(y))),
    lambda g, y, a, b: solve(_t(a), g),
    analytic=False,
)


def _cholesky_vjp(g, y, x):
    inner = matmul(_t(y), g)
    half = add(_lower(inner), multiply(multiply(inner, _eye(x.shape[-1], x)), 0.5))
    outer = _from_right(solve(_t(y), half), y)
    return multiply(add(outer, _t(outer)), 0.5)


cholesky = primitive("cholesky", np.linalg.cholesky, _cholesky_vjp, analytic=False)


def _slogdet(x):
    sign, log = np.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(log)


def _slogdet_vjp(g, y, x):
    n = x.shape[-1]
    inverse = solve(_t(x), np.broadcast_to(_eye(n, x), x.shape))
    return multiply(inverse, reshape(g[1], shape=(*g[1].shape, 1, 1)))


slogdet = primitive("slogdet", _slogdet, _slogdet_vjp, analytic=False)


def _gaps(w):
    """1 / (w_j - w_i), and 0 where they are equal."""
    gap = subtract(_row(w), _column(w))
    same = equal(gap, 0)
    return where(same, 0.0, reciprocal(where(same, 1.0, gap)))


def _eigh_vjp(g, y, x):
    (gw, gv), (w, v) = g, y
    diagonal = multiply(_column(gw), _eye(w.shape[-1], w))
    inner = add(diagonal, multiply(_gaps(w), matmul(_t(v), gv)))
    return matmul(matmul(v, inner), _t(v))


eigh = primitive("eigh", lambda x: tuple(np.linalg.eigh(x)), _eigh_vjp, analytic=False)


def _qr(x, mode):
    return tuple(np.linalg.qr(x, mode=mode))


def _qr_vjp(g, y, x, mode):
    (gq, gr), (q, r) = g, y
    m, n = x.shape[-2:]
    if m < n:  # the columns beyond the square follow from q
        square, rest = (..., slice(0, m)), (..., slice(m, None))
        beyond = getitem(gr, key=rest)
        gq = add(gq, matmul(getitem(x, key=rest), _t(beyond)))
        first = _square_qr_vjp(gq, getitem(gr, key=square), q, getitem(r, key=square))
        return concatenate(first, matmul(q, beyond), axis=len(x.shape) - 1)
    if mode == "complete" and m > n:
        raise ValueError("The complete QR of a tall matrix has no gradient; use mode='reduced'.")
    return _square_qr_vjp(gq, gr, q, r)


def _square_qr_vjp(gq, gr, q, r):
    inner = subtract(matmul(r, _t(gr)), matmul(_t(gq), q))
    low = _lower(inner)
    symmetric = add(add(low, _t(low)), multiply(inner, _eye(r.shape[-1], r)))
    return _from_right(add(gq, matmul(q, symmetric)), _t(r))


qr = primitive("qr", _qr, _qr_vjp, analytic=False)


def _svd(x, full):
    return tuple(np.linalg.svd(x, full_matrices=full))


def _svd_vjp(g, y, x, full):
    (gu, gs, gv), (u, s, v) = (g[0], g[1], _t(g[2])), (y[0], y[1], _t(y[2]))
    if full and x.shape[-1] != x.shape[-2]:
        if any(type(part) is Traced or np.any(part) for part in (gu, gv)):
            raise ValueError(
                "The vectors of a full SVD of an oblong matrix have no gradient; pass "
                "full_matrices=False."
            )
        first = slice(0, s.shape[-1])
        u, v = getitem(u, key=(..., first)), getitem(v, key=(..., first))
        return matmul(multiply(u, _row(gs)), _t(v))
    gaps, row = _gaps(multiply(s, s)), _row(s)
    left, right = matmul(_t(u), gu), matmul(_t(v), gv)
    left = multiply(multiply(gaps, subtract(left, _t(left))), row)
    right = multiply(multiply(gaps, subtract(right, _t(right))), _column(s))
    diagonal = multiply(_column(gs), _eye(s.shape[-1], s))
    inner = matmul(matmul(u, add(add(left, right), diagonal)), _t(v))
    if x.shape[-2] > x.shape[-1]:
        inner = add(inner, matmul(divide(_outside(gu, u), row), _t(v)))
    if x.shape[-2] < x.shape[-1]:
        inner = add(inner, matmul(u, _t(divide(_outside(gv, v), row))))
    return inner


def _outside(g, u):
    """The part of g that is orthogonal to the columns of u."""
    return subtract(g, matmul(u, matmul(_t(u), g)))


svd = primitive("svd", _svd, _svd_vjp, analytic=False)


def _lu(x):
    """(L below the diagonal and U, the row exchanged at each step, the order of the rows)."""
    lu = np.array(x)
    m, n = lu.shape[-2:]
    batch = lu.reshape(-1, m, n)
    pivots = np.zeros((len(batch), min(m, n)), "int32")
    order = np.tile(np.arange(m), (len(batch), 1))
    every = np.arange(len(batch))
    for j in range(min(m, n)):
        best = j + np.argmax(np.abs(batch[:, j:, j]), axis=1)
        pivots[:, j] = best
        for rows in (batch, order):
            rows[every, best], rows[:, j] = rows[:, j].copy(), rows[every, best]
        pivot = batch[:, j, j][:, None]
        batch[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)
        batch[:, j + 1 :, j + 1 :] -= batch[:, j + 1 :, j, None] * batch[:, j, None, j + 1 :]
    head = x.shape[:-2]
    return lu, pivots.reshape(*head, min(m, n)), order.reshape(*head, m)


def _lu_vjp(g, y, x):
    n = x.shape[-1]
    if x.shape[-2] != n:
        raise ValueError(f"LU has a gradient for square matrices alone; got shape {x.shape}.")
    low, up = add(_lower(y[0]), _eye(n, x)), _upper(y[0])
    inner = add(_lower(matmul(_t(low), _lower(g[0]))), _upper(matmul(_upper(g[0]), _t(up))))
    permuted = _from_right(solve(_t(low), inner), _t(up))
    back = _column(argsort(y[2], axis=len(x.shape) - 2))
    return take_along_axis(permuted, back, axis=len(x.shape) - 2)


lu = primitive("lu", _lu, _lu_vjp, analytic=False)
