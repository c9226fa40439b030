"""The table of cases for recurrences and attention: primitives and ops."""

from typing import Any

from deepbasics import ops
from deepbasics.ops.call import call
from deepbasics.testing.case import Case, Draw

X, STATE = Draw("n b k"), Draw("b 3", -1, 1)
MASK = Draw("n b", kind="bool")
STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}
WEIGHTS = {
    "lstm": (Draw("k 12"), Draw("3 12"), Draw("12")),
    "gru": (Draw("k 9"), Draw("3 9"), Draw("2 9")),
    "simple_rnn": (Draw("k 3"), Draw("3 3"), Draw("3")),
}


def _results(op: str, y: Any) -> tuple[Any, ...]:
    """All h and, of an LSTM, the last c; not what is kept for the vjp."""
    return (y,) if op == "simple_rnn" else y[: STATES[op]]


def _forward(op: str, masked: bool) -> Case:
    def run(*args: Any) -> Any:
        return _results(op, call(op, *args, *([] if masked else [None])))

    draws = (X, *[STATE] * STATES[op], *WEIGHTS[op], *[MASK] * masked)
    return Case(op, draws, run, {}, "layer", False, "", "masked" * masked)


def _vjp(op: str, masked: bool) -> Case:
    n = STATES[op]

    def run(*args: Any) -> Any:
        cotangents, args = args[:n], (*args[n:], *([] if masked else [None]))
        y = call(op, *args)
        return call(f"{op}_vjp", *cotangents, *args, *(y if isinstance(y, tuple) else (y,)))

    draws = (Draw("n b 3"), *[STATE] * (n - 1), X, *[STATE] * n, *WEIGHTS[op], *[MASK] * masked)
    fixed = tuple(Draw(d.axes, d.low, d.high, d.kind, grad=False) for d in draws)
    return Case(f"{op}_vjp", fixed, run, {}, "layer", False, "", "masked" * masked)


QUERY, KEY, VALUE = Draw("b 2 n k"), Draw("b 2 m k"), Draw("b 2 m a")
PLACES = Draw("b 1 n m", kind="bool")


def _attention(label: str, *masks: Draw, causal: bool = False) -> Case:
    def run(q: Any, k: Any, v: Any, *mask: Any) -> Any:
        mask = mask[0] if mask else None
        return call("attention", q, k, v, mask, scale=0.5, causal=causal)[0]

    return Case("attention", (QUERY, KEY, VALUE, *masks), run, {}, "layer", False, "", label)


PRIMITIVES = [
    Case("unstack", (Draw("n b k"),), lambda x: call("unstack", x), {}, "exact", True, ""),
    *(make(op, masked) for op in WEIGHTS for make in (_forward, _vjp) for masked in (False, True)),
    _attention(""),
    _attention("masked", PLACES),
    _attention("causal", causal=True),
    _attention("both", PLACES, causal=True),
]


def _dot_product(label: str, *more: Draw, groups: int = 4, **settings: Any) -> Case:
    draws = (Draw("b n 4 k"), Draw(f"b m {groups} k"), Draw(f"b m {groups} a"), *more)
    function = ops.dot_product_attention
    return Case("dot_product_attention", draws, function, settings, "layer", False, "", label)


DERIVED = [
    _dot_product(""),
    _dot_product("groups", groups=2, is_causal=True, scale=0.3),
    _dot_product("bias", Draw("4 n m")),
    _dot_product("bias-and-mask", Draw("b 1 n m"), PLACES, is_causal=True),
]
