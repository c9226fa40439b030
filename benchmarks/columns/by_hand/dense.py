"""Dense layers, their activations, dropout and flatten, by hand."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.columns.by_hand.part import Part, after

Weights = list[tuple[np.ndarray, np.ndarray]]
SMALL = 8192  # elements up to which a sign is faster than a comparison


def relu(y: np.ndarray, dy: np.ndarray) -> tuple[Callable, Callable]:
    """In place, forward and backward."""
    zero, mask = np.zeros((), y.dtype), np.empty_like(y)
    find = np.sign if y.size <= SMALL else partial(_positive, zero=zero)

    def backward() -> None:
        find(y, mask)
        np.multiply(dy, mask, dy)

    return partial(np.maximum, y, zero, out=y), backward


def _positive(y: np.ndarray, mask: np.ndarray, zero: np.ndarray) -> None:
    np.greater(y, zero, mask)


def tanh(y: np.ndarray, dy: np.ndarray) -> tuple[Callable, Callable]:
    """In place, forward and backward."""
    one, slope = np.ones((), y.dtype), np.empty_like(y)

    def backward() -> None:
        np.multiply(y, y, slope)
        np.subtract(one, slope, slope)
        np.multiply(dy, slope, dy)

    return partial(np.tanh, y, y), backward


ACTIVATIONS = {"relu": relu, "tanh": tanh}  # sigmoid and softmax belong to the loss


def dense(before: Part, units: int, activation: str, weights: Weights, training: bool) -> Part:
    """`activation(x @ w + b)`."""
    (w, dw), (b, db) = weights
    x, dx, rows = before.y, before.dy, len(before.y)
    y, dy = after((rows, units), x.dtype)
    act, act_back = ACTIVATIONS.get(activation, lambda *_: (None, None))(y, dy)
    xt, wt, ones = x.T, w.T, np.ones(rows, x.dtype)

    def forward() -> None:
        x.dot(w, y)
        np.add(y, b, y)
        if act:
            act()

    def backward() -> None:
        if act_back:
            act_back()
        xt.dot(dy, dw)
        ones.dot(dy, db)
        if dx is not None:
            dy.dot(wt, dx)

    return Part(y, dy, forward, backward)


def flatten(before: Part, weights: Weights, training: bool) -> Part:
    """A view."""
    rows = len(before.y)
    return Part(before.y.reshape(rows, -1), before.dy.reshape(rows, -1), None, None)


def dropout(before: Part, rate: float, weights: Weights, training: bool) -> Part:
    """In place; a mask from random bytes, which give the rates 1/4 and 1/2 exactly."""
    if not training or not rate:
        return before._replace(forward=None, backward=None)
    rng = np.random.Generator(np.random.SFC64(0))
    y, dy, least = before.y, before.dy, round(256 * rate)
    scale = y.dtype.type(256 / (256 - least))
    kept, mask = np.empty(y.shape, bool), np.empty_like(y)

    def forward() -> None:
        bits = np.frombuffer(rng.bytes(y.size), np.uint8).reshape(y.shape)
        np.greater_equal(bits, least, kept)
        np.multiply(kept, scale, mask)
        np.multiply(y, mask, y)

    return Part(y, dy, forward, partial(np.multiply, dy, mask, dy))
