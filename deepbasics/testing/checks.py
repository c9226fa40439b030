"""Checks of one op: each takes a case, raises AssertionError on a fault, and returns the worst
difference in the unit of its tolerance.

The reference is the NumPy backend at the same dtype; its own derivatives are checked against the
function itself, by complex step or by differences.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from deepbasics.backends.numpy import NumpyBackend
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.evaluate import floats, floatx, gradients, second_gradients, values
from deepbasics.testing.tolerances import (
    CENTRAL_DIFFERENCE,
    COMPLEX_STEP,
    TOLERANCES,
    Tolerance,
    compare,
    size_of,
)

REFERENCE = "numpy"
Sizes = dict[str, Any] | None


def tolerance_of(kind: str, dtype: str, arrays: Sequence[np.ndarray]) -> Tolerance:
    """The limit for a kind of op; that of a float32 reduction grows with √n, n its elements."""
    found = TOLERANCES[kind][dtype]
    if kind == "reduction" and dtype == "float32":
        n = max(x.size for x in arrays)
        return Tolerance(found.limit * math.sqrt(max(n, 1)), found.unit)
    return found


def cotangents_of(outputs: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """A cotangent between ½ and 1½ for each float output."""
    rng = np.random.default_rng([seed, 1])
    return [rng.uniform(0.5, 1.5, y.shape).astype(y.dtype) for y in floats(outputs)]


def check_forward(
    case: Case, backend: Any, dtype: str = "float64", seed: int = 0, sizes: Sizes = None
) -> float:
    """Values, dtypes and shapes are those of the reference; no argument is changed."""
    arguments = case.arguments(seed, dtype, sizes)
    kept = [x.copy() for x in arguments]
    function = case.bind(sizes)
    with floatx(dtype):
        want = values(REFERENCE, function, arguments)
        got = values(backend, function, arguments)
    if len(got) != len(want):
        raise AssertionError(f"{case}: {len(got)} results instead of {len(want)}")
    for before, after in zip(kept, arguments, strict=True):
        compare(after, before, Tolerance(0.0, "bits"), f"{case}: an argument was changed")
    tolerance = tolerance_of(case.kind, dtype, [*arguments, *want])
    size = 0.0 if case.kind == "elementwise" else size_of(*want, *_reals(arguments))
    return _worst(got, want, tolerance, f"{case} in {dtype}", size)


def check_vjp(
    case: Case, backend: Any, dtype: str = "float64", seed: int = 0, sizes: Sizes = None
) -> float:
    """Gradients are those of the reference, which come from other formulas.

    A gradient is a sum of products with the cotangent: differences are in relation to the largest
    of both; where ops are composed, of the arguments too.
    """
    if not case.wanted:
        return 0.0
    arguments = case.arguments(seed, dtype, sizes)
    function = case.bind(sizes)
    with floatx(dtype):
        outputs = values(REFERENCE, function, arguments)
        cotangents = cotangents_of(outputs, seed)
        if not cotangents:
            return 0.0
        want = gradients(REFERENCE, function, arguments, case.wanted, cotangents)
        got = gradients(backend, function, arguments, case.wanted, cotangents)
    summed = any(arguments[i].shape != y.shape for i in case.wanted for y in outputs)
    kind = "elementwise" if case.kind == "exact" else case.kind
    kind = "reduction" if summed and kind != "layer" else kind
    tolerance = tolerance_of(kind, dtype, [*arguments, *outputs])
    terms = _reals(arguments) if case.kind == "composed" else []
    size = size_of(*want, *cotangents, *terms)
    return _worst(got, want, tolerance, f"gradient of {case} in {dtype}", size)


def check_second_order(case: Case, backend: Any, seed: int = 0, sizes: Sizes = None) -> float:
    """Gradients of gradients, in float64, are those of the reference."""
    if not case.wanted or not case.smooth:
        return 0.0
    arguments = case.arguments(seed, "float64", sizes)
    function = case.bind(sizes)
    cotangents = cotangents_of(values(REFERENCE, function, arguments), seed)
    if not cotangents:
        return 0.0
    directions = cotangents_of([arguments[i] for i in case.wanted], seed + 1)
    given = (function, arguments, case.wanted, cotangents, directions)
    want = second_gradients(REFERENCE, *given)
    got = second_gradients(backend, *given)
    tolerance = tolerance_of("reduction", "float64", arguments)
    size = size_of(*want, *cotangents)
    return _worst(got, want, tolerance, f"second gradient of {case}", size)


def _reals(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [x for x in arrays if x.dtype.kind == "f"]


def _worst(
    got: Sequence[Any], want: Sequence[Any], tolerance: Tolerance, what: str, size: float
) -> float:
    return max(
        (compare(a, b, tolerance, what, size) for a, b in zip(got, want, strict=True)), default=0.0
    )


# derivatives against the function itself ----------------------------------------------------------


def check_derivative(
    case: Case, backend: Any = REFERENCE, seed: int = 0, sizes: Sizes = None
) -> float:
    """⟨vjp(c), v⟩ is the slope of ⟨c, f⟩ along v, for each argument and three directions v.

    The slope comes from a complex step where the NumPy rule takes complex numbers, else from
    differences of fourth order; either way from NumPy's forward rule.
    """
    if not case.wanted:
        return 0.0
    arguments = case.arguments(seed, "float64", sizes)
    function = case.bind(sizes)
    outputs = values(REFERENCE, function, arguments)
    cotangents = cotangents_of(outputs, seed)
    if not cotangents:
        return 0.0
    found = gradients(backend, function, arguments, case.wanted, cotangents)
    slope, tolerance = _slope_of(case, sizes, arguments, cotangents)
    rng = np.random.default_rng([seed, 2])
    worst = 0.0
    for i, gradient in zip(case.wanted, found, strict=True):
        for _ in range(3):
            direction = rng.uniform(-1, 1, gradient.shape)
            got, want = np.sum(gradient * direction), slope(i, direction)
            size = np.sum(np.abs(gradient * direction)) + size_of(*cotangents)
            what = f"derivative of {case} by argument {i}"
            worst = max(worst, compare(got, want, tolerance, what, size))
    return worst


def _slope_of(
    case: Case, sizes: Sizes, arguments: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]
) -> tuple[Callable[[int, np.ndarray], Any], Tolerance]:
    rule = NumpyBackend.rules.get(case.op) if case.is_primitive else None
    if rule is not None and rule.analytic:
        settings = {k: v(case.sizes(sizes)) if callable(v) else v for k, v in case.settings.items()}
        settings = {k: v for k, v in settings.items() if k != "dtype"}

        def complex_step(i: int, direction: np.ndarray) -> Any:
            moved = list(arguments)
            moved[i] = arguments[i] + 1e-100j * direction
            return np.sum(cotangents[0] * rule.forward(*moved, **settings)).imag / 1e-100

        return complex_step, COMPLEX_STEP

    def difference(i: int, direction: np.ndarray) -> Any:
        step = 2e-4

        def at(t: float) -> Any:
            moved = list(arguments)
            moved[i] = arguments[i] + t * direction
            outputs = floats(values(REFERENCE, case.bind(sizes), moved))
            return sum(np.sum(c * y) for c, y in zip(cotangents, outputs, strict=True))

        near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
        return np.float64((8 * near - far) / (12 * step))

    return difference, CENTRAL_DIFFERENCE


# edge values --------------------------------------------------------------------------------------


def edge_values(dtype: str) -> np.ndarray:
    """Zeros, infinities, NaN, subnormals, and what lies at the ends and in the middle."""
    limits = np.finfo(dtype)
    tiny, small = limits.tiny, limits.smallest_subnormal
    positive = [0.0, small, tiny / 2, tiny, limits.eps, 0.5, 1.0, 1.5, 2.0, 3.0, 20.0, 1e4]
    positive += [float(limits.max), np.inf]
    return np.array([*positive, *(-x for x in positive), np.nan], dtype)


def edge_arguments(case: Case, dtype: str) -> list[np.ndarray]:
    """All combinations of edge values, one array for each argument."""
    edges = [_edges_of(d, dtype) for d in case.draws]
    columns = zip(*product(*edges), strict=True)
    return [np.array(c, e.dtype) for c, e in zip(columns, edges, strict=True)]


def _edges_of(draw: Draw, dtype: str) -> np.ndarray:
    if draw.kind == "bool":
        return np.array([False, True])
    edges = edge_values(dtype)
    if draw.bounded:
        edges = edges[~((edges < draw.low) | (edges > draw.high))]  # NaN stays
    return edges[~(np.abs(edges) < draw.least) | (edges == 0)]


def check_edges(case: Case, backend: Any, dtype: str = "float64") -> float:
    """An elementwise op at all combinations of edge values: NaN, infinities and zeros agree."""
    arguments = edge_arguments(case, dtype)
    with np.errstate(all="ignore"):
        want = values(REFERENCE, case.bind(), arguments)
        got = values(backend, case.bind(), arguments)
    tolerance = tolerance_of(case.kind, dtype, arguments)
    return _at_edges(case, got, want, arguments, tolerance)


def check_edge_gradients(case: Case, backend: Any, dtype: str = "float64") -> float:
    """The gradient at all combinations of edge values, but those at which the op gives NaN."""
    if not case.wanted:
        return 0.0
    arguments = edge_arguments(case, dtype)
    with np.errstate(all="ignore"):
        (output,) = values(REFERENCE, case.bind(), arguments)
        if output.dtype.kind != "f":
            return 0.0
        arguments = [x[~np.isnan(output)] for x in arguments]
        ones = [np.ones_like(arguments[0], dtype)]
        want = gradients(REFERENCE, case.bind(), arguments, case.wanted, ones)
        got = gradients(backend, case.bind(), arguments, case.wanted, ones)
    tolerance = tolerance_of("composed", dtype, arguments)
    return _at_edges(case, got, want, arguments, tolerance, "gradient of ", size=1.0)


def _at_edges(
    case: Case,
    got: Any,
    want: Any,
    arguments: Any,
    tolerance: Tolerance,
    what: str = "",
    size: float = 0.0,
) -> float:
    """Element by element, so that a fault names the arguments."""
    worst = 0.0
    for a, b in zip(got, want, strict=True):
        if a.shape != b.shape:
            raise AssertionError(f"{what}{case}: shape {a.shape} instead of {b.shape}")
        for i in range(b.size):
            place = ", ".join(repr(x[i]) for x in arguments)
            worst = max(worst, compare(a[i], b[i], tolerance, f"{what}{case}({place})", size))
    return worst
