"""Recurrences by torch's fused kernels; arguments and layout as in the NumPy rules.

torch's LSTM has Keras' gate order, its GRU the first two gates exchanged. A masked sequence is
closed up, so that the steps that count come first, and run as a packed sequence; then each step
takes the state of the last one that counted.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepbasics.backends.torch.replay.record import active

_VF = torch._VF
_TAIL = (True, 1, 0.0)  # biases, layers, dropout


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


def _unmasked(kernel: Callable[..., Any], x: Tensor, states: Any, weights: Any) -> Any:
    return kernel(x, states, weights, *_TAIL, torch.is_grad_enabled(), False, False)


def _masked(
    kernel: Callable[..., Any], x: Tensor, states: tuple[Tensor, ...], weights: Any, mask: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All h, and the last states, each (1, batch, units)."""
    if (recording := active()) is not None:
        reason = "a masked recurrence is run on as many steps as the mask shows"
        recording.refuse(reason, expected=True)
    order = torch.argsort(~mask, dim=0, stable=True)
    counts = mask.sum(0)
    closed = torch.gather(x, 0, order[..., None].expand_as(x))
    packed = pack_padded_sequence(closed, counts.clamp(min=1).cpu(), enforce_sorted=False)
    rows = packed.sorted_indices
    given = tuple(s.index_select(1, rows) for s in states)
    data, *last = kernel(
        packed.data, packed.batch_sizes, given if len(given) > 1 else given[0], weights, *_TAIL,
        torch.is_grad_enabled(), False,
    )  # fmt: skip
    hs, _ = pad_packed_sequence(packed._replace(data=data), total_length=len(x))
    hs = torch.cat([states[0], hs])
    hs = torch.gather(hs, 0, mask.cumsum(0)[..., None].expand(-1, -1, hs.shape[-1]))
    last = (s.index_select(1, packed.unsorted_indices) for s in last)
    kept = (counts > 0)[:, None]
    return hs, tuple(torch.where(kept, a, b) for a, b in zip(last, states, strict=True))


def _lstm(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    kernel: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    weights = _parameters(kernel, recurrent, bias, torch.zeros_like(bias))
    states = (h0[None].contiguous(), c0[None].contiguous())
    if mask is not None:
        hs, (_, c) = _masked(_VF.lstm, x, states, weights, mask)
    else:
        hs, _, c = _unmasked(_VF.lstm, x, states, weights)
    return hs, c[0]


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
    if mask is not None:
        return _masked(kernel, x, (h0,), weights, mask)[0]
    return _unmasked(kernel, x, h0, weights)[0]


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
