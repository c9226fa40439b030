"""Labels are looked at once, before training, so that a mistake gets a sentence and not a NaN."""

from typing import Any, NamedTuple

import numpy as np

from deepbasics.losses.base import FunctionLoss, LibraryLoss
from deepbasics.losses.lookup import resolve

_NOISE = 0.25  # how far past their range labels may be: those of GANs have noise added
_RANGES = {
    "binary_crossentropy": (0.0, 1.0),
    "binary_focal_crossentropy": (0.0, 1.0),
    "categorical_crossentropy": (0.0, 1.0),
    "categorical_focal_crossentropy": (0.0, 1.0),
    "hinge": (-1.0, 1.0),
    "squared_hinge": (-1.0, 1.0),
}
_ONE_HOT = ("categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge")
_ANEW = "np.unique(y, return_inverse=True)[1]"
_SPARSE = "sparse_categorical_crossentropy"


def check_labels(loss: Any, y: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
    """Raise ValueError where `loss` cannot mean anything with labels `y`.

    Args: `loss`, anything `losses.get` knows; `y`, all the labels; `output_shape`, of the model's
    output, None for the batch. A loss that is not this library's may use labels in its own way, and
    is not checked.
    """
    loss = resolve(loss)
    if not isinstance(loss, LibraryLoss):
        return
    y = np.asarray(y)
    name, output = loss.of.__name__, tuple(output_shape)
    if y.dtype.kind not in "buif":
        raise ValueError(
            f"{name} got labels of dtype {y.dtype}, for example {y.ravel()[:1].tolist()}; it "
            "expects numbers. Encode the labels first, for instance with "
            "np.unique(y, return_inverse=True)[1]."
        )
    _check_finite(name, y)
    if name in _ONE_HOT and output[-1:] == (1,):
        raise ValueError(
            f"{name} compares classes, and a model output of shape {_show(output)} has one alone.\n"
            'Two classes go with one unit, a sigmoid and loss="binary_crossentropy"; more with as '
            "many units and a softmax."
        )
    if name == _SPARSE:
        _check_class_ids(loss, y, output)
    elif name != "ctc":  # whose labels are as long as they are
        _check_shape(name, y, output)
        _check_range(name, y)


class NotFinite(NamedTuple):
    """How many rows of an array have NaN or infinity in them, and the first of them."""

    count: int
    row: int


def not_finite(array: np.ndarray) -> NotFinite | None:
    """The rows with NaN or infinity, None for none.

    >>> not_finite(np.array([[1.0, 2.0], [np.nan, 3.0]]))
    NotFinite(count=1, row=1)
    """
    # The sum is one quick pass without a temporary; only a suspicious one is looked into.
    with np.errstate(all="ignore"):
        if array.dtype.kind != "f" or np.isfinite(array.sum()):
            return None
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    return NotFinite(int(bad.sum()), int(bad.argmax())) if bad.any() else None


def _check_finite(name: str, y: np.ndarray) -> None:
    bad = not_finite(y)
    if bad is not None:
        raise ValueError(
            f"{name} got labels that are NaN or infinite in {bad.count} of {len(y)} rows, the "
            f"first is row {bad.row}: {y[bad.row]}. Drop or fill these rows before fit."
        )


def _check_shape(name: str, y: np.ndarray, output: tuple[int | None, ...]) -> None:
    labels = y.shape[1:]
    expected = output[1:]
    if _fits_or_column(labels, expected) or _fits((*labels, 1), expected):
        return
    problem = f"{name} got labels of shape {y.shape} for a model output of shape {_show(output)}"
    classes = expected[-1] if expected else None
    if name in _ONE_HOT and _fits_or_column(labels, expected[:-1]):
        raise ValueError(
            f"{problem}; it expects one-hot labels of shape {_show(output)}.\n"
            f"Your labels look like class ids: pass utils.to_categorical(y, {classes}), or "
            f'compile with loss="{_SPARSE}".'
        )
    if name in _ONE_HOT and len(labels) == len(expected):
        raise ValueError(
            f"{problem}: {labels[-1]} classes in the labels, {classes} in the output.\n"
            f"Give the last layer {labels[-1]} units, or encode the labels with {classes} classes."
        )
    if name == "binary_crossentropy" and classes == 1 and labels == (2,):
        raise ValueError(
            f"{problem}.\nYour labels look one-hot: pass y.argmax(axis=1), or give the last layer "
            '2 units with softmax and compile with loss="categorical_crossentropy".'
        )
    raise ValueError(
        f"{problem}; the shapes must be equal.\n"
        "Give the last layer as many units as the labels have columns, or reshape the labels."
    )


def _fits(labels: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether two shapes are one; None stands for any size."""
    return len(labels) == len(expected) and all(
        e in (None, n) for n, e in zip(labels, expected, strict=True)
    )


def _fits_or_column(labels: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Whether the shapes are one, up to a further last axis of size 1 of the labels."""
    return _fits(labels, expected) or _fits(labels, (*expected, 1))


def _show(shape: tuple[int | None, ...]) -> str:
    return str(tuple("batch" if n is None else n for n in shape)).replace("'", "")


def _check_range(name: str, y: np.ndarray) -> None:
    if name not in _RANGES or not y.size:
        return
    low, high = _RANGES[name]
    slack = _NOISE * (high - low)
    if low - slack <= y.min() and y.max() <= high + slack:
        return
    hint = (
        f"Map two classes to {low:g} and {high:g}, for instance by "
        f"np.where(y == y.max(), {high:g}, {low:g}); "
        'numbers to predict go with a loss such as "mean_squared_error".'
    )
    if name in _ONE_HOT:
        hint = "Pass one-hot labels, or probabilities."
    elif low == 0 and set(np.unique(y[:10000]).tolist()) <= {-1, 1}:
        hint = 'Labels -1 and 1 go with loss="hinge"; for this loss pass (y + 1) / 2.'
    elif low == 0 and np.array_equal(y, np.round(y)):
        hint = f'For more than two classes compile with loss="{_SPARSE}" and a softmax over them.'
    raise ValueError(
        f"{name} got labels from {y.min():g} to {y.max():g}; it expects them from {low:g} to "
        f"{high:g}.\n{hint}"
    )


def _check_class_ids(loss: FunctionLoss, y: np.ndarray, output: tuple[int | None, ...]) -> None:
    axis = loss.parameters["axis"]
    classes = output[axis]
    expected = tuple(n for i, n in enumerate(output) if i not in (0, axis % len(output)))
    if not _fits_or_column(y.shape[1:], expected):
        problem = (
            f"{_SPARSE} got labels of shape {y.shape}; it expects integer class ids of shape "
            f"{_show((len(y), *expected))}."
        )
        if _fits(y.shape[1:], output[1:]):
            problem += (
                "\nYour labels look one-hot: pass y.argmax(axis=-1), or compile with "
                'loss="categorical_crossentropy".'
            )
        raise ValueError(problem)
    if y.dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        row = int((y != np.round(y)).reshape(len(y), -1).any(axis=1).argmax())
        raise ValueError(
            f"{_SPARSE} got labels that are not whole numbers, the first in row {row}: {y[row]}. "
            "It expects class ids 0, 1, 2, ...; numbers to predict go with a loss such as "
            '"mean_squared_error".'
        )
    ignored = loss.parameters["ignore_class"]
    counted = y if ignored is None else y[y != ignored]
    if counted.size and classes is not None:
        _check_ids_fit(counted, classes)


def _check_ids_fit(y: np.ndarray, classes: int) -> None:
    low, high = int(y.min()), int(y.max())
    if low >= 0 and high < classes:
        return
    hint = f"Give the last layer {high + 1} units"
    found = len(np.unique(y))
    hint += f", or number the {found} classes anew with {_ANEW}." if found <= high else "."
    if classes == 1 and high < 2:
        hint = 'One output with two classes goes with "binary_crossentropy" and a sigmoid.'
    elif low < 0:
        hint = f"Number the classes anew with {_ANEW}."
    elif low == 1 and high == classes:
        hint = "Your classes start at 1: pass y - 1."
    raise ValueError(
        f"{_SPARSE} got class ids from {low} to {high}; an output of width {classes} has the "
        f"classes 0 to {classes - 1}.\n{hint}"
    )
