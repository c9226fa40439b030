"""Products and the coarse primitives of networks: each has a good kernel on every backend."""

import numpy as np

from deepbasics.backends.numpy.rules.elementwise import (
    exp,
    multiply,
    negative,
    sigmoid,
    subtract,
)
from deepbasics.backends.numpy.rules.reduction import sum_
from deepbasics.backends.numpy.rules.shape import reshape, transpose
from deepbasics.backends.numpy.trace import primitive


def _swap(x):
    axes = tuple(range(len(x.shape)))
    return transpose(x, axes=(*axes[:-2], axes[-1], axes[-2]))


matmul = primitive(  # both arguments have two axes or more
    "matmul",
    np.matmul,
    lambda g, y, a, b: matmul(g, _swap(b)),
    lambda g, y, a, b: matmul(_swap(a), g),
    kind="out",
)


def _softmax(x, axis, out=None):
    out = np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    np.exp(out, out=out)
    return np.divide(out, np.add.reduce(out, axis=axis, keepdims=True), out=out)


def _softmax_vjp(g, y, x, axis):
    return multiply(y, subtract(g, sum_(multiply(g, y), axis=(axis,), keepdims=True)))


softmax = primitive("softmax", _softmax, _softmax_vjp, kind="out", analytic=False)


def _log_softmax(x, axis, out=None):
    out = np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    total = np.add.reduce(np.exp(out), axis=axis, keepdims=True)
    return np.subtract(out, np.log(total, out=total), out=out)


def _log_softmax_vjp(g, y, x, axis):
    return subtract(g, multiply(exp(y), sum_(g, axis=(axis,), keepdims=True)))


log_softmax = primitive("log_softmax", _log_softmax, _log_softmax_vjp, kind="out", analytic=False)


def _sigmoid_crossentropy(z, labels, out=None):
    out = np.asarray(np.multiply(z, labels, out=out))  # NumPy makes scalars of 0-d arrays
    np.subtract(np.maximum(z, 0), out, out=out)
    return np.add(out, np.log1p(np.exp(-np.abs(z))), out=out)


sigmoid_crossentropy = primitive(  # -y log s(z) - (1 - y) log(1 - s(z)), elementwise
    "sigmoid_crossentropy",
    _sigmoid_crossentropy,
    lambda g, y, z, labels: multiply(g, subtract(sigmoid(z), labels)),
    lambda g, y, z, labels: negative(multiply(g, z)),
    kind="out",
    analytic=False,
)


def _softmax_crossentropy(z, labels, out=None):
    scores = _log_softmax(z, -1)
    np.multiply(scores, labels, out=scores)
    return np.negative(np.add.reduce(scores, axis=-1, out=out), out=out)


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
    kind="out",
    analytic=False,
)


def _sparse_softmax_crossentropy(z, labels):
    picked = np.take_along_axis(_log_softmax(z, -1), labels[..., None], axis=-1)
    return np.negative(picked[..., 0])


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
    analytic=False,
)
