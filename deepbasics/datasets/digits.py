"""1,797 handwritten digits of 8 x 8 pixels, bundled with scikit-learn: real, without a network.

Alpaydin and Kaynak, "Optical recognition of handwritten digits" (UCI, 1998).
"""

import numpy as np

from deepbasics.errors import MissingExtra

_TRAIN = 1437  # 80 of 100, in the bundled order: the writers of the last 360 are others

Arrays = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Arrays, Arrays]:
    """The images and their digits, `(x_train, y_train), (x_test, y_test)`.

    `x`: uint8, (1437, 8, 8) and (360, 8, 8), 0 (paper) to 16 (ink); `y`: uint8, (1437,) and
    (360,), 0 to 9.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra("scikit-learn", "recipes", "The data set 'digits'") from error
    bundled = load_digits()
    x, y = bundled.images.astype(np.uint8), bundled.target.astype(np.uint8)
    return (x[:_TRAIN], y[:_TRAIN]), (x[_TRAIN:], y[_TRAIN:])
