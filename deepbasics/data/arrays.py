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
    if type(data) is np.ndarray and data.dtype.kind in "fiub" and data.ndim:
        return data
    if hasattr(data, "detach") and hasattr(data, "cpu"):  # a torch tensor, without importing torch
        data = data.detach().cpu().numpy()
    if hasattr(data, "dtypes") and hasattr(data, "columns"):  # a DataFrame
        _check_columns(data, name)
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    elif hasattr(data, "toarray"):  # a sparse matrix
        data = data.toarray()
    hidden = np.ma.count_masked(data) if isinstance(data, np.ma.MaskedArray) else 0
    if hidden:
        raise ValueError(
            f"{name} is a masked array that hides {hidden} of its {data.size} entries. Fill them, "
            f"for instance with {name}.filled(0), or drop their rows."
        )
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
            f"{name} has dtype {array.dtype} (for example {example!r:.80}); it must hold numbers "
            f"or bools. {_way_out(array.dtype.kind, example)}"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.ndim == 0:
        raise ValueError(
            f"{name} is a single number ({array}); it must have one row per sample. For a single "
            "sample pass a list of one."
        )
    return array


def _way_out(kind: str, example: Any) -> str:
    """What to do about a dtype that is no number."""
    if kind in "US" and _reads_as_number(example):
        return "The text looks like numbers: convert it with np.asarray(..., dtype=float)."
    return _WAYS_OUT.get(kind, _WAYS_OUT["U"])


_WAYS_OUT = {
    "U": "Encode text first, for instance with pandas.get_dummies or "
    "np.unique(..., return_inverse=True)[1].",
    "c": "Take .real, .imag or np.abs of it, or these as several columns.",
    "M": "Convert times first, for instance to days: (t - t.min()) / np.timedelta64(1, 'D').",
    "m": "Convert times first, for instance to days: t / np.timedelta64(1, 'D').",
    "V": "Join its fields with np.lib.recfunctions.structured_to_unstructured.",
}


def _reads_as_number(text: Any) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    """An object array of numbers as floats; ValueError naming the first entry that is none."""
    if array.ndim == 0:
        given = array.item()
        call = " Call it, and pass what it gives." if callable(given) else ""
        raise ValueError(
            f"{name} is a {type(given).__name__}, {given!r:.80}; it must be an array with one row "
            f"per sample.{call}"
        )
    missing = sum(map(_is_missing, array.flat))
    if missing:
        raise ValueError(
            f"{name} misses {missing} of its {array.size} values (None or NA). Fill or drop them "
            "first, for instance with fillna or dropna of pandas."
        )
    try:
        return array.astype("float64")
    except (TypeError, ValueError):
        bad = next((v for v in array.flat if not _is_number(v)), None)
    raise ValueError(
        f"{name} is an array of objects, for example {bad!r:.80} ({type(bad).__name__}); it must "
        "hold numbers of one shape. Encode or drop such entries first."
    )


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # those of pandas


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))


def _check_columns(frame: Any, name: str) -> None:
    bad = [
        str(column)
        for at, (column, dtype) in enumerate(zip(frame.columns, frame.dtypes, strict=True))
        if not _holds_numbers(dtype, frame.iloc[:, at])
    ]
    if bad:
        raise ValueError(
            f"{name} is a DataFrame with columns that are not numbers: {', '.join(bad)}. "
            "Encode text first, for instance with pandas.get_dummies; make numbers of times."
        )


def _holds_numbers(dtype: Any, column: Any) -> bool:
    if dtype.kind != "O":
        return dtype.kind in "fiub"
    return str(dtype) != "category" and all(_is_number(v) or _is_missing(v) for v in column)


def rows(name: str, data: Any) -> int:
    """The number of rows that all arrays in a nest share; ValueError if they differ."""
    if type(data) is np.ndarray:
        return len(data)
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
        several = next((n for n, part in parts.items() if isinstance(part, list)), None)
        hint = ""
        if several is not None:
            hint = (
                f" {several} is a list of {len(parts[several])} arrays, which stand for as many "
                f"inputs or outputs; np.stack({several}) makes rows of them."
            )
        raise ValueError(f"The data differ in their number of rows: {said}.{hint}")
    if not any(counts.values()):
        said = ", ".join(counts) or "x"
        raise ValueError(f"The data are empty: there are no rows in {said}.")
    return next(iter(counts.values()))


def split_validation(parts: Any, split: float) -> tuple[Any, Any]:
    """The first floor(n (1 - split)) rows for training, and the rest for validation."""
    if not (isinstance(split, (int, float, np.number)) and 0 < split < 1):
        raise ValueError(f"validation_split must lie strictly between 0 and 1; got {split!r}.")
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
