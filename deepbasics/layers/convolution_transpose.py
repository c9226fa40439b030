"""Transposed convolutions: Conv1DTranspose, Conv2DTranspose, Conv3DTranspose."""

from typing import Any

from deepbasics import ops
from deepbasics.errors import as_count
from deepbasics.layers import settings
from deepbasics.layers.base import Shape
from deepbasics.layers.convolution import _Window
from deepbasics.ops.convolution import check_output_padding
from deepbasics.ops.windows import sizes, transposed_lengths


class _ConvTranspose(_Window):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = sizes(output_padding, self.rank, f"{name}: output_padding", 0)
        check_output_padding(name, self.output_padding, self.strides)
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
        """Kernel (*window, filters, channels) and bias (filters,)."""
        shape = (*self.kernel_size, self.filters, self.channels_of(input_shape))
        self.kernel = settings.weight(self, "kernel", shape)
        self.add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """`activation(conv_transpose(inputs, kernel) + bias)`."""
        self.built_for(inputs, self.kernel.shape[-1])

        def op(*args: Any, **how: Any) -> Any:
            return ops.conv_transpose(*args, output_padding=self.output_padding, **how)

        return self.convolved(op, inputs, self.kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """ "same" n s places along each axis, "valid" n s + max(k - s, 0)."""
        batch, spatial, _ = self.taken_apart(input_shape)
        out = transposed_lengths(
            spatial,
            self.kernel_size,
            self.strides,
            self.padding,
            self.output_padding,
            self.dilation_rate,
        )
        return self.put_together(batch, out, self.filters)


class Conv1DTranspose(_ConvTranspose):
    """The adjoint of a convolution from `filters` to the channels of the input; one spatial axis.

    Each place of the input adds its multiple of the kernel to the output. Arguments as for
    `Conv1D`; `output_padding`: places more at the end, below the stride.
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """The adjoint of a convolution from `filters` to the channels of the input; over images.

    Each place of the input adds its multiple of the kernel to the output: with strides it makes
    images larger. Arguments as for `Conv2D`; `output_padding`: rows and columns more at the end,
    below the stride. Source: Zeiler et al., "Deconvolutional networks", 2010.

    >>> Conv2DTranspose(3, 4, strides=2, padding="same").compute_output_shape((None, 7, 7, 16))
    (None, 14, 14, 3)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """The adjoint of a convolution from `filters` to the channels of the input; over volumes.

    As `Conv2DTranspose`.
    """

    rank = 3
