"""Optimizers over flat arrays, by hand.

Running means are kept without their constant factor (m / (1 - beta_1), v / (1 - beta_2)), which
saves two passes. Long arrays go in blocks that stay in the cache.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np

BLOCK = 32_768
Update = Callable[[], None]
Blocks = list[tuple[np.ndarray, ...]]


def make(optimizer: tuple[str, dict[str, float]], w: np.ndarray, g: np.ndarray) -> Update:
    """The update of an optimizer in Keras' formula, with the defaults of Keras."""
    name, settings = optimizer
    rule, slots = RULES[name]
    arrays = [w, g, *(np.zeros_like(w) for _ in range(slots))]
    cuts = range(BLOCK, len(w), BLOCK)
    blocks = list(zip(*(np.split(a, cuts) for a in arrays), strict=True))
    return rule(blocks, **settings)


def _scalars(blocks: Blocks, *values: float) -> list[np.ndarray]:
    """Arrays without axes: NumPy takes them faster than Python's numbers."""
    return [np.asarray(value, blocks[0][0].dtype) for value in values]


def _scratch(blocks: Blocks) -> list[tuple[np.ndarray, ...]]:
    """Each block with a piece of one scratch array."""
    scratch = np.empty_like(blocks[0][0])
    return [(*block, scratch[: len(block[0])]) for block in blocks]


def sgd(blocks: Blocks, learning_rate: float) -> Update:
    """`w -= lr g`."""
    (rate,) = _scalars(blocks, learning_rate)

    def update() -> None:
        for w, g in blocks:
            np.multiply(g, rate, g)
            np.subtract(w, g, w)

    return update


def adam(blocks: Blocks, learning_rate: float, epsilon: float) -> Update:
    """`w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)`."""
    beta_1, beta_2 = 0.9, 0.999
    b1, b2, eps, alpha = _scalars(blocks, beta_1, beta_2, epsilon / sqrt(1 - beta_2), 0)
    fixed = learning_rate * (1 - beta_1) / sqrt(1 - beta_2)
    blocks = _scratch(blocks)
    power_1 = power_2 = 1.0

    def update() -> None:
        nonlocal power_1, power_2
        power_1 *= beta_1
        power_2 *= beta_2
        alpha[()] = fixed * sqrt(1 - power_2) / (1 - power_1)
        for w, g, m, v, t in blocks:
            np.multiply(m, b1, m)
            np.add(m, g, m)
            np.multiply(v, b2, v)
            np.multiply(g, g, g)
            np.add(v, g, v)
            np.sqrt(v, t)
            np.add(t, eps, t)
            np.divide(m, t, t)
            np.multiply(t, alpha, t)
            np.subtract(w, t, w)

    return update


def rmsprop(blocks: Blocks, learning_rate: float, epsilon: float) -> Update:
    """`w -= lr g / sqrt(v + epsilon)`."""
    rho = 0.9
    decay, eps, rate = _scalars(blocks, rho, epsilon / (1 - rho), learning_rate / sqrt(1 - rho))
    blocks = _scratch(blocks)

    def update() -> None:
        for w, g, v, t in blocks:
            np.multiply(v, decay, v)
            np.multiply(g, g, t)
            np.add(v, t, v)
            np.add(v, eps, t)
            np.sqrt(t, t)
            np.divide(g, t, t)
            np.multiply(t, rate, t)
            np.subtract(w, t, w)

    return update


def adadelta(blocks: Blocks, learning_rate: float, epsilon: float) -> Update:
    """`u = g sqrt((d + epsilon) / (a + epsilon)); w -= lr u`."""
    rho = 0.95
    decay, eps, rate = _scalars(blocks, rho, epsilon / (1 - rho), learning_rate)
    blocks = _scratch(_scratch(blocks))

    def update() -> None:
        for w, g, a, d, s, t in blocks:
            np.multiply(a, decay, a)
            np.multiply(g, g, t)
            np.add(a, t, a)
            np.add(a, eps, t)
            np.add(d, eps, s)
            np.divide(s, t, t)
            np.sqrt(t, t)
            np.multiply(g, t, g)  # u
            np.multiply(g, rate, t)
            np.subtract(w, t, w)
            np.multiply(g, g, g)
            np.multiply(d, decay, d)
            np.add(d, g, d)

    return update


RULES = {"sgd": (sgd, 0), "adam": (adam, 2), "rmsprop": (rmsprop, 1), "adadelta": (adadelta, 2)}
