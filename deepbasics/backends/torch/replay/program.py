"""From a plan to a Python function of one line per call."""

from collections.abc import Callable
from typing import Any

import torch

from deepbasics.backends.torch.replay import spellings
from deepbasics.backends.torch.replay.plan import Plan
from deepbasics.backends.torch.replay.record import Call, Ref, refs

_GRADIENTS: dict[str, Any] = {
    "is_grad_enabled": torch.is_grad_enabled,
    "set_grad_enabled": torch._C._set_grad_enabled,
}


class _Names:
    """Names of what the lines refer to; whatever is no input or temporary result is held."""

    def __init__(self, made: Plan) -> None:
        self.made = made
        self.held: dict[str, Any] = {}
        self._of: dict[int, str] = {}
        self.local = {i: f"x{n}" for n, i in enumerate(made.inputs)}

    def hold(self, value: Any, prefix: str) -> str:
        """The name of an object."""
        name = self._of.get(id(value))
        if name is None:
            name = self._of[id(value)] = f"{prefix}{len(self.held)}"
            self.held[name] = value
        return name

    def code(self, value: Any) -> str:
        """An argument as source."""
        if type(value) is Ref:
            fixed = self.made.fixed.get(value.index)
            if fixed is not None:
                return self.hold(fixed, "c")
            return self.local.setdefault(value.index, f"t{value.index}")
        if type(value) is tuple:
            return f"({''.join(f'{self.code(v)}, ' for v in value)})"
        if type(value) is list:
            return f"[{', '.join(self.code(v) for v in value)}]"
        if type(value) is dict:
            return f"{{{', '.join(f'{k!r}: {self.code(v)}' for k, v in value.items())}}}"
        if type(value) in (int, bool, str, type(None)):
            return repr(value)
        return self.hold(value, "k")


def function(made: Plan, bare: bool = False) -> Callable[..., Any]:
    """The function of a plan, over the step's tensors; `bare`: of aten overloads alone."""
    names = _Names(made)
    lines = _lines(made, names, bare)
    arguments = ", ".join(f"x{n}" for n in range(len(made.inputs)))
    body = "\n            ".join(lines)
    source = (
        f"def make({', '.join(names.held)}):\n"
        f"    def step({arguments}):\n"
        "        before = is_grad_enabled()\n"
        "        try:\n"
        f"            {body}\n"
        "        finally:\n"
        "            set_grad_enabled(before)\n"
        "    return step\n"
    )
    scope = dict(_GRADIENTS)
    exec(compile(source, "<recorded torch step>", "exec"), scope)
    step = scope["make"](**names.held)
    step.source = source
    return step


def _lines(made: Plan, names: _Names, bare: bool) -> list[str]:
    """The calls, each with gradients enabled or not as they were, and what they have used up."""
    last, enabled, lines = _last_lines(made), None, []
    for at, call in enumerate(made.calls):
        if call.grad is not enabled:
            enabled = call.grad
            lines.append(f"set_grad_enabled({enabled})")
        lines.append(_line(call, names, bare))
        done = [names.local[i] for i in last.get(at, ()) if names.local.get(i, "x")[0] == "t"]
        if done:
            lines.append(f"del {', '.join(sorted(done))}")
    return [*lines, f"return {_result(made, names)}"]


def _line(call: Call, names: _Names, bare: bool) -> str:
    into = names.made.into.get(call.outs[0]) if call.outs and not call.writes else None
    if into is not None and call.function is spellings.aten._to_copy.default:
        return f"{names.hold(into, 'c')}.copy_({names.code(call.args[0])})"
    entry, argument = (call.function, "") if bare else spellings.entry(call, into is not None)
    given = [names.code(a) for a in call.args]
    given += [f"{k}={names.code(v)}" for k, v in call.kwargs.items()]
    if into is not None:
        given.append(f"{argument}={names.hold(into, 'c')}")
    code = f"{names.hold(entry, 'f')}({', '.join(given)})"
    if call.writes or into is not None or not call.outs:
        return code
    return f"{_target(call.form, names)} = {code}"


def _target(form: Any, names: _Names) -> str:
    """The results of a call as names to assign to; what is no tensor is not needed."""
    if type(form) is Ref:
        return names.local.setdefault(form.index, f"t{form.index}")
    if type(form) in (list, tuple):
        return f"[{', '.join(_target(f, names) for f in form)}]"
    return "_"


def _last_lines(made: Plan) -> dict[int, list[int]]:
    """After each call the temporary results that are not used any more."""
    last: dict[int, int] = {}
    for at, call in enumerate(made.calls):
        last.update((i, at) for i in (*call.reads, *call.outs))
    kept = set(refs(made.result)) | set(made.fixed) | set(made.inputs)
    found: dict[int, list[int]] = {}
    for i, at in last.items():
        if i not in kept:
            found.setdefault(at, []).append(i)
    return found


def _result(made: Plan, names: _Names) -> str:
    """The result; what lies in memory that lives on is copied out of it."""
    lives_on = {made.memory[i] for i in (*made.fixed, *made.inputs)}

    def code(value: Any) -> str:
        if type(value) is Ref and made.memory[value.index] in lives_on:
            return f"{names.code(value)}.clone()"
        if type(value) in (list, tuple):
            parts = "".join(f"{code(v)}, " for v in value)
            return f"[{parts}]" if type(value) is list else f"({parts})"
        if type(value) is dict:
            return f"{{{', '.join(f'{k!r}: {code(v)}' for k, v in value.items())}}}"
        return names.code(value)

    return code(made.result)
