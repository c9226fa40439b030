"""Elementwise primitives: `y = f(x)`, each with its derivative beside it.

In every vjp, `g` is the cotangent of the result `y`; the shapes of broadcast arguments are restored
by the engine.
"""

import math

import numpy as np

from deepbasics import config, dtypes
from deepbasics.backends.numpy.rules import special
from deepbasics.backends.numpy.trace import Traced, primitive
from deepbasics.operand import Operand

# arithmetic ---------------------------------------------------------------------------------------

negative = primitive("negative", np.negative, lambda g, y, x: negative(g))
add = primitive("add", np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
subtract = primitive("subtract", np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: negative(g))
multiply = primitive(
    "multiply", np.multiply, lambda g, y, a, b: multiply(g, b), lambda g, y, a, b: multiply(g, a)
)
divide = primitive(
    "divide",
    np.divide,
    lambda g, y, a, b: divide(g, b),
    lambda g, y, a, b: negative(divide(multiply(g, y), b)),
    domain=(0.5, 2.0),
)


def _power_vjp_base(g, y, a, b):
    """g b a^(b-1), and 0 where b is 0, also at a = 0 where the formula is 0 · ∞."""
    if isinstance(b, (int, float)):
        return multiply(g, multiply(b, power(a, b - 1)) if b else 0)
    zero = equal(b, 0)
    return multiply(g, multiply(b, power(where(zero, 1.0, a), subtract(b, 1))))


def _power_vjp_exponent(g, y, a, b):
    """g a^b log(a), and its limit 0 where a is 0 and b is not negative."""
    zero = logical_and(equal(a, 0), greater_equal(b, 0))
    return multiply(g, multiply(y, where(zero, 0.0, log(where(zero, 1.0, a)))))


def _power(a, b, out=None):
    """Numbers without axes by Python's operator: one way, recorded or not, array or scalar."""
    if out is None and np.ndim(a) == np.ndim(b) == 0:
        a, b = (x[()] if isinstance(x, np.ndarray) else x for x in (a, b))
        return a**b
    return np.power(a, b, out=out)


power = primitive(
    "power", _power, _power_vjp_base, _power_vjp_exponent, kind="ufunc", domain=(0.5, 2.0)
)
square = primitive("square", np.square, lambda g, y, x: multiply(multiply(g, x), 2))
reciprocal = primitive(
    "reciprocal", np.reciprocal, lambda g, y, x: negative(multiply(g, square(y))), domain=(0.5, 2.0)
)
sqrt = primitive("sqrt", np.sqrt, lambda g, y, x: divide(multiply(g, 0.5), y), domain=(0.2, 2.0))
floor_divide = primitive(
    "floor_divide", np.floor_divide, None, None, domain=(0.5, 2.0), analytic=False
)
mod = primitive(
    "mod",
    np.mod,
    lambda g, y, a, b: g,
    lambda g, y, a, b: negative(multiply(g, floor_divide(a, b))),
    domain=(0.5, 2.0),
    analytic=False,
)


rsqrt = primitive(
    "rsqrt",
    lambda x: reciprocal(sqrt(x)),
    lambda g, y, x: multiply(multiply(g, -0.5), multiply(y, square(y))),
    kind="composite",
    domain=(0.2, 2.0),
)

# exponentials and logarithms ----------------------------------------------------------------------

exp = primitive("exp", np.exp, lambda g, y, x: multiply(g, y))
exp2 = primitive("exp2", np.exp2, lambda g, y, x: multiply(multiply(g, y), math.log(2)))
expm1 = primitive("expm1", np.expm1, lambda g, y, x: multiply(g, add(y, 1)))
log = primitive("log", np.log, lambda g, y, x: divide(g, x), domain=(0.2, 2.0))
log1p = primitive("log1p", np.log1p, lambda g, y, x: divide(g, add(x, 1)), domain=(-0.5, 2.0))
log2 = primitive(
    "log2", np.log2, lambda g, y, x: divide(g, multiply(x, math.log(2))), domain=(0.2, 2.0)
)
log10 = primitive(
    "log10", np.log10, lambda g, y, x: divide(g, multiply(x, math.log(10))), domain=(0.2, 2.0)
)
logaddexp = primitive(
    "logaddexp",
    np.logaddexp,
    lambda g, y, a, b: multiply(g, sigmoid(subtract(a, b))),
    lambda g, y, a, b: multiply(g, sigmoid(subtract(b, a))),
    analytic=False,
)


# trigonometric and hyperbolic ---------------------------------------------------------------------

sin = primitive("sin", np.sin, lambda g, y, x: multiply(g, cos(x)))
cos = primitive("cos", np.cos, lambda g, y, x: negative(multiply(g, sin(x))))
tan = primitive("tan", np.tan, lambda g, y, x: multiply(g, add(square(y), 1)), domain=(-1.0, 1.0))
arcsin = primitive(
    "arcsin",
    np.arcsin,
    lambda g, y, x: multiply(g, rsqrt(subtract(1, square(x)))),
    domain=(-0.9, 0.9),
)
arccos = primitive(
    "arccos",
    np.arccos,
    lambda g, y, x: negative(multiply(g, rsqrt(subtract(1, square(x))))),
    domain=(-0.9, 0.9),
)
arctan = primitive("arctan", np.arctan, lambda g, y, x: divide(g, add(square(x), 1)))


def _radius(a, b):
    """a² + b², and 1 at the origin, where the angle jumps and is given the derivative 0."""
    r = add(square(a), square(b))
    return where(equal(r, 0), 1.0, r)


arctan2 = primitive(
    "arctan2",
    np.arctan2,
    lambda g, y, a, b: divide(multiply(g, b), _radius(a, b)),
    lambda g, y, a, b: negative(divide(multiply(g, a), _radius(a, b))),
    domain=(0.2, 2.0),
    analytic=False,
)
sinh = primitive("sinh", np.sinh, lambda g, y, x: multiply(g, cosh(x)))
cosh = primitive("cosh", np.cosh, lambda g, y, x: multiply(g, sinh(x)))
tanh = primitive("tanh", np.tanh, lambda g, y, x: multiply(g, subtract(1, square(y))))
arcsinh = primitive("arcsinh", np.arcsinh, lambda g, y, x: multiply(g, rsqrt(add(square(x), 1))))
arccosh = primitive(
    "arccosh",
    np.arccosh,
    lambda g, y, x: multiply(g, rsqrt(subtract(square(x), 1))),
    domain=(1.2, 3.0),
)
arctanh = primitive(
    "arctanh",
    np.arctanh,
    lambda g, y, x: divide(g, subtract(1, square(x))),
    domain=(-0.9, 0.9),
)

# kinks: the derivative chosen where there are two (see docs/differences.md) -----------------------

absolute = primitive("abs", np.absolute, lambda g, y, x: multiply(g, sign(x)), analytic=False)
sign = primitive("sign", np.sign, None, analytic=False)
floor = primitive("floor", np.floor, None, analytic=False)
ceil = primitive("ceil", np.ceil, None, analytic=False)
round_ = primitive("round", np.rint, None, analytic=False)
trunc = primitive("trunc", np.trunc, None, analytic=False)


def _share(chosen, other):
    """1 where `chosen` is the larger (smaller) one, a half at a tie."""
    return lambda g, y, a, b: multiply(
        g,
        add(
            multiply(cast_like(equal(chosen(a, b), y), g), 0.5),
            multiply(cast_like(not_equal(other(a, b), y), g), 0.5),
        ),
    )


def _first(a, b):
    return a


def _second(a, b):
    return b


maximum = primitive(
    "maximum", np.maximum, _share(_first, _second), _share(_second, _first), analytic=False
)
minimum = primitive(
    "minimum", np.minimum, _share(_first, _second), _share(_second, _first), analytic=False
)


def _step(y, g):
    """1 where `y`, which is not negative, is positive, in the dtype of `g`; else 0."""
    return sign(y) if y.size <= 8192 else cast_like(greater(y, 0), g)  # the faster of the two


relu = primitive(
    "relu",
    lambda x: maximum(x, 0),
    lambda g, y, x: multiply(g, _step(y, g)),
    kind="composite",
    analytic=False,
)

clip = primitive(
    "clip",
    lambda x, lo, hi: minimum(maximum(x, lo), hi),
    lambda g, y, x, lo, hi: multiply(g, logical_and(greater_equal(x, lo), less_equal(x, hi))),
    kind="composite",
    analytic=False,
)

# comparisons and logic: no derivative -------------------------------------------------------------

equal = primitive("equal", np.equal, None, None, analytic=False)
not_equal = primitive("not_equal", np.not_equal, None, None, analytic=False)
greater = primitive("greater", np.greater, None, None, analytic=False)
greater_equal = primitive("greater_equal", np.greater_equal, None, None, analytic=False)
less = primitive("less", np.less, None, None, analytic=False)
less_equal = primitive("less_equal", np.less_equal, None, None, analytic=False)
logical_and = primitive("logical_and", np.logical_and, None, None, analytic=False)
logical_or = primitive("logical_or", np.logical_or, None, None, analytic=False)
logical_xor = primitive("logical_xor", np.logical_xor, None, None, analytic=False)
logical_not = primitive("logical_not", np.logical_not, None, analytic=False)
isnan = primitive("isnan", np.isnan, None, analytic=False)
isinf = primitive("isinf", np.isinf, None, analytic=False)
isfinite = primitive("isfinite", np.isfinite, None, analytic=False)


def _where(condition, a, b, out=None):
    if out is None:
        return np.where(condition, a, b)
    np.copyto(out, b)
    np.copyto(out, a, where=condition)
    return out


where = primitive(
    "where",
    _where,
    None,
    lambda g, y, c, a, b: where(c, g, 0.0),
    lambda g, y, c, a, b: where(c, 0.0, g),
    kind="out",
    analytic=False,
)


def cast_like(x, like):
    """A boolean as 0 or 1 in the dtype of `like`."""
    return multiply(x, np.ones((), like.dtype))


# special functions --------------------------------------------------------------------------------

erf = primitive(
    "erf",
    special.erf,
    lambda g, y, x: multiply(multiply(g, exp(negative(square(x)))), 2 / math.sqrt(math.pi)),
    kind="out",
    analytic=False,
)


def minus_absolute(x):
    """-|x|, of parts that formulas with exp(-|x|) have use for."""
    return subtract(minimum(x, 0), maximum(x, 0))


def _sigmoid(x):
    """Never overflows, and keeps the small values of a very negative x."""
    return divide(exp(minimum(x, 0)), add(exp(minus_absolute(x)), 1))


sigmoid = primitive(
    "sigmoid",
    _sigmoid,
    lambda g, y, x: multiply(g, multiply(y, subtract(1, y))),
    kind="composite",
    analytic=False,
)


def _softplus(x, out=None):
    return np.logaddexp(x, 0, out=out)


softplus = primitive(
    "softplus", _softplus, lambda g, y, x: multiply(g, sigmoid(x)), kind="ufunc", analytic=False
)


def promoted(call):
    """An operator: arguments in their common dtype; a Python float makes an int tensor float.

    It leaves the matter to a Variable or a symbolic tensor.
    """

    def operator(a, b):
        for other in (a, b):
            if isinstance(other, Operand) and type(other) is not Traced:
                return NotImplemented
        da, db = getattr(a, "dtype", None), getattr(b, "dtype", None)
        if da is not None and db is not None and da != db:
            common = np.dtype(dtypes.result_type(da.name, db.name))
            a = a if da == common else _cast(a, common)
            b = b if db == common else _cast(b, common)
        elif isinstance(b, float) and da is not None and da.kind in "iub":
            a = _cast(a, np.dtype(config.floatx()))
        elif isinstance(a, float) and db is not None and db.kind in "iub":
            b = _cast(b, np.dtype(config.floatx()))
        return call(a, b)

    return operator


def _cast(x, dtype):
    from deepbasics.backends.numpy.rules.shape import cast

    return cast(x, dtype=dtype.name) if type(x) is Traced else np.asarray(x).astype(dtype)


def _install_operators():
    binary = {
        "add": add, "sub": subtract, "mul": multiply, "truediv": divide, "pow": power,
        "floordiv": floor_divide, "mod": mod,
    }  # fmt: skip
    for name, call in binary.items():
        safe = promoted(call)
        setattr(Traced, f"__{name}__", lambda a, b, f=safe: f(a, b))
        setattr(Traced, f"__r{name}__", lambda a, b, f=safe: f(b, a))
    compare = {
        "eq": equal, "ne": not_equal, "lt": less, "le": less_equal, "gt": greater,
        "ge": greater_equal, "and": logical_and, "or": logical_or,
    }  # fmt: skip
    for name, call in compare.items():
        safe = promoted(call)
        setattr(Traced, f"__{name}__", lambda a, b, f=safe: f(a, b))
    Traced.__neg__ = lambda a: negative(a)
    Traced.__abs__ = lambda a: absolute(a)
    Traced.__invert__ = lambda a: logical_not(a)


_install_operators()
