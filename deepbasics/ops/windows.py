"""The arithmetic of windows that slide over spatial axes: sizes, padding, lengths of the result.

A length may be None where it is not known yet. Source: Dumoulin & Visin, "A guide to convolution
arithmetic for deep learning", 2016.
"""

from collections.abc import Sequence
from typing import Any

from deepbasics import config
from deepbasics.errors import as_count, unknown

Lengths = tuple[int | None, ...]
Pairs = tuple[tuple[int, int], ...]

DATA_FORMATS = ("channels_last", "channels_first")


def sizes(value: Any, rank: int, what: str, least: int = 1) -> tuple[int, ...]:
    """An int for all axes, or one for each: a tuple of `rank` ints. ValueError otherwise.

    >>> sizes(3, 2, "kernel_size")
    (3, 3)
    """
    many = isinstance(value, (tuple, list)) or getattr(value, "ndim", 0) == 1
    given = tuple(value) if many else (value,) * rank
    if len(given) != rank:
        raise ValueError(
            f"{what} must be an integer or {rank} of them, one for each spatial axis; "
            f"got {value!r}."
        )
    return tuple(as_count(what, n, least=least) for n in given)


def pairs(value: Any, rank: int, what: str) -> Pairs:
    """(before, after) for each axis, from an int, one int for each axis, or the pairs themselves.

    >>> pairs((1, 2), 2, "padding")
    ((1, 1), (2, 2))
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if rank == 1 and len(given) == 2 and not isinstance(given[0], (tuple, list)):
        given = (given,)
    if len(given) != rank or any(isinstance(p, (tuple, list)) and len(p) != 2 for p in given):
        raise ValueError(
            f"{what} must be an integer, {rank} of them, or {rank} pairs (before, after); "
            f"got {value!r}."
        )
    return tuple(
        tuple(as_count(what, n, least=0) for n in (p if isinstance(p, (tuple, list)) else (p, p)))
        for p in given
    )


def check_padding(padding: str, allowed: Sequence[str] = ("valid", "same")) -> str:
    """The name of a padding in lower case. ValueError unless it is allowed."""
    name = str(padding).lower()
    if name not in allowed:
        raise unknown("padding", padding, allowed)
    return name


def check_data_format(data_format: str | None) -> str:
    """The order of axes, by default the configured one. ValueError for an unknown one."""
    found = config.image_data_format() if data_format is None else data_format
    if found not in DATA_FORMATS:
        raise unknown("data_format", found, DATA_FORMATS)
    return found


def widened(window: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """How far windows reach: (k - 1) d + 1 along each axis."""
    return tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))


def padding_pairs(
    spatial: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int],
) -> Pairs:
    """What is padded (before, after) along each axis.

    "valid": nothing. "same": in all max((ceil(n/s) - 1) s + (k - 1) d + 1 - n, 0), half of it
    rounded down before and the rest after. "causal": (k - 1) d before.
    """
    reach = widened(window, dilation)
    if padding == "valid":
        return ((0, 0),) * len(reach)
    if padding == "causal":
        return tuple((r - 1, 0) for r in reach)
    totals = [
        max((-(-n // s) - 1) * s + r - n, 0)
        for n, s, r in zip(spatial, strides, reach, strict=True)
    ]
    return tuple((t // 2, t - t // 2) for t in totals)


def output_lengths(
    spatial: Sequence[int | None],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int],
    where: str,
) -> Lengths:
    """The spatial lengths of the result: "valid" floor((n - (k-1)d - 1) / s) + 1, else ceil(n/s).

    Raises ValueError, which begins with `where`, if a window is larger than its axis.
    """
    reach = widened(window, dilation)
    if padding != "valid":
        return tuple(
            None if n is None else -(-n // s) for n, s in zip(spatial, strides, strict=True)
        )
    if any(n is not None and n < r for n, r in zip(spatial, reach, strict=True)):
        wide = f" (dilated by {tuple(dilation)}: {reach})" if reach != tuple(window) else ""
        raise ValueError(
            f"{where}: a window of {tuple(window)}{wide} does not fit into spatial lengths "
            f"{tuple(spatial)}. With padding='valid' the result has floor((n - (k-1)·d - 1) / s) "
            "+ 1 places, which must be at least 1: use a smaller window, fewer layers that make "
            "the input smaller, or padding='same'."
        )
    return tuple(
        None if n is None else (n - r) // s + 1
        for n, r, s in zip(spatial, reach, strides, strict=True)
    )


def transposed_lengths(
    spatial: Sequence[int | None],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    output_padding: Sequence[int] | None,
    dilation: Sequence[int],
) -> Lengths:
    """The spatial lengths of a transposed convolution.

    "same" n s; "valid" n s + max(k - s, 0), with k the reach of the dilated window. Given
    `output_padding` o: (n - 1) s + k + o, less 2 floor(k/2) with "same".
    """
    reach = widened(window, dilation)
    found: list[int | None] = []
    for i, (n, r, s) in enumerate(zip(spatial, reach, strides, strict=True)):
        if n is None:
            found.append(None)
        elif output_padding is None:
            found.append(n * s + (max(r - s, 0) if padding == "valid" else 0))
        else:
            cut = 2 * (r // 2) if padding == "same" else 0
            found.append((n - 1) * s + r + output_padding[i] - cut)
    return tuple(found)


def transposed_padding(
    spatial: Sequence[int],
    out: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int],
) -> Pairs:
    """The padding of the convolution that a transposed one, from `spatial` to `out`, is adjoint to.

    With "same" it cuts half of what is too much, rounded down, before the first place.
    """
    reach = widened(window, dilation)
    too_much = [
        (n - 1) * s + r - m for n, m, r, s in zip(spatial, out, reach, strides, strict=True)
    ]
    before = [max(t, 0) // 2 if padding == "same" else 0 for t in too_much]
    return tuple((b, max(t - b, 0)) for b, t in zip(before, too_much, strict=True))
