"""Tensors that stand for data to come: a shape, a dtype, and the call that makes them.

`Input` gives the first ones. A layer or an op called on them runs nothing: it gives new ones, whose
`Node` remembers the call. Followed back from an output, the nodes are a model.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import numpy as np

from deepbasics import dtypes, naming, tree, trials
from deepbasics.backends import registry
from deepbasics.operand import Operand

Shape = tuple[int | None, ...]


class SymbolicTensor(Operand):
    """A tensor without a value. It has operators, indexing, `shape`, `ndim`, `dtype`, `name`.

    None in `shape` is an axis whose length is known when there are data: the batch, or the steps of
    a sequence. Keras calls it KerasTensor.

    >>> from deepbasics import Input
    >>> x = Input((3,))
    >>> (2 * x + 1)[:, 0].shape
    (None,)
    """

    __slots__ = ("__weakref__", "dtype", "index", "name", "node", "shape")

    def __init__(self, shape: Any, dtype: str = "float32", name: str | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtypes.name(dtype)
        self.name = name or naming.unique_name("keras_tensor")
        self.node: Node | None = None
        self.index = 0

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def operation(self) -> Any:
        """The layer or op that makes it; None if nobody knows."""
        return None if self.node is None else self.node.operation

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _no_value(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} is symbolic: it has no value before the model runs. Use deepbasics.ops on "
            "it (ops.where instead of `if`, ops.exp instead of np.exp), or put the code into the "
            "call of a layer."
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = _no_value
    __hash__ = object.__hash__


KerasTensor = SymbolicTensor


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is symbolic: made by `Input`, or by a layer or an op called on what is."""
    return isinstance(x, SymbolicTensor)


class Node:
    """One call of a layer or op on symbolic tensors; `outputs` is the nest that it gives."""

    __slots__ = ("args", "inputs", "kwargs", "operation", "outputs")

    def __init__(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
    ) -> None:
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.inputs = list(leaves(args, kwargs))
        for index, tensor in enumerate(tree.flatten(outputs)):
            tensor.node, tensor.index = self, index
        operation._inbound_nodes.append(self)


# What Keras calls the class of an op, where that is not its name in CamelCase.
KINDS = {
    "abs": "Absolute",
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "conj": "Conjugate",
    "hard_swish": "HardSilu",
    "hsv_to_rgb": "HSVToRGB",
    "isin": "IsIn",
    "layer_normalization": "LayerNorm",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    "ssim": "SSIM",
    "swish": "Silu",
}


class Operation:
    """An op of `deepbasics.ops` as a part of a model."""

    def __init__(self, function: str, name: str | None = None) -> None:
        self.function = function
        self.name = name or naming.unique_name(function)
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _OPS[self.function](*args, **kwargs)

    @property
    def kind(self) -> str:
        """The name of its class in Keras: "GetItem" for `get_item`."""
        words = self.function.split("_")
        return KINDS.get(self.function) or "".join(w[:1].upper() + w[1:] for w in words)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic outputs of a call. Raises ValueError for arguments that cannot be."""
        try:
            return infer(_OPS[self.function], args, kwargs)
        except (TypeError, ValueError) as error:
            shapes = ", ".join(str(t.shape) for t in leaves(args, kwargs))
            raise ValueError(f"ops.{self.function} of shapes {shapes}: {error}") from error

    def signature(self) -> inspect.Signature:
        """That of the op."""
        return inspect.signature(_OPS[self.function])


_OPS: dict[str, Callable[..., Any]] = {}


def op(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which on symbolic tensors gives symbolic tensors and notes the call."""

    @wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        try:  # and look for symbolic tensors, which no op can compute with, only if it fails:
            return function(*args, **kwargs)  # so the others pay next to nothing
        except Exception:
            if not found(*args, *kwargs.values()):
                raise
        return _symbolic(name, args, kwargs)

    _OPS[name] = either
    return either


_NESTS = frozenset({list, tuple, dict})


def found(*values: Any) -> bool:
    """Whether there is a symbolic tensor among the values or in the nests among them."""
    for value in values:
        kind = type(value)
        if kind is SymbolicTensor:
            return True
        if kind in _NESTS and found(*(value.values() if kind is dict else value)):
            return True
    return False


def leaves(*values: Any) -> Iterator[SymbolicTensor]:
    """The symbolic tensors among the values and in the nests among them, in order."""
    return (leaf for leaf in tree.flatten(values) if type(leaf) is SymbolicTensor)


def _symbolic(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "convert_to_tensor":
        return args[0] if len(args) == 1 and not kwargs else _OPS["cast"](*args, **kwargs)
    return connect(Operation(name), args, kwargs)


def connect(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a layer or op on symbolic tensors: gives symbolic outputs, and notes the call."""
    outputs = operation.compute_output_spec(*args, **kwargs)
    if outputs is None:
        raise ValueError(f"{operation.name!r} returned None when called: its call lacks a return.")
    Node(operation, args, kwargs, outputs)
    return outputs


# shapes -------------------------------------------------------------------------------------------

# Lengths to try for the axes that are None; large ones where a kernel would not fit into small.
_TRIALS = ((2, 3), (13, 17))


def infer(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The outputs of `function` as symbolic tensors, from calls on small arrays.

    An axis is None if it differs between calls with different lengths for the axes that are None.
    What is no tensor among the outputs is given as it is.
    """
    if not any(None in t.shape for t in leaves(args, kwargs)):
        return tree.map(lambda y: _spec(y, y), _try(function, args, kwargs, 0))
    error = None
    for lengths in _TRIALS:
        try:
            first, second = (_try(function, args, kwargs, n) for n in lengths)
        except Exception as raised:
            error = error or raised
            continue
        pairs = zip(tree.flatten(first), tree.flatten(second), strict=True)
        specs = [_spec(a, b) for a, b in pairs]
        if not any(0 in s.shape for s in specs if type(s) is SymbolicTensor):
            return tree.pack_as(first, specs)
    if error is not None:
        raise error
    return tree.pack_as(first, specs)


def _try(function: Callable[..., Any], args: Any, kwargs: Any, n: int) -> Any:
    def small(leaf: Any) -> Any:
        return _example(leaf, n) if type(leaf) is SymbolicTensor else leaf

    given = tree.flatten((args, kwargs))
    shapes = [_length(leaf.shape, n) for leaf in given if type(leaf) is SymbolicTensor]
    trials.check(function, shapes, [leaf for leaf in given if type(leaf) is not SymbolicTensor])
    with np.errstate(all="ignore"):
        return function(*tree.map(small, args), **tree.map(small, kwargs))


def _length(shape: Sequence[int | None], n: int) -> tuple[int, ...]:
    return tuple(n if d is None else d for d in shape)


def _example(x: SymbolicTensor, n: int) -> Any:
    """A tensor of such a shape, n where it has None. Matrices can be inverted."""
    shape = _length(x.shape, n)
    value = np.zeros(shape, np.float32 if dtypes.is_float(x.dtype) else x.dtype)
    if dtypes.is_float(x.dtype):
        value[...] = np.eye(*shape[-2:]) if len(shape) > 1 else 1.0
    return registry.active().tensor(value, x.dtype)


def _spec(first: Any, second: Any) -> Any:
    if not hasattr(first, "shape"):
        return first
    shape = (a if a == b else None for a, b in zip(first.shape, second.shape, strict=True))
    return SymbolicTensor(shape, dtypes.name(first.dtype))


def _operator(name: str, reverse: bool = False) -> Callable[..., Any]:
    def method(self: SymbolicTensor, *other: Any) -> Any:
        return _OPS[name](*other, self) if reverse else _OPS[name](self, *other)

    return method


_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "pow": "power",
    "matmul": "matmul", "floordiv": "floor_divide", "mod": "mod", "and": "logical_and",
    "or": "logical_or", "xor": "logical_xor",
}  # fmt: skip
for _symbol, _name in _BINARY.items():
    setattr(SymbolicTensor, f"__{_symbol}__", _operator(_name))
    setattr(SymbolicTensor, f"__r{_symbol}__", _operator(_name, reverse=True))
for _symbol, _name in {
    "neg": "negative", "abs": "absolute", "invert": "logical_not", "getitem": "get_item",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "ne": "not_equal",
}.items():  # fmt: skip
    setattr(SymbolicTensor, f"__{_symbol}__", _operator(_name))
