"""Random bits by counter: a tensor that the step advances; key and shape are settings."""

from deepbasics import random
from deepbasics.backends.numpy.trace import primitive


def _mask(counter, key, threshold, shape, out=None):
    return random.mask_kernel(int(counter), key, threshold, shape, out=out)


def _bits32(counter, key, shape, out=None):
    return random.bits32_kernel(int(counter), key, shape, out=out)


random_mask = primitive(  # True where the element's 32 random bits are at least `threshold`
    "random_mask", _mask, None, kind="out", analytic=False, test=False
)
random_bits32 = primitive("random_bits32", _bits32, None, kind="out", analytic=False, test=False)
