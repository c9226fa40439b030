"""The table of cases, part one: a row for every primitive. Adding a primitive adds a row here."""

import math
from collections.abc import Callable
from typing import Any

from deepbasics.backends.numpy import NumpyBackend
from deepbasics.host_families import RECORDED
from deepbasics.testing.case import Case, Draw

RULES = NumpyBackend.rules

UNARY = (
    "negative square reciprocal sqrt rsqrt exp exp2 expm1 log log1p log2 log10 sin cos tan arcsin "
    "arccos arctan sinh cosh tanh arcsinh arccosh arctanh abs sign floor ceil round trunc relu "
    "isnan isinf isfinite erf sigmoid softplus identity"
)
BINARY = (
    "add subtract multiply divide power logaddexp arctan2 maximum minimum equal "
    "not_equal greater greater_equal less less_equal"
)
LOGICAL = ("logical_and", "logical_or", "logical_xor")
EXACT = (
    "sign floor ceil round trunc isnan isinf isfinite equal not_equal greater "
    "greater_equal less less_equal logical_not negative abs maximum minimum relu identity"
)
# Smooth, though their kernels on the reference backend take no complex numbers.
SMOOTH = (
    "logaddexp arctan2 erf sigmoid softplus softmax log_softmax sigmoid_crossentropy "
    "softmax_crossentropy sparse_softmax_crossentropy"
)
LOGITS = Draw("n m", -4, 4)
IDS, FLAGS = Draw("n", kind="ids", below="m"), Draw(kind="bool")


def row(
    op: str,
    *draws: Draw,
    kind: str = "elementwise",
    empty: str = "*",
    label: str = "",
    **settings: Any,
) -> Case:
    """A row for the primitive `op`; smooth where its rule is."""
    smooth = RULES[op].analytic or op in SMOOTH.split()
    return Case(op, draws, _not_called, settings, kind, smooth, empty, label, True)


def _not_called(*_: Any) -> None:
    raise NotImplementedError("a primitive is called by its name")


def _elementwise(op: str, arguments: int) -> Case:
    low, high = RULES[op].domain
    return row(op, *[Draw(low=low, high=high)] * arguments, kind=_kind(op))


def _kind(op: str) -> str:
    return "exact" if op in EXACT.split() else "elementwise"


def _widths(value: float) -> dict[str, Any]:
    return {"widths": ((1, 0), (2, 1)), "value": value}


def shape(letters: str) -> Callable[[Any], tuple[int, ...]]:
    """A setting: the lengths of the named axes."""
    return lambda sizes: tuple(sizes[letter] for letter in letters.split())


def flat(letters: str) -> Callable[[Any], tuple[int, ...]]:
    """A setting: the number of elements over these axes, as a shape."""
    return lambda sizes: (math.prod(shape(letters)(sizes)),)


ELEMENTWISE = [
    *(_elementwise(op, 1) for op in UNARY.split()),
    *(_elementwise(op, 2) for op in BINARY.split()),
    row("stop_gradient", Draw(grad=False), kind="exact"),
    row("floor_divide", *[Draw(low=0.5, grad=False)] * 2),
    *(row(op, FLAGS, FLAGS, kind="exact") for op in LOGICAL),
    row("logical_not", FLAGS, kind="exact"),
    row("where", FLAGS, Draw(), Draw(), kind="exact"),
    row("clip", Draw(), kind="exact", lo=-0.75, hi=1.25),
    # torch's gives NaN where the quotient overflows
    row(
        "mod",
        Draw(low=-30, high=30, bounded=True),
        Draw(low=-30, high=30, bounded=True, least=1e-8),
    ),
    row(
        "sigmoid_crossentropy",
        Draw(low=-30, high=30, bounded=True),
        Draw(low=0, high=1, bounded=True),
        kind="composed",
    ),
    row("cast", Draw(), kind="exact", dtype="int32", label="to-int"),
    row("cast", Draw(kind="int", high=9), kind="exact", dtype="float32", label="from-int"),
    row("cast", FLAGS, kind="exact", dtype="float64", label="from-bool"),
]  # fmt: skip

REDUCTIONS = [
    row(op, Draw("a n m"), kind=kind, empty=empty, label=label, axis=axis, keepdims=keepdims)
    for op, kind, empty in [("sum", "reduction", "*"), ("max", "exact", ""), ("min", "exact", "")]
    for label, axis, keepdims in [("all", (0, 1, 2), False), ("last", (2,), True),
                                  ("outer", (0, 2), False), ("none", (), False)]
] + [
    row("any", Draw("n m", kind="bool"), kind="exact", axis=(1,), keepdims=False),
    row("all", Draw("n m", kind="bool"), kind="exact", axis=(0, 1), keepdims=True),
    row("argmax", Draw("n m"), kind="exact", empty="", axis=0),
    row("argmin", Draw("n m"), kind="exact", empty="", axis=1),
    row("cumsum", Draw("n m"), kind="reduction", axis=0),
    row("cumsum", Draw("n m a"), kind="reduction", axis=1, label="middle"),
]  # fmt: skip

SHAPE = [
    row("reshape", Draw("n m"), kind="exact", shape=flat("m n")),
    row("transpose", Draw("a n m"), kind="exact", axes=(2, 0, 1)),
    row("broadcast_to", Draw("m"), kind="exact", shape=shape("a n m")),
    row("flip", Draw("n m"), kind="exact", axis=(1,)),
    row("getitem", Draw("n m"), kind="exact", empty="", label="row", key=(-1,)),
    row("getitem", Draw("n m"), kind="exact", label="slices",
        key=(slice(1, None), None, slice(None, -1, 2))),
    row("getitem", Draw("n m"), kind="exact", empty="", label="ellipsis", key=(..., 0)),
    row("embed", Draw("n"), kind="exact", key=(slice(1, -1), 1),
        shape=lambda sizes: (sizes["n"] + 2, 3)),
    row("concatenate", Draw("n m"), Draw("k m"), Draw("n m"), kind="exact", axis=0),
    row("concatenate", Draw("n m"), Draw("n k"), kind="exact", axis=1, label="last"),
    row("pack", Draw("n m"), Draw("k"), Draw(""), kind="exact"),
    row("pad", Draw("n m"), kind="exact", **_widths(0.0)),
    row("pad", Draw("n m"), kind="exact", label="value", **_widths(1.5)),
    row("take", Draw("m k"), IDS, kind="exact", empty="", axis=0),
    row("take", Draw("k m"), Draw("n a", negative=True, kind="ids", below="m"), kind="exact",
        empty="", axis=1, label="negative"),
    row("add_at", Draw("n k"), IDS, kind="reduction", empty="", axis=0, shape=shape("m k")),
    row("add_at", Draw("k n"), Draw("n", negative=True, kind="ids", below="m"), kind="reduction",
        empty="", axis=1, shape=shape("k m"), label="negative"),
    row("take_along_axis", Draw("n m"), Draw("n k", kind="ids", below="m"), kind="exact",
        empty="", axis=1),
    row("take_along_axis", Draw("m n"), Draw("k n", negative=True, kind="ids", below="m"),
        kind="exact", empty="", axis=0, label="negative"),
    row("add_along_axis", Draw("n k"), Draw("n k", kind="ids", below="m"), kind="reduction",
        empty="", axis=1, shape=shape("n m")),
]  # fmt: skip

NN = [
    row("matmul", Draw("n k"), Draw("k m"), kind="reduction"),
    row("matmul", Draw("a n k"), Draw("a k m"), kind="reduction", label="batch"),
    row("matmul", Draw("a n k"), Draw("k m"), kind="reduction", label="broadcast"),
    row("softmax", LOGITS, kind="reduction", empty="n", axis=1),
    row("softmax", Draw("n m k", -4, 4), kind="reduction", empty="", axis=1, label="middle"),
    row("log_softmax", LOGITS, kind="reduction", empty="n", axis=1),
    row("log_softmax", Draw("m n", -4, 4), kind="reduction", empty="", axis=0, label="first"),
    row("softmax_crossentropy", LOGITS, Draw("n m", kind="probability"),
        kind="reduction", empty="n"),
    row("sparse_softmax_crossentropy", LOGITS, IDS, kind="reduction", empty="n"),
    row("one_hot", Draw("a n", kind="ids", below="m"), kind="exact", n=4, dtype="float32"),
]  # fmt: skip

# Random bits take a counter; that they are the same is the level "bits".
COUNTER = Draw("", low=0, high=9, kind="int")
DRAWN_WITH = {"gamma": (0.7,), "beta": ((0.5,), 2.0), "binomial": (40, 0.3), "order": ()}
RANDOM = [
    row("random_mask", COUNTER, kind="exact", key=(1, 2), threshold=2**31, shape=(3, 5)),
    row("random_bits32", COUNTER, kind="exact", key=(1, 2), shape=(3, 5)),
    *(
        row("random_draw", COUNTER, kind="exact", label=draw, draw=draw, key=(1, 2),
            shape=(7,) if draw == "order" else (3, 5), arguments=DRAWN_WITH.get(draw, (-1, 2)),
            dtype="int32" if draw in ("order", "randint") else "float32")
        for draw in RECORDED
    ),
]  # fmt: skip

PRIMITIVES = [*ELEMENTWISE, *REDUCTIONS, *SHAPE, *NN, *RANDOM]
