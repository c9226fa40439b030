"""Arrays from what people pass: NumPy, pandas, torch tensors, lists, and nests of these."""

import math
from typing import Any

import numpy as np

from deepbasics import tree


def as_arrays(data: Any, name: str) -> Any:
    """`data` as an array, or as a nest of arrays where it is a list, tuple or dict of array-likes.

    Raises ValueError for strings, objects, ragged lists and columns that are not numbers; `name`
    ("x", "y") is used in the message.
    """
    if data is None:
        return None
    if isinstance(data, dict):
        return {k: as_arrays(v, f"{name}[{k!r}]") for k, v in data.items()}
    if isinstance(data, (list, tuple)) and data and all(_is_arraylike(v) for v in data):
        return [as_arrays(v, f"{name}[{i}]") for i, v in enumerate(data)]
    return _as_array(data, name)


def _is_arraylike(value: Any) -> bool:
    """Whether `value` is an array in its own right (not a number or a plain list)."""
    return len(getattr(value, "shape", ())) > 0


def _as_array(data: Any, name: str) -> np.ndarray:
    if hasattr(data, "detach"):  # a torch tensor, without importing torch
        data = data.detach().cpu().numpy()
    if hasattr(data, "dtypes") and hasattr(data, "columns"):  # a DataFrame
        _check_columns(data, name)
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    elif hasattr(data, "toarray"):  # a sparse matrix
        data = data.toarray()
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(
            f"{name} is a ragged list: its rows differ in length. Pad it first, for instance with "
            "utils.pad_sequences."
        ) from None
    if array.dtype.kind == "O":
        array = _from_objects(array, name)
    if array.dtype.kind not in "fiub":
        example = array.ravel()[0].item() if array.size else ""
        raise ValueError(
            f"{name} has dtype {array.dtype} (for example {example!r}); it must hold numbers or "
            "bools. Encode text first, for instance with pandas.get_dummies or "
            "np.unique(..., return_inverse=True)."
        )
    if array.ndim == 0:
        raise ValueError(f"{name} is a single number ({array}); it must have one row per sample.")
    return array


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    """An object array of numbers as floats; ValueError naming the first entry that is none."""
    try:
        if not any(v is None for v in array.flat):  # which NumPy would make NaN
            return array.astype("float64")
    except (TypeError, ValueError):
        pass
    bad = next((v for v in array.flat if not _is_number(v)), None)
    raise ValueError(
        f"{name} is an array of objects, for example {bad!r} ({type(bad).__name__}); it must "
        "hold numbers of one shape. Encode or drop such entries first."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))


def _check_columns(frame: Any, name: str) -> None:
    bad = [str(c) for c, d in zip(frame.columns, frame.dtypes, strict=True) if str(d) in _TEXT]
    if bad:
        raise ValueError(
            f"{name} is a DataFrame with columns that are not numbers: {', '.join(bad)}. "
            "Encode them first, for instance with pandas.get_dummies."
        )


_TEXT = ("object", "str", "string", "category", "datetime64[ns]")


def rows(name: str, data: Any) -> int:
    """The number of rows that all arrays in a nest share; ValueError if they differ."""
    arrays = [a for a in tree.flatten(data) if a is not None]
    counts = {len(a) for a in arrays}
    if len(counts) > 1:
        shapes = [a.shape for a in arrays]
        raise ValueError(f"The arrays in {name} differ in their number of rows: shapes {shapes}.")
    return counts.pop() if counts else 0


def check_lengths(**parts: Any) -> int:
    """The rows that x, y and the weights share; ValueError with all lengths if they differ."""
    counts = {name: rows(name, part) for name, part in parts.items() if part is not None}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} has {n}" for name, n in counts.items())
        raise ValueError(f"The data differ in their number of rows: {said}.")
    if not any(counts.values()):
        said = ", ".join(counts) or "x"
        raise ValueError(f"The data are empty: there are no rows in {said}.")
    return next(iter(counts.values()))


def split_validation(parts: Any, split: float) -> tuple[Any, Any]:
    """The first floor(n (1 - split)) rows for training, and the rest for validation."""
    if not 0 < split < 1:
        raise ValueError(f"validation_split must lie strictly between 0 and 1; got {split}.")
    n = len(tree.flatten(parts)[0])
    at = math.floor(n * (1 - split))
    if at in (0, n):
        raise ValueError(
            f"validation_split={split} of {n} rows leaves {at} for training and {n - at} for "
            "validation; both need at least one."
        )
    cut = lambda part: None if part is None else part[:at]  # noqa: E731
    rest = lambda part: None if part is None else part[at:]  # noqa: E731
    return tree.map(cut, parts), tree.map(rest, parts)
