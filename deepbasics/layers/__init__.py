"""Layers, by family."""

from typing import Any

from deepbasics.errors import nearest
from deepbasics.layers.base import Layer
from deepbasics.layers.core import Activation, Dense, Dropout, Flatten, Identity, Reshape
from deepbasics.layers.inputs import Input, InputLayer
from deepbasics.layers.lookup import deserialize, serialize
from deepbasics.legacy import LAYER_NAMES

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "Reshape",
    "deserialize",
    "serialize",
]


def __getattr__(name: str) -> Any:
    modern = LAYER_NAMES.get(name)
    if modern in __all__:
        return globals()[modern]
    raise AttributeError(f"deepbasics.layers has no {name!r}.{nearest(name, __all__)}")
