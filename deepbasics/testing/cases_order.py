"""Rows of the table for what sorts, counts, skips NaN, or runs along an axis."""

from typing import Any

from deepbasics import ops
from deepbasics.ops.call import call as primitive_call
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.derived import BLOCK, BOOLS, IDS, MATRIX, ROW
from deepbasics.testing.derived import row as op
from deepbasics.testing.primitives import row

INTS = Draw("n m", kind="int", low=-3, high=4)
LONG = Draw("m m")
NAN = float("nan")


def _holey(name: str, *draws: Draw, kind: str = "reduction", label: str = "", **settings: Any):
    """A row for an op that skips NaN, of which a fifth of the elements are."""
    function = getattr(ops, name)

    def call(x: Any, **given: Any) -> Any:
        return function(ops.where(ops.greater(x, 1.25), NAN, x), **given)

    return Case(name, draws or (LONG,), call, settings, kind, True, "", label)


def _searched(*draws: Draw, primitive: bool = False, side: str = "left") -> Case:
    """A row for a search in what is first put in order."""

    def call(row: Any, values: Any) -> Any:
        if primitive:
            return primitive_call("searchsorted", ops.sort(row), values, side=side)
        return ops.searchsorted(ops.sort(row), values, side=side)

    return Case("searchsorted", draws, call, {}, "exact", False, "", side)


WHOLE = Draw("m", kind="int", high=3)

PRIMITIVES = [
    row("argsort", Draw("n m"), kind="exact", axis=1),
    row("argsort", Draw("m n", kind="int", low=0, high=3), kind="exact", axis=0, label="ties"),
    row("max_at", Draw("n k"), IDS, kind="exact", n=6, low=-5.0),
    row("max_at", Draw("n", kind="int"), IDS, kind="exact", n=6, low=-9, label="ints"),
    _searched(Draw("m", grad=False), Draw("n k", grad=False), primitive=True),
]

ROWS_OF = [
    ("median", {}, "linear"),
    ("median", {"axis": 0, "keepdims": True}, "first"),
    *(("quantile", {"q": 0.3, "axis": -1, "method": m}, m)
      for m in ("linear", "lower", "higher", "midpoint", "nearest")),
    ("quantile", {"q": (0.1, 0.5, 1.0), "axis": (0, 2)}, "several"),
    ("percentile", {"q": (25.0, 60.0), "axis": 1, "keepdims": True}, ""),
]  # fmt: skip

DERIVED = [
    *(op(name, BLOCK, kind="reduction", label=label, **settings)
      for name, settings, label in ROWS_OF),
    *(_holey(name) for name in ("nansum", "nanmean", "nanvar", "nanstd", "nanprod", "nanmedian")),
    *(_holey(name, axis=1, label="axis") for name in ("nansum", "nanmean", "nanvar")),
    *(_holey(name, kind="exact", axis=0) for name in ("nanmax", "nanmin")),
    *(_holey(name, kind="exact", axis=1) for name in ("nanargmax", "nanargmin")),
    *(_holey(name, axis=1) for name in ("nancumsum", "nancumprod")),
    _holey("nanquantile", q=(0.2, 0.7), axis=1),
    _holey("nanpercentile", q=20, axis=0),
    op("sort", BLOCK, kind="exact"),
    op("sort", BLOCK, kind="exact", label="middle", axis=1),
    op("sort", MATRIX, kind="exact", label="flat", axis=None),
    op("sort", INTS, kind="exact", label="ints", axis=0),
    op("argsort", INTS, kind="exact", label="ties"),
    op("argpartition", MATRIX, kind="exact", kth=2),
    _searched(Draw("m", grad=False), Draw("n k", grad=False)),
    _searched(WHOLE, Draw("n k", kind="int", high=3), side="right"),
    op("digitize", MATRIX, kind="exact", bins=(-1.0, 0.25, 1.0)),
    op("isin", INTS, Draw("k", kind="int", low=-3, high=4), kind="exact"),
    op("isin", INTS, Draw("k", kind="int", low=-3, high=4), kind="exact", label="invert",
       invert=True),
    op("unique", INTS, kind="exact", return_index=True, return_inverse=True, return_counts=True),
    op("unique", INTS, kind="exact", label="size", size=4, fill_value=9),
    op("unique", Draw("n a", kind="int", low=0, high=2), kind="exact", label="axis", axis=0),
    op("nonzero", BOOLS, kind="exact"),
    op("unravel_index", IDS, kind="exact", shape=(3, 4)),
    op("bincount", IDS, kind="exact", minlength=3),
    op("bincount", Draw("a n", kind="ids", below="m"), Draw("a n"), kind="reduction",
       label="weights"),
    op("histogram", MATRIX, kind="elementwise", bins=4),
    op("histogram", MATRIX, kind="elementwise", label="range", bins=3, range=(-1.1, 1.3)),
    op("corrcoef", MATRIX, kind="reduction"),
    *(op("correlate", ROW, Draw("m"), kind="reduction", label=mode, mode=mode)
      for mode in ("valid", "same", "full")),
    op("ptp", BLOCK, kind="exact", axis=1),
    op("cumprod", BLOCK, kind="reduction", axis=1),
    op("cumprod", INTS, kind="exact", label="ints", axis=0),
    op("cumprod", MATRIX, kind="reduction", label="flat"),
    op("diff", MATRIX, kind="composed", axis=0),
    op("diff", MATRIX, kind="composed", label="twice", n=2),
    op("trapezoid", MATRIX, kind="reduction", dx=0.5),
    op("trapezoid", MATRIX, Draw("m"), kind="reduction", label="points"),
]  # fmt: skip
