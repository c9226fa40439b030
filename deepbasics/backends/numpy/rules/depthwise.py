"""Convolution where each filter sees one channel: too little for products of matrices, so a tap of
all windows at a time. The kernel is (*window, 1, channels × multiplier).
"""

import numpy as np

from deepbasics.backends.numpy.rules.windows import blocks, taps
from deepbasics.backends.numpy.threads import shared

PARTS = 8  # as for the products of matrices


def _split(x, channels):
    """(..., channels × multiplier) as (..., channels, multiplier)."""
    return x.reshape(*x.shape[:-1], channels, -1)


def _images(x, y):
    """Blocks of images whose inputs and results fit into the cache."""
    return blocks(len(x), 1, (x.nbytes + y.nbytes) // max(len(x), 1))


def depthwise(x, k, b, strides, padding, dilation, out):
    """y[j, c, m] = Σ_tap x[j s + tap d - p, c] k[tap, c, m] (+ b)."""
    channels, window = x.shape[-1], k.shape[:-2]
    kernel = _split(k[..., 0, :], channels)
    places = list(taps(x.shape[1:-1], out.shape[1:-1], window, strides, padding, dilation))

    def work(block):
        y = out[block.start : block.stop]
        y[...] = 0 if b is None else b
        y, xs = _split(y, channels), x[block.start : block.stop, ..., None]
        for tap, inputs, outputs in places:
            y[outputs] += xs[inputs] * kernel[tap]

    shared(work, _images(x, out), 2.0 * out.size * len(places))
    return out


def depthwise_input_grad(g, k, strides, padding, dilation, out):
    """x[i, c] = Σ_(tap, m) g[j, c, m] k[tap, c, m] where i = j s + tap d - p."""
    channels, window = out.shape[-1], k.shape[:-2]
    kernel = _split(k[..., 0, :], channels)
    places = list(taps(out.shape[1:-1], g.shape[1:-1], window, strides, padding, dilation))

    def work(block):
        y, gs = out[block.start : block.stop], _split(g[block.start : block.stop], channels)
        y.fill(0)
        for tap, inputs, outputs in places:
            for m in range(kernel.shape[-1]):
                y[inputs] += gs[(*outputs, ..., m)] * kernel[(*tap, ..., m)]

    shared(work, _images(out, g), 2.0 * g.size * len(places))
    return out


def depthwise_kernel_grad(x, g, strides, padding, dilation, out):
    """k[tap, c, m] = Σ_j x[j s + tap d - p, c] g[j, c, m]."""
    channels, window = x.shape[-1], out.shape[:-2]
    places = list(taps(x.shape[1:-1], g.shape[1:-1], window, strides, padding, dilation))
    every = _images(x, g)
    sums = np.zeros((min(PARTS, len(every)), *window, channels, g.shape[-1] // channels), out.dtype)
    over = tuple(range(x.ndim - 1))

    def work(part):
        for block in every[part :: len(sums)]:
            xs = x[block.start : block.stop, ..., None]
            gs = _split(g[block.start : block.stop], channels)
            for tap, inputs, outputs in places:
                sums[(part, *tap)] += np.add.reduce(xs[inputs] * gs[outputs], axis=over)

    shared(work, range(len(sums)), 2.0 * g.size * len(places))
    np.copyto(out, np.add.reduce(sums, axis=0).reshape(out.shape))
    return out
