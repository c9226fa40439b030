"""Made-up people: two groups that lie one standard deviation apart in weight, height and age."""

import numpy as np

from deepbasics import host_draws as host

FEATURES = ("weight", "height", "age")
_SHIFT = (1.0, 1.0, -1.0)  # of the first half, in the order of FEATURES
_STREAM = 0x626F6479  # "body": a stream of its own, so that no model's weights repeat the data


def load_data(n: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`n` people and their group, `(x, y)`; the same `seed` gives the same bits on every machine
    and backend.

    `x`: float64, (n, 3), standard normal, its columns named in `FEATURES`; in the first n // 2
    rows weight and height are one more and age is one less. `y`: int64, (n,), 0 for those rows
    and 1 for the others. No rule tells the groups apart better than Phi(sqrt(3) / 2), about 0.807
    of the time.

    >>> x, y = load_data(n=4)
    >>> x.shape, y
    ((4, 3), array([0, 0, 1, 1]))
    """
    if n < 2:
        raise ValueError(f"body_measures.load_data got n={n}; two groups need n >= 2.")
    half = n // 2
    x = host.normal((seed % 2**64, _STREAM), 0, (n, len(FEATURES)), dtype="float64")
    x[:half] += _SHIFT
    return x, (np.arange(n) >= half).astype(np.int64)
