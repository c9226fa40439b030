"""Losses of numbers, margins, distributions and directions: one value per row."""

import math
from typing import Any

from deepbasics import config, ops
from deepbasics.losses.base import mean_over, pair


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((y - p)²)` over the last axis.

    Takes arrays of equal shape (..., d), or one with a further last axis of size 1, and gives shape
    (...).
    """
    y, p = pair("mean_squared_error", y_true, y_pred)
    return mean_over(ops.square(p - y))


def sum_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`sum((y - p)²)` over the last axis, without a factor of one half."""
    y, p = pair("sum_squared_error", y_true, y_pred)
    return ops.sum(ops.square(p - y), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """`mean(|y - p|)` over the last axis; the gradient where y = p is 0."""
    y, p = pair("mean_absolute_error", y_true, y_pred)
    return mean_over(ops.abs(p - y))


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """`100 mean(|y - p| / max(|y|, ε))` over the last axis, ε = `config.epsilon()`."""
    y, p = pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * mean_over(ops.abs((y - p) / ops.maximum(ops.abs(y), config.epsilon())))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((log(max(p, ε) + 1) - log(max(y, ε) + 1))²)`, ε = `config.epsilon()`."""
    y, p = pair("mean_squared_logarithmic_error", y_true, y_pred)
    least = config.epsilon()
    difference = ops.log(ops.maximum(p, least) + 1.0) - ops.log(ops.maximum(y, least) + 1.0)
    return mean_over(ops.square(difference))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """`mean(e²/2 where |e| ≤ delta, else delta |e| - delta²/2)` over the last axis, e = y - p.

    Huber (1964), "Robust estimation of a location parameter".
    """
    y, p = pair("huber", y_true, y_pred)
    size = ops.abs(y - p)
    inside = ops.less_equal(size, delta)
    return mean_over(ops.where(inside, 0.5 * ops.square(size), delta * size - 0.5 * delta * delta))


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """`mean(log(cosh(e)))` over the last axis, e = p - y, as `e + softplus(-2e) - log 2`."""
    y, p = pair("log_cosh", y_true, y_pred)
    e = p - y
    return mean_over(e + ops.softplus(-2.0 * e) - math.log(2.0))


def poisson(y_true: Any, y_pred: Any) -> Any:
    """`mean(p - y log(p + ε))` over the last axis, ε = `config.epsilon()`."""
    y, p = pair("poisson", y_true, y_pred)
    return mean_over(p - y * ops.log(p + config.epsilon()))


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """`sum(y log(y / p))` over the last axis, both clipped to [ε, 1], ε = `config.epsilon()`.

    Kullback & Leibler (1951), "On information and sufficiency".
    """
    y, p = pair("kl_divergence", y_true, y_pred)
    y, p = (ops.clip(t, config.epsilon(), 1.0) for t in (y, p))
    return ops.sum(y * ops.log(y / p), axis=-1)


def _signs(y: Any) -> Any:
    """Labels as -1 and 1: mapped where all of them are 0 or 1, else as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y, 0.0), ops.equal(y, 1.0)))
    return ops.where(binary, 2.0 * y - 1.0, y)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - y p, 0))` over the last axis.

    Labels are -1 and 1; where all are 0 or 1, 0 becomes -1.
    """
    y, p = pair("hinge", y_true, y_pred)
    return mean_over(ops.maximum(1.0 - _signs(y) * p, 0.0))


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - y p, 0)²)` over the last axis; labels as for `hinge`."""
    y, p = pair("squared_hinge", y_true, y_pred)
    return mean_over(ops.square(ops.maximum(1.0 - _signs(y) * p, 0.0)))


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """`max(max((1 - y) p) - sum(y p) + 1, 0)` over the last axis; labels one-hot."""
    y, p = pair("categorical_hinge", y_true, y_pred)
    wrong = ops.max((1.0 - y) * p, axis=-1)
    return ops.maximum(wrong - ops.sum(y * p, axis=-1) + 1.0, 0.0)


def unit(x: Any, axis: int) -> Any:
    """`x` over its length along `axis`, which is taken to be at least `config.epsilon()`."""
    squared = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squared, config.epsilon() ** 2))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between y and p along `axis`.

    It is -1 for one direction, and 0 for a zero vector. The metric of this name has the other sign.
    """
    y, p = pair("cosine_similarity", y_true, y_pred)
    return -ops.sum(unit(y, axis) * unit(p, axis), axis=axis)


def dice(y_true: Any, y_pred: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """`1 - 2 sum(y p) / (sum(y) + sum(p) + ε)` over `axis`, ε = `config.epsilon()`.

    With no `axis`, over all of them: one number.
    Dice (1945), "Measures of the amount of ecologic association between species".
    """
    y, p = pair("dice", y_true, y_pred)
    both = ops.sum(y * p, axis=axis)
    return 1.0 - 2.0 * both / (ops.sum(y, axis=axis) + ops.sum(p, axis=axis) + config.epsilon())


def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | tuple[int, ...] | None = None,
) -> Any:
    """`1 - b / (b + alpha sum(y (1 - p)) + beta sum(p (1 - y)) + ε)`, b = sum(y p), over `axis`.

    With no `axis`, over all of them: one number. `alpha` weighs what was missed, `beta` what was
    found in vain. Salehi et al. (2017), "Tversky loss function for image segmentation".
    """
    y, p = pair("tversky", y_true, y_pred)
    both, missed, vain = (ops.sum(z, axis=axis) for z in (y * p, y * (1.0 - p), p * (1.0 - y)))
    return 1.0 - both / (both + alpha * missed + beta * vain + config.epsilon())
