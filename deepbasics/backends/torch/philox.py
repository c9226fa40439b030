"""Philox4x64-10 in torch integer operations: the bits of `deepbasics.philox`, on the device.

Once the constants are on the device nothing here waits for it or copies to it, so it can be
captured in a CUDA graph, and a replay draws anew from the counter's new value. torch has no
arithmetic on unsigned words: they are kept in int64, whose products and sums wrap.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch

from deepbasics.philox import HALVES, MULTIPLIERS, ROUNDS, WEYL, Key

_LOW = 0xFFFFFFFF


def _signed(word: int) -> int:
    """The int64 with the bits of a word."""
    return word - (word >> 63 << 64)


@lru_cache(maxsize=256)
def _constants(key: Key, device: torch.device | str) -> torch.Tensor:
    """The multipliers, then the key of each round: int64 (1 + ROUNDS, 2, 1), kept on the device."""
    keys = [
        tuple((word + n * weyl) % 2**64 for word, weyl in zip(key, WEYL, strict=True))
        for n in range(ROUNDS)
    ]
    words = [[[_signed(word)] for word in pair] for pair in (MULTIPLIERS, *keys)]
    return torch.tensor(words, dtype=torch.int64, device=device)


def _upper(x: torch.Tensor) -> torch.Tensor:
    """The upper 32 bits of each word: >> alone would drag the sign along."""
    return (x >> 32) & _LOW


def _multiply(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(upper, lower) words of the 128-bit products, by limbs of 32 bits."""
    a_low, a_high, b_low, b_high = a & _LOW, _upper(a), b & _LOW, _upper(b)
    middle = a_high * b_low + _upper(a_low * b_low)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + _upper(middle) + _upper(other), a * b


def bits32(
    counter: torch.Tensor | int, key: Key, shape: Sequence[int], device: torch.device | str
) -> torch.Tensor:
    """The bits of `deepbasics.philox.bits32_kernel` as int64 in [0, 2**32), of `shape`.

    `counter` is an int or an int64 scalar on the device, below 2**63 - blocks.
    """
    n = math.prod(shape)
    blocks = torch.arange(-(-n // HALVES), dtype=torch.int64, device=device)
    multiplier, *keys = _constants(key, device)
    even = torch.stack([blocks + counter, torch.zeros_like(blocks)])  # words 0 and 2 of each block
    odd = torch.zeros_like(even)  # words 1 and 3
    for round_key in keys:
        upper, lower = _multiply(even, multiplier)
        even, odd = upper.flip(0) ^ odd ^ round_key, lower.flip(0)
    words = torch.stack([even[0], odd[0], even[1], odd[1]], dim=1)
    halves = torch.stack([words & _LOW, _upper(words)], dim=2)
    return halves.reshape(-1)[:n].reshape(tuple(shape))
