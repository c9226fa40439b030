"""Draws on the host: NumPy arrays as a pure function of (key, counter), the same bits everywhere.

Element `i` in C order uses word `i` of the stream, so a draw of n elements uses `blocks(n)` blocks.
Everything is drawn in float64 from the top 52 or 53 bits of a word and rounded once to `dtype`: a
float32 model and a float64 model start from the same weights up to that rounding.
"""

from collections.abc import Callable, Sequence

import numpy as np

from deepbasics import dtypes
from deepbasics.config import floatx
from deepbasics.normal_quantile import normal_quantile
from deepbasics.philox import WORDS, Key, bits

_CHUNK = 1 << 14  # elements at a time: the working arrays stay in cache
_WITHIN_TWO_SIGMA = 0.4772498680518208  # chance that a standard normal lies in (0, 2)


def blocks(n: int) -> int:
    """How many blocks of the stream a draw of `n` elements uses."""
    return -(-n // WORDS)


def numpy_dtype(dtype: str | None) -> np.dtype:
    """The dtype to draw in; None is floatx; bfloat16, which NumPy lacks, is drawn in float32."""
    name = floatx() if dtype is None else dtypes.name(dtype)
    return np.dtype("float32" if name == "bfloat16" else name)


def _draw(
    transform: Callable[[np.ndarray], np.ndarray],
    key: Key,
    counter: int,
    shape: Sequence[int],
    dtype: str | None,
) -> np.ndarray:
    """`transform` of the words, rounded to `dtype`."""
    out = np.empty(shape, numpy_dtype(dtype))
    flat = out.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        part[...] = transform(bits(key, counter + start // WORDS, part.size))
    return out


def _unit(words: np.ndarray) -> np.ndarray:
    """Float64 in [0, 1): the top 53 bits."""
    return (words >> np.uint64(11)) * 2.0**-53


def _open_unit(words: np.ndarray) -> np.ndarray:
    """Float64 in (0, 1), both ends excluded: the top 52 bits and a half. Leaves the lowest bit."""
    return ((words >> np.uint64(12)) + 0.5) * 2.0**-52


def _signed(magnitude: np.ndarray, words: np.ndarray) -> np.ndarray:
    return np.where(words & np.uint64(1), -magnitude, magnitude)


def uniform(
    key: Key,
    counter: int,
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str | None = None,
) -> np.ndarray:
    """Uniform in [minval, maxval); rounding to `dtype` never reaches maxval."""
    width = maxval - minval
    out = _draw(lambda words: minval + width * _unit(words), key, counter, shape, dtype)
    low, high = out.dtype.type(minval), out.dtype.type(maxval)
    return np.minimum(out, max(low, np.nextafter(high, low)), out=out)


def open_uniform(key: Key, counter: int, shape: Sequence[int]) -> np.ndarray:
    """Uniform in (0, 1), float64; neither end is reached, so that its logarithm is finite."""
    return _draw(_open_unit, key, counter, shape, "float64")


def normal(
    key: Key,
    counter: int,
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
) -> np.ndarray:
    """Normal, by inverting the distribution function; the tails reach 8.2 standard deviations."""

    def transform(words: np.ndarray) -> np.ndarray:
        return mean + stddev * _signed(normal_quantile(0.5 * _open_unit(words)), words)

    return _draw(transform, key, counter, shape, dtype)


def truncated_normal(
    key: Key,
    counter: int,
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
) -> np.ndarray:
    """Normal given that it lies within 2 `stddev`; `stddev` is that before truncation.

    The inverse distribution function is exact: nothing is drawn again and nothing lies outside.
    """

    def transform(words: np.ndarray) -> np.ndarray:
        z = normal_quantile(0.5 - _WITHIN_TWO_SIGMA * _open_unit(words))
        return mean + stddev * _signed(np.minimum(z, 2.0), words)

    return _draw(transform, key, counter, shape, dtype)


def randint(
    key: Key,
    counter: int,
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: str = "int32",
) -> np.ndarray:
    """Integers in [minval, maxval), by multiply and shift: even up to (maxval - minval) / 2**64."""
    span, half, low = np.uint64(maxval - minval), np.uint64(32), np.uint64(2**32 - 1)

    def transform(words: np.ndarray) -> np.ndarray:  # the high word of words * span
        carry = ((words & low) * (span & low)) >> half
        middle = (words >> half) * (span & low) + carry
        other = (words & low) * (span >> half) + (middle & low)
        high = (words >> half) * (span >> half) + (middle >> half) + (other >> half)
        return high.view(np.int64) + minval

    return _draw(transform, key, counter, shape, dtype)


def permutation(key: Key, counter: int, n: int) -> np.ndarray:
    """A permutation of range(n), int64 (n,): the order of `n` random words, ties by position."""
    return permutations(key, counter, n, 1)[0]


def permutations(key: Key, counter: int, n: int, count: int) -> np.ndarray:
    """`count` permutations of range(n), each from `blocks(n)` blocks of the stream: (count, n)."""
    words = bits(key, counter, count * blocks(n) * WORDS).reshape(count, -1)
    return np.argsort(words[:, :n], kind="stable")
