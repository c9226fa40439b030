"""Rows of the table for control flow and for gradients of the caller's own."""

from typing import Any

from deepbasics import ops
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.derived import MATRIX, ROW
from deepbasics.testing.primitives import row

ROWS = Draw("m n")


def _case(name: str, *draws: Draw, call: Any, kind: str = "reduction", label: str = "") -> Case:
    return Case(name, draws, call, {}, kind, True, "", label)


def _decay(carry: Any, x: Any) -> tuple[Any, Any]:
    carry = ops.tanh(carry * 0.5 + x)
    return carry, {"twice": carry * 2, "input": x}


def _affine(a: Any, b: Any) -> Any:
    """Composition of the maps x → slope · x + shift."""
    return {"slope": a["slope"] * b["slope"], "shift": a["shift"] * b["slope"] + b["shift"]}


@ops.custom_gradient
def _product(x: Any, y: Any) -> Any:
    """x · y, whose gradient is computed from the logarithm."""
    z = x * y
    return z, lambda upstream: (upstream * z / x, upstream * z / y)


def _loop(x: Any) -> Any:
    return ops.while_loop(
        lambda i, y: ops.sum(y) > -9, lambda i, y: (i + 1, y * 0.5 - 1.0), (0, x), 6
    )


PRIMITIVES = [
    row("custom_gradient", Draw("n", grad=False), Draw("n", grad=False), kind="exact",
        backward=lambda sizes: lambda g: [g]),
]  # fmt: skip

DERIVED = [
    _case("scan", Draw("n"), ROWS, call=lambda c, xs: ops.scan(_decay, c, xs)),
    _case("scan", Draw("n"), ROWS, call=lambda c, xs: ops.scan(_decay, c, xs, reverse=True),
          label="reverse"),
    _case("associative_scan", ROWS, ROWS, label="nest",
          call=lambda a, b: ops.associative_scan(_affine, {"slope": a, "shift": b})),
    _case("associative_scan", Draw("n k"), call=lambda x: ops.associative_scan(
        ops.multiply, x, reverse=True, axis=1)),
    _case("map", ROWS, call=lambda xs: ops.map(lambda x: ops.sum(x * x), xs)),
    _case("vectorized_map", ROWS, ROWS, call=lambda a, b: ops.vectorized_map(
        lambda pair: ops.dot(pair[0], pair[1]), (a, b))),
    _case("vectorize", ROW, MATRIX, Draw("m"), call=lambda a, x, b: ops.vectorize(
        lambda u, v: u * ops.sum(v), signature="(),(m)->()")(a, x * b)),
    _case("fori_loop", ROW, call=lambda x: ops.fori_loop(
        0, 4, lambda i, y: ops.sin(y) + ops.cast(i, y.dtype), x)),
    _case("while_loop", ROW, call=_loop),
    _case("cond", ROW, call=lambda x: ops.cond(
        ops.sum(x) > 0, lambda: ops.exp(x), lambda: x * 2)),
    _case("switch", ROW, call=lambda x: ops.switch(1, [ops.exp, ops.sin], x)),
    _case("custom_gradient", Draw("n m", low=0.5), Draw("n m", low=0.5), call=_product,
          kind="elementwise"),
    _case("jvp", MATRIX, MATRIX, call=lambda x, t: ops.jvp(
        lambda z: {"a": ops.sin(z), "b": ops.sum(z * z, 0)}, (x,), (t,))),
]  # fmt: skip
