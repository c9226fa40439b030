"""Elementwise primitives beyond the everyday: of floats, then of integers and their bits."""

import torch
from torch import Tensor

from deepbasics.backends.torch.rules.elementwise import both, on_tensors


def _hypot(a: Tensor | float, b: Tensor | float) -> Tensor:
    """torch's own has the gradient NaN at the origin."""
    a, b = both(a, b)
    zero = (a == 0) & (b == 0)
    return torch.where(zero, 0.0, torch.hypot(torch.where(zero, 1.0, a), b))


def _bitcast(x: Tensor, dtype: str) -> Tensor:
    return x.detach().clone(memory_format=torch.contiguous_format).view(getattr(torch, dtype))


RULES = {
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "hypot": _hypot,
    "fmod": on_tensors(torch.fmod),
    "nextafter": lambda a, b: torch.nextafter(*(x.detach() for x in both(a, b))),
    "signbit": torch.signbit,
    "bitcast": _bitcast,
    "bitwise_and": on_tensors(torch.bitwise_and),
    "bitwise_or": on_tensors(torch.bitwise_or),
    "bitwise_xor": on_tensors(torch.bitwise_xor),
    "bitwise_invert": torch.bitwise_not,
    "left_shift": on_tensors(torch.bitwise_left_shift),
    "right_shift": on_tensors(torch.bitwise_right_shift),
    "gcd": on_tensors(torch.gcd),
    "lcm": on_tensors(torch.lcm),
}
