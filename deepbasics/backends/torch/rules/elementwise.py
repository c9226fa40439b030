"""Elementwise primitives. Where torch wants tensors, a Python scalar becomes one on the spot."""

from collections.abc import Callable

import torch
from torch import Tensor


def both(a: Tensor | float, b: Tensor | float) -> tuple[Tensor, Tensor]:
    """Two tensors, a scalar taking the dtype and device of the tensor beside it."""
    if not isinstance(a, Tensor):
        a = torch.full((), a, dtype=b.dtype, device=b.device)
    if not isinstance(b, Tensor):
        b = torch.full((), b, dtype=a.dtype, device=a.device)
    return a, b


def on_tensors(fn: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda a, b: fn(*both(a, b))


def _where(condition: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    return torch.where(condition, a, b)


def _sign(x: Tensor) -> Tensor:
    """torch's own makes 0 of NaN."""
    x = x.detach()
    return torch.where(torch.isnan(x), x, torch.sign(x))


def _floor_divide(a: Tensor | float, b: Tensor | float) -> Tensor:
    """Piecewise constant; torch's own refuses to be part of a gradient."""
    a, b = both(a, b)
    return a.detach() // b.detach()


RULES = {
    "negative": torch.negative,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "square": torch.square,
    "reciprocal": torch.reciprocal,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "floor_divide": _floor_divide,
    "mod": lambda a, b: a % b,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "logaddexp": on_tensors(torch.logaddexp),
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "arcsin": torch.arcsin,
    "arccos": torch.arccos,
    "arctan": torch.arctan,
    "arctan2": on_tensors(torch.arctan2),
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "arcsinh": torch.arcsinh,
    "arccosh": torch.arccosh,
    "arctanh": torch.arctanh,
    "abs": torch.abs,
    "sign": _sign,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "trunc": torch.trunc,
    "maximum": on_tensors(torch.maximum),
    "minimum": on_tensors(torch.minimum),
    "relu": torch.relu,
    "clip": lambda x, lo, hi: torch.clamp(x, lo, hi),
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "logical_not": torch.logical_not,
    "isnan": torch.isnan,
    "isinf": torch.isinf,
    "isfinite": torch.isfinite,
    "where": _where,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros((), dtype=x.dtype, device=x.device)),
}
