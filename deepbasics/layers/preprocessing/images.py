"""Images of the size that a model takes: Resizing, CenterCrop; and what layers of images share."""

from typing import Any

from deepbasics import ops
from deepbasics.errors import as_count, unknown
from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape
from deepbasics.ops.images import KERNELS
from deepbasics.ops.windows import check_data_format


class Images(Layer):
    """A layer on images (batch, height, width, channels), or one of them without the batch.

    With data_format="channels_first" the channels come before the height.
    """

    data_format = "channels_last"
    computes_in_full = True  # places of pixels do not fit a half

    @property
    def where(self) -> str:
        """How errors name the layer."""
        return f"{type(self).__name__} layer {self.name!r}"

    def set_data_format(self, data_format: str | None) -> None:
        """Keep the order of axes, by default the configured one."""
        self.data_format = check_data_format(data_format)

    @property
    def axes(self) -> tuple[int, int]:
        """The places of height and width, from the end."""
        return (-3, -2) if self.data_format == "channels_last" else (-2, -1)

    def size_of(self, shape: Shape) -> tuple[Any, Any]:
        """(height, width)."""
        return tuple(shape[a] for a in self.axes)

    def build(self, input_shape: Shape) -> None:
        """No weights. ValueError unless it is a shape of images."""
        self._check(tuple(input_shape))

    def _check(self, shape: Shape) -> None:
        if len(shape) not in (3, 4):
            last = self.data_format == "channels_last"
            needed = "(height, width, channels)" if last else "(channels, height, width)"
            raise ValueError(
                f"{self.where} needs images, 4 axes with the batch or 3 without it: {needed}; got "
                f"shape {shape}."
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        self._check(tuple(input_shape))
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        found = super().get_config() | settings.config(self)
        return found | {"data_format": self.data_format}


class Sized(Images):
    """A layer whose images have a given height and width."""

    def set_size(self, height: int, width: int) -> None:
        """Keep the size."""
        self.height = as_count(f"{self.where}: height", height)
        self.width = as_count(f"{self.where}: width", width)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same batch and channels, and the size of the layer."""
        shape = list(super().compute_output_shape(input_shape))
        for axis, n in zip(self.axes, (self.height, self.width), strict=True):
            shape[axis] = n
        return tuple(shape)

    def cut(self, images: Any, top: int, left: int) -> Any:
        """The part of this size that begins there."""
        key = [slice(None)] * len(images.shape)
        sides = ((top, self.height), (left, self.width))
        for axis, (start, n) in zip(self.axes, sides, strict=True):
            key[axis] = slice(start, start + n)
        return ops.get_item(images, tuple(key))

    def fitted(self, images: Any) -> Any:
        """The largest part in the middle that has these proportions, resized."""
        size = self.height, self.width
        return ops.image.resize(
            images, size, crop_to_aspect_ratio=True, data_format=self.data_format
        )


class Resizing(Sized):
    """Images of another size.

    Args:
        height, width: of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio, pad_to_aspect_ratio: keep the proportions: cut off, or add, what is
            too much, or missing, on both sides.
        fill_mode, fill_value: what is added: "constant", this value.
        antialias: blur what shrinks.
        data_format: "channels_last" or "channels_first"; default that of the configuration.

    Images of integers stay integers, rounded.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_size(height, width)
        self.set_data_format(data_format)
        if interpolation not in ("nearest", *KERNELS):
            raise unknown("interpolation", interpolation, ("nearest", *KERNELS))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                f"{self.where}: either crop_to_aspect_ratio or pad_to_aspect_ratio, not both."
            )
        self.interpolation, self.antialias = interpolation, bool(antialias)
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = (
            crop_to_aspect_ratio,
            pad_to_aspect_ratio,
        )
        self.fill_mode, self.fill_value = fill_mode, fill_value

    def call(self, inputs: Any) -> Any:
        """The images, resized."""
        names = ("interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio",
                 "fill_mode", "fill_value", "data_format")  # fmt: skip
        given = {name: getattr(self, name) for name in names}
        return ops.image.resize(inputs, (self.height, self.width), **given)


class CenterCrop(Sized):
    """The middle of images; of those that are too small, as much as fits, resized.

    Args:
        height, width: of the result.
        data_format: "channels_last" or "channels_first"; default that of the configuration.
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.set_size(height, width)
        self.set_data_format(data_format)

    def call(self, inputs: Any) -> Any:
        """The middle of the images, as floats."""
        images = ops.cast(inputs, self.dtype)
        height, width = self.size_of(images.shape)
        if height < self.height or width < self.width:
            return self.fitted(images)
        return self.cut(images, (height - self.height) // 2, (width - self.width) // 2)
