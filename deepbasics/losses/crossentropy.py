"""Crossentropies: from logits wherever they are known, else from clipped probabilities.

A sigmoid or softmax notes what it was applied to (`deepbasics.logits`). Where there is a note, loss
and gradient come from the logits, so that a saturated output still learns. Without one,
probabilities are clipped to [ε, 1 - ε], ε = `config.epsilon()`.
"""

from typing import Any

from deepbasics import config, dtypes, logits, ops
from deepbasics.losses.base import as_float, mean_over, pair


def _scores(y_pred: Any, from_logits: bool, activation: str, axis: int) -> tuple[Any, bool]:
    """What to compute from, and whether that is logits."""
    y_pred = ops.convert_to_tensor(y_pred)
    if from_logits:
        return y_pred, True
    noted = logits.recall(y_pred, activation) if _is_last(axis, y_pred) else None
    return (y_pred, False) if noted is None else (noted, True)


def _is_last(axis: int, x: Any) -> bool:
    return axis in (-1, len(x.shape) - 1)


def _last(x: Any, axis: int) -> Any:
    """`x` with the axis of the classes last."""
    return x if _is_last(axis, x) else ops.moveaxis(x, axis, -1)


def _clipped(p: Any) -> Any:
    return ops.clip(p, config.epsilon(), 1.0 - config.epsilon())


def _normalised(p: Any) -> Any:
    """Probabilities that sum to one over the last axis, clipped."""
    return _clipped(p / ops.sum(p, axis=-1, keepdims=True))


def _binary(labels: Any, scores: Any, are_logits: bool) -> Any:
    if are_logits:
        return ops.sigmoid_crossentropy(scores, labels)
    p = _clipped(scores)
    return -(labels * ops.log(p) + (1.0 - labels) * ops.log(1.0 - p))


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`mean(-(y log p + (1 - y) log(1 - p)))` over `axis`.

    Labels in [0, 1]; predictions of the same shape are probabilities, or logits z with
    `from_logits`, where each entry is `max(z, 0) - z y + log1p(exp(-|z|))`. `label_smoothing` s
    makes y `y (1 - s) + s / 2`.
    """
    scores, are_logits = _scores(y_pred, from_logits, "sigmoid", -1)
    labels, scores = pair("binary_crossentropy", y_true, scores)
    if label_smoothing:
        labels = labels * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return mean_over(_binary(labels, scores, are_logits), axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The mean over `axis` of `(1 - q)^gamma` times the binary crossentropy.

    Here `q = y p + (1 - y)(1 - p)`. `apply_class_balancing` weighs each entry by `alpha y + (1 -
    alpha)(1 - y)`. Lin et al. (2017), "Focal loss for dense object detection".
    """
    scores, are_logits = _scores(y_pred, from_logits, "sigmoid", -1)
    labels, scores = pair("binary_focal_crossentropy", y_true, scores)
    if label_smoothing:
        labels = labels * (1.0 - label_smoothing) + 0.5 * label_smoothing
    p = ops.sigmoid(scores) if are_logits else scores
    missed = labels * (1.0 - p) + (1.0 - labels) * p
    each = ops.power(missed, gamma) * _binary(labels, scores, are_logits)
    if apply_class_balancing:
        each = each * (alpha * labels + (1.0 - alpha) * (1.0 - labels))
    return mean_over(each, axis)


def _categorical(
    function: str,
    y_true: Any,
    y_pred: Any,
    from_logits: bool,
    label_smoothing: float,
    axis: int,
) -> tuple[Any, Any, bool]:
    """Smoothed labels and scores with the classes last, and whether the scores are logits."""
    scores, are_logits = _scores(y_pred, from_logits, "softmax", axis)
    labels, scores = pair(function, y_true, scores)
    labels, scores = _last(labels, axis), _last(scores, axis)
    if label_smoothing:
        labels = labels * (1.0 - label_smoothing) + label_smoothing / labels.shape[-1]
    return labels, scores, are_logits


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`-sum(y log p)` over `axis`, the classes.

    Labels are one-hot, or any distribution; predictions of the same shape are probabilities
    (divided by their sum first), or logits with `from_logits`. `label_smoothing` s makes y `y (1 -
    s) + s / C` for C classes.
    """
    labels, scores, are_logits = _categorical(
        "categorical_crossentropy", y_true, y_pred, from_logits, label_smoothing, axis
    )
    if are_logits:
        return ops.softmax_crossentropy(scores, labels)
    return -ops.sum(labels * ops.log(_normalised(scores)), axis=-1)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`-sum(alpha (1 - p)^gamma y log p)` over `axis`, the classes.

    Lin et al. (2017), "Focal loss for dense object detection".
    """
    labels, scores, are_logits = _categorical(
        "categorical_focal_crossentropy", y_true, y_pred, from_logits, label_smoothing, axis
    )
    if are_logits:
        log_p = ops.log_softmax(scores, axis=-1)
        p = ops.exp(log_p)
    else:
        p = _normalised(scores)
        log_p = ops.log(p)
    return -ops.sum(alpha * ops.power(1.0 - p, gamma) * labels * log_p, axis=-1)


def class_ids(y_true: Any) -> Any:
    """Labels as a tensor of int32 or int64."""
    y_true = ops.convert_to_tensor(y_true)
    return y_true if ops.dtype(y_true) in ("int32", "int64") else ops.cast(y_true, "int32")


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """`-log p[y]`, with the classes of the predictions on `axis`.

    Labels are class ids of shape (...) or (..., 1) for predictions of shape (..., C): probabilities
    (divided by their sum first), or logits with `from_logits`. Where the label is `ignore_class`
    the value is 0.
    """
    scores, are_logits = _scores(y_pred, from_logits, "softmax", axis)
    scores = _last(scores, axis)
    labels = class_ids(y_true)
    if len(labels.shape) == len(scores.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if tuple(labels.shape) != tuple(scores.shape[:-1]):
        raise ValueError(
            f"sparse_categorical_crossentropy got labels of shape {tuple(labels.shape)}; it "
            f"expects integer class ids of shape {tuple(scores.shape[:-1])} for predictions of "
            f"shape {tuple(scores.shape)}. "
            'One-hot labels go with "categorical_crossentropy".'
        )
    if ignore_class is None:
        return _sparse(labels, scores, are_logits)
    counts = ops.not_equal(labels, ignore_class)
    values = _sparse(ops.where(counts, labels, 0), scores, are_logits)
    return ops.where(counts, values, 0.0)


def _sparse(labels: Any, scores: Any, are_logits: bool) -> Any:
    if are_logits:
        return ops.sparse_softmax_crossentropy(scores, labels)
    scores = scores if dtypes.is_float(ops.dtype(scores)) else ops.cast(scores, config.floatx())
    picked = ops.take_along_axis(_normalised(scores), ops.expand_dims(labels, -1), axis=-1)
    return -ops.log(ops.squeeze(picked, -1))


def ctc(y_true: Any, y_pred: Any) -> Any:
    """-log of the probability that a sequence of labels was emitted, in whatever steps.

    Labels are class ids (batch, longest), filled up with 0, which stands for no label; predictions
    logits (batch, steps, classes). One value for each sample; see `ops.ctc_loss`.
    """
    labels, scores = class_ids(y_true), as_float(y_pred)
    if len(labels.shape) != 2 or len(scores.shape) != 3 or labels.shape[0] != scores.shape[0]:
        raise ValueError(
            "ctc needs labels of shape (batch, longest) and logits of shape (batch, steps, "
            f"classes); got {tuple(labels.shape)} and {tuple(scores.shape)}."
        )
    lengths = ops.sum(ops.cast(ops.not_equal(labels, 0), "int32"), axis=-1)
    steps = ops.full((scores.shape[0],), scores.shape[1], "int32")
    return ops.ctc_loss(labels, scores, lengths, steps)
