"""Images between files, objects of Pillow and arrays."""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics import config, legacy, ops
from deepbasics.errors import MissingExtra, unknown

_FORMATS = ("channels_last", "channels_first")
# Pillow's modes: the one to convert to, and those that may stay as they are.
_MODES = {
    "grayscale": ("L", ("L", "I;16", "I")),
    "rgb": ("RGB", ("RGB",)),
    "rgba": ("RGBA", ("RGBA",)),
}
_FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("pillow", "images", "Reading and writing images") from error
    return Image


def _is_first(data_format: str | None) -> bool:
    data_format = data_format or config.image_data_format()
    if data_format not in _FORMATS:
        raise unknown("data_format", data_format, _FORMATS)
    return data_format == "channels_first"


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """An image of Pillow as an array (height, width, channels), floatx unless `dtype` says so.

    With data_format="channels_first" (channels, height, width).

    >>> img_to_array(np.zeros((4, 5))).shape
    (4, 5, 1)
    """
    first = _is_first(data_format)
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ValueError(f"An image has 2 or 3 axes; got shape {x.shape}.")
    if x.ndim == 2:
        return x[None] if first else x[..., None]
    return x.transpose(2, 0, 1) if first else x


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array of 1, 3 or 4 channels as an image of Pillow.

    With `scale` the values are spread over 0 to 255; else they are taken as they are, and cut off
    to whole numbers.
    """
    image, first = _pillow(), _is_first(data_format)
    x = np.asarray(x, dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(
            f"array_to_img takes one image, of 3 axes; got shape {x.shape}. Take one of the batch, "
            "or add an axis for the channel."
        )
    x = x.transpose(1, 2, 0) if first else x
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    channels = x.shape[2]
    if channels == 1:
        x = x[..., 0]
        return image.fromarray(x.astype("int32" if x.max() > 255 else "uint8"))
    if channels not in (3, 4):
        raise ValueError(f"An image has 1, 3 or 4 channels; got {channels}, in shape {x.shape}.")
    return image.fromarray(x.astype("uint8"))


def load_img(
    path: str | os.PathLike | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """An image from a file, as an object of Pillow.

    Args:
        path: of the file, or its content as `io.BytesIO`.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width) to resize to.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: cut off what is too long first, the same on both sides.
    """
    image = _pillow()
    if color_mode not in _MODES:
        raise unknown("color_mode", color_mode, _MODES)
    if interpolation not in _FILTERS:
        raise unknown("interpolation", interpolation, _FILTERS)
    if not isinstance(path, io.BytesIO):
        path = io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    loaded = image.open(path)
    wanted, kept = _MODES[color_mode]
    if loaded.mode not in kept:
        loaded = loaded.convert(wanted)
    if target_size is None or loaded.size == (target_size[1], target_size[0]):
        return loaded
    height, width = target_size
    box = _middle(loaded.size, width, height) if keep_aspect_ratio else None
    resample = getattr(image.Resampling, interpolation.upper())
    return loaded.resize((width, height), resample, box=box)


def _middle(size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The largest box of such proportions in the middle of an image."""
    wide, high = size
    inner_width = min(wide, high * width // height)
    inner_height = min(high, wide * height // width)
    left, top = (wide - inner_width) // 2, (high - inner_height) // 2
    return (left, top, left + inner_width, top + inner_height)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    backend_module: Any = None,
) -> Any:
    """Images of another (height, width), cut to its proportions first so that nothing is distorted.

    `x` is (height, width, channels) or a batch of them; an array gives an array, a tensor a tensor.
    `interpolation` as of `ops.image.resize`.
    """
    y = ops.image.resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return ops.convert_to_numpy(y) if isinstance(x, np.ndarray) else y


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file; the format is what the name ends in, or `file_format`.

    Arguments as of `array_to_img`; further ones are those of Pillow's `save`. A JPEG has no fourth
    channel: it is dropped with a warning.
    """
    img = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = Path(path).suffix[1:]
    if (file_format or "").lower() in ("jpg", "jpeg"):
        file_format = "jpeg"
        if img.mode == "RGBA":
            warnings.warn(
                "A JPEG file has no fourth channel; the image is saved without it.",
                stacklevel=legacy.level_of_caller(),
            )
            img = img.convert("RGB")
    img.save(path, format=file_format or None, **kwargs)
