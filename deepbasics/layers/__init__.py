"""Layers, by family."""

from deepbasics.layers.base import Layer
from deepbasics.layers.core import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    Identity,
    InputLayer,
    Reshape,
)
from deepbasics.layers.lookup import deserialize, serialize

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "InputLayer",
    "Layer",
    "Reshape",
    "deserialize",
    "serialize",
]
