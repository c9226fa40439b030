"""From what the user passes to `fit` to checked arrays in the dtypes that the model computes in."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepbasics import config, legacy, tree
from deepbasics.data import as_arrays, check_lengths
from deepbasics.losses import check_labels
from deepbasics.losses.labels import not_finite
from deepbasics.models.compiled import per_output


def as_data(x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
    """(x, y, w) as nests of arrays of equal length; ValueError for what is no data."""
    if isinstance(sample_weight, Mapping) and any(isinstance(k, int) for k in sample_weight):
        raise ValueError(
            "sample_weight has one weight per row; a dict from class id to weight goes into "
            "class_weight."
        )
    parts = {"x": as_arrays(x, "x"), "y": as_arrays(y, "y")}
    parts["sample_weight"] = as_arrays(sample_weight, "sample_weight")
    if parts["x"] is None:
        raise ValueError("x is missing: pass an array with one row per sample.")
    check_lengths(**parts)
    return tuple(parts.values())


def check_finite(model: Any, x: Any) -> None:
    """ValueError where rows of x are NaN or infinite, and the model makes such outputs of them.

    After one step on them no weight would be a number any more. A model may take them, though.
    """
    for array in tree.flatten(x):
        bad = not_finite(array)
        if bad is None:
            continue
        row = tree.map(lambda a, at=bad.row: _with_nan(a[at : at + 1]), x)
        with np.errstate(all="ignore"):
            outputs = tree.flatten(model(row, training=False))
        if any(not_finite(model.backend.numpy(y)) for y in outputs):
            raise ValueError(
                f"x is NaN or infinite in {bad.count} of {len(array)} rows, the first is row "
                f"{bad.row}; the weights would become NaN. Drop or fill these rows before fit: "
                "np.isfinite(x).all(axis=1) says which are good."
            )


def check_activations(model: Any) -> None:
    """Warn where a crossentropy of probabilities gets what the last layer does not make such."""
    losses, found = model.compiled.output_losses, model.flat_output_layers()
    for loss, layer in zip(losses, found, strict=True):
        name = getattr(getattr(loss, "of", None), "__name__", "")
        activation = getattr(getattr(layer, "activation", None), "__name__", "")
        if not name.endswith("crossentropy") or loss.parameters["from_logits"]:
            continue
        if activation in ("linear", "relu", "tanh"):
            wanted = "sigmoid" if name.startswith("binary") else "softmax"
            warnings.warn(
                f"{name} takes probabilities, but the last layer {layer.name!r} ends with the "
                f'activation {activation!r}. Give it activation="{wanted}", or compile with the '
                "loss as an object with from_logits=True.",
                stacklevel=legacy.level_of_caller(),
            )


def _with_nan(array: np.ndarray) -> np.ndarray:
    """The array with NaN for infinities, which an activation may hide, but not its gradient."""
    return np.where(np.isinf(array), np.nan, array) if array.dtype.kind == "f" else array


def cast_inputs(model: Any, x: Any) -> Any:
    """Inputs in the dtypes of the model; integers stay as they are where it looks them up."""
    said = model.input_dtypes()
    if said is not None:
        arrays = zip(tree.flatten(x), said, strict=True)
        return tree.pack_as(x, [array.astype(dtype, copy=False) for array, dtype in arrays])
    all_floats = model.takes_floats()

    def cast(array: np.ndarray) -> np.ndarray:
        if array.dtype == model.dtype:
            return array
        if all_floats or array.dtype.kind == "f":
            with np.errstate(over="ignore"):  # what is infinite then is found by check_finite
                return array.astype(model.dtype, copy=False)
        return array

    return tree.map(cast, x)


def cast_floats(model: Any, data: Any) -> Any:
    """A nest of arrays with the floats among them in the dtype of the model."""

    def cast(array: np.ndarray | None) -> np.ndarray | None:
        if array is None or array.dtype.kind != "f":
            return array
        return array.astype(model.dtype, copy=False)

    return tree.map(cast, data)


def targets(model: Any, y: Any) -> list[Any]:
    """One array for each output, None where there is none, checked against the loss.

    Integers become floats here, once, where the loss computes with floats anyway.
    """
    names, losses = model.flat_output_names(), model.compiled.output_losses
    found = spread(y, names, "y")
    for name, loss, target, shape in zip(
        names, losses, found, model.flat_output_shapes(), strict=True
    ):
        if loss is not None and target is None:
            raise ValueError(
                f"y is missing for output {name!r}: the model was compiled with a loss that "
                "compares with it."
            )
        if loss is not None:
            check_labels(loss, target, shape)
    return [
        y if y is None or _keeps_ids(loss, y) else y.astype(model.dtype, copy=False)
        for loss, y in zip(losses, found, strict=True)
    ]


def _keeps_ids(loss: Any, y: np.ndarray) -> bool:
    """Whether integer labels stay integers: class ids, and what a loss of the user's own gets."""
    of = getattr(loss, "of", None)
    return y.dtype.kind != "f" and (of is None or of.__name__ == "sparse_categorical_crossentropy")


def weights(model: Any, w: Any) -> list[Any]:
    """The sample weights of each output, None where there are none."""
    names = model.flat_output_names()
    found = [w] * len(names) if isinstance(w, np.ndarray) else spread(w, names, "sample_weight")
    for array in found:
        bad = None if array is None else not_finite(array)
        if bad is not None:
            raise ValueError(
                f"sample_weight is NaN or infinite in {bad.count} of {len(array)} rows, the first "
                f"is row {bad.row}. Give such rows the weight 0 to leave them out."
            )
    return [None if a is None else a.astype(model.dtype, copy=False) for a in found]


def spread(given: Any, names: list[str], what: str = "y") -> list[Any]:
    """An array, a list of arrays or a dict of them as one for each output."""
    if given is None:
        return [None] * len(names)
    if not isinstance(given, (list, tuple, Mapping)):
        given = [given]
    if isinstance(given, (list, tuple)) and len(given) != len(names):
        raise ValueError(
            f"{what} has {len(given)} arrays; the model has {len(names)} outputs: "
            f"{', '.join(names)}."
        )
    return per_output(given, names, what)


def with_class_weight(y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None) -> Any:
    """Sample weights from class weights; classes that are not named weigh 1."""
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        raise ValueError("Give either class_weight or sample_weight, not both.")
    if not isinstance(y, np.ndarray):
        raise ValueError("class_weight works with one output; use sample_weight for several.")
    try:
        by_id = {int(class_id): float(weight) for class_id, weight in class_weight.items()}
        plain = all(map(math.isfinite, by_id.values()))
    except (AttributeError, TypeError, ValueError):
        plain = False
    if not plain:
        raise ValueError(
            f"class_weight must be a dict from class id to weight, such as {{0: 1.0, 1: 5.0}}; got "
            f"{class_weight!r}."
        )
    if y.ndim > 1 and y.shape[-1] > 1:
        ids = y.argmax(-1)
    else:
        ids = np.rint(y[..., 0] if y.ndim > 1 else y)
    found = np.ones(ids.shape, config.floatx())
    for class_id, weight in by_id.items():
        found[ids == class_id] = weight
    return found
