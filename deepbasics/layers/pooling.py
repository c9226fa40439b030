"""Pooling: the largest or the mean of each window, or of all."""

from typing import Any

from deepbasics import ops
from deepbasics.layers.base import Shape
from deepbasics.layers.spatial import Spatial
from deepbasics.ops.windows import check_padding, output_lengths, sizes


class _Pooling(Spatial):
    op: Any

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        name = type(self).__name__
        self.pool_size = sizes(pool_size, self.rank, f"{name}: pool_size")
        given = self.pool_size if strides is None else strides
        self.strides = sizes(given, self.rank, f"{name}: strides")
        self.padding = check_padding(padding)
        self.set_data_format(data_format)

    def build(self, input_shape: Shape) -> None:
        """No weights. Raises ValueError if a window does not fit."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """The op of the class, with the settings of the layer."""
        self.taken_apart(inputs.shape)
        return self.op(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`valid` floor((n - k) / s) + 1 places along each axis, `same` ceil(n / s)."""
        batch, spatial, channels = self.taken_apart(input_shape)
        window = (self.pool_size, self.strides, self.padding, (1,) * self.rank)
        return self.put_together(batch, output_lengths(spatial, *window, self.where), channels)


class _Max(_Pooling):
    op = staticmethod(ops.max_pool)


class _Average(_Pooling):
    op = staticmethod(ops.average_pool)


_LARGEST = """The largest of each window, over {axes}.

    Args:
        pool_size: lengths of the window, an int or one for each spatial axis.
        strides: how far windows are apart; None: as far as they are long.
        padding: "valid" leaves out windows that are not whole, "same" pads with -∞.
        data_format: "channels_last" or "channels_first"; default that of the configuration.

    The cotangent goes to the first place of a window that has the largest value.
    """
_MEAN = """The mean of each window over its cells that are not padding, over {axes}.

    Arguments as for `MaxPooling2D`.
    """


class MaxPooling1D(_Max):
    __doc__ = _LARGEST.format(axes="one spatial axis")
    rank = 1


class MaxPooling2D(_Max):
    __doc__ = _LARGEST.format(axes="images")
    rank = 2


class MaxPooling3D(_Max):
    __doc__ = _LARGEST.format(axes="volumes")
    rank = 3


class AveragePooling1D(_Average):
    __doc__ = _MEAN.format(axes="one spatial axis")
    rank = 1


class AveragePooling2D(_Average):
    __doc__ = _MEAN.format(axes="images")
    rank = 2


class AveragePooling3D(_Average):
    __doc__ = _MEAN.format(axes="volumes")
    rank = 3


class _Global(Spatial):
    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.keepdims = bool(keepdims)

    def build(self, input_shape: Shape) -> None:
        """No weights. Raises ValueError unless the rank is right."""
        self.taken_apart(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, channels); with keepdims lengths of 1 for the spatial axes."""
        batch, _, channels = self.taken_apart(input_shape)
        if not self.keepdims:
            return (batch, channels)
        return self.put_together(batch, (1,) * self.rank, channels)


class _GlobalMax(_Global):
    def call(self, inputs: Any) -> Any:
        """The largest over the spatial axes."""
        return ops.max(inputs, axis=self.spatial_axes(), keepdims=self.keepdims)


class _GlobalAverage(_Global):
    def call(self, inputs: Any) -> Any:
        """The mean over the spatial axes."""
        return ops.mean(inputs, axis=self.spatial_axes(), keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMax):
    """The largest over all steps: (batch, channels). `keepdims` keeps the axis, of length 1."""

    rank = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest over all pixels: (batch, channels). `keepdims` keeps the axes, of length 1."""

    rank = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest over a volume: (batch, channels). `keepdims` keeps the axes, of length 1."""

    rank = 3


class GlobalAveragePooling1D(_GlobalAverage):
    """The mean over all steps, or those that a mask shows: (batch, channels).

    `keepdims` keeps the axis, of length 1.
    """

    rank = 1

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The mean over the steps that count."""
        if mask is None:
            return super().call(inputs)
        (axis,) = self.spatial_axes()
        weights = ops.expand_dims(ops.cast(mask, ops.dtype(inputs)), 3 - axis)
        total = ops.sum(ops.multiply(inputs, weights), axis=axis, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(weights, axis=axis, keepdims=self.keepdims))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None: the steps are gone."""
        return None


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean over all pixels: (batch, channels). `keepdims` keeps the axes, of length 1."""

    rank = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean over a volume: (batch, channels). `keepdims` keeps the axes, of length 1."""

    rank = 3


class _Adaptive(Spatial):
    op: Any

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = sizes(output_size, self.rank, f"{type(self).__name__}: output_size")
        self.set_data_format(data_format)

    def build(self, input_shape: Shape) -> None:
        """No weights. Raises ValueError unless the rank is right."""
        self.taken_apart(input_shape)

    def call(self, inputs: Any) -> Any:
        """The op of the class."""
        return self.op(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`output_size` along the spatial axes."""
        batch, _, channels = self.taken_apart(input_shape)
        return self.put_together(batch, self.output_size, channels)


class _AdaptiveMax(_Adaptive):
    op = staticmethod(ops.adaptive_max_pool)


class _AdaptiveAverage(_Adaptive):
    op = staticmethod(ops.adaptive_average_pool)


_ADAPTIVE = """The {what} of each part, {axes} cut into as many parts as asked for.

    Args:
        output_size: how many parts, an int or one for each spatial axis.
        data_format: "channels_last" or "channels_first"; default that of the configuration.

    Part i of m goes from floor(i n / m) to ceil((i + 1) n / m): parts may overlap by one.
    """


class AdaptiveMaxPooling1D(_AdaptiveMax):
    __doc__ = _ADAPTIVE.format(what="largest", axes="the steps")
    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    __doc__ = _ADAPTIVE.format(what="largest", axes="height and width")
    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    __doc__ = _ADAPTIVE.format(what="largest", axes="all three axes")
    rank = 3


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    __doc__ = _ADAPTIVE.format(what="mean", axes="the steps")
    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    __doc__ = _ADAPTIVE.format(what="mean", axes="height and width")
    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    __doc__ = _ADAPTIVE.format(what="mean", axes="all three axes")
    rank = 3
