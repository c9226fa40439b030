"""Layers, by family."""

from typing import Any

from deepbasics.errors import nearest
from deepbasics.layers.base import Layer
from deepbasics.layers.core import Activation, Dense, Dropout, Flatten, Identity, Reshape
from deepbasics.layers.inputs import Input, InputLayer
from deepbasics.layers.lookup import deserialize, serialize
from deepbasics.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from deepbasics.layers.recurrent import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from deepbasics.legacy import LAYER_NAMES

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Average",
    "Concatenate",
    "Dense",
    "Dot",
    "Dropout",
    "Flatten",
    "GRUCell",
    "Identity",
    "Input",
    "InputLayer",
    "LSTMCell",
    "Layer",
    "Maximum",
    "Minimum",
    "Multiply",
    "Reshape",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]


def __getattr__(name: str) -> Any:
    modern = LAYER_NAMES.get(name)
    if modern in __all__:
        return globals()[modern]
    raise AttributeError(f"deepbasics.layers has no {name!r}.{nearest(name, __all__)}")
