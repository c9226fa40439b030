"""Ops: functions on tensors, the same on every backend. Names and signatures are Keras'.

Each family's module lists its public ops in its `__all__`; a new family is one more line below.
"""

from deepbasics import symbolic
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
    fourier,
    gradients,
    image,
    indexing,
    integers,
    linalg,
    matrices,
    nan,
    nn,
    normalization,
    reduction,
    shape,
    sorting,
    statistics,
)

assert image  # a namespace of its own, `ops.image`, as Keras has it

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
    linalg,
    matrices,
    nan,
    nn,
    normalization,
    reduction,
    shape,
    sorting,
    statistics,
)

# Every public op passes through this table once; what is to hold for all of them is done here.
OPS = {
    name: symbolic.op(name, getattr(family, name)) for family in FAMILIES for name in family.__all__
}

globals().update(OPS)
__all__ = [name for family in FAMILIES for name in family.__all__]
