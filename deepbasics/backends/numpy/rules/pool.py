"""Pooling: the largest and the mean of each window, one tap of all windows at a time.

Padding counts as -∞ for the largest and is left out of the mean.
"""

from functools import cache

import numpy as np

from deepbasics.backends.numpy.rules.windows import blocks, lengths, taps
from deepbasics.backends.numpy.threads import shared
from deepbasics.backends.numpy.trace import primitive

COST = 16  # of an element at each tap, in operations: it is memory that takes the time


def _over_images(work, x, y, places):
    """Call `work(start, stop)` on blocks of images that fit into the cache."""
    every = blocks(len(x), 1, (x.nbytes + y.nbytes) // max(len(x), 1))
    shared(lambda b: work(slice(b.start, b.stop)), every, COST * y.size * len(places))


def _no_dilation(window):
    return (1,) * len(window)


def _empty(x, window, strides, padding):
    spatial = lengths(x.shape[1:-1], window, strides, padding, _no_dilation(window))
    return np.empty((len(x), *spatial, x.shape[-1]), x.dtype)


# the largest --------------------------------------------------------------------------------------


def _max_pool(x, *, window, strides, padding, out=None):
    if out is None:
        out = _empty(x, window, strides, padding)
    places = list(taps(x.shape[1:-1], out.shape[1:-1], window, strides, padding))
    whole = [outputs == _whole(out) for *_, outputs in places]

    def work(images):
        y, xs = out[images], x[images]
        first = whole.index(True) if True in whole else -1
        if first >= 0:  # a tap that every window has: nothing to fill before
            np.copyto(y, xs[places[first][1]])
        else:
            y.fill(-np.inf)
        for i, (_, inputs, outputs) in enumerate(places):
            if i != first:
                np.maximum(y[outputs], xs[inputs], out=y[outputs])

    _over_images(work, x, out, places)
    return out


def _whole(y):
    """The index of all spatial places, as `taps` writes it."""
    return (slice(None), *(slice(0, n) for n in y.shape[1:-1]))


def _firsts(x, y, places):
    """(inputs, outputs, mask) for each tap: whether it is the first to reach the maximum."""
    free = np.ones(y.shape, bool)
    for _, inputs, outputs in places:
        hit = np.equal(x[inputs], y[outputs])
        np.logical_and(hit, free[outputs], out=hit)
        np.not_equal(free[outputs], hit, out=free[outputs])
        yield inputs, outputs, hit


def _max_pool_scatter(g, x, y, *, window, strides, padding, out=None):
    if out is None:
        out = np.empty(x.shape, g.dtype)
    places = list(taps(x.shape[1:-1], y.shape[1:-1], window, strides, padding))
    apart = all(k <= s for k, s in zip(window, strides, strict=True))
    everywhere = apart and sum(out[:1][at].size for _, at, _ in places) == out[:1].size

    def work(images):
        to, gs = out[images], g[images]
        if not everywhere:
            to.fill(0)
        for inputs, outputs, hit in _firsts(x[images], y[images], places):
            if apart:
                np.multiply(gs[outputs], hit, out=to[inputs])
            else:
                to[inputs] += gs[outputs] * hit

    _over_images(work, x, y, places)
    return out


def _max_pool_pick(h, x, y, *, window, strides, padding, out=None):
    if out is None:
        out = np.empty(y.shape, h.dtype)
    places = list(taps(x.shape[1:-1], y.shape[1:-1], window, strides, padding))

    def work(images):
        to, hs = out[images], h[images]
        to.fill(0)
        for inputs, outputs, hit in _firsts(x[images], y[images], places):
            np.copyto(to[outputs], hs[inputs], where=hit)

    _over_images(work, x, y, places)
    return out


max_pool = primitive(
    "max_pool",
    _max_pool,
    lambda g, y, x, **how: max_pool_scatter(g, x, y, **how),
    kind="out",
    analytic=False,
)

max_pool_scatter = primitive(  # g where x is the first largest of its window y, added up; else 0
    "max_pool_scatter",
    _max_pool_scatter,
    lambda h, _, g, x, y, **how: max_pool_pick(h, x, y, **how),
    None,
    None,
    kind="out",
    analytic=False,
)

max_pool_pick = primitive(  # of each window of h the place where x is the first largest
    "max_pool_pick",
    _max_pool_pick,
    lambda g, _, h, x, y, **how: max_pool_scatter(g, x, y, **how),
    None,
    None,
    kind="out",
    analytic=False,
)

# the mean -----------------------------------------------------------------------------------------


@cache
def _counts(spatial, out, window, strides, padding):
    """How many cells of each window are not padding: (*out, 1)."""
    found = np.zeros((1, *out, 1))
    for _, _, outputs in taps(spatial, out, window, strides, padding):
        found[outputs] += 1
    return np.maximum(found[0], 1)


def _average_pool(x, *, window, strides, padding, out=None):
    if out is None:
        out = _empty(x, window, strides, padding)
    spatial = x.shape[1:-1], out.shape[1:-1]
    places = list(taps(*spatial, window, strides, padding))
    counts = _counts(*spatial, window, strides, padding).astype(out.real.dtype)

    def work(images):
        y, xs = out[images], x[images]
        y.fill(0)
        for _, inputs, outputs in places:
            y[outputs] += xs[inputs]
        np.divide(y, counts, out=y)

    _over_images(work, x, out, places)
    return out


def _average_pool_spread(g, *, spatial, window, strides, padding, out=None):
    if out is None:
        out = np.empty((len(g), *spatial, g.shape[-1]), g.dtype)
    both = tuple(spatial), g.shape[1:-1]
    places = list(taps(*both, window, strides, padding))
    counts = _counts(*both, window, strides, padding).astype(out.real.dtype)

    def work(images):
        to, shares = out[images], g[images] / counts
        to.fill(0)
        for _, inputs, outputs in places:
            to[inputs] += shares[outputs]

    _over_images(work, g, out, places)
    return out


average_pool = primitive(
    "average_pool",
    _average_pool,
    lambda g, y, x, **how: average_pool_spread(g, spatial=tuple(x.shape[1:-1]), **how),
    kind="out",
)

average_pool_spread = primitive(  # each g in equal shares over the cells of its window
    "average_pool_spread",
    _average_pool_spread,
    lambda h, y, g, spatial, **how: average_pool(h, **how),
    kind="out",
)
