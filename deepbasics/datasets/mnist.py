"""MNIST: 70,000 handwritten digits in 28 x 28 grey pixels.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits" (1998).
"""

import gzip
import zlib
from functools import partial

import numpy as np

from deepbasics.datasets._source import Source, check_digest


def _idx(raw: bytes, md5: str) -> np.ndarray:
    """The array in a gzipped IDX file: 0, 0, a type (8: uint8), the rank, the sizes, the data."""
    try:
        content = gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"its {len(raw)} bytes do not unpack as gzip ({error})") from error
    check_digest(f"its uncompressed content ({len(content)} bytes)", content, "md5", md5)
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


SOURCE = Source(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    {  # the digests are of the uncompressed content: mirrors may pack it in their own ways
        "train-images-idx3-ubyte.gz": partial(_idx, md5="6bbc9ace898e44ae57da46a324031adb"),
        "train-labels-idx1-ubyte.gz": partial(_idx, md5="a25bea736e30d166cdddb491f175f624"),
        "t10k-images-idx3-ubyte.gz": partial(_idx, md5="2646ac647ad5339dbf082846283269ea"),
        "t10k-labels-idx1-ubyte.gz": partial(_idx, md5="27ae3e4e09519cfbb04c329615203637"),
    },
)

Arrays = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Arrays, Arrays]:
    """The images and their digits, `(x_train, y_train), (x_test, y_test)`.

    `x`: uint8, (60000, 28, 28) and (10000, 28, 28), 0 (paper) to 255 (ink); `y`: uint8, (60000,)
    and (10000,), 0 to 9. Raises `ValueError` when a file is not the right one,
    `FileNotFoundError` when it is nowhere to be had.
    """
    x_train, y_train, x_test, y_test = SOURCE.load()
    return (x_train, y_train), (x_test, y_test)
