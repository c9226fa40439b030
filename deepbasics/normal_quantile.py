"""The normal quantile in arithmetic that gives the same bits on every CPU.

Only +, -, *, / and sqrt are used, which IEEE 754 rounds correctly, each as one NumPy call, so that
none is fused. NumPy's own log and cos may differ in the last bit from one instruction set to the
next.
"""

import numpy as np

# Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988: PPND16.
# Numerator and denominator, highest power first, near the centre, in the tail and far out.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
     5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
     4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
     2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
     5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip
_ATANH = tuple(1.0 / k for k in range(23, 0, -2))  # enough terms for |s| <= 0.172
_LN2 = 0.6931471805599453


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += coefficient
    return value


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    return _polynomial(coefficients[0], x) / _polynomial(coefficients[1], x)


def log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive float64 `x`, within 2 units in the last place away from x = 1.

    x = m * 2**e with m near 1, and log m = 2 atanh(s), s = (m - 1) / (m + 1), as a series.
    """
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa = np.where(low, 2.0 * mantissa, mantissa)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return (exponent - low) * _LN2 + 2.0 * s * _polynomial(_ATANH, s * s)


def normal_quantile(tail: np.ndarray) -> np.ndarray:
    """The z >= 0 which a standard normal variable exceeds with chance `tail`: float64 in (0, 0.5].

    >>> normal_quantile(np.array([0.5, 0.025])).round(6).tolist()
    [0.0, 1.959964]
    """
    q = 0.5 - tail
    z = q * _ratio(_CENTRE, 0.180625 - q * q)
    outer = np.flatnonzero(q > 0.425)
    r = np.sqrt(-log(tail[outer]))
    z[outer] = np.where(r <= 5.0, _ratio(_TAIL, r - 1.6), _ratio(_FAR, r - 5.0))
    return z
