"""The op table of the NumPy backend: each primitive's value and vjps side by side, by family."""

from deepbasics.backends.numpy.rules import (
    attention,
    conv,
    custom,
    elementwise,
    factor,
    fourier,
    maths,
    nn,
    order,
    pool,
    random,
    recurrent,
    reduction,
    shape,
)

__all__ = [
    "attention",
    "conv",
    "custom",
    "elementwise",
    "factor",
    "fourier",
    "maths",
    "nn",
    "order",
    "pool",
    "random",
    "recurrent",
    "reduction",
    "shape",
]
