"""The same elements in another order or number: Permute, RepeatVector."""

from collections.abc import Sequence
from typing import Any

from deepbasics import ops
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape


class Permute(Layer):
    """The axes in another order; `dims` counts from 1, without the batch.

    >>> Permute((2, 1)).compute_output_shape((None, 10, 64))
    (None, 64, 10)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must be the numbers from 1 to {len(self.dims)} in some order; the "
                f"batch, axis 0, stays. Got {self.dims}."
            )

    def build(self, input_shape: Shape) -> None:
        """No weights. Raises ValueError unless the number of axes is right."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """The inputs, transposed."""
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The lengths in the new order."""
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f"Permute layer {self.name!r} with dims={self.dims} needs inputs with "
                f"{len(self.dims)} axes and the batch; got {tuple(input_shape)}."
            )
        return (input_shape[0], *(input_shape[i] for i in self.dims))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"dims": self.dims}


class RepeatVector(Layer):
    """Each row `n` times: (batch, features) becomes (batch, n, features)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = as_count("RepeatVector: n", n)

    def build(self, input_shape: Shape) -> None:
        """No weights. Raises ValueError unless the inputs are rows."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """The rows, repeated."""
        batch, features = inputs.shape
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, n, features)."""
        if len(input_shape) != 2:
            raise ValueError(
                f"RepeatVector layer {self.name!r} needs inputs of shape (batch, features); got "
                f"{tuple(input_shape)}."
            )
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"n": self.n}
