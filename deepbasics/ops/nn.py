"""Ops of networks: activations, one-hot codes and crossentropies from logits."""

from typing import Any

from deepbasics import config, dtypes
from deepbasics.ops.call import call, dtype_of, float_tensor, one_axis, tensor
from deepbasics.ops.elementwise import abs as absolute
from deepbasics.ops.elementwise import clip, divide, expm1, multiply, negative, where

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "log_sigmoid", "log_softmax", "one_hot", "relu", "relu6", "selu", "sigmoid",
    "sigmoid_crossentropy", "silu", "softmax", "softmax_crossentropy", "softplus", "softsign",
    "sparse_softmax_crossentropy", "swish",
]  # fmt: skip

Tensor = Any


def relu(x: Any) -> Tensor:
    """max(x, 0); the derivative at 0 is 0."""
    return call("relu", float_tensor(x))


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


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: str | None = None) -> Tensor:
    """1 at each class id, 0 elsewhere, along a new axis; ids out of range give zeros."""
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
