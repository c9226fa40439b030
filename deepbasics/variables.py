"""Variables: all state (weights, slots, totals, counters), updated in place."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from deepbasics import config, dtypes
from deepbasics.backends import registry
from deepbasics.operand import Operand

# What takes the place of an initializer while a file is read: it has a limit, and may give zeros.
stand_in: ContextVar[Callable[..., Any] | None] = ContextVar("stand_in", default=None)
_computing: ContextVar[str | None] = ContextVar("computing", default=None)


@contextmanager
def autocast(dtype: str | None) -> Iterator[None]:
    """Inside, float Variables read as `dtype` (None: their own), unless `autocast` is False."""
    token = _computing.set(dtype)
    try:
        yield
    finally:
        _computing.reset(token)


class Home(NamedTuple):
    """Where in a flat Variable another one lives."""

    flat: "Variable"
    offset: int


class Variable(Operand):
    """A tensor that lives on a backend and is updated in place.

    Args:
        initializer: an array or scalar, or a callable `(shape, dtype) -> array`.
        shape: needed with a callable.
        dtype: default: floatx for floats, int64 for ints.
        trainable: whether an optimizer should update it.
        name: shown in errors and files; `path` is the name with that of its layer in front.

    May stand in place of a tensor in any op. Reads and writes inside a recorded step become part of
    the recording.

    >>> v = Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0])
    >>> v.numpy()
    array([2., 3.], dtype=float32)
    """

    moves = 0  # how often storage changed place or a layer froze: what was recorded may be stale

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        if isinstance(initializer, Callable):
            dtype = dtypes.name(dtype or config.floatx())
            replace = stand_in.get()
            initializer = initializer if replace is None else replace(initializer)
            value = np.asarray(initializer(tuple(shape or ()), dtype=dtype))
        else:
            value = initializer.numpy() if isinstance(initializer, Variable) else initializer
            value = registry.active().numpy(value)
        self.dtype = dtypes.name(dtype) if dtype else _default_dtype(value)
        self.shape: tuple[int, ...] = tuple(value.shape)
        self.size = math.prod(self.shape)
        self.trainable = trainable
        self.name = name or "variable"
        self.path = self.name
        self.home: Home | None = None
        self.backend = registry.active()
        self.data = self.backend.allocate(value, self.dtype)
        self.autocast = True
        self.regularizer: Any = None
        self.constraint: Any = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def value(self) -> Any:
        """The value as a tensor of the backend: the storage itself, which later writes change.

        To keep it across a write, take `variable + 0`, or `numpy()` for a copy on the host. In a
        step that the NumPy backend records it is the value at this point of the step.
        """
        value, low = self.backend.read(self), _computing.get()
        if low is None or not self.autocast or self.dtype not in dtypes.FLOATS:
            return value
        return self.backend.tensor(value, low)

    def numpy(self) -> np.ndarray:
        """A copy of the value as a NumPy array."""
        return np.array(self.backend.numpy(self.backend.read(self)))

    def assign(self, value: Any) -> None:
        """Set the value in place. Raises ValueError if the shape differs."""
        value = value.value if isinstance(value, Variable) else value
        value = self.backend.tensor(value, self.dtype)
        if tuple(value.shape) != self.shape:
            raise ValueError(
                f"Variable {self.path!r} has shape {self.shape}; it cannot take a value of shape "
                f"{tuple(value.shape)}."
            )
        self.backend.write(self, value)

    def assign_add(self, value: Any) -> None:
        """Add to the value in place."""
        self._write("add", value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the value in place."""
        self._write("subtract", value)

    def _write(self, op: str, value: Any) -> None:
        new = self.backend.apply(op, (self.backend.read(self), self._like(value)), {})
        self.backend.write(self, new)

    def _like(self, value: Any) -> Any:
        value = value.value if isinstance(value, Variable) else value
        return value if type(value) is int else self.backend.tensor(value, self.dtype)

    def rehome(self, flat: "Variable", offset: int) -> None:
        """Move the storage into `flat`, from `offset` on; the value goes along."""
        value = self.numpy()
        Variable.moves += 1
        self.data = self.backend.view(flat.data, offset, self.shape)
        self.home = Home(flat, offset)
        self.assign(value)

    def overlaps(self, other: "Variable") -> bool:
        """Whether the two are distinct and share storage."""
        if self is other:
            return False
        if self.home is None or other.home is None:
            flat, view = (self, other) if other.home else (other, self)
            return view.home is not None and view.home.flat is flat
        if self.home.flat is not other.home.flat:
            return False
        a, b = self.home.offset, other.home.offset
        return a < b + other.size and b < a + self.size

    def to(self, backend: Any) -> None:
        """Move to another backend; a view keeps to its flat Variable, which must be moved first."""
        value = self.numpy()
        Variable.moves += 1
        self.backend = backend
        if self.home is None:
            self.data = backend.allocate(value, self.dtype)
        else:
            self.data = backend.view(self.home.flat.data, self.home.offset, self.shape)

    def __repr__(self) -> str:
        return f"<Variable {self.path} shape={self.shape} dtype={self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self.numpy()
        return value if dtype is None else value.astype(dtype)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    __hash__ = object.__hash__


def gradients(
    function: Callable[[], Any], variables: Sequence[Variable], has_aux: bool = False
) -> tuple[Any, list[Any]]:
    """(`function()`, its gradient by each Variable, None by one that it does not depend on).

    The function takes nothing and gives a scalar tensor, or (scalar, aux) with `has_aux`. For a
    `train_step` of your own: `optimizer.apply(gradients, variables)` makes the update.

    >>> v = Variable([1.0, 2.0])
    >>> value, (gradient,) = gradients(lambda: (v[0] * v[1]), [v])
    >>> float(value), gradient
    (2.0, array([2., 1.], dtype=float32))
    """

    def pair() -> tuple[Any, Any]:
        found = function()
        return found if has_aux else (found, None)

    value, aux, found = registry.active().gradients(pair, list(variables))
    return ((value, aux) if has_aux else value), found


def _default_dtype(value: np.ndarray) -> str:
    if value.dtype.kind == "f":
        return config.floatx()
    return "int64" if value.dtype.kind in "iu" else value.dtype.name


def _operator(name: str, reverse: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Variable, other: Any) -> Any:
        from deepbasics import ops

        call = getattr(ops, name)
        return call(other, self) if reverse else call(self, other)

    return method


for _symbol, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power",
    "matmul": "matmul", "floordiv": "floor_divide", "mod": "mod",
}.items():  # fmt: skip
    setattr(Variable, f"__{_symbol}__", _operator(_name))
    setattr(Variable, f"__r{_symbol}__", _operator(_name, reverse=True))
Variable.__neg__ = lambda self: -self.value
