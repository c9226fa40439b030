"""From a recording to a plan: what need not be done again, and where each result goes.

Nothing here changes a number: calls are dropped, or write their result into memory that is there
already, laid out as it was in the recording, but each that is left does what it did. What shares
memory is decided by the recording, where each storage is one of its own: a storage is in use from
the call that makes it to the last one that looks at it through any tensor.

- What depends on no input (views of weights, constants) is kept as it is: `fixed`.
- What nobody uses is dropped, and what only names a tensor anew (`detach`) becomes the tensor.
- A result that is copied into a weight or slot is written there at once, and the parts of a
  concatenation (the gradients, packed for the optimizer) are written into their places in it.
- The other results go into buffers, over an argument that is not used again where that is safe.
"""

from collections.abc import Iterable
from typing import Any

import torch

from deepbasics.backends.torch.replay import spellings
from deepbasics.backends.torch.replay.layout import Form, form, laid
from deepbasics.backends.torch.replay.record import (
    Call,
    Recording,
    Ref,
    references,
    refs,
    substitute,
)

_LIKE = ("ones_like", "zeros_like", "full_like", "new_ones", "new_zeros", "new_full")
_IN_ANY_PLACE = ("sum", "cat", "copy_")
_EMPTY = ("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided")


class Plan:
    """Calls in order, and where tensors live.

    `fixed` are the tensors that stay where they are from call to call; `into` says where the call
    that makes a tensor writes it, if not into new memory.
    """

    def __init__(self, recording: Recording) -> None:
        self.tensors = recording.tensors
        self.memory = [t.memory for t in self.tensors]
        self.calls = recording.calls
        self.inputs = recording.inputs
        self.result = recording.result
        old = recording.old.items()
        self.fixed = {i: tensor.detach() for i, tensor in old if i not in recording.inputs}
        self.into: dict[int, torch.Tensor] = {}
        self.written = {self.memory[i] for call in self.calls for i in call.writes}
        self.given_back = {self.memory[i] for i in refs(self.result)}

    def constant(self, value: float, dtype: torch.dtype) -> Ref:
        """A tensor without axes that stays as it is."""
        index = len(self.tensors)
        self.fixed[index] = torch.tensor(value, dtype=dtype)
        self.tensors.append(laid(self.fixed[index], -index))
        self.memory.append(-index)
        return Ref(index)

    def place(self, index: int, memory: torch.Tensor) -> None:
        """Let a result be written into `memory`."""
        self.into[index] = self.fixed[index] = memory

    def is_view(self, call: Call) -> bool:
        """Whether all that it returns lies in the memory of its arguments."""
        if call.host or call.writes or not call.outs:
            return False
        given = {self.memory[i] for i in call.reads}
        return all(self.memory[i] in given for i in call.outs)

    def is_placeable(self, call: Call) -> bool:
        """Whether the result may be put into memory of our choice: all of a storage of its own."""
        if not spellings.takes_out(call) or self.is_view(call):
            return False
        out = call.outs[0]
        memory = self.memory[out]
        return (
            out not in self.fixed
            and self.tensors[out].is_contiguous
            and memory not in self.given_back
            and memory not in self.written
        )

    def may_write(self, call: Call, index: int) -> bool:
        """Whether the call may write where `index` is, for all that it reads there itself."""
        shared = [i for i in call.reads if self.memory[i] == self.memory[index]]
        same = all(self.tensors[i] == self.tensors[index] for i in shared)
        return not shared or (call.pointwise and same)

    def rounds_alike(self, call: Call, memory: torch.Tensor) -> bool:
        """Whether the call, and those that use its result, give the same bits there as in memory of
        its own, which is aligned: a product takes another path where something is not.
        """
        if memory.data_ptr() % 16 == 0:
            return True
        own = self.memory[call.outs[0]]
        users = (user for user in self.calls if any(self.memory[i] == own for i in user.reads))
        return all(
            c.pointwise or spellings.name(c) in _IN_ANY_PLACE or self.is_view(c)
            for c in (call, *users)
        )

    def makers(self) -> dict[int, int]:
        """The position of the call that makes each tensor."""
        calls = enumerate(self.calls)
        return {out: at for at, call in calls if not call.writes for out in call.outs}

    def settle(self, call: Call) -> None:
        """Make what a call returns, once. Of arguments without a fixed place the form counts."""

        def value(ref: Ref) -> torch.Tensor:
            tensor = self.fixed.get(ref.index)
            return self.tensors[ref.index].form.new() if tensor is None else tensor

        args, kwargs = substitute((call.args, call.kwargs), value)
        found: list[Any] = []
        references(call.function(*args, **kwargs), lambda t: found.append(t.detach()))
        self.fixed.update(zip(call.outs, found, strict=True))

    def settle_views(self) -> None:
        """Make the views of what has a fixed place."""
        calls = []
        for call in self.calls:
            if self.is_view(call) and all(i in self.fixed for i in call.reads):
                self.settle(call)
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
    if all(t.form.device.type == "cpu" for t in made.tensors):
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
        twin = next((i for i in call.reads if made.tensors[i] == made.tensors[out]), None)
        if twin is not None:
            same[out] = Ref(twin)
        elif _is_settled(made, call, constant):
            made.settle(call)
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
    if made.memory[out] in made.given_back:
        return False  # whoever called the step has it
    if made.memory[out] in made.written:
        return name in _EMPTY  # what is in it is written before it is read
    if name in _LIKE or all(i in constant or _is_from_host(made, i, out) for i in call.reads):
        constant.add(out)
        return True
    return False


def _is_from_host(made: Plan, source: int, out: int) -> bool:
    """Whether a result is an array of the host, brought to the device where the Variables live."""
    device = made.tensors[source].form.device
    return source in made.fixed and device != made.tensors[out].form.device


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
        if between or again or form(place) != made.tensors[source].form:
            continue
        producer = made.calls[maker]
        if made.may_write(producer, target) and made.rounds_alike(producer, place):
            made.place(source, place)
            dropped.add(at)
    made.calls = [call for at, call in enumerate(made.calls) if at not in dropped]


def _touched(made: Plan) -> dict[int, list[int]]:
    """The positions of the calls that read, write or make each storage."""
    found: dict[int, list[int]] = {}
    for at, call in enumerate(made.calls):
        for memory in {made.memory[i] for i in (*call.reads, *call.outs)}:
            found.setdefault(memory, []).append(at)
    return found


def _write_into_parts(made: Plan) -> None:
    """`cat([a, b])` along the first axis: a and b are written where they would be copied to."""
    dropped = []
    for call in made.calls:
        if spellings.name(call) != "cat" or call.args[1:] not in ((), (0,)):
            continue
        whole = _in_parts(made, call) if made.is_placeable(call) else None
        if whole is not None:
            made.fixed[call.outs[0]] = whole
            dropped.append(call)
    made.calls = [call for call in made.calls if call not in dropped]
    made.settle_views()


def _in_parts(made: Plan, call: Call) -> torch.Tensor | None:
    """The memory of a concatenation whose parts are written there from now on, or None."""
    roots = _roots(made, call)
    if roots is None:
        return None
    whole = made.tensors[call.outs[0]].form.new()
    parts = whole.split([made.tensors[part.index].form.shape[0] for part in call.args[0]])
    makers = made.makers()
    pairs = zip(parts, roots, strict=True)
    if not all(made.rounds_alike(made.calls[makers[root]], part) for part, root in pairs):
        return None
    for part, root in zip(parts, roots, strict=True):
        at = made.tensors[root].form
        made.place(root, part.as_strided(at.shape, at.stride))
    return whole


def _roots(made: Plan, call: Call) -> list[int] | None:
    """For each part the result of a call that is that part but for its shape, or None."""
    makers = made.makers()
    whole = made.tensors[call.outs[0]].form
    found: list[int] = []
    for part in call.args[0]:
        root = part.index
        while root in makers and made.is_view(made.calls[makers[root]]):
            root = made.calls[makers[root]].reads[0]
        if root not in makers or root in found or not made.is_placeable(made.calls[makers[root]]):
            return None
        tensor, origin = made.tensors[part.index], made.tensors[root].form
        shape = tensor.form.shape
        same = origin.shape.numel() == shape.numel() and len(shape) == len(whole.shape)
        if not same or not tensor.is_contiguous or origin.dtype != whole.dtype:
            return None
        found.append(root)
    return found


def _write_into_buffers(made: Plan) -> None:
    """Give a buffer to each result that may have one; buffers are used again."""
    ending = _last_uses(made)
    free: dict[Form, list[torch.Tensor]] = {}
    lent: dict[int, int] = {}  # storages of the recording to the result that has the buffer
    for at, call in enumerate(made.calls):
        done = [memory for memory in ending.get(at, ()) if memory in lent]
        if made.is_placeable(call):
            out = call.outs[0]
            over = _taken_over(made, call, [lent[memory] for memory in done])
            spare = free.get(made.tensors[out].form)
            if over is not None:
                buffer = made.fixed[over]
                done.remove(made.memory[over])
            else:
                buffer = spare.pop() if spare else made.tensors[out].form.new()
            made.place(out, buffer)
            lent[made.memory[out]] = out
        for memory in done:
            buffer = made.fixed[lent.pop(memory)]
            free.setdefault(form(buffer), []).append(buffer)
    made.settle_views()


def _last_uses(made: Plan) -> dict[int, list[int]]:
    """The storages that each call is the last one to look at."""
    found: dict[int, list[int]] = {}
    for memory, places in _touched(made).items():
        found.setdefault(places[-1], []).append(memory)
    return found


def _taken_over(made: Plan, call: Call, ending: Iterable[int]) -> int | None:
    """An argument that is not used again, in whose buffer the result may be written."""
    if not call.pointwise:
        return None
    value = made.tensors[call.outs[0]].form
    for i in ending:
        if i in call.reads and made.tensors[i].form == value and made.may_write(call, i):
            return i
    return None
