"""Models: `Sequential`, and `Model` to subclass."""

from deepbasics.models.cloning import clone_model
from deepbasics.models.model import Functional, Model
from deepbasics.models.sequential import Sequential
from deepbasics.saving import load_model, model_from_json, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
