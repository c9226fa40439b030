"""The NumPy backend: the reference, with its own automatic differentiation."""

from deepbasics.backends.numpy.backend import NumpyBackend

__all__ = ["NumpyBackend"]
