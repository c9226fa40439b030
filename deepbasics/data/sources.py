"""Sources of batches: arrays in memory, or anything that yields batches."""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from deepbasics import tree
from deepbasics.backends import registry
from deepbasics.data.arrays import as_arrays, check_lengths
from deepbasics.random import host


class Source(Protocol):
    """Batches for one epoch after the other.

    `structure` is the nest (x, y, w) that flat batches are packed as.
    """

    structure: Any
    steps: int | None

    def epoch(self, index: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """(rows, flat tensors) of each batch."""


class ArraySource:
    """Arrays in memory. Each epoch has an order of its own; the last batch may be smaller.

    Args:
        parts: (x, y, w), nests of arrays with the same number of rows; None where absent.
        batch_size: rows per batch.
        shuffle: True permutes all rows, "batch" only within each batch.
        key: of the stream of permutations.
    """

    def __init__(
        self, parts: Any, batch_size: int = 32, shuffle: bool | str = False, key: Any = None
    ) -> None:
        self.structure = parts
        self._arrays = [a for a in tree.flatten(parts) if a is not None]
        self._present = [a is not None for a in tree.flatten(parts)]
        self.rows = len(self._arrays[0])
        self.batch_size = batch_size
        self.steps: int = math.ceil(self.rows / batch_size)
        self._shuffle, self._key = shuffle, key
        self._feed = registry.active().feed(self._arrays)

    def epoch(self, index: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """(rows, flat tensors) of each batch."""
        self._feed.order(self.permutation(index))
        size, feed = self.batch_size, self._feed
        n = min(self.rows, self.steps * size)
        whole = all(self._present)
        for start in range(0, n, size):
            stop = min(start + size, n)
            batch = feed.batch(start, stop)
            yield stop - start, batch if whole else self._with_gaps(batch)

    def _with_gaps(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        stream = iter(batch)
        return tuple(next(stream) if present else None for present in self._present)

    def permutation(self, index: int) -> np.ndarray | None:
        """The order of the rows in epoch `index`, or None for their own."""
        if not self._shuffle:
            return None
        counter = index * host.blocks(self.rows)
        order = host.permutation(self._key, counter, self.rows)
        if self._shuffle == "batch":
            block = np.arange(self.rows) // self.batch_size
            order = order[np.argsort(block[order], kind="stable")]
        return order


class PyDataset:
    """Batches by index: a subclass writes `__len__`, and `__getitem__(index)` for (x, y[, w])."""

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers, self.use_multiprocessing = workers, use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self) -> int:
        raise TypeError("A PyDataset must define __len__: the number of batches.")

    def __getitem__(self, index: int) -> Any:
        raise TypeError("A PyDataset must define __getitem__: the batch at an index.")

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset


class BatchSource:
    """Batches made elsewhere: a generator, `PyDataset`, torch `DataLoader`, or other iterable."""

    def __init__(
        self, data: Any, steps: int | None = None, shuffle: bool | str = False, key: Any = None
    ) -> None:
        self._data, self._shuffle, self._key = data, shuffle, key
        self._indexed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        self._endless = None if hasattr(data, "__len__") else iter(data)
        self.steps = steps if steps is not None else len(data) if hasattr(data, "__len__") else None
        self._first: Any = None
        self.structure = unpack(self._peek())
        self.exhausted = False

    def _peek(self) -> Any:
        """The first batch, which is kept for the first epoch where it cannot be had again."""
        if self._endless is None:
            return as_batch(self._data[0] if self._indexed else next(iter(self._data)))
        try:
            self._first = as_batch(next(self._endless))
        except StopIteration:
            raise ValueError("The data are empty: the generator gave no batch.") from None
        return self._first

    def epoch(self, index: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """(rows, flat tensors) of each batch."""
        backend = registry.active()
        for count, batch in enumerate(self._batches(index)):
            if self.steps is not None and count >= self.steps:
                break
            flat = tree.flatten(unpack(as_batch(batch)))
            tensors = tuple(a if a is None else backend.tensor(a) for a in flat)
            yield len(flat[0]), tensors
            if self.steps is not None and count + 1 == self.steps:
                break
        if hasattr(self._data, "on_epoch_end"):
            self._data.on_epoch_end()

    def _batches(self, index: int) -> Iterator[Any]:
        if self._indexed:
            order = np.arange(len(self._data))
            if self._shuffle:
                order = host.permutation(self._key, index * host.blocks(len(order)), len(order))
            return (self._data[int(i)] for i in order)
        if self._endless is None:
            return iter(self._data)
        return self._stream()

    def _stream(self) -> Iterator[Any]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._endless
        self.exhausted = True


def as_batch(batch: Any) -> tuple[Any, ...]:
    """(x,), (x, y) or (x, y, w) with arrays, floats in floatx."""
    parts = tuple(batch) if isinstance(batch, (tuple, list)) and len(batch) <= 3 else (batch,)
    named = zip(("x", "y", "sample_weight"), parts, strict=False)
    arrays = tuple(tree.map(_in_floatx, as_arrays(part, name)) for name, part in named)
    check_lengths(**dict(zip(("x", "y", "sample_weight"), arrays, strict=False)))
    return arrays


def unpack(batch: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """(x, y, w), with None for what is missing."""
    return (*batch, None, None)[:3]


def _in_floatx(array: np.ndarray | None) -> np.ndarray | None:
    from deepbasics import config

    if array is None or array.dtype.kind != "f":
        return array
    return array.astype(config.floatx(), copy=False)


def is_batches(x: Any) -> bool:
    """Whether `x` yields batches, rather than being the data."""
    if hasattr(x, "shape") or isinstance(x, (list, tuple, dict)) or hasattr(x, "to_numpy"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))
