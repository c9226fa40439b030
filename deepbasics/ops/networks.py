"""Ops of networks: activations, one-hot codes and crossentropies from logits."""

import math
from typing import Any

import numpy as np

from deepbasics import config, dtypes
from deepbasics.ops.call import call, dtype_of, float_tensor, one_axis, pair, tensor
from deepbasics.ops.elementwise import abs as absolute
from deepbasics.ops.elementwise import clip, divide, expm1, multiply, negative, where

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "multi_hot", "normalize", "one_hot",
    "psnr", "relu", "relu6", "selu", "sigmoid", "sigmoid_crossentropy", "silu", "soft_shrink",
    "softmax", "softmax_crossentropy", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparse_softmax_crossentropy", "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold",
]  # fmt: skip

Tensor = Any


def relu(x: Any) -> Tensor:
    """max(x, 0); the derivative at 0 is 0. Ints stay ints."""
    return call("relu", tensor(x))


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6); the derivative at 0 and at 6 is 0."""
    x = float_tensor(x)
    return where(call("less", x, 6.0), relu(x), 6.0)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where x > 0, else negative_slope · x (Maas et al. 2013)."""
    x = float_tensor(x)
    return where(call("greater", x, 0), x, call("multiply", x, negative_slope))


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x)), without overflow."""
    return call("sigmoid", float_tensor(x))


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) = -softplus(-x)."""
    return negative(softplus(negative(float_tensor(x))))


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    return call("softplus", float_tensor(x))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)."""
    x = float_tensor(x)
    return divide(x, call("add", absolute(x), 1.0))


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1); the derivative at 0 is alpha (Clevert 2015)."""
    x = float_tensor(x)
    low = call("minimum", x, 0.0)
    return where(call("greater", x, 0), x, multiply(expm1(_kink(low, x)), alpha))


def _kink(low: Tensor, x: Tensor) -> Tensor:
    """min(x, 0) with derivative 1 (not a half) at 0."""
    return where(call("less_equal", x, 0), x, low)


def selu(x: Any) -> Tensor:
    """1.0507… · elu(x, 1.6732…) (Klambauer et al. 2017)."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


def silu(x: Any) -> Tensor:
    """x · sigmoid(x), also called swish (Ramachandran et al. 2017)."""
    x = float_tensor(x)
    return multiply(x, sigmoid(x))


swish = silu


def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x · Φ(x) with the normal distribution's Φ; approximate: by tanh (Hendrycks & Gimpel 2016)."""
    x = float_tensor(x)
    if approximate:
        cubic = call("add", x, multiply(call("power", x, 3), 0.044715))
        inner = call("tanh", multiply(cubic, 0.7978845608028654))
    else:
        inner = call("erf", multiply(x, 0.7071067811865476))
    return multiply(multiply(x, 0.5), call("add", inner, 1.0))


def hard_sigmoid(x: Any) -> Tensor:
    """relu6(x + 3) / 6."""
    return divide(relu6(call("add", float_tensor(x), 3.0)), 6.0)


def hard_silu(x: Any) -> Tensor:
    """x · hard_sigmoid(x)."""
    x = float_tensor(x)
    return multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def hard_tanh(x: Any) -> Tensor:
    """x held between -1 and 1."""
    return clip(float_tensor(x), -1.0, 1.0)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha · (exp(x / alpha) - 1)) (Barron 2017)."""
    x = float_tensor(x)
    low = multiply(expm1(divide(_kink(call("minimum", x, 0.0), x), alpha)), alpha)
    return where(call("greater", x, 0), x, low)


def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along `axis` times the sigmoid of the second (Dauphin et al. 2017)."""
    from deepbasics.ops.shape import split

    a, b = split(float_tensor(x), 2, axis)
    return multiply(a, sigmoid(b))


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / Σ exp(x) along `axis`, without overflow."""
    x = float_tensor(x)
    return call("softmax", x, axis=one_axis(axis, len(x.shape)))


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """log(softmax(x)) along `axis`, without overflow."""
    x = float_tensor(x)
    return call("log_softmax", x, axis=one_axis(axis, len(x.shape)))


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: str | None = None, sparse: bool = False
) -> Tensor:
    """1 at each class id, 0 elsewhere, along a new axis; ids out of range give zeros."""
    dense("one_hot", sparse)
    from deepbasics.ops.shape import moveaxis

    ids = tensor(x, "int64")
    y = call("one_hot", ids, n=num_classes, dtype=dtypes.name(dtype or config.floatx()))
    return y if axis == -1 else moveaxis(y, -1, axis)


def sigmoid_crossentropy(logits: Any, labels: Any) -> Tensor:
    """-y log σ(z) - (1-y) log(1-σ(z)) = max(z,0) - z y + log1p(exp(-|z|)), elementwise."""
    logits = float_tensor(logits)
    return call("sigmoid_crossentropy", logits, tensor(labels, dtype_of(logits)))


def softmax_crossentropy(logits: Any, labels: Any) -> Tensor:
    """-Σ y log softmax(z) over the last axis; labels: probabilities, the shape of the logits."""
    logits = float_tensor(logits)
    return call("softmax_crossentropy", logits, tensor(labels, dtype_of(logits)))


def sparse_softmax_crossentropy(logits: Any, labels: Any) -> Tensor:
    """-log softmax(z)[label] over the last axis; labels: class ids, without that axis."""
    return call("sparse_softmax_crossentropy", float_tensor(logits), tensor(labels, "int64"))


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where it is above the threshold, else `default_value`."""
    x = float_tensor(x)
    return where(call("greater", x, threshold), x, default_value)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where |x| is above the threshold, else 0."""
    x = float_tensor(x)
    return where(call("greater", absolute(x), threshold), x, 0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold, and 0 where it is nearer."""
    x = float_tensor(x)
    below = where(call("less", x, -threshold), call("add", x, threshold), 0.0)
    return where(call("greater", x, threshold), call("subtract", x, threshold), below)


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x)."""
    x = float_tensor(x)
    return call("subtract", x, call("tanh", x))


def squareplus(x: Any, b: float = 4) -> Tensor:
    """(x + √(x² + b)) / 2 (Barron 2021)."""
    x = float_tensor(x)
    root = call("sqrt", call("add", call("square", x), float(b)))
    return multiply(call("add", x, root), 0.5)


def sparse_plus(x: Any) -> Tensor:
    """0 up to -1, (x + 1)² / 4 up to 1, then x."""
    x = float_tensor(x)
    middle = multiply(call("square", call("add", x, 1.0)), 0.25)
    return where(call("greater", x, 1), x, where(call("greater", x, -1), middle, 0.0))


def sparse_sigmoid(x: Any) -> Tensor:
    """0 up to -1, (x + 1) / 2 up to 1, then 1."""
    x = float_tensor(x)
    middle = multiply(call("add", x, 1.0), 0.5)
    return where(call("greater", x, 1), 1.0, where(call("greater", x, -1), middle, 0.0))


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The nearest point to x whose elements along `axis` are at least 0 and sum to 1.

    max(x - τ, 0); most elements are 0 (Martins & Astudillo 2016).
    """
    from deepbasics.ops.shape import flip
    from deepbasics.ops.sorting import sort

    x = float_tensor(x)
    over, n = one_axis(axis, len(x.shape)), x.shape[axis]
    falling = flip(sort(x, over), over)
    sums = call("cumsum", falling, axis=over)
    places = [-1 if a == over else 1 for a in range(len(x.shape))]
    rank = tensor(np.arange(1.0, n + 1).reshape(places), dtype_of(x))
    inside = call("greater", call("add", multiply(rank, falling), 1.0), sums)
    count = call("sum", tensor(inside, dtype_of(x)), axis=(over,), keepdims=True)
    total = call("sum", where(inside, falling, 0.0), axis=(over,), keepdims=True)
    level = divide(call("subtract", total, 1.0), count)
    return relu(call("subtract", x, level))


def normalize(x: Any, axis: int = -1, order: float = 2, epsilon: float | None = None) -> Tensor:
    """x divided by its norm of that order along `axis`, or by `epsilon` if the norm is smaller."""
    from deepbasics.ops.matrices import norm

    x = float_tensor(x)
    least = config.epsilon() if epsilon is None else epsilon
    return divide(x, call("maximum", norm(x, order, axis, keepdims=True), float(least)))


def psnr(x1: Any, x2: Any, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio, 20 log₁₀(max_val) - 10 log₁₀(mean squared difference)."""
    x1, x2 = pair(float_tensor(x1), float_tensor(x2))
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"psnr needs one shape; got {tuple(x1.shape)} and {tuple(x2.shape)}.")
    noise = call("square", call("subtract", x1, x2))
    mean = divide(call("sum", noise, axis=tuple(range(len(x1.shape)))), float(math.prod(x1.shape)))
    return call("subtract", 20 * math.log10(max_val), multiply(call("log10", mean), 10.0))


def multi_hot(
    inputs: Any,
    num_classes: int,
    axis: int = -1,
    dtype: str | None = None,
    sparse: bool = False,
) -> Tensor:
    """1 at the class ids of a row of them, 0 elsewhere; (n,) or (batch, n) to (..., num_classes).

    Ids out of range count for nothing.
    """
    dense("multi_hot", sparse)
    ids = tensor(inputs, "int64")
    codes = one_hot(ids, num_classes, axis, dtype)
    return call("max", codes, axis=(1 if len(ids.shape) > 1 else 0,), keepdims=False)


def dense(name: str, sparse: Any) -> None:
    """Refuse to make a sparse tensor."""
    if sparse:
        raise ValueError(f"ops.{name}: there are no sparse tensors; leave sparse=False.")
