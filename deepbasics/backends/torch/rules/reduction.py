"""Reductions over a tuple of axes."""

import torch
from torch import Tensor


def _sum(x: Tensor, axis: tuple[int, ...], keepdims: bool = False) -> Tensor:
    return torch.sum(x, axis, keepdim=keepdims, dtype=x.dtype) if axis else x.clone()


def _max(x: Tensor, axis: tuple[int, ...], keepdims: bool = False) -> Tensor:
    return torch.amax(x, axis, keepdim=keepdims) if axis else x.clone()


def _min(x: Tensor, axis: tuple[int, ...], keepdims: bool = False) -> Tensor:
    return torch.amin(x, axis, keepdim=keepdims) if axis else x.clone()


def _any(x: Tensor, axis: tuple[int, ...], keepdims: bool = False) -> Tensor:
    return torch.any(x, axis, keepdim=keepdims) if axis else x.clone()


def _all(x: Tensor, axis: tuple[int, ...], keepdims: bool = False) -> Tensor:
    return torch.all(x, axis, keepdim=keepdims) if axis else x.clone()


RULES = {
    "sum": _sum,
    "max": _max,
    "min": _min,
    "any": _any,
    "all": _all,
    "argmax": lambda x, axis: torch.argmax(x, axis),
    "argmin": lambda x, axis: torch.argmin(x, axis),
    "cumsum": lambda x, axis: torch.cumsum(x, axis, dtype=x.dtype),
}
