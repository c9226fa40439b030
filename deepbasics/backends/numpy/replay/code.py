"""How a call is written in source: one expression per primitive, or a call of its kernel."""

import keyword
import re
from typing import Any

import numpy as np

from deepbasics.backends.numpy.replay.graph import Call
from deepbasics.backends.numpy.rules.reduction import sums_by_product

# {0}, {1}: the arguments; {into}: a buffer or None; settings by name.
EXPRESSIONS = {
    "sum": "np.add.reduce({0}, {axis}, None, {into}, {keepdims})",
    "max": "np.maximum.reduce({0}, {axis}, None, {into}, {keepdims})",
    "min": "np.minimum.reduce({0}, {axis}, None, {into}, {keepdims})",
    "argmax": "{0}.argmax({axis}, {into})",
    "argmin": "{0}.argmin({axis}, {into})",
    "count": "np.count_nonzero({0})",
    "reshape": "{0}.reshape({shape})",
    "broadcast_to": "np.broadcast_to({0}, {shape})",
    "transpose": "{0}.transpose({axes})",
    "getitem": "{0}[{key}]",
    "item": "{0}[{i}]",
    "cell": "{0}.reshape(())",
}
OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


def expression(call: Call, args: list[str], out: str | None, names: "Names") -> str:
    """The source of one call; with `out` it writes its result there."""
    into, position = (f", out={out}", f", {out}") if out else ("", "")
    rule = call.rule
    if call.op in OPERATORS and call.is_scalar and _numbers(call):
        return f"{args[0]} {OPERATORS[call.op]} {args[1]}"
    if call.op == "matmul" and len(call.shape) == 2:
        return f"{args[0]}.dot({args[1]}{position})"
    if call.op == "transpose" and call.kwargs["axes"] == (1, 0):
        return f"{args[0]}.T"
    if call.op in ("cast", "spread") and out:
        return f"{out}[...] = {args[0]}"
    if call.op == "sum" and _by_product(call):
        ones = names.ones(call.args[0].shape[0], call.dtype)
        return f"{ones}.dot({args[0]}{position})"
    if call.op in EXPRESSIONS and _is_usual(call):
        settings = {"keepdims": False} | {k: _setting(k, v) for k, v in call.kwargs.items()}
        return EXPRESSIONS[call.op].format(*args, into=out, **settings)
    if rule is not None and isinstance(rule.forward, np.ufunc):
        args = [names.operand(a, call) or text for a, text in zip(call.args, args, strict=True)]
        named = rule.forward in (np.maximum, np.minimum)  # else by position: faster by a tenth
        return f"np.{rule.forward.__name__}({', '.join(args)}{into if named else position})"
    settings = [f"{k}={names.literal(v)}" for k, v in call.kwargs.items()]
    kernel = names.kernel(rule)
    return f"{kernel}({', '.join([*args, *settings])}{into})"


def _by_product(call: Call) -> bool:
    x, axis, keepdims = call.args[0], call.kwargs["axis"], call.kwargs.get("keepdims", False)
    return sums_by_product(x.shape, x.dtype, axis, keepdims)


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
        self._numbers: dict[Any, str] = {}
        self._ones: dict[Any, str] = {}

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

    def operand(self, value: Any, call: Call) -> str | None:
        """A number beside a float array as an array without axes, which NumPy takes faster."""
        kinds = {a.dtype for a in call.inputs()}
        if type(value) not in (int, float) or len(kinds) != 1 or not call.shape:
            return None
        dtype = kinds.pop()
        if dtype.kind != "f":
            return None
        key = (value, str(value), dtype)
        if key not in self._numbers:
            self._numbers[key] = self.new(f"c{value!r}")
        return self._numbers[key]

    def ones(self, n: int, dtype: np.dtype) -> str:
        """The name of an array of so many ones."""
        key = (n, dtype)
        if key not in self._ones:
            self._ones[key] = self.new(f"ones_{n}")
        return self._ones[key]

    @property
    def numbers(self) -> list[str]:
        """The lines that make operands and ones."""
        operands = [
            f"{name} = np.array({self.literal(value)}, np.{dtype})"
            for (value, _, dtype), name in self._numbers.items()
        ]
        return operands + [f"{v} = np.ones({n}, np.{d})" for (n, d), v in self._ones.items()]

    def kernel(self, rule: Any) -> str:
        """The name of a rule's forward function."""
        for name, function in self.kernels.items():
            if function is rule.forward:
                return name
        name = self.new(f"{rule.name}_kernel")
        self.kernels[name] = rule.forward
        return name
