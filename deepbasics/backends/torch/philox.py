"""Philox4x64-10 in torch integer operations: the bits of `deepbasics.philox`, on the device.

Nothing here waits for the device or copies to it, so it can be captured in a CUDA graph, and a
replay draws anew from the counter's new value. torch has no arithmetic on unsigned words: they are
kept in int64, whose products and sums wrap.
"""

import math
from collections.abc import Sequence

import torch

from deepbasics.philox import HALVES, MULTIPLIERS, ROUNDS, WEYL, Key

_LOW = 0xFFFFFFFF


def _signed(word: int) -> int:
    """The int64 with the bits of a word."""
    return word - (word >> 63 << 64)


def _pair(words: Key, device: torch.device | str) -> torch.Tensor:
    """Two words as int64 (2, 1), filled on the device."""
    pair = torch.empty((2, 1), dtype=torch.int64, device=device)
    for row, word in zip(pair, words, strict=True):
        row.fill_(_signed(word))
    return pair


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
    multiplier, weyl, round_key = (_pair(words, device) for words in (MULTIPLIERS, WEYL, key))
    even = torch.stack([blocks + counter, torch.zeros_like(blocks)])  # words 0 and 2 of each block
    odd = torch.zeros_like(even)  # words 1 and 3
    for _ in range(ROUNDS):
        upper, lower = _multiply(even, multiplier)
        even, odd = upper.flip(0) ^ odd ^ round_key, lower.flip(0)
        round_key = round_key + weyl
    words = torch.stack([even[0], odd[0], even[1], odd[1]], dim=1)
    halves = torch.stack([words & _LOW, _upper(words)], dim=2)
    return halves.reshape(-1)[:n].reshape(tuple(shape))
