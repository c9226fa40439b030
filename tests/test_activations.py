"""Activations: their names, kinks, and the note that a sigmoid or softmax leaves."""

import numpy as np
import pytest

from deepbasics import activations, logits, ops

# (name, where, the derivative there): the conventions at bends, one on every backend.
KINKS = [
    ("relu", 0.0, 0.0),
    ("leaky_relu", 0.0, 0.2),
    ("elu", 0.0, 1.0),
    ("celu", 0.0, 1.0),
    ("selu", 0.0, 1.6732632423543772 * 1.0507009873554805),
    ("relu6", 0.0, 0.0),
    ("relu6", 6.0, 0.0),
    ("hard_sigmoid", -3.0, 0.0),
    ("hard_sigmoid", 3.0, 0.0),
    ("hard_tanh", -1.0, 1.0),
    ("hard_tanh", 1.0, 1.0),
    ("softsign", 0.0, 1.0),
]


def _slope(function, x):
    return ops.convert_to_numpy(ops.grad(lambda t: ops.sum(function(t)))(np.array([x])))[0]


@pytest.mark.parametrize(("name", "x", "slope"), KINKS)
def test_the_derivative_at_a_kink_is_fixed(backend, name, x, slope):
    np.testing.assert_allclose(_slope(activations.get(name), x), slope, rtol=1e-14)


def test_relu_with_all_its_parameters_is_flat_at_its_maximum(backend):
    def function(x):
        return activations.relu(x, negative_slope=0.1, max_value=2.0, threshold=0.5)

    x = np.array([-1.5, 0.5, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(ops.convert_to_numpy(function(x)), [-0.2, 0.0, 1.0, 2.0, 2.0])
    assert [round(float(_slope(function, v)), 12) for v in x] == [0.1, 0.1, 1.0, 0.0, 0.0]


def test_relu_refuses_a_negative_maximum(backend):
    with pytest.raises(ValueError, match="max_value must be at least 0; got -1"):
        activations.relu(np.zeros(2), max_value=-1.0)


@pytest.mark.parametrize("name", sorted(activations._LOOKUP.objects))
def test_every_name_survives_serialisation(name):
    function = activations.get(name)
    assert activations.deserialize(activations.serialize(function)) is function


def test_none_is_linear_and_callables_pass():
    def twice(x):
        return 2 * x

    assert activations.get(None) is activations.linear
    assert activations.deserialize(None) is activations.linear
    assert activations.get(twice) is twice
    assert activations.deserialize("twice", {"twice": twice}) is twice


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown activation 'sofmax'. Did you mean 'softmax'\?"):
        activations.get("sofmax")
    with pytest.raises(TypeError, match=r"An? activation must be a name"):
        activations.get(3)


@pytest.mark.parametrize("name", ["sigmoid", "softmax"])
def test_a_note_of_the_logits_is_left_inside_a_scope_only(backend, name):
    z = ops.convert_to_tensor(np.array([[1.0, 2.0]]))
    function = activations.get(name)
    with logits.scope():
        y = function(z)
        assert logits.recall(y, name) is z
    assert logits.recall(y, name) is None
    assert logits.recall(function(z), name) is None


def test_a_softmax_over_another_axis_leaves_no_note(backend):
    z = ops.convert_to_tensor(np.zeros((2, 3)))
    with logits.scope():
        assert logits.recall(activations.softmax(z, axis=0), "softmax") is None
