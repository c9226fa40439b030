"""Sums of products and rearrangements that are written as formulas of letters and names."""

import math
import re
from collections.abc import Sequence
from typing import Any

from deepbasics import dtypes
from deepbasics.ops.call import call, dtype_of, tensor
from deepbasics.ops.shape import diagonal, reshape, transpose

__all__ = ["einsum", "rearrange"]

Tensor = Any


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Tensor:
    """The sum of products of the elements that share letters, as `numpy.einsum`.

    A letter for each axis, "..." for axes that broadcast; letters that are not behind "->" (without
    it: that occur twice) are summed over. Operands are joined from left to right, each pair by one
    product of matrices.

    >>> einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]], dtype=float32)
    """
    xs = [tensor(x) for x in operands]
    common = dtypes.result_type(*(dtype_of(x) for x in xs))
    xs = [tensor(x, common) for x in xs]
    inputs, output = _letters(subscripts, [len(x.shape) for x in xs])
    sizes: dict[str, int] = {}
    for letters, x in zip(inputs, xs, strict=True):
        for letter, n in zip(letters, x.shape, strict=True):
            if sizes.setdefault(letter, n) == 1:
                sizes[letter] = n
            if n not in (1, sizes[letter]):
                raise ValueError(
                    f"einsum {subscripts!r}: axis {letter!r} has lengths {sizes[letter]} and {n}."
                )
    left, x = _single(inputs[0], xs[0], set(output).union(*inputs[1:]))
    for i, (letters, y) in enumerate(zip(inputs[1:], xs[1:], strict=True), 1):
        later = set(output).union(*inputs[i + 1 :])
        letters, y = _single(letters, y, later | set(left))
        left, x = _joined(left, x, letters, y, later, sizes)
    left, x = _single(left, x, set(output))
    x = transpose(x, [left.index(letter) for letter in output])
    return call("broadcast_to", x, shape=tuple(sizes[letter] for letter in output))


def _letters(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; axes of "..." get capital Greek ones."""
    formula = subscripts.replace(" ", "")
    parts, arrow, output = formula.partition("->")
    inputs = parts.split(",")
    if len(inputs) != len(ndims):
        raise ValueError(f"einsum {subscripts!r} is for {len(inputs)} operands; got {len(ndims)}.")
    most = 0
    for i, (letters, n) in enumerate(zip(inputs, ndims, strict=True)):
        free = n - len(letters.replace("...", ""))
        if free < 0 or (free and "..." not in letters):
            raise ValueError(f"einsum {subscripts!r}: operand {i} has {n} axes, not {letters!r}.")
        most = max(most, free)
        inputs[i] = letters.replace("...", _GREEK[:24][-free:] if free else "")
    named = _GREEK[-most:] if most else ""
    if not arrow:
        every = "".join(inputs)
        output = named + "".join(sorted(c for c in set(every) - set(named) if every.count(c) == 1))
    output = output.replace("...", named)
    if len(set(output)) < len(output) or not set(output) <= set("".join(inputs)):
        raise ValueError(f"einsum {subscripts!r}: each letter of the result once, from an operand.")
    return inputs, output


_GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"


def _single(letters: str, x: Tensor, wanted: set[str]) -> tuple[str, Tensor]:
    """Diagonals of letters that occur twice taken, and letters that nobody wants summed over."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            x = diagonal(x, 0, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + letter
    unwanted = [a for a, letter in enumerate(letters) if letter not in wanted]
    kept = "".join(letter for letter in letters if letter in wanted)
    return kept, call("sum", x, axis=tuple(unwanted), keepdims=False) if unwanted else x


def _joined(
    left: str, x: Tensor, right: str, y: Tensor, later: set[str], sizes: dict[str, int]
) -> tuple[str, Tensor]:
    """The product of two operands: shared letters that are wanted later are a batch."""
    shared = [letter for letter in left if letter in right]
    batch = [letter for letter in shared if letter in later]
    inner = [letter for letter in shared if letter not in later]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    a = _arranged(left, x, batch + inner, rows, (batch, rows, inner), sizes)
    b = _arranged(right, y, batch + inner, columns, (batch, inner, columns), sizes)
    z = call("matmul", a, b)
    whole = [*batch, *rows, *columns]
    return "".join(whole), reshape(z, [sizes[letter] for letter in whole])


def _arranged(
    letters: str, x: Tensor, shared: Any, own: Any, groups: Any, sizes: dict[str, int]
) -> Tensor:
    """Axes in three groups, each flattened; shared ones of length 1 at their full length."""
    full = tuple(sizes[c] if c in shared else n for c, n in zip(letters, x.shape, strict=True))
    x = call("broadcast_to", x, shape=full) if full != tuple(x.shape) else x
    x = transpose(x, [letters.index(letter) for group in groups for letter in group])
    lengths = dict(zip(letters, full, strict=True))
    return reshape(x, [math.prod(lengths[letter] for letter in group) for group in groups])


# rearrangements -----------------------------------------------------------------------------------


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """Axes split, permuted and joined: `"b (h w) c -> b c h w", h=4` (the idea is einops').

    A name for each axis; several in brackets are one axis, the first the slowest; 1 is an axis of
    that length.
    """
    x = _to_tensor(tensor)
    source, arrow, target = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange: the pattern needs an arrow; got {pattern!r}.")
    before, after = _groups(source), _groups(target)
    if len(before) != len(x.shape):
        raise ValueError(f"rearrange {pattern!r}: the tensor has shape {tuple(x.shape)}.")
    sizes = dict(axes_lengths)
    for names, n in zip(before, x.shape, strict=True):
        unknown = [name for name in names if name not in sizes]
        known = math.prod(sizes[name] for name in names if name in sizes)
        if len(unknown) > 1 or (known == 0 or n % known) or (not unknown and known != n):
            raise ValueError(f"rearrange {pattern!r}: an axis of {n} does not split into {names}.")
        sizes.update(dict.fromkeys(unknown, n // known))
    first, last = ([name for names in groups for name in names] for groups in (before, after))
    if sorted(first) != sorted(last) or len(set(first)) < len(first):
        raise ValueError(f"rearrange {pattern!r}: each name once on both sides.")
    x = reshape(x, [sizes[name] for name in first])
    x = transpose(x, [first.index(name) for name in last])
    return reshape(x, [math.prod(sizes[name] for name in names) for names in after])


def _groups(side: str) -> list[list[str]]:
    found = re.findall(r"\(([^()]*)\)|([^\s()]+)", side)
    groups = [inside.split() if not name else [name] for inside, name in found]
    return [[name for name in names if name != "1"] for names in groups]


_to_tensor = tensor
