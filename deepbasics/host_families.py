"""Gamma, beta and binomial draws on the host, exact in distribution; and what a step may draw.

These reject, so an element may need any number of words. The counter's low word counts blocks as
for every draw; its second word tells the attempts apart and its third the parts of one draw, so a
draw never runs into what follows it in the stream.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from deepbasics import host_draws as host
from deepbasics.philox import Key

_ATTEMPT, _PART = 1 << 64, 1 << 128
_FEW = 15  # trials to make one by one
_BELOW_ONE = 1.0 - 2.0**-53


def _log_gamma(key: Key, counter: int, alpha: np.ndarray) -> np.ndarray:
    """Logarithms of gamma draws, which for a small `alpha` are too small for a float.

    Reference: Marsaglia & Tsang, "A simple method for generating gamma variables", 2000; below 1
    with Gamma(alpha) = Gamma(alpha + 1) * U**(1 / alpha).
    """
    shape = alpha.shape
    d = np.where(alpha < 1, alpha + 1, alpha) - 1 / 3
    found, waiting = np.zeros(shape), np.ones(shape, bool)
    for attempt in count(1):
        if not waiting.any():
            break
        z = host.normal(key, counter + 2 * attempt * _ATTEMPT, shape, dtype="float64")
        u = host.open_uniform(key, counter + (2 * attempt + 1) * _ATTEMPT, shape)
        v = (1 + z / np.sqrt(9 * d)) ** 3
        log_v = np.log(np.where(v > 0, v, 1.0))
        good = waiting & (v > 0) & (np.log(u) < z * z / 2 + d * (1 - v + log_v))
        found[good] = (np.log(d) + log_v)[good]
        waiting &= ~good
    boost = np.log(host.open_uniform(key, counter, shape)) / alpha
    return np.where(alpha < 1, found + boost, found)


def gamma(key: Key, counter: int, shape: Sequence[int], alpha: Any, dtype: str) -> np.ndarray:
    """Gamma of shape parameter `alpha` > 0 (broadcast to `shape`) and scale 1."""
    alpha = np.broadcast_to(np.asarray(alpha, "float64"), shape)
    return np.exp(_log_gamma(key, counter, alpha)).astype(host.numpy_dtype(dtype))


def _beta(key: Key, counter: int, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """X / (X + Y) of two gamma draws."""
    log_x, log_y = _log_gamma(key, counter, alpha), _log_gamma(key, counter + _PART, beta)
    with np.errstate(over="ignore"):  # an infinite ratio gives the 0 it should
        return 1 / (1 + np.exp(log_y - log_x))


def beta(
    key: Key, counter: int, shape: Sequence[int], alpha: Any, beta: Any, dtype: str
) -> np.ndarray:
    """Beta of parameters `alpha`, `beta` > 0 (broadcast to `shape`)."""
    given = (np.broadcast_to(np.asarray(a, "float64"), shape) for a in (alpha, beta))
    return _beta(key, counter, *given).astype(host.numpy_dtype(dtype))


def binomial(
    key: Key, counter: int, shape: Sequence[int], counts: Any, probabilities: Any, dtype: str
) -> np.ndarray:
    """How many of `counts` trials succeed with the chance `probabilities` (broadcast to `shape`).

    A trial succeeds if its uniform number is below p. The middle one of n such numbers in order is
    a beta draw; where it falls beside p settles half of the trials at once, and the rest are again
    uniform. Reference: Devroye, "Non-uniform random variate generation", 1986, section X.4.
    """
    n = np.broadcast_to(np.asarray(counts, "int64"), shape)
    p = np.broadcast_to(np.asarray(probabilities, "float64"), shape)
    hits = np.zeros(shape, "int64")
    while (n > _FEW).any():
        middle = np.maximum((n + 1) // 2, 1)
        b = _beta(key, counter, middle.astype("float64"), np.maximum(n + 1.0 - middle, 1.0))
        b = np.minimum(b, _BELOW_ONE)
        many, below = n > _FEW, b <= p
        hits += np.where(many & below, middle, 0)
        p = np.where(many, np.where(below, (p - b) / (1 - b), p / b), p)
        n = np.where(many, np.where(below, n - middle, middle - 1), n)
        counter += 2 * _PART
    for trial in range(int(n.max(initial=0))):
        u = host.uniform(key, counter + trial * _ATTEMPT, shape, dtype="float64")
        hits += (trial < n) & (u < p)
    return hits.astype(host.numpy_dtype(dtype))


def order(key: Key, counter: int, shape: Sequence[int], dtype: str) -> np.ndarray:
    """A permutation of range(n), for the shape (n,)."""
    return host.permutation(key, counter, *shape).astype(dtype)


RECORDED = {  # draws that a recorded step makes anew each time it runs, from its counter
    "normal": host.normal,
    "truncated_normal": host.truncated_normal,
    "uniform": host.uniform,
    "randint": host.randint,
    "gamma": gamma,
    "beta": beta,
    "binomial": binomial,
    "order": order,
}
