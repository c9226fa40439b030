"""What layers over one, two or three spatial axes share: the order of axes, and their checks."""

import inspect
from typing import Any

from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape
from deepbasics.ops.windows import check_data_format

_AXES = {1: "steps", 2: "height, width", 3: "depth, height, width"}


class Spatial(Layer):
    """A layer on (batch, *spatial, channels) or, with channels_first, (batch, channels, *spatial).

    A subclass is one of three that differ in `rank`, the number of spatial axes.
    """

    rank: int
    data_format = "channels_last"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if (
            "__init__" not in cls.__dict__
        ):  # its keywords, old ones too, go by the name of the class
            cls.__init__ = inspect.unwrap(cls.__init__)
        super().__init_subclass__(**kwargs)

    def set_data_format(self, data_format: str | None) -> None:
        """Keep the order of axes, by default the configured one."""
        self.data_format = check_data_format(data_format)

    @property
    def where(self) -> str:
        """How errors name the layer."""
        return f"{type(self).__name__} layer {self.name!r}"

    def taken_apart(self, shape: Shape) -> tuple[int | None, Shape, int | None]:
        """(batch, spatial lengths, channels) of a shape. ValueError unless the rank is right."""
        shape = tuple(shape)
        if len(shape) != self.rank + 2:
            raise ValueError(
                f"{self.where} needs inputs of shape {self._needed()}, {self.rank + 2} axes; got "
                f"{shape}.{self._hint(shape)}"
            )
        if self.data_format == "channels_first":
            return shape[0], shape[2:], shape[1]
        return shape[0], shape[1:-1], shape[-1]

    def put_together(self, batch: int | None, spatial: Shape, channels: int | None) -> Shape:
        """The shape of these."""
        if self.data_format == "channels_first":
            return (batch, channels, *spatial)
        return (batch, *spatial, channels)

    def _needed(self) -> str:
        axes = _AXES[self.rank]
        first = self.data_format == "channels_first"
        return f"(batch, channels, {axes})" if first else f"(batch, {axes}, channels)"

    def _hint(self, shape: Shape) -> str:
        if len(shape) != self.rank + 1:
            return ""
        whole = (*shape[1:], 1) if self.data_format == "channels_last" else (1, *shape[1:])
        return f" If there is one channel, say so: Reshape({whole}) before it."

    def spatial_axes(self) -> tuple[int, ...]:
        """The places of the spatial axes."""
        first = 2 if self.data_format == "channels_first" else 1
        return tuple(range(first, first + self.rank))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | settings.config(self)
