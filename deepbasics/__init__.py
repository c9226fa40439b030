"""deepbasics: Keras' comfort on swappable backends that agree."""

from deepbasics.backends.registry import set_backend, use_backend
from deepbasics.ops.core import grad, value_and_grad
from deepbasics.variables import Variable

__version__ = "0.1.0"

__all__ = ["Variable", "grad", "set_backend", "use_backend", "value_and_grad"]
