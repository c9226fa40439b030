"""How near two backends must come, by level, and how a difference is measured.

Every limit of the agreement contract is here, once, with its reason; no check has a number of its
own. A difference is measured in relation to a size: that of the value itself or, where a formula
adds terms that cancel, that of the terms.
"""

from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """A limit, in units: "rel" (of the size), "ulp" (spacings of floats there), "bits" (none)."""

    limit: float
    unit: str = "rel"


# One call of a good kernel is within an ulp or two of the truth, so two kernels are within four.
# In float64 the limit is wider (4,500 ulp): it must hold for kernels that trade digits for speed.
ELEMENTWISE = {"float64": Tolerance(1e-12), "float32": Tolerance(4.0, "ulp")}

# n terms summed in another order: the rounding errors add up as a random walk. Times √n.
REDUCTION = {"float64": Tolerance(1e-12), "float32": Tolerance(1e-6)}

# Moving, comparing and counting compute nothing.
EXACT = {"float64": Tolerance(0.0, "bits"), "float32": Tolerance(0.0, "bits")}

# A layer is a handful of ops, one after the other. Also losses and metrics.
LAYER = {"float64": Tolerance(1e-11), "float32": Tolerance(1e-5)}

# Adam divides a gradient by its own size and its rounding noise with it, so weights are measured
# in learning rates; slots and metrics are as good as a layer.
STEP_WEIGHTS = {"float64": Tolerance(1e-8, "lr"), "float32": Tolerance(1e-2, "lr")}
STEP_REST = LAYER

# The noise of 100 steps, fed back through the weights.
RUN = {"float64": Tolerance(1e-9), "float32": Tolerance(1e-4)}

# The derivative against a complex step, which has no cancellation and hence no step error; and
# against differences of fourth order: step 2e-4, so step error and rounding are about 1e-11.
COMPLEX_STEP = Tolerance(1e-12)
CENTRAL_DIFFERENCE = Tolerance(1e-9)

TOLERANCES = {
    "elementwise": ELEMENTWISE,
    "composed": ELEMENTWISE,
    "reduction": REDUCTION,
    "exact": EXACT,
    "layer": LAYER,
    "step weights": STEP_WEIGHTS,
    "step rest": STEP_REST,
    "run": RUN,
}


def size_of(*arrays: Any) -> float:
    """The largest finite magnitude in the arrays, 0 if there is none."""
    sizes = [0.0]
    for array in arrays:
        finite = np.abs(np.asarray(array, "float64"))
        finite = finite[np.isfinite(finite)]
        sizes.append(float(finite.max(initial=0.0)))
    return max(sizes)


def differences(got: Any, want: Any, unit: str = "rel", size: float = 0.0) -> np.ndarray:
    """|got - want| for each element, in units of `want` or of `size`, if that is larger.

    NaN equals NaN, an infinity itself; one without the other is infinitely far away.
    """
    dtype = want.dtype if want.dtype.kind == "f" else np.dtype("float64")
    a, b = np.asarray(got, "float64"), np.asarray(want, "float64")
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if unit == "bits":
        return np.where(same, 0.0, np.inf)
    with np.errstate(all="ignore"):
        whole = np.full(b.shape, size) if unit == "lr" else np.maximum(np.abs(b), size)
        whole = np.maximum(whole, np.finfo(dtype).tiny)  # subnormals have no relative precision
        if unit == "ulp":
            whole = np.spacing(np.where(np.isfinite(whole), whole, 1).astype(dtype), dtype=dtype)
        apart = np.abs(a - b) / whole.astype("float64")
    return np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))


def compare(
    got: Any, want: Any, tolerance: Tolerance, what: str = "value", size: float = 0.0
) -> float:
    """The largest difference, in the tolerance's unit. AssertionError if it is past the limit.

    Shapes and dtypes must be equal.
    """
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        raise AssertionError(
            f"{what}: {got.dtype}{got.shape} instead of {want.dtype}{want.shape} (dtype, shape)"
        )
    apart = differences(got, want, tolerance.unit, size)
    worst = float(apart.max(initial=0.0))
    if worst > tolerance.limit:
        at = np.unravel_index(int(apart.argmax()), apart.shape)
        place = f" at {tuple(int(i) for i in at)}" if at else ""
        raise AssertionError(
            f"{what}: {got[at]!r} instead of {want[at]!r}{place}, {worst:.3g} {tolerance.unit} "
            f"apart; the limit is {tolerance.limit:.3g}"
        )
    return worst
