"""Which of 10,000 customers left their bank: a teaching table (SuperDataScience, Kaggle)."""

import csv
import io
from typing import Any

import numpy as np

from deepbasics.datasets._source import Source, check_digest
from deepbasics.errors import MissingExtra

_TYPES = {
    "RowNumber": np.int64,
    "CustomerId": np.int64,
    "Surname": np.str_,
    "CreditScore": np.int64,
    "Geography": np.str_,
    "Gender": np.str_,
    "Age": np.int64,
    "Tenure": np.int64,
    "Balance": np.float64,
    "NumOfProducts": np.int64,
    "HasCrCard": np.int64,
    "IsActiveMember": np.int64,
    "EstimatedSalary": np.float64,
    "Exited": np.int64,
}
_COUNTS = "10000 rows, 2037 exited, first customer [15634602], last [15628319]"
_SHA256 = "11e10cbb5f56fd5431a5797b059f291750c85fc55940937a8ccb6e664783b551"


def _columns(raw: bytes) -> dict[str, np.ndarray]:
    """The columns, checked by value: public copies differ in line ends and some surnames."""
    rows = [row for row in csv.reader(io.StringIO(raw.decode("utf-8-sig", "replace"))) if row]
    if not rows or rows[0] != list(_TYPES):
        raise ValueError(f"its first line is not {','.join(_TYPES)}")
    if bad := [row for row in rows if len(row) != len(_TYPES)]:
        raise ValueError(f"a line has {len(bad[0])} fields, expected {len(_TYPES)}: {bad[0]}")
    columns = {name: np.array(cells, _TYPES[name]) for name, *cells in zip(*rows, strict=True)}
    _check(columns)
    return columns


def _check(columns: dict[str, np.ndarray]) -> None:
    customers = columns["CustomerId"]
    found = (
        f"{len(customers)} rows, {columns['Exited'].sum()} exited,"
        f" first customer {customers[:1].tolist()}, last {customers[-1:].tolist()}"
    )
    if found != _COUNTS:
        raise ValueError(f"it holds {found}; expected {_COUNTS}")
    values = [str(v) for name, c in columns.items() if name != "Surname" for v in c.tolist()]
    check_digest("its values", "\n".join(values).encode(), "sha256", _SHA256)


SOURCE = Source(
    "churn",
    (
        "https://raw.githubusercontent.com/Kritika37/ANN/9f6fd4fab7f3b1670cef82a74106b5353b18e8b4/",
        "https://raw.githubusercontent.com/Amit-bott/deep-learning-churn-model/"
        "6f1fcc6196587998c9c745810fd82a4de60d768f/",
        "https://raw.githubusercontent.com/Rusali28/Fraudulent-Customer-Detection-in-Banks/"
        "caa18224418b143f89ac86023fa2893c9d025cf1/",
        "https://raw.githubusercontent.com/ZakirDmrl/musteri_kaybi_tahmini/"
        "774605606312ecd2f3b1510594e59be15ed79981/",
    ),
    {"Churn_Modelling.csv": _columns},
)


def load_data(as_frame: bool = True) -> Any:
    """The table as it is: preprocessing is the recipe's part.

    A pandas `DataFrame` of 10,000 rows and 14 columns, from `RowNumber` to the target `Exited` (1
    for 2,037 of them). With `as_frame=False`, which does not need pandas, a dict from column name
    to an array of 10,000: int64, float64 (`Balance`, `EstimatedSalary`) or text (`Surname`,
    `Geography`, `Gender`). Raises `ValueError` when the file is not the right one,
    `FileNotFoundError` when it is nowhere to be had.
    """
    if not as_frame:
        return SOURCE.load()[0]
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise MissingExtra(
            "pandas", "recipes", "churn.load_data() (without as_frame=False)"
        ) from error
    return DataFrame(SOURCE.load()[0])
