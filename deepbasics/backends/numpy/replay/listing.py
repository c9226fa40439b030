"""A plan as a NumPy script that runs without this library."""

import ast
import dis
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from deepbasics.backends.numpy.replay.plan import Plan
from deepbasics.backends.numpy.replay.program import arguments_of, source

HEAD = '''"""{title}

`python step.py state.npz` loads the state and a batch, runs the step once (or as often as a second
argument says), and prints what it returned or the state that it changed.
"""

{imports}

import numpy as np
'''
MAIN = '''
STATE = {state}
PARTS = {parts}
BATCH = {batch}


def main(path, steps=1):
    """The state after so many steps on the batch, and what the last one returned."""
    with np.load(path) as file:
        held = {{name: file[name] for name in file.files}}
    for name, (whole, start, shape) in PARTS.items():
        stop = start + int(np.prod(shape))
        held[name] = held[whole][start:stop].reshape(shape)
    step = bind(*(held[name] for name in STATE){kernels})
    batch = [None if name is None else held[name] for name in BATCH]
    for _ in range(steps):
        result = step(*batch)
    return {{name: held[name] for name in STATE}}, result


if __name__ == "__main__":
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    state, result = main(sys.argv[1], steps)
    print(result if result is not None else state)
'''


def listing(plan: Plan, title: str) -> str:
    """The script: kernels, `bind`, and a `main` that loads what `state` gives.

    Raises ValueError for a primitive whose kernel cannot be written down.
    """
    kernels: dict[str, str] = {}
    names = [_written(function, kernels) for function in plan.names.kernels.values()]
    held = [name for name in arguments_of(plan) if name not in plan.names.kernels]
    imports = sorted(text for text in kernels.values() if "import " in text.split("\n")[0])
    parts = [
        HEAD.format(title=title, imports="\n".join(["import sys", *imports])),
        *(text for text in kernels.values() if text not in imports),
        f"\n{source(plan)}\n",
        MAIN.format(
            state=_wrapped(held),
            parts=_parts(plan),
            batch=plan.inputs,
            kernels="".join(f", {n}" for n in names),
        ),
    ]
    return "\n".join(parts)


def state(plan: Plan, batch: list[Any]) -> dict[str, np.ndarray]:
    """What the script's `main` loads: Variables, constants and the batch, by their names there."""
    parts = _parts(plan)
    found = {n: np.array(v.data) for n, v in plan.variables.items() if n not in parts}
    found |= {name: np.asarray(v) for name, v in plan.names.constants.items()}
    given = zip(plan.inputs, batch, strict=True)
    return found | {name: np.asarray(a) for name, a in given if name is not None}


def _parts(plan: Plan) -> dict[str, tuple[str, int, tuple[int, ...]]]:
    """The Variables that are part of a flat one: its name, where they begin, and their shape."""
    flat = {id(v): name for name, v in plan.variables.items()}
    homes = {name: v.home for name, v in plan.variables.items() if v.home is not None}
    return {
        name: (flat[id(home.flat)], home.offset, plan.variables[name].shape)
        for name, home in homes.items()
        if id(home.flat) in flat
    }


def _wrapped(names: list[str]) -> str:
    return "[\n" + "".join(f"    {name!r},\n" for name in names) + "]" if names else "[]"


def _written(function: Callable[..., Any], found: dict[str, str]) -> str:
    """Adds the source of a function, after that of what it uses; gives its name there."""
    if isinstance(function, np.ufunc) or getattr(np, function.__name__, None) is function:
        return f"np.{function.__name__}"
    name = function.__name__ if function.__name__ != "<lambda>" else f"kernel_{len(found)}"
    if name in found:
        return name
    if function.__closure__:
        raise _unwritable(function, "what is around it")
    for used in dict.fromkeys(_loaded(function, "LOAD_GLOBAL")):
        value = function.__globals__.get(used)
        if value is np or used not in function.__globals__:  # a builtin
            continue
        if isinstance(value, ModuleType):
            _module(function, used, value, found)
        elif inspect.isfunction(value):
            _written(value, found)
        elif isinstance(value, np.ufunc):
            found.setdefault(used, f"{used} = np.{value.__name__}")
        else:
            found.setdefault(used, f"{used} = {_literal(function, used, value)}")
    found[name] = _text(function, name)
    return name


def _loaded(function: Callable[..., Any], *how: str) -> list[str]:
    """The names that the code of a function, and of those within it, loads so."""
    found, codes = [], [function.__code__]
    while codes:
        code = codes.pop()
        codes += [c for c in code.co_consts if inspect.iscode(c)]
        found += [i.argval for i in dis.get_instructions(code) if i.opname in how]
    return found


def _module(
    function: Callable[..., Any], name: str, module: ModuleType, found: dict[str, str]
) -> None:
    """Adds an import, or in the place of a module of ours a namespace of what is used of it."""
    if not module.__name__.startswith("deepbasics"):
        found.setdefault(name, f"import {module.__name__}")
        return
    named = _loaded(function, "LOAD_ATTR", "LOAD_METHOD")
    used = [name for name in named if inspect.isfunction(getattr(module, name, None))]
    for attribute in used:
        _written(getattr(module, attribute), found)
    parts = ", ".join(f"{a}={a}" for a in dict.fromkeys(used))
    found["SimpleNamespace"] = "from types import SimpleNamespace"
    earlier = found.pop(name, f"{name} = SimpleNamespace()")
    added = f"vars({name}).update({parts})" if earlier else ""
    found[name] = f"{earlier}\n{added}"


def _text(function: Callable[..., Any], name: str) -> str:
    """The source of a function, bare of annotations; that of a lambda as an assignment."""
    whole = ast.parse(inspect.getsource(inspect.getmodule(function)))
    line = function.__code__.co_firstlineno
    for node in ast.walk(whole):
        if getattr(node, "lineno", 0) != line:
            continue
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return f"\n{ast.unparse(_bare(node))}\n"
        parameters = list(inspect.signature(function).parameters)
        if isinstance(node, ast.Lambda) and [a.arg for a in node.args.args] == parameters:
            return f"\n{name} = {ast.unparse(node)}"
    raise _unwritable(function, "its source")


def _bare(node: ast.FunctionDef) -> ast.FunctionDef:
    node.returns, node.decorator_list = None, []
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return node


def _literal(function: Callable[..., Any], name: str, value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}, np.{value.dtype})"
    if isinstance(value, np.generic):
        return f"np.{value.dtype}({value.item()!r})"
    if isinstance(value, (int, float, str, bool, tuple, type(None))):
        return repr(value)
    if isinstance(value, Mapping) and not any(map(callable, value.values())):
        return repr(dict(value))
    raise _unwritable(function, f"{name}, a {type(value).__name__}")


def _unwritable(function: Callable[..., Any], what: str) -> ValueError:
    return ValueError(
        f"The step uses {function.__name__!r} of {function.__module__}, whose source cannot stand "
        f"alone because of {what}. profile_step lists the calls of such a step."
    )
