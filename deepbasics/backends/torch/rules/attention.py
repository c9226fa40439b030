"""Attention by torch's fused kernels."""

import torch
from torch import Tensor
from torch.nn import functional as F


def _attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, causal: bool
) -> tuple[Tensor]:
    """A mask becomes a large negative bias: a row without any True attends to all alike."""
    if mask is not None:
        if causal:
            steps = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
            mask = mask & torch.tril(steps)
        low = torch.full((), -0.7 * torch.finfo(q.dtype).max, dtype=q.dtype, device=q.device)
        mask = torch.where(mask, torch.zeros_like(low), low)
    return (
        F.scaled_dot_product_attention(
            q, k, v, mask, is_causal=causal and mask is None, scale=scale
        ),
    )


RULES = {"attention": _attention}
