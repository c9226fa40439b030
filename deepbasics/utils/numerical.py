"""Class vectors to one-hot rows, and rows to unit length: NumPy in, NumPy out."""

import numpy as np
from numpy.typing import ArrayLike

from deepbasics import legacy


@legacy.keywords("to_categorical")
def to_categorical(x: ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows, for `categorical_crossentropy`.

    Args:
        x: class ids, integers from 0 to `num_classes - 1`; any shape; a last axis of size 1 is
            dropped.
        num_classes: size of the new last axis; by default `max(x) + 1`.

    Returns:
        A float64 array of shape `x.shape + (num_classes,)`.

    Raises:
        ValueError: an id is negative, too large, or not a whole number; or `x` is empty and
            `num_classes` is not given.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    ids = _class_ids(x)
    if ids.ndim > 1 and ids.shape[-1] == 1:
        ids = ids[..., 0]
    if num_classes is None:
        if ids.size == 0:
            raise ValueError("to_categorical got no ids; pass num_classes to fix the width.")
        num_classes = int(ids.max()) + 1
    if ids.size and not 0 <= ids.min() <= ids.max() < num_classes:
        raise ValueError(
            f"to_categorical got ids from {ids.min()} to {ids.max()}; with "
            f"num_classes={num_classes} they must lie between 0 and {num_classes - 1}."
        )
    one_hot = np.zeros((*ids.shape, num_classes))
    np.put_along_axis(one_hot, ids[..., None], 1.0, axis=-1)
    return one_hot


def _class_ids(x: ArrayLike) -> np.ndarray:
    given = np.asarray(x)
    try:
        values = given.astype("float64")
    except (TypeError, ValueError):
        values = None
    if values is None or not np.all(values == np.floor(values)):
        raise ValueError(
            f"to_categorical needs whole numbers as class ids; it got {given.dtype} values such as "
            f"{given.ravel()[:3].tolist()}. Number the classes first, for example with "
            "np.unique(x, return_inverse=True)[1]."
        )
    return values.astype("int64")


def normalize(x: ArrayLike, axis: int = -1, order: float = 2) -> np.ndarray:
    """`x / ||x||` along `axis`; rows of zeros stay zeros.

    Args:
        x: numbers, any shape.
        axis: the axis along which the norm is taken.
        order: which norm: 1, 2, `np.inf`, as in `np.linalg.norm`.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
