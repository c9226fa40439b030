"""Exclusive or: the smallest problem that a single layer cannot solve (Minsky and Papert, 1969)."""

import numpy as np


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """The four cases, `(x, y)`: float64, (4, 2) and (4, 1).

    >>> x, y = load_data()
    >>> y.ravel()
    array([0., 1., 1., 0.])
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float64)
    return x, (x[:, :1] != x[:, 1:]).astype(np.float64)
