"""Where data enter a model."""

from collections.abc import Sequence
from typing import Any

from deepbasics.layers.base import Layer, Shape
from deepbasics.symbolic import Node, SymbolicTensor


class InputLayer(Layer):
    """Says the shape of a model's input; passes it through."""

    supports_masking = True

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        optional: bool = False,
        **kwargs: Any,
    ) -> None:
        if sparse or ragged or optional:
            raise ValueError("Input: sparse, ragged and optional inputs are not available.")
        if shape is not None:
            shape = (shape,) if isinstance(shape, int) else tuple(shape)
            batch_shape = (batch_size, *shape)
        if batch_shape is None and not {"input_shape", "batch_input_shape"} & kwargs.keys():
            raise ValueError("An input needs shape=, without the batch: Input(shape=(784,)).")
        super().__init__(dtype=dtype, batch_shape=batch_shape, name=name, **kwargs)
        self.built = True
        Node(self, (), {}, SymbolicTensor(self.batch_input_shape, self.dtype, self.name))

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "batch_shape": self.batch_input_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """A symbolic tensor, which layers and ops take: the beginning of a `Model` or `Sequential`.

    Args:
        shape: of a row, without the batch; None for an axis of any length.
        batch_size: where it is fixed.
        dtype: default floatx; data are cast to it.
        batch_shape: the shape with the batch, instead.
        name: the key of this input in a dict of data, and the name of its layer.
        tensor: a symbolic tensor that there is already, given back.

    >>> Input((784,)).shape
    (None, 784)
    """
    if tensor is not None:
        return tensor
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, name, optional).output
