"""Attention by torch's fused kernels."""

import torch
from torch import Tensor
from torch.nn import functional as F


def _attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, causal: bool
) -> tuple[Tensor]:
    """A step that may attend to nothing has a query of zeros, and attends to all alike."""
    if mask is not None:
        if causal:
            steps = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
            mask = mask & torch.tril(steps)
        some = mask.any(-1, keepdim=True)
        q, mask = torch.where(some, q, 0.0), mask | ~some
    return (
        F.scaled_dot_product_attention(
            q, k, v, mask, is_causal=causal and mask is None, scale=scale
        ),
    )


RULES = {"attention": _attention}
