"""Convolution by im2col, in chunks of images that stay in the cache, and max pooling, by hand."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from benchmarks.columns.by_hand.dense import Weights, relu
from benchmarks.columns.by_hand.part import Part, after

CHUNK = 3_000_000  # bytes of patches


def _windows(x: np.ndarray, size: int) -> np.ndarray:
    """Views of the patches: (images, height, width, size, size * channels)."""
    n, h, w, c = x.shape
    s = x.strides
    shape = (n, h - size + 1, w - size + 1, size, size * c)
    return as_strided(x, shape, (s[0], s[1], s[2], s[1], s[3]))


def conv(before: Part, filters: int, size: int, weights: Weights, training: bool) -> Part:
    """A valid convolution, stride 1, and relu; images are (height, width, channels)."""
    (kernel, d_kernel), (b, db) = weights
    x, dx = before.y, before.dy
    rows, channels = len(x), x.shape[3]
    height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
    y, dy = after((rows, height, width, filters), x.dtype)
    w, dw = (a.reshape(-1, filters) for a in (kernel, d_kernel))
    each = height * width * len(w) * x.itemsize
    step = max(1, min(rows, CHUNK // each))
    patches = np.empty((step, height, width, size, size * channels), x.dtype)
    part, flat = np.empty_like(dw), patches.reshape(-1, len(w))
    ones = np.ones(rows * height * width, x.dtype)

    chunks = []
    for start in range(0, rows, step):
        images = slice(start, min(start + step, rows))
        n = images.stop - start
        out, d_out = y[images], dy[images]
        chunks.append(
            (
                *(_windows(x[images], size), patches[:n], flat[: n * height * width]),
                *(out.reshape(-1, filters), d_out.reshape(-1, filters)),
                *(*relu(out, d_out), images),
            )
        )

    def forward() -> None:
        for windows, copy, patch, z, _, act, _, _ in chunks:
            np.copyto(copy, windows)
            patch.dot(w, z)
            np.add(z, b, z)
            act()

    def backward() -> None:
        dw.fill(0)
        if dx is not None:
            dx.fill(0)
        for windows, copy, patch, _, dz, _, act_back, images in chunks:
            act_back()
            np.copyto(copy, windows)
            patch.T.dot(dz, part)
            np.add(dw, part, dw)
            if dx is not None:
                dz.dot(w.T, patch)
                _scatter(copy, dx[images], size, channels)
        ones.dot(dy.reshape(-1, filters), db)

    return Part(y, dy, forward, backward)


def _scatter(patches: np.ndarray, dx: np.ndarray, size: int, channels: int) -> None:
    """Add the gradients of patches where they came from."""
    height, width = patches.shape[1:3]
    for i in range(size):
        for j in range(size):
            target = dx[:, i : i + height, j : j + width]
            np.add(target, patches[:, :, :, i, j * channels : (j + 1) * channels], target)


def pool(before: Part, size: int, weights: Weights, training: bool) -> Part:
    """The maximum of each window; the gradient goes to every maximum (a tie has gradient 0 here:
    it is between zeros of a relu)."""
    x, dx = before.y, before.dy
    rows, height, width, channels = x.shape
    h, w = height // size, width // size
    y, dy = after((rows, h, w, channels), x.dtype)
    corners = [
        tuple(a[:, i : h * size : size, j : w * size : size] for a in (x, dx))
        for i in range(size)
        for j in range(size)
    ]
    is_top = np.empty(y.shape, bool)

    def forward() -> None:
        np.copyto(y, corners[0][0])
        for corner, _ in corners[1:]:
            np.maximum(y, corner, out=y)

    def backward() -> None:
        for corner, d_corner in corners:
            np.equal(corner, y, is_top)
            np.multiply(dy, is_top, d_corner)

    return Part(y, dy, forward, backward)
