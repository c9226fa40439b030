"""What `compile` was given, as plain data and back."""

from collections.abc import Mapping
from typing import Any

from deepbasics.saving.objects import deserialize_keras_object, serialize_keras_object

_GIVEN = ("loss", "loss_weights", "metrics", "weighted_metrics")
_HOW = {"run_eagerly": False, "steps_per_execution": 1, "jit_compile": "auto"}


def compile_config(model: Any) -> dict[str, Any] | None:
    """The arguments of `model.compile` as plain data; None before it."""
    if model.compiled is None:
        return None
    found = {"optimizer": serialize_keras_object(model.optimizer)}
    for name in _GIVEN:
        found[name] = serialize_keras_object(getattr(model.compiled, name))
    return found | {name: getattr(model, name, default) for name, default in _HOW.items()}


def compile_from(model: Any, config: Mapping[str, Any], safe_mode: bool = True) -> None:
    """Compile a model as such a config says."""
    known = {name: config.get(name) for name in ("optimizer", *_GIVEN)}
    made = {
        name: deserialize_keras_object(value, safe_mode=safe_mode) for name, value in known.items()
    }
    how = {name: config[name] for name in _HOW if config.get(name) is not None}
    model.compile(**{name: value for name, value in made.items() if value is not None}, **how)
