"""What `adapt` learns from: arrays, lists, tables, and whatever yields batches of these."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.data import is_batches


def batches(data: Any, steps: int | None = None) -> Iterator[Any]:
    """The batches in `data`, at most `steps` of them; an array, table or list is one batch.

    A generator or `PyDataset` yields arrays or tuples that begin with one, as for `fit`; a list of
    arrays is batches too, unless they are rows of one length.
    """
    if is_batches(data):
        indexed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        found = (data[i] for i in range(len(data))) if indexed else iter(data)
        return islice((b[0] if isinstance(b, tuple) else b for b in found), steps)
    if isinstance(data, (list, tuple)) and data and all(hasattr(v, "shape") for v in data):
        shapes = {tuple(v.shape) for v in data}
        if len(shapes) > 1 or len(shapes.pop()) > 1:
            return islice(iter(data), steps)
    return iter((data,))


def plain(data: Any) -> Any:
    """A table or tensor as a NumPy array; anything else as it is."""
    if hasattr(data, "to_numpy"):
        return data.to_numpy()
    if hasattr(data, "detach"):
        return data.detach().cpu().numpy()
    foreign = ops.is_tensor(data) and not isinstance(data, np.ndarray)
    return ops.convert_to_numpy(data) if foreign else data


def numbers(data: Any, where: str) -> np.ndarray:
    """One batch as float64. Raises ValueError, which names the layer, for what is no numbers."""
    try:
        return np.asarray(plain(data), "float64")
    except (TypeError, ValueError):
        raise ValueError(
            f"{where}: adapt needs numbers in one shape; got {type(data).__name__} {data!r:.80}."
        ) from None


def texts(data: Any, where: str, encoding: str = "utf-8") -> np.ndarray:
    """Strings, or nests of them in one shape, as an array of `str` objects; bytes are decoded.

    Raises TypeError, which names the layer, for anything else.
    """
    array = np.asarray(plain(data), dtype=object)
    found = [t.decode(encoding) if isinstance(t, bytes) else t for t in array.flat]
    bad = [t for t in found if not isinstance(t, str)]
    if bad:
        raise TypeError(
            f"{where} takes strings, in lists or arrays of one shape; got {bad[0]!r:.80} "
            f"({type(bad[0]).__name__}). No tensor holds strings: call the layer on the strings "
            "themselves, before the model, and give the model what comes out."
        )
    result = np.empty(len(found), dtype=object)
    result[:] = found
    return result.reshape(array.shape)
