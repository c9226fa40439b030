"""Layers by name: `serialize`, `deserialize`."""

import inspect
from collections.abc import Mapping
from typing import Any

from deepbasics import registered
from deepbasics.layers import (
    activation,
    attention,
    convolution,
    convolution_transpose,
    core,
    einsum_dense,
    embedding,
    function_layer,
    inputs,
    merging,
    noise,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    resampling,
    reshaping,
    wrappers,
)
from deepbasics.layers.base import Layer
from deepbasics.lookup import MODULES, Lookup, adapted, described

FAMILIES = (
    activation,
    attention,
    convolution,
    convolution_transpose,
    core,
    einsum_dense,
    embedding,
    function_layer,
    inputs,
    merging,
    noise,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    resampling,
    reshaping,
    wrappers,
)

CLASSES: dict[str, type] = {
    c.__name__: c
    for module in FAMILIES
    for c in vars(module).values()
    if isinstance(c, type) and issubclass(c, Layer) and c.__module__.startswith(module.__name__)
    if not c.__name__.startswith("_")
}


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer as plain data: `{"module", "class_name", "config", "registered_name"}`."""
    name, config = type(layer).__name__, layer.get_config()
    if name == "Functional":  # a class that Keras does not export
        found = described(layer, config, "keras.src.models.functional")
        return found | {"registered_name": name}
    if name in _NEVER_TRAINED:
        config.pop("trainable", None)
    return described(layer, config, MODULES["model" if name in _models() else "layer"])


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type] | None = None
) -> Layer:
    """The inverse of `serialize`, with new weights; `custom_objects` maps names to classes."""
    lookup = Lookup("layer", CLASSES | _models())
    _, settings = lookup.parts(config)
    found = lookup.find_class(config, custom_objects)
    if not issubclass(found, Layer):
        raise ValueError(f"{found.__name__!r} is no class of a layer.")
    settings = adapted(found, settings)
    if "custom_objects" in inspect.signature(found.from_config).parameters:
        return found.from_config(settings, custom_objects)
    with registered.custom_object_scope(custom_objects):
        return found.from_config(settings)


def _models() -> dict[str, type]:
    from deepbasics import models

    return {name: getattr(models, name) for name in models.__all__ if name in _MODELS}


# Keras' constructors of these do not take `trainable`.
_NEVER_TRAINED = ("Discretization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
_MODELS = ("Functional", "Model", "Sequential")
