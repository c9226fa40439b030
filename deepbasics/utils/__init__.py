"""Helpers around a model: one-hot rows, padding, the progress bar, seeds."""

from deepbasics import absent
from deepbasics.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from deepbasics.data import PyDataset, Sequence
from deepbasics.dtypes import standardize_dtype
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
from deepbasics.symbolic import is_keras_tensor
from deepbasics.utils.batches import (
    pack_x_y_sample_weight,
    split_dataset,
    timeseries_dataset_from_array,
    unpack_x_y_sample_weight,
)
from deepbasics.utils.directories import image_dataset_from_directory, text_dataset_from_directory
from deepbasics.utils.files import get_file
from deepbasics.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize
from deepbasics.utils.numerical import normalize, to_categorical
from deepbasics.utils.plot_model import model_to_dot, plot_model
from deepbasics.utils.progress import Progbar
from deepbasics.utils.sequences import pad_sequences

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "smart_resize",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

__getattr__ = absent.attributes(
    __name__, dict.fromkeys(("deserialize_keras_object", "serialize_keras_object"), "saving")
)
