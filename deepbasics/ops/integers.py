"""Ops on integers and on their bits; bools count as integers of one bit."""

from collections.abc import Callable
from typing import Any

from deepbasics import dtypes
from deepbasics.ops.call import SCALARS, call, dtype_of, pair, tensor

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "gcd", "lcm", "left_shift", "right_shift",
]  # fmt: skip

Tensor = Any


def _of_ints(name: str, x: Any) -> Any:
    if type(x) in SCALARS:
        return x
    x = tensor(x)
    if dtypes.is_float(dtype_of(x)):
        raise TypeError(f"ops.{name} works on ints and bools; it got {dtype_of(x)}.")
    return x


def _binary(name: str, formula: str) -> Callable[[Any, Any], Tensor]:
    def op(x: Any, y: Any) -> Tensor:
        return call(name, *pair(_of_ints(name, x), _of_ints(name, y)))

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}; ints, elementwise with broadcasting."
    return op


bitwise_and = _binary("bitwise_and", "The bits set in both")
bitwise_or = _binary("bitwise_or", "The bits set in either")
bitwise_xor = _binary("bitwise_xor", "The bits set in exactly one")
left_shift = bitwise_left_shift = _binary("left_shift", "x · 2 to the power y")
right_shift = bitwise_right_shift = _binary("right_shift", "The floor of x / 2 to the power y")


def gcd(x1: Any, x2: Any) -> Tensor:
    """The greatest common divisor; ints, elementwise with broadcasting."""
    return call("gcd", *pair(_of_ints("gcd", x1), _of_ints("gcd", x2)))


def lcm(x1: Any, x2: Any) -> Tensor:
    """The least common multiple; ints, elementwise with broadcasting."""
    return call("lcm", *pair(_of_ints("lcm", x1), _of_ints("lcm", x2)))


def bitwise_invert(x: Any) -> Tensor:
    """Each bit the other way; ints, elementwise."""
    return call("bitwise_invert", _of_ints("bitwise_invert", x))


bitwise_not = bitwise_invert
