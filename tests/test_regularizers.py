"""Regularizers: formulas, gradients, names, refusals."""

import numpy as np
import pytest

from deepbasics import ops, regularizers
from deepbasics.variables import Variable

W = np.array([[1.0, -2.0], [0.5, 0.0]])
PENALTIES = [
    (regularizers.L1(0.1), 0.1 * 3.5),
    (regularizers.L2(0.1), 0.1 * 5.25),
    (regularizers.L1L2(0.1, 0.2), 0.1 * 3.5 + 0.2 * 5.25),
    (regularizers.L1L2(), 0.0),
]
LEGACY = {
    "l1l2": regularizers.L1L2, "l1_l2": regularizers.L1L2, "activity_l1": regularizers.L1,
    "activity_l2": regularizers.L2, "activity_l1l2": regularizers.L1L2,
}  # fmt: skip


def name_of(case):
    return type(case).__name__ if isinstance(case, regularizers.Regularizer) else None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("regularizer", "penalty"), PENALTIES, ids=name_of)
def test_a_penalty_is_a_scalar_in_the_dtype_of_the_weights(backend, regularizer, penalty, dtype):
    got = regularizer(Variable(W, dtype=dtype))
    assert (tuple(got.shape), ops.dtype(got)) == ((), dtype)
    assert float(got) == pytest.approx(penalty, rel=1e-6 if dtype == "float32" else 1e-15)


def test_the_gradient_of_the_square_is_twice_the_weights(backend):
    gradient = ops.grad(regularizers.L2(0.5))(ops.convert_to_tensor(W, dtype="float64"))
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), W)


def test_orthogonal_rows_cost_nothing_and_equal_ones_the_factor(backend):
    orthogonal = regularizers.OrthogonalRegularizer(0.3)
    assert float(orthogonal(np.eye(3))) == 0
    assert float(orthogonal(np.ones((3, 2)))) == pytest.approx(0.3)
    assert float(regularizers.OrthogonalRegularizer(0.3, "columns")(np.eye(4, 2))) == 0


def test_orthogonal_needs_a_matrix(backend):
    with pytest.raises(ValueError, match=r"needs a matrix; got shape \(3,\)"):
        regularizers.OrthogonalRegularizer()(np.ones(3))


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "much"])
@pytest.mark.parametrize("name", ["L1", "L2"])
def test_a_strength_must_be_finite_and_not_negative(name, value):
    with pytest.raises(ValueError, match=rf"{name.lower()} must be a finite number >= 0, not"):
        getattr(regularizers, name)(value)


@pytest.mark.parametrize(("regularizer", "_penalty"), PENALTIES, ids=name_of)
def test_a_config_gives_the_same_regularizer(regularizer, _penalty):
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(again) is type(regularizer)
    assert again.get_config() == regularizer.get_config()


@pytest.mark.parametrize(("name", "cls"), LEGACY.items())
def test_old_names_are_known(name, cls):
    assert type(regularizers.get(name)) is cls
    assert getattr(regularizers, name) is cls


def test_the_keyword_of_keras_1_is_known_with_a_warning():
    with pytest.warns(DeprecationWarning, match=r"write l2=0\.5"):
        assert regularizers.l2(l=0.5).l2 == 0.5


def test_get_takes_what_layers_are_given():
    made = regularizers.L2(0.2)
    assert regularizers.get(None) is None
    assert regularizers.get(made) is made
    assert regularizers.get("l2").l2 == 0.01
    with pytest.raises(ValueError, match="Did you mean 'l1_l2'"):
        regularizers.get("l1_l3")
