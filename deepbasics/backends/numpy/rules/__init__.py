"""The op table of the NumPy backend: each primitive's value and vjps side by side, by family."""

from deepbasics.backends.numpy.rules import (
    elementwise,
    maths,
    nn,
    random,
    reduction,
    shape,
)

__all__ = [
    "elementwise",
    "maths",
    "nn",
    "random",
    "reduction",
    "shape",
]
