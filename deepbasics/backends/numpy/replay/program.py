"""A plan as a Python function."""

import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics.backends.numpy.replay.graph import replace
from deepbasics.backends.numpy.replay.plan import Name, Plan

_NUMPY_CALL = re.compile(r"\bnp\.((?!empty\b)[a-z]\w*(?:\.\w+)*)\(")


def source(plan: Plan, lines: list[str] | None = None, lock: str = "") -> str:
    """The source of `bind(variables and constants) -> step(inputs)`; `lock`: held meanwhile."""
    lines = [line.text for line in plan.lines] if lines is None else lines
    result = f"return {_nest(plan.result)}" if _is_source(plan.result) else "return result"
    functions: dict[str, str] = {}
    body = [_short(line, functions) for line in lines]
    setup = [f"{short} = np.{long}" for long, short in sorted(functions.items())]
    arguments = ", ".join(arguments_of(plan))
    inputs = ", ".join(name or f"_{i}" for i, name in enumerate(plan.inputs))
    body = [*body, result]
    body = [f"with {lock}:", *_indented(body)] if lock else body
    inner = "\n".join([f"def step({inputs}):", *_indented(body)])
    return "\n".join(
        [
            f"def bind({arguments}):",
            *_indented([*setup, *plan.names.numbers, *plan.setup, inner, "return step"]),
        ]
    )


def arguments_of(plan: Plan) -> list[str]:
    """The names that a source is bound to: Variables, constants, kernels."""
    return [*plan.variables, *plan.names.constants, *plan.names.kernels]


def function(
    plan: Plan, lines: list[str] | None = None, lock: Any = None, **names: Any
) -> Callable[..., Any]:
    """The step (or these lines, with more names) as a function, bound to its Variables.

    With a `lock`, calls take turns: they share the buffers.
    """
    held = "_lock" if lock else ""
    space: dict[str, Any] = {"np": np, "result": plan.result, "_lock": lock, **names}
    exec(compile(source(plan, lines, held), "<recorded step>", "exec"), space)
    held = [variable.data for variable in plan.variables.values()]
    return space["bind"](*held, *plan.names.constants.values(), *plan.names.kernels.values())


def _short(line: str, functions: dict[str, str]) -> str:
    """`np.add.reduce(` as `add_reduce(`; the function is looked up once."""

    def name(match: re.Match[str]) -> str:
        long = match.group(1)
        functions[long] = "_" + long.replace(".", "_")
        return functions[long] + "("

    return _NUMPY_CALL.sub(name, line)


def _indented(lines: list[str]) -> list[str]:
    return [textwrap.indent(line, "    ") for line in lines]


def _is_source(nest: Any) -> bool:
    """Whether a result can be written down: names of the source, numbers, texts, None."""
    plain = (Name, int, float, str, bool, type(None))
    found: list[bool] = []
    replace(nest, lambda leaf: found.append(type(leaf) in plain))
    return all(found)


def _nest(nest: Any) -> str:
    if isinstance(nest, dict):
        return "{" + ", ".join(f"{k!r}: {_nest(v)}" for k, v in nest.items()) + "}"
    if isinstance(nest, list):
        return "[" + ", ".join(_nest(v) for v in nest) + "]"
    if isinstance(nest, tuple):
        return "(" + "".join(f"{_nest(v)}, " for v in nest) + ")"
    return str(nest) if type(nest) is Name else repr(nest)
