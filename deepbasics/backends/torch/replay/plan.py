"""From a recording to a plan: what need not be done again, and where each result goes.

Nothing here changes a number: calls are dropped, or write their result into memory that is there
already, but each that is left does what it did.

- What depends on no input (views of weights, constants) is kept as it is: `fixed`.
- What nobody uses is dropped, and what only names a tensor anew (`detach`) becomes the tensor.
- A result that is copied into a weight or slot is written there at once, and the parts of a
  concatenation (the gradients, packed for the optimizer) are written into their places in it.
- The other results go into buffers, over an argument that is not used again where that is safe.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from deepbasics.backends.torch.replay import spellings
from deepbasics.backends.torch.replay.record import Call, Recording, Ref, refs, storage, substitute

_LIKE = ("ones_like", "zeros_like", "full_like", "new_ones", "new_zeros", "new_full")
_EMPTY = ("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided")


class Plan:
    """Calls in order, and where tensors live.

    `fixed` are the tensors that stay where they are from call to call; `into` says where the call
    that makes a tensor writes it, if not into new memory.
    """

    def __init__(self, recording: Recording) -> None:
        self.tensors = recording.tensors
        self.memory = [storage(t) for t in self.tensors]
        self.calls = recording.calls
        self.inputs = recording.inputs
        self.result = recording.result
        old = recording.old - set(recording.inputs)
        self.fixed = {i: self.tensors[i].detach() for i in old}
        self.into: dict[int, torch.Tensor] = {}
        self.written = {self.memory[i] for call in self.calls for i in call.writes}

    def constant(self, value: float, dtype: torch.dtype) -> Ref:
        """A tensor without axes that stays as it is."""
        index = len(self.tensors)
        self.fixed[index] = torch.tensor(value, dtype=dtype)
        self.tensors.append(self.fixed[index])
        self.memory.append(storage(self.fixed[index]))
        return Ref(index)

    def place(self, index: int, memory: torch.Tensor) -> None:
        """Let a result be written into `memory`."""
        self.into[index] = self.fixed[index] = memory

    def is_view(self, call: Call) -> bool:
        """Whether the result lies in the memory of an argument."""
        if call.host or call.writes or not call.single:
            return False
        return any(self.memory[i] == self.memory[call.outs[0]] for i in call.reads)

    def is_placeable(self, call: Call) -> bool:
        """Whether the result may be put into memory of our choice."""
        if not spellings.takes_out(call) or call.outs[0] in self.into:
            return False
        out = call.outs[0]
        given_back = {self.memory[i] for i in refs(self.result)}
        return (
            self.tensors[out].is_contiguous()
            and self.memory[out] not in given_back
            and self.memory[out] not in self.written
        )

    def may_write(self, call: Call, place: torch.Tensor) -> bool:
        """Whether the call may write into `place` for all that it reads there itself."""
        memory = storage(place)
        reads = [self.fixed.get(i, self.tensors[i]) for i in call.reads]
        shared = [t for t in reads if storage(t) == memory]
        return not shared or (call.pointwise and all(_identical(t, place) for t in shared))

    def makers(self) -> dict[int, int]:
        """The position of the call that makes each tensor."""
        calls = enumerate(self.calls)
        return {out: at for at, call in calls if not call.writes for out in call.outs}

    def settle_views(self) -> None:
        """Make the views of what has a fixed place, once."""
        calls = []
        for call in self.calls:
            if self.is_view(call) and all(i in self.fixed for i in call.reads):
                args, kwargs = substitute(
                    (call.args, call.kwargs), lambda ref: self.fixed[ref.index]
                )
                self.fixed[call.outs[0]] = call.function(*args, **kwargs)
            else:
                calls.append(call)
        self.calls = calls


def plan(recording: Recording) -> Plan:
    """The plan of a recording without obstacle; a compiler places results itself."""
    made = Plan(recording)
    _settle(made)
    _drop_unused(made)
    if recording.portable:
        return made
    if all(t.device.type == "cpu" for t in made.tensors):
        made.calls = [spellings.with_scalars_as_tensors(call, made) for call in made.calls]
    _write_in_place(made)
    _write_into_parts(made)
    _write_into_buffers(made)
    return made


def _settle(made: Plan) -> None:
    """Leave out the calls whose result is another tensor, or is the same every time."""
    constant: set[int] = set()
    same: dict[int, Ref] = {}
    calls = []
    for call in made.calls:
        call = call.renamed(same)
        calls.append(call)
        if call.host or call.writes or not call.single or not spellings.repeatable(call):
            continue
        out = call.outs[0]
        twin = next((i for i in call.reads if _identical(made.tensors[i], made.tensors[out])), None)
        if twin is not None:
            same[out] = Ref(twin)
        elif _is_settled(made, call, constant):
            made.fixed[out] = made.tensors[out].detach()
        else:
            continue
        calls.pop()
    made.calls = calls
    made.result = substitute(made.result, lambda ref: same.get(ref.index, ref))


def _is_settled(made: Plan, call: Call, constant: set[int]) -> bool:
    """Whether the result stays what it is; adds it to the constants if its elements do, too."""
    name, out = spellings.name(call), call.outs[0]
    if made.is_view(call):
        if out_is_constant := all(i in constant for i in call.reads):
            constant.add(out)
        return out_is_constant or all(i in made.fixed for i in call.reads)
    if made.memory[out] in made.written:
        return name in _EMPTY  # what is in it is written before it is read
    if name in _LIKE or all(i in constant or _is_from_host(made, i, out) for i in call.reads):
        constant.add(out)
        return True
    return False


def _is_from_host(made: Plan, source: int, out: int) -> bool:
    """Whether a result is an array of the host, brought to the device where the Variables live."""
    return source in made.fixed and made.tensors[source].device != made.tensors[out].device


def _identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors are the same elements of the same memory."""
    return storage(a) == storage(b) and _alike(a, b) and a.storage_offset() == b.storage_offset()


def _alike(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.stride() == b.stride()


def _drop_unused(made: Plan) -> None:
    """Keep the calls that write into storage, and those whose result is used."""
    used = set(refs(made.result))
    kept = []
    for call in reversed(made.calls):
        if call.writes or any(out in used for out in call.outs):
            used.update(call.reads)
            kept.append(call)
    made.calls = kept[::-1]


def _write_in_place(made: Plan) -> None:
    """`copy_(storage, result)`: the result is written there, if nobody looks there in between."""
    makers, touched = made.makers(), _touched(made)
    dropped = set()
    for at, call in enumerate(made.calls):
        if spellings.name(call) != "copy_" or len(call.reads) != 2:
            continue
        target, source = call.reads
        maker = makers.get(source)
        if maker is None or target not in made.fixed or not made.is_placeable(made.calls[maker]):
            continue
        place, memory = made.fixed[target], made.memory[target]
        between = any(maker < n < at for n in touched[memory])
        again = any(n > at and made.calls[n].writes for n in touched[memory])
        if between or again or not _alike(place, made.tensors[source]):
            continue
        if made.may_write(made.calls[maker], place):
            made.place(source, place)
            dropped.add(at)
    made.calls = [call for at, call in enumerate(made.calls) if at not in dropped]


def _touched(made: Plan) -> dict[int, list[int]]:
    """The positions of the calls that read or write each storage."""
    found: dict[int, list[int]] = {}
    for at, call in enumerate(made.calls):
        for memory in {made.memory[i] for i in call.reads}:
            found.setdefault(memory, []).append(at)
    return found


def _write_into_parts(made: Plan) -> None:
    """`cat([a, b])` along the first axis: a and b are written where they would be copied to."""
    dropped = []
    for call in made.calls:
        if spellings.name(call) != "cat" or call.args[1:] not in ((), (0,)):
            continue
        roots = _roots(made, call.args[0])
        if roots is None or not made.is_placeable(call):
            continue
        out = call.outs[0]
        made.fixed[out] = whole = torch.empty_like(made.tensors[out].detach())
        start = 0
        for part, root in zip(call.args[0], roots, strict=True):
            rows = made.tensors[part.index].shape[0]
            made.place(root, whole[start : start + rows].view(made.tensors[root].shape))
            start += rows
        dropped.append(call)
    made.calls = [call for call in made.calls if call not in dropped]
    made.settle_views()


def _roots(made: Plan, parts: list[Ref]) -> list[int] | None:
    """For each part the result of a call that is that part but for its shape, or None."""
    makers = made.makers()
    found: list[int] = []
    for part in parts:
        root = part.index
        while root in makers and made.is_view(made.calls[makers[root]]):
            root = made.calls[makers[root]].reads[0]
        if root not in makers or root in found or not made.is_placeable(made.calls[makers[root]]):
            return None
        tensor = made.tensors[part.index]
        if made.tensors[root].numel() != tensor.numel() or not tensor.is_contiguous():
            return None
        found.append(root)
    return found


def _write_into_buffers(made: Plan) -> None:
    """Give a buffer to each result that may have one; buffers are used again."""
    ending = _last_uses(made)
    free: dict[Any, list[torch.Tensor]] = {}
    lent: dict[int, torch.Tensor] = {}
    for at, call in enumerate(made.calls):
        done = ending.get(at, ())
        if made.is_placeable(call):
            out = call.outs[0]
            over = _taken_over(made, call, [i for i in done if i in lent], lent.__getitem__)
            spare = free.get(_kind(made.tensors[out]))
            if over is not None:
                buffer = lent.pop(over)
            elif spare:
                buffer = spare.pop()
            else:
                buffer = torch.empty_like(made.tensors[out].detach())
            made.place(out, buffer)
            lent[out] = buffer
        for buffer in [lent.pop(i) for i in done if i in lent]:
            free.setdefault(_kind(buffer), []).append(buffer)
    made.settle_views()


def _kind(tensor: torch.Tensor) -> Any:
    return tensor.dtype, tensor.device, tensor.shape


def _last_uses(made: Plan) -> dict[int, list[int]]:
    """The results that are read, also through views, by each call and by none after it."""
    root: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, call in enumerate(made.calls):
        for i in call.reads:
            last[root.get(i, i)] = at
        if made.is_view(call):
            out = call.outs[0]
            base = next(i for i in call.reads if made.memory[i] == made.memory[out])
            root[out] = root.get(base, base)
        else:
            last.update((out, at) for out in call.outs)
    found: dict[int, list[int]] = {}
    for i, at in last.items():
        found.setdefault(at, []).append(i)
    return found


def _taken_over(
    made: Plan, call: Call, ending: Iterable[int], buffer: Callable[[int], torch.Tensor]
) -> int | None:
    """An argument that is not used again, in whose buffer the result may be written."""
    if not call.pointwise:
        return None
    value = made.tensors[call.outs[0]]
    for i in ending:
        if i in call.reads and _alike(buffer(i), value) and made.may_write(call, buffer(i)):
            return i
    return None
