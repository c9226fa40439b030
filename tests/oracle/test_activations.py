"""Activations against Keras: values and gradients, kinks included."""

import numpy as np
import pytest

from deepbasics import activations, ops

torch = pytest.importorskip("torch", reason="Keras is compared on its torch backend")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

# Rounding of a few operations, relative to values of about 1 (glu and softmax sum a row).
TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-6}, "float64": {"rtol": 1e-11, "atol": 1e-13}}

CASES = [
    ("linear", {}),
    ("relu", {}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"threshold": 0.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("softmax", {}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {}),
    ("elu", {}),
    ("elu", {"alpha": 0.3}),
    ("selu", {}),
    ("softplus", {}),
    ("softsign", {}),
    ("exponential", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("hard_sigmoid", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("silu", {}),
    ("swish", {}),
    ("relu6", {}),
    ("mish", {}),
    ("log_sigmoid", {}),
    ("hard_silu", {}),
    ("hard_swish", {}),
    ("hard_tanh", {}),
    ("celu", {}),
    ("celu", {"alpha": 0.5}),
    ("glu", {}),
    ("hard_shrink", {}),
    ("hard_shrink", {"threshold": 1.0}),
    ("soft_shrink", {}),
    ("tanh_shrink", {}),
    ("squareplus", {}),
    ("squareplus", {"b": 0.5}),
    ("sparse_plus", {}),
    ("sparse_sigmoid", {}),
    ("sparsemax", {}),
    ("threshold", {"threshold": 0.5, "default_value": -1.0}),
]

# Where the functions bend, and what is done there: relu6 is flat at both of its bends.
KINKS = [
    ("relu", {}, [0.0]),
    ("relu", {"negative_slope": 0.1}, [0.0]),
    ("relu", {"max_value": 6.0}, [0.0, 6.0]),
    ("leaky_relu", {}, [0.0]),
    ("elu", {"alpha": 0.3}, [0.0]),
    ("selu", {}, [0.0]),
    ("celu", {}, [0.0]),
    ("relu6", {}, [0.0, 6.0]),
    ("hard_sigmoid", {}, [-3.0, 3.0]),
    ("softsign", {}, [0.0]),
]


def _ours(name, arguments, x, weight):
    function = activations.get(name)
    value, gradient = ops.value_and_grad(
        lambda t: _with_value(function(t, **arguments), weight), has_aux=True
    )(x)
    return ops.convert_to_numpy(value[1]), ops.convert_to_numpy(gradient)


def _with_value(y, weight):
    return ops.sum(ops.multiply(y, weight)), y


def _keras(name, arguments, x, weight):
    x = torch.tensor(x, requires_grad=True)
    # Keras and PyTorch have its 1/6 in float32.
    exact = {"hard_sigmoid": lambda x: torch.nn.functional.relu6(x + 3) / 6}
    y = exact.get(name, keras.activations.get(name))(x, **arguments)
    (y * torch.tensor(weight)).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_value_and_gradient_are_those_of_keras(backend, name, arguments, dtype):
    rng = np.random.default_rng(3)
    x = (3 * rng.normal(size=(5, 6))).astype(dtype)
    weight = rng.normal(size=(5, 3 if name == "glu" else 6)).astype(dtype)
    value, gradient = _ours(name, arguments, x, weight)
    expected, expected_gradient = _keras(name, arguments, x, weight)
    assert value.dtype == dtype
    np.testing.assert_allclose(value, expected, **TOLERANCE[dtype])
    np.testing.assert_allclose(gradient, expected_gradient, **TOLERANCE[dtype])


@pytest.mark.parametrize(("name", "arguments", "kinks"), KINKS)
def test_the_gradient_at_a_kink_is_that_of_keras(backend, name, arguments, kinks):
    x = np.array(kinks)
    value, gradient = _ours(name, arguments, x, np.ones_like(x))
    expected, expected_gradient = _keras(name, arguments, x, np.ones_like(x))
    np.testing.assert_allclose(value, expected, **TOLERANCE["float64"])
    np.testing.assert_allclose(gradient, expected_gradient, **TOLERANCE["float64"])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "log_sigmoid", "silu", "softsign"])
def test_far_from_zero_the_value_is_that_of_keras(backend, name):
    x = np.array([-1000.0, -100.0, -40.0, 40.0, 100.0, 1000.0])
    value, gradient = _ours(name, {}, x, np.ones_like(x))
    expected, expected_gradient = _keras(name, {}, x, np.ones_like(x))
    np.testing.assert_allclose(value, expected, **TOLERANCE["float64"])
    np.testing.assert_allclose(gradient, expected_gradient, **TOLERANCE["float64"])
