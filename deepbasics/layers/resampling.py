"""Larger and smaller grids: UpSampling, ZeroPadding, Cropping."""

from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.errors import unknown
from deepbasics.layers.base import Shape
from deepbasics.layers.spatial import Spatial
from deepbasics.ops.windows import pairs, sizes


class _Grid(Spatial):
    """Changes the lengths of the spatial axes by a rule for each."""

    def build(self, input_shape: Shape) -> None:
        """No weights. Raises ValueError if the shape does not fit."""
        self.compute_output_shape(input_shape)

    def length(self, n: int, axis: int) -> int:
        """What a length of `n` along a spatial axis becomes."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same batch and channels, each spatial axis with its new length."""
        batch, spatial, channels = self.taken_apart(input_shape)
        out = tuple(None if n is None else self.length(n, i) for i, n in enumerate(spatial))
        return self.put_together(batch, out, channels)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor; what is told for a single axis stands alone."""
        found = super().get_config()
        told = {"size", "padding", "cropping"} & found.keys() if self.rank == 1 else ()
        return found | {name: found[name][0] for name in told}


# UpSampling ---------------------------------------------------------------------------------------


class _UpSampling(_Grid):
    def __init__(self, size: Any = 2, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = sizes(size, self.rank, f"{type(self).__name__}: size")
        self.set_data_format(data_format)

    def length(self, n: int, axis: int) -> int:
        """n · size."""
        return n * self.size[axis]

    def call(self, inputs: Any) -> Any:
        """Each cell repeated `size` times along each spatial axis."""
        split_up, wide = [], []
        times = dict(zip(self.spatial_axes(), self.size, strict=True))
        for axis, n in enumerate(inputs.shape):
            repeated = [times[axis]] if axis in times else []
            split_up += [n, *[1 for _ in repeated]]
            wide += [n, *repeated]
        y = ops.broadcast_to(ops.reshape(inputs, split_up), wide)
        return ops.reshape(y, self.compute_output_shape(tuple(inputs.shape)))


class UpSampling1D(_UpSampling):
    """Each step `size` times.

    >>> import numpy as np
    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]])).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(size, "channels_last", **kwargs)


class UpSampling2D(_UpSampling):
    """Images `size` times as high and wide.

    Args:
        size: an int, or (of the height, of the width).
        data_format: "channels_last" or "channels_first"; default that of the configuration.
        interpolation: "nearest" repeats pixels; "bilinear" takes the mean of the four nearest
            centres, weighted by distance, and those at the edge beyond it.
    """

    rank = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise unknown("interpolation", interpolation, ("nearest", "bilinear"))
        self.interpolation = interpolation

    def call(self, inputs: Any) -> Any:
        """The inputs, larger."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        y = inputs
        for axis, times in zip(self.spatial_axes(), self.size, strict=True):
            weights = ops.convert_to_tensor(_bilinear(y.shape[axis], times), ops.dtype(y))
            y = ops.moveaxis(ops.matmul(ops.moveaxis(y, axis, -1), weights), -1, axis)
        return y


def _bilinear(n: int, times: int) -> np.ndarray:
    """The weights (n, n · times) of linear interpolation between the centres of cells."""
    at = np.clip((np.arange(n * times) + 0.5) / times - 0.5, 0, n - 1)
    low = np.minimum(np.floor(at).astype(int), max(n - 2, 0))
    weights = np.zeros((n, n * times))
    columns = np.arange(n * times)
    weights[low, columns] = 1 - (at - low)
    weights[np.minimum(low + 1, n - 1), columns] += at - low
    return weights


class UpSampling3D(_UpSampling):
    """Each cell of a volume repeated `size` times along each axis."""

    rank = 3


# ZeroPadding --------------------------------------------------------------------------------------


class _ZeroPadding(_Grid):
    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(padding, dict):  # as Keras 1 wrote it
            sides = [f"{side}_pad" for side in ("top", "bottom", "left", "right")]
            top, bottom, left, right = (padding.get(side, 0) for side in sides)
            padding = ((top, bottom), (left, right))
        self.padding = pairs(padding, self.rank, f"{type(self).__name__}: padding")
        self.set_data_format(data_format)

    def length(self, n: int, axis: int) -> int:
        """n + before + after."""
        return n + sum(self.padding[axis])

    def call(self, inputs: Any) -> Any:
        """Zeros around the inputs."""
        widths = [(0, 0)] * len(inputs.shape)
        for axis, pair in zip(self.spatial_axes(), self.padding, strict=True):
            widths[axis] = pair
        return ops.pad(inputs, widths)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps; `padding` is an int or (before, after)."""

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images; `padding` is an int, (height, width) or ((top, bottom), (left, right)).

    >>> ZeroPadding2D(((1, 0), (2, 2))).compute_output_shape((None, 4, 4, 3))
    (None, 5, 8, 3)
    """

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes; `padding` is an int, three of them, or three pairs (before, after)."""

    rank = 3


# Cropping -----------------------------------------------------------------------------------------


class _Cropping(_Grid):
    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = pairs(cropping, self.rank, f"{type(self).__name__}: cropping")
        self.set_data_format(data_format)

    def length(self, n: int, axis: int) -> int:
        """n - before - after. Raises ValueError if nothing is left."""
        before, after = self.cropping[axis]
        if before + after >= n:
            raise ValueError(
                f"{self.where}: cropping {self.cropping[axis]} leaves nothing of {n} places along "
                f"spatial axis {axis}: n - before - after must be at least 1."
            )
        return n - before - after

    def call(self, inputs: Any) -> Any:
        """The inner part of the inputs."""
        key = [slice(None)] * len(inputs.shape)
        for axis, (before, after) in zip(self.spatial_axes(), self.cropping, strict=True):
            key[axis] = slice(before, inputs.shape[axis] - after)
        return ops.get_item(inputs, tuple(key))


class Cropping1D(_Cropping):
    """Without the first and last steps; `cropping` is an int or (first, last)."""

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """Without the edges of images; `cropping` as `padding` of `ZeroPadding2D`."""

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Without the outermost cells of volumes; `cropping` as `padding` of `ZeroPadding3D`."""

    rank = 3
