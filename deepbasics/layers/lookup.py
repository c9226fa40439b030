"""Layers by name: `serialize`, `deserialize`."""

from collections.abc import Mapping
from typing import Any

from deepbasics.errors import unknown
from deepbasics.layers import core, inputs
from deepbasics.layers.base import Layer

CLASSES: dict[str, type] = {
    c.__name__: c
    for module in (core, inputs)
    for c in vars(module).values()
    if isinstance(c, type) and issubclass(c, Layer) and c is not Layer
}


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer as plain data: `{"class_name", "config"}`."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type] | None = None
) -> Layer:
    """The inverse of `serialize`, with new weights; `custom_objects` maps names to classes."""
    known = _classes() | dict(custom_objects or {})
    name = config["class_name"]
    if name not in known:
        raise unknown("layer", name, known)
    found = known[name]
    if name == "Sequential":
        return found.from_config(dict(config["config"]), custom_objects)
    return found.from_config(dict(config["config"]))


def _classes() -> dict[str, type]:
    from deepbasics.models import Model, Sequential

    return CLASSES | {"Sequential": Sequential, "Model": Model}
