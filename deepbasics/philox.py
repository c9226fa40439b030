"""Philox4x64-10: 256 random bits as a pure function of a key and a block counter.

Block `i` of the stream `key` is the standard output for counter `i` (little-endian words), so any
block can be drawn alone, in any order, on any device. Reference: Salmon, Moraes, Dror & Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import math
from collections.abc import Sequence

import numpy as np

Key = tuple[int, int]

MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # what each round adds to the key
ROUNDS = 10
WORDS = 4  # 64-bit words in a block
HALVES = 8  # 32-bit halves in a block


def bits(key: Key, counter: int, n: int) -> np.ndarray:
    """The first `n` 64-bit words of the stream `key` from block `counter` on: a uint64 array (n,).

    `key` is two integers in [0, 2**64); `counter` counts blocks of four words, modulo 2**256.

    >>> [hex(word) for word in bits((0, 0), 0, 2).tolist()]
    ['0x16554d9eca36314c', '0xdb20fe9d672d0fdc']
    """
    before = (int(counter) - 1) % 2**256  # NumPy counts up before it computes a block
    return np.random.Philox(key=key[0] | key[1] << 64, counter=before).random_raw(n)


def bits32_kernel(
    counter: int, key: Key, shape: Sequence[int], out: np.ndarray | None = None
) -> np.ndarray:
    """The same stream as 32-bit halves, the low half of each word first: a uint32 array of `shape`.

    Element `i` in C order is half `i` of the stream from block `counter` on; ceil(n / 8) blocks are
    used.
    """
    n = math.prod(shape)
    words = bits(key, counter, (n + 1) // 2).astype("<u8", copy=False)
    halves = words.view("<u4")[:n].reshape(shape)
    if out is None:
        return halves
    out[...] = halves
    return out


def mask_kernel(
    counter: int, key: Key, threshold: int, shape: Sequence[int], out: np.ndarray | None = None
) -> np.ndarray:
    """`bits32_kernel(...) >= threshold`: bool of `shape`, True with chance 1 - threshold/2**32."""
    return np.greater_equal(bits32_kernel(counter, key, shape), threshold, out=out)
