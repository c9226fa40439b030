"""Primitives that move, select or join elements."""

import torch
from torch import Tensor


def dtype(name: str) -> torch.dtype:
    """The torch dtype of a name."""
    return getattr(torch, name)


def _before(axis: int) -> tuple[slice, ...]:
    return (slice(None),) * axis


def _embed(x: Tensor, key: tuple, shape: tuple[int, ...]) -> Tensor:
    out = x.new_zeros(shape)
    out[key] = x
    return out


def _pad(x: Tensor, widths: tuple, value: float) -> Tensor:
    flat = [n for before, after in reversed(widths) for n in (before, after)]
    return torch.nn.functional.pad(x, flat, value=value)


def _add_at(x: Tensor, indices: Tensor, axis: int, shape: tuple[int, ...]) -> Tensor:
    """As the NumPy rule: move the axis to the front, add rows, move it back."""
    k = indices.ndim
    rows = torch.movedim(x, tuple(range(axis, axis + k)), tuple(range(k))) if axis else x
    whole = (shape[axis], *shape[:axis], *shape[axis + 1 :])
    out = x.new_zeros(whole).index_put((indices,), rows, accumulate=True)
    return torch.movedim(out, 0, axis) if axis else out


def _take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    n = x.shape[axis]
    lead = [max(a, b) for a, b in zip(x.shape, indices.shape, strict=True)]
    lead[axis] = n
    x = x.expand(lead)
    lead[axis] = indices.shape[axis]
    return torch.gather(x, axis, torch.where(indices < 0, indices + n, indices).expand(lead))


def _add_along_axis(x: Tensor, indices: Tensor, axis: int, shape: tuple[int, ...]) -> Tensor:
    indices = torch.where(indices < 0, indices + shape[axis], indices)
    return x.new_zeros(shape).scatter_add(axis, indices.expand(x.shape), x)


RULES = {
    "reshape": lambda x, shape: torch.reshape(x, shape),
    "transpose": lambda x, axes: torch.permute(x, axes),
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "flip": lambda x, axis: torch.flip(x, axis),
    "getitem": lambda x, key: x[key],
    "embed": _embed,
    "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
    "concatenate": lambda *xs, axis: torch.cat(xs, axis),
    "pack": lambda *xs: torch.cat([x.reshape(-1) for x in xs]),
    "pad": _pad,
    "take": lambda x, indices, axis: x[(*_before(axis), indices)],
    "add_at": _add_at,
    "take_along_axis": _take_along_axis,
    "add_along_axis": _add_along_axis,
    "stop_gradient": lambda x: x.detach(),
    "identity": lambda x: x.view_as(x),
}
