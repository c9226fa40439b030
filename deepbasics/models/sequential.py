"""Sequential: layers one after the other."""

from collections.abc import Sequence
from typing import Any

from deepbasics import tree
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.inputs import Input, InputLayer
from deepbasics.models.graph import fitting
from deepbasics.models.model import Model
from deepbasics.symbolic import SymbolicTensor


class Sequential(Model):
    """A stack of layers, each fed by the one before.

    Args:
        layers: a list of layers; more with `add`.

    With an input shape (`Input(shape)` or `input_shape=` on the first layer) the weights are made
    at once; without, at the first data.

    >>> from deepbasics.layers import Dense
    >>> model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(1)])
    >>> model.count_params()
    21
    """

    def __init__(
        self, layers: Sequence[Layer] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self._stack: list[Layer] = []
        self._tensors: list[Any] = []  # the symbolic input, and the output of each layer
        if isinstance(layers, Layer):
            raise TypeError(f"Sequential takes a list of layers; got {layers!r} alone.")
        for layer in layers or []:
            self._append(layer)
        self._build_if_shaped()
        if not trainable:
            self.trainable = False

    def add(self, layer: Layer, rebuild: bool = True) -> None:
        """Put a layer at the end; TypeError for what is none, ValueError for a name taken."""
        self._append(layer)
        self._build_if_shaped()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away, and return it."""
        if not self.layers:
            raise ValueError(f"Sequential model {self.name!r} has no layers to pop.")
        layer = self._stack.pop()
        del self._tensors[len(self.layers) + 1 :]
        self._forget()
        self._build_if_shaped()
        return layer

    def _append(self, layer: Any) -> None:
        if type(layer) is SymbolicTensor and isinstance(layer.operation, InputLayer):
            layer = layer.operation
        if not isinstance(layer, Layer):
            hint = " Make an instance of it." if isinstance(layer, type) else ""
            raise TypeError(f"Sequential takes layers; got {layer!r}.{hint}")
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                f"Sequential model {self.name!r} has a layer named {layer.name!r} already; give "
                "each layer a name of its own."
            )
        shape = layer.batch_input_shape
        if not self._stack and shape is not None and not isinstance(layer, InputLayer):
            self._stack.append(InputLayer(batch_shape=shape, dtype=layer.dtype))
        if self._stack and isinstance(layer, InputLayer):
            raise ValueError("An Input can only come first in a Sequential model.")
        self._stack.append(layer)
        self._forget()

    def _forget(self) -> None:
        self._programs = {}
        self._outputs_form = None
        self.built = False

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input layer."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @property
    def inputs_known(self) -> bool:
        """Whether the shape of the input has been said."""
        return bool(self._stack) and isinstance(self._stack[0], InputLayer)

    def _build_if_shaped(self) -> None:
        """Build where the shape of the input has been said, or was seen before a layer changed."""
        if not self.layers:
            return
        first = self._stack[0]
        shape = first.batch_input_shape if self.inputs_known else self.input_shape
        if shape is None and isinstance(first, Model):
            shape = first.input_shape
        if shape is not None:
            self.build(shape)

    def _build(self, input_shape: Shape) -> None:
        super()._build((None, *input_shape[1:]))

    def build(self, input_shape: Shape) -> None:
        """Make the weights of all layers for inputs of this shape (None for the batch)."""
        shape = tuple(input_shape)
        if not self._tensors or self._tensors[0].shape != shape:
            self._tensors = [self._begin(shape)]
        for layer in self.layers[len(self._tensors) - 1 :]:
            self._tensors.append(layer(self._tensors[-1]))
        self._inputs_form, self._outputs_form = self._tensors[0], self._tensors[-1]
        self.built = True

    def _begin(self, shape: Shape) -> SymbolicTensor:
        if self.inputs_known and self._stack[0].batch_input_shape == shape:
            return self._stack[0].output
        return Input(batch_shape=shape, dtype=self.layers[0].dtype)

    def call(self, inputs: Any) -> Any:
        """Each layer in turn."""
        x = inputs
        for layer in self.layers:
            x = layer(x)
        return x

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """See `Layer`; from that of each layer."""
        x = args[0]
        for layer in self.layers:
            x = layer.compute_output_spec(x)
        return x

    def build_for(self, x: Any, rows: int | None = None) -> Any:
        """See `Model`; the weights are made without a call where the layers allow it."""
        if not self.built:
            x = self.check_inputs(x)
            self.build((None, *x.shape[1:]))
        return super().build_for(x, rows)

    def check_inputs(self, x: Any) -> Any:
        """The one array in `x`, a last axis of length 1 added or dropped as the input has it."""
        leaves = tree.flatten(x)
        if len(leaves) != 1:
            raise ValueError(
                f"Sequential model {self.name!r} has one input; x has {len(leaves)} arrays. Join "
                "the rows with np.stack(x); for several inputs use Model(inputs, outputs)."
            )
        if not self.layers:
            raise ValueError(f"Sequential model {self.name!r} has no layers; add some first.")
        form = self._inputs_form
        return leaves[0] if form is None else fitting(leaves[0], form, self._who)

    def _who(self) -> tuple[str, str]:
        first = self.layers[0]
        hint = f" Its first layer is {first.name!r} ({type(first).__name__})."
        return f"Sequential model {self.name!r}", hint

    def flat_output_names(self) -> list[str]:
        """The name of the last layer."""
        return [self._stack[-1].name]

    def flat_output_layers(self) -> list[Any]:
        """The last layer."""
        return self._stack[-1:]

    def takes_floats(self) -> bool:
        """Whether integer inputs should become floats on entry."""
        if self.inputs_known and not self._stack[0].dtype.startswith("float"):
            return False
        first = self.layers[0]
        return first.takes_floats() if isinstance(first, Model) else first.autocast

    def get_config(self) -> dict[str, Any]:
        """Name and layers, as plain data."""
        from deepbasics.layers import serialize

        return {
            "name": self.name,
            "trainable": self._trainable,
            "layers": [serialize(layer) for layer in self._stack],
            "build_input_shape": self.input_shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Sequential":
        """A model of the same layers with new weights."""
        from deepbasics.layers import deserialize

        layers = [deserialize(layer, custom_objects) for layer in config["layers"]]
        model = cls(layers, config.get("trainable", True), config.get("name"))
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model
