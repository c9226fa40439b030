"""Primitives that put in order or find a place in one, and the largest of what meets in a place."""

import numpy as np

from deepbasics.backends.numpy.rules.elementwise import cast_like, divide, equal, multiply
from deepbasics.backends.numpy.rules.shape import add_at, take
from deepbasics.backends.numpy.trace import primitive


def _argsort(x, axis):
    return np.argsort(x, axis=axis, kind="stable")


argsort = primitive("argsort", _argsort, None, analytic=False)  # NaN last, equals as they came


def _searchsorted(row, values, side):
    return np.searchsorted(row, values, side=side)


searchsorted = primitive("searchsorted", _searchsorted, None, None, analytic=False)


def _max_at(x, indices, n, low, out=None):
    if out is None:
        out = np.empty((n, *x.shape[1:]), x.dtype)
    out.fill(low)
    np.maximum.at(out, indices, x)
    return out


def _max_at_vjp(g, y, x, indices, n, low):
    """Ties share the cotangent equally."""
    hit = cast_like(equal(x, take(y, indices, axis=0)), g)
    share = multiply(hit, take(g, indices, axis=0))
    return divide(share, take(add_at(hit, indices, axis=0, shape=tuple(y.shape)), indices, axis=0))


max_at = primitive(  # n rows, each the largest of the rows of x with its index, `low` if none has
    "max_at", _max_at, _max_at_vjp, None, kind="out", analytic=False
)
