"""Elementwise ops over tensors, Variables, arrays and scalars; shapes broadcast as in NumPy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import dtypes
from deepbasics.ops.call import SCALARS, call, dtype_of, float_tensor, pair, tensor

__all__ = [
    "abs", "absolute", "add", "allclose", "angle", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "cbrt", "ceil", "clip", "conj", "conjugate", "cos", "cosh",
    "deg2rad", "divide", "divide_no_nan", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1",
    "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "greater", "greater_equal",
    "heaviside", "hypot", "i0", "imag", "isclose", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "isreal", "ldexp", "less", "less_equal", "log", "log1p", "log2", "log10",
    "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum",
    "minimum", "mod", "multiply", "nan_to_num", "negative", "nextafter", "not_equal", "power",
    "rad2deg", "real", "reciprocal", "round", "rsqrt", "sign", "signbit", "sin", "sinc", "sinh",
    "sqrt", "square", "subtract", "tan", "tanh", "true_divide", "trunc", "where",
]  # fmt: skip

Tensor = Any


def _unary(
    name: str, formula: str, ints: bool = False, bools: bool = False
) -> Callable[[Any], Tensor]:
    """An op of one tensor; ints become floatx unless the op keeps them, bools ints unless so."""

    def op(x: Any) -> Tensor:
        x = tensor(x) if ints else float_tensor(x)
        if dtype_of(x) == "bool":
            return x if bools else call(name, tensor(x, "int32"))
        return call(name, x)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}, elementwise; the shape of `x` is kept."
    return op


def _binary(name: str, formula: str) -> Callable[[Any, Any], Tensor]:
    """An op of two tensors that broadcast, in their common dtype."""

    def op(x1: Any, x2: Any) -> Tensor:
        return call(name, *pair(x1, x2))

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}, elementwise with broadcasting."
    return op


negative = _unary("negative", "-x", ints=True)
abs = absolute = _unary("abs", "|x|; the derivative at 0 is 0", ints=True, bools=True)
sign = _unary("sign", "-1, 0 or 1", ints=True, bools=True)
square = _unary("square", "x²", ints=True)
sqrt = _unary("sqrt", "√x")
rsqrt = _unary("rsqrt", "1 / √x")
reciprocal = _unary("reciprocal", "1 / x")
exp = _unary("exp", "e to the power x")
exp2 = _unary("exp2", "2 to the power x")
expm1 = _unary("expm1", "e to the power x, minus 1, exact near 0")
log = _unary("log", "The natural logarithm")
log1p = _unary("log1p", "log(1 + x), exact near 0")
log2 = _unary("log2", "The logarithm to base 2")
log10 = _unary("log10", "The logarithm to base 10")
sin = _unary("sin", "The sine of x in radians")
cos = _unary("cos", "The cosine of x in radians")
tan = _unary("tan", "The tangent of x in radians")
arcsin = _unary("arcsin", "The inverse sine")
arccos = _unary("arccos", "The inverse cosine")
arctan = _unary("arctan", "The inverse tangent")
sinh = _unary("sinh", "The hyperbolic sine")
cosh = _unary("cosh", "The hyperbolic cosine")
tanh = _unary("tanh", "The hyperbolic tangent")
arcsinh = _unary("arcsinh", "The inverse hyperbolic sine")
arccosh = _unary("arccosh", "The inverse hyperbolic cosine")
arctanh = _unary("arctanh", "The inverse hyperbolic tangent")
erf = _unary("erf", "The error function, 2/√π ∫₀ˣ exp(-t²) dt")
floor = _unary("floor", "The largest integer not above x; no gradient")
ceil = _unary("ceil", "The smallest integer not below x; no gradient")
trunc = _unary("trunc", "x towards zero; no gradient")
isnan = _unary("isnan", "Whether x is NaN")
isinf = _unary("isinf", "Whether x is infinite")
isfinite = _unary("isfinite", "Whether x is neither infinite nor NaN")

add = _binary("add", "x1 + x2")
subtract = _binary("subtract", "x1 - x2")
multiply = _binary("multiply", "x1 * x2")
power = _binary("power", "x1 to the power x2")
maximum = _binary("maximum", "The larger one; ties share the gradient equally")
minimum = _binary("minimum", "The smaller one; ties share the gradient equally")
mod = _binary("mod", "The remainder, with the sign of x2")
floor_divide = _binary("floor_divide", "The floor of x1 / x2")
equal = _binary("equal", "x1 == x2")
not_equal = _binary("not_equal", "x1 != x2")
greater = _binary("greater", "x1 > x2")
greater_equal = _binary("greater_equal", "x1 >= x2")
less = _binary("less", "x1 < x2")
less_equal = _binary("less_equal", "x1 <= x2")


def _inexact(name: str, formula: str) -> Callable[[Any, Any], Tensor]:
    """A binary op whose result is float: ints become floatx."""

    def op(x1: Any, x2: Any) -> Tensor:
        x1, x2 = pair(x1, x2)
        weak1, weak2 = (type(x) in SCALARS for x in (x1, x2))
        x1 = float(x1) if weak1 else float_tensor(x1)
        x2 = float(x2) if weak2 else float_tensor(x2)
        return call(name, x1, x2)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}, elementwise with broadcasting; ints become floatx."
    return op


divide = true_divide = _inexact("divide", "x1 / x2")
logaddexp = _inexact("logaddexp", "log(exp(x1) + exp(x2))")
arctan2 = _inexact("arctan2", "The angle of the point (x2, x1)")


def _logical(name: str, formula: str) -> Callable[[Any, Any], Tensor]:
    def op(x1: Any, x2: Any) -> Tensor:
        return call(name, tensor(x1, "bool"), tensor(x2, "bool"))

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{formula}, elementwise with broadcasting; what is not 0 is true."
    return op


logical_and = _logical("logical_and", "x1 and x2")
logical_or = _logical("logical_or", "x1 or x2")
logical_xor = _logical("logical_xor", "Exactly one of x1, x2")


def logical_not(x: Any) -> Tensor:
    """Not x, elementwise; what is not 0 is true."""
    return call("logical_not", tensor(x, "bool"))


def round(x: Any, decimals: int = 0) -> Tensor:
    """`x` to the nearest number with so many decimals, halves to even; no gradient."""
    x = tensor(x)
    if not dtypes.is_float(dtype_of(x)):
        return x
    if decimals == 0:
        return call("round", x)
    scale = float(10**decimals)
    return divide(call("round", multiply(x, scale)), scale)


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """`x` held between `x_min` and `x_max`; the derivative is 1 there and at both bounds."""
    scalars = (int, float)
    if type(x_min) in scalars and type(x_max) in scalars:
        x = float_tensor(x) if float in (type(x_min), type(x_max)) else tensor(x)
        return call("clip", x, x_min, x_max)
    return minimum(maximum(x, x_min), x_max)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, else `x2`; the three broadcast.

    With the condition alone: the indices of what is true, as `ops.nonzero` gives them.
    """
    if x1 is None and x2 is None:
        from deepbasics.ops.sorting import nonzero

        return nonzero(condition)
    x1, x2 = pair(x1, x2)
    like = x2 if type(x1) in SCALARS else x1
    x1, x2 = (tensor(x, dtype_of(like)) for x in (x1, x2))
    return call("where", tensor(condition, "bool"), x1, x2)


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """x1 / x2, and 0 where x2 is 0."""
    zero = equal(x2, 0)
    return where(zero, 0.0, divide(x1, where(zero, 1.0, x2)))


def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """`x` with NaN and the infinities replaced (None: by the largest and smallest finite)."""
    x = tensor(x)
    if not dtypes.is_float(dtype_of(x)):
        return x
    ends = dtypes.finfo(dtype_of(x))
    x = where(call("equal", x, math.inf), ends.max if posinf is None else posinf, x)
    x = where(call("equal", x, -math.inf), ends.min if neginf is None else neginf, x)
    return where(isnan(x), nan, x)


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol |x2|, or the two are equal; NaN is equal on request."""
    x1, x2 = _floats(x1, x2)
    limit = add(multiply(abs(x2), rtol), atol)
    near = logical_and(less_equal(abs(subtract(x1, x2)), limit), isfinite(x2))
    same = logical_or(near, equal(x1, x2))
    return logical_or(same, logical_and(isnan(x1), isnan(x2))) if equal_nan else same


def _floats(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Two tensors in their common float dtype."""
    x1, x2 = pair(x1, x2)
    kind = dtype_of(float_tensor(x2 if type(x1) in SCALARS else x1))
    return tensor(x1, kind), tensor(x2, kind)


# floats -------------------------------------------------------------------------------------------

signbit = _unary("signbit", "Whether the sign is negative, that of -0.0 too", ints=True)
erfc = _unary("erfc", "1 - erf(x), exact where that is small")
erfinv = _unary("erfinv", "The y with erf(y) = x, for -1 <= x <= 1")
fmod = _binary("fmod", "The remainder, with the sign of x1")
hypot = _inexact("hypot", "√(x1² + x2²) without overflow; the derivative at (0, 0) is 0")
nextafter = _inexact("nextafter", "The float next to x1 in the direction of x2")


def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """log₂(2 to the power x1 + 2 to the power x2), without overflow."""
    both = logaddexp(multiply(x1, math.log(2)), multiply(x2, math.log(2)))
    return divide(both, math.log(2))


def fabs(x: Any) -> Tensor:
    """|x| as a float."""
    return abs(float_tensor(x))


def cbrt(x: Any) -> Tensor:
    """The cube root, with the sign of x."""
    x = float_tensor(x)
    return multiply(sign(x), power(abs(x), 1 / 3))


def deg2rad(x: Any) -> Tensor:
    """Degrees as radians, π x / 180."""
    return multiply(float_tensor(x), math.pi / 180)


def rad2deg(x: Any) -> Tensor:
    """Radians as degrees, 180 x / π."""
    return multiply(float_tensor(x), 180 / math.pi)


def sinc(x: Any) -> Tensor:
    """sin(π x) / (π x), and 1 at 0."""
    x = float_tensor(x)
    zero = equal(x, 0)
    turn = multiply(where(zero, 1.0, x), math.pi)
    return where(zero, 1.0, divide(sin(turn), turn))


def i0(x: Any) -> Tensor:
    """The modified Bessel function of order 0, 1/π ∫₀^π exp(x cos t) dt.

    The trapezoidal rule with 256 points on the circle is exact to rounding for all x that do not
    overflow; by symmetry a quarter of them is enough.
    """
    angles = np.arange(65) * (math.pi / 128)
    weights = np.where(np.arange(65) % 64 == 0, 1, 2) / 128
    x = float_tensor(x)
    kind = dtype_of(x)
    waves = cosh(multiply(call("reshape", x, shape=(*x.shape, 1)), tensor(np.cos(angles), kind)))
    total = multiply(waves, tensor(weights, kind))
    return call("sum", total, axis=(len(x.shape),), keepdims=False)


def isposinf(x: Any) -> Tensor:
    """Whether x is +∞."""
    return equal(tensor(x), math.inf)


def isneginf(x: Any) -> Tensor:
    """Whether x is -∞."""
    return equal(tensor(x), -math.inf)


def fmax(x1: Any, x2: Any) -> Tensor:
    """The larger one, and where one is NaN the other."""
    return _or_other(maximum, x1, x2)


def fmin(x1: Any, x2: Any) -> Tensor:
    """The smaller one, and where one is NaN the other."""
    return _or_other(minimum, x1, x2)


def _or_other(extreme: Callable[..., Tensor], x1: Any, x2: Any) -> Tensor:
    x1, x2 = pair(x1, x2)
    first, second = where(isnan(x1), x2, x1), where(isnan(x2), x1, x2)
    return extreme(first, second)


def heaviside(x1: Any, x2: Any) -> Tensor:
    """0 where x1 < 0, x2 where x1 is 0, 1 where x1 > 0."""
    x1, x2 = _floats(x1, x2)
    return where(equal(x1, 0), x2, where(isnan(x1), x1, tensor(greater(x1, 0), dtype_of(x1))))


def ldexp(x1: Any, x2: Any) -> Tensor:
    """x1 · 2 to the power x2; x2 holds ints."""
    x1 = float_tensor(x1)
    return multiply(x1, power(2.0, tensor(x2, dtype_of(x1))))


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether all elements are close, as `ops.isclose` says; a bool tensor of shape ()."""
    near = isclose(x1, x2, rtol, atol, equal_nan)
    return call("all", near, axis=tuple(range(len(near.shape))), keepdims=False)


# real numbers as complex ones: there are no complex tensors ---------------------------------------


def real(x: Any) -> Tensor:
    """The real part, which is `x` itself: tensors hold real numbers."""
    return tensor(x)


conj = conjugate = real


def imag(x: Any) -> Tensor:
    """The imaginary part: 0."""
    x = tensor(x)
    return call("broadcast_to", tensor(0, dtype_of(x)), shape=tuple(x.shape))


def angle(x: Any) -> Tensor:
    """The angle to the positive real axis: 0, or π for negative x."""
    x = float_tensor(x)
    return where(isnan(x), x, multiply(tensor(less(x, 0), dtype_of(x)), math.pi))


def isreal(x: Any) -> Tensor:
    """Whether x is a real number: true."""
    return equal(imag(x), 0)
