"""Level op: every public op agrees with the reference, in value and in gradients."""

from inspect import unwrap

import pytest

from deepbasics import ops
from deepbasics.testing import cases, checks

ROWS = pytest.mark.parametrize("case", cases.DERIVED, ids=str)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
SEEDS = range(5)


def test_every_public_op_has_a_row():
    rows = {case.op for case in cases.DERIVED}
    public = {*ops.__all__, *(f"image.{name}" for name in ops.image.__all__)}
    assert rows | cases.OF_NO_TENSOR | set(cases.SYNONYMS) == public


@pytest.mark.parametrize(("name", "same"), cases.SYNONYMS.items())
def test_a_synonym_is_the_same_function(name, same):
    assert unwrap(getattr(ops, name)) is unwrap(getattr(ops, same))


@ROWS
@DTYPES
def test_values_agree(case, dtype, other):
    for seed in SEEDS:
        checks.check_forward(case, other, dtype, seed)


@ROWS
@DTYPES
def test_gradients_agree(case, dtype, other):
    for seed in SEEDS:
        checks.check_vjp(case, other, dtype, seed)


@ROWS
def test_second_gradients_agree(case, other):
    checks.check_second_order(case, other)


@ROWS
def test_the_gradient_is_the_slope_of_the_function(case):
    for seed in SEEDS:
        checks.check_derivative(case, "numpy", seed)
