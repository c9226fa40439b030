"""Helpers around a model: one-hot rows, padding, the progress bar, seeds."""

from deepbasics.data import PyDataset, Sequence
from deepbasics.naming import clear_session
from deepbasics.random import set_random_seed
from deepbasics.utils.numerical import normalize, to_categorical
from deepbasics.utils.progress import Progbar
from deepbasics.utils.sequences import pad_sequences

__all__ = [
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "normalize",
    "pad_sequences",
    "set_random_seed",
    "to_categorical",
]
