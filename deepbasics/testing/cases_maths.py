"""Rows of the table for elementwise ops beyond the everyday, and for ints and their bits."""

from deepbasics.testing.case import Draw
from deepbasics.testing.derived import ANY
from deepbasics.testing.derived import row as op
from deepbasics.testing.primitives import row

INTS, SMALL = Draw(kind="int", low=-9, high=9), Draw(kind="int", low=0, high=5)
BITS, FLAGS = "bitwise_and bitwise_or bitwise_xor gcd lcm", Draw(kind="bool")
REMAINDER = (  # torch's is NaN where the divisor is subnormal
    Draw(low=-30, high=30, bounded=True, grad=False),
    Draw(low=-30, high=30, bounded=True, least=1e-8, grad=False),
)
BETWEEN_JUMPS = Draw(low=2.1, high=2.4), Draw(low=0.85, high=1.0)  # the quotient is 2 and a bit
EXACT = ("signbit", "isposinf", "isneginf", "isreal", "real", "imag")

ELEMENTWISE = [
    row("erfc", Draw(low=-3, high=3)),
    row("erfinv", Draw(low=-0.9, high=0.9, bounded=True)),
    row("hypot", ANY, ANY),
    row("fmod", *REMAINDER),
    row("nextafter", Draw(grad=False), Draw(grad=False), kind="exact"),
    row("signbit", ANY, kind="exact"),
]

PRIMITIVES = [
    *ELEMENTWISE,
    *(row(name, INTS, INTS, kind="exact") for name in BITS.split()),
    row("bitwise_invert", INTS, kind="exact"),
    row("bitwise_invert", FLAGS, kind="exact", label="bool"),
    row("left_shift", INTS, SMALL, kind="exact"),
    row("right_shift", INTS, SMALL, kind="exact"),
    row("fmod", *BETWEEN_JUMPS, label="gradient"),
    row("bitcast", Draw("n k", grad=False), kind="exact", dtype="uint8"),
]

DERIVED = [
    op("erfc", ANY, kind="elementwise"),
    op("erfinv", Draw(low=-0.9, high=0.9), kind="elementwise"),
    op("logaddexp2", ANY, ANY),
    op("hypot", ANY, ANY, kind="elementwise"),
    op("fmod", *BETWEEN_JUMPS, kind="elementwise"),
    op("nextafter", Draw(grad=False), Draw(grad=False), kind="exact"),
    *(op(name, ANY, kind="exact") for name in EXACT),
    op("fabs", ANY),
    op("angle", ANY),
    op("sinc", Draw(low=0.3)),
    op("cbrt", Draw(low=0.2), kind="elementwise"),
    op("deg2rad", ANY, kind="elementwise"),
    op("rad2deg", ANY, kind="elementwise"),
    op("i0", Draw(low=-4, high=4), kind="reduction"),
    op("fmax", ANY, ANY, kind="exact"),
    op("fmin", ANY, ANY, kind="exact"),
    op("heaviside", ANY, Draw(low=0, high=1), kind="exact"),
    op("ldexp", ANY, INTS, kind="elementwise"),
    op("allclose", ANY, ANY, kind="exact"),
    *(op(name, INTS, INTS, kind="exact") for name in BITS.split()),
    op("bitwise_and", INTS, kind="exact", label="scalar", y=3),
    op("bitwise_invert", INTS, kind="exact"),
    op("left_shift", INTS, SMALL, kind="exact"),
    op("right_shift", INTS, SMALL, kind="exact"),
]

SYNONYMS = {
    "bitwise_left_shift": "left_shift",
    "bitwise_not": "bitwise_invert",
    "bitwise_right_shift": "right_shift",
    "conj": "real",
    "conjugate": "real",
}
