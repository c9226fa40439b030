"""The table of cases, part two: a row for every public op. Adding an op adds a row here."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.primitives import BINARY, EXACT, LOGICAL, RULES, SMOOTH, UNARY, shape

# These ask about a tensor, convert one or make functions: they are tested by themselves.
OF_NO_TENSOR = {
    "convert_to_numpy", "convert_to_tensor", "dtype", "grad", "is_tensor", "ndim", "shape", "size",
    "value_and_grad",
}  # fmt: skip
# Names for the same function.
SYNONYMS = {
    "absolute": "abs", "amax": "max", "amin": "min", "hard_swish": "hard_silu",
    "swish": "silu", "true_divide": "divide",
}  # fmt: skip
KINKED = (
    "celu clip elu hard_sigmoid hard_silu hard_tanh leaky_relu relu6 selu softsign isclose "
    "divide_no_nan nan_to_num"
)

ACTIVATIONS = (
    "relu6 leaky_relu log_sigmoid softsign elu selu silu gelu hard_sigmoid hard_silu hard_tanh celu"
)

ANY, ROW, MATRIX, BLOCK = Draw(), Draw("n"), Draw("n m"), Draw("a n m")
WIDE, BOOLS = Draw(low=-8, high=8), Draw("n m", kind="bool")
IDS = Draw("n", kind="ids", below="m")


def row(op: str, *draws: Draw, kind: str = "composed", label: str = "", **settings: Any) -> Case:
    """A row for a public op that takes these tensors."""
    return _row(op, getattr(ops, op), draws, kind, label, settings)


def listed(op: str, *draws: Draw, kind: str = "exact", label: str = "", **settings: Any) -> Case:
    """A row for a public op that takes a list of tensors."""
    function = getattr(ops, op)
    return _row(op, lambda *xs, **s: function(list(xs), **s), draws, kind, label, settings)


def making(op: str, *settings: Any, label: str = "", **more: Any) -> Case:
    """A row for a public op that makes a tensor from settings alone."""
    function = getattr(ops, op)
    return _row(op, lambda: function(*settings, **more), (), "exact", label, {})


def _row(
    op: str, call: Callable[..., Any], draws: Any, kind: str, label: str, settings: Any
) -> Case:
    rule = RULES.get(op)
    smooth = op not in KINKED.split() and (
        rule is None or rule.analytic or op in SMOOTH.split() or kind == "exact"
    )
    return Case(op, draws, call, settings, kind, smooth, "", label)


def _same(op: str, arguments: int) -> Case:
    """The public op of an elementwise primitive."""
    low, high = RULES[op].domain
    kind = "exact" if op in EXACT.split() else "elementwise"
    return row(op, *[Draw(low=low, high=high)] * arguments, kind=kind)


ARITHMETIC = [
    *(_same(op, 1) for op in UNARY.split() if op != "identity"),
    *(_same(op, 2) for op in BINARY.split()),
    *(row(op, ANY, Draw(kind="bool"), kind="exact") for op in LOGICAL),
    row("logical_not", ANY, kind="exact"),
    row("stop_gradient", Draw(grad=False), kind="exact"),
    row("floor_divide", *[Draw(low=0.5, grad=False)] * 2, kind="elementwise"),
    row("mod", Draw(low=0.5), Draw(low=0.5), kind="elementwise"),
    row("add", Draw(kind="int", high=5), ANY, label="int"),
    row("divide", Draw(kind="int"), Draw(kind="int", low=1, high=5), label="ints"),
    row("power", Draw(low=0.5), x2=3, label="cube"),
    row("power", ANY, x2=2, label="square"),
    row("power", ANY, x2=0, label="zero"),
    row("round", Draw(grad=False), label="decimals", decimals=1),
    row("clip", ANY, kind="exact", x_min=-0.75, x_max=1.25),
    row("clip", ANY, Draw(high=-0.5), Draw(low=0.5), kind="exact", label="tensors"),
    row("where", Draw(kind="bool"), ANY, ANY, kind="exact"),
    row("where", Draw(kind="bool"), ANY, kind="exact", label="scalar", x2=1.5),
    row("divide_no_nan", ANY, Draw(low=0.5), kind="elementwise"),
    row("divide_no_nan", ANY, Draw(kind="int", high=2, grad=False), label="zeros"),
    row("nan_to_num", ANY, kind="exact"),
    row("isclose", ANY, ANY, kind="exact"),
    row("isclose", ANY, kind="exact", label="near", x2=0.5, rtol=0.5),
]

NN = [
    *(row(op, WIDE) for op in ACTIVATIONS.split()),
    row("gelu", WIDE, label="erf", approximate=False),
    row("elu", WIDE, label="alpha", alpha=0.3),
    row("celu", WIDE, label="alpha", alpha=0.5),
    row("leaky_relu", WIDE, label="slope", negative_slope=0.01),
    row("glu", Draw("n k"), kind="composed"),
    row("softmax", BLOCK, kind="reduction"),
    row("softmax", BLOCK, kind="reduction", label="first", axis=0),
    row("log_softmax", BLOCK, kind="reduction", axis=-2),
    row("one_hot", IDS, kind="exact", num_classes=5),
    row("one_hot", Draw("n a", kind="ids", below="m"), kind="exact", label="axis", num_classes=3,
        axis=1, dtype="int32"),
    row("sigmoid_crossentropy", WIDE, Draw(low=0, high=1)),
    row("softmax_crossentropy", MATRIX, Draw("n m", kind="probability"), kind="reduction"),
    row("sparse_softmax_crossentropy", MATRIX, IDS, kind="reduction"),
]  # fmt: skip

PRODUCTS = [
    row("matmul", Draw("n k"), Draw("k m"), kind="reduction"),
    row("matmul", Draw("k"), Draw("k"), kind="reduction", label="vectors"),
    row("matmul", Draw("a n k"), Draw("k"), kind="reduction", label="vector"),
    row("matmul", Draw("k"), Draw("a k m"), kind="reduction", label="row"),
    row("dot", Draw("n k"), Draw("k m"), kind="reduction"),
    row("dot", Draw(""), Draw("k m"), kind="elementwise", label="scalar"),
    row("tensordot", Draw("a n k"), Draw("n k m"), kind="reduction"),
    row("tensordot", Draw("n a k"), Draw("k m n"), kind="reduction", label="axes",
        axes=((0, 2), (2, 0))),
    row("outer", Draw("n"), Draw("m k"), kind="elementwise"),
]  # fmt: skip

REDUCTIONS = [
    *(row(op, BLOCK, kind=kind, label=label, axis=axis)
      for op, kind in {"sum": "reduction", "mean": "reduction", "var": "reduction",
                       "std": "reduction", "logsumexp": "reduction", "prod": "reduction",
                       "max": "exact", "min": "exact"}.items()
      for label, axis in {"all": None, "last": -1, "two": (0, -1)}.items()),
    row("max", MATRIX, kind="exact", label="initial", axis=0, initial=0.5),
    row("sum", BOOLS, kind="exact", label="bools", axis=0),
    row("sum", Draw("n m", kind="int"), kind="exact", label="ints", keepdims=True),
    row("prod", Draw("n m", kind="int"), kind="exact", label="ints", axis=1),
    row("mean", Draw("n m", kind="int"), kind="reduction", label="ints"),
    row("moments", BLOCK, kind="reduction", axes=(0, 1)),
    row("any", BOOLS, kind="exact", axis=1),
    row("all", BOOLS, kind="exact", axis=0, keepdims=True),
    row("argmax", BLOCK, kind="exact", axis=1),
    row("argmax", BLOCK, kind="exact", label="all"),
    row("argmin", BLOCK, kind="exact", axis=-1, keepdims=True),
    row("cumsum", MATRIX, kind="reduction", axis=1),
    row("cumsum", MATRIX, kind="reduction", label="all"),
    row("count_nonzero", BOOLS, kind="exact", axis=0),
    row("average", MATRIX, kind="reduction", axis=1),
    row("average", MATRIX, kind="reduction", axis=1, label="weights",
        weights=np.array([0.5, 1.0, 0.25, 2.0, 0.75])),
    row("top_k", MATRIX, kind="exact", k=2),
    row("in_top_k", IDS, MATRIX, kind="exact", k=2),
]  # fmt: skip

SHAPE = [
    row("cast", MATRIX, kind="exact", dtype="int32"),
    row("reshape", MATRIX, kind="exact", newshape=(-1, 3)),
    row("ravel", MATRIX, kind="exact"),
    row("transpose", BLOCK, kind="exact"),
    row("transpose", BLOCK, kind="exact", label="axes", axes=(1, -1, 0)),
    row("swapaxes", BLOCK, kind="exact", axis1=0, axis2=-1),
    row("moveaxis", BLOCK, kind="exact", source=0, destination=-1),
    row("moveaxis", BLOCK, kind="exact", label="two", source=(0, 1), destination=(1, 2)),
    row("expand_dims", MATRIX, kind="exact", axis=1),
    row("expand_dims", MATRIX, kind="exact", label="two", axis=(0, -1)),
    row("squeeze", Draw("n"), kind="exact"),
    row("broadcast_to", Draw("m"), kind="exact", shape=shape("a n m")),
    row("flip", MATRIX, kind="exact"),
    row("flip", MATRIX, kind="exact", label="axis", axis=-1),
    row("get_item", MATRIX, kind="exact", key=(0, slice(None, None, 2))),
    row("slice", MATRIX, kind="exact", start_indices=(1, 0), shape=(1, 2)),
    row("take", Draw("m k"), IDS, kind="exact", axis=0),
    row("take", MATRIX, Draw("k", kind="ids", below="m", negative=True), kind="exact",
        label="negative", axis=-1),
    row("take", MATRIX, Draw("k a", kind="ids", below="m"), kind="exact", label="flat"),
    row("take_along_axis", MATRIX, Draw("n k", kind="ids", below="m"), kind="exact", axis=1),
    row("take_along_axis", Draw("m"), Draw("k", kind="ids", below="m"), kind="exact", label="flat"),
    listed("concatenate", MATRIX, Draw("k m"), axis=0),
    listed("concatenate", MATRIX, Draw("n m", kind="int"), label="mixed", axis=-1),
    listed("stack", MATRIX, MATRIX, axis=1),
    listed("pack", MATRIX, Draw(""), BLOCK),
    row("append", MATRIX, Draw("k"), kind="exact"),
    row("append", MATRIX, Draw("k m"), kind="exact", label="axis", axis=0),
    row("unstack", MATRIX, kind="exact", axis=1),
    row("split", Draw("k m"), kind="exact", indices_or_sections=2),
    row("split", MATRIX, kind="exact", label="indices", indices_or_sections=(1, 3), axis=-1),
    row("tile", MATRIX, kind="exact", repeats=(2, 1, 3)),
    row("repeat", MATRIX, kind="exact", repeats=2, axis=1),
    row("repeat", Draw("n"), kind="exact", label="each", repeats=(2, 0, 1)),
    row("pad", MATRIX, kind="exact", pad_width=1),
    row("pad", MATRIX, kind="exact", label="value", pad_width=((1, 0), (0, 2)),
        constant_values=2.5),
    *(row("pad", MATRIX, kind="exact", label=mode, pad_width=((1, 2), (0, 1)), mode=mode)
      for mode in ("reflect", "symmetric", "edge")),
    row("scatter", Draw("n a", kind="ids", below="k"), ROW, kind="reduction", label="sums",
        shape=(4, 4)),
    row("scatter_update", Draw("m k"), label="rows", kind="composed", indices=((3,), (1,)),
        updates=np.ones((2, 4), "float32")),
    row("full_like", MATRIX, kind="exact", fill_value=3),
    row("zeros_like", MATRIX, kind="exact"),
    row("ones_like", MATRIX, kind="exact"),
    row("array", MATRIX, kind="exact"),
    row("copy", MATRIX, kind="exact"),
    making("full", (2, 3), 0.5),
    making("zeros", (2, 0)),
    making("ones", 3, dtype="int32"),
    making("eye", 3, 4, k=1),
    making("arange", 5),
    making("arange", 1.0, 2.0, 0.25, label="floats"),
    making("linspace", 0.0, 1.0, 5),
]  # fmt: skip

DERIVED = [*ARITHMETIC, *NN, *PRODUCTS, *REDUCTIONS, *SHAPE]
