"""Embedding and Masking: where sequences begin, and the masks that travel with them."""

from typing import Any

from deepbasics import constraints, dtypes, initializers, ops, regularizers
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape


class Embedding(Layer):
    """A row of a trained table for each id.

    Args:
        input_dim: the number of ids, 0 to input_dim - 1.
        output_dim: the length of a row.
        embeddings_initializer: of the table; "uniform" is from -0.05 to 0.05.
        mask_zero: whether 0 stands for a step that is not there: the output is masked.
        weights: the table, or a list with it.

    Ids (batch, ...), output (batch, ..., output_dim); floats are truncated to ints, and -1 is the
    last row. An id beyond the table raises ValueError.

    >>> import numpy as np
    >>> Embedding(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        if weights is not None and not isinstance(weights, (list, tuple)):
            weights = [weights]
        super().__init__(weights=weights, **kwargs | {"autocast": False})
        self.input_dim = as_count("Embedding: input_dim", input_dim)
        self.output_dim = as_count("Embedding: output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.mask_zero
        self.embeddings = None

    def build(self, input_shape: Shape | None = None) -> None:
        """The table."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Any) -> Any:
        """The rows."""
        ids = inputs if dtypes.is_int(ops.dtype(inputs)) else ops.cast(inputs, "int32")
        try:
            return ops.take(self.embeddings, ids, axis=0)
        except IndexError as error:
            raise ValueError(
                f"Embedding layer {self.name!r} has rows for ids 0 to {self.input_dim - 1}; it got "
                f"another id ({error}). Make it with input_dim = largest id + 1."
            ) from None

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Where the id is not 0."""
        return ops.not_equal(inputs, 0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's, with `output_dim` at the end."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }


class Masking(Layer):
    """Masks the steps all of whose features equal `mask_value`, and sets them to zero.

    Inputs (batch, steps, features); the output has a mask (batch, steps).
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The inputs, zero at masked steps."""
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(kept, inputs, 0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Where a feature differs from the value."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"mask_value": self.mask_value}
