"""Recurrences by torch's fused kernels; arguments and layout as in the NumPy rules.

torch's LSTM has Keras' gate order, its GRU the first two gates exchanged. A masked sequence is
closed up, so that the steps that count come first, and run to its full length, whatever the mask
shows; then each step takes the state of the last one that counted.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_VF = torch._VF
_TAIL = (True, 1, 0.0)  # biases, layers, dropout
_SATURATED = 1e4  # its sigmoid is 1 in every dtype, that of its negative 0; float16 has it


def _parameters(
    kernel: Tensor, recurrent: Tensor, bias: Tensor, inner_bias: Tensor
) -> list[Tensor]:
    parts = [kernel.t(), recurrent.t(), bias, inner_bias]
    return _side_by_side(parts) if kernel.is_cuda else [part.contiguous() for part in parts]


def _side_by_side(parts: list[Tensor]) -> list[Tensor]:
    """The same tensors in one memory, as cuDNN wants weights, which else warns and copies them."""
    flat = torch.cat([part.reshape(-1) for part in parts])
    pieces = flat.split([part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]


def _run(kernel: Callable[..., Any], x: Tensor, states: Any, weights: Any) -> tuple[Tensor, ...]:
    return kernel(x, states, weights, *_TAIL, torch.is_grad_enabled(), False, False)


def _closed_up(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The steps that count, then zeros; and which are those zeros, with a last axis of one."""
    order = torch.argsort(~mask, dim=0, stable=True)[..., None]
    rest = (torch.arange(len(x), device=x.device)[:, None] >= mask.sum(0))[..., None]
    return torch.gather(x, 0, order.expand_as(x)).masked_fill(rest, 0.0), rest


def _spread_out(h0: Tensor, hs: Tensor, mask: Tensor) -> Tensor:
    """Each step takes the state of the last one that counted, the first ones h0."""
    hs = torch.cat([h0, hs])
    return torch.gather(hs, 0, mask.cumsum(0)[..., None].expand(-1, -1, hs.shape[-1]))


def _lstm(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    kernel: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    states = (h0[None].contiguous(), c0[None].contiguous())
    if mask is not None:
        x, rest = _closed_up(x, mask)
        x = torch.cat([x, rest.to(x.dtype)], -1)
        kernel = torch.cat([kernel, _holding(kernel, len(recurrent))])
    weights = _parameters(kernel, recurrent, bias, torch.zeros_like(bias))
    hs, _, c = _run(_VF.lstm, x, states, weights)
    return (hs if mask is None else _spread_out(states[0], hs, mask)), c[0]


def _holding(kernel: Tensor, units: int) -> Tensor:
    """The weights of an input that, when it is 1, closes the input gate and opens the forget gate
    all the way: c stays as it is, and no gradient comes through the gates.
    """
    gates = [kernel.new_full((1, units), z) for z in (-_SATURATED, _SATURATED, 0.0, 0.0)]
    return torch.cat(gates, -1)


def _reset_first(w: Tensor) -> Tensor:
    """Keras' z, r, h to torch's r, z, n."""
    z, r, h = w.chunk(3, -1)
    return torch.cat([r, z, h], -1)


def _gru(
    x: Tensor, h0: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, mask: Tensor | None
) -> tuple[Tensor]:
    kernel, recurrent, bias = (_reset_first(w) for w in (kernel, recurrent, bias))
    return (_one_state(_VF.gru, x, h0, _parameters(kernel, recurrent, *bias), mask),)


def _simple_rnn(
    x: Tensor, h0: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, mask: Tensor | None
) -> Tensor:
    weights = _parameters(kernel, recurrent, bias, torch.zeros_like(bias))
    return _one_state(_VF.rnn_tanh, x, h0, weights, mask)


def _one_state(
    kernel: Callable[..., Any], x: Tensor, h0: Tensor, weights: Any, mask: Tensor | None
) -> Tensor:
    h0 = h0[None].contiguous()
    if mask is None:
        return _run(kernel, x, h0, weights)[0]
    x, _ = _closed_up(x, mask)
    return _spread_out(h0, _run(kernel, x, h0, weights)[0], mask)


def _vjp(forward: Callable[..., Any], results: int, arguments: int) -> Callable[..., Any]:
    """What NumPy has a rule for: the cotangents of the arguments, here by autograd."""

    def rule(*given: Tensor) -> tuple[Tensor, ...]:
        cotangents, args = given[:results], given[results : results + arguments]
        mask = given[results + arguments]
        with torch.enable_grad():
            leaves = [a.detach().requires_grad_(True) for a in args]
            y = forward(*leaves, mask)
            y = (y,) if isinstance(y, Tensor) else y
            return torch.autograd.grad(y, leaves, cotangents)

    return rule


RULES = {
    "unstack": lambda x: torch.unbind(x, 0),
    "lstm": _lstm,
    "gru": _gru,
    "simple_rnn": _simple_rnn,
    "lstm_vjp": _vjp(_lstm, 2, 6),
    "gru_vjp": _vjp(_gru, 1, 5),
    "simple_rnn_vjp": _vjp(_simple_rnn, 1, 5),
}
