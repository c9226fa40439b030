"""Windows over the spatial axes of an array (batch, *spatial, channels), block by block.

`strides`, `dilation` and the lengths `window` have an entry for each spatial axis, `padding` a pair
(before, after). Nothing here is a primitive.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

BLOCK = (
    3 << 19
)  # bytes that a block of columns and its result may take: they stay in a core's cache
ALL = slice(None)


class Block(NamedTuple):
    """Images `start` to `stop`, and of their results the rows `top` to `bottom`."""

    start: int
    stop: int
    top: int
    bottom: int

    def of(self, y: np.ndarray) -> np.ndarray:
        """The block of a result."""
        return y[self.start : self.stop, self.top : self.bottom]


def lengths(spatial, window, strides, padding, dilation):
    """The spatial lengths of the result: floor((n + p - (k - 1) d - 1) / s) + 1."""
    return tuple(
        (n + before + after - (k - 1) * d - 1) // s + 1
        for n, k, s, (before, after), d in zip(
            spatial, window, strides, padding, dilation, strict=True
        )
    )


def blocks(batch: int, rows: int, row_bytes: int) -> list[Block]:
    """Whole images while they fit into BLOCK, else parts of one."""
    images = BLOCK // max(rows * row_bytes, 1)
    if images >= 1:
        return [Block(i, min(i + images, batch), 0, rows) for i in range(0, batch, images)]
    height = max(BLOCK // row_bytes, 1)
    return [
        Block(i, i + 1, top, min(top + height, rows))
        for i in range(batch)
        for top in range(0, rows, height)
    ]


def columns(x, block, out, window, strides, padding, dilation, groups):
    """The windows of a block as the rows of matrices: (groups, rows, taps × channels).

    `out` are the spatial lengths of the whole result. No copy where the windows lie so already.
    """
    out = (block.bottom - block.top, *out[1:])
    first = (block.top * strides[0], *[0] * (len(out) - 1))
    region = _region(x[block.start : block.stop], out, first, window, strides, padding, dilation)
    batch, *steps, channel = region.strides
    n, width = len(region), x.shape[-1] // groups
    view = as_strided(
        region,
        (groups, n, *out, *window, width),
        (
            channel * width,
            batch,
            *(a * s for a, s in zip(steps, strides, strict=True)),
            *(a * d for a, d in zip(steps, dilation, strict=True)),
            channel,
        ),
    )
    rows = n * math.prod(out)
    if width > 1 or math.prod(window) == 1:
        return view.reshape(groups, rows, -1)
    # With one channel a window is too short a piece to copy: a tap of all windows at a time.
    found = np.empty(view.shape, x.dtype)
    for tap in product(*map(range, window)):
        at = (*[ALL] * (2 + len(out)), *tap)
        found[at] = view[at]
    return found.reshape(groups, rows, -1)


def _region(x, out, first, window, strides, padding, dilation):
    """The part of `x` that these results see; padded with zeros where they look beyond it."""
    seen, inside, size = [ALL], [ALL], [len(x)]
    for n, m, f, k, s, (before, _), d in zip(
        x.shape[1:-1], out, first, window, strides, padding, dilation, strict=True
    ):
        low = f - before
        high = low + (m - 1) * s + (k - 1) * d + 1
        seen.append(slice(max(low, 0), max(min(high, n), 0)))
        inside.append(slice(max(-low, 0), max(-low, 0) + seen[-1].stop - seen[-1].start))
        size.append(high - low)
    part = x[tuple(seen)]
    if list(part.shape[:-1]) == size:
        return part
    padded = np.zeros((*size, x.shape[-1]), x.dtype)
    padded[tuple(inside)] = part
    return padded


def taps(spatial, out, window, strides, padding, dilation=None) -> Iterator[tuple]:
    """(tap, inputs, outputs) for each place in a window: the inputs seen by which outputs there.

    Indices of arrays (batch, *spatial, channels); what lies in the padding is left out.
    """
    dilation = dilation or (1,) * len(window)
    along = [
        [_tap(i * d - before, n, m, s) for i in range(k)]
        for n, m, k, s, (before, _), d in zip(
            spatial, out, window, strides, padding, dilation, strict=True
        )
    ]
    for tap in product(*map(range, window)):
        pairs = [axis[i] for axis, i in zip(along, tap, strict=True)]
        if all(pairs):
            yield tap, (ALL, *(p[0] for p in pairs)), (ALL, *(p[1] for p in pairs))


def _tap(offset, n, m, s):
    """Where 0 ≤ j s + offset < n for 0 ≤ j < m: (those places, those j), or None."""
    low = max(-(offset // s), 0)
    high = min((n - 1 - offset) // s + 1, m)
    if low >= high:
        return None
    return slice(low * s + offset, (high - 1) * s + offset + 1, s), slice(low, high)
