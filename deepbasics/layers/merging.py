"""Layers that make one tensor of several: Add, Concatenate, Dot and their like."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from deepbasics import ops
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.shapes import is_shape


class Merge(Layer):
    """The base of the layers that take a list of tensors with the same batch.

    The other axes broadcast; a tensor with fewer axes gets axes of length 1 after the batch. The
    output is masked where all inputs are; there is no mask unless all inputs have one.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    least, most = 1, None

    def build(self, input_shape: Any) -> None:
        """No weights; checks the shapes."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Sequence[Any]) -> Any:
        """One tensor."""
        self._check_list([tuple(x.shape) for x in inputs])
        rank = max(len(x.shape) for x in inputs)
        return self.merge([_with_rank(x, rank) for x in inputs])

    def merge(self, tensors: list[Any]) -> Any:
        """What becomes of tensors with the same number of axes."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """That to which the inputs broadcast. Raises ValueError if they do not."""
        shapes = self._check_list(input_shape)
        rank = max(map(len, shapes))
        wide = [(s[0], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        return tuple(self._one_length(lengths, shapes) for lengths in zip(*wide, strict=True))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """True where one of the masks is."""
        if previous_mask is None or any(m is None for m in previous_mask):
            return None
        return reduce(ops.logical_or, previous_mask)

    def _check_list(self, shapes: Any) -> list[Shape]:
        most = self.most or "more"
        some = f"{self.least}" if most == self.least else f"{self.least} or {most}"
        if is_shape(shapes) or not self.least <= len(shapes) <= (self.most or len(shapes)):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} takes a list of {some} tensors; got "
                f"{'one tensor' if is_shape(shapes) else 'a list'} of shape {shapes}."
            )
        shapes = [tuple(s) for s in shapes]
        if len({s[0] for s in shapes} - {None}) > 1:
            raise self._mismatch(shapes, "must have the same batch")
        return shapes

    def _one_length(self, lengths: tuple[int | None, ...], shapes: list[Shape]) -> int | None:
        longer = set(lengths) - {1}
        if len(longer - {None}) > 1:
            raise self._mismatch(shapes, "must have equal lengths on each axis, or 1")
        return next(iter(longer - {None}), None) if longer else 1

    def _mismatch(self, shapes: list[Shape], needed: str) -> ValueError:
        return ValueError(
            f"The inputs of {type(self).__name__} layer {self.name!r} {needed}; they have shapes "
            f"{', '.join(map(str, shapes))}."
        )


def _with_rank(x: Any, rank: int) -> Any:
    missing = rank - len(x.shape)
    return ops.expand_dims(x, tuple(range(1, 1 + missing))) if missing else x


class Add(Merge):
    """The sum of its inputs.

    >>> import numpy as np
    >>> Add()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[4., 6.]], dtype=float32)
    """

    def merge(self, tensors: list[Any]) -> Any:
        """a + b + …"""
        return reduce(ops.add, tensors)


class Subtract(Merge):
    """The first of its two inputs minus the second."""

    least = most = 2

    def merge(self, tensors: list[Any]) -> Any:
        """a - b."""
        return ops.subtract(*tensors)


class Multiply(Merge):
    """The elementwise product of its inputs."""

    def merge(self, tensors: list[Any]) -> Any:
        """a · b · …"""
        return reduce(ops.multiply, tensors)


class Average(Merge):
    """The mean of its inputs, element by element."""

    def merge(self, tensors: list[Any]) -> Any:
        """(a + b + …) / n."""
        return ops.divide(reduce(ops.add, tensors), len(tensors))


class Maximum(Merge):
    """The largest of its inputs, element by element; ties share the gradient."""

    def merge(self, tensors: list[Any]) -> Any:
        """max(a, b, …)."""
        return reduce(ops.maximum, tensors)


class Minimum(Merge):
    """The smallest of its inputs, element by element; ties share the gradient."""

    def merge(self, tensors: list[Any]) -> Any:
        """min(a, b, …)."""
        return reduce(ops.minimum, tensors)


class Concatenate(Merge):
    """Its inputs side by side along `axis`, which is not the batch; the other axes must agree.

    Its mask is that of the inputs side by side; an input without one counts as not masked.

    >>> import numpy as np
    >>> Concatenate()([np.zeros((2, 3)), np.ones((2, 1))]).shape
    (2, 4)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)

    def call(self, inputs: Sequence[Any]) -> Any:
        """One tensor."""
        self._check_list([tuple(x.shape) for x in inputs])
        return ops.concatenate(list(inputs), self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The lengths along the axis added up. Raises ValueError if others differ."""
        shapes = self._check_list(input_shape)
        rank = len(shapes[0])
        if {len(s) for s in shapes} != {rank} or not -rank <= self.axis < rank:
            raise self._mismatch(shapes, f"must have equally many axes, among them {self.axis}")
        axis = self.axis % rank
        if axis == 0:
            raise self._mismatch(shapes, "cannot be joined along the batch, axis 0")
        found: list[int | None] = []
        for i, lengths in enumerate(zip(*shapes, strict=True)):
            if i == axis:
                found.append(None if None in lengths else sum(lengths))
                continue
            if len(set(lengths) - {None}) > 1:
                raise self._mismatch(shapes, f"must agree on all axes but {self.axis}")
            found.append(next((n for n in lengths if n is not None), None))
        return tuple(found)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The masks side by side; along the features, True where one of them is."""
        if previous_mask is None:
            return None
        pairs = zip(inputs, previous_mask, strict=True)
        whole = ops.concatenate([_spread(m, x) for x, m in pairs], self.axis)
        return ops.any(whole, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"axis": self.axis}


def _spread(mask: Any, x: Any) -> Any:
    """A mask over all elements of `x`."""
    if mask is None:
        return ops.ones_like(x, dtype="bool")
    axes = tuple(range(len(mask.shape), len(x.shape)))
    return ops.broadcast_to(ops.expand_dims(mask, axes) if axes else mask, tuple(x.shape))


class Dot(Merge):
    """Sums of products along an axis of each of two inputs, row by row of the batch.

    Args:
        axes: the axis of both, or of each; not the batch.
        normalize: divide by the lengths of the vectors first: the cosine of the angle.

    Shapes (batch, *a) and (batch, *b) give (batch, *a, *b) without the two axes; two inputs of two
    axes give (batch, 1). The output has no mask.

    >>> import numpy as np
    >>> Dot(axes=(1, 2))([np.ones((2, 3, 5)), np.ones((2, 4, 3))]).shape
    (2, 5, 4)
    """

    least = most = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or not all(isinstance(a, int) for a in pair):
            raise ValueError(f"Dot: axes is an int, or one for each of two inputs; got {axes!r}.")
        self.axes, self.normalize = axes, bool(normalize)

    def _over(self, shapes: Sequence[Shape]) -> list[int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        for axis, shape in zip(axes, shapes, strict=True):
            if not -len(shape) < axis < len(shape) or axis == 0:
                raise self._mismatch(list(shapes), f"have no axes {self.axes} beside the batch")
        over = [axis % len(shape) for axis, shape in zip(axes, shapes, strict=True)]
        lengths = [shape[axis] for axis, shape in zip(over, shapes, strict=True)]
        if None not in lengths and lengths[0] != lengths[1]:
            raise self._mismatch(list(shapes), f"must have equal lengths along axes {self.axes}")
        return over

    def call(self, inputs: Sequence[Any]) -> Any:
        """One product of matrices for each row."""
        shapes = self._check_list([tuple(x.shape) for x in inputs])
        over = self._over(shapes)
        kept = [
            [n for i, n in enumerate(s[1:], 1) if i != a] for s, a in zip(shapes, over, strict=True)
        ]
        rows = []
        for x, axis in zip(inputs, over, strict=True):
            x = ops.moveaxis(x, axis, -1)
            if self.normalize:
                square = ops.sum(ops.square(x), axis=-1, keepdims=True)
                x = ops.multiply(x, ops.rsqrt(ops.maximum(square, 1e-12)))
            rows.append(ops.reshape(x, (x.shape[0], -1, x.shape[-1])))
        y = ops.matmul(rows[0], ops.swapaxes(rows[1], 1, 2))
        return ops.reshape(y, (shapes[0][0], *(kept[0] + kept[1] or [1])))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """What is left of both shapes. Raises ValueError if they do not fit."""
        shapes = self._check_list(input_shape)
        over = self._over(shapes)
        rest = [
            n for s, a in zip(shapes, over, strict=True) for i, n in enumerate(s) if i not in (0, a)
        ]
        return (shapes[0][0], *(rest or [1]))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """None."""

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"axes": self.axes, "normalize": self.normalize}


def _function(layer: type[Merge], name: str) -> Callable[..., Any]:
    def function(inputs: Sequence[Any], **kwargs: Any) -> Any:
        return layer(**kwargs)(inputs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{layer.__name__}(**kwargs)(inputs)`."
    return function


add = _function(Add, "add")
subtract = _function(Subtract, "subtract")
multiply = _function(Multiply, "multiply")
average = _function(Average, "average")
maximum = _function(Maximum, "maximum")
minimum = _function(Minimum, "minimum")


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis)(inputs)`."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """`Dot(axes)(inputs)`."""
    return Dot(axes, **kwargs)(inputs)
