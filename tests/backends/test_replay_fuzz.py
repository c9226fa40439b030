"""Steps drawn at random, of views, views of views, writes and gradients: replayed, bit for bit."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from deepbasics import ops
from deepbasics.backends import registry
from deepbasics.variables import Variable

from .test_replay import assert_replays

# Every value is (SIZE, SIZE), so that any may meet any. Of 81 floats, laid one after the other, few
# begin at 16 bytes, and products of this size round differently where they do not.
SIZE = 9

UNARY: dict[str, Callable] = {
    "neg": lambda x: -x,
    "tanh": ops.tanh,
    "square": lambda x: x * x,
    "scaled": lambda x: x * 0.5 + 1.0,
    "relu": ops.relu,
    "pow": lambda x: x**2,
    "sigmoid": ops.sigmoid,
    "transposed": ops.transpose,
    "symmetric": lambda x: x - ops.transpose(x),
    "itself": lambda x: x + x,
    "flat": lambda x: ops.reshape(ops.reshape(x, (-1,)), (SIZE, SIZE)),
    "turned": lambda x: ops.reshape(ops.transpose(x), (SIZE, SIZE)),
    "flipped": lambda x: ops.flip(x, 0),
    "rolled": lambda x: ops.concatenate([x[1:], x[:1]], 0),
    "halves": lambda x: ops.concatenate(ops.split(x, [SIZE // 2], 1)[::-1], 1),
    "rows": lambda x: ops.stack(ops.unstack(x, axis=1), 0),
    "row": lambda x: x + x[1],
    "column": lambda x: x * ops.expand_dims(x[:, 2], 1),
    "diagonal": lambda x: x + ops.diagonal(x),
    "spread": lambda x: ops.broadcast_to(ops.sum(x, 0, keepdims=True), (SIZE, SIZE)),
    "mean": lambda x: x - ops.mean(x, 1, keepdims=True),
    "max": lambda x: x - ops.max(x, 1, keepdims=True),
    "softmax": ops.softmax,
    "taken": lambda x: ops.take(x, [2, 0, 0, -1, *range(4, SIZE)], axis=0),
    "padded": lambda x: ops.pad(x[1:-1, 1:-1], ((1, 1), (1, 1)), "reflect"),
    "cumsum": lambda x: ops.cumsum(x, 0),
    "cut": lambda x: ops.stop_gradient(x) * x,
    "corner": lambda x: ops.slice_update(x, (1, 1), x[:2, :2] * 2.0),
}
BINARY: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "maximum": ops.maximum,
    "where": lambda a, b: ops.where(a > b, a, b * 2.0),
    "matmul": lambda a, b: ops.tanh(a @ b),
    "matmul_turned": lambda a, b: ops.tanh(a @ ops.transpose(b)),
    "product_turned": lambda a, b: ops.transpose(ops.tanh(ops.transpose(a) @ b)),
    "above": lambda a, b: ops.concatenate([a[:2], b[2:]], 0),
    "beside": lambda a, b: ops.concatenate([a[:, 1:], b[:, :1]], 1),
    "packed": lambda a, b: ops.concatenate(
        [ops.reshape(a, (-1,)), ops.reshape(b, (-1,))], 0
    ).reshape((2, SIZE, SIZE))[1],
    "outer": lambda a, b: a + ops.expand_dims(b[0], 1) * b[1],
}


def drawn(rng):
    """A graph as a list of (name, arguments); it reads values made before it."""
    graph = []
    for made in range(3, 3 + int(rng.integers(3, 14))):
        # the most recent ones more often: chains, whose memory is used again
        recent = [int(made - 1 - min(rng.geometric(0.4) - 1, made - 1)) for _ in range(2)]
        table = UNARY if rng.random() < 0.55 else BINARY
        graph.append((str(rng.choice(list(table))), recent))
    return graph


def run(graph, values):
    """All values of a graph."""
    values = list(values)
    for name, (a, b) in graph:
        values.append(
            UNARY[name](values[a]) if name in UNARY else BINARY[name](values[a], values[b])
        )
    return values


def make_step(seed):
    """(step, Variables): two graphs, the gradients of the first, and writes to parts of flats."""
    rng = np.random.default_rng(seed)
    first, second = drawn(rng), drawn(rng)
    wanted = rng.random(3) < 0.7
    writes = [str(w) for w in rng.choice(["assign", "part", "flat", "swap", "none"], 3)]
    shown = rng.integers(0, 3 + len(second), 3)
    values = rng.normal(size=(3, SIZE * SIZE)).astype("float32")

    def make():
        flat = Variable(values[:2].ravel())
        parts = [Variable(values[n].reshape(SIZE, SIZE)) for n in range(2)]
        for n, part in enumerate(parts):
            part.rehome(flat, n * SIZE * SIZE)
        own = Variable(values[2].reshape(SIZE, SIZE))
        weights = [v for v, w in zip((*parts, own), wanted, strict=True) if w]

        def write(how, value):
            if how == "assign":
                own.assign(own.value * 0.5 + value)
            elif how == "part":
                parts[1].assign(ops.transpose(value))
            elif how == "flat":
                flat.assign(flat.value * 0.25 + ops.reshape(parts[0].value, (-1,))[0])
            elif how == "swap":
                old = own.value
                own.assign(parts[0].value)
                parts[0].assign(old * 0.5)

        def step(x):
            def scalar():
                made = run(first, [x, parts[0].value, own.value])
                write(writes[0], made[-2])
                return ops.mean(ops.tanh(made[-1] + parts[1].value)), made[-1]

            loss, y, grads = registry.active().gradients(scalar, weights)
            grads = [g if g is not None else ops.zeros((SIZE, SIZE)) for g in grads]
            if grads:
                packed = ops.concatenate([ops.reshape(g, (-1,)) for g in grads], 0)
                first_grad = ops.reshape(packed[: SIZE * SIZE], (SIZE, SIZE))
                write(writes[1], first_grad * 0.1)
                y = y + first_grad
            made = run(second, [y, parts[1].value, own.value])
            write(writes[2], ops.tanh(made[-1]))
            return loss, [ops.tanh(made[n]) * 1.0 if n % 2 else made[n] for n in shown], own.value

        return step, [flat, *parts, own]

    return make


def assert_a_random_step_replays(seed):
    batches = [
        (np.random.default_rng([seed, n]).normal(size=(SIZE, SIZE)).astype("float32"),)
        for n in range(4)
    ]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")  # each of them is recorded
        warnings.simplefilter("ignore", RuntimeWarning)
        assert_replays(make_step(seed), batches)


@pytest.mark.parametrize("seed", range(300))
def test_a_random_step_replays(seed, backend):
    assert_a_random_step_replays(seed)
