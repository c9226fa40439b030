"""Sequences of different lengths to one rectangular array."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Sequence],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """Cuts and fills every sequence to one length.

    Args:
        sequences: one sequence per sample; the steps may be numbers, or arrays of one shape.
        maxlen: steps in the result; by default the longest sequence's.
        dtype: dtype of the result; `object` for strings.
        padding: fill before (`"pre"`) or after (`"post"`) the sequence.
        truncating: drop steps at the beginning (`"pre"`) or the end (`"post"`).
        value: what to fill with.

    Returns:
        An array of shape `(len(sequences), maxlen, *step shape)`.

    Raises:
        ValueError: a sample is no sequence, steps differ in shape, an unknown side, or a string
            `value` with a numeric `dtype`.

    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in SIDES:
            raise ValueError(f"pad_sequences got {name}={side!r}; use 'pre' or 'post'.")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OSU":
        raise ValueError(f"value={value!r} does not fit dtype={dtype!r}; pass dtype=object.")
    for index, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(
                f"pad_sequences needs a list of sequences; item {index} is {sequence!r}."
            )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    step_shape = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    padded = np.full((len(sequences), maxlen, *step_shape), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        surplus = max(len(sequence) - maxlen, 0)
        kept = sequence[surplus:] if truncating == "pre" else sequence[: len(sequence) - surplus]
        if len(kept) == 0:
            continue
        steps = np.asarray(kept, dtype=dtype)
        if steps.shape[1:] != step_shape:
            raise ValueError(
                f"pad_sequences got steps of shape {steps.shape[1:]} in sequence {index}; "
                f"those before have shape {step_shape}."
            )
        start = maxlen - len(steps) if padding == "pre" else 0
        padded[index, start : start + len(steps)] = steps
    return padded
