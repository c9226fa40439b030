"""Convolution: windows as rows of a matrix, block by block in cache, and one product for each.

`x` is (batch, *spatial, channels), the kernel `k` (*window, channels / groups, filters); this is
cross-correlation: no kernel is flipped. The map from x and k to y is bilinear, so that it and its
adjoints by x and by k, three primitives, are closed under differentiation.
"""

import numpy as np

from deepbasics.backends.numpy.rules.depthwise import (
    depthwise,
    depthwise_input_grad,
    depthwise_kernel_grad,
)
from deepbasics.backends.numpy.rules.reduction import sum_
from deepbasics.backends.numpy.rules.windows import blocks, columns, lengths, taps
from deepbasics.backends.numpy.threads import shared
from deepbasics.backends.numpy.trace import primitive

PARTS = 8  # sums over blocks: as many as threads may be of use; fixed, so that the sum is


def _by_group(y, groups):
    """(..., channels) as the matrices (groups, rows, channels / groups)."""
    return y.reshape(-1, groups, y.shape[-1] // groups).swapaxes(0, 1)


def _matrices(k, groups):
    """A kernel as (groups, taps × channels, filters)."""
    return _by_group(k, groups)


def _is_depthwise(k_channels, groups):
    return groups > 1 and k_channels == 1


def _conv(x, k, b=None, *, strides, padding, dilation, groups, out=None):
    window, how = k.shape[:-2], (strides, padding, dilation)
    spatial = lengths(x.shape[1:-1], window, *how)
    if out is None:
        given = (x, k) if b is None else (x, k, b)
        out = np.empty((len(x), *spatial, k.shape[-1]), np.result_type(*given))
    if _is_depthwise(k.shape[-2], groups):
        return depthwise(x, k, b, *how, out)
    matrices = _matrices(k, groups)
    biases = None if b is None else np.tile(b, spatial[-1])  # of a row of places: a longer loop

    def work(block):
        y = block.of(out)
        np.matmul(
            columns(x, block, spatial, window, *how, groups), matrices, out=_by_group(y, groups)
        )
        if b is not None:
            rows = y.reshape(-1, biases.size)
            np.add(rows, biases, out=rows)

    shared(work, _blocks(x, spatial, k.shape, groups), 2.0 * out.size * matrices.shape[1])
    return out


def _blocks(x, spatial, kernel, groups):
    """Blocks whose columns and results fit into the cache."""
    width = int(np.prod(kernel[:-1])) * groups + kernel[-1]
    row = int(np.prod(spatial[1:])) * width * x.itemsize
    return blocks(len(x), spatial[0], row)


def _conv_kernel_grad(x, g, *, window, strides, padding, dilation, groups, out=None):
    how = (strides, padding, dilation)
    shape = (*window, x.shape[-1] // groups, g.shape[-1])
    if out is None:
        out = np.empty(shape, np.result_type(x, g))
    if _is_depthwise(shape[-2], groups):
        return depthwise_kernel_grad(x, g, *how, out)
    spatial, filters = g.shape[1:-1], g.shape[-1] // groups
    every = _blocks(x, spatial, shape, groups)
    sums = np.zeros((min(PARTS, len(every)), groups, out.size // g.shape[-1], filters), out.dtype)

    def work(part):
        for block in every[part :: len(sums)]:
            rows = columns(x, block, spatial, window, *how, groups)
            sums[part] += np.matmul(rows.swapaxes(1, 2), _by_group(block.of(g), groups))

    shared(work, range(len(sums)), 2.0 * g.size * sums.shape[2])
    total = np.add.reduce(sums, axis=0)
    np.copyto(out, total.swapaxes(0, 1).reshape(shape))
    return out


def _conv_input_grad(g, k, *, spatial, strides, padding, dilation, groups, out=None):
    window, how = k.shape[:-2], (strides, padding, dilation)
    channels = k.shape[-2] * groups
    if out is None:
        out = np.empty((len(g), *spatial, channels), np.result_type(g, k))
    if _is_depthwise(k.shape[-2], groups):
        return depthwise_input_grad(g, k, *how, out)
    # (*window, groups, filters, channels)
    matrices = np.moveaxis(k.reshape(*k.shape[:-1], groups, -1), -3, -1)
    places = list(taps(spatial, g.shape[1:-1], window, *how))

    def work(block):
        y, cotangent = out[block.start : block.stop], g[block.start : block.stop]
        y.fill(0)
        rows = _by_group(cotangent, groups)
        for tap, inputs, outputs in places:
            part = np.matmul(rows, matrices[tap]).swapaxes(0, 1)
            y[inputs] += part.reshape(*cotangent.shape[:-1], channels)[outputs]

    images = max(len(g), 1)
    image = (out.size + g.size // g.shape[-1] * channels + g.size) // images
    every = blocks(len(g), 1, image * out.itemsize)
    shared(work, every, 2.0 * g.size * (k.size // k.shape[-1]))
    return out


def _all_but_last(y):
    """The axes of a cotangent that a bias does not have."""
    return tuple(range(len(y.shape) - 1))


def _window(k):
    return tuple(k.shape[:-2])


def _spatial(x):
    return tuple(x.shape[1:-1])


conv = primitive(
    "conv",
    _conv,
    lambda g, y, x, k, b=None, **how: conv_input_grad(g, k, spatial=_spatial(x), **how),
    lambda g, y, x, k, b=None, **how: conv_kernel_grad(x, g, window=_window(k), **how),
    lambda g, y, x, k, b=None, **how: sum_(g, axis=_all_but_last(g), keepdims=False),
    kind="out",
)

conv_input_grad = primitive(  # of g (batch, *lengths, filters) by k: scatters g over `spatial`
    "conv_input_grad",
    _conv_input_grad,
    lambda h, y, g, k, spatial, **how: conv(h, k, **how),
    lambda h, y, g, k, spatial, **how: conv_kernel_grad(h, g, window=_window(k), **how),
    kind="out",
)

conv_kernel_grad = primitive(  # the sum over all windows of x with the cotangent g of each
    "conv_kernel_grad",
    _conv_kernel_grad,
    lambda h, y, x, g, window, **how: conv_input_grad(g, h, spatial=_spatial(x), **how),
    lambda h, y, x, g, window, **how: conv(x, h, **how),
    kind="out",
)
