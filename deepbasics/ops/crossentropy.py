"""Crossentropies of probabilities or logits, and the loss and decoding of unaligned sequences."""

from collections import defaultdict
from typing import Any

import numpy as np

from deepbasics import config
from deepbasics.ops.call import call, dtype_of, float_tensor, one_axis, tensor
from deepbasics.ops.core import convert_to_numpy
from deepbasics.ops.elementwise import (
    clip,
    divide,
    equal,
    greater,
    less,
    log,
    logaddexp,
    logical_and,
    logical_not,
    multiply,
    negative,
    not_equal,
    where,
)
from deepbasics.ops.networks import (
    log_softmax,
    sigmoid_crossentropy,
    softmax_crossentropy,
    sparse_softmax_crossentropy,
)
from deepbasics.ops.reduction import argmax
from deepbasics.ops.reduction import max as largest
from deepbasics.ops.reduction import sum as total
from deepbasics.ops.shape import (
    cast,
    expand_dims,
    get_item,
    moveaxis,
    pad,
    squeeze,
    take_along_axis,
)

__all__ = [
    "binary_crossentropy", "categorical_crossentropy", "ctc_decode", "ctc_loss",
    "sparse_categorical_crossentropy",
]  # fmt: skip

Tensor = Any


def _inside(output: Tensor) -> Tensor:
    """Probabilities held away from 0 and 1, where logarithms are infinite."""
    return clip(output, config.epsilon(), 1 - config.epsilon())


def _same_shape(name: str, target: Tensor, output: Tensor) -> None:
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            f"ops.{name} needs target and output of one shape; got {tuple(target.shape)} and "
            f"{tuple(output.shape)}."
        )


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p), elementwise; p is clipped by epsilon on both sides.

    With `from_logits` p = sigmoid(output), computed without overflow.
    """
    output = float_tensor(output)
    target = tensor(target, dtype_of(output))
    _same_shape("binary_crossentropy", target, output)
    if from_logits:
        return sigmoid_crossentropy(output, target)
    p = _inside(output)
    no, rest = call("subtract", 1.0, p), call("subtract", 1.0, target)
    return negative(call("add", multiply(target, log(p)), multiply(rest, log(no))))


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-Σ t log(p) over `axis`; p is made to sum to 1 and clipped by epsilon.

    With `from_logits` p = softmax(output), computed without overflow.
    """
    output = float_tensor(output)
    target = tensor(target, dtype_of(output))
    _same_shape("categorical_crossentropy", target, output)
    if from_logits:
        return softmax_crossentropy(moveaxis(output, axis, -1), moveaxis(target, axis, -1))
    p = _inside(divide(output, total(output, axis, keepdims=True)))
    return negative(total(multiply(target, log(p)), axis))


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(p) of each class id in `target`, which has the shape of `output` without `axis`.

    p as in `ops.categorical_crossentropy`. A last axis of length 1 in `target` is dropped.
    """
    output, target = float_tensor(output), tensor(target, "int64")
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = squeeze(target, -1)
    over = one_axis(axis, len(output.shape))
    rest = tuple(n for a, n in enumerate(output.shape) if a != over)
    if tuple(target.shape) != rest:
        raise ValueError(
            f"ops.sparse_categorical_crossentropy: target has shape {tuple(target.shape)}; the "
            f"output of shape {tuple(output.shape)} needs class ids of shape {rest}."
        )
    if from_logits:
        return sparse_softmax_crossentropy(moveaxis(output, over, -1), target)
    p = _inside(divide(output, total(output, over, keepdims=True)))
    return negative(squeeze(log(take_along_axis(p, expand_dims(target, over), over)), over))


# sequences without an alignment -------------------------------------------------------------------

NEVER = -1e30  # the logarithm of a probability of 0, with which one can go on computing


def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Tensor:
    """-log of the probability that a sequence of labels was emitted, whenever (Graves 2006).

    Args:
        target: class ids, (batch, longest target).
        output: logits, (batch, steps, classes).
        target_length, output_length: how many of each count, (batch,).
        mask_index: the class that stands for no label.

    Returns one loss for each sample: infinite where the labels do not fit into the steps. The
    forward recursion in logarithms, two states for each label and one at the end.
    """
    scores = log_softmax(output)
    labels, ends = tensor(target, "int64"), tensor(target_length, "int64")
    last = tensor(output_length, "int64")
    batch, longest = labels.shape
    blanks = tensor(np.full((batch, longest, 1), mask_index))
    states = call("concatenate", blanks, expand_dims(labels, -1), axis=2)
    states = call("reshape", states, shape=(batch, 2 * longest))
    states = pad(states, ((0, 0), (0, 1)), constant_values=mask_index)
    leaps = logical_and(not_equal(states, mask_index), not_equal(states, _later(states, 2, -1)))
    emitted = take_along_axis(scores, expand_dims(states, 1), 2)
    start = tensor(np.arange(2 * longest + 1) < 2)
    reached = where(start, get_item(emitted, (slice(None), 0)), NEVER)
    for t in range(1, scores.shape[1]):
        arrived = logaddexp(reached, _later(reached, 1, NEVER))
        leapt = logaddexp(arrived, _later(reached, 2, NEVER))
        now = call("add", where(leaps, leapt, arrived), get_item(emitted, (slice(None), t)))
        reached = where(expand_dims(greater(last, t), -1), now, reached)
    final = expand_dims(multiply(ends, 2), -1)
    at_blank = take_along_axis(reached, final, 1)
    before = call("maximum", call("subtract", final, 1), 0)
    at_label = where(equal(final, 0), NEVER, take_along_axis(reached, before, 1))
    found = squeeze(logaddexp(at_blank, at_label), 1)
    return where(less(found, NEVER / 10), float("inf"), negative(found))


def _later(x: Tensor, by: int, fill: float) -> Tensor:
    """Each row moved on by some places."""
    return pad(get_item(x, (slice(None), slice(None, -by))), ((0, 0), (by, 0)), "constant", fill)


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The likely label sequences of scores: (ids (paths, batch, steps) ended by -1s, scores).

    "greedy": the best class of each step; its score is the sum of those, negative. "beam_search":
    the `top_paths` best of `beam_width` prefixes, over log_softmax(inputs); its scores are log
    probabilities (batch, paths). No gradient; beam search makes a recorded step run eagerly.
    """
    if strategy == "greedy":
        return _greedy(float_tensor(inputs), sequence_lengths, merge_repeated, mask_index)
    if strategy != "beam_search":
        raise ValueError(f"ctc_decode: strategy must be greedy or beam_search; got {strategy!r}.")
    scores = convert_to_numpy(log_softmax(inputs))
    lengths = convert_to_numpy(tensor(sequence_lengths))
    batch, steps = scores.shape[:2]
    ids = np.full((top_paths, batch, steps), -1, "int32")
    found = np.full((batch, top_paths), -np.inf, scores.dtype)
    for b in range(batch):
        best = _beams(scores[b, : lengths[b]], beam_width, mask_index)[:top_paths]
        for path, (labels, score) in enumerate(best):
            ids[path, b, : len(labels)] = labels
            found[b, path] = score
    return tensor(ids), tensor(found)


def _greedy(scores: Tensor, lengths: Any, merge: bool, mask_index: int) -> tuple[Tensor, Tensor]:
    steps = scores.shape[1]
    inside = less(np.arange(steps), expand_dims(tensor(lengths, "int64"), -1))
    best = argmax(scores, -1)
    kept = logical_and(inside, not_equal(best, mask_index))
    if merge:
        kept = logical_and(kept, not_equal(best, _later(best, 1, -1)))
    order = call("argsort", cast(logical_not(kept), "int32"), axis=1)
    ids = take_along_axis(where(kept, best, -1), order, 1)
    score = total(where(inside, largest(scores, -1), 0.0), -1, keepdims=True)
    return expand_dims(ids, 0), negative(score)


def _beams(scores: np.ndarray, width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest prefixes of one sample, best first (Hannun 2014)."""
    beams = {(): (0.0, -np.inf)}  # prefix: log probability that it ends in a blank, in a label
    for row in scores:
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        for prefix, (in_blank, in_label) in beams.items():
            either = np.logaddexp(in_blank, in_label)
            same = following[prefix]
            same[0] = np.logaddexp(same[0], either + row[blank])
            if prefix:
                same[1] = np.logaddexp(same[1], in_label + row[prefix[-1]])
            for label in range(len(row)):
                if label != blank:
                    longer = following[(*prefix, label)]
                    from_here = in_blank if prefix and label == prefix[-1] else either
                    longer[1] = np.logaddexp(longer[1], from_here + row[label])
        ranked = sorted(following.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = {prefix: tuple(ends) for prefix, ends in ranked[:width]}
    return [(prefix, float(np.logaddexp(*ends))) for prefix, ends in beams.items()]
