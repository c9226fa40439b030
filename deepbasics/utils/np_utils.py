"""The name under which Keras 1 and 2 kept `to_categorical` and `normalize`."""

from deepbasics.utils.numerical import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]
