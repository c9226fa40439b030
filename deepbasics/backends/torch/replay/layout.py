"""What a recording keeps of a tensor: how and where its elements lie, and not the elements."""

from typing import NamedTuple

import torch


class Form(NamedTuple):
    """All that there is to a tensor but its elements and where they lie."""

    dtype: torch.dtype
    device: torch.device
    shape: torch.Size
    stride: tuple[int, ...]
    is_conj: bool
    is_neg: bool

    def new(self) -> torch.Tensor:
        """A tensor in memory of its own."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=self.device)


class Laid(NamedTuple):
    """A tensor: two that are equal are the same elements of the same memory."""

    form: Form
    memory: int  # the number of its storage in the recording
    offset: int
    is_contiguous: bool


def form(tensor: torch.Tensor) -> Form:
    """The form of a tensor."""
    t = tensor
    return Form(t.dtype, t.device, t.shape, t.stride(), t.is_conj(), t.is_neg())


def laid(tensor: torch.Tensor, memory: int) -> Laid:
    """A tensor in the memory of this number."""
    return Laid(form(tensor), memory, tensor.storage_offset(), tensor.is_contiguous())
