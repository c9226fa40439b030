"""A value with a gradient of the caller's own."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class _Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, backward: Callable[..., Any], y: Tensor, *xs: Tensor) -> Tensor:
        ctx.cotangents = backward
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return (None, None, *ctx.cotangents(g))


def _custom_gradient(y: Tensor, *xs: Tensor, backward: Callable[..., Any]) -> Tensor:
    return _Custom.apply(backward, y.detach(), *xs)


RULES = {"custom_gradient": _custom_gradient}
