"""Products and the coarse primitives of networks."""

import torch
from torch import Tensor
from torch.nn import functional as F


def _one_hot(labels: Tensor, n: int, dtype: str) -> Tensor:
    ids = torch.arange(n, device=labels.device)
    return (labels[..., None] == ids).to(getattr(torch, dtype))


def _sparse_softmax_crossentropy(z: Tensor, labels: Tensor) -> Tensor:
    return -torch.log_softmax(z, -1).gather(-1, labels[..., None])[..., 0]


def _sigmoid_crossentropy(z: Tensor, labels: Tensor) -> Tensor:
    """No small difference of large numbers: F.binary_cross_entropy_with_logits has one."""
    return -torch.lerp(F.logsigmoid(-z), F.logsigmoid(z), labels)


RULES = {
    "matmul": torch.matmul,
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "sigmoid_crossentropy": _sigmoid_crossentropy,
    "softmax_crossentropy": lambda z, labels: -(labels * torch.log_softmax(z, -1)).sum(-1),
    "sparse_softmax_crossentropy": _sparse_softmax_crossentropy,
    "one_hot": _one_hot,
}
