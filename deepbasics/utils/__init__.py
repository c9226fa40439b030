"""Helpers around a model: one-hot rows, padding, the progress bar, seeds."""

from deepbasics.data import PyDataset, Sequence
from deepbasics.naming import clear_session
from deepbasics.random import set_random_seed
from deepbasics.registered import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from deepbasics.utils.numerical import normalize, to_categorical
from deepbasics.utils.plot_model import model_to_dot, plot_model
from deepbasics.utils.progress import Progbar
from deepbasics.utils.sequences import pad_sequences

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "normalize",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
