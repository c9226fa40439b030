"""The NumPy backend: tensors are arrays; inside a trace, traced arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deepbasics import dtypes, tree
from deepbasics.backends.numpy import rules, trace
from deepbasics.backends.numpy.autodiff import backward
from deepbasics.backends.numpy.replay import Step
from deepbasics.backends.numpy.trace import Traced, unwrap
from deepbasics.errors import BackendUnavailable

assert rules  # importing the families fills the op table


class NumpyBackend:
    """Runs on NumPy alone, on the CPU."""

    name = "numpy"
    rules = trace.RULES

    def __init__(self, device: str | None = None) -> None:
        if device not in (None, "cpu"):
            raise BackendUnavailable(
                f'Backend "numpy" runs on "cpu" alone, not on {device!r}. '
                "For a GPU set DEEPBASICS_BACKEND=torch."
            )
        self.device = "cpu"

    def __repr__(self) -> str:
        return "<backend numpy on cpu>"

    @staticmethod
    def devices() -> list[str]:
        """The usable devices: the CPU."""
        return ["cpu"]

    apply = staticmethod(trace.apply)

    def tensor(self, value: Any, dtype: str | None = None) -> Any:
        """An array (or the traced array itself), cast to `dtype` if it differs."""
        if type(value) is Traced:
            return value if dtype in (None, value.dtype.name) else self._cast(value, dtype)
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fiub":
            value = as_array(value)
        if dtype is None or value.dtype.name == dtype:
            return value
        return value.astype(dtype)

    @staticmethod
    def _cast(value: Traced, dtype: str) -> Any:
        return trace.apply("cast", (value,), {"dtype": dtype})

    def numpy(self, tensor: Any) -> np.ndarray:
        """The array itself; in a recorded step this makes the step unrecordable."""
        if type(tensor) is Traced:
            return tensor.numpy()
        return as_array(tensor)

    def is_tensor(self, value: Any) -> bool:
        """Whether it is an array or a traced array."""
        return isinstance(value, (np.ndarray, np.generic, Traced))

    def dtype(self, tensor: Any) -> str:
        """The name of the tensor's dtype."""
        return tensor.dtype.name

    def allocate(self, value: np.ndarray, dtype: str) -> np.ndarray:
        """A contiguous copy."""
        return np.array(value, dtype=dtype, order="C")

    def view(self, data: np.ndarray, offset: int, shape: tuple[int, ...]) -> np.ndarray:
        """A view of a flat array."""
        return data[offset : offset + int(np.prod(shape, dtype=int))].reshape(shape)

    def read(self, variable: Any) -> Any:
        """The storage itself, or its place in the trace in progress."""
        current = trace.active()
        return variable.data if current is None else current.read(variable)

    def write(self, variable: Any, value: Any) -> None:
        """Copy into the storage now, or at the end of the trace in progress."""
        current = trace.active()
        if current is None:
            np.copyto(variable.data, unwrap(value), casting="same_kind")
        else:
            current.write(variable, value)

    def gradients(
        self, fn: Callable[[], tuple[Any, Any]], variables: Sequence[Any]
    ) -> tuple[Any, Any, list[Any]]:
        """See `protocol.Backend`."""
        with trace.tracing() as (current, new):
            leaves = current.fresh(variables)
            with current.standing(dict(zip(variables, leaves, strict=True))):
                output, aux = fn()
            grads = _backward(output, leaves)
        return _plain((output, aux, grads)) if new else (output, aux, grads)

    def differentiate(
        self,
        fn: Callable[..., tuple[Any, Any]],
        args: Sequence[Any],
        cotangent: Any = None,
        variables: Mapping[Any, int] = {},
    ) -> tuple[Any, Any, list[Any]]:
        """See `protocol.Backend`."""
        with trace.tracing() as (current, new):
            leaves = [
                # a node of its own, so that the same tensor used outside `fn` is not counted in
                trace.apply("identity", (a,), {})
                if type(a) is Traced
                else current.leaf(np.asarray(a), "input")
                for a in args
            ]
            with current.standing({v: leaves[i] for v, i in variables.items()}):
                output, aux = fn(*leaves)
            grads = [
                np.zeros(leaf.shape, leaf.dtype) if g is None else g
                for leaf, g in zip(leaves, _backward(output, leaves, cotangent), strict=True)
            ]
        return _plain((output, aux, grads)) if new else (output, aux, grads)

    def step(
        self, fn: Callable[..., Any], *, eager: bool = False, compiled: bool = False
    ) -> Callable[..., Any]:
        """`fn` in one trace, so that its writes happen together at the end or not at all; replayed
        for arrays of shapes seen before, unless `eager`. There is no compiler here.
        """
        return Step(fn, eager)

    def feed(self, arrays: Sequence[np.ndarray]) -> "Feed":
        """See `protocol.Backend`."""
        return Feed(arrays)

    def unrecordable(self, reason: str) -> None:
        """Note the first reason why the step in progress cannot be replayed."""
        current = trace.active()
        if current is not None and current.obstacle is None:
            current.obstacle = reason


class Feed:
    """Rows of arrays in the order of an epoch; a batch is valid until the next one."""

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self._arrays = list(arrays)
        self._order: np.ndarray | None = None
        self._buffers: dict[int, Any] = {}  # by the number of rows: ([(take, buffer)], buffers)

    def order(self, order: np.ndarray | None) -> None:
        """Set the order of the rows; None is their own."""
        self._order = order

    def batch(self, start: int, stop: int) -> tuple[np.ndarray, ...]:
        """The rows from `start` to `stop` in that order."""
        if self._order is None:
            return tuple([a[start:stop] for a in self._arrays])
        indices = self._order[start:stop]
        gathered, batch = self._buffers.get(stop - start) or self._new(len(indices))
        for take, out in gathered:
            take(indices, 0, out, "clip")  # "raise" would go through a buffer of its own
        return batch

    def _new(self, rows: int) -> Any:
        batch = tuple([np.empty((rows, *a.shape[1:]), a.dtype) for a in self._arrays])
        takes = [(a.take, out) for a, out in zip(self._arrays, batch, strict=True)]
        self._buffers[rows] = takes, batch
        return takes, batch


def as_array(value: Any) -> np.ndarray:
    """An array of numbers from an array-like, a Variable or another library's tensor.

    Python floats become floatx. Raises TypeError for strings, objects and ragged lists.
    """
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"Cannot make a tensor of {type(value).__name__}: {error}") from None
    if value is None:
        raise TypeError(
            "Cannot make a tensor of NoneType: is it from a function that lacks its return, or a "
            "weight that is made only when its layer is built?"
        )
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"Cannot make a tensor of {type(value).__name__} with dtype {array.dtype}; "
            "it must hold numbers or bools. Convert it first, e.g. x.astype('float32')."
        )
    if array.dtype == np.float64 and not hasattr(value, "dtype"):
        return array.astype(dtypes.name(float))
    return array


def _backward(output: Any, leaves: Sequence[Traced], cotangent: Any = None) -> list[Any]:
    if type(output) is not Traced:
        return [None] * len(leaves)
    if cotangent is None and output.size != 1:
        raise ValueError(
            f"A gradient needs a scalar; the function returned shape {output.shape}. "
            "Reduce it, e.g. with ops.mean or ops.sum."
        )
    return backward(output, leaves, cotangent)


def _plain(nest: Any) -> Any:
    """A nest of tuples, lists and dicts with its tensors as plain arrays."""
    return tree.map(unwrap, nest)
