"""Losses by name: `get`, `serialize`, `deserialize`, and what `compile` makes of an identifier."""

from typing import Any

from deepbasics.lookup import Lookup
from deepbasics.losses.base import FunctionLoss, Loss
from deepbasics.losses.classes import CLASSES

_FUNCTIONS = {loss.of.__name__: loss.of for loss in CLASSES}
_BY_FUNCTION = {loss.of: loss for loss in CLASSES}
_SHORT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "sse": "sum_squared_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
}
_LEGACY = {
    "kullback_leibler_divergence": "kl_divergence",
    "cosine_proximity": "cosine_similarity",
    "cosine": "cosine_similarity",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}
_SHORT |= {short.upper(): name for short, name in _SHORT.items()}
_LOOKUP = Lookup(
    "loss",
    _FUNCTIONS
    | {old: _FUNCTIONS[name] for old, name in (_SHORT | _LEGACY).items()}
    | {loss.__name__: loss for loss in [*CLASSES, FunctionLoss]},
)


def get(identifier: Any) -> Any:
    """The loss that `identifier` stands for.

    A snake_case name, an abbreviation ("mse", "MSE") or a Keras 1 or 2 name gives the function, a
    class name an instance; a dict comes from `serialize`; None, functions and losses are returned
    as they are. ValueError with the nearest name for an unknown one.

    >>> get("mse").__name__, get("MeanSquaredError").name
    ('mean_squared_error', 'mean_squared_error')
    """
    return _LOOKUP.get(identifier)


def resolve(identifier: Any) -> Loss | None:
    """A `Loss` for anything `get` knows: functions are wrapped with the default reduction."""
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    known = _BY_FUNCTION.get(found)
    return known() if known else FunctionLoss(found)


def serialize(loss: Any) -> Any:
    """A loss as plain data: a function's name, or `{"class_name", "config"}`."""
    return _LOOKUP.serialize(loss)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The inverse of `serialize`; `custom_objects` maps further names to functions or classes."""
    return _LOOKUP.deserialize(config, custom_objects)
