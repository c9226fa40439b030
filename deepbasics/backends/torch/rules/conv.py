"""Convolution and pooling by torch's kernels.

Tensors come as (batch, *spatial, channels) and leave so; torch has channels second. Its kernels
take either order in memory, so the axes are renamed (`permute`) and nothing is copied.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
Pairs = tuple[tuple[int, int], ...]


def _first(x: Tensor) -> Tensor:
    """Channels second."""
    return x.movedim(-1, 1)


def _last(x: Tensor) -> Tensor:
    """Channels last."""
    return x.movedim(1, -1)


def _kernel(k: Tensor) -> Tensor:
    """(*window, channels, filters) as (filters, channels, *window), contiguous: torch's float64
    kernels have no gradient for other weights.
    """
    n = k.ndim - 2
    return k.permute(n + 1, n, *range(n)).contiguous()


def _even(padding: Pairs) -> bool:
    return all(before == after for before, after in padding)


def _padded(x: Tensor, padding: Pairs, value: float = 0.0) -> Tensor:
    """`x`, channels second, wider by `padding` (or narrower, where it is negative)."""
    return F.pad(x, [n for pair in reversed(padding) for n in pair], value=value)


def _conv(
    x: Tensor,
    k: Tensor,
    b: Tensor | None = None,
    *,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    x = _first(x)
    pad: Any = tuple(before for before, _ in padding)
    if not _even(padding):
        x, pad = _padded(x, padding), 0
    return _last(CONV[k.ndim - 2](x, _kernel(k), b, strides, pad, dilation, groups))


def _conv_input_grad(
    g: Tensor,
    k: Tensor,
    *,
    spatial: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    transpose = CONV_TRANSPOSE[k.ndim - 2]
    reached = [
        (n - 1) * s + (w - 1) * d + 1
        for n, s, w, d in zip(g.shape[1:-1], strides, k.shape, dilation, strict=False)
    ]
    before = [pair[0] for pair in padding]
    more = [n + 2 * p - r for n, p, r in zip(spatial, before, reached, strict=True)]
    if all(0 <= m < max(s, d) for m, s, d in zip(more, strides, dilation, strict=True)):
        y = transpose(_first(g), _kernel(k), None, strides, before, more, groups, dilation)
        return _last(y)
    y = transpose(_first(g), _kernel(k), None, strides, 0, 0, groups, dilation)
    cut = tuple((-p, n + p - r) for n, p, r in zip(spatial, before, reached, strict=True))
    return _last(_padded(y, cut))


def _adjoint(function: Callable[[Tensor], Tensor], shape: tuple[int, ...], g: Tensor) -> Tensor:
    """The adjoint of a linear function of a tensor of `shape`, at g; differentiable by g."""
    onward = torch.is_grad_enabled()
    with torch.enable_grad():
        at = torch.zeros(shape, dtype=g.dtype, device=g.device, requires_grad=True)
        (found,) = torch.autograd.grad(function(at), at, g, create_graph=onward)
    return found


def _conv_kernel_grad(x: Tensor, g: Tensor, *, window: tuple[int, ...], **how: Any) -> Tensor:
    shape = (*window, x.shape[-1] // how["groups"], g.shape[-1])
    return _adjoint(lambda k: _conv(x, k, **how), shape, g)


def _max_pool(
    x: Tensor, *, window: tuple[int, ...], strides: tuple[int, ...], padding: Pairs
) -> Tensor:
    x = _first(x)
    pad: Any = tuple(before for before, _ in padding)
    if not _even(padding) or any(2 * p > w for p, w in zip(pad, window, strict=True)):
        x, pad = _padded(x, padding, -math.inf), 0
    return _last(MAX_POOL[len(window)](x, window, strides, pad))


def _largest(x: Tensor, window: Any, strides: Any, padding: Pairs) -> tuple[Tensor, Any]:
    """The places of the largest, flat over the spatial axes of the padded input; its shape."""
    wide = _padded(_first(x), padding, -math.inf)
    _, places = MAX_POOL[len(window)](wide, window, strides, return_indices=True)
    return places.flatten(2), wide.shape


def _max_pool_scatter(
    g: Tensor, x: Tensor, y: Tensor, *, window: Any, strides: Any, padding: Pairs
) -> Tensor:
    places, shape = _largest(x, window, strides, padding)
    flat = g.new_zeros((*shape[:2], math.prod(shape[2:])))
    found = flat.scatter_add(2, places, _first(g).flatten(2)).reshape(shape)
    return _last(_padded(found, tuple((-a, -b) for a, b in padding)))


def _max_pool_pick(
    h: Tensor, x: Tensor, y: Tensor, *, window: Any, strides: Any, padding: Pairs
) -> Tensor:
    places, _ = _largest(x, window, strides, padding)
    wide = _padded(_first(h), padding).flatten(2)
    return _last(wide.gather(2, places).reshape(_first(y).shape))


def _average_pool(
    x: Tensor, *, window: tuple[int, ...], strides: tuple[int, ...], padding: Pairs
) -> Tensor:
    pool = AVERAGE_POOL[len(window)]
    pad = tuple(before for before, _ in padding)
    x = _first(x)
    if _even(padding) and all(2 * p <= w for p, w in zip(pad, window, strict=True)):
        return _last(pool(x, window, strides, pad, count_include_pad=False))
    cells = x.new_ones((1, 1, *x.shape[2:]))
    shares = pool(_padded(cells, padding), window, strides)  # of a window that is not padding
    return _last(pool(_padded(x, padding), window, strides) / shares)


def _average_pool_spread(g: Tensor, *, spatial: tuple[int, ...], **how: Any) -> Tensor:
    return _adjoint(lambda x: _average_pool(x, **how), (len(g), *spatial, g.shape[-1]), g)


RULES = {
    "conv": _conv,
    "conv_input_grad": _conv_input_grad,
    "conv_kernel_grad": _conv_kernel_grad,
    "max_pool": _max_pool,
    "max_pool_scatter": _max_pool_scatter,
    "max_pool_pick": _max_pool_pick,
    "average_pool": _average_pool,
    "average_pool_spread": _average_pool_spread,
}
