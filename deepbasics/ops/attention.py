"""Attention over heads."""

from typing import Any

import numpy as np

from deepbasics import dtypes
from deepbasics.ops.call import call, dtype_of, tensor
from deepbasics.ops.creation import full
from deepbasics.ops.elementwise import add, multiply, where
from deepbasics.ops.networks import softmax
from deepbasics.ops.shape import broadcast_to, expand_dims, reshape, swapaxes

Tensor = Any

__all__ = ["dot_product_attention"]


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """`softmax(query · key · scale + bias) · value` for each head (Vaswani et al. 2017).

    Args:
        query: (batch, steps, heads, n).
        key, value: (batch, sources, groups, n); each group serves heads / groups heads.
        bias: added to the scores; broadcasts to (batch, heads, steps, sources).
        mask: True where a step may attend to a source; broadcasts likewise. A step that may attend
            to none attends to all alike.
        scale: default 1 / √n.
        is_causal: a step attends only to sources that are not after it.
        flash_attention: no effect; the backend chooses its kernel.

    Returns (batch, steps, heads, n of value).
    """
    if attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention: attn_logits_soft_cap is not available.")
    query, key, value = (tensor(x) for x in (query, key, value))
    shapes = [tuple(x.shape) for x in (query, key, value)]
    (_, _, heads, n), (_, _, groups, n_key) = _four_axes(shapes)
    if n != n_key or heads % groups or shapes[1][:3] != shapes[2][:3]:
        raise ValueError(
            "dot_product_attention takes query (batch, steps, heads, n), key and value (batch, "
            f"sources, groups, n) with groups dividing heads; got {shapes}."
        )
    q, k, v = (swapaxes(_for_heads(x, heads), 1, 2) for x in (query, key, value))
    scale = n**-0.5 if scale is None else float(scale)
    mask = None if mask is None else _with_four_axes(tensor(mask, "bool"))
    if bias is None:
        return swapaxes(call("attention", q, k, v, mask, scale=scale, causal=is_causal)[0], 1, 2)
    scores = add(multiply(call("matmul", q, swapaxes(k, 2, 3)), scale), bias)
    return swapaxes(call("matmul", attention_weights(scores, mask, is_causal), v), 1, 2)


def attention_weights(scores: Any, mask: Any = None, is_causal: bool = False) -> Tensor:
    """softmax(scores) over the last axis, of the places that the mask leaves."""
    low = full((), -0.7 * float(dtypes.finfo(dtype_of(scores)).max), dtype_of(scores))
    if is_causal:
        scores = where(np.tri(*scores.shape[-2:], dtype=bool), scores, low)
    return softmax(scores if mask is None else where(mask, scores, low))


def _four_axes(shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    if any(len(s) != 4 for s in shapes):
        raise ValueError(f"dot_product_attention takes tensors with four axes; got {shapes}.")
    return shapes[:2]


def _with_four_axes(mask: Any) -> Any:
    missing = 4 - len(mask.shape)
    return expand_dims(mask, tuple(range(missing))) if missing > 0 else mask


def _for_heads(x: Any, heads: int) -> Any:
    """(batch, steps, groups, n), each group repeated for its heads."""
    batch, steps, groups, n = x.shape
    if groups == heads:
        return x
    x = broadcast_to(expand_dims(x, 3), (batch, steps, groups, heads // groups, n))
    return reshape(x, (batch, steps, heads, n))
