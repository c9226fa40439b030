"""Filters over images: patches, blurring, edges. They are part of `ops.image`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import config
from deepbasics.ops.call import dtype_of, float_tensor
from deepbasics.ops.convolution import conv, depthwise_conv
from deepbasics.ops.shape import get_item, moveaxis, reshape

__all__ = ["extract_patches", "gaussian_blur", "sobel_edges"]

Tensor = Any


def _over_channels(
    images: Any, name: str, data_format: str | None, function: Callable[[Tensor], Tensor]
) -> Tensor:
    """`function` of (batch, height, width, channels); its new axes come after the channels."""
    x = float_tensor(images)
    n = len(x.shape)
    if n not in (3, 4):
        raise ValueError(
            f"ops.image.{name} needs (batch, height, width, channels) or one image of 3 axes; "
            f"got shape {tuple(x.shape)}."
        )
    first = (data_format or config.image_data_format()) == "channels_first"
    x = x if n == 4 else get_item(x, None)
    y = function(moveaxis(x, 1, -1) if first else x)
    y = moveaxis(y, 3, 1) if first else y
    return y if n == 4 else get_item(y, 0)


def _both(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


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
    size, strides = _both(size), _both(strides or size)

    def patches(x: Tensor) -> Tensor:
        channels = x.shape[-1]
        n = math.prod(size) * channels
        kernel = np.eye(n, dtype=_numpy_float(x)).reshape(*size, channels, n)
        return conv(x, kernel, strides, padding, "channels_last", dilation_rate)

    return _over_channels(images, "extract_patches", data_format, patches)


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
