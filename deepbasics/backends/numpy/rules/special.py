"""Kernels that NumPy lacks."""

import numpy as np

# Fits by Chebyshev interpolation in 60 digits, highest power first.
# erf(x) / x in x² on [0, 1], within 1e-17.
_NEAR = (
    -7.795898827002142e-10,
    1.3720064546777686e-08,
    -1.6208483801871705e-07,
    1.6447424703317362e-06,
    -1.492473690741966e-05,
    0.00012055294904839707,
    -0.0008548325975389692,
    0.0052239776071164225,
    -0.02686617064323777,
    0.11283791670945006,
    -0.37612638903183543,
    1.1283791670955126,
)
# (x + 3) exp(x²) erfc(x) in (x - 3) / (x + 3) on [1, 6], within 2e-16; 1 - erf(6) is below 1e-16.
_FAR = (
    1.2297579261345913e-06,
    -4.914185183974767e-06,
    -1.6959729423846043e-05,
    3.0544863992580704e-05,
    0.00010749400761302384,
    -0.0002768034651388238,
    -0.0005483053852033396,
    0.0030340639754279255,
    -0.0012124167633733429,
    -0.026827234697027785,
    0.11952776128931085,
    -0.3104672618994273,
    0.5902283571040894,
    -0.8833944531698887,
    1.0740069070883398,
)


def _polynomial(coefficients, x):
    y = np.full(x.shape, coefficients[0])
    for c in coefficients[1:]:
        np.multiply(y, x, out=y)
        np.add(y, c, out=y)
    return y


def erf(x, out=None):
    """2/√π ∫₀ˣ exp(-t²) dt, within two ulp."""
    x = np.asarray(x)
    a = np.minimum(np.abs(x, dtype="float64"), 6.0)
    square = np.multiply(a, a)
    near = np.multiply(a, _polynomial(_NEAR, np.minimum(square, 1.0)))
    far = _polynomial(_FAR, (np.maximum(a, 1.0) - 3.0) / (np.maximum(a, 1.0) + 3.0))
    far = 1.0 - np.exp(-square) * far / (a + 3.0)
    y = np.copysign(np.where(a < 1.0, near, far), x).astype(x.dtype)
    return y if out is None else np.copyto(out, y) or out
