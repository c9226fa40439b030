"""Where each result of a graph lives: buffers made once, in place where an argument has been used
for the last time, gradients side by side, new weights straight in their Variable.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepbasics.backends.numpy.replay.code import Names, expression
from deepbasics.backends.numpy.replay.graph import Call, Graph, empty, replace


@dataclass(eq=False)
class Place:
    """What a call is in the source: its name and, if it is bound once, the array itself."""

    name: str
    array: np.ndarray | None = None  # None: made anew in each step
    memory: "Memory | None" = None
    whole: bool = False  # whether the array is all of its memory, in order


@dataclass(eq=False)
class Memory:
    """A buffer of the plan; `name` is that of the first array that lived in it."""

    name: str
    array: np.ndarray
    pooled: bool = True


@dataclass(eq=False)
class Line:
    """One line of the step, and the call that it carries out."""

    text: str
    call: Call | None = None


@dataclass(eq=False)
class Plan:
    """A graph as source: lines that run once, lines of each step, and what they refer to."""

    names: Names
    inputs: list[str | None] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    result: Any = None


def plan(graph: Graph) -> Plan:
    """The plan of a graph."""
    return _Planner(graph).run()


class _Planner:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.plan = Plan(Names())
        self.names = self.plan.names
        self.place: dict[Call, Place] = {}
        self.index = {call: i for i, call in enumerate(graph.calls)}
        self.end = len(graph.calls)
        self.returned = set(graph.returned())
        self.packed = self._placed_in_packs()
        self.last = self._last_uses()
        self.direct = self._direct_writes()
        self.free: dict[Any, list[Memory]] = {}
        self.dying: dict[int, list[Memory]] = {}
        self.pack_memory: dict[Call, Place] = {}
        self.boxes: dict[Call, str] = {}  # of numbers: the arrays without axes that hold them

    def run(self) -> Plan:
        for call in self.graph.inputs:
            self.plan.inputs.append(None if call is None else self._enter_input(call))
        for i, call in enumerate(self.graph.calls):
            if call not in self.place:
                self.place[call] = self._enter(call, i)
            for memory in self.dying.pop(i, ()):
                self.free.setdefault(_pool(memory.array), []).append(memory)
        self.plan.result = replace(self.graph.result, self._returned)
        self._write()
        return self.plan

    # what lives how long --------------------------------------------------------------------------

    def root(self, call: Call) -> Call:
        """The call whose memory a result is part of."""
        while True:
            if call in self.packed:
                call = self.packed[call][0]
            elif call.op == "item" or (call.rule is not None and call.rule.kind == "view"):
                call = call.args[0]
            else:
                return call

    def _placed_in_packs(self) -> dict[Call, tuple[Call, int]]:
        """Results that are computed in their part of a `pack`: (the pack, where it begins)."""
        found: dict[Call, tuple[Call, int]] = {}
        for pack in self.graph.calls:
            if pack.op != "pack" or pack in self.returned:
                continue
            offset = 0
            for arg in pack.args:
                owner = _behind_reshapes(arg)
                free = _writes_out(owner) and owner not in found and owner not in self.returned
                fits = free and owner.dtype == pack.dtype and owner.axes is None
                if fits and owner.op != "pack":
                    found[owner] = (pack, offset)
                offset += arg.size
        return found

    def _last_uses(self) -> dict[Call, int]:
        last: dict[Call, int] = {}
        for i, call in enumerate(self.graph.calls):
            root = self.root(call)
            last[root] = max(last.get(root, i), i)
            for arg in call.inputs():
                last[self.root(arg)] = i
        for call in (*self.returned, *(c for _, c in self.graph.writes)):
            last[self.root(call)] = self.end
        return last

    def _direct_writes(self) -> dict[Call, Any]:
        """Results that are computed straight into the Variable that they are written to."""
        written = [c for _, c in self.graph.writes]
        found = {}
        for variable, call in self.graph.writes:
            others = [v for v, _ in self.graph.writes if v is not variable]
            if (
                _writes_out(call)
                and call.axes is None
                and (call.shape, call.dtype) == (variable.shape, variable.data.dtype)
                and written.count(call) == 1
                and self.root(call) is call
                and not any(pack is call for pack, _ in self.packed.values())
                and call not in self.returned
                and not any(v.overlaps(variable) for v in others)
                and self._old_value_is_done(variable, call)
            ):
                found[call] = variable
        return found

    def _old_value_is_done(self, variable: Any, call: Call) -> bool:
        """Whether nobody reads the old value of `variable` once `call` writes the new one."""
        here = self.index[call]

        def is_old(c: Any) -> bool:
            if type(c) is not Call:
                return False
            leaf = self.root(c)
            held = leaf.kwargs.get("variable") if leaf.op == "variable" else None
            return held is not None and (held is variable or held.overlaps(variable))

        kept = [*self.returned, *(c for _, c in self.graph.writes)]
        if any(is_old(c) for c in kept):
            return False
        for reader in self.graph.calls[here + 1 :]:
            if any(is_old(a) for a in reader.args) and not _is_view(reader):
                return False
        late = any(is_old(c) and _is_view(c) for c in self.graph.calls[here + 1 :])
        at_once = [a for a in call.args if is_old(a)]
        same = all(a.op == "variable" and a.kwargs["variable"] is variable for a in at_once)
        return not late and (not at_once or (same and call.rule.kind == "ufunc"))

    # calls to lines -------------------------------------------------------------------------------

    def _wish(self, call: Call) -> str:
        return f"{call.place}_{call.op}" if call.place else call.op

    def _name(self, call: Call) -> str:
        return self.names.new(self._wish(call))

    def _enter_input(self, call: Call) -> str:
        name = self.names.new("input")
        self.place[call] = Place(name)
        return name

    def _enter(self, call: Call, i: int) -> Place:
        if call.op == "variable":
            return self._variable(call)
        if call.op == "constant":
            return Place(self.names.literal(call.value), call.value)
        if call.op == "item":
            whole = self.place[call.args[0]]
            return self._line(call, f"{whole.name}[{call.kwargs['i']}]")
        if call.rule.kind == "view":
            return self._view(call, i)
        if call.op == "pack" and any(p is call for p, _ in self.packed.values()):
            return self._pack(call, i)
        if call.op == "cast" and call.is_scalar and call.args[0].is_scalar:
            return self._cast_number(call)
        if not _writes_out(call) or call in self.returned:
            return self._line(call, self._text(call, None))
        place = self._target(call, i)
        self.plan.lines.append(Line(self._text(call, place.name), call))
        return place

    def _line(self, call: Call, text: str) -> Place:
        """A result that is made anew in each step."""
        name = self._name(call)
        self.plan.lines.append(Line(f"{name} = {text}", call))
        return Place(name)

    def _text(self, call: Call, out: str | None) -> str:
        return expression(call, [self._argument(a, call) for a in call.args], out, self.names)

    def _argument(self, arg: Any, call: Call) -> str:
        if type(arg) is not Call:
            return self.names.literal(arg)
        beside_arrays = call.shape and call.rule is not None and call.rule.kind == "ufunc"
        if beside_arrays and arg.is_scalar and arg.op != "cell":
            return self._box(arg, call)
        return self.place[arg].name

    def _box(self, number: Call, call: Call) -> str:
        """A number as an array without axes: what ufuncs take fastest beside arrays."""
        if number.op == "variable":
            return self._bound(number.kwargs["variable"])  # written at the end of the step
        box = self.boxes.get(number)
        if box is None:
            box = self._new_box(number)
            self.plan.lines.append(Line(f"{box}[()] = {self.place[number].name}", call))
        return box

    def _new_box(self, number: Call) -> str:
        box = self.boxes[number] = self.names.new(f"{self._wish(number)}_box")
        self.plan.setup.append(f"{box} = np.empty((), np.{_dtype(number.dtype)})")
        return box

    def _cast_number(self, call: Call) -> Place:
        """Through a box, which is faster than a call of the type."""
        box = self._new_box(call)
        self.plan.lines.append(Line(f"{box}[()] = {self.place[call.args[0]].name}", call))
        return self._line(call, f"{box}[()]")

    def _variable(self, call: Call) -> Place:
        variable = call.kwargs["variable"]
        name = self._bound(variable)
        if call.is_scalar:
            return self._line(call, f"{name}[()]")
        return Place(name, variable.data)

    def _bound(self, variable: Any) -> str:
        for name, held in self.plan.variables.items():
            if held is variable:
                return name
        name = self.names.new(variable.path.replace("/", "_"))
        self.plan.variables[name] = variable
        return name

    def _view(self, call: Call, i: int) -> Place:
        source = self.place[call.args[0]]
        anew = any(self.place[a].array is None for a in call.inputs())
        number = call.is_scalar and call.op != "cell"
        if anew or number:
            of_numpy = "[()]" if number else ""  # a number, not a view of a buffer
            return self._line(call, self._text(call, None) + of_numpy)
        array = call.rule.forward(source.array, **call.kwargs)
        if not np.may_share_memory(array, source.array):
            return self._copied(call, source, i)
        name = self._name(call)
        self.plan.setup.append(f"{name} = {self._text(call, None)}")
        whole = source.whole and call.op == "reshape"
        return Place(name, array, source.memory, whole)

    def _copied(self, call: Call, source: Place, i: int) -> Place:
        """A reshape that NumPy must copy for: into a buffer, through a view with the old shape."""
        target = self._buffer(call, i)
        through = self.names.new(f"{target.name}_as_before")
        self.plan.setup.append(f"{through} = {target.name}.reshape({source.array.shape})")
        self.plan.lines.append(Line(f"{through}[...] = {source.name}", call))
        return target

    def _pack(self, call: Call, i: int) -> Place:
        target = self.pack_memory.get(call) or self._whole_pack(call, i)
        offset = 0
        for arg in call.args:
            size = arg.size
            owner = _behind_reshapes(arg)  # an array if the argument is a constant
            if type(owner) is not Call or self.packed.get(owner) != (call, offset):
                part = self.names.new(f"{target.name}_part")
                within = f"{target.name}[{offset}:{offset + size}]"
                self.plan.setup.append(f"{part} = {within}.reshape({tuple(arg.shape)})")
                self.plan.lines.append(Line(f"{part}[...] = {self._argument(arg, call)}", call))
            offset += size
        return target

    def _whole_pack(self, pack: Call, i: int) -> Place:
        place = self.pack_memory[pack] = self._target(pack, i)
        return place

    # buffers --------------------------------------------------------------------------------------

    def _target(self, call: Call, i: int) -> Place:
        """Where the result of a call is written."""
        if call in self.direct:
            variable = self.direct[call]
            return Place(self._bound(variable), variable.data)
        if call in self.packed:
            pack, offset = self.packed[call]
            whole = self.pack_memory.get(pack) or self._whole_pack(pack, i)
            name = self._name(call)
            part = f"[{offset}:{offset + call.size}]"
            self.plan.setup.append(f"{name} = {whole.name}{part}.reshape({call.shape})")
            array = whole.array[offset : offset + call.size].reshape(call.shape)
            return Place(name, array, whole.memory)
        return self._in_place(call, i) or self._buffer(call, i)

    def _in_place(self, call: Call, i: int) -> Place | None:
        """The memory of an argument that is used here for the last time."""
        if call.rule.kind != "ufunc":
            return None
        held = [self.place[a].memory for a in call.inputs()]
        for arg in call.inputs():
            place = self.place[arg]
            if (
                place.whole
                and (arg.shape, arg.dtype, arg.axes) == (call.shape, call.dtype, call.axes)
                and self.last[self.root(arg)] == i
                and all(
                    m is not place.memory or a is arg
                    for a, m in zip(call.inputs(), held, strict=True)
                )
            ):
                self.dying[i] = [m for m in self.dying.get(i, ()) if m is not place.memory]
                return self._within(call, place.memory)
        return None

    def _buffer(self, call: Call, i: int) -> Place:
        """A buffer that is free, or a new one."""
        array = empty(call.shape, call.dtype, call.axes)
        free = self.free.get(_pool(array))
        if free:
            return self._within(call, free.pop())
        name, memory_shape = self._name(call), tuple(array.shape)
        turned = ""
        if call.axes:
            memory_shape = tuple(call.shape[i] for i in call.axes)
            turned = f".transpose({tuple(np.argsort(call.axes).tolist())})"
        new = f"np.empty({memory_shape}, np.{_dtype(call.dtype)})"
        self.plan.setup.append(f"{name} = {new}{turned}")
        memory = Memory(name, array)
        self._keep(call, memory)
        return Place(name, array, memory, whole=True)

    def _within(self, call: Call, memory: Memory) -> Place:
        name = self._name(call)
        same = memory.array.shape == call.shape
        self.plan.setup.append(
            f"{name} = {memory.name}" + ("" if same else f".reshape({call.shape})")
        )
        self._keep(call, memory)
        return Place(name, memory.array.reshape(call.shape), memory, whole=True)

    def _keep(self, call: Call, memory: Memory) -> None:
        self.dying.setdefault(self.last[self.root(call)], []).append(memory)

    # the end of the step --------------------------------------------------------------------------

    def _write(self) -> None:
        late = [(v, c) for v, c in self.graph.writes if self.direct.get(c) is not v]
        kept = {}
        for _, call in late:  # a value read from a Variable, before that is written
            if self.root(call).op == "variable" and not call.is_scalar:
                name = self.names.new("kept")
                self.plan.lines.append(Line(f"{name} = {self.place[call].name}.copy()"))
                kept[call] = name
        for variable, call in late:
            name, value = self._bound(variable), kept.get(call, self.place[call].name)
            if variable.shape == ():
                self.plan.lines.append(Line(f"{name}[()] = {value}", call))
            else:
                self.plan.lines.append(
                    Line(f"np.copyto({name}, {value}, casting='same_kind')", call)
                )

    def _returned(self, leaf: Any) -> Any:
        """A name in the result; what lives in memory of ours or of the user's is copied first."""
        if isinstance(leaf, np.ndarray):
            return Name(f"{self.names.literal(leaf)}.copy()")
        if type(leaf) is not Call:
            return leaf
        name, root = self.place[leaf].name, self.root(leaf)
        if not leaf.is_scalar and (root.op == "input" or self.place[root].array is not None):
            copy = self.names.new(f"{name}_copy")
            self.plan.lines.append(Line(f"{copy} = {name}.copy()", leaf))
            name = copy
        return Name(name)


class Name(str):
    """Source in a result, told apart from a string that a step returns."""


def _is_view(call: Call) -> bool:
    return call.rule is not None and call.rule.kind == "view"


def _behind_reshapes(call: Any) -> Any:
    while type(call) is Call and call.op == "reshape":
        call = call.args[0]
    return call


def _writes_out(call: Any) -> bool:
    """Whether a call can write its result into a given array."""
    return (
        type(call) is Call
        and call.rule is not None
        and call.rule.kind in ("ufunc", "out")
        and bool(call.shape)
    )


def _pool(array: np.ndarray) -> Any:
    """Buffers that may stand for each other: by size or, where axes are turned, by strides."""
    if array.flags.c_contiguous:
        return (array.dtype, array.size)
    return (array.dtype, array.shape, array.strides)


def _dtype(dtype: np.dtype) -> str:
    return "bool_" if dtype.kind == "b" else dtype.name
