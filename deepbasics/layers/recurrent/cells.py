"""One step of a recurrence: SimpleRNNCell, LSTMCell, GRUCell; and StackedRNNCells."""

from collections.abc import Sequence
from typing import Any

from deepbasics import activations, ops
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.settings import config, keep, weight
from deepbasics.ops.call import call, tensor
from deepbasics.random import SeedGenerator, dropout

States = list[Any]


class Cell(Layer):
    """What the three cells share: arguments, weights and dropout.

    `gates` blocks of `units` columns lie side by side in `kernel` (features, gates · units),
    `recurrent_kernel` (units, gates · units) and `bias`.
    """

    gates = 1

    def __init__(self, given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        super().__init__(**kwargs)
        keep(self, **given)
        name = type(self).__name__
        self.units = as_count(f"{name}: units", self.units)
        for which in ("dropout", "recurrent_dropout"):
            rate = getattr(self, which)
            if not 0 <= rate <= 1:
                raise ValueError(f"{name}: {which} is the fraction dropped, in [0, 1]; got {rate}.")
        drops = self.dropout or self.recurrent_dropout
        self.seed_generator = SeedGenerator(self.seed) if drops else None
        self.state_size: Any = self.units
        self.output_size = self.units
        self.kernel = self.recurrent_kernel = self.bias = None
        self._masks: dict[str, list[Any]] | None = None

    def build(self, input_shape: Shape) -> None:
        """Kernel, recurrent kernel, bias."""
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes steps of shape (batch, features) with "
                f"a known number of features; got {tuple(input_shape)}. A recurrent layer takes "
                "sequences of shape (batch, steps, features)."
            )
        columns = self.gates * self.units
        self.kernel = weight(self, "kernel", (input_shape[-1], columns))
        self.recurrent_kernel = weight(
            self, "recurrent", (self.units, columns), name="recurrent_kernel"
        )
        if self.use_bias:
            self.bias = weight(self, "bias", self._bias_shape())

    def _bias_shape(self) -> Shape:
        return (self.gates * self.units,)

    def get_initial_state(self, batch_size: int) -> States:
        """Zeros."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, n), self.compute_dtype) for n in sizes]

    def same_masks(self, whether: bool) -> None:
        """Begin or end a sequence, in which all steps drop the same inputs and states."""
        self._masks = {} if whether else None

    def _dropped(self, x: Any, which: str, training: bool) -> list[Any]:
        """`x` as each gate sees it while training; a list of one where all see the same.

        With recurrent dropout each gate has masks of its own.
        """
        rate = getattr(self, which)
        if not training or not rate:
            return [x]
        masks = {} if self._masks is None else self._masks
        if which not in masks:
            count = self.gates if self.recurrent_dropout else 1
            ones = ops.ones(tuple(x.shape), self.compute_dtype)
            masks[which] = [dropout(ones, rate, seed=self.seed_generator) for _ in range(count)]
        return [ops.multiply(x, mask) for mask in masks[which]]

    def _products(self, x: Any, h: Any, training: bool) -> tuple[Any, Any]:
        """`x @ kernel` and `h @ recurrent_kernel`, thinned out while training."""
        xs = self._dropped(x, "dropout", training)
        hs = self._dropped(h, "recurrent_dropout", training)
        return self._product(xs, self.kernel), self._product(hs, self.recurrent_kernel)

    def _product(self, xs: list[Any], kernel: Any) -> Any:
        if len(xs) == 1:
            return ops.matmul(xs[0], kernel)
        blocks = ops.split(kernel, self.gates, axis=1)
        return ops.concatenate([ops.matmul(x, w) for x, w in zip(xs, blocks, strict=True)], -1)

    def _fusable(self, training: bool) -> bool:
        """Whether a primitive computes a whole sequence of this cell."""
        gate = getattr(self, "recurrent_activation", activations.sigmoid)
        standard = self.activation is activations.tanh and gate is activations.sigmoid
        return standard and not (training and self.recurrent_dropout)

    def sequence(self, x: Any, states: States, mask: Any, training: bool) -> Any:
        """(all outputs, last states) for x (steps, batch, features) by one primitive, or None."""
        if not self._fusable(training):
            return None
        if training and self.dropout:
            x = dropout(x, self.dropout, (1, None, None), self.seed_generator)
        bias = (
            tensor(self.bias)
            if self.use_bias
            else ops.zeros(self._bias_shape(), self.compute_dtype)
        )
        weights = (tensor(self.kernel), tensor(self.recurrent_kernel), bias)
        return self._fused(x, *states, *weights, mask)

    def _fused(self, *args: Any) -> tuple[Any, States]:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | config(self)


NOT_GIVEN = ("self", "kwargs", "__class__")


class SimpleRNNCell(Cell):
    """`h = activation(x @ kernel + h @ recurrent_kernel + bias)`; the output is h.

    Inputs (batch, features), one state (batch, units). Reference: Elman, 1990.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        super().__init__({k: v for k, v in locals().items() if k not in NOT_GIVEN}, kwargs)

    def call(self, inputs: Any, states: States, training: bool = False) -> tuple[Any, States]:
        """(h, [h])."""
        x, h = self._products(inputs, states[0], training)
        z = ops.add(x, h)
        h = self.activation(ops.add(z, self.bias) if self.use_bias else z)
        return h, [h]

    def _fused(self, *args: Any) -> tuple[Any, States]:
        hs = call("simple_rnn", *args)
        return hs, [hs[-1]]


class LSTMCell(Cell):
    """Long short-term memory; blocks i, f, c, o.

    `c = f * c + i * activation(z_c)`, `h = o * activation(c)`, with i, f, o the
    `recurrent_activation` of their z; `z = x @ kernel + h @ recurrent_kernel + bias`.
    Inputs (batch, features), states h and c, each (batch, units). `unit_forget_bias` begins the
    bias of f at 1 (Jozefowicz et al. 2015). Reference: Hochreiter & Schmidhuber, 1997.
    """

    gates = 4

    def __init__(
        self,
        units: int,
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
        super().__init__({k: v for k, v in locals().items() if k not in NOT_GIVEN}, kwargs)
        self.state_size = [self.units, self.units]

    def build(self, input_shape: Shape) -> None:
        """Kernel, recurrent kernel, bias."""
        super().build(input_shape)
        self._begin_forget_bias()

    def _begin_forget_bias(self) -> None:
        if self.use_bias and self.unit_forget_bias:
            bias = self.bias.numpy()
            bias[self.units : 2 * self.units] = 1
            self.bias.assign(bias)

    def call(self, inputs: Any, states: States, training: bool = False) -> tuple[Any, States]:
        """(h, [h, c])."""
        h, c = states
        z = ops.add(*self._products(inputs, h, training))
        z = self._biased(z) if self.use_bias else z
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=self._channels)
        i, f, o = (self.recurrent_activation(g) for g in (z_i, z_f, z_o))
        c = ops.add(ops.multiply(f, c), ops.multiply(i, self.activation(z_c)))
        h = ops.multiply(o, self.activation(c))
        return h, [h, c]

    def _biased(self, z: Any) -> Any:
        return ops.add(z, self.bias)

    _channels = -1

    def _fused(self, *args: Any) -> tuple[Any, States]:
        hs, c, *_ = call("lstm", *args)
        return hs, [hs[-1], c]


class GRUCell(Cell):
    """Gated recurrent unit; blocks z, r, h.

    `h = z * h + (1 - z) * activation(x_h + …)`, with z and r the `recurrent_activation` of their
    sums. The reset gate acts after the product, `r * (h @ U_h + b)`, with a bias (2, 3 · units) of
    one row for the inputs and one for the states; with `reset_after=False` before it,
    `(r * h) @ U_h`, with a bias (3 · units,).
    Inputs (batch, features), one state (batch, units). Reference: Cho et al., 2014.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__({k: v for k, v in locals().items() if k not in NOT_GIVEN}, kwargs)

    def _bias_shape(self) -> Shape:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs: Any, states: States, training: bool = False) -> tuple[Any, States]:
        """(h, [h])."""
        h = states[0]
        xs = self._dropped(inputs, "dropout", training)
        hs = self._dropped(h, "recurrent_dropout", training)
        x = self._product(xs, self.kernel)
        if self.use_bias:
            x = ops.add(x, self.bias[0] if self.reset_after else self.bias)
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)
        h_z, h_r, *h_h = self._recurrent(hs)
        z = self.recurrent_activation(ops.add(x_z, h_z))
        r = self.recurrent_activation(ops.add(x_r, h_r))
        if self.reset_after:
            inner = ops.multiply(r, h_h[0])
        else:
            inner = ops.matmul(ops.multiply(r, hs[-1]), self.recurrent_kernel[:, 2 * self.units :])
        candidate = self.activation(ops.add(x_h, inner))
        h = ops.add(candidate, ops.multiply(z, ops.subtract(h, candidate)))
        return h, [h]

    def _recurrent(self, hs: list[Any]) -> list[Any]:
        """The states' products for z and r, and for h where the reset comes after."""
        if not self.reset_after:
            n = self.units
            blocks = (self.recurrent_kernel[:, :n], self.recurrent_kernel[:, n : 2 * n])
            return [ops.matmul(h, w) for h, w in zip((hs * 2)[:2], blocks, strict=True)]
        inner = self._product(hs, self.recurrent_kernel)
        return ops.split(ops.add(inner, self.bias[1]) if self.use_bias else inner, 3, axis=-1)

    def _fusable(self, training: bool) -> bool:
        return self.reset_after and super()._fusable(training)

    def _fused(self, *args: Any) -> tuple[Any, States]:
        hs, *_ = call("gru", *args)
        return hs, [hs[-1]]


class StackedRNNCells(Layer):
    """Cells one above the other: each takes the output of the one before.

    The states are a list with those of each cell.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "state_size") or not hasattr(cell, "call"):
                raise ValueError(
                    f"StackedRNNCells takes cells, with call(inputs, states) and state_size; got "
                    f"{cell!r}."
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The width of the last cell's output."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        """The cells, each for the output of the one before."""
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell._build(shape)
            shape = (shape[0], output_size(cell))

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, Any]:
        """(output of the last cell, states of all)."""
        found = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, new = step(cell, inputs, state, training)
            found.append(new)
        return inputs, found

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """That of each cell."""
        return [initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def same_masks(self, whether: bool) -> None:
        """See `Cell`."""
        for cell in self.cells:
            if hasattr(cell, "same_masks"):
                cell.same_masks(whether)

    def get_config(self) -> dict[str, Any]:
        """The cells, as plain data."""
        from deepbasics.layers.lookup import serialize

        return super().get_config() | {"cells": [serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "StackedRNNCells":
        """The inverse of `get_config`; the weights are new."""
        from deepbasics.layers.lookup import deserialize

        cells = [deserialize(cell) for cell in config["cells"]]
        return cls(cells, **{k: v for k, v in config.items() if k != "cells"})


# cells of any kind, our own or a user's -----------------------------------------------------------


def state_sizes(cell: Any) -> list[Any]:
    """The sizes of the states of a cell, as a list."""
    size = cell.state_size
    return list(size) if isinstance(size, (list, tuple)) else [size]


def output_size(cell: Any) -> int:
    """The width of a cell's output: that of its first state where it says nothing."""
    size = getattr(cell, "output_size", None)
    return state_sizes(cell)[0] if size is None else size


def initial_state(cell: Any, batch_size: int, dtype: str) -> list[Any]:
    """The states before the first step, as a list."""
    if hasattr(cell, "get_initial_state"):
        found = cell.get_initial_state(batch_size=batch_size)
        return list(found) if isinstance(found, (list, tuple)) else [found]
    return [ops.zeros((batch_size, n), dtype) for n in state_sizes(cell)]


def step(cell: Any, inputs: Any, states: Any, training: bool) -> tuple[Any, list[Any]]:
    """One step of a cell: (output, states as a list)."""
    if isinstance(cell, Layer):
        found = cell(inputs, states, training=training)
    else:
        found = cell.call(inputs, states)
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        raise ValueError(
            f"The cell {type(cell).__name__} must return (output, states) from call(inputs, "
            f"states); it returned {type(found).__name__}."
        )
    output, new = found
    return output, list(new) if isinstance(new, (list, tuple)) else [new]
