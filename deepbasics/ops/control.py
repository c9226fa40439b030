"""Control flow, over nests of tensors.

Loops of a known length (`map`, `scan`, `fori_loop` with ints, `associative_scan`) are unrolled:
they can be differentiated, and a recorded step replays them. Where a tensor's value decides what
runs (`cond`, `switch`, `while_loop`, `fori_loop` with tensors) it is looked at, so that a recorded
step runs eagerly from then on; gradients are those of what was run. `ops.where` keeps a step
recorded.
"""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import tree
from deepbasics.backends import registry
from deepbasics.ops.call import call, one_axis, tensor
from deepbasics.ops.core import convert_to_numpy
from deepbasics.ops.shape import concatenate, expand_dims, flip, get_item, reshape, stack
from deepbasics.variables import Variable

__all__ = [
    "associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorize",
    "vectorized_map", "while_loop",
]  # fmt: skip

Tensor = Any
Nest = Any


def _value(x: Any, what: str) -> Any:
    """The value of a scalar, for Python to decide by."""
    if isinstance(x, Variable) or registry.active().is_tensor(x):
        if not isinstance(x, (np.ndarray, np.generic)):
            registry.active().unrecordable(f"{what} looks at the value of a tensor")
        x = convert_to_numpy(x)
        if x.size != 1:
            raise ValueError(f"{what} needs a single value; got shape {x.shape}.")
        return x.reshape(()).item()
    return x


def cond(pred: Any, true_fn: Callable[[], Nest], false_fn: Callable[[], Nest]) -> Nest:
    """`true_fn()` if `pred` holds, else `false_fn()`; the other one is not run."""
    return true_fn() if _value(pred, "ops.cond") else false_fn()


def switch(index: Any, branches: Sequence[Callable[..., Nest]], *operands: Any) -> Nest:
    """`branches[index](*operands)`; an index out of range means the first or the last branch."""
    if not branches:
        raise ValueError("ops.switch needs at least one branch.")
    place = builtins.min(builtins.max(int(_value(index, "ops.switch")), 0), len(branches) - 1)
    return branches[place](*operands)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Nest],
    loop_vars: Nest,
    maximum_iterations: int | None = None,
) -> Nest:
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds, or so many times.

    Returns the loop variables in the form in which they were given: a tuple, a list or one tensor.

    >>> print(while_loop(lambda i: i < 5, lambda i: i + 2, 0))
    6
    """
    several = isinstance(loop_vars, (tuple, list))
    form = type(loop_vars) if several else tuple
    state = tuple(_tensors(v) for v in (loop_vars if several else (loop_vars,)))
    done = 0
    while (maximum_iterations is None or done < maximum_iterations) and _value(
        cond(*state), "ops.while_loop"
    ):
        found = body(*state)
        state = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        done += 1
    return form(state) if several else state[0]


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[[Any, Nest], Nest], init_val: Nest
) -> Nest:
    """`val = body_fun(i, val)` for each i from `lower` to `upper` - 1; `i` is an int32 tensor."""
    val = init_val
    for i in range(int(_value(lower, "ops.fori_loop")), int(_value(upper, "ops.fori_loop"))):
        val = body_fun(tensor(np.int32(i)), val)
    return val


def _tensors(nest: Nest) -> Nest:
    return tree.pack_as(nest, [tensor(x) for x in tree.flatten(nest)])


def _length(nest: Nest, what: str, axis: int = 0) -> int:
    shapes = [tuple(x.shape) for x in tree.flatten(nest)]
    lengths = {s[axis] for s in shapes}
    if len(lengths) != 1:
        raise ValueError(f"{what}: all tensors need the same length along the axis; got {shapes}.")
    return lengths.pop()


def _row(nest: Nest, i: int) -> Nest:
    return tree.pack_as(nest, [get_item(x, i) for x in tree.flatten(nest)])


def _stacked(rows: Sequence[Nest]) -> Nest:
    columns = zip(*(tree.flatten(row) for row in rows), strict=True)
    return tree.pack_as(rows[0], [None if c[0] is None else stack(c) for c in columns])


def scan(
    f: Callable[[Nest, Nest], tuple[Nest, Nest]],
    init: Nest,
    xs: Nest = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Nest, Nest]:
    """`carry, y = f(carry, x)` for each x along the first axis of `xs`: (last carry, stacked ys).

    Without `xs`, x is None and `length` says how often. `reverse` goes from the last to the first;
    the ys are in the order of the xs. `unroll` changes nothing: the loop is always unrolled.
    """
    if xs is None and length is None:
        raise ValueError("ops.scan needs `xs` or `length`.")
    xs = None if xs is None else _tensors(xs)
    n = length if xs is None else _length(xs, "ops.scan")
    if length is not None and length != n:
        raise ValueError(f"ops.scan: length is {length}, but the xs have {n} entries.")
    carry, rows = init, []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, None if xs is None else _row(xs, i))
        rows.append(y)
    rows = rows[::-1] if reverse else rows
    return carry, _stacked(rows) if rows else None


def map(f: Callable[[Nest], Nest], xs: Nest) -> Nest:
    """`f` of each entry along the first axis of `xs`, stacked."""
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def vectorized_map(function: Callable[[Nest], Nest], elements: Nest) -> Nest:
    """As `ops.map`: `function` runs once for each entry, on every backend."""
    return map(function, elements)


def associative_scan(
    f: Callable[[Nest, Nest], Nest], elems: Nest, reverse: bool = False, axis: int = 0
) -> Nest:
    """Running results of an associative `f(a, b)` along `axis`, in about 2 log₂ n calls of `f`.

    `f` takes and gives nests like `elems`, any number of entries along `axis` at once. With
    `reverse` from the last to the first.

    >>> print(associative_scan(lambda a, b: a + b, np.arange(5)))
    [ 0  1  3  6 10]
    """
    elems = _tensors(elems)
    flat = tree.flatten(elems)
    over = one_axis(axis, len(flat[0].shape))
    _length(elems, "ops.associative_scan", over)
    flat = [flip(x, over) for x in flat] if reverse else flat

    def joined(a: list[Tensor], b: list[Tensor]) -> list[Tensor]:
        return tree.flatten(f(tree.pack_as(elems, a), tree.pack_as(elems, b)))

    found = _running(joined, flat, over)
    return tree.pack_as(elems, [flip(x, over) for x in found] if reverse else found)


def _running(joined: Callable[..., list[Tensor]], xs: list[Tensor], axis: int) -> list[Tensor]:
    """Join neighbours, scan the half as many pairs, and fill in the entries between them."""
    n = xs[0].shape[axis]
    if n < 2:
        return xs

    def cut(parts: list[Tensor], *ends: int | None) -> list[Tensor]:
        key = (*[builtins.slice(None)] * axis, builtins.slice(*ends))
        return [get_item(x, key) for x in parts]

    pairs = joined(cut(xs, 0, n - n % 2, 2), cut(xs, 1, None, 2))
    odd = _running(joined, pairs, axis)
    first, rest = cut(xs, 0, 1), cut(xs, 2, None, 2)
    if n > 2:
        between = joined(cut(odd, 0, rest[0].shape[axis]), rest)
        even = [concatenate(both, axis) for both in zip(first, between, strict=True)]
    else:
        even = first
    return [_woven(a, b, axis) for a, b in zip(even, odd, strict=True)]


def _woven(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """a0, b0, a1, b1, ... along the axis; `a` may have one entry more."""
    n = b.shape[axis]
    before = (builtins.slice(None),) * axis
    both = [expand_dims(get_item(x, (*before, builtins.slice(n))), axis + 1) for x in (a, b)]
    shape = [2 * n if i == axis else k for i, k in enumerate(a.shape)]
    woven = reshape(concatenate(both, axis + 1), shape)
    last = get_item(a, (*before, builtins.slice(n, None)))
    return concatenate([woven, last], axis) if last.shape[axis] else woven


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None
) -> Callable[..., Any]:
    """A function of tensors that calls `pyfunc` for each element, the arguments broadcast.

    `excluded`: positions and names of arguments that are passed on as they are. `signature` such as
    "(n),(n)->()" gives the last axes that one call takes.
    """
    excluded = set(excluded or ())
    taken = None if signature is None else _core_axes(signature)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        places = [i for i in range(len(args)) if i not in excluded]
        names = [k for k in kwargs if k not in excluded]
        xs = [tensor(args[i]) for i in places] + [tensor(kwargs[k]) for k in names]
        cores = taken or [0] * len(xs)
        if len(cores) != len(xs):
            raise ValueError(f"vectorize: {len(xs)} arguments for the signature {signature!r}.")
        heads = [tuple(x.shape[: len(x.shape) - c]) for x, c in zip(xs, cores, strict=True)]
        whole = np.broadcast_shapes(*heads)
        count = int(np.prod(whole, dtype=int))
        rows = []
        for x, head in zip(xs, heads, strict=True):
            core = tuple(x.shape[len(head) :])
            wide = call("broadcast_to", x, shape=(*whole, *core))
            rows.append(reshape(wide, (count, *core)))

        def one(row: Sequence[Tensor]) -> Any:
            given = list(args)
            for i, x in zip(places, row, strict=False):
                given[i] = x
            return pyfunc(*given, **{**kwargs, **dict(zip(names, row[len(places) :], strict=True))})

        if not count:
            raise ValueError(f"vectorize: no element to call the function for: shape {whole}.")
        found = map(one, tuple(rows))
        return tree.pack_as(
            found, [reshape(y, (*whole, *y.shape[1:])) for y in tree.flatten(found)]
        )

    return wrapped


def _core_axes(signature: str) -> list[int]:
    """How many last axes each argument gives to one call."""
    inputs = signature.replace(" ", "").split("->")[0]
    return [len([a for a in part.split(",") if a]) for part in inputs[1:-1].split("),(")]
