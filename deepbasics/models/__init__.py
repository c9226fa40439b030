"""Models: `Sequential`, and `Model` to subclass."""

from deepbasics import absent
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

__getattr__ = absent.attributes(__name__)
