"""Sources of batches: arrays in memory, or anything that yields batches."""

import io
import math
import warnings
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Protocol

import numpy as np

from deepbasics import config, legacy, tree
from deepbasics import host_draws as host
from deepbasics.backends import registry

_AHEAD = 1024  # rows to shuffle at once
Batch = tuple[int, tuple[Any, ...]]  # the number of rows, and the tensors of (x, y, w), flat


class Source(Protocol):
    """Batches for one epoch after the other.

    `structure` is the nest (x, y, w) that flat batches are packed as; `steps` the number of
    batches in an epoch, None where nobody knows.
    """

    structure: Any
    steps: int | None

    def epoch(self, index: int) -> Iterator[Batch]:
        """The batches of an epoch."""


class ArraySource:
    """Arrays in memory. Each pass over them has an order of its own; its last batch may be smaller.

    Args:
        parts: (x, y, w), nests of arrays with the same number of rows; None where absent.
        batch_size: rows per batch.
        shuffle: True permutes all rows, "batch" only within each batch.
        key: of the stream of permutations.
        limit: batches per epoch, if that is not a pass: epochs go on where the last one ended.
    """

    def __init__(
        self,
        parts: Any,
        batch_size: int = 32,
        shuffle: bool | str = False,
        key: Any = None,
        limit: int | None = None,
    ) -> None:
        self.structure = parts
        self._present = [a is not None for a in tree.flatten(parts)]
        arrays = [a for a in tree.flatten(parts) if a is not None]
        self.rows = len(arrays[0])
        self.batch_size = batch_size
        self.batches = math.ceil(self.rows / batch_size)
        self.limit = limit
        self.steps: int = limit or self.batches
        self._shuffle, self._key = shuffle, key
        self._feed = registry.active().feed(arrays)
        self._orders: tuple[int, Any] = (0, ())  # (index, permutations) of passes from there on

    def epoch(self, index: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        index, first = _place(index, self.batches, self.limit)
        last = min(self.batches, first + self.steps)
        self._feed.order(self.permutation(index))
        size, feed, gathered = self.batch_size, self._feed, None
        for start in range(first * size, last * size, size):
            stop = min(start + size, self.rows)
            batch = feed.batch(start, stop)
            if batch is not gathered:  # else the same buffers, filled anew
                gathered, whole = batch, self._with_gaps(batch)
            yield stop - start, whole
        _warn_if_short(last - first, self.limit)

    def _with_gaps(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        stream = iter(batch)
        return tuple(next(stream) if present else None for present in self._present)

    def permutation(self, index: int) -> np.ndarray | None:
        """The order of the rows in pass `index`, or None for their own."""
        if not self._shuffle:
            return None
        first, orders = self._orders
        if not first <= index < first + len(orders):
            first, ahead = index, max(1, _AHEAD // self.rows)  # few rows: a draw for many passes
            counter = index * host.blocks(self.rows)
            orders = host.permutations(self._key, counter, self.rows, ahead)
            self._orders = first, orders
        order = orders[index - first]
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

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset


class BatchSource:
    """Batches made elsewhere: a generator, `PyDataset`, torch `DataLoader`, or other iterable.

    Args:
        data: yields x, (x, y) or (x, y, sample_weight).
        prepare: makes (x, y, w) out of these, checked and in the dtypes of the model.
        shuffle: whether to take the batches of a `PyDataset` in another order in each pass.
        key: of the stream of permutations.
        limit: batches per epoch; None: all there are.
    """

    def __init__(
        self,
        data: Any,
        prepare: Callable[..., Any],
        shuffle: bool = False,
        key: Any = None,
        limit: int | None = None,
    ) -> None:
        self._data, self._prepare = data, prepare
        self._shuffle, self._key = shuffle, key
        self._length = _length(data)
        self._indexed = self._length is not None and hasattr(data, "__getitem__")
        self.limit = limit
        self.steps = limit or self._length
        self._rest: Iterator[Any] | None = None
        self._untouched = False  # whether _rest stands at the start of a pass
        self.structure = self._prepare(*_parts(self._peek()))

    def _peek(self) -> Any:
        """The first batch; where it cannot be had again, it is put back."""
        if self._indexed and self._length:
            return self._data[0]
        rest = iter(() if self._indexed else self._data)
        try:
            first = next(rest)
        except StopIteration:
            raise ValueError("The data are empty: they gave no batch.") from None
        self._rest, self._untouched = chain([first], rest), True
        return first

    def epoch(self, index: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        _call(self._data, "on_epoch_begin")
        backend, count = registry.active(), 0
        for batch in islice(self._stream(index), self.limit):
            flat = tree.flatten(self._prepare(*_parts(batch)))
            count += 1
            yield len(flat[0]), tuple(a if a is None else backend.tensor(a) for a in flat)
        _warn_if_short(count, self.limit or self._length)
        _call(self._data, "on_epoch_end")

    def _stream(self, index: int) -> Iterator[Any]:
        """What is left of the pass under way, or the next one; of a generator, what is left."""
        index, first = _place(index, self._length, self.limit)
        endless = self._length is None and iter(self._data) is self._data
        if self._rest is None or not (endless or self._untouched or first):
            self._rest = self._pass(index)
        self._untouched = False
        return self._rest

    def _pass(self, index: int) -> Iterator[Any]:
        if not self._indexed:
            return iter(self._data)
        order = np.arange(self._length)
        if self._shuffle:
            order = host.permutation(self._key, index * host.blocks(len(order)), len(order))
        return (self._data[int(i)] for i in order)


def capped(source: Any) -> Any:
    """The source, in epochs of no more batches than `config.max_steps_per_epoch` allows."""
    most = config.max_steps_per_epoch()
    if most is not None and (source.steps is None or most < source.steps):
        source.steps = source.limit = most
    return source


def _place(index: int, batches: int | None, limit: int | None) -> tuple[int, int]:
    """(which pass over the data epoch `index` belongs to, the batch it starts with)."""
    if not limit or not batches:
        return index, 0
    index, part = divmod(index, math.ceil(batches / limit))
    return index, part * limit


def _length(data: Any) -> int | None:
    try:
        return len(data)
    except TypeError:  # also that of a DataLoader over a stream
        if isinstance(data, PyDataset):
            raise
        return None


def _parts(batch: Any) -> tuple[Any, ...]:
    if isinstance(batch, tuple) and len(batch) > 3:
        raise ValueError(
            f"A batch has {len(batch)} parts; it must be x, (x, y) or (x, y, sample_weight). "
            "Several inputs are a list within it."
        )
    return tuple(batch) if isinstance(batch, (tuple, list)) and len(batch) <= 3 else (batch,)


def _call(data: Any, hook: str) -> None:
    if hasattr(data, hook):
        getattr(data, hook)()


def _warn_if_short(count: int, expected: int | None) -> None:
    if expected and count < expected:
        warnings.warn(
            f"The data ran out after {count} of {expected} batches; the epoch ends here. A "
            "generator must yield at least steps_per_epoch * epochs batches.",
            stacklevel=legacy.level_of_caller(),
        )


_NO_BATCHES = (list, tuple, dict, str, bytes, set, frozenset, io.IOBase)


def is_batches(x: Any) -> bool:
    """Whether `x` yields batches, rather than being the data."""
    if hasattr(x, "shape") or isinstance(x, _NO_BATCHES) or hasattr(x, "to_numpy"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))
