"""ConvLSTM: an LSTM whose products are convolutions, over sequences of signals or images."""

from typing import Any

from deepbasics import ops
from deepbasics.layers.base import Shape
from deepbasics.layers.recurrent.cells import NOT_GIVEN, Cell, LSTMCell, States
from deepbasics.layers.recurrent.rnn import RNNWithOwnCell, of_cell
from deepbasics.layers.settings import weight
from deepbasics.ops.windows import check_data_format, check_padding, output_lengths, sizes


class ConvLSTMCell(LSTMCell):
    """A step of a ConvLSTM; a subclass says over how many spatial axes (`rank`)."""

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in NOT_GIVEN}
        Cell.__init__(self, given | {"units": filters}, kwargs)
        self.kernel_size = sizes(kernel_size, self.rank, "kernel_size")
        self.strides = sizes(strides, self.rank, "strides")
        self.dilation_rate = sizes(dilation_rate, self.rank, "dilation_rate")
        self.padding, self.data_format = check_padding(padding), check_data_format(data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"ConvLSTM: strides above 1 go with dilation_rate 1 only; got strides "
                f"{self.strides} and dilation_rate {self.dilation_rate}."
            )
        self.state_size = [self.units, self.units]
        self._channels = 1 if self.data_format == "channels_first" else -1

    def build(self, input_shape: Shape) -> None:
        """Kernel (*window, channels, 4 · filters), recurrent kernel (*window, filters, …), bias."""
        self.state_shape(input_shape)
        columns = 4 * self.units
        channels = input_shape[self._channels]
        self.kernel = weight(self, "kernel", (*self.kernel_size, channels, columns))
        shape = (*self.kernel_size, self.units, columns)
        self.recurrent_kernel = weight(self, "recurrent", shape, name="recurrent_kernel")
        if self.use_bias:
            self.bias = weight(self, "bias", (columns,))
        self._begin_forget_bias()

    def state_shape(self, input_shape: Shape) -> Shape:
        """That of an output and a state. Raises ValueError for inputs that do not fit."""
        shape, first = tuple(input_shape), self.data_format == "channels_first"
        if len(shape) != self.rank + 2 or shape[self._channels] is None:
            axes = ("channels, *spatial" if first else "*spatial, channels").replace(
                "*spatial", f"{self.rank} spatial axes"
            )
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes steps of shape (batch, {axes}) with a "
                f"known number of channels; got {shape}."
            )
        spatial = shape[2:] if first else shape[1:-1]
        window = (self.kernel_size, self.strides, self.padding, self.dilation_rate)
        spatial = output_lengths(spatial, *window, f"{type(self).__name__} {self.name!r}")
        return (shape[0], self.units, *spatial) if first else (shape[0], *spatial, self.units)

    def _products(self, x: Any, h: Any, training: bool) -> tuple[Any, Any]:
        """The convolutions of both, the state's with `same` padding."""
        xs = self._dropped(x, "dropout", training)
        hs = self._dropped(h, "recurrent_dropout", training)
        how = {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
        }
        return self._conv(xs, self.kernel, **how), self._conv(
            hs, self.recurrent_kernel, padding="same"
        )

    def _conv(self, xs: list[Any], kernel: Any, **how: Any) -> Any:
        kernels = [kernel] if len(xs) == 1 else ops.split(kernel, 4, axis=-1)
        parts = [
            ops.conv(x, w, data_format=self.data_format, **how)
            for x, w in zip(xs, kernels, strict=True)
        ]
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=self._channels)

    def _biased(self, z: Any) -> Any:
        if self._channels == -1:
            return super()._biased(z)
        return ops.add(z, ops.reshape(self.bias, (-1, *(1,) * self.rank)))

    def _fusable(self, training: bool) -> bool:
        return False

    def get_initial_state(self, batch_size: int, input_shape: Shape | None = None) -> States:
        """Zeros, for steps of shape `input_shape`, which must be given."""
        if input_shape is None:
            raise ValueError("The states of a ConvLSTM depend on the shape of its inputs.")
        shape = (batch_size, *self.state_shape(input_shape)[1:])
        return [ops.zeros(shape, self.compute_dtype) for _ in range(2)]


class _ConvLSTM(RNNWithOwnCell):
    """A recurrent layer of a cell whose states are shaped like its outputs."""

    def _zero_states(self, shape: Shape) -> States:
        if None in shape[2:]:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} is stateful, so it needs fixed lengths "
                f"of all axes; got {shape}."
            )
        return self.cell.get_initial_state(shape[0], (shape[0], *shape[2:]))

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """(batch, *output) or (batch, steps, *output); with `return_state` both states too."""
        batch, steps, *rest = sequences_shape
        state = self.cell.state_shape((batch, *rest))
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


class ConvLSTM1DCell(ConvLSTMCell):
    """A step of a `ConvLSTM1D`."""

    rank = 1


class ConvLSTM2DCell(ConvLSTMCell):
    """A step of a `ConvLSTM2D`."""

    rank = 2


class ConvLSTM3DCell(ConvLSTMCell):
    """A step of a `ConvLSTM3D`."""

    rank = 3


class ConvLSTM1D(_ConvLSTM):
    """An LSTM whose products are convolutions, over sequences of signals.

    Args: filters, kernel_size, strides, padding, data_format and dilation_rate as for `Conv1D`, the
    others of `LSTM`. Inputs (batch, steps, length, channels). Reference: Shi et al., 2015.
    """

    __init__ = of_cell(ConvLSTM1DCell)


class ConvLSTM2D(_ConvLSTM):
    """An LSTM whose products are convolutions, over sequences of images.

    Args: filters, kernel_size, strides, padding, data_format and dilation_rate as for `Conv2D`, the
    others of `LSTM`. Inputs (batch, steps, height, width, channels). Reference: Shi et al., 2015.

    >>> import numpy as np
    >>> ConvLSTM2D(3, 2)(np.zeros((1, 4, 5, 5, 1))).shape
    (1, 4, 4, 3)
    """

    __init__ = of_cell(ConvLSTM2DCell)


class ConvLSTM3D(_ConvLSTM):
    """An LSTM whose products are convolutions, over sequences of volumes; see `ConvLSTM2D`."""

    __init__ = of_cell(ConvLSTM3DCell)
