"""Primitives that move, select or join elements; settings are keywords and never tensors."""

import math

import numpy as np

from deepbasics.backends.numpy.trace import Traced, primitive

_CACHED = 2**16  # indices made at once, so that they stay in the cache


def _reshape(x, shape):
    return np.reshape(x, shape)


reshape = primitive(
    "reshape", _reshape, lambda g, y, x, shape: reshape(g, shape=tuple(x.shape)), kind="view"
)


def _transpose(x, axes):
    return np.transpose(x, axes)


transpose = primitive(
    "transpose",
    _transpose,
    lambda g, y, x, axes: transpose(g, axes=tuple(int(i) for i in np.argsort(axes))),
    kind="view",
)


def _broadcast_to(x, shape):
    return np.broadcast_to(x, shape)


broadcast_to = primitive(  # the engine sums the cotangent back to the shape of x
    "broadcast_to", _broadcast_to, lambda g, y, x, shape: g, kind="view"
)


def _flip(x, axis):
    return np.flip(x, axis)


flip = primitive("flip", _flip, lambda g, y, x, axis: flip(g, axis=axis), kind="view")


def _getitem(x, key):
    return x[key]


getitem = primitive(
    "getitem",
    _getitem,
    lambda g, y, x, key: embed(g, key=key, shape=tuple(x.shape)),
    kind="view",
)


def _embed(x, key, shape, out=None):
    if out is None:
        out = np.zeros(shape, x.dtype)
    else:
        out.fill(0)
    out[key] = x
    return out


embed = primitive(  # zeros of `shape` with x at `key`: the adjoint of getitem
    "embed", _embed, lambda g, y, x, key, shape: getitem(g, key=key), kind="out"
)


def _cast(x, dtype, out=None):
    if out is None:
        return np.asarray(x).astype(dtype)
    np.copyto(out, x, casting="unsafe")
    return out


def _cast_vjp(g, y, x, dtype):
    if np.dtype(dtype).kind != "f" or x.dtype.kind != "f":
        return None
    return cast(g, dtype=x.dtype.name)


cast = primitive("cast", _cast, _cast_vjp, kind="out", analytic=False)


def _concatenate(*xs, axis, out=None):
    return np.concatenate(xs, axis=axis, out=out)


def _split_back(g, y, *xs, axis):
    ends = np.cumsum([x.shape[axis] for x in xs])
    before = (slice(None),) * axis
    return tuple(
        getitem(g, key=(*before, slice(int(end - x.shape[axis]), int(end))))
        for x, end in zip(xs, ends, strict=True)
    )


concatenate = primitive("concatenate", _concatenate, joint=_split_back, kind="out")


def _pack(*xs, out=None):
    return np.concatenate([np.ravel(x) for x in xs], out=out)


def _unpack(g, y, *xs):
    ends = np.cumsum([np.prod(x.shape, dtype=int) for x in xs])
    starts = [0, *ends[:-1]]
    return tuple(
        reshape(getitem(g, key=(slice(int(a), int(b)),)), shape=tuple(x.shape))
        for x, a, b in zip(xs, starts, ends, strict=True)
    )


pack = primitive("pack", _pack, joint=_unpack, kind="out")  # all elements, one after the other


def _pad(x, widths, value, out=None):
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    if out is None:
        out = np.empty(shape, x.dtype)
    out.fill(value)
    out[_inner(x.shape, widths)] = x
    return out


def _inner(shape, widths):
    return tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))


pad = primitive(
    "pad",
    _pad,
    lambda g, y, x, widths, value: getitem(g, key=_inner(tuple(x.shape), widths)),
    kind="out",
)


def _take(x, indices, axis, out=None):
    return np.take(x, indices, axis=axis, out=out)


take = primitive(
    "take",
    _take,
    lambda g, y, x, i, axis: add_at(g, i, axis=axis, shape=tuple(x.shape)),
    None,
    kind="plain",
)


def _add_at(x, indices, axis, shape, out=None):
    if out is None:
        out = np.zeros(shape, x.dtype)
    else:
        out.fill(0)
    if axis == 0 and out.ndim > 1 and out.size and out.flags.c_contiguous:
        _add_rows(x, indices, out)
    else:
        np.add.at(out, (slice(None),) * axis + (indices,), x)
    return out


def _add_rows(x, indices, out):
    """As `np.add.at(out, indices, x)`, five times faster: element by element in one axis."""
    size = math.prod(out.shape[1:])
    first = np.where(indices < 0, indices + len(out), indices).reshape(-1, 1) * size
    x, out = x.reshape(-1, size), out.reshape(-1)  # one axis all three: the fast way of add.at
    rows = max(1, _CACHED // max(size, 1))
    for a in range(0, len(x), rows):
        places = first[a : a + rows] + np.arange(size)
        np.add.at(out, places.reshape(-1), x[a : a + rows].reshape(-1))


add_at = primitive(  # zeros of `shape` with x added at `indices` along `axis`: the adjoint of take
    "add_at",
    _add_at,
    lambda g, y, x, i, axis, shape: take(g, i, axis=axis),
    None,
    kind="out",
)


def _take_along_axis(x, indices, axis):
    return np.take_along_axis(x, indices, axis=axis)


take_along_axis = primitive(
    "take_along_axis",
    _take_along_axis,
    lambda g, y, x, i, axis: add_along_axis(g, i, axis=axis, shape=tuple(x.shape)),
    None,
)


def _add_along_axis(x, indices, axis, shape):
    out = np.zeros(shape, x.dtype)
    grid = list(np.ogrid[tuple(slice(n) for n in x.shape)])
    grid[axis] = indices  # which may have axes of length 1
    np.add.at(out, tuple(grid), x)
    return out


add_along_axis = primitive(
    "add_along_axis",
    _add_along_axis,
    lambda g, y, x, i, axis, shape: take_along_axis(g, i, axis=axis),
    None,
)

stop_gradient = primitive("stop_gradient", lambda x: x, None, kind="view", analytic=False)
identity = primitive("identity", lambda x: x, lambda g, y, x: g, kind="view")


def _operator_getitem(x, key):
    keys = key if isinstance(key, tuple) else (key,)
    if any(isinstance(k, (np.ndarray, Traced, list)) for k in keys):
        if len(keys) == 1:
            return take(x, keys[0], axis=0)
        raise TypeError("Indexing with several index arrays: use ops.take or ops.take_along_axis.")
    return getitem(x, key=keys)


def _operator_reshape(x, *shape):
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
    return reshape(x, shape=tuple(shape))


Traced.__getitem__ = _operator_getitem
Traced.reshape = _operator_reshape
Traced.T = property(lambda x: transpose(x, axes=tuple(range(x.ndim))[::-1]))
