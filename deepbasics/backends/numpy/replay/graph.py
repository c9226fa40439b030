"""A recorded step as a list of calls, and what can be left out of it.

Every rewrite here leaves each bit of each result as it was.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from deepbasics.backends.numpy.trace import RULES, Rule, Trace, Traced, tracing

COUNT = Rule("count", np.count_nonzero)
CELL = Rule("cell", lambda x: x.reshape(()), kind="view")  # the one element, as an operand


def _spread(x: np.ndarray, shape: tuple[int, ...], out: np.ndarray) -> np.ndarray:
    out[...] = x
    return out


SPREAD = Rule("spread", _spread, kind="out")
SMALL = 16384  # elements up to which a ufunc is faster on operands of one shape


class Call:
    """One primitive call, or a leaf ("input", "variable", "constant").

    `args` are Calls, arrays or Python scalars. A call with several results has `shape` None, and
    an "item" call for each result that is used. `axes` is the order of the axes in memory, if that
    is not their own: a replay keeps to it, since the order of a sum depends on it. `repeated` are
    the axes along which a view shows the same memory again.
    """

    __slots__ = (
        "args",
        "axes",
        "dtype",
        "kwargs",
        "op",
        "place",
        "repeated",
        "rule",
        "shape",
        "value",
    )

    def __init__(
        self,
        op: str,
        rule: Rule | None = None,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        like: Any = None,
        place: str = "",
    ) -> None:
        self.op, self.rule, self.args, self.kwargs = op, rule, list(args), kwargs or {}
        several = like is None or type(like) is tuple
        self.shape = None if several else tuple(np.shape(like))
        self.dtype = None if several else like.dtype
        self.axes = None if several else _axes_in_memory(like)
        self.repeated = () if several else _repeated_axes(like)
        self.place = place
        self.value: Any = None  # of a constant

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def is_scalar(self) -> bool:
        """Whether it has no axes: such a value lives in a Python variable, not in a buffer."""
        return self.shape == ()

    def inputs(self) -> Iterator["Call"]:
        """The arguments that are Calls."""
        return (a for a in self.args if type(a) is Call)

    def __repr__(self) -> str:
        return f"<{self.op} {self.shape} {self.dtype} {self.place}>"


def _axes_in_memory(array: Any) -> tuple[int, ...] | None:
    if np.ndim(array) < 2 or array.flags.c_contiguous:
        return None
    return tuple(sorted(range(array.ndim), key=lambda i: -abs(array.strides[i])))


def _repeated_axes(array: Any) -> tuple[int, ...]:
    """The axes along which an array is the same memory again and again."""
    if np.ndim(array) == 0 or array.flags.c_contiguous:
        return ()
    return tuple(i for i, n in enumerate(array.shape) if n > 1 and array.strides[i] == 0)


def empty(shape: tuple[int, ...], dtype: Any, axes: tuple[int, ...] | None) -> np.ndarray:
    """A new array whose axes lie in memory in the order `axes`."""
    if axes is None:
        return np.empty(shape, dtype)
    return np.empty([shape[i] for i in axes], dtype).transpose(np.argsort(axes))


class Graph:
    """The calls of a step in order, the writes at its end, and what it returns.

    `result` is a nest; its leaves are Calls or plain values.
    """

    def __init__(
        self,
        inputs: list[Call | None],
        calls: list[Call],
        writes: list[tuple[Any, Call]],
        result: Any,
    ) -> None:
        self.inputs, self.calls, self.writes, self.result = inputs, calls, writes, result

    def returned(self) -> list[Call]:
        """The Calls in `result`."""
        return [leaf for leaf in leaves(self.result) if type(leaf) is Call]


def leaves(nest: Any) -> list[Any]:
    """The leaves of a nest of tuples, lists and dicts."""
    if isinstance(nest, dict):
        return [leaf for v in nest.values() for leaf in leaves(v)]
    if isinstance(nest, (tuple, list)):
        return [leaf for v in nest for leaf in leaves(v)]
    return [nest]


def replace(nest: Any, by: Callable[[Any], Any]) -> Any:
    """A nest of the same form with `by` of each leaf."""
    if isinstance(nest, dict):
        return {k: replace(v, by) for k, v in nest.items()}
    if isinstance(nest, (tuple, list)):
        parts = [replace(v, by) for v in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return by(nest)


def record(trace: Trace, inputs: Sequence[Traced | None], result: Any) -> Graph:
    """The graph of a trace; it keeps shapes and constants, no values."""
    made: dict[Traced, Call] = {}

    def known(x: Any) -> Any:
        return made[x] if type(x) is Traced else x

    for node in trace.nodes:
        args = [known(a) for a in node.args]
        call = Call(node.op, node.rule, args, node.kwargs, node.value, node.place)
        if node.op == "constant":
            call.value = np.array(node.value)
        made[node] = call
    writes = [(variable, made[t]) for variable, t in trace.writes]
    graph = Graph(
        [None if t is None else made[t] for t in inputs],
        list(made.values()),
        writes,
        replace(result, known),
    )
    return simplify(graph)


def simplify(graph: Graph) -> Graph:
    """Composites opened, equal calls shared, calls without effect and dead calls removed."""
    calls: list[Call] = []
    same: dict[Any, Call] = {}
    now: dict[Call, Call] = {}

    def enter(call: Call) -> Call:
        counted = _counted(call)
        if counted is not None:
            count = enter(Call("count", COUNT, [counted], {}, np.int64(0), call.place))
            dtype = {"dtype": call.dtype.name}
            call = Call("cast", RULES["cast"], [count], dtype, call.dtype.type(0), call.place)
        found = _plainer(call, enter)
        if found is not call:
            return found
        if call.op in ("input", "constant"):
            calls.append(call)
            return call
        kept = same.setdefault(_key(call), call)
        if kept is call:
            calls.append(call)
        return kept

    for call in graph.calls:
        call.args = [now[a] if type(a) is Call else a for a in call.args]
        if call.rule is not None and call.rule.kind == "composite":
            now[call] = _opened(call, enter)
        else:
            now[call] = enter(call)
    graph.calls = calls
    graph.writes = _last_writes([(v, now[c]) for v, c in graph.writes])
    graph.result = replace(graph.result, lambda x: now[x] if type(x) is Call else x)
    _remove_dead(graph)
    return graph


def _opened(call: Call, enter: Callable[[Call], Call]) -> Call:
    """The calls that a composite is made of, recorded on values that do not matter."""
    with tracing(apart=True) as (trace, _), np.errstate(all="ignore"):
        outer = {trace.leaf(_ones(a), "input"): a for a in dict.fromkeys(call.inputs())}
        inner = {a: t for t, a in outer.items()}
        args = [inner[a] if type(a) is Call else a for a in call.args]
        result = call.rule.forward(*args, **call.kwargs)
        nodes = list(trace.nodes)
    now: dict[Traced, Call] = dict(outer)
    for node in nodes:
        if node in now:
            continue
        args = [now[a] if type(a) is Traced else a for a in node.args]
        part = Call(node.op, node.rule, args, node.kwargs, node.value, call.place)
        opens = node.rule is not None and node.rule.kind == "composite"
        now[node] = _opened(part, enter) if opens else enter(part)
    return now[result]


def _ones(call: Call) -> Any:
    """A stand-in for a value, laid out as that is: what NumPy makes of it, it lays out likewise."""
    own = tuple(1 if i in call.repeated else n for i, n in enumerate(call.shape))
    array = empty(own, call.dtype, call.axes)
    array[...] = 1
    return np.broadcast_to(array, call.shape) if call.repeated else array[()]


def _key(call: Call) -> Any:
    args = tuple(
        id(a) if type(a) is Call or isinstance(a, np.ndarray) else (type(a), repr(a))
        for a in call.args
    )
    return (call.op, args, repr(call.kwargs), id(call.kwargs.get("variable")))


def _plainer(call: Call, enter: Callable[[Call], Call]) -> Call:
    """A call that is there already and has the same value, or `call` with plainer arguments."""
    if call.op in ("identity", "stop_gradient"):
        return call.args[0]
    first = call.args[0] if call.args and type(call.args[0]) is Call else None
    if call.op in ("reshape", "broadcast_to", "cast") and _alike(first, call):
        return first
    if call.op == "reshape" and first is not None and first.op == "reshape":
        inner = first.args[0]
        if type(inner) is Call and inner.axes is None:  # else the first reshape may turn the axes
            call.args[0] = inner
    if call.op == "transpose" and call.kwargs["axes"] == tuple(range(len(call.shape))):
        return first
    if call.rule is not None and isinstance(call.rule.forward, np.ufunc) and len(call.args) == 2:
        left, right = call.args
        left = _narrow(left, right, call)  # one of them keeps the shape of the result
        call.args = [left, _narrow(right, left, call)]
        call.args = [_in_one_shape(arg, call, enter) for arg in call.args]
        if call.op in ("multiply", "divide"):
            for a, other in (call.args, call.args[::-1]):
                may_go = a is call.args[0] or call.op == "multiply"
                if _is_one(other) and may_go and _alike(a, call):
                    return a
    return call


def _alike(a: Any, call: Call) -> bool:
    return type(a) is Call and (a.shape, a.dtype) == (call.shape, call.dtype)


def _counted(call: Call) -> Call | None:
    """The truth values that a sum counts: those are counted faster, and exactly."""
    if call.op != "sum" or not call.is_scalar or call.dtype.kind != "f":
        return None
    (arg,) = call.args
    while type(arg) is Call and arg.op == "reshape":
        arg = arg.args[0]
    if type(arg) is not Call or arg.op != "cast" or arg.size > 2**24:  # float32 counts so far
        return None
    truth = arg.args[0]
    exact = call.dtype.itemsize >= 4
    return truth if type(truth) is Call and truth.dtype.kind == "b" and exact else None


def _is_one(x: Any) -> bool:
    return type(x) in (int, float, bool) and x == 1


def _narrow(arg: Any, other: Any, call: Call) -> Any:
    """A constant array of one value as a Python scalar, a spread-out scalar as the scalar.

    Only where the shape, the dtype and the layout of the result come from the other argument.
    """
    if type(other) is not Call or (other.shape, other.axes) != (call.shape, call.axes):
        return arg
    if isinstance(arg, np.ndarray) and arg.dtype == other.dtype and arg.size:
        one = arg.flat[0]
        if arg.dtype.kind == "f" and arg.tobytes() == one.tobytes() * arg.size:
            return float(one)
    while type(arg) is Call and arg.op == "broadcast_to":
        arg = arg.args[0]
    return arg


def _in_one_shape(arg: Any, call: Call, enter: Callable[[Call], Call]) -> Any:
    """An operand as large as the result, or without axes: others cost NumPy an iterator."""
    if type(arg) is not Call or arg.shape in ((), call.shape) or call.axes or not call.size:
        return arg
    if arg.size == 1:
        return enter(Call("cell", CELL, [arg], {}, arg.dtype.type(0), call.place))
    if call.size > SMALL or (arg.size == call.size and arg.axes):
        return arg
    if arg.size == call.size:
        like = np.empty(call.shape, arg.dtype)
        shape = {"shape": call.shape}
        return enter(Call("reshape", RULES["reshape"], [arg], shape, like, call.place))
    like = np.broadcast_to(np.empty((), arg.dtype), call.shape)
    spread = Call("spread", SPREAD, [arg], {"shape": call.shape}, like, call.place)
    spread.axes, spread.repeated = None, ()
    return enter(spread)


def _last_writes(writes: list[tuple[Any, Call]]) -> list[tuple[Any, Call]]:
    """Without the writes that a later one to the same Variable makes good."""
    last = {variable: i for i, (variable, _) in enumerate(writes)}
    return [w for i, w in enumerate(writes) if last[w[0]] == i]


def _remove_dead(graph: Graph) -> None:
    alive = {c for _, c in graph.writes} | set(graph.returned())
    for call in reversed(graph.calls):
        if call in alive:
            alive.update(call.inputs())
    graph.calls = [c for c in graph.calls if c in alive]
