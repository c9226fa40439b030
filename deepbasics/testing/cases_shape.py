"""Rows of the table for what turns, splits, joins, makes and indexes tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.derived import BLOCK, BOOLS, IDS, MATRIX, ROW, listed, making
from deepbasics.testing.derived import row as op

SMALL, PLACES = Draw("n m", kind="int", low=-3, high=4), Draw("m", kind="ids", below="n")
ONES = np.ones((2, 2), "float32")


def _exact(name: str, *draws: Draw, label: str = "", **settings: object):
    return op(name, *draws, kind="exact", label=label, **settings)


def _in_two(op: Callable[..., Any]) -> Case:
    """Five rows in two segments, neither of them empty."""

    def call(x: Any) -> Any:
        return op(x, (1, 0, 1, 1, 0), 2)

    return Case(op.__name__, (Draw("m k"),), call, {}, "exact", True, "")


TURNED = [
    _exact("flipud", MATRIX),
    _exact("fliplr", MATRIX),
    _exact("roll", BLOCK, shift=-3),
    _exact("roll", BLOCK, label="axis", shift=2, axis=1),
    _exact("roll", BLOCK, label="axes", shift=(1, -2), axis=(0, 2)),
    *(_exact("rot90", BLOCK, label=str(k), k=k, axes=(0, 2)) for k in range(4)),
    _exact("tril", BLOCK),
    _exact("tril", BOOLS, label="bools", k=-1),
    _exact("triu", MATRIX, k=1),
    _exact("diagonal", BLOCK, offset=1, axis1=2, axis2=1),
    _exact("diag", ROW, k=-1),
    _exact("diag", MATRIX, label="matrix", k=1),
    _exact("diagflat", MATRIX),
    _exact("view", SMALL, dtype="int32"),
    _exact("saturate_cast", Draw("n m", low=-300, high=300, grad=False), dtype="int8"),
    _exact("saturate_cast", Draw("n", kind="int", low=-9, high=400), label="ints", dtype="uint8"),
    _exact("saturate_cast", Draw("n m", grad=False), label="floats", dtype="float16"),
]

SPLIT = [
    _exact("array_split", MATRIX, indices_or_sections=3, axis=1),
    _exact("hsplit", MATRIX, indices_or_sections=(2, 3)),
    _exact("hsplit", Draw("k"), label="row", indices_or_sections=2),
    _exact("vsplit", Draw("k m"), indices_or_sections=2),
    _exact("dsplit", BLOCK, indices_or_sections=(1, 4)),
    listed("vstack", ROW, Draw("m n")),
    listed("hstack", MATRIX, Draw("n k")),
    listed("hstack", ROW, Draw("m"), label="rows"),
    listed("dstack", ROW, Draw("n")),
    listed("dstack", MATRIX, Draw("n m a"), label="block"),
]

MADE = [
    making("empty", (2, 3)),
    _exact("empty_like", MATRIX),
    making("identity", 3),
    making("tri", 3, 4, 1),
    making("full", (2, 2), True, label="bool", dtype="bool"),
    making("linspace", 0.0, 1.0, 4, False, True, label="step"),
    op("linspace", ROW, Draw("n"), kind="composed", label="tensors", num=4, axis=-1),
    making("logspace", 0, 2, 5),
    op("logspace", ROW, kind="composed", label="tensors", stop=1.0, num=3),
    making("geomspace", 1.0, 8.0, 4),
    op("geomspace", Draw("n", low=0.5), kind="composed", label="tensors", stop=3.0, num=3),
    op("vander", ROW, kind="composed", N=3),
    op("vander", Draw("n", kind="int"), kind="exact", label="ints", increasing=True),
    *(making(name, 6) for name in ("bartlett", "blackman", "hamming", "hanning")),
    making("kaiser", 6, 3.5),
    _exact("meshgrid", ROW, Draw("m"), Draw("k")),
    _exact("meshgrid", ROW, Draw("m"), label="ij", indexing="ij"),
]

PLACED = [
    _exact("slice", MATRIX, Draw("a", kind="ids", below="a"), label="tensor", shape=(2, 3)),
    _exact("slice_update", MATRIX, start_indices=(1, 2), updates=ONES),
    op("slice_update", MATRIX, Draw("a", kind="ids", below="a"), Draw("a a"), kind="exact",
       label="tensors"),
    Case("select", (BOOLS, BOOLS, MATRIX, MATRIX),
         lambda a, b, x, y: ops.select([a, b], [x, y], -1.0), {}, "exact", True, ""),
    *(op("scatter_update", MATRIX, Draw("k a", kind="ids", below="n"), Draw("k"), kind="reduction",
         label=how, reduction=how) for how in ("add", "mul", "max", "min")),
    op("scatter_update", MATRIX, Draw("k a", kind="ids", below="n"), Draw("k"), kind="exact",
       label="last"),
    op("segment_sum", MATRIX, Draw("n", kind="ids", below="k"), kind="reduction", num_segments=3),
    op("segment_sum", Draw("m"), PLACES, kind="reduction", label="all"),
    op("segment_prod", MATRIX, Draw("n", kind="ids", below="a"), kind="reduction", num_segments=3),
    _in_two(ops.segment_max),
    _in_two(ops.segment_min),
    *(_exact(f"segment_{end}", Draw("m", kind="int"), PLACES, label="ints", num_segments=4)
      for end in ("max", "min")),
    _exact("take", BLOCK, IDS, label="last", axis=2),
]  # fmt: skip

DERIVED = [*TURNED, *SPLIT, *MADE, *PLACED]
