"""Products and the coarse primitives of networks: each has a good kernel on every backend."""

import numpy as np

from deepbasics.backends.numpy.rules.elementwise import (
    add,
    divide,
    exp,
    log,
    log1p,
    maximum,
    minus_absolute,
    multiply,
    negative,
    promoted,
    sigmoid,
    subtract,
)
from deepbasics.backends.numpy.rules.reduction import max_, sum_
from deepbasics.backends.numpy.rules.shape import reshape, take_along_axis, transpose
from deepbasics.backends.numpy.trace import Traced, primitive


def _swap(x):
    axes = tuple(range(len(x.shape)))
    return transpose(x, axes=(*axes[:-2], axes[-1], axes[-2]))


def _matmul(a, b, out=None):
    if a.ndim == b.ndim == 2:
        return a.dot(b, out)  # as np.matmul, with less ado
    return np.matmul(a, b, out=out)


matmul = primitive(  # both arguments have two axes or more
    "matmul",
    _matmul,
    lambda g, y, a, b: matmul(g, _swap(b)),
    lambda g, y, a, b: matmul(_swap(a), g),
    kind="out",
)


def _softmax(x, axis):
    e = exp(_below_zero(x, axis))
    return divide(e, sum_(e, axis=(axis,), keepdims=True))


def _below_zero(x, axis):
    return subtract(x, max_(x, axis=(axis,), keepdims=True))


def _softmax_vjp(g, y, x, axis):
    return multiply(y, subtract(g, sum_(multiply(g, y), axis=(axis,), keepdims=True)))


softmax = primitive("softmax", _softmax, _softmax_vjp, kind="composite", analytic=False)


def _log_softmax(x, axis):
    x = _below_zero(x, axis)
    return subtract(x, log(sum_(exp(x), axis=(axis,), keepdims=True)))


def _log_softmax_vjp(g, y, x, axis):
    return subtract(g, multiply(exp(y), sum_(g, axis=(axis,), keepdims=True)))


log_softmax = primitive(
    "log_softmax", _log_softmax, _log_softmax_vjp, kind="composite", analytic=False
)


def _sigmoid_crossentropy(z, labels):
    outside = subtract(maximum(z, 0), multiply(z, labels))
    return add(outside, log1p(exp(minus_absolute(z))))


sigmoid_crossentropy = primitive(  # -y log s(z) - (1 - y) log(1 - s(z)), elementwise
    "sigmoid_crossentropy",
    _sigmoid_crossentropy,
    lambda g, y, z, labels: multiply(g, subtract(sigmoid(z), labels)),
    lambda g, y, z, labels: negative(multiply(g, z)),
    kind="composite",
    analytic=False,
)


def _softmax_crossentropy(z, labels):
    last = len(z.shape) - 1
    return negative(sum_(multiply(log_softmax(z, axis=last), labels), axis=(last,)))


def _column(g):
    return reshape(g, shape=(*g.shape, 1))


def _softmax_crossentropy_vjp(g, y, z, labels):
    total = sum_(labels, axis=(len(labels.shape) - 1,), keepdims=True)
    p = multiply(softmax(z, axis=len(z.shape) - 1), total)
    return multiply(_column(g), subtract(p, labels))


softmax_crossentropy = primitive(  # -sum(y log softmax(z)) over the last axis
    "softmax_crossentropy",
    _softmax_crossentropy,
    _softmax_crossentropy_vjp,
    lambda g, y, z, labels: negative(multiply(_column(g), log_softmax(z, axis=len(z.shape) - 1))),
    kind="composite",
    analytic=False,
)


def _sparse_softmax_crossentropy(z, labels):
    last = len(z.shape) - 1
    picked = take_along_axis(log_softmax(z, axis=last), _column(labels), axis=last)
    return negative(reshape(picked, shape=tuple(labels.shape)))


def _one_hot(labels, n, dtype):
    return np.equal(labels[..., None], np.arange(n)).astype(dtype)


one_hot = primitive(
    "one_hot", lambda labels, n, dtype: _one_hot(labels, n, dtype), None, analytic=False
)

sparse_softmax_crossentropy = primitive(  # -log softmax(z)[label] over the last axis
    "sparse_softmax_crossentropy",
    _sparse_softmax_crossentropy,
    lambda g, y, z, labels: multiply(
        _column(g),
        subtract(
            softmax(z, axis=len(z.shape) - 1), one_hot(labels, n=z.shape[-1], dtype=z.dtype.name)
        ),
    ),
    None,
    kind="composite",
    analytic=False,
)


def _operator_matmul(a, b):
    """`a @ b`: vectors become a row or a column for the product, as in NumPy."""
    row = a if len(a.shape) > 1 else reshape(a, shape=(1, *a.shape))
    column = b if len(b.shape) > 1 else reshape(b, shape=(*b.shape, 1))
    y = matmul(row, column)
    shape = y.shape if row is a else (*y.shape[:-2], y.shape[-1])
    shape = shape if column is b else shape[:-1]
    return y if shape == y.shape else reshape(y, shape=shape)


Traced.__matmul__ = promoted(_operator_matmul)
Traced.__rmatmul__ = lambda a, b: promoted(_operator_matmul)(b, a)
