"""Batches of rows: gathered on the device, or on the host and sent ahead of time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

Batch = tuple[torch.Tensor, ...]


def feed(tensors: Sequence[torch.Tensor], device: torch.device) -> Any:
    """The rows of host tensors as batches on a device; on CUDA they stay there if they fit."""
    if device.type == "cuda":
        size = sum(t.numel() * t.element_size() for t in tensors)
        with torch.cuda.device(device):
            free, _ = torch.cuda.mem_get_info()
        if not stays(size, free):
            return Ahead(tensors, device)
    return Feed([t.to(device) for t in tensors])


def stays(size: int, free: int) -> bool:
    """Whether data of `size` bytes may live on a device with `free` bytes: up to a quarter.

    >>> stays(1, 4), stays(1, 3)
    (True, False)
    """
    return 4 * size <= free


class Feed:
    """Rows of tensors on the device in the order of an epoch."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self._tensors = [t.contiguous() for t in tensors]
        self._order: torch.Tensor | None = None

    def order(self, order: np.ndarray | None) -> None:
        """Set the order of the rows; None is their own."""
        device = self._tensors[0].device
        self._order = None if order is None else torch.from_numpy(order).to(device)

    def batch(self, start: int, stop: int) -> Batch:
        """The rows from `start` to `stop` in that order."""
        if self._order is None:
            return tuple([t[start:stop] for t in self._tensors])
        indices = self._order[start:stop]
        return tuple([t.index_select(0, indices) for t in self._tensors])


class Ahead:
    """Rows on the host; the batch after the one asked for is already on its way to the device.

    Rows are gathered into one of two pinned buffers, in turn, and copied on a stream beside the
    current one, while the device still works on the batches before.
    """

    def __init__(self, tensors: Sequence[torch.Tensor], device: torch.device) -> None:
        self._tensors, self._device = [t.contiguous() for t in tensors], device
        self._rows = len(tensors[0])
        self._order = torch.arange(self._rows)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._pinned: list[list[torch.Tensor]] = [[], []]
        self._sent: list[Any] = [None, None]  # when the copy out of each buffer has ended
        self._turn = 0
        self._coming: dict[tuple[int, int], tuple[Batch, Any]] = {}

    def order(self, order: np.ndarray | None) -> None:
        """Set the order of the rows; None is their own."""
        self._order = torch.arange(self._rows) if order is None else torch.from_numpy(order)
        self._coming.clear()

    def batch(self, start: int, stop: int) -> Batch:
        """The rows from `start` to `stop` in that order."""
        batch, arrived = self._coming.pop((start, stop), None) or self._send(start, stop)
        self._coming.clear()
        following = min(stop + (stop - start), self._rows)
        if following > stop:
            self._coming[stop, following] = self._send(stop, following)
        if arrived is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_event(arrived)
            for tensor in batch:
                tensor.record_stream(current)
        return batch

    def _send(self, start: int, stop: int) -> tuple[Batch, Any]:
        """(a batch on the device, the event of its arrival)."""
        indices = self._order[start:stop]
        if self._stream is None:
            return tuple(t.index_select(0, indices) for t in self._tensors), None
        host = self._gather(indices)
        with torch.cuda.stream(self._stream):
            batch = tuple(t.to(self._device, non_blocking=True) for t in host)
            self._sent[self._turn] = self._stream.record_event()
        return batch, self._sent[self._turn]

    def _gather(self, indices: torch.Tensor) -> list[torch.Tensor]:
        """Rows in the pinned buffer whose turn it is, once what it held before is gone."""
        self._turn = 1 - self._turn
        if self._sent[self._turn] is not None:
            self._sent[self._turn].synchronize()
        n = len(indices)
        buffers = self._pinned[self._turn]
        if not buffers or len(buffers[0]) < n:
            buffers[:] = [
                torch.empty((n, *t.shape[1:]), dtype=t.dtype, pin_memory=True)
                for t in self._tensors
            ]
        pairs = zip(self._tensors, buffers, strict=True)
        return [torch.index_select(t, 0, indices, out=b[:n]) for t, b in pairs]
