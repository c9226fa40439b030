"""Random bits by counter: a tensor that the step advances; key and shape are settings."""

import numpy as np

from deepbasics import philox
from deepbasics.backends.numpy.trace import primitive
from deepbasics.host_families import RECORDED


def _mask(counter, key, threshold, shape, out=None):
    return philox.mask_kernel(int(counter), key, threshold, shape, out=out)


def _bits32(counter, key, shape, out=None):
    bits = philox.bits32_kernel(int(counter), key, shape)
    if out is None:
        return bits.astype(np.int64)  # as torch, which cannot compute in uint32
    np.copyto(out, bits)
    return out


def _draw(counter, draw, key, shape, arguments, dtype):
    return RECORDED[draw](key, int(counter), shape, *arguments, dtype)


random_mask = primitive(  # True where the element's 32 random bits are at least `threshold`
    "random_mask", _mask, None, kind="out", analytic=False, test=False
)
random_bits32 = primitive("random_bits32", _bits32, None, kind="out", analytic=False, test=False)
random_draw = primitive("random_draw", _draw, None, analytic=False, test=False)
