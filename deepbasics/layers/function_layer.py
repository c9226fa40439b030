"""Lambda: a function as a layer."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepbasics import registered
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.shapes import map_shapes


class Lambda(Layer):
    """Calls a function, `function(inputs, **arguments)`, written over `deepbasics.ops`.

    Args:
        function: may also take `mask` and `training`.
        output_shape: the shape of a row of the output, without the batch, or a function from the
            shape of the input to that of the output; by default worked out by a call on zeros.
        mask: of the output, or a function `(inputs, previous_mask)` that gives it.
        arguments: further ones of the function, as keywords.

    A model with a Lambda is saved if the function has a name, and opened with `safe_mode=False`
    where it is registered or passed in `custom_objects`. A subclass of `Layer` is opened anywhere.

    >>> import numpy as np
    >>> Lambda(lambda x, by: x * by, arguments={"by": 2.0})(np.array([[1.0, 2.0]]))
    array([[2., 4.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Sequence[int | None] | Callable[[Shape], Shape] | None = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: function must be a function; got {function!r}.")
        self.function = function
        self.output_shape = output_shape
        self.mask = mask
        self.arguments = dict(arguments or {})
        self.supports_masking = mask is not None
        self._takes = set(inspect.signature(function).parameters)
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """`function(inputs, **arguments)`."""
        offered = {"mask": mask, "training": training}
        taken = {name: value for name, value in offered.items() if name in self._takes}
        return self.function(inputs, **taken | self.arguments)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """What `mask` says."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """What `output_shape` says, or that of a call on zeros."""
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self.output_shape):
            return self.output_shape(input_shape)
        inputs: list[Shape] = []
        map_shapes(inputs.append, input_shape)
        return (inputs[0][0], *self.output_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor; functions as they are."""
        return super().get_config() | {
            "function": self.function,
            "output_shape": self.output_shape,
            "mask": self.mask,
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Lambda":
        """The inverse of `get_config`; functions by name are those in `custom_objects`."""
        found = {name: _function(value) for name, value in config.items()}
        return cls(**found)


def _function(value: Any) -> Any:
    if not isinstance(value, Mapping) or "class_name" not in value:
        return value
    if value["class_name"] != "function":
        raise ValueError(f"a Lambda of a {value['class_name']} cannot be made from plain data.")
    found = registered.get_registered_object(value["config"])
    if found is None:
        raise ValueError(
            f"There is no function {value['config']!r} for a Lambda: pass custom_objects="
            f"{{{value['config']!r}: function}}, or decorate it with "
            "register_keras_serializable()."
        )
    return found
