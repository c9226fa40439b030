"""The parity suite: what a backend must agree on with the reference, and how nearly.

A new backend proves itself with it. Each check takes a row of the table and the backend's name, and
raises AssertionError on a fault:

    @pytest.mark.parametrize("case", deepbasics.testing.cases.PRIMITIVES, ids=str)
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_values(case, dtype):
        deepbasics.testing.checks.check_forward(case, "mine", dtype)

`python -m deepbasics.testing mine` runs all levels and prints the worst difference of each.
"""

from deepbasics.testing import cases, checks, levels, tolerances
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.checks import REFERENCE

__all__ = ["REFERENCE", "Case", "Draw", "cases", "checks", "levels", "tolerances"]
