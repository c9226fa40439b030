"""Diabetes among 768 women of Pima heritage: eight measurements, and the outcome.

Smith et al., "Using the ADAP learning algorithm to forecast the onset of diabetes mellitus" (1988).
"""

import numpy as np

from deepbasics.datasets._source import Source, check_digest

FEATURES = (
    "pregnancies",
    "glucose",
    "blood_pressure",
    "skin_thickness",
    "insulin",
    "bmi",
    "pedigree",
    "age",
)
_SHA256 = "6bfe5d0f379d17a0e0819b996407e3c09bf80febd4287f2ed212190dfff154af"


def _table(raw: bytes) -> np.ndarray:
    lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n")  # git and editors change line ends
    check_digest(f"its content ({len(raw)} bytes)", lines, "sha256", _SHA256)
    return np.loadtxt(lines.decode().splitlines(), delimiter=",")


SOURCE = Source(
    "pima",
    (
        "https://raw.githubusercontent.com/jbrownlee/Datasets/master/",
        "https://web.archive.org/web/2024id_/"
        "https://raw.githubusercontent.com/jbrownlee/Datasets/master/",
    ),
    {"pima-indians-diabetes.csv": _table},
)


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """The measurements and the outcome, `(x, y)`; the data set has no test part.

    `x`: float64, (768, 8), raw, its columns named in `FEATURES`; a 0 in glucose to bmi means "not
    measured". `y`: int64, (768,), 1 for diabetes (268 of them). Raises `ValueError` when the file
    is not the right one, `FileNotFoundError` when it is nowhere to be had.
    """
    (table,) = SOURCE.load()
    return table[:, :8].copy(), table[:, 8].astype(np.int64)
