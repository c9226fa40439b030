"""Ops that cut images and signals into blocks and put them together again."""

from typing import Any

import numpy as np

from deepbasics.ops.call import call, tensor
from deepbasics.ops.shape import pad, reshape, take, transpose

__all__ = ["depth_to_space", "extract_sequences", "fold", "space_to_depth", "unfold"]

Tensor = Any


def _last(data_format: str) -> bool:
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be channels_last or _first; got {data_format!r}.")
    return data_format == "channels_last"


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Channels as blocks of pixels: (n, h, w, b² c) to (n, b h, b w, c), b the block size."""
    x, b = tensor(x), block_size
    n, *rest = x.shape
    h, w, deep = rest if _last(data_format) else (*rest[1:], rest[0])
    if deep % b**2:
        raise ValueError(f"depth_to_space: {deep} channels do not divide into blocks of {b}x{b}.")
    c = deep // b**2
    if _last(data_format):
        blocks = transpose(reshape(x, (n, h, w, b, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(blocks, (n, h * b, w * b, c))
    blocks = transpose(reshape(x, (n, b, b, c, h, w)), (0, 3, 4, 1, 5, 2))
    return reshape(blocks, (n, c, h * b, w * b))


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Blocks of pixels as channels: (n, b h, b w, c) to (n, h, w, b² c), b the block size."""
    x, b = tensor(x), block_size
    n, *rest = x.shape
    high, wide, c = rest if _last(data_format) else (*rest[1:], rest[0])
    if high % b or wide % b:
        raise ValueError(f"space_to_depth: {high}x{wide} pixels do not divide into {b}x{b} blocks.")
    h, w = high // b, wide // b
    if _last(data_format):
        blocks = transpose(reshape(x, (n, h, b, w, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(blocks, (n, h, w, b * b * c))
    blocks = transpose(reshape(x, (n, c, h, b, w, b)), (0, 3, 5, 1, 2, 4))
    return reshape(blocks, (n, b * b * c, h, w))


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Tensor:
    """Pieces of the last axis, one each `sequence_stride`: (..., n) to (..., pieces, length)."""
    x = tensor(x)
    pieces = (x.shape[-1] - sequence_length) // sequence_stride + 1
    if pieces < 1:
        raise ValueError(
            f"extract_sequences: {x.shape[-1]} entries hold no piece of {sequence_length}."
        )
    places = np.arange(pieces)[:, None] * sequence_stride + np.arange(sequence_length)
    return take(x, places, -1)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _places(
    size: tuple[int, int], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[np.ndarray, list[tuple[int, int]], tuple[int, int]]:
    """For each place in the kernel and each step the flat index into the padded image."""
    kernel, gaps = _pair(kernel_size), _pair(dilation)
    edges, steps = _pair(padding), _pair(stride)
    padded = (size[0] + 2 * edges[0], size[1] + 2 * edges[1])
    along = []
    for n, k, gap, step in zip(padded, kernel, gaps, steps, strict=True):
        starts = np.arange(0, n - gap * (k - 1), step)
        along.append(gap * np.arange(k)[:, None] + starts)
    rows, columns = along
    flat = rows[:, None, :, None] * padded[1] + columns[None, :, None, :]
    widths = [(0, 0), (0, 0), (edges[0], edges[0]), (edges[1], edges[1])]
    return flat.reshape(kernel[0] * kernel[1], -1), widths, padded


def unfold(
    x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The patches under a sliding kernel: (n, c, h, w) to (n, c · kernel, steps)."""
    x = tensor(x)
    n, c, *size = x.shape
    places, widths, padded = _places(tuple(size), kernel_size, dilation, padding, stride)
    flat = reshape(pad(x, widths), (n, c, padded[0] * padded[1]))
    return reshape(take(flat, places, 2), (n, c * places.shape[0], places.shape[1]))


def fold(
    x: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Patches added up where they overlap: (n, c · kernel, steps) to (n, c, height, width)."""
    x, size = tensor(x), _pair(output_size)
    places, widths, padded = _places(size, kernel_size, dilation, padding, stride)
    n, c = x.shape[0], x.shape[1] // places.shape[0]
    if x.shape[1] % places.shape[0] or x.shape[2] != places.shape[1]:
        raise ValueError(
            f"fold: the shape {tuple(x.shape)} does not fit: an output of {size} has kernels of "
            f"{places.shape[0]} places at {places.shape[1]} steps."
        )
    patches = reshape(x, (n, c, *places.shape))
    whole = call("add_at", patches, tensor(places), axis=2, shape=(n, c, padded[0] * padded[1]))
    (top, _), (left, _) = widths[2:]
    key = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    return call("getitem", reshape(whole, (n, c, *padded)), key=key)
