"""Activations: elementwise functions that layers apply to their outputs; `softmax` is one of a row.

Their values and their derivatives at kinks are those of the ops of the same name. `sigmoid` and
`softmax` leave a note of their input, from which a crossentropy is computed (`deepbasics.logits`).
"""

import warnings
from typing import Any

from deepbasics import absent, legacy, logits, ops
from deepbasics.lookup import Lookup
from deepbasics.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from deepbasics.ops import exp as exponential


def linear(x: Any) -> Any:
    """`x`, unchanged; what an activation of None means."""
    return x


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """`x` above `threshold`, at most `max_value`; `negative_slope * (x - threshold)` elsewhere.

    The derivative at the threshold is the negative slope, and at the maximum 0.

    >>> import numpy as np
    >>> relu(np.array([-2.0, 3.0, 9.0]), negative_slope=0.5, max_value=6.0).tolist()
    [-1.0, 3.0, 6.0]
    """
    if max_value is not None and max_value < 0:
        raise ValueError(f"relu: max_value must be at least 0; got {max_value}.")
    if not negative_slope and max_value is None and not threshold:
        return ops.relu(x)
    x = ops.convert_to_tensor(x)
    above = x
    if max_value is not None:
        above = ops.where(ops.less(x, max_value), x, max_value)
    low = negative_slope * (x - threshold) if negative_slope else 0.0
    return ops.where(ops.greater(x, threshold), above, low)


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`, without overflow."""
    return logits.remember(ops.sigmoid(x), "sigmoid", x)


def softmax(x: Any, axis: int = -1) -> Any:
    """`exp(x) / sum(exp(x))` along `axis`, without overflow.

    >>> import numpy as np
    >>> softmax(np.array([[1.0, 1.0, 1000.0]])).tolist()
    [[0.0, 0.0, 1.0]]
    """
    x = ops.convert_to_tensor(x)
    if x.shape and x.shape[axis] == 1:
        warnings.warn(
            f"softmax over an axis of length 1 (of shape {tuple(x.shape)}) is 1 whatever it gets. "
            "One unit goes with a sigmoid.",
            stacklevel=legacy.level_of_caller(),
        )
    y = ops.softmax(x, axis=axis)
    # The note is for a loss over the last axis.
    return logits.remember(y, "softmax", x) if axis in (-1, len(x.shape) - 1) else y


def gelu(x: Any, approximate: bool = False) -> Any:
    """`x Φ(x)`, Φ the normal distribution function; `approximate` takes tanh for it.

    Hendrycks & Gimpel (2016), "Gaussian error linear units". The op of this name approximates by
    default; the activation does not.
    """
    return ops.gelu(x, approximate=approximate)


def mish(x: Any) -> Any:
    """`x tanh(softplus(x))`. Misra (2019), "Mish: a self regularized non-monotonic activation"."""
    return x * ops.tanh(ops.softplus(x))


_FUNCTIONS = (
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear,
    log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax,
    softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold,
)  # fmt: skip
_LOOKUP = Lookup(
    "activation",
    {function.__name__: function for function in _FUNCTIONS}
    | {"exponential": exponential, "tanh": tanh, "swish": swish, "hard_swish": hard_swish},
)
_NAMES = {function: name for name, function in reversed(_LOOKUP.objects.items())}


def get(identifier: Any) -> Any:
    """The activation that `identifier` stands for: a name, a callable, or None for `linear`.

    >>> get(None).__name__, get("relu").__name__
    ('linear', 'relu')
    """
    return linear if identifier is None else _LOOKUP.get(identifier)


def serialize(activation: Any) -> Any:
    """An activation as plain data: its name.

    >>> serialize(tanh), serialize(exponential)
    ('tanh', 'exponential')
    """
    return _NAMES.get(activation) or _LOOKUP.serialize(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The inverse of `serialize`; `custom_objects` maps further names to functions."""
    return linear if config is None else _LOOKUP.deserialize(config, custom_objects)


__getattr__ = absent.attributes(__name__)
