"""Filters over images: patches, blurring, edges. They are part of `ops.image`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import config
from deepbasics.ops.call import dtype_of, float_tensor, pair
from deepbasics.ops.convolution import conv, depthwise_conv
from deepbasics.ops.elementwise import add, divide, multiply, subtract
from deepbasics.ops.reduction import mean
from deepbasics.ops.shape import concatenate, get_item, moveaxis, reshape, split
from deepbasics.ops.windows import sizes

__all__ = ["extract_patches", "extract_patches_3d", "gaussian_blur", "sobel_edges", "ssim"]

Tensor = Any


_AXES = {2: "(batch, height, width, channels)", 3: "(batch, depth, height, width, channels)"}


def _over_channels(
    images: Any,
    name: str,
    data_format: str | None,
    function: Callable[[Tensor], Tensor],
    rank: int = 2,
) -> Tensor:
    """`function` of (batch, height, width, channels); its new axes come after the channels."""
    x = float_tensor(images)
    n = len(x.shape)
    if n not in (rank + 1, rank + 2):
        raise ValueError(
            f"ops.image.{name} needs {_AXES[rank]}, or {rank + 1} axes for one alone; got shape "
            f"{tuple(x.shape)}."
        )
    first = (data_format or config.image_data_format()) == "channels_first"
    single = n == rank + 1
    x = get_item(x, None) if single else x
    y = function(moveaxis(x, 1, -1) if first else x)
    y = moveaxis(y, rank + 1, 1) if first else y
    return get_item(y, 0) if single else y


def extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The patches of `size` (height, width), each as the channels of one place.

    (batch, height, width, channels) gives (batch, rows, columns, size[0] · size[1] · channels), a
    patch in C order; `strides` (default `size`) lie between patches, "same" padding fills with 0.

    >>> extract_patches(np.arange(16.0).reshape(4, 4, 1), 2)[0, 1].tolist()
    [2.0, 3.0, 6.0, 7.0]
    """
    given = (size, strides, dilation_rate, padding, data_format)
    return _patches("extract_patches", 2, images, *given)


def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """As `extract_patches`, of volumes (batch, depth, height, width, channels)."""
    given = (size, strides, dilation_rate, padding, data_format)
    return _patches("extract_patches_3d", 3, volumes, *given)


def _patches(
    name: str,
    rank: int,
    images: Any,
    size: Any,
    strides: Any,
    dilation_rate: Any,
    padding: str,
    data_format: str | None,
) -> Tensor:
    size = sizes(size, rank, f"ops.image.{name}: size")
    strides = size if strides is None else sizes(strides, rank, f"ops.image.{name}: strides")

    def patches(x: Tensor) -> Tensor:
        channels = x.shape[-1]
        n = math.prod(size) * channels
        kernel = np.eye(n, dtype=_numpy_float(x)).reshape(*size, channels, n)
        return conv(x, kernel, strides, padding, "channels_last", dilation_rate)

    return _over_channels(images, name, data_format, patches, rank)


def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Each pixel as the mean of those around it, with the weights of a normal distribution.

    `kernel_size` and the standard deviations `sigma` are (along the height, along the width); what
    lies outside the image counts as 0.
    """
    rows, columns = (_bell(n, s) for n, s in zip(kernel_size, sigma, strict=True))

    def blurred(x: Tensor) -> Tensor:
        return _each_channel(x, np.outer(rows, columns), "same")

    return _over_channels(images, "gaussian_blur", data_format, blurred)


def sobel_edges(images: Any, data_format: str | None = None) -> Tensor:
    """How fast the images change along the height and along the width: a last axis of length 2.

    The filter of Sobel (1968), [[-1, -2, -1], [0, 0, 0], [1, 2, 1]], and its transpose; what lies
    outside the image counts as 0.
    """
    down = np.outer([-1.0, 0.0, 1.0], [1.0, 2.0, 1.0])

    def edges(x: Tensor) -> Tensor:
        y = _each_channel(x, np.stack([down, down.T], axis=-1), "same")
        return reshape(y, (*y.shape[:-1], -1, 2))

    return _over_channels(images, "sobel_edges", data_format, edges)


def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """How alike two images look, from -1 to 1 for the same: one number for each pair.

    The mean over all places of (2 m n + c) (2 s_xy + d) / ((m² + n² + c) (s_x + s_y + d)), where m
    and n are the means, s the variances and covariance of the pixels around the place, with the
    weights of a normal distribution of `filter_sigma`; c = (k1 max_val)², d = (k2 max_val)².
    Images must be at least `filter_size` high and wide. Source: Wang et al., "Image quality
    assessment: from error visibility to structural similarity", 2004.
    """
    x, y = pair(float_tensor(image1), float_tensor(image2))
    if tuple(x.shape) != tuple(y.shape):
        raise ValueError(
            f"ops.image.ssim compares images of one shape; got {tuple(x.shape)} and "
            f"{tuple(y.shape)}."
        )
    single = len(x.shape) == 3
    x, y = (get_item(z, None) if single else z for z in (x, y))
    bell = _bell(filter_size, filter_sigma)

    def means(z: Tensor) -> Tensor:
        return _each_channel(z, np.outer(bell, bell), "valid")

    together = concatenate([x, y, multiply(x, x), multiply(y, y), multiply(x, y)], axis=0)
    blurred = _over_channels(together, "ssim", data_format, means)
    m, n, xx, yy, xy = split(blurred, 5, axis=0)
    c, d = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mm, nn, mn = multiply(m, m), multiply(n, n), multiply(m, n)
    spread = subtract(add(xx, yy), add(mm, nn))
    above = multiply(add(multiply(mn, 2.0), c), add(multiply(subtract(xy, mn), 2.0), d))
    below = multiply(add(add(mm, nn), c), add(spread, d))
    alike = mean(divide(above, below), axis=(1, 2, 3))
    return get_item(alike, 0) if single else alike


def _numpy_float(x: Tensor) -> str:
    return "float32" if dtype_of(x) == "bfloat16" else dtype_of(x)


def _bell(n: int, sigma: float) -> np.ndarray:
    places = np.arange(n) - (n - 1) / 2
    weights = np.exp(-0.5 * (places / sigma) ** 2)
    return weights / weights.sum()


def _each_channel(x: Tensor, window: np.ndarray, padding: str) -> Tensor:
    """Each channel convolved with (height, width) or (height, width, filters)."""
    window = window.reshape(*window.shape[:2], 1, -1).astype(_numpy_float(x))
    kernel = np.tile(window, (1, 1, x.shape[-1], 1))
    return depthwise_conv(x, kernel, 1, padding, "channels_last")
