"""Elementwise ops over tensors, Variables, arrays and scalars; shapes broadcast as in NumPy."""

from collections.abc import Callable
from typing import Any

from deepbasics import dtypes
from deepbasics.ops.call import call, dtype_of, float_tensor, pair, tensor

__all__ = [
    "abs", "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "ceil", "clip", "cos", "cosh", "divide", "divide_no_nan", "equal", "erf", "exp",
    "exp2", "expm1", "floor", "floor_divide", "greater", "greater_equal", "isclose", "isfinite",
    "isinf", "isnan", "less", "less_equal", "log", "log1p", "log2", "log10", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod",
    "multiply", "nan_to_num", "negative", "not_equal", "power", "reciprocal", "round", "rsqrt",
    "sign", "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh", "true_divide", "trunc",
    "where",
]  # fmt: skip

Tensor = Any


def _unary(name: str, formula: str, ints: bool = False) -> Callable[[Any], Tensor]:
    """An op of one tensor; ints become floatx unless the op keeps them."""
    prepare = tensor if ints else float_tensor

    def op(x: Any) -> Tensor:
        return call(name, prepare(x))

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
abs = absolute = _unary("abs", "|x|; the derivative at 0 is 0", ints=True)
sign = _unary("sign", "-1, 0 or 1", ints=True)
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
        weak1, weak2 = (type(x) in (int, float, bool) for x in (x1, x2))
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


def where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """`x1` where the condition holds, else `x2`; the three broadcast."""
    x1, x2 = pair(x1, x2)
    like = x2 if type(x1) in (int, float, bool) else x1
    x1, x2 = (tensor(x, dtype_of(like)) for x in (x1, x2))
    return call("where", tensor(condition, "bool"), x1, x2)


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """x1 / x2, and 0 where x2 is 0."""
    zero = equal(x2, 0)
    return where(zero, 0.0, divide(x1, where(zero, 1.0, x2)))


def nan_to_num(x: Any, nan: float = 0.0) -> Tensor:
    """`x` with NaN replaced; infinities are kept."""
    return where(isnan(x), nan, x)


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol |x2|, or the two are equal."""
    near = less_equal(abs(subtract(x1, x2)), add(multiply(abs(x2), rtol), atol))
    return logical_or(near, equal(x1, x2))
