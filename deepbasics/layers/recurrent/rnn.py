"""RNN: a cell over the steps of a sequence; SimpleRNN, LSTM and GRU with cells of their own."""

import inspect
from collections.abc import Callable
from typing import Any

from deepbasics import ops, tree
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.recurrent.cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    initial_state,
    output_size,
    state_sizes,
    step,
)
from deepbasics.ops.call import call
from deepbasics.variables import Variable


class RNN(Layer):
    """Applies a cell to each step of a sequence, and hands its states on.

    Args:
        cell: a layer (or any object) with `call(inputs, states) -> (output, states)`, `state_size`
            (an int or a list) and, where it differs from the first of these, `output_size`; or a
            list of cells, which are stacked.
        return_sequences: give the outputs of all steps, not the last alone.
        return_state: give the last states too: (output, *states).
        go_backwards: begin at the end; outputs come in that order.
        stateful: begin each batch with the last states of the one before; the batch is fixed.
        unroll: go step by step, also where one primitive computes the whole sequence. Only then can
            a gradient be differentiated again.
        zero_output_for_mask: give zeros at masked steps, not the output before.

    Inputs (batch, steps, features); output (batch, units), or (batch, steps, units). The states
    before the first step are zeros, or `initial_state=`, or further inputs: `layer([x, h, c])`. At
    a masked step the states stay as they are and the output is repeated.
    """

    supports_masking = True
    _not_sublayers = Layer._not_sublayers | {"states"}

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        if not hasattr(cell, "state_size") or not hasattr(cell, "call"):
            raise ValueError(
                f"RNN takes a cell, with call(inputs, states) and state_size; got {cell!r}."
            )
        self.cell = cell
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll, self.zero_output_for_mask = bool(unroll), bool(zero_output_for_mask)
        self.states: Any = None

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """See `Layer`; further inputs are the states before the first step."""
        if isinstance(inputs, (list, tuple)) and len(inputs) and hasattr(inputs[0], "shape"):
            inputs, *states = inputs
            if states:
                kwargs["initial_state"] = states
        return super().__call__(inputs, *args, **kwargs)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """The cell; the states that stay, if stateful."""
        shape = tuple(sequences_shape)
        if len(shape) < 3:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} takes sequences of shape "
                f"(batch, steps, features); got {shape}."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell._build((shape[0], *shape[2:]))
        if self.stateful and self.states is None:
            if shape[0] is None:
                raise ValueError(
                    f"{type(self).__name__} layer {self.name!r} is stateful, so it needs a fixed "
                    f"batch: begin the model with Input(batch_shape=...); got {shape}."
                )
            zeros = self._zero_states(shape)
            self.states = tree.map(lambda z: Variable(z, dtype=self.dtype, trainable=False), zeros)

    def reset_states(self, states: Any = None) -> None:
        """Set the states of a stateful layer to zero, or to the given ones; else nothing."""
        for i, variable in enumerate(tree.flatten(self.states or [])):
            new = ops.zeros(variable.shape, self.dtype) if states is None else list(states)[i]
            variable.assign(new)

    reset_state = reset_states

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """The output, or (output, *states)."""
        states = self._first_states(sequences, initial_state)
        known = initial_state is not None or self.stateful
        axes = (1, 0, *range(2, len(sequences.shape)))
        x = ops.transpose(sequences, axes)
        mask = None if mask is None else ops.transpose(ops.cast(mask, "bool"))
        if self.go_backwards:
            x = ops.flip(x, 0)
            mask = None if mask is None else ops.flip(mask, 0)
        outputs, states = self._fused(x, states, mask, training, known) or self._step_by_step(
            x, states, mask, training
        )
        if self.stateful:
            pairs = zip(tree.flatten(self.states), tree.flatten(states), strict=True)
            for variable, state in pairs:
                variable.assign(state)
        output = ops.swapaxes(outputs, 0, 1) if self.return_sequences else outputs[-1]
        return (output, *states) if self.return_state else output

    def _first_states(self, sequences: Any, given: Any) -> list[Any]:
        if sequences.shape[1] == 0:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} needs at least one step; got a "
                f"sequence of shape {tuple(sequences.shape)}."
            )
        if given is None and not self.stateful:
            return self._zero_states(tuple(sequences.shape))
        given = self.states if given is None else given
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        sizes = state_sizes(self.cell)
        batch = sequences.shape[0]
        shapes = [tuple(s.shape) for s in tree.flatten(given)]
        plain = all(isinstance(n, int) for n in sizes) and len(given) == len(sizes)
        wrong = plain and any(len(s) == 2 and s[1] != n for s, n in zip(shapes, sizes, strict=True))
        if wrong or len(given) != len(sizes) or any(s[0] != batch for s in shapes):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} has {len(sizes)} states, of sizes "
                f"{sizes}, for a batch of {batch}; it got states of shapes {shapes}."
            )
        return tree.map(lambda s: ops.cast(s, self.compute_dtype), given)

    def _zero_states(self, shape: Shape) -> list[Any]:
        """The states before the first step of sequences of this shape."""
        return initial_state(self.cell, shape[0], self.compute_dtype)

    def _fused(self, x: Any, states: Any, mask: Any, training: bool, known: bool) -> Any:
        """(all outputs, last states) by one primitive, or None if there is none for the cell.

        It gives the states, which stay over masked steps; the output there is 0 before the first
        step that counts, whatever state is `known` from before.
        """
        if self.unroll or not hasattr(self.cell, "sequence"):
            return None
        found = self.cell.sequence(x, states, mask, training)
        if found is None or mask is None or not (known or self.zero_output_for_mask):
            return found
        shown = mask
        if not self.zero_output_for_mask:
            shown = ops.greater(ops.cumsum(ops.cast(mask, "int32"), axis=0), 0)
        return ops.where(ops.expand_dims(shown, -1), found[0], 0.0), found[1]

    def _step_by_step(self, x: Any, states: Any, mask: Any, training: bool) -> tuple[Any, Any]:
        """(all outputs, last states), by ops."""
        masks = getattr(self.cell, "same_masks", lambda whether: None)
        outputs: list[Any] = []
        masks(True)
        try:
            for t, x_t in enumerate(call("unstack", x)):
                output, new = step(self.cell, x_t, states, training)
                if mask is not None:
                    before = outputs[-1] if outputs and not self.zero_output_for_mask else 0.0
                    output = _where(mask[t], output, before)
                    new = _each(lambda a, b, m=mask[t]: _where(m, a, b), new, states)
                outputs.append(output)
                states = new
        finally:
            masks(False)
        return ops.stack(outputs), states

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """(batch, units) or (batch, steps, units); with `return_state` those of the states too."""
        batch, steps = sequences_shape[0], sequences_shape[1]
        output = (batch, steps) if self.return_sequences else (batch,)
        output = (*output, output_size(self.cell))
        if not self.return_state:
            return output
        return (output, *_sized(state_sizes(self.cell), batch))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """That of the inputs for a sequence, backwards if that is how it comes; else none."""
        mask = tree.flatten(previous_mask)[0] if previous_mask is not None else None
        if not self.return_sequences:
            mask = None
        elif mask is not None and self.go_backwards:
            mask = ops.flip(mask, 1)
        return [mask, *[None] * len(state_sizes(self.cell))] if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        from deepbasics.layers.lookup import serialize

        return super().get_config() | self._own_config() | {"cell": serialize(self.cell)}

    def _own_config(self) -> dict[str, Any]:
        return {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RNN":
        """The inverse of `get_config`; the weights are new."""
        from deepbasics.layers.lookup import deserialize

        if isinstance(config.get("cell"), dict):
            config = config | {"cell": deserialize(config["cell"])}
        return cls(**config)


def _where(mask: Any, new: Any, old: Any) -> Any:
    """`new` in the rows where `mask` (batch,) is true."""
    axes = tuple(range(1, len(new.shape)))
    return ops.where(ops.expand_dims(mask, axes), new, old)


def _each(function: Callable[..., Any], new: Any, old: Any) -> Any:
    """`function` of each pair of leaves of two nests of lists."""
    if isinstance(new, (list, tuple)):
        old = old if isinstance(old, (list, tuple)) else [old]
        return [_each(function, a, b) for a, b in zip(new, old, strict=True)]
    return function(new, old)


def _sized(sizes: Any, batch: int | None) -> list[Any]:
    """(batch, size) for each size in a nest; a size may be a tuple of lengths in a cell of one."""
    return [_sized(n, batch) if isinstance(n, (list, tuple)) else (batch, n) for n in sizes]


def of_cell(cell: type, *also: str) -> Callable[..., Any]:
    """The `__init__` of a layer that makes its own cell: the cell's arguments, then RNN's."""
    own = [p for p in inspect.signature(cell.__init__).parameters.values() if p.name != "self"]
    own = [p for p in own if p.kind is not p.VAR_KEYWORD]
    rnn = list(inspect.signature(RNN.__init__).parameters.values())[2:]
    options = [p.replace(kind=p.KEYWORD_ONLY) for p in rnn if p.kind is not p.VAR_KEYWORD]
    options += [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in also]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs |= dict(zip((p.name for p in own), args, strict=False))
        for name in also:
            kwargs.pop(name, None)
        given = {p.name: kwargs.pop(p.name) for p in own if p.name in kwargs}
        RNN.__init__(self, cell(**given, dtype=kwargs.get("dtype")), **kwargs)

    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    __init__.__signature__ = inspect.Signature([first, *own, *options, rest])
    return __init__


class RNNWithOwnCell(RNN):
    """A recurrent layer that is made with the arguments of its cell, and shows them."""

    def __getattr__(self, name: str) -> Any:
        cell = vars(self).get("cell")
        if cell is None or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(cell, name)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return self.cell.get_config() | Layer.get_config(self) | self._own_config()

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RNN":
        """The inverse of `get_config`; the weights are new."""
        return cls(**config)


class SimpleRNN(RNNWithOwnCell):
    """A recurrent layer of `SimpleRNNCell`: `h = activation(x @ W + h @ U + b)`.

    Args: those of `SimpleRNNCell`, then those of `RNN`.

    >>> import numpy as np
    >>> SimpleRNN(4, return_sequences=True)(np.zeros((2, 5, 3))).shape
    (2, 5, 4)
    """

    __init__ = of_cell(SimpleRNNCell)


class LSTM(RNNWithOwnCell):
    """A recurrent layer of `LSTMCell`: long short-term memory.

    Args: those of `LSTMCell`, then those of `RNN`. `use_cudnn` has no effect.

    >>> import numpy as np
    >>> y, h, c = LSTM(4, return_state=True)(np.zeros((2, 5, 3)))
    >>> y.shape, h.shape, c.shape
    ((2, 4), (2, 4), (2, 4))
    """

    __init__ = of_cell(LSTMCell, "use_cudnn")


class GRU(RNNWithOwnCell):
    """A recurrent layer of `GRUCell`: gated recurrent units.

    Args: those of `GRUCell`, then those of `RNN`. `use_cudnn` has no effect.

    >>> import numpy as np
    >>> GRU(4)(np.zeros((2, 5, 3))).shape
    (2, 4)
    """

    __init__ = of_cell(GRUCell, "use_cudnn")
