"""Recording: an array that remembers which primitive call made it, and the trace it belongs to.

Without a trace, ops run on plain arrays and nothing is remembered. Inside a trace the leaves
(inputs of a step, Variables that are read, arguments that are differentiated) are `Traced`, and
every primitive call on a `Traced` gives a `Traced` that keeps the call. The calls in order of
`index` are the program; followed backwards they are the tape of `autodiff`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepbasics import naming
from deepbasics.operand import Operand

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Rule:
    """One primitive: its value, and one vjp per array argument.

    `vjps[i](g, y, *args, **kwargs)` is the cotangent of argument i, given the cotangent `g` of the
    result `y`; None means not differentiable. `joint` replaces `vjps` where the cotangents share
    work: it returns them all. `kind` says how the forward treats memory: "ufunc" writes `out=` and
    may write over an argument, "out" writes `out=` into fresh memory, "view" returns a view of its
    first argument where it can, "plain" allocates, "composite" is written in primitives, into which
    a replay opens it.
    """

    name: str
    forward: Callable[..., Any]
    vjps: tuple[Callable[..., Any] | None, ...] = ()
    joint: Callable[..., tuple[Any, ...]] | None = None
    kind: str = "plain"
    domain: tuple[float, float] = (-2.0, 2.0)
    analytic: bool = True
    test: bool = True


RULES: dict[str, Rule] = {}
_active: ContextVar["Trace | None"] = ContextVar("trace", default=None)


class Trace:
    """One recording: its calls in order, the Variables it read and the writes it holds back."""

    def __init__(self, recording: bool = False) -> None:
        self.recording = recording
        self.nodes: list[Traced] = []
        self.current: dict[Any, Traced] = {}  # what each Variable holds at this point of the trace
        self.leaves: dict[Any, Traced] = {}  # what each Variable held when it was first read
        self.writes: list[tuple[Any, Any]] = []
        self.obstacle: str | None = None

    def leaf(self, value: Array, op: str, **kwargs: Any) -> "Traced":
        """A node without a past: an input, a Variable, an argument to differentiate."""
        return Traced(value, op, None, (), kwargs, self)

    def read(self, variable: Any) -> "Traced":
        """The value of a Variable at this point of the trace."""
        node = self.current.get(variable)
        if node is None:
            node = self.current[variable] = self._first_read(variable)
        return node

    def fresh(self, variables: Sequence[Any]) -> list["Traced"]:
        """The values of Variables, as nodes that nothing has been computed from."""
        first = len(self.nodes)
        read = [self.read(v) for v in variables]
        return [n if n.index >= first else apply("identity", (n,), {}) for n in read]

    def _first_read(self, variable: Any) -> "Traced":
        """From storage, with the writes held back that share it: a view reads its flat Variable."""
        written = [(v, x) for v, x in self.writes if v is variable or v.overlaps(variable)]
        home = variable.home
        if written and home is not None:
            flat = self.read(home.flat)
            return flat[home.offset : home.offset + variable.size].reshape(variable.shape)
        if variable not in self.leaves:
            self.leaves[variable] = self.leaf(variable.data, "variable", variable=variable)
        node = self.leaves[variable]
        for view, value in written:
            node = value if view is variable else _replaced(node, view.home.offset, value)
        return node

    def write(self, variable: Any, value: Any) -> None:
        """Hold back `variable.data[...] = value` until the trace ends."""
        for other in [v for v in self.current if v.overlaps(variable)]:
            del self.current[other]
        if not isinstance(value, Traced):
            value = self.leaf(np.asarray(value), "constant")
        self.writes.append((variable, value))
        self.current[variable] = value

    @contextmanager
    def standing(self, nodes: dict[Any, "Traced"]) -> Iterator[None]:
        """For the block, let a node be what each Variable holds."""
        before = {v: self.current.get(v) for v in nodes}
        self.current |= nodes
        try:
            yield
        finally:
            for v, node in nodes.items():
                if self.current.get(v) is node:  # not written since
                    del self.current[v]
                    if before[v] is not None:
                        self.current[v] = before[v]

    def commit(self) -> None:
        """Carry the writes out, in order."""
        values = [(v, np.array(t.value) if _stored(t) else t.value) for v, t in self.writes]
        for variable, value in values:
            np.copyto(variable.data, value, casting="same_kind")


def _replaced(flat: "Traced", offset: int, part: "Traced") -> Any:
    """A flat tensor with a part of it replaced."""
    pieces = (flat[:offset], part, flat[offset + part.size :])
    return apply("pack", tuple(piece for piece in pieces if piece.size), {})


def _stored(node: "Traced") -> bool:
    """Whether the value lies in the storage of a Variable, where a write could change it."""
    while node.rule is not None and node.rule.kind == "view":
        node = node.args[0]
    return node.op == "variable"


class Traced(Operand):
    """An array with its past; it has operators, indexing, `shape`, `ndim`, `dtype` and `T`."""

    __slots__ = ("__weakref__", "args", "index", "kwargs", "op", "place", "rule", "trace", "value")

    def __init__(
        self,
        value: Any,
        op: str,
        rule: Rule | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        trace: Trace,
    ) -> None:
        self.value, self.op, self.rule, self.args, self.kwargs = value, op, rule, args, kwargs
        self.trace, self.place = trace, naming.place.get()
        self.index = len(trace.nodes)
        trace.nodes.append(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the value."""
        return self.value.dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    def peek(self, how: str) -> Array:
        """The value, for code outside the trace; a step that does this cannot be replayed."""
        if self.trace.recording and self.trace.obstacle is None:
            self.trace.obstacle = f"{how} looks at the value of a tensor made by {self.op!r}"
        return self.value

    def numpy(self) -> Array:
        """The value as a NumPy array."""
        return self.peek("numpy()")

    def item(self) -> Any:
        """The value as a Python scalar."""
        return self.peek("item()").item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.peek("conversion to an array"), dtype=dtype)

    def __bool__(self) -> bool:
        return bool(self.peek("a Python branch (bool)"))

    def __float__(self) -> float:
        return float(self.peek("float()"))

    def __int__(self) -> int:
        return int(self.peek("int()"))

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"<traced {self.op} shape={self.shape} dtype={self.dtype}>"

    def __iter__(self) -> Iterator["Traced"]:
        return (self[i] for i in range(len(self.value)))

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"A tensor has no {name!r} on every backend: write ops.{name}(x), which is for all."
        )


def active() -> Trace | None:
    """The trace in progress, or None."""
    return _active.get()


@contextmanager
def tracing(recording: bool = False, apart: bool = False) -> Iterator[tuple[Trace, bool]]:
    """Join the trace in progress, or begin one: gives (trace, whether it is new).

    A new trace carries its writes out when the block ends without an error; after an error it
    leaves all as it was. One that is `apart` stands alone, and never writes.
    """
    trace = _active.get()
    if trace is not None and not apart:
        yield trace, False
        return
    trace = Trace(recording)
    token = _active.set(trace)
    try:
        yield trace, True
        if not apart:
            trace.commit()
    finally:
        _active.reset(token)
        trace.nodes = []  # breaks the cycle; whoever replays the trace has taken the list


def apply(op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the primitive `op`; remembered if an argument belongs to the trace in progress."""
    rule = RULES[op]
    trace = _active.get()
    values = [a.value if type(a) is Traced else a for a in args]
    value = rule.forward(*values, **kwargs)
    if trace is None or not any(type(a) is Traced and a.trace is trace for a in args):
        return value
    if any(type(a) is Traced and a.trace is not trace for a in args):
        if trace.recording and trace.obstacle is None:
            trace.obstacle = f"{op!r} uses a tensor kept from an earlier step"
        args = tuple(a.value if type(a) is Traced and a.trace is not trace else a for a in args)
    node = Traced(value, op, rule, args, kwargs, trace)
    if type(value) is not tuple:
        return node
    node.value = tuple(
        Traced(v, "item", None, (node,), {"i": i}, trace) for i, v in enumerate(value)
    )
    return node.value


def primitive(
    name: str,
    forward: Callable[..., Any],
    *vjps: Callable[..., Any] | None,
    kind: str | None = None,
    **settings: Any,
) -> Callable[..., Any]:
    """Enter a row in the op table; returns the function that calls it, for use in vjps."""
    if kind is None:
        kind = "ufunc" if isinstance(forward, np.ufunc) else "plain"
    RULES[name] = Rule(name, forward, vjps, kind=kind, **settings)

    def call(*args: Any, **kwargs: Any) -> Any:
        return apply(name, args, kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def kept(x: Any) -> Any:
    """The plain array of a tensor, a copy where a later write would change it."""
    return np.array(x.value)[()] if type(x) is Traced and _stored(x) else unwrap(x)


def unwrap(x: Any) -> Any:
    """The plain array of a tensor, without marking the step as looking at it."""
    return x.value if type(x) is Traced else x
