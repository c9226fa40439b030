"""Statistics of samples: quantiles, counts, correlation."""

from typing import Any

import numpy as np

from deepbasics.ops.call import axes, call, dtype_of, float_tensor, pair, tensor
from deepbasics.ops.core import convert_to_numpy
from deepbasics.ops.elementwise import (
    ceil,
    clip,
    divide,
    equal,
    floor,
    isnan,
    logical_and,
    logical_not,
    multiply,
    round,
    sqrt,
    subtract,
    where,
)
from deepbasics.ops.networks import dense
from deepbasics.ops.products import matmul
from deepbasics.ops.reduction import Axis, mean
from deepbasics.ops.reduction import any as any_of
from deepbasics.ops.reduction import max as largest
from deepbasics.ops.reduction import min as smallest
from deepbasics.ops.reduction import sum as total
from deepbasics.ops.shape import (
    expand_dims,
    flip,
    moveaxis,
    pad,
    ravel,
    reshape,
    take,
    take_along_axis,
    transpose,
)
from deepbasics.ops.sorting import sort

__all__ = [
    "bincount", "corrcoef", "correlate", "histogram", "median", "nanmedian", "nanpercentile",
    "nanquantile", "percentile", "quantile",
]  # fmt: skip

Tensor = Any

# quantiles ----------------------------------------------------------------------------------------


def _between(method: str, place: Tensor) -> tuple[Tensor, Tensor]:
    """The whole places on both sides of a fractional one, or the one place that is meant."""
    low, high = floor(place), ceil(place)
    if method in ("linear", "midpoint"):
        return low, high
    one = {"lower": low, "higher": high, "nearest": round(place)}[method]
    return one, one


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _exact(q: Any) -> Tensor:
    """As float64, numbers in a list too: rounded to floatx they might lie past an element."""
    return tensor(np.asarray(q) if isinstance(q, (list, tuple)) else q, "float64")


def _quantile(x: Any, q: Any, axis: Axis, method: str, keepdims: bool, skip: bool) -> Tensor:
    if method not in METHODS:
        raise ValueError(f"quantile: method must be one of {', '.join(METHODS)}; got {method!r}.")
    x, q = float_tensor(x), _exact(q)
    over, n = axes(axis, len(x.shape)), len(x.shape)
    rest = [a for a in range(n) if a not in over]
    kept = [1 if a in over else k for a, k in enumerate(x.shape)]
    row = reshape(transpose(x, rest + list(over)), (*(x.shape[a] for a in rest), -1))
    if not row.shape[-1]:
        raise ValueError(f"A quantile of no elements: shape {tuple(x.shape)}, axis {axis}.")
    values = _of_rows(sort(row), row, ravel(q), method, skip)
    shape = kept if keepdims else [x.shape[a] for a in rest]
    return reshape(moveaxis(values, -1, 0), (*q.shape, *shape))


def _of_rows(row: Tensor, given: Tensor, q: Tensor, method: str, skip: bool) -> Tensor:
    """The quantiles of sorted rows, in which NaN comes last; shape (..., number of quantiles)."""
    last = row.shape[-1] - 1
    missing = isnan(given)
    here = total(tensor(logical_not(missing), "float64"), -1, keepdims=True)
    count = subtract(here, 1) if skip else call("add", multiply(here, 0), float(last))
    place = multiply(count, q)
    low, high = _between(method, place)
    share = tensor(subtract(place, low), dtype_of(row))
    share = call("add", multiply(share, 0), 0.5) if method == "midpoint" else share
    ends = [take_along_axis(row, tensor(clip(p, 0, last), "int64"), -1) for p in (low, high)]
    single = equal(low, high)
    step = where(single, 0.0, subtract(ends[1], where(single, 0.0, ends[0])))
    found = call("add", ends[0], multiply(step, share))
    lost = equal(here, 0) if skip else any_of(missing, -1, keepdims=True)
    return where(lost, float("nan"), found)


def quantile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """The values below which the shares `q` (0 to 1) of the elements over `axis` lie.

    `method`, for a place between two elements: "linear" interpolates; "lower", "higher",
    "midpoint", "nearest". Several q give a new first axis. NaN among the elements gives NaN.
    """
    return _quantile(x, q, axis, method, keepdims, skip=False)


def nanquantile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """As `ops.quantile`, of the elements that are not NaN."""
    return _quantile(x, q, axis, method, keepdims, skip=True)


def percentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """As `ops.quantile`, with shares in per cent."""
    return quantile(x, divide(_exact(q), 100.0), axis, method, keepdims)


def nanpercentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """As `ops.percentile`, of the elements that are not NaN."""
    return nanquantile(x, divide(_exact(q), 100.0), axis, method, keepdims)


def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle of the elements over `axis`; of an even number, the mean of the middle two."""
    return quantile(x, 0.5, axis, "linear", keepdims)


def nanmedian(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """As `ops.median`, of the elements that are not NaN."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)


# counts -------------------------------------------------------------------------------------------


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each int from 0 on occurs along the last axis (or the sum of its weights).

    `x`: shape (n,) or (batch, n). The result has at least `minlength` entries, and as many as the
    largest element needs: a recorded step that uses it runs eagerly.
    """
    dense("bincount", sparse)
    x = tensor(x, "int64")
    host = convert_to_numpy(x)
    n = max(int(minlength), int(host.max(initial=-1)) + 1)
    rows = x.shape[0] if len(x.shape) > 1 else 1
    ones = np.ones(x.shape, "int32")
    weights = tensor(ones) if weights is None else tensor(weights)
    starts = tensor(np.arange(rows).reshape(-1, *[1] * (len(x.shape) - 1)) * n)
    places = call("reshape", call("add", x, starts), shape=(host.size,))
    weights = call("reshape", weights, shape=(host.size,))
    counts = call("add_at", weights, places, axis=0, shape=(rows * n,))
    return reshape(counts, (*x.shape[:-1], n))


def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple[Tensor, Tensor]:
    """(counts in equal bins as int32, the bins' edges); the last bin has both its edges.

    `range`: (low, high), beyond which nothing counts; None: the smallest and largest element.
    """
    x = ravel(float_tensor(x))
    if int(bins) != bins or bins < 1:
        raise ValueError(f"histogram: bins must be a whole number above 0; got {bins!r}.")
    if range is None:
        low, high = (smallest(x), largest(x)) if x.shape[0] else (0.0, 1.0)
    else:
        low, high = range
    low, high = tensor(low, dtype_of(x)), tensor(high, dtype_of(x))
    same = equal(low, high)
    low, high = where(same, subtract(low, 0.5), low), where(same, call("add", high, 0.5), high)
    steps = tensor(np.arange(bins + 1) / bins, dtype_of(x))
    edges = call("add", multiply(subtract(high, low), steps), low)
    edges = where(np.arange(bins + 1) == bins, high, edges)  # not high plus a rounding error
    place = call("subtract", call("searchsorted", edges, x, side="right"), 1)
    place = where(equal(x, high), bins - 1, place)
    inside = logical_and(call("greater_equal", place, 0), call("less", place, bins))
    counts = call("add_at", tensor(inside, "int32"), clip(place, 0, bins - 1), axis=0,
                  shape=(bins,))  # fmt: skip
    return counts, edges


# correlation --------------------------------------------------------------------------------------


def corrcoef(x: Any) -> Tensor:
    """Pearson's correlation of each pair of rows of `x`: shape (rows, rows), or () for one row."""
    x = float_tensor(x)
    rows = x if len(x.shape) > 1 else expand_dims(x, 0)
    rows = subtract(rows, mean(rows, -1, keepdims=True))
    products = matmul(rows, transpose(rows))
    length = sqrt(total(call("square", rows), -1))
    found = divide(products, multiply(expand_dims(length, 1), length))
    return found if len(x.shape) > 1 else reshape(found, ())


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Tensor:
    """Σ x1[i + k] x2[i] for each shift k, two rows; "valid": where the shorter lies inside.

    "full": wherever they overlap; "same": as many as the longer has, around the middle.
    """
    x1, x2 = pair(float_tensor(x1), float_tensor(x2))
    n, m = x1.shape[0], x2.shape[0]
    if m > n:
        return flip(correlate(x2, x1, mode))
    if not m:
        raise ValueError("correlate: a row is empty.")
    missing = {"valid": (0, 0), "same": (m // 2, m - m // 2 - 1), "full": (m - 1, m - 1)}
    if mode not in missing:
        raise ValueError(f"correlate: mode must be one of {', '.join(missing)}; got {mode!r}.")
    wide = pad(x1, (missing[mode],))
    shifts = np.arange(wide.shape[0] - m + 1)[:, None] + np.arange(m)
    return matmul(take(wide, shifts, 0), x2)
