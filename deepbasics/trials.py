"""How large the arrays may be that ops are tried on, to find out the shapes of their outputs."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from deepbasics import tree

LARGEST = 2**26  # elements of one array
_IN_A_FILE, _AT_ONCE = 2**26, 2**23  # elements for all ops of a file, and for one of them
_left: ContextVar[list[int] | None] = ContextVar("elements left for trials", default=None)


@contextmanager
def of_a_file() -> Iterator[None]:
    """Try ops in the block on few elements: who wrote their settings is not known."""
    token = _left.set([_IN_A_FILE])
    try:
        yield
    finally:
        _left.reset(token)


def check(
    function: Callable[..., Any], shapes: Sequence[tuple[int, ...]], settings: Sequence[Any]
) -> None:
    """ValueError if a call on arrays of these shapes is too large to try."""
    largest = max((math.prod(shape) for shape in shapes), default=0)
    left = _left.get()
    if left is not None:
        name = getattr(function, "__name__", "")
        largest = max(sum(map(math.prod, shapes)), _grown(name, shapes, settings))
        left[0] -= largest
    if largest > (LARGEST if left is None else min(_AT_ONCE, left[0] + largest)):
        of = " and ".join(map(str, shapes))
        how = "pass safe_mode=False, " if left is not None else ""
        raise ValueError(
            f"A tensor of shape {of} is too large to try an op on, for the shape of its output. "
            f"Leave the batch open (None), {how}or use a layer, which knows its output shape."
        )


def _grown(name: str, shapes: Sequence[tuple[int, ...]], settings: Sequence[Any]) -> int:
    """About how many elements an op makes of arrays of these shapes."""
    numbers = [abs(n) for n in tree.flatten(list(settings)) if type(n) is int]
    size = max(map(math.prod, shapes), default=0)
    if name in _BY_THE_LARGEST:
        return size * max([1, *numbers])
    if name in _BY_ALL:
        return size * math.prod(n for n in numbers if n > 1)
    if name == "broadcast_to":
        return math.prod(numbers)
    if name == "pad":
        return math.prod(n + 2 * max([0, *numbers]) for n in shapes[0])
    if name in _BY_EACH_OTHER:
        return math.prod(map(math.prod, shapes))
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # of an op that does not spread its arguments
        return size


_BY_THE_LARGEST = {
    *("repeat", "one_hot", "multi_hot", "linspace", "logspace", "bincount", "vander"),
    *("fft", "fft2", "rfft", "irfft", "stft"),
    *("segment_sum", "segment_max", "segment_min", "segment_prod"),
}
_BY_ALL = {"tile", "resize", "pad_images", "extract_patches", "extract_patches_3d", "diag"}
_BY_EACH_OTHER = {"outer", "kron", "einsum", "tensordot", "meshgrid"}
