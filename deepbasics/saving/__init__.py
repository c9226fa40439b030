"""Files: whole models, weights, architectures; and plain data of everything with a config."""

from deepbasics import absent
from deepbasics.registered import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from deepbasics.saving.objects import deserialize_keras_object, serialize_keras_object
from deepbasics.saving.weights import load_weights, save_weights
from deepbasics.saving.whole import (
    Saving,
    load_model,
    model_from_json,
    save_model,
    to_json,
)

__all__ = [
    "CustomObjectScope",
    "Saving",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_json",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "to_json",
]

__getattr__ = absent.attributes(__name__)
