"""Level op: every primitive agrees with the reference, in value and in gradients."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from deepbasics.backends import registry
from deepbasics.testing import cases, checks

DTYPES = ["float64", "float32"]
ROWS = pytest.mark.parametrize("case", cases.PRIMITIVES, ids=str)
EDGES = pytest.mark.parametrize("case", cases.with_edges(), ids=str)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def lengths(draw, case):
    """Lengths of the case's axes, and shapes for the arguments that broadcast."""
    sizes = {
        letter: draw(st.integers(0 if case.may_be_empty(letter) else 1, 5), label=letter)
        for letter in case.letters
    }
    shapes = ((),)
    if case.broadcasts:
        strategy = mutually_broadcastable_shapes(
            num_shapes=case.broadcasts, min_dims=0, max_dims=3, min_side=0, max_side=4
        )
        shapes = draw(strategy, label="shapes").input_shapes
    return case.sizes(sizes, shapes)


def test_every_primitive_has_a_row():
    rules = registry.get("numpy").rules
    assert {case.op for case in cases.PRIMITIVES} == set(rules)


@pytest.mark.parametrize("rows", [cases.PRIMITIVES, cases.DERIVED], ids=["primitives", "ops"])
def test_every_row_has_its_own_name(rows):
    names = [str(case) for case in rows]
    assert len(names) == len(set(names))


def test_a_backend_has_a_rule_for_every_primitive_and_nothing_else(other):
    assert set(registry.get(other).rules) == set(registry.get("numpy").rules)


@ROWS
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_agree(case, dtype, other):
    @settings(max_examples=12)
    @given(lengths(case), SEEDS)
    def agree(sizes, seed):
        checks.check_forward(case, other, dtype, seed, sizes)

    agree()


@ROWS
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_agree(case, dtype, other):
    @settings(max_examples=8)
    @given(lengths(case), SEEDS)
    def agree(sizes, seed):
        checks.check_vjp(case, other, dtype, seed, sizes)

    agree()


@ROWS
def test_second_gradients_agree(case, other):
    @settings(max_examples=4)
    @given(lengths(case), SEEDS)
    def agree(sizes, seed):
        checks.check_second_order(case, other, seed, sizes)

    agree()


@ROWS
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_slope_of_the_function(case, seed):
    checks.check_derivative(case, "numpy", seed)


@EDGES
@pytest.mark.parametrize("dtype", DTYPES)
def test_edge_values_agree(case, dtype, other):
    checks.check_edges(case, other, dtype)


@EDGES
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_gradients_at_edge_values_agree(case, dtype, other):
    checks.check_edge_gradients(case, other, dtype)
