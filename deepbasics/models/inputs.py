"""From what the user passes to `fit` to sources of batches: casts, checks and class weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepbasics import config, tree
from deepbasics.data import as_arrays
from deepbasics.data.arrays import check_lengths
from deepbasics.losses import check_labels


def prepare(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """(x, y, w) as nests of arrays of equal length, floats in floatx; ValueError for no data."""
    parts = {"x": as_arrays(x, "x"), "y": as_arrays(y, "y")}
    parts["sample_weight"] = as_arrays(sample_weight, "sample_weight")
    check_lengths(**parts)
    return tuple(tree.map(_in_floatx, part) for part in parts.values())


def _in_floatx(array: np.ndarray | None) -> np.ndarray | None:
    if array is None or array.dtype.kind != "f":
        return array
    return array.astype(config.floatx(), copy=False)


def cast_inputs(model: Any, x: Any) -> Any:
    """Integer inputs as floats, unless the model looks them up."""
    if not model.takes_floats():
        return x
    return tree.map(lambda a: a.astype(model.dtype, copy=False), x)


def cast_targets(model: Any, y: Any) -> Any:
    """Integer targets as floats, once instead of in each step, where the loss wants floats."""
    targets = tree.flatten(y)
    if any(t is None for t in targets):
        return y
    keep = [
        getattr(loss, "of", None) is None or _takes_ids(loss)
        for loss in model.compiled.output_losses
    ]
    if len(keep) != len(targets):
        return y
    cast = [
        t if k else t.astype(model.dtype, copy=False) for t, k in zip(targets, keep, strict=True)
    ]
    return tree.pack_as(y, cast)


def _takes_ids(loss: Any) -> bool:
    return loss.of.__name__ == "sparse_categorical_crossentropy"


def check_targets(model: Any, y: Any) -> None:
    """Raise ValueError where a loss cannot mean anything with its targets."""
    targets = tree.flatten(y)
    if len(targets) != len(model.compiled.output_losses):
        return
    for loss, target, shape in zip(
        model.compiled.output_losses, targets, model.flat_output_shapes(), strict=True
    ):
        if loss is not None and target is None:
            raise ValueError(
                "y is missing: the model was compiled with a loss that compares with it."
            )
        if loss is not None:
            check_labels(loss, target, shape)


def with_class_weight(y: Any, sample_weight: Any, class_weight: Mapping[int, float] | None) -> Any:
    """Sample weights from class weights; classes that are not named weigh 1."""
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        raise ValueError("Give either class_weight or sample_weight, not both.")
    if not isinstance(y, np.ndarray):
        raise ValueError("class_weight works with one output; use sample_weight for several.")
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight must be a dict from class id to weight, such as {{0: 1.0, 1: 5.0}}; got "
            f"{class_weight!r}."
        )
    one_hot = y.ndim > 1 and y.shape[-1] > 1
    ids = y.argmax(-1) if one_hot else np.rint(y.reshape(len(y))).astype(int)
    weights = np.ones(ids.shape, config.floatx())
    for class_id, weight in class_weight.items():
        weights[ids == int(class_id)] = weight
    return weights


def check_batch_size(batch_size: Any) -> int:
    """A positive int; None is 32."""
    if batch_size is None:
        return 32
    if isinstance(batch_size, bool) or int(batch_size) != batch_size or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer; got {batch_size!r}.")
    return int(batch_size)
