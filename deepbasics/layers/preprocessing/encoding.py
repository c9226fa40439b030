"""Ids as they are, as codes of zeros and ones, or counted; and the layer that does only this."""

from collections.abc import Sequence
from typing import Any

from deepbasics import ops
from deepbasics.errors import as_count, unknown
from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.shapes import map_shapes, shapes_of
from deepbasics.symbolic import SymbolicTensor

MODES = ("int", "one_hot", "multi_hot", "count")
_OLD = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class Categorical(Layer):
    """A layer whose result is ids, encoded as `output_mode` says.

    "int": ids; "one_hot": a code for each, along a new axis or one of length 1; "multi_hot": for
    each row, 1 at all ids in it; "count": for each row, how often each id is in it. Ids outside
    0 to `depth` - 1 count for nothing. Any other mode gets the counts.
    """

    output_mode: str
    int_dtype = "int64"

    def set_mode(self, output_mode: str, valid: Sequence[str] = MODES, sparse: Any = False) -> None:
        """Keep the mode, in its modern spelling."""
        self.output_mode = _OLD.get(output_mode, output_mode)
        if self.output_mode not in valid:
            raise unknown("output_mode", output_mode, valid)
        if sparse:
            raise ValueError(
                f"{type(self).__name__}: there are no sparse tensors; leave sparse=False."
            )
        self.sparse = False
        self.autocast = False  # ids, and numbers beside the edges of bins, keep their digits

    @property
    def where(self) -> str:
        """How errors name the layer."""
        return f"{type(self).__name__} layer {self.name!r}"

    @property
    def depth(self) -> int:
        """The number of ids."""
        raise NotImplementedError

    @property
    def output_dtype(self) -> str:
        """That of the result."""
        return self.int_dtype if self.output_mode == "int" else self.dtype

    def encoded(self, ids: Any, weights: Any = None) -> Any:
        """The ids as `output_mode` says; `weights` are what each counts for."""
        if self.output_mode == "int":
            return ops.cast(ids, self.int_dtype)
        shape = tuple(ids.shape) or (1,)
        ids = ops.reshape(ids, shape)
        if self.output_mode == "one_hot":
            ids = ops.squeeze(ids, -1) if len(shape) > 1 and shape[-1] == 1 else ids
            return ops.one_hot(ids, self.depth, dtype=self.dtype)
        counts = _counts(ids, self.depth, weights, self.dtype)
        return ops.minimum(counts, 1) if self.output_mode == "multi_hot" else counts

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the ids; with the codes along a new last axis, or in place of it."""
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        appended = self.output_mode == "one_hot" and (len(shape) < 2 or shape[-1] != 1)
        return (*(shape if appended else shape[:-1]), self.depth)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """A symbolic tensor of the shape and dtype of the result."""
        shape = self.compute_output_shape(shapes_of(args[0]))
        return map_shapes(lambda s: SymbolicTensor(s, self.output_dtype), shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | settings.config(self)


def _counts(ids: Any, depth: int, weights: Any, dtype: str) -> Any:
    """How often each of `depth` ids is in each row, the last axis of `ids`; (..., depth)."""
    rows = tuple(ids.shape)[:-1]
    flat = ops.reshape(ops.cast(ids, "int64"), (-1, ids.shape[-1]))
    n = flat.shape[0] * depth
    row = ops.expand_dims(ops.arange(0, n, depth, dtype="int64"), -1)
    place = ops.where(ops.logical_and(flat >= 0, flat < depth), row + flat, -1)
    each = ops.ones(flat.shape, dtype) if weights is None else ops.cast(weights, dtype)
    total = ops.segment_sum(ops.reshape(each, (-1,)), ops.reshape(place, (-1,)), n)
    return ops.reshape(total, (*rows, depth))


class CategoryEncoding(Categorical):
    """Ids from 0 to `num_tokens` - 1 as codes of that length.

    Args:
        num_tokens: the number of ids; others count for nothing.
        output_mode: "multi_hot", "one_hot" or "count", as `Categorical` says.

    `count_weights`, of the shape of the ids, says what each counts for under "count".

    >>> CategoryEncoding(3)([[0, 2], [1, 1]])
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_tokens is None:
            raise ValueError(
                "CategoryEncoding needs num_tokens, the number of ids. IntegerLookup learns it."
            )
        self.num_tokens = as_count("CategoryEncoding: num_tokens", num_tokens)
        self.set_mode(output_mode, MODES[1:], sparse)

    @property
    def depth(self) -> int:
        """`num_tokens`."""
        return self.num_tokens

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """The codes."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f'{self.where}: count_weights are for output_mode="count"; it is '
                f"{self.output_mode!r}."
            )
        return self.encoded(inputs, count_weights)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        found = super().get_config()
        del found["sparse"]  # which Keras does not write here
        return found
