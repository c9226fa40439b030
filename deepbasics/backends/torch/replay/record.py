"""Recording: a step is run once, and each aten call below autograd is written down.

What comes out is straight-line: the forward pass, the backward pass that autograd made of it, the
optimizer and the metrics, in the order in which torch ran them, without the Python in between.
Storage that lives on (weights, slots, totals) is referred to by its tensor, so a replay reads and
writes it in place. Of the others only the layout is kept: they are freed as they would be without
a recording.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import ref as weak

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from deepbasics.backends.torch.replay import opaque
from deepbasics.backends.torch.replay.layout import Laid, laid

_active: ContextVar["Recording | None"] = ContextVar("recording", default=None)
_UNREPEATABLE = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
_RESHAPES = {
    getattr(torch.ops.aten, f"{name}_"): getattr(torch.ops.aten, name)
    for name in ("squeeze", "unsqueeze", "t", "transpose", "as_strided", "detach")
}
_LOOKS = {
    getattr(torch.Tensor, name): name
    for name in ("numpy", "tolist", "__array__", "__dlpack__", "data_ptr")
}


class Ref(NamedTuple):
    """A tensor in the arguments of a call: its place in `Recording.tensors`."""

    index: int


class Call:
    """One call: an aten overload, or a function of the host that is repeated as it is."""

    def __init__(self, function: Any, args: Any, kwargs: Any, form: Any, grad: bool) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.grad = grad  # whether gradients were enabled: some kernels round differently then
        self.form = form  # what it returns: a Ref, or a nest of them
        self.outs = refs(form)
        self.single = type(form) is Ref
        self.host = not isinstance(function, torch._ops.OpOverload)
        self.pointwise = not self.host and torch.Tag.pointwise in function.tags
        self.reads = refs((args, kwargs))
        self.writes = [] if self.host else refs(self._written())

    def _written(self) -> list[Any]:
        """The arguments that are changed in place."""
        schema = self.function._schema
        if not schema.is_mutable:
            return []
        named = {s.name: a for s, a in zip(schema.arguments, self.args, strict=False)}
        named |= self.kwargs
        changed = [s.name for s in schema.arguments if s.alias_info and s.alias_info.is_write]
        return [named[name] for name in changed if name in named]

    def renamed(self, names: Mapping[int, Ref]) -> "Call":
        """The same call with other tensors as arguments."""
        if not any(i in names for i in self.reads):
            return self
        given = substitute((self.args, self.kwargs), lambda ref: names.get(ref.index, ref))
        return Call(self.function, *given, self.form, self.grad)


class _Alive(NamedTuple):
    """A tensor that has not been freed; `key` and `storage` are addresses, to be used again."""

    key: int
    storage: int
    weak: Any


@dataclass(eq=False)
class Recording:
    """The calls of a step, the tensors that they name, and what would keep it from a replay."""

    portable: bool = False  # whether calls of the host must be left out, for a compiler
    calls: list[Call] = field(default_factory=list)
    tensors: list[Laid] = field(default_factory=list)
    old: dict[int, torch.Tensor] = field(default_factory=dict)  # those there before the step
    inputs: list[int] = field(default_factory=list)
    result: Any = None
    obstacle: str | None = None
    _index: dict[int, int] = field(default_factory=dict)  # of the tensors alive, by key
    _alive: dict[int, _Alive] = field(default_factory=dict)
    _memory: dict[int, list[int]] = field(default_factory=dict)  # of a storage: number, tensors
    _numbers: int = 0
    _fresh: set[int] = field(default_factory=set)  # memory that a call has made

    def ref(self, tensor: torch.Tensor) -> Ref:
        """The place of a tensor; one that no call has made is storage that was there before."""
        found = self._index.get(id(tensor))
        if found is None:
            found = self._add(tensor)
            self.old[found] = tensor
            if self.tensors[found].memory in self._fresh:
                self.refuse("a tensor was passed around torch's dispatcher")
        return Ref(found)

    def make(self, tensor: torch.Tensor) -> Ref:
        """The place of the result of a call."""
        found = self._index.get(id(tensor))
        if found is None:
            is_new = storage(tensor) not in self._memory
            found = self._add(tensor)
            if is_new:
                self._fresh.add(self.tensors[found].memory)
        return Ref(found)

    def _add(self, tensor: torch.Tensor) -> int:
        key, place, index = id(tensor), storage(tensor), len(self.tensors)
        if place not in self._memory:
            self._memory[place] = [self._numbers, 0]
            self._numbers += 1
        memory = self._memory[place]
        memory[1] += 1
        self.tensors.append(laid(tensor, memory[0]))
        self._index[key] = index
        self._alive[index] = _Alive(key, place, weak(tensor, lambda _: self._forget(index)))
        return index

    def _forget(self, index: int) -> None:
        """A tensor has been freed: what has its address next is another one."""
        key, place, _ = self._alive.pop(index)
        if self._index[key] == index:
            del self._index[key]
        self._memory[place][1] -= 1
        if not self._memory[place][1]:
            del self._memory[place]

    def end(self) -> None:
        """Watch no tensor any more."""
        self._alive.clear()

    def append(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Write a call down."""
        args, kwargs = references(args, self.ref), references(kwargs, self.ref)
        made = references(result, self.make)
        call = Call(function, args, kwargs, made, torch.is_grad_enabled())
        given = {self.tensors[i].memory for i in self.inputs}
        if any(self.tensors[i].memory in given for i in call.writes):
            self.refuse(f"{function} writes into an argument of the step")
        self.calls.append(call)

    def append_view(self, function: Any, args: Any, kwargs: Any) -> torch.Tensor:
        """Run a call that gives its tensor another shape in place, and write down a view."""
        given = references(args, self.ref)
        before = given[0].index
        if before in self.old:
            self.old[before] = args[0].detach()
        result = function(*args, **kwargs)
        made = Ref(self._add(args[0]))
        self._forget(before)
        view = self._as_view(function, given, kwargs, self.tensors[made.index])
        if view is None:
            self.refuse(f"{function} changes the shape of a tensor in place")
        else:
            self.calls.append(Call(*view, made, torch.is_grad_enabled()))
        return result

    def _as_view(self, function: Any, args: Any, kwargs: Any, result: Laid) -> Any:
        """(function, args, kwargs) that make a tensor as another became in place, or None."""
        if function is torch.ops.aten.set_.source_Storage:  # cuDNN looks so at recurrent weights
            source = next(i for i, t in enumerate(self.tensors) if t.memory == result.memory)
            if self.tensors[source] is result:
                return None
            window = (list(result.form.shape), list(result.form.stride), result.offset)
            return torch.ops.aten.as_strided.default, (Ref(source), *window), {}
        as_view = _RESHAPES.get(function.overloadpacket)
        return as_view and (getattr(as_view, function._overloadname), args, kwargs)

    def refuse(self, reason: str) -> None:
        """Note the first obstacle."""
        self.obstacle = self.obstacle or reason


def storage(tensor: torch.Tensor) -> int:
    """What two tensors have in common if they share memory, while both are alive."""
    return tensor.untyped_storage()._cdata


def references(nest: Any, ref: Callable[[torch.Tensor], Any]) -> Any:
    """Arguments with a reference in place of each tensor."""
    if isinstance(nest, torch.Tensor):
        return ref(nest)
    if type(nest) in (tuple, list):
        return type(nest)([references(n, ref) for n in nest])
    if isinstance(nest, dict):
        return {k: references(v, ref) for k, v in nest.items()}
    return nest


def substitute(nest: Any, value: Callable[[Ref], Any]) -> Any:
    """Arguments with something else in place of each reference."""
    if type(nest) is Ref:
        return value(nest)
    if type(nest) in (tuple, list):
        return type(nest)([substitute(n, value) for n in nest])
    if isinstance(nest, dict):
        return {k: substitute(v, value) for k, v in nest.items()}
    return nest


def refs(nest: Any) -> list[int]:
    """The tensors in a nest of references."""
    if type(nest) is Ref:
        return [nest.index]
    if isinstance(nest, dict):
        nest = nest.values()
    elif type(nest) not in (tuple, list):
        return []
    return [index for n in nest for index in refs(n)]


class _Calls(TorchDispatchMode):
    """Writes down what reaches the dispatcher below autograd."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing here is compiled; to keep the compiler off, torch would import it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.inplace_view in func.tags:
            return self._recording.append_view(func, args, kwargs)
        result = func(*args, **kwargs)
        if any(tag in func.tags for tag in _UNREPEATABLE) and not _is_gather(func, args):
            self._recording.refuse(f"{func} depends on the values of a tensor")
        elif isinstance(result, torch.Tensor | tuple | list | None):
            self._recording.append(func, args, kwargs, result)
        return result


class _Looks(TorchFunctionMode):
    """Notices tensors that leave for NumPy or plain Python, which no dispatcher sees."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _LOOKS:
            self._recording.refuse(f"{_LOOKS[func]}() looks at the values of a tensor")
        return func(*args, **(kwargs or {}))


def _is_gather(func: Any, args: Any) -> bool:
    """Whether it is indexing by integers, whose result has one shape."""
    return func is torch.ops.aten.index.Tensor and not any(
        i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1]
    )


def record(
    step: Callable[..., Any], inputs: Sequence[torch.Tensor | None], portable: bool = False
) -> tuple[Any, Recording]:
    """Run `step(*inputs)`; its result and the recording."""
    recording = Recording(portable)
    # each is a tensor of its own, though it be given twice, or be the storage of a Variable
    inputs = [t if t is None else t.detach() for t in inputs]
    recording.inputs = [recording.ref(t).index for t in inputs if t is not None]
    token = _active.set(recording)
    try:
        with _Looks(recording), _Calls(recording), torch.no_grad():
            result = step(*inputs)
        recording.result = references(result, recording.ref)
    finally:
        _active.reset(token)
        recording.end()
    return result, recording


def active() -> Recording | None:
    """The recording in progress, or None."""
    return _active.get()


def compiling() -> bool:
    """Whether a recording is in progress that a compiler will get, which knows only aten calls."""
    recording = _active.get()
    return recording is not None and recording.portable


def on_host(function: Callable[..., torch.Tensor], *args: Any) -> torch.Tensor:
    """`function(*args)`, as one call of a recorded step: it may look at values."""
    recording = _active.get()
    if recording is None:
        return function(*args)
    if recording.portable:
        return opaque.call(function, *args)
    with _disable_current_modes():
        result = function(*args)
    recording.append(function, args, {}, result)
    return result
