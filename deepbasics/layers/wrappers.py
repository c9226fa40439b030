"""Layers around layers: Bidirectional, TimeDistributed."""

from typing import Any

from deepbasics import ops, tree
from deepbasics.errors import unknown
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.shapes import map_shapes
from deepbasics.layers.signatures import mask_slots

MERGE_MODES = ("concat", "sum", "ave", "mul", None)


class Wrapper(Layer):
    """A layer around another one, `layer`."""

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} goes around a layer; got {layer!r}.")
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """The layer within."""
        if not self.layer.built:
            self.layer._build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The layer within."""
        return self.layer(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the layer within."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        from deepbasics.layers.lookup import serialize

        return super().get_config() | {"layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Wrapper":
        """The inverse of `get_config`; the weights are new."""
        return cls(**config | {k: _layer(config[k]) for k in cls._layers if k in config})

    _layers = ("layer",)


def _layer(config: Any) -> Any:
    from deepbasics.layers.lookup import deserialize

    return deserialize(config) if isinstance(config, dict) else config


class TimeDistributed(Wrapper):
    """Applies a layer to each step of a sequence, with the same weights.

    Inputs (batch, steps, ...), output (batch, steps, ...). All steps go through the layer at once,
    as rows of one batch; a mask (batch, steps) is handed on.

    >>> import numpy as np
    >>> from deepbasics.layers import Dense
    >>> TimeDistributed(Dense(4))(np.zeros((2, 5, 3))).shape
    (2, 5, 4)
    """

    supports_masking = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)

    def _step(self, shape: Shape) -> Shape:
        if len(shape) < 3:
            raise ValueError(
                f"TimeDistributed layer {self.name!r} takes sequences of shape (batch, steps, "
                f"...); got {tuple(shape)}."
            )
        return (None, *shape[2:])

    def build(self, input_shape: Shape) -> None:
        """The layer within, for one step."""
        super().build(self._step(input_shape))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """All steps as rows of one batch."""
        self._step(tuple(inputs.shape))
        batch, steps = inputs.shape[:2]
        rows = ops.reshape(inputs, (batch * steps, *inputs.shape[2:]))
        kwargs = {}
        if mask is not None and len(mask.shape) > 2 and mask_slots(type(self.layer).call):
            kwargs["mask"] = ops.reshape(mask, (batch * steps, *mask.shape[2:]))
        found = self.layer(rows, **kwargs)
        return tree.map(lambda y: ops.reshape(y, (batch, steps, *y.shape[1:])), found)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """That of the layer within, with the steps after the batch."""
        found = self.layer.compute_output_shape(self._step(input_shape))
        return map_shapes(lambda s: (input_shape[0], input_shape[1], *s[1:]), found)


class Bidirectional(Layer):
    """A recurrent layer over a sequence from its beginning, and another one from its end.

    Args:
        layer: a recurrent layer; both are made after its configuration, with new weights.
        merge_mode: how the outputs are joined, step by step: "concat", "sum", "ave", "mul"; None
            gives both.
        weights: those of both, the forward layer's first.
        backward_layer: another one for the way back, with `go_backwards` unlike the first.

    Without `return_sequences` each gives its own last output. With it, masked steps give zeros.
    """

    supports_masking = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(weights=weights, **kwargs)
        for given in (layer, backward_layer):
            if given is not None and not hasattr(given, "go_backwards"):
                raise ValueError(f"Bidirectional goes around a recurrent layer; got {given!r}.")
        if merge_mode not in MERGE_MODES:
            raise unknown("merge mode", merge_mode, MERGE_MODES[:-1])
        self.forward_layer = _turned(layer, "forward_", layer.go_backwards)
        self.backward_layer = backward_layer or _turned(layer, "backward_", not layer.go_backwards)
        self.merge_mode = merge_mode
        self._check_pair()
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = layer.stateful
        for each in (self.forward_layer, self.backward_layer):
            each.zero_output_for_mask = self.return_sequences

    def _check_pair(self) -> None:
        a, b = self.forward_layer, self.backward_layer
        if a.go_backwards == b.go_backwards:
            raise ValueError(
                "Bidirectional: the two layers must go opposite ways; both have "
                f"go_backwards={a.go_backwards}."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(a, name) != getattr(b, name):
                raise ValueError(
                    f"Bidirectional: both layers must have the same {name}; the forward layer has "
                    f"{getattr(a, name)}, the backward layer {getattr(b, name)}."
                )

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """See `Layer`; further inputs are the states before the first step."""
        if isinstance(inputs, (list, tuple)) and len(inputs) and hasattr(inputs[0], "shape"):
            inputs, *states = inputs
            if states:
                kwargs["initial_state"] = states
        return super().__call__(inputs, *args, **kwargs)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer._build(tuple(sequences_shape))

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """The outputs joined, then the states of both with `return_state`."""
        half = len(initial_state) // 2 if initial_state is not None else 0
        given = (initial_state[:half], initial_state[half:]) if half else (None, None)
        layers = (self.forward_layer, self.backward_layer)
        found = [
            layer(sequences, initial_state=states, mask=mask)
            for layer, states in zip(layers, given, strict=True)
        ]
        states: list[Any] = []
        if self.return_state:
            states = [s for y in found for s in y[1:]]
            found = [y[0] for y in found]
        if self.return_sequences:
            found = [
                ops.flip(y, 1) if layer.go_backwards else y
                for layer, y in zip(layers, found, strict=True)
            ]
        y = self._merged(*found)
        if not self.return_state:
            return y
        return (*(y if self.merge_mode is None else (y,)), *states)

    def _merged(self, a: Any, b: Any) -> Any:
        if self.merge_mode is None:
            return a, b
        if self.merge_mode == "concat":
            return ops.concatenate([a, b], axis=-1)
        if self.merge_mode == "mul":
            return ops.multiply(a, b)
        total = ops.add(a, b)
        return total if self.merge_mode == "sum" else ops.divide(total, 2.0)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """That of a layer, twice as wide for "concat", then those of the states."""
        found = [
            layer.compute_output_shape(tuple(sequences_shape))
            for layer in (self.forward_layer, self.backward_layer)
        ]
        states: list[Any] = []
        if self.return_state:
            states = [s for shapes in found for s in shapes[1:]]
            found = [shapes[0] for shapes in found]
        if self.merge_mode is None:
            return (*found, *states)
        a, b = found
        y = (*a[:-1], a[-1] + b[-1]) if self.merge_mode == "concat" else a
        return (y, *states) if self.return_state else y

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """That of the inputs for a sequence, else none."""
        mask = tree.flatten(previous_mask)[0] if previous_mask is not None else None
        mask = mask if self.return_sequences else None
        return [mask, mask] if self.merge_mode is None else [mask]

    def reset_states(self) -> None:
        """Zero the states of both layers."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    reset_state = reset_states

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        from deepbasics.layers.lookup import serialize

        return super().get_config() | {
            "layer": serialize(self.forward_layer),
            "backward_layer": serialize(self.backward_layer),
            "merge_mode": self.merge_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Bidirectional":
        """The inverse of `get_config`; the weights are new."""
        layers = {k: _layer(config[k]) for k in ("layer", "backward_layer") if k in config}
        return cls(**config | layers)


def _turned(layer: Layer, prefix: str, backwards: bool) -> Layer:
    """A layer made after the configuration of another one, for this way."""
    config = layer.get_config()
    name = prefix + config["name"].removeprefix(prefix)
    return type(layer).from_config(config | {"go_backwards": backwards, "name": name})
