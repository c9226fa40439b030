"""Keras is compared on its torch backend, which must be chosen before it is imported."""

import os

os.environ["KERAS_BACKEND"] = "torch"
