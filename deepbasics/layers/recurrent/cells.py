"""One step of a recurrence: SimpleRNNCell, LSTMCell, GRUCell; and StackedRNNCells."""

from collections.abc import Sequence
from typing import Any

from deepbasics import activations, constraints, initializers, ops, regularizers
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape
from deepbasics.ops.call import call, tensor
from deepbasics.random import SeedGenerator, dropout

States = list[Any]
_ROOMS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


class Cell(Layer):
    """What the three cells share: arguments, weights and dropout.

    `gates` blocks of `units` columns lie side by side in `kernel` (features, gates · units),
    `recurrent_kernel` (units, gates · units) and `bias`.
    """

    gates = 1
    arguments = tuple(
        f"{weight}_{what}" for what in _ROOMS for weight in ("kernel", "recurrent", "bias")
    )

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        kwargs: dict[str, Any],
    ) -> None:
        settings = {name: kwargs.pop(name) for name in self.arguments}
        super().__init__(**kwargs)
        self.units = as_count(f"{type(self).__name__}: units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        for name, value in settings.items():
            setattr(self, name, _ROOMS[name.split("_")[1]].get(value))
        self.dropout, self.recurrent_dropout = (
            _rate(type(self).__name__, name, rate)
            for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout))
        )
        self.seed = seed
        drops = self.dropout or self.recurrent_dropout
        self.seed_generator = SeedGenerator(seed) if drops else None
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
        self.kernel = self._weight("kernel", "kernel", (input_shape[-1], columns))
        self.recurrent_kernel = self._weight("recurrent_kernel", "recurrent", (self.units, columns))
        if self.use_bias:
            self.bias = self._weight("bias", "bias", self._bias_shape())

    def _bias_shape(self) -> Shape:
        return (self.gates * self.units,)

    def _weight(self, name: str, which: str, shape: Any, initializer: Any = None) -> Any:
        return self.add_weight(
            shape,
            initializer or getattr(self, f"{which}_initializer"),
            regularizer=getattr(self, f"{which}_regularizer"),
            constraint=getattr(self, f"{which}_constraint"),
            name=name,
        )

    def get_initial_state(self, batch_size: int) -> States:
        """Zeros."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, n), self.dtype) for n in sizes]

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
            ones = ops.ones(tuple(x.shape), self.dtype)
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
        bias = tensor(self.bias) if self.use_bias else ops.zeros(self._bias_shape(), self.dtype)
        weights = (tensor(self.kernel), tensor(self.recurrent_kernel), bias)
        return self._fused(x, *states, *weights, mask)

    def _fused(self, *args: Any) -> tuple[Any, States]:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **{
                name: _ROOMS[name.split("_")[1]].serialize(getattr(self, name))
                for name in self.arguments
            },
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


def _rate(cell: str, name: str, rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"{cell}: {name} must be in [0, 1], the fraction dropped; got {rate}.")
    return float(rate)


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
        given = {name: value for name, value in locals().items() if name in self.arguments}
        super().__init__(
            units, activation, use_bias, dropout, recurrent_dropout, seed, given | kwargs
        )

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
        given = {name: value for name, value in locals().items() if name in self.arguments}
        super().__init__(
            units, activation, use_bias, dropout, recurrent_dropout, seed, given | kwargs
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.state_size = [self.units, self.units]

    def _weight(self, name: str, which: str, shape: Any, initializer: Any = None) -> Any:
        if name == "bias" and self.unit_forget_bias:
            initializer = self._with_unit_forget_bias
        return super()._weight(name, which, shape, initializer)

    def _with_unit_forget_bias(self, shape: Shape, dtype: str | None = None) -> Any:
        bias = ops.convert_to_numpy(self.bias_initializer(shape, dtype=dtype)).copy()
        bias[self.units : 2 * self.units] = 1
        return bias

    def call(self, inputs: Any, states: States, training: bool = False) -> tuple[Any, States]:
        """(h, [h, c])."""
        h, c = states
        z = ops.add(*self._products(inputs, h, training))
        z = ops.add(z, self.bias) if self.use_bias else z
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        i, f, o = (self.recurrent_activation(g) for g in (z_i, z_f, z_o))
        c = ops.add(ops.multiply(f, c), ops.multiply(i, self.activation(z_c)))
        h = ops.multiply(o, self.activation(c))
        return h, [h, c]

    def _fused(self, *args: Any) -> tuple[Any, States]:
        hs, c, *_ = call("lstm", *args)
        return hs, [hs[-1], c]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


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
        given = {name: value for name, value in locals().items() if name in self.arguments}
        super().__init__(
            units, activation, use_bias, dropout, recurrent_dropout, seed, given | kwargs
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

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

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


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
        return [initial_state(cell, batch_size, self.dtype) for cell in self.cells]

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
        output, new = cell(inputs, states, training=training)
    else:
        output, new = cell.call(inputs, states)
    return output, list(new) if isinstance(new, (list, tuple)) else [new]
