"""Metric functions of (y_true, y_pred): one value per sample."""

from typing import Any

from deepbasics import config, ops
from deepbasics.losses.base import as_float, mean_over, pair, same_rank
from deepbasics.losses.regression import cosine_similarity as _minus_cosine


def _hits(equal: Any) -> Any:
    """True and False as 1 and 0, in floatx."""
    return ops.cast(equal, config.floatx())


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where label and prediction are equal, else 0; a last axis beside others is averaged."""
    y, p = pair("accuracy", y_true, y_pred)
    hits = _hits(ops.equal(y, p))
    return mean_over(hits) if len(hits.shape) > 1 else hits


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """The part of the last axis where `y_pred > threshold` is the label, 0 or 1."""
    y, p = pair("binary_accuracy", y_true, y_pred)
    hits = _hits(ops.equal(y, ops.cast(ops.greater(p, threshold), ops.dtype(y))))
    return mean_over(hits) if len(hits.shape) > 1 else hits


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest label and the largest prediction of the last axis are in one place.

    Of equal values the first counts. Labels of shape (..., C), usually one-hot; gives shape (...).
    """
    y, p = pair("categorical_accuracy", y_true, y_pred)
    return _hits(ops.equal(ops.argmax(y, axis=-1), ops.argmax(p, axis=-1)))


def _class_ids(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Class ids of shape (...), from (...) or (..., 1), and predictions of shape (..., C)."""
    y, p = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y.shape) == len(p.shape) and y.shape[-1] == 1:
        y = ops.squeeze(y, -1)
    if tuple(y.shape) != tuple(p.shape[:-1]):
        raise ValueError(
            f"Labels of shape {tuple(y.shape)} are not class ids for predictions of shape "
            f"{tuple(p.shape)}: give shape {tuple(p.shape[:-1])}. One-hot labels go with the "
            'categorical metrics, "categorical_accuracy" and "top_k_categorical_accuracy".'
        )
    return y, p


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest prediction of the last axis is that of the class id; the first of equals.

    Class ids of shape (...) or (..., 1) for predictions of shape (..., C); gives shape (...).
    """
    y, p = _class_ids(y_true, y_pred)
    return _hits(ops.equal(y, ops.cast(ops.argmax(p, axis=-1), ops.dtype(y))))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where fewer than `k` predictions exceed that of the largest label; ties count as hits."""
    y, p = pair("top_k_categorical_accuracy", y_true, y_pred)
    return _hits(ops.in_top_k(ops.argmax(y, axis=-1), p, k))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where fewer than `k` predictions exceed that of the class id; ties count as hits.

    With `from_sorted_ids` the predictions are class ids, the likeliest first.
    """
    y, p = _class_ids(y_true, y_pred)
    if from_sorted_ids:
        same = ops.equal(p[..., :k], ops.cast(ops.expand_dims(y, -1), ops.dtype(p)))
        return _hits(ops.any(same, axis=-1))
    return _hits(ops.in_top_k(ops.cast(y, "int64"), p, k))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between y and p along `axis`; the loss of this name has a minus."""
    return -_minus_cosine(y_true, y_pred, axis)


def squared_error(y_true: Any, y_pred: Any) -> Any:
    """`(y - p)²`, entry by entry."""
    y, p = pair("squared_error", y_true, y_pred)
    return ops.square(p - y)


def _batch_counts(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any, Any]:
    """True and false positives, true and false negatives of the batch, rounded to 0 and 1."""
    y, p = same_rank(as_float(y_true), as_float(y_pred))
    y, p = (ops.round(ops.clip(t, 0.0, 1.0)) for t in (y, p))
    return (
        ops.sum(y * p),
        ops.sum((1.0 - y) * p),
        ops.sum((1.0 - y) * (1.0 - p)),
        ops.sum(y * (1.0 - p)),
    )


def precision(y_true: Any, y_pred: Any) -> Any:
    """`tp / (tp + fp + ε)` of the batch alone, as in Keras 1; `Precision` counts over all."""
    tp, fp, _, _ = _batch_counts(y_true, y_pred)
    return tp / (tp + fp + config.epsilon())


def recall(y_true: Any, y_pred: Any) -> Any:
    """`tp / (tp + fn + ε)` of the batch alone, as in Keras 1; `Recall` counts over all."""
    tp, _, _, fn = _batch_counts(y_true, y_pred)
    return tp / (tp + fn + config.epsilon())


def fbeta_score(y_true: Any, y_pred: Any, beta: float = 1.0) -> Any:
    """`(1 + beta²) P R / (beta² P + R + ε)` of the batch alone, as in Keras 1."""
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    return (1.0 + beta**2) * p * r / (beta**2 * p + r + config.epsilon())


def fmeasure(y_true: Any, y_pred: Any) -> Any:
    """The harmonic mean of precision and recall of the batch alone, as in Keras 1."""
    return fbeta_score(y_true, y_pred)


def matthews_correlation(y_true: Any, y_pred: Any) -> Any:
    """The correlation of labels and rounded predictions of the batch alone, as in Keras 1.

    Matthews (1975), "Comparison of the predicted and observed secondary structure ...".
    """
    tp, fp, tn, fn = _batch_counts(y_true, y_pred)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / (ops.sqrt(product) + config.epsilon())


def pearson_correlation(y_true: Any, y_pred: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """The correlation of labels and predictions along `axis`; 0 where one of them is constant."""
    y, p = pair("pearson_correlation", y_true, y_pred)
    spread = ops.std(y, axis=axis) * ops.std(p, axis=axis)
    y, p = (t - ops.mean(t, axis=axis, keepdims=True) for t in (y, p))
    return ops.divide_no_nan(ops.mean(y * p, axis=axis), spread)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """`2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))² + ε)` along `axis`.

    1 only where they are equal. Lin (1989), "A concordance correlation coefficient to evaluate
    reproducibility".
    """
    y, p = pair("concordance_correlation", y_true, y_pred)
    apart = ops.square(ops.mean(y, axis=axis) - ops.mean(p, axis=axis))
    spread = ops.var(y, axis=axis) + ops.var(p, axis=axis)
    y, p = (t - ops.mean(t, axis=axis, keepdims=True) for t in (y, p))
    return 2.0 * ops.mean(y * p, axis=axis) / (spread + apart + config.epsilon())
