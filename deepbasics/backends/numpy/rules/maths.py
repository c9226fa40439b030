"""Elementwise primitives beyond the everyday: of floats, then of integers and their bits."""

import math

import numpy as np

from deepbasics.backends.numpy.rules import special
from deepbasics.backends.numpy.rules.elementwise import (
    divide,
    equal,
    exp,
    multiply,
    negative,
    square,
    trunc,
    where,
)
from deepbasics.backends.numpy.trace import primitive

erfc = primitive(
    "erfc",
    special.erfc,
    lambda g, y, x: multiply(multiply(g, exp(negative(square(x)))), -2 / math.sqrt(math.pi)),
    kind="out",
    analytic=False,
)
erfinv = primitive(
    "erfinv",
    special.erfinv,
    lambda g, y, x: multiply(multiply(g, exp(square(y))), math.sqrt(math.pi) / 2),
    kind="out",
    domain=(-0.9, 0.9),
    analytic=False,
)


def _share(side, y):
    """side / y, and 0 at the origin, where the length has a kink."""
    zero = equal(y, 0)
    return where(zero, 0.0, divide(side, where(zero, 1.0, y)))


hypot = primitive(
    "hypot",
    np.hypot,
    lambda g, y, a, b: multiply(g, _share(a, y)),
    lambda g, y, a, b: multiply(g, _share(b, y)),
    analytic=False,
)
fmod = primitive(
    "fmod",
    np.fmod,
    lambda g, y, a, b: g,
    lambda g, y, a, b: negative(multiply(g, trunc(divide(a, b)))),
    analytic=False,
)
nextafter = primitive("nextafter", np.nextafter, None, None, analytic=False)
signbit = primitive("signbit", np.signbit, None, analytic=False)


def _bitcast(x, dtype):
    last = x.shape[-1] * x.dtype.itemsize // np.dtype(dtype).itemsize
    return np.ascontiguousarray(x).view(dtype).reshape(*x.shape[:-1], last)


bitcast = primitive("bitcast", _bitcast, None, analytic=False)  # the same bits, read otherwise

# integers -----------------------------------------------------------------------------------------

_OF_INTS = {
    "bitwise_and": np.bitwise_and,
    "bitwise_invert": np.invert,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "gcd": np.gcd,
    "lcm": np.lcm,
    "left_shift": np.left_shift,
    "right_shift": np.right_shift,
}
for _name, _ufunc in _OF_INTS.items():
    primitive(_name, _ufunc, *[None] * _ufunc.nin, analytic=False)
