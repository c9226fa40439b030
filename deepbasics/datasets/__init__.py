"""Data sets of the tutorials, each with a `load_data()` in Keras' manner.

A file is looked for in the folder `DEEPBASICS_DATA` (there, or in a subfolder with the data set's
name), then in the cache (`DEEPBASICS_CACHE`, or the platform's place for caches), and is
downloaded from public origins when it is in neither. `xor` and `body_measures` are made, not
loaded; `digits` comes with scikit-learn.
"""

from deepbasics import absent
from deepbasics.datasets import body_measures, churn, digits, mnist, pima, xor

__all__ = ["body_measures", "churn", "digits", "mnist", "pima", "xor"]

__getattr__ = absent.attributes(__name__)
