"""Attention: softmax(q kᵀ · scale) v, with the weights kept for the vjp."""

import numpy as np

from deepbasics.backends.numpy.rules.elementwise import add, logical_and, multiply, subtract, where
from deepbasics.backends.numpy.rules.nn import matmul
from deepbasics.backends.numpy.rules.reduction import any_, sum_
from deepbasics.backends.numpy.rules.shape import transpose
from deepbasics.backends.numpy.trace import primitive


def _attention(q, k, v, mask, scale, causal, out=None):
    weights_out, y_out = (None, None) if out is None else (out[1], out[0])
    weights = np.matmul(q * q.dtype.type(scale), np.swapaxes(k, -1, -2), out=weights_out)
    low = -0.7 * float(np.finfo(q.dtype).max)  # a row without any True attends to all alike
    if causal:
        np.copyto(weights, low, where=~np.tri(*weights.shape[-2:], dtype=bool))
    if mask is not None:
        np.copyto(weights, low, where=~mask)
    np.subtract(weights, np.maximum.reduce(weights, axis=-1, keepdims=True), out=weights)
    np.exp(weights, out=weights)
    np.divide(weights, np.add.reduce(weights, axis=-1, keepdims=True), out=weights)
    return np.matmul(weights, v, out=y_out), weights


def _swapped(x):
    return transpose(x, axes=(0, 1, 3, 2))


def _some(mask, causal, shape):
    """Which steps may attend to anything, (…, steps, 1); the others' weights do not change."""
    if causal:
        mask = logical_and(mask, np.tri(*shape, dtype=bool))
    return any_(mask, axis=(len(mask.shape) - 1,), keepdims=True)


def _attention_joint(g, y, q, k, v, mask, scale, causal):
    g, g_weights = g
    _, weights = y
    dweights = add(matmul(g, _swapped(v)), g_weights)
    total = sum_(multiply(dweights, weights), axis=(3,), keepdims=True)
    dscores = multiply(multiply(weights, subtract(dweights, total)), scale)
    if mask is not None:
        some = _some(mask, causal, tuple(weights.shape[2:]))
        dscores = where(some, dscores, 0.0)
    dq, dk = matmul(dscores, k), matmul(_swapped(dscores), q)
    return dq, dk, matmul(_swapped(weights), g), None


# q (batch, heads, steps, n), k and v (batch, heads, sources, n), mask None or broadcasting to the
# weights (batch, heads, steps, sources), which are given beside the result
attention = primitive("attention", _attention, joint=_attention_joint, kind="out", analytic=False)
