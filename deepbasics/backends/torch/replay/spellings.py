"""How an aten call is written so that it costs least: the same kernel through a shorter way in.

An overload called by its own name costs about twice as much as torch's Python binding of it, and a
Python scalar three times as much as a tensor without axes.
"""

from functools import cache
from typing import Any

import torch

from deepbasics.backends.torch.replay.record import Call, Ref

aten = torch.ops.aten
_BINDINGS = torch._C._VariableFunctions
_SCALAR = {
    aten.add.Tensor: aten.add.Tensor,
    aten.sub.Tensor: aten.sub.Tensor,
    aten.mul.Tensor: aten.mul.Tensor,
    aten.div.Tensor: aten.div.Tensor,
    aten.eq.Scalar: aten.eq.Tensor,
    aten.ne.Scalar: aten.ne.Tensor,
    aten.gt.Scalar: aten.gt.Tensor,
    aten.ge.Scalar: aten.ge.Tensor,
    aten.lt.Scalar: aten.lt.Tensor,
    aten.le.Scalar: aten.le.Tensor,
}
_EXACT = (torch.float32, torch.float64, torch.int32, torch.int64)


def name(call: Call) -> str:
    """The name of an aten call, without that of its overload."""
    return "" if call.host else call.function._schema.name.removeprefix("aten::")


def repeatable(call: Call) -> bool:
    """Whether it gives the same result for the same arguments."""
    return call.host or torch.Tag.nondeterministic_seeded not in call.function.tags


def with_scalars_as_tensors(call: Call, made: Any) -> Call:
    """The same call with tensors in place of Python scalars, where that changes no bit.

    A scalar beside a float32 tensor counts as a float32 number; beside a smaller float it does not.
    """
    if call.host or len(call.args) != 2 or call.kwargs or type(call.args[0]) is not Ref:
        return call
    tensor, scalar = call.args
    dtype = made.tensors[tensor.index].form.dtype
    if dtype not in _EXACT:
        return call
    if call.function is aten.pow.Tensor_Scalar and scalar == 2 and dtype.is_floating_point:
        return Call(aten.mul.Tensor, (tensor, tensor), {}, call.form, call.grad)
    if type(scalar) is not int and not (type(scalar) is float and dtype.is_floating_point):
        return call
    if call.function is aten.div.Tensor and not dtype.is_floating_point:
        return call
    if call.function is aten.rsub.Scalar:
        args: tuple[Any, ...] = (made.constant(scalar, dtype), tensor)
        return Call(aten.sub.Tensor, args, {}, call.form, call.grad)
    if call.function in _SCALAR:
        args = (tensor, made.constant(scalar, dtype))
        return Call(_SCALAR[call.function], args, {}, call.form, call.grad)
    return call


def takes_out(call: Call) -> bool:
    """Whether its result can be written into memory of our choice."""
    return (
        call.single
        and not call.host
        and not call.writes
        and (call.function is aten._to_copy.default or out_overload(call.function) is not None)
    )


@cache
def out_overload(function: Any) -> tuple[Any, str] | None:
    """(the overload that writes into memory, the name of that argument), if torch wrote one."""
    wanted = [(a.name, str(a.type)) for a in function._schema.arguments]
    for overload in function.overloadpacket.overloads():
        other = getattr(function.overloadpacket, overload)
        plain = [(a.name, str(a.type)) for a in other._schema.arguments if not a.is_out]
        outs = [a.name for a in other._schema.arguments if a.is_out]
        if len(outs) == 1 and plain == wanted and torch.Tag.generated not in other.tags:
            return other, outs[0]
    return None


def entry(call: Call, into: bool) -> tuple[Any, str]:
    """(the function to call, the name of its argument for the result or "")."""
    if call.host:
        return call.function, ""
    binding = None if _has_gaps(call) else getattr(_BINDINGS, name(call), None)
    if into:
        overload, argument = out_overload(call.function)
        return (argument == "out" and binding) or overload._op, argument
    return binding or call.function._op, ""


def _has_gaps(call: Call) -> bool:
    """Whether an argument is a list with None for some tensors, which no binding takes."""
    return any(type(a) is list and None in a for a in (*call.args, *call.kwargs.values()))
