"""Losses with the activation that precedes them, by hand."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """`measure()` gives (sum of the losses, hits); then `gradient()` writes into `dz`."""

    measure: Callable[[], tuple[float, int]]
    gradient: Callable[[], None]


def prepare(loss: str, y: np.ndarray) -> np.ndarray:
    """The targets as the loss wants them: for "bce" -1 where true and +1 where false."""
    return 1 - 2 * y if loss == "bce" else y


def bce(z: np.ndarray, dz: np.ndarray, y: np.ndarray) -> Score:
    """`log(1 + exp(u))` with `u = -z` where true, `z` where false: stable in one call."""
    zero, share, ones = np.zeros((), z.dtype), z.dtype.type(1) / z.size, np.ones(z.size, z.dtype)
    share = np.asarray(share)
    u, each, right = np.empty_like(z), np.empty_like(z), np.empty(z.shape, bool)
    flat = each.reshape(-1)

    def measure() -> tuple[float, int]:
        np.multiply(z, y, u)
        np.logaddexp(zero, u, each)
        np.less(u, zero, right)
        return ones.dot(flat), np.count_nonzero(right)

    def gradient() -> None:
        np.subtract(u, each, u)
        np.exp(u, u)
        np.multiply(u, y, u)
        np.multiply(u, share, dz)

    return Score(measure, gradient)


def cce(z: np.ndarray, dz: np.ndarray, y: np.ndarray) -> Score:
    """Softmax crossentropy: `log(sum(exp(z))) - z[y]` with `z` less its maximum."""
    rows = len(z)
    share, ones = np.asarray(z.dtype.type(1) / rows), np.ones(rows, z.dtype)
    top, total = np.empty((rows, 1), z.dtype), np.empty((rows, 1), z.dtype)
    picked, each, chosen = np.empty(rows, z.dtype), np.empty(rows, z.dtype), np.empty_like(z)
    flat = total.reshape(-1)

    def measure() -> tuple[float, int]:
        np.maximum.reduce(z, 1, None, top, True)
        np.subtract(z, top, z)
        np.exp(z, dz)
        np.add.reduce(dz, 1, None, total, True)
        np.multiply(z, y, chosen)
        np.add.reduce(chosen, 1, None, picked)
        np.log(flat, each)
        np.subtract(each, picked, each)
        # where the class has the largest score, what is picked is 0
        return ones.dot(each), rows - np.count_nonzero(picked)

    def gradient() -> None:
        np.divide(dz, total, dz)
        np.subtract(dz, y, dz)
        np.multiply(dz, share, dz)

    return Score(measure, gradient)


def mse(z: np.ndarray, dz: np.ndarray, y: np.ndarray) -> Score:
    """The mean over the outputs of `(z - y)²`."""
    twice, flat, width = np.asarray(z.dtype.type(2) / z.size), dz.reshape(-1), z.shape[1]

    def measure() -> tuple[float, int]:
        np.subtract(z, y, dz)
        return flat.dot(flat) / width, 0

    return Score(measure, lambda: np.multiply(dz, twice, dz))


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


LOSSES = {"bce": bce, "cce": cce, "mse": mse}
OUTPUTS = {"bce": lambda z: 1 / (1 + np.exp(-z)), "cce": _softmax, "mse": np.copy}
