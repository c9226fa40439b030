"""Ops: functions on tensors, the same on every backend. Names and signatures are Keras'.

Each family's module lists its public ops in its `__all__`; a new family is one more line below.
Those of images are in `ops.image` alone; `ops.nn`, `ops.linalg` and `ops.numpy` have the others
again, as Keras groups them.
"""

from types import ModuleType

from deepbasics import absent, symbolic
from deepbasics.ops import (
    attention,
    blocks,
    control,
    convolution,
    core,
    creation,
    crossentropy,
    einsum,
    elementwise,
    filters,
    fourier,
    gradients,
    images,
    indexing,
    integers,
    matrices,
    nan,
    networks,
    normalization,
    products,
    reduction,
    shape,
    sorting,
    statistics,
    warps,
)

FAMILIES = (
    attention,
    blocks,
    control,
    convolution,
    core,
    creation,
    crossentropy,
    einsum,
    elementwise,
    fourier,
    gradients,
    indexing,
    integers,
    matrices,
    nan,
    networks,
    normalization,
    products,
    reduction,
    shape,
    sorting,
    statistics,
)

# Every public op passes through this table once; what is to hold for all of them is done here.
OPS = {
    name: symbolic.op(name, getattr(family, name))
    for family in (*FAMILIES, filters, images, warps)
    for name in family.__all__
}


def _names(*families: ModuleType) -> list[str]:
    return [name for family in families for name in family.__all__]


# What is in the namespaces that Keras has; the module of each takes its names from here.
NAMESPACES = {
    "image": _names(filters, images, warps),
    "linalg": [*_names(matrices), "jvp"],
    "nn": [
        *_names(attention, blocks, convolution, crossentropy, networks, normalization),
        "moments",
    ],
    "numpy": [
        *_names(creation, einsum, elementwise, integers, nan, products, reduction, shape),
        *_names(sorting, statistics),
        *("select", "slogdet", "vectorize"),
    ],
}
__all__ = list(_names(*FAMILIES))
globals().update({name: OPS[name] for name in __all__})

from deepbasics.ops import image, linalg, nn, numpy  # noqa: E402, F401 - from the table above

__getattr__ = absent.attributes(__name__)
