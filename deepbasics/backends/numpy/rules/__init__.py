"""The op table of the NumPy backend: each primitive's value and vjps side by side, by family."""

from deepbasics.backends.numpy.rules import elementwise, nn, random, reduction, shape

__all__ = ["elementwise", "nn", "random", "reduction", "shape"]
