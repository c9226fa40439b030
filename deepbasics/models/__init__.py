"""Models: `Sequential`, and `Model` to subclass."""

from deepbasics.models.model import Model
from deepbasics.models.sequential import Sequential
from deepbasics.saving import clone_model, load_model, model_from_json, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
