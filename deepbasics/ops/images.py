"""Ops on images: (batch, height, width, channels) or one image without the batch.

`data_format="channels_first"` has the channels before the height; None means the default of
`config.image_data_format()`. Everything is made of products and gathers, and so has a gradient.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import config
from deepbasics.errors import unknown
from deepbasics.ops.call import call, dtype_of, float_tensor, tensor
from deepbasics.ops.core import convert_to_numpy, is_tensor
from deepbasics.ops.elementwise import (
    abs,
    add,
    clip,
    divide,
    equal,
    maximum,
    minimum,
    mod,
    multiply,
    subtract,
    where,
)
from deepbasics.ops.products import tensordot
from deepbasics.ops.reduction import max as largest
from deepbasics.ops.reduction import min as smallest
from deepbasics.ops.shape import (
    cast,
    expand_dims,
    get_item,
    moveaxis,
    pad,
    stack,
    take,
    unstack,
)

__all__ = [
    "crop_images", "hsv_to_rgb", "pad_images", "resize", "rgb_to_grayscale", "rgb_to_hsv",
    "scale_and_translate",
]  # fmt: skip

Tensor = Any


def _channels(data_format: str | None, ndim: int) -> int:
    """The axis of the channels."""
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise unknown("data_format", data_format, ("channels_last", "channels_first"))
    return ndim - 1 if data_format == "channels_last" else ndim - 3


def image_of(
    images: Any, name: str, data_format: str | None
) -> tuple[Tensor, int, tuple[int, int]]:
    """The tensor, the axis of its channels, and those of its height and width."""
    x = tensor(images)
    n = len(x.shape)
    if n not in (3, 4):
        raise ValueError(
            f"ops.image.{name} needs (batch, height, width, channels) or one image of 3 axes; "
            f"got shape {tuple(x.shape)}."
        )
    channels = _channels(data_format, n)
    rest = tuple(a for a in range(n - 3, n) if a != channels)
    return x, channels, rest


# resizing -----------------------------------------------------------------------------------------


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys (1981), a = -1/2."""
    near = ((1.5 * x - 2.5) * x) * x + 1
    return np.where(x >= 2, 0, np.where(x >= 1, ((-0.5 * x + 2.5) * x - 4) * x + 2, near))


def _lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x > radius, 0, np.sinc(x) * np.sinc(x / radius))


KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": lambda x: np.maximum(0, 1 - x),
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}


def _weights(
    n: int,
    m: int,
    kernel: Callable[..., np.ndarray],
    antialias: bool,
    scale: float | None = None,
    translation: float = 0.0,
) -> np.ndarray:
    """How much each of n pixels gives to each of m; pixels lie at the centres of their squares."""
    scale = m / n if scale is None else scale
    wide = max(1 / scale, 1.0) if antialias else 1.0
    places = (np.arange(m) + 0.5 - translation) / scale - 0.5
    weights = kernel(np.abs(places[:, None] - np.arange(n)) / wide)
    inside = (places >= -0.5) & (places <= n - 0.5)
    total = weights.sum(axis=1, keepdims=True)
    return np.where(inside[:, None], weights / np.where(total == 0, 1, total), 0)


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of height and width `size`.

    `interpolation`: "nearest", "bilinear", "bicubic" (Keys, a = -1/2), "lanczos3", "lanczos5";
    `antialias` widens its kernel where the image shrinks. To keep the proportions, the image is
    cropped in its middle, or padded with `fill_value` on both sides, first.
    """
    x, _, axes = image_of(images, "resize", data_format)
    if interpolation != "nearest" and interpolation not in KERNELS:
        raise unknown("interpolation", interpolation, ("nearest", *KERNELS))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: either crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    if fill_mode != "constant":
        raise unknown("fill_mode", fill_mode, ("constant",))
    height, width = (int(n) for n in size)
    given = x.shape[axes[0]], x.shape[axes[1]]
    if crop_to_aspect_ratio:
        kept = (
            max(min(given[1] * height // width, given[0]), 1),
            max(min(given[0] * width // height, given[1]), 1),
        )
        for axis, n, whole in zip(axes, kept, given, strict=True):
            start = (whole - n) // 2
            x = get_item(x, (*[slice(None)] * axis, slice(start, start + n)))
    elif pad_to_aspect_ratio:
        wanted = given[1] * height // width, given[0] * width // height
        widths = [(0, 0)] * len(x.shape)
        for axis, n, whole in zip(axes, wanted, given, strict=True):
            widths[axis] = (max(n - whole, 0) // 2,) * 2
        x = pad(x, widths, constant_values=fill_value)
    for axis, m in zip(axes, (height, width), strict=True):
        x = _resized(x, axis, m, interpolation, antialias)
    return x


def _resized(x: Tensor, axis: int, m: int, interpolation: str, antialias: bool) -> Tensor:
    n = x.shape[axis]
    if n == m:
        return x
    if interpolation == "nearest":
        return take(x, np.floor((np.arange(m) + 0.5) * (n / m)).astype("int64"), axis)
    given, x = dtype_of(x), float_tensor(x)
    weights = tensor(_weights(n, m, KERNELS[interpolation], antialias), dtype_of(x))
    y = moveaxis(tensordot(weights, x, ([1], [axis])), 0, axis)
    return y if dtype_of(y) == given else cast(_rounded(y, given), given)


METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Sequence[float],
    translation: Sequence[float],
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Images scaled, then moved, along `spatial_dims`: from `p` to `scale · p + translation`.

    Args:
        images: of any rank.
        output_shape: of that rank; what no pixel moved to is 0.
        scale, translation: a number for each of the axes; they are looked at, and have no gradient.
        method: "linear", "cubic" (Keys, a = -1/2), "lanczos3" or "lanczos5".
        antialias: widen the kernel where the image shrinks.
    """
    if method not in METHODS:
        raise unknown("method", method, tuple(METHODS))
    y = float_tensor(images)
    for axis, by, to in zip(spatial_dims, _numbers(scale), _numbers(translation), strict=True):
        n, m = y.shape[axis], output_shape[axis]
        weights = _weights(n, m, KERNELS[METHODS[method]], antialias, by, to)
        weights = tensor(weights, dtype_of(y))
        y = moveaxis(tensordot(weights, y, ([1], [axis])), 0, axis)
    given = dtype_of(tensor(images))
    return y if dtype_of(y) == given else cast(_rounded(y, given), given)


def _numbers(given: Any) -> list[float]:
    given = convert_to_numpy(given) if is_tensor(given) else given
    return np.asarray(given, "float64").tolist()


def _rounded(y: Tensor, dtype: str) -> Tensor:
    """Whole numbers that the integer dtype can hold."""
    limits = np.iinfo(dtype)
    return clip(call("round", y), float(limits.min), float(limits.max))


# cropping and padding -----------------------------------------------------------------------------


def _edges(
    name: str, given: int, target: int | None, before: int | None, after: int | None
) -> tuple[int, int]:
    """What is cut or added before and after, two of the three numbers being given."""
    missing = [v is None for v in (before, after, target)]
    if sum(missing) != 1:
        raise ValueError(
            f"{name}: of each axis give two of the amounts on both sides and the target size."
        )
    change = 0 if target is None else max(given - target, target - given)
    before = change - after if before is None else before
    after = change - before if after is None else after
    if before < 0 or after < 0:
        raise ValueError(f"{name}: {given} pixels do not become {target} that way.")
    return int(before), int(after)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Without some pixels at the edges; of each axis two of the three numbers are given."""
    x, _, axes = image_of(images, "crop_images", data_format)
    sides = (
        (top_cropping, bottom_cropping, target_height),
        (left_cropping, right_cropping, target_width),
    )
    for axis, (before, after, target) in zip(axes, sides, strict=True):
        n = x.shape[axis]
        start, end = _edges("crop_images", n, target, before, after)
        if start + end >= n:
            raise ValueError(f"crop_images: nothing is left of {n} pixels.")
        x = get_item(x, (*[slice(None)] * axis, slice(start, n - end)))
    return x


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """With zeros around; of each axis two of the three numbers are given."""
    x, _, axes = image_of(images, "pad_images", data_format)
    sides = (
        (top_padding, bottom_padding, target_height),
        (left_padding, right_padding, target_width),
    )
    widths = [(0, 0)] * len(x.shape)
    for axis, (before, after, target) in zip(axes, sides, strict=True):
        widths[axis] = _edges("pad_images", x.shape[axis], target, before, after)
    return pad(x, widths)


# colours ------------------------------------------------------------------------------------------


def _colours(images: Any, name: str, data_format: str | None) -> tuple[list[Tensor], int]:
    x, channels, _ = image_of(images, name, data_format)
    if x.shape[channels] != 3:
        raise ValueError(f"ops.image.{name} needs 3 channels; got shape {tuple(x.shape)}.")
    return unstack(float_tensor(x), axis=channels), channels


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """0.2989 red + 0.587 green + 0.114 blue, as one channel."""
    (red, green, blue), channels = _colours(images, "rgb_to_grayscale", data_format)
    y = add(add(multiply(red, 0.2989), multiply(green, 0.587)), multiply(blue, 0.114))
    return expand_dims(y, channels)


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value, each from 0 to 1, of red, green and blue from 0 to 1."""
    (red, green, blue), channels = _colours(images, "rgb_to_hsv", data_format)
    rgb = stack([red, green, blue], 0)
    value = largest(rgb, 0)
    span = subtract(value, smallest(rgb, 0))
    grey = equal(span, 0)
    unit = divide(1.0, multiply(where(grey, 1.0, span), 6.0))
    hue = where(
        equal(red, value),
        multiply(unit, subtract(green, blue)),
        where(
            equal(green, value),
            add(multiply(unit, subtract(blue, red)), 2 / 6),
            add(multiply(unit, subtract(red, green)), 4 / 6),
        ),
    )
    hue = where(grey, 0.0, mod(hue, 1.0))
    dark = equal(value, 0)
    saturation = where(dark, 0.0, divide(span, where(dark, 1.0, value)))
    return stack([hue, saturation, value], channels)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Tensor:
    """Red, green and blue from 0 to 1 of hue, saturation and value; the hue is periodic."""
    (hue, saturation, value), channels = _colours(images, "hsv_to_rgb", data_format)
    sixths = multiply(mod(hue, 1.0), 6.0)
    shares = (
        subtract(abs(subtract(sixths, 3.0)), 1.0),
        subtract(2.0, abs(subtract(sixths, 2.0))),
        subtract(2.0, abs(subtract(sixths, 4.0))),
    )
    faded = [subtract(1.0, multiply(saturation, subtract(1.0, _unit(s)))) for s in shares]
    return stack([multiply(value, part) for part in faded], channels)


def _unit(x: Tensor) -> Tensor:
    return maximum(minimum(x, 1.0), 0.0)
