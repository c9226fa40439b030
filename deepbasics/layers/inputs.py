"""What says the shape of a model's input."""

from collections.abc import Sequence
from typing import Any

from deepbasics.layers.base import Layer, Shape


class InputLayer(Layer):
    """Says the shape of a model's input; passes it through."""

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if shape is not None:
            shape = (shape,) if isinstance(shape, int) else tuple(shape)
            batch_shape = (batch_size, *shape)
        if batch_shape is None and not {"input_shape", "batch_input_shape"} & kwargs.keys():
            raise ValueError("An input needs shape=, without the batch: Input(shape=(784,)).")
        super().__init__(dtype=dtype, batch_shape=batch_shape, name=name, **kwargs)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"batch_shape": self.batch_input_shape, "dtype": self.dtype, "name": self.name}


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> InputLayer:
    """The first entry of a `Sequential`: the shape of a row (without the batch) and its dtype.

    `batch_shape` gives the shape with the batch instead.

    >>> Input((784,)).batch_input_shape
    (None, 784)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, name)
