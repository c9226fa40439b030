"""Convolutions: Conv1D to 3D, and DepthwiseConv and SeparableConv in one and two dimensions."""

import warnings
from typing import Any

from deepbasics import ops
from deepbasics.errors import as_count
from deepbasics.layers import settings
from deepbasics.layers.base import Shape
from deepbasics.layers.spatial import Spatial
from deepbasics.ops.convolution import check_strides_and_dilation
from deepbasics.ops.windows import check_padding, output_lengths, sizes

_KERNEL = """
    Args:
        filters: channels of the output.
        kernel_size: lengths of the window, an int or one for each spatial axis.
        strides: how far windows are apart.
        padding: "valid" none; "same" so that the output has ceil(n / strides) places, the odd cell
            after{causal}.
        data_format: "channels_last" or "channels_first"; default that of the configuration.
        dilation_rate: how far the cells of a window are apart; not together with strides.
        groups: filters and channels in so many groups that do not see each other.
        activation: name or function; None is linear.
        use_bias: whether to add a bias."""


class _Window(Spatial):
    """Slides a window over its input, adds a bias and applies an activation."""

    paddings: tuple[str, ...] = ("valid", "same")

    def set_window(
        self, kernel_size: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any
    ) -> None:
        """Keep the settings of the window, checked."""
        name, rank = type(self).__name__, self.rank
        self.kernel_size = sizes(kernel_size, rank, f"{name}: kernel_size")
        self.strides = sizes(strides, rank, f"{name}: strides")
        self.dilation_rate = sizes(dilation_rate, rank, f"{name}: dilation_rate")
        self.padding = check_padding(padding, self.paddings)
        self.set_data_format(data_format)
        check_strides_and_dilation(name, self.strides, self.dilation_rate)

    def channels_of(self, input_shape: Shape) -> int:
        """The channels of a shape that the window fits into. ValueError if it does not."""
        *_, channels = self.taken_apart(input_shape)
        if channels is None:
            raise ValueError(
                f"{self.where} needs a known number of channels; got {tuple(input_shape)}."
            )
        self.compute_output_shape(input_shape)
        return channels

    def built_for(self, inputs: Any, channels: int) -> None:
        """ValueError unless the inputs have the rank and channels that the layer was built for."""
        *_, given = self.taken_apart(inputs.shape)
        if given != channels:
            raise ValueError(
                f"{self.where} was built for {channels} channels; it got inputs of shape "
                f"{tuple(inputs.shape)}, with {given}."
            )

    def output_channels(self, channels: int | None) -> int | None:
        """Those of the output."""
        return self.filters

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`valid` floor((n - (k-1) d - 1) / s) + 1 places along each axis, else ceil(n / s)."""
        batch, spatial, channels = self.taken_apart(input_shape)
        window = (self.kernel_size, self.strides, self.padding, self.dilation_rate)
        out = output_lengths(spatial, *window, self.where)
        return self.put_together(batch, out, self.output_channels(channels))

    def add_bias(self, filters: int) -> None:
        """Add the bias, if there is one."""
        self.bias = settings.weight(self, "bias", (filters,)) if self.use_bias else None

    def convolved(self, op: Any, inputs: Any, *kernels: Any) -> Any:
        """The op with the settings of this layer, activated."""
        y = op(
            inputs,
            *kernels,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            bias=self.bias,
        )
        return self.activation(y) if self.activation is not None else y


class _Conv(_Window):
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.rank > 1 and len(args) > 2 and all(isinstance(n, int) for n in args[1:3]):
            lengths = (args[1],) * cls.rank
            warnings.warn(
                f"{cls.__name__}{args[:3]} has a kernel of {lengths} and strides of {args[2]}. If "
                f"the numbers are lengths of the kernel, write {cls.__name__}({args[0]}, "
                f"{tuple(args[1 : 1 + cls.rank])}); if not, write strides={args[2]}.",
                UserWarning,
                stacklevel=2,
            )
        return super().__new__(cls)

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.filters = as_count(f"{name}: filters", filters)
        self.groups = as_count(f"{name}: groups", groups)
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        if self.filters % self.groups:
            raise ValueError(
                f"{name}: filters must be a multiple of groups, for each group has filters / "
                f"groups of them; got filters={self.filters}, groups={self.groups}."
            )
        settings.keep(
            self,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Kernel (*window, channels / groups, filters) and bias (filters,)."""
        channels = self.channels_of(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{self.where}: the channels must be a multiple of groups, for each group sees "
                f"channels / groups of them; got {channels} channels in inputs of shape "
                f"{tuple(input_shape)}, groups={self.groups}."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = settings.weight(self, "kernel", shape)
        self.add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """`activation(conv(inputs, kernel) + bias)`."""
        self.built_for(inputs, self.kernel.shape[-2] * self.groups)
        return self.convolved(ops.conv, inputs, self.kernel)


class Conv1D(_Conv):
    __doc__ = f"""`activation(conv(inputs, kernel) + bias)` over one spatial axis, such as time.
{_KERNEL.format(causal='; "causal" so that a place sees none after it')}

    Input (batch, steps, channels), output (batch, new steps, filters); kernel (kernel_size,
    channels / groups, filters), bias (filters,).

    >>> import numpy as np
    >>> layer = Conv1D(1, 2, kernel_initializer="ones")
    >>> layer(np.array([[[1.0], [2.0], [4.0]]])).tolist()
    [[[3.0], [6.0]]]
    """

    rank, paddings = 1, ("valid", "same", "causal")


class Conv2D(_Conv):
    __doc__ = f"""`activation(conv(inputs, kernel) + bias)` over images.
{_KERNEL.format(causal="")}

    Input (batch, height, width, channels), output (batch, new height, new width, filters); kernel
    (*kernel_size, channels / groups, filters), bias (filters,). Source: LeCun et al.,
    "Backpropagation applied to handwritten zip code recognition", 1989.

    >>> Conv2D(32, 3).compute_output_shape((None, 28, 28, 1))
    (None, 26, 26, 32)
    """

    rank = 2


class Conv3D(_Conv):
    __doc__ = f"""`activation(conv(inputs, kernel) + bias)` over volumes, or images in time.
{_KERNEL.format(causal="")}

    Input (batch, depth, height, width, channels), output the same with filters for channels.
    """

    rank = 3


class _Depthwise(_Window):
    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = as_count(
            f"{type(self).__name__}: depth_multiplier", depth_multiplier
        )
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        settings.keep(
            self,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Kernel (*window, channels, depth_multiplier) and bias."""
        channels = self.channels_of(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = settings.weight(self, "depthwise", shape, "kernel")
        self.add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        """`activation(depthwise_conv(inputs, kernel) + bias)`."""
        self.built_for(inputs, self.kernel.shape[-2])
        return self.convolved(ops.depthwise_conv, inputs, self.kernel)

    def output_channels(self, channels: int | None) -> int | None:
        """channels × depth_multiplier."""
        return None if channels is None else channels * self.depth_multiplier


class DepthwiseConv1D(_Depthwise):
    """Each channel convolved by itself, with `depth_multiplier` filters; over one spatial axis.

    Arguments as for `Conv1D`. Output channel c · depth_multiplier + m is filter m of channel c.
    """

    rank, paddings = 1, ("valid", "same", "causal")


class DepthwiseConv2D(_Depthwise):
    """Each channel convolved by itself, with `depth_multiplier` filters; over images.

    Arguments as for `Conv2D`. Output channel c · depth_multiplier + m is filter m of channel c.

    >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((None, 8, 8, 5))
    (None, 6, 6, 10)
    """

    rank = 2


class _Separable(_Window):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.filters = as_count(f"{name}: filters", filters)
        self.depth_multiplier = as_count(f"{name}: depth_multiplier", depth_multiplier)
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        settings.keep(
            self,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.depthwise_kernel = self.pointwise_kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Kernels (*window, channels, multiplier) and (*ones, all of these, filters), bias."""
        channels = self.channels_of(input_shape)
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*[1] * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = settings.weight(self, "depthwise", depthwise, "depthwise_kernel")
        self.pointwise_kernel = settings.weight(self, "pointwise", pointwise, "pointwise_kernel")
        self.add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """`activation(separable_conv(inputs, depthwise_kernel, pointwise_kernel) + bias)`."""
        self.built_for(inputs, self.depthwise_kernel.shape[-2])
        kernels = self.depthwise_kernel, self.pointwise_kernel
        return self.convolved(ops.separable_conv, inputs, *kernels)


class SeparableConv1D(_Separable):
    """A depthwise convolution, then one with a window of 1 that mixes channels; one spatial axis.

    Arguments as for `Conv1D` and `DepthwiseConv1D`.
    """

    rank, paddings = 1, ("valid", "same", "causal")


class SeparableConv2D(_Separable):
    """A depthwise convolution, then one with a window of 1 that mixes channels; over images.

    Arguments as for `Conv2D` and `DepthwiseConv2D`. Source: Chollet, "Xception", 2017.
    """

    rank = 2
