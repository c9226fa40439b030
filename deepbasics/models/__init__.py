"""Models: `Sequential`, and `Model` to subclass."""

from deepbasics.models.model import Model
from deepbasics.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
