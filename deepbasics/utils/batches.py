"""What a batch consists of, sets of data in two parts, and windows over a series."""

import math
from typing import Any

import numpy as np

from deepbasics import host_draws as host
from deepbasics import tree
from deepbasics.data import PyDataset
from deepbasics.errors import as_count
from deepbasics.random.streams import as_seed, next_key


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The batch that `unpack_x_y_sample_weight` takes apart.

    Without labels and weights it is x itself, or (x,) where x is a tuple or list.
    """
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch, None for what it has not: for a `train_step` of your own.

    >>> unpack_x_y_sample_weight(("x", "y"))
    ('x', 'y', None)
    """
    if not isinstance(data, (tuple, list)):
        return (data, None, None)
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"A batch is x, (x,), (x, y) or (x, y, sample_weight); got {len(data)} parts."
        )
    return (*data, *[None] * (3 - len(data)))


class _Chosen(PyDataset):
    """Some of the batches or samples of something that has them by index."""

    def __init__(self, data: Any, indices: np.ndarray) -> None:
        super().__init__()
        self.data, self.indices = data, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.data[int(self.indices[index])]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Data in two parts, a left and a right one.

    Args:
        dataset: an array, a nest of arrays with as many rows, or what has items by index and a
            length: a `PyDataset` (its batches), a dataset of PyTorch (its samples).
        left_size, right_size: a fraction in (0, 1), or a count; one may be left to the other.
        shuffle: take the rows in an order drawn from `seed` first.
        preferred_backend: changes nothing; Keras' argument.

    Arrays give arrays, in nests of the same form; anything else two `PyDataset`s. Raises ValueError
    for sizes that leave a part empty or do not fit.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> left.shape, right.shape
    ((8,), (2,))
    """
    in_arrays = tree.is_nested(dataset) or hasattr(dataset, "shape")
    parts = tree.flatten(dataset) if in_arrays else [dataset]
    rows = {len(part) for part in parts}
    if len(rows) != 1:
        raise ValueError(f"split_dataset needs arrays with as many rows; got {sorted(rows)}.")
    (n,) = rows
    left, right = _sizes(n, left_size, right_size)
    order = host.permutation(_key(seed), 0, n) if shuffle else np.arange(n)
    chosen = order[:left], order[n - right :]
    if not in_arrays:
        return tuple(_Chosen(dataset, indices) for indices in chosen)
    return tuple(tree.map(lambda a, i=i: np.asarray(a)[i], dataset) for i in chosen)


def _sizes(n: int, left: float | None, right: float | None) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError("split_dataset needs left_size, right_size or both.")
    counts = [_count(n, "left_size", left), _count(n, "right_size", right)]
    whole = [n - counts[1 - i] if c is None else c for i, c in enumerate(counts)]
    if min(whole) < 1 or sum(whole) > n:
        raise ValueError(
            f"split_dataset cannot divide {n} rows by left_size={left}, right_size={right}: they "
            f"make {whole[0]} and {whole[1]}."
        )
    return whole[0], whole[1]


def _count(n: int, name: str, size: float | None) -> int | None:
    if size is None:
        return None
    if isinstance(size, (float, np.floating)):
        if not 0 < size < 1:
            raise ValueError(f"{name} must be a fraction in (0, 1) or a count; got {size}.")
        return round(float(size) * n)
    return as_count(name, size)


def _key(seed: int | None) -> Any:
    return next_key() if seed is None else (as_seed(seed), 0)


class TimeSeries(PyDataset):
    """Batches of windows over a series: what `timeseries_dataset_from_array` gives."""

    def __init__(self, data: Any, targets: Any, starts: Any, steps: Any, batch_size: Any) -> None:
        super().__init__()
        self.data, self.targets, self.batch_size = data, targets, batch_size
        self.starts, self.steps = starts, steps

    def __len__(self) -> int:
        return math.ceil(len(self.starts) / (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches; there is none of index {index}.")
        size = self.batch_size
        chosen = self.starts[index] if size is None else self.starts[index * size :][:size]
        windows = self.data[np.add.outer(chosen, self.steps)]
        return windows if self.targets is None else (windows, self.targets[chosen])


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> TimeSeries:
    """Batches of windows over a series, for `fit`.

    Args:
        data: (steps, ...), a measurement in each row.
        targets: `targets[i]` belongs to the window that starts at `data[i]`; None for none.
        sequence_length: rows in a window.
        sequence_stride: rows between the starts of two windows.
        sampling_rate: rows between two that are in the same window.
        batch_size: windows in a batch; None for single windows.
        shuffle: whether the windows come in an order drawn from `seed`.
        start_index, end_index: the rows of the data that are used, and of the targets.
        format: changes nothing; Keras' argument.

    Windows that would go beyond the data are left out.

    >>> series = np.arange(10)
    >>> x, y = timeseries_dataset_from_array(series[:-3], series[3:], 3, batch_size=2)[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2], [1, 2, 3]], [3, 4])
    """
    data = np.asarray(data)
    first, last = start_index or 0, len(data) if end_index is None else end_index
    counts = {
        "sequence_length": sequence_length,
        "sequence_stride": sequence_stride,
        "sampling_rate": sampling_rate,
        "batch_size": batch_size,
    }
    for name, value in counts.items():
        if name != "batch_size" or value is not None:
            as_count(f"timeseries_dataset_from_array: {name}", value)
    if not 0 <= first < last <= len(data):
        raise ValueError(
            f"timeseries_dataset_from_array uses rows start_index to end_index of {len(data)}; got "
            f"{first} to {last}."
        )
    windows = last - first - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)[first:last]
        windows = min(windows, len(targets))
    if windows < 1:
        raise ValueError(
            f"{last - first} rows are too few for a window of {sequence_length}, "
            f"{sampling_rate} rows apart."
        )
    starts = np.arange(0, windows, sequence_stride)
    if shuffle:
        starts = starts[host.permutation(_key(seed), 0, len(starts))]
    steps = np.arange(sequence_length) * sampling_rate
    return TimeSeries(data[first:last], targets, starts, steps, batch_size)
