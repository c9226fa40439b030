"""A layer written by hand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Part(NamedTuple):
    """A layer's output, the buffer for the gradient by it, and its two passes.

    `backward` reads `dy` (and may overwrite it), and writes the gradients of the weights and the
    previous part's `dy`, which is None for the data.
    """

    y: np.ndarray
    dy: np.ndarray | None
    forward: Callable[[], object] | None
    backward: Callable[[], object] | None


def after(shape: tuple[int, ...], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """An output and its gradient."""
    return np.zeros(shape, dtype), np.zeros(shape, dtype)
