"""EinsumDense: a product with a kernel over the axes that a formula of letters says."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from deepbasics import ops
from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape

_FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class _Formula(NamedTuple):
    """The letters of an equation, and where the axes without letters are: "", "left", "right"."""

    inputs: str
    kernel: str
    output: str
    open: str


class _Shapes(NamedTuple):
    """What follows for one shape of the input; `fans` are the axes of the kernel by their ends."""

    kernel: Shape
    bias: Shape | None
    output: Shape
    fans: tuple[tuple[int, ...], tuple[int, ...]]


class EinsumDense(Layer):
    """`activation(einsum(equation, x, kernel) + bias)`: Dense over axes of your choice.

    Args:
        equation: letters of the input, the kernel and the output, as "abc,cd->abd"; "..." for
            further axes before ("...a,ab->...b") or behind ("ab...,bc->ac...") the letters.
        output_shape: the lengths of the output's axes without the batch and without those of
            "..."; an int for one. None takes the input's axis of that letter.
        activation: name or function; None is linear.
        bias_axes: the letters of the output that the bias has, such as "d"; None for no bias.

    The kernel has an axis for each of its letters. A length of None in the input is no length of
    the kernel: name it in `output_shape` or leave it to the data. Raises ValueError for an
    equation of another form, and when built for shapes that do not fit it.

    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer.compute_output_shape((None, 10, 32))
    (None, 10, 64)
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._formula = _parsed(equation, bias_axes)
        whole = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        settings.keep(
            self,
            equation=equation,
            output_shape=whole,
            activation=activation,
            bias_axes=bias_axes,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Kernel, and bias for the axes of `bias_axes`."""
        shapes = self._shapes(input_shape)
        for what, shape in (("kernel", shapes.kernel), ("bias", shapes.bias or ())):
            if None in shape:
                raise self._error(
                    f"the {what} would have shape {shape}. Say the missing length in output_shape, "
                    "or give an input shape that has it",
                    input_shape,
                )
        self.kernel = settings.weight(self, "kernel", shapes.kernel, fans=shapes.fans)
        if shapes.bias is not None:
            self.bias = settings.weight(self, "bias", shapes.bias)

    def call(self, inputs: Any) -> Any:
        """`activation(einsum(equation, inputs, kernel) + bias)`."""
        y = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        return self.activation(y) if self.activation is not None else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the equation's right side."""
        return self._shapes(input_shape).output

    def _shapes(self, input_shape: Shape) -> _Shapes:
        """Lengths by letter, and what they make of kernel, bias and output."""
        formula, shape = self._formula, tuple(input_shape)
        free = len(shape) - len(formula.inputs)
        if free < 0 or (free and not formula.open):
            raise self._error(f"it is for {len(formula.inputs)} axes", shape)
        before = free if formula.open == "left" else 0
        ahead, behind = shape[:before], shape[before + len(formula.inputs) :]
        lengths = dict(zip(formula.inputs, shape[before:], strict=False))
        given = self.output_shape if before else (shape[0], *self.output_shape)
        if len(given) != len(formula.output):
            needed = len(formula.output) - (not before)
            raise self._error(f"output_shape {self.output_shape} must have {needed} lengths", shape)
        for letter, length in zip(formula.output, given, strict=True):
            there = lengths.get(letter)
            if letter in lengths and length not in (None, there):
                raise self._error(f"axis {letter!r} has {there} in, but {length} out", shape)
            lengths[letter] = there if length is None else length
        named = tuple(lengths[letter] for letter in formula.output)
        bias = None
        if self.bias_axes:
            first = min(formula.output.index(letter) for letter in self.bias_axes)
            own = (lengths[c] if c in self.bias_axes else 1 for c in formula.output[first:])
            bias = (*own, *[1] * len(behind))
        into = tuple(i for i, letter in enumerate(formula.kernel) if letter in formula.output)
        over = tuple(i for i in range(len(formula.kernel)) if i not in into)
        kernel = tuple(lengths[letter] for letter in formula.kernel)
        return _Shapes(kernel, bias, (*ahead, *named, *behind), (over, into))

    def _error(self, fault: str, shape: Shape) -> ValueError:
        return ValueError(
            f"EinsumDense layer {self.name!r}, equation {self.equation!r}, input {tuple(shape)}: "
            f"{fault}."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | settings.config(self)


def _parsed(equation: str, bias_axes: str | None) -> _Formula:
    """The letters of an equation. Raises ValueError unless each has its use."""
    found = _FORM.fullmatch(equation.replace(" ", ""))
    places = found and {(found[1], found[3]), (found[5], found[7])}
    if not found or len(places) > 1 or all(found.group(1, 3)):
        raise ValueError(
            f"EinsumDense: {equation!r} must be like 'ab,bc->ac', '...a,ab->...b' or "
            "'ab...,bc->ac...'."
        )
    formula = _Formula(*found.group(2, 4, 6), "left" if found[1] else "right" if found[3] else "")
    for letters, sources, what in (
        (formula.output, formula.inputs + formula.kernel, "the input or the kernel"),
        (formula.kernel, formula.inputs + formula.output, "the input or the output"),
        (bias_axes or "", formula.output, "the output"),
    ):
        for letter in letters:
            if letter not in sources:
                side = "bias_axes" if letters is bias_axes else repr(letters)
                raise ValueError(
                    f"EinsumDense {equation!r}: letter {letter!r} of {side} must be one of {what}."
                )
    return formula
