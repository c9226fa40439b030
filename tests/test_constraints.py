"""Constraints: what the weights are afterwards, names, configs."""

import numpy as np
import pytest

from deepbasics import constraints, ops
from deepbasics.variables import Variable

W = np.array([[3.0, 0.3, 0.0], [-4.0, 0.4, 0.0]])  # columns of norm 5, 0.5 and 0
FUZZ = 1e-6  # epsilon in the divisor, 1e-7 / 0.5, and a little rounding
NORMS = [
    (constraints.MaxNorm(1.0), [1.0, 0.5, 0.0]),
    (constraints.UnitNorm(), [1.0, 1.0, 0.0]),
    (constraints.MinMaxNorm(0.8, 2.0), [2.0, 0.8, 0.0]),
    (constraints.MinMaxNorm(0.8, 2.0, rate=0.5), [3.5, 0.65, 0.0]),
]
NAMES = {
    "MaxNorm": ("max_norm", "maxnorm"), "UnitNorm": ("unit_norm", "unitnorm"),
    "NonNeg": ("non_neg", "nonneg"), "MinMaxNorm": ("min_max_norm",),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("constraint", "norms"), NORMS)
def test_columns_have_the_norms_asked_for(backend, constraint, norms, dtype):
    w = ops.convert_to_numpy(constraint(Variable(W, dtype=dtype)))
    assert (w.dtype.name, w.shape) == (dtype, W.shape)
    np.testing.assert_allclose(np.linalg.norm(w, axis=0), norms, atol=FUZZ)
    np.testing.assert_array_equal(np.sign(w), np.sign(W))


def test_an_axis_may_be_several(backend):
    w = ops.convert_to_numpy(constraints.UnitNorm(axis=[0, 1])(W))
    assert np.linalg.norm(w) == pytest.approx(1.0, abs=FUZZ)


def test_negative_weights_become_zero_and_others_stay(backend):
    np.testing.assert_array_equal(ops.convert_to_numpy(constraints.NonNeg()(W)), np.maximum(W, 0))


@pytest.mark.parametrize("name", NAMES)
def test_a_constraint_is_found_by_each_of_its_names(name):
    cls = getattr(constraints, name)
    for alias in (name, *NAMES[name]):
        assert type(constraints.get(alias)) is cls
        assert getattr(constraints, alias) is cls


@pytest.mark.parametrize("constraint", [c for c, _ in NORMS])
def test_a_config_gives_the_same_constraint(constraint):
    again = constraints.deserialize(constraints.serialize(constraint))
    assert type(again) is type(constraint)
    assert again.get_config() == constraint.get_config()


def test_the_keyword_of_keras_1_is_known_with_a_warning():
    with pytest.warns(DeprecationWarning, match="write max_value=3"):
        assert constraints.maxnorm(m=3).max_value == 3


def test_get_takes_what_layers_are_given():
    assert constraints.get(None) is None
    with pytest.raises(ValueError, match="Did you mean 'max_norm'"):
        constraints.get("max_nrm")
