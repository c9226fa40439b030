"""How a call is written in source: one expression per primitive, or a call of its kernel."""

import keyword
import re
from typing import Any

import numpy as np

from deepbasics.backends.numpy.replay.graph import Call

# {0}, {1}: the arguments; {out}: ", out=buffer" or nothing; settings by name.
EXPRESSIONS = {
    "relu": "np.maximum({0}, 0{out})",
    "sum": "np.add.reduce({0}, axis={axis}{keep}{out})",
    "max": "np.maximum.reduce({0}, axis={axis}{keep}{out})",
    "min": "np.minimum.reduce({0}, axis={axis}{keep}{out})",
    "reshape": "{0}.reshape({shape})",
    "broadcast_to": "np.broadcast_to({0}, {shape})",
    "transpose": "{0}.transpose({axes})",
    "getitem": "{0}[{key}]",
    "item": "{0}[{i}]",
}
OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


def expression(call: Call, args: list[str], out: str | None, names: "Names") -> str:
    """The source of one call; with `out` it writes its result there."""
    into = f", out={out}" if out else ""
    rule = call.rule
    if call.op in OPERATORS and call.is_scalar and _numbers(call):
        return f"{args[0]} {OPERATORS[call.op]} {args[1]}"
    if call.op == "matmul" and len(call.shape) == 2:
        return f"{args[0]}.dot({args[1]}{', ' + out if out else ''})"
    if call.op == "cast" and call.is_scalar and call.args[0].is_scalar:
        return f"np.{call.dtype}({args[0]})"
    if call.op == "cast" and out:
        return f"np.copyto({out}, {args[0]}, casting='unsafe')"
    if call.op in EXPRESSIONS and _is_usual(call):
        settings = {k: _setting(k, v) for k, v in call.kwargs.items()}
        keep = ", keepdims=True" if call.kwargs.get("keepdims") else ""
        return EXPRESSIONS[call.op].format(*args, out=into, keep=keep, **settings)
    if rule is not None and isinstance(rule.forward, np.ufunc):
        return f"np.{rule.forward.__name__}({', '.join(args)}{into})"
    settings = [f"{k}={names.literal(v)}" for k, v in call.kwargs.items()]
    kernel = names.kernel(rule)
    return f"{kernel}({', '.join([*args, *settings])}{into})"


def _is_usual(call: Call) -> bool:
    """Whether NumPy's own default for the dtype of a sum is right."""
    return call.op != "sum" or call.dtype.kind == "f"


def _numbers(call: Call) -> bool:
    kinds = {a.dtype.kind for a in call.args if hasattr(a, "dtype")}
    scalars = all(a.is_scalar for a in call.args if type(a) is Call)
    return scalars and kinds <= set("fiu") and not any(type(a) is np.ndarray for a in call.args)


def _setting(name: str, value: Any) -> str:
    if name == "axis" and isinstance(value, tuple) and len(value) == 1:
        return repr(int(value[0]))
    if name == "key":
        return _key(value)
    return repr(value)


def _key(key: Any) -> str:
    """An index as it is written between brackets."""
    parts = key if isinstance(key, tuple) else (key,)
    return ", ".join(_part(p) for p in parts) or "()"


def _part(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if x is None else str(x) for x in (part.start, part.stop)]
        return ":".join(ends) + (f":{part.step}" if part.step is not None else "")
    return "..." if part is Ellipsis else repr(part)


class Names:
    """The names of a source: each means one thing."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        self.constants: dict[str, Any] = {}
        self._constant_of: dict[int, str] = {}
        self.kernels: dict[str, Any] = {}

    def new(self, wish: str) -> str:
        """`wish` as an identifier, with a number if it is taken."""
        base = re.sub(r"\W+", "_", wish).strip("_") or "x"
        base = f"_{base}" if base[0].isdigit() or keyword.iskeyword(base) else base
        n = self._taken.get(base, 0)
        while True:
            n += 1
            name = base if n == 1 else f"{base}_{n}"
            if name not in self._taken:
                break
        self._taken[base] = n
        self._taken.setdefault(name, 1)
        return name

    def literal(self, value: Any) -> str:
        """A Python value as source; what has no short literal becomes a constant with a name."""
        if type(value) is float and not np.isfinite(value):
            return f'float("{value}")'
        if type(value) in (int, float, bool, str) or value is None or value is Ellipsis:
            return repr(value)
        if type(value) is tuple:
            parts = [self.literal(v) for v in value]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if type(value) is slice:
            return repr(value)
        name = self._constant_of.get(id(value))
        if name is None:
            name = self._constant_of[id(value)] = self.new("constant")
            self.constants[name] = value
        return name

    def kernel(self, rule: Any) -> str:
        """The name of a rule's forward function."""
        for name, function in self.kernels.items():
            if function is rule.forward:
                return name
        name = self.new(f"{rule.name}_kernel")
        self.kernels[name] = rule.forward
        return name
