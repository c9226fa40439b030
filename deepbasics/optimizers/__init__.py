"""Optimizers and learning rate schedules."""

from collections.abc import Mapping
from typing import Any

from deepbasics import absent
from deepbasics.lookup import Lookup
from deepbasics.optimizers import schedules
from deepbasics.optimizers.base import Optimizer
from deepbasics.optimizers.loss_scale import LossScaleOptimizer
from deepbasics.optimizers.rules import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Nadam,
    RMSprop,
)

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_RULES = (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, Lamb, Adafactor)
_lookup = Lookup("optimizer", {c.__name__.lower(): c for c in (*_RULES, LossScaleOptimizer)})

serialize = _lookup.serialize


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Optimizer:
    """The inverse of `serialize`; `custom_objects` names classes of your own."""
    name = config["class_name"]
    name = name if name in (custom_objects or {}) else name.lower()
    return _lookup.deserialize({**config, "class_name": name}, custom_objects)


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name in any case, its class, a dict from `serialize`, or itself.

    >>> get("adam").name
    'adam'
    >>> get("adm")
    Traceback (most recent call last):
    ValueError: Unknown optimizer 'adm'. Did you mean 'adam'? Known: adadelta, adafactor, adagrad, \
adam, adamax, adamw, ftrl, lamb, lion, lossscaleoptimizer, nadam, rmsprop, sgd.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return _lookup.get(identifier.lower() if isinstance(identifier, str) else identifier)


__getattr__ = absent.attributes(__name__)
