"""The derivative chosen where there are two or none, and values at the ends, on each backend."""

import math

import numpy as np
import pytest

from deepbasics import grad, ops
from deepbasics.ops.call import call

pytestmark = pytest.mark.usefixtures("backend")
INF = float("inf")


def slope(function, at):
    return float(grad(function)(np.float64(at)))


@pytest.mark.parametrize(
    ("function", "at", "want"),
    [
        (ops.relu, 0.0, 0.0),
        (ops.relu, -0.0, 0.0),
        (ops.relu6, 0.0, 0.0),
        (ops.relu6, 6.0, 0.0),
        (ops.leaky_relu, 0.0, 0.2),
        (ops.elu, 0.0, 1.0),
        (ops.selu, 0.0, 1.6732632423543772 * 1.0507009873554805),
        (ops.celu, 0.0, 1.0),
        (ops.softsign, 0.0, 1.0),
        (ops.hard_sigmoid, -3.0, 0.0),
        (ops.hard_tanh, 1.0, 1.0),
        (ops.abs, 0.0, 0.0),
        (ops.sign, 0.0, 0.0),
        (ops.floor, 1.0, 0.0),
        (ops.sqrt, 0.0, INF),
        (ops.log, 0.0, INF),
        (lambda x: ops.maximum(x, 0.0), 0.0, 0.5),
        (lambda x: ops.minimum(x, 0.0), 0.0, 0.5),
        (lambda x: ops.clip(x, -1.0, 1.0), 1.0, 1.0),
        (lambda x: ops.clip(x, -1.0, 1.0), -1.0, 1.0),
        (lambda x: ops.clip(x, -1.0, 1.0), 1.5, 0.0),
        (lambda x: ops.power(x, 2), 0.0, 0.0),
        (lambda x: ops.power(x, 1), 0.0, 1.0),
        (lambda x: ops.power(x, 0), 0.0, 0.0),
        (lambda x: ops.power(x, 3), -2.0, 12.0),
        (lambda x: ops.power(x, ops.convert_to_tensor(np.float64(0.0))), 0.0, 0.0),
        (lambda x: ops.power(np.float64(0.0), x), 2.0, 0.0),
        (lambda x: ops.power(np.float64(2.0), x), 0.0, math.log(2)),
        (lambda x: ops.arctan2(x, np.float64(0.0)), 0.0, 0.0),
        (lambda x: ops.mod(x, 1.0), 0.5, 1.0),
        (lambda x: ops.divide_no_nan(x, 0.0), 2.0, 0.0),
        (lambda x: ops.nan_to_num(x), math.nan, 0.0),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_derivative_at_a_kink(function, at, want):
    assert slope(function, at) == pytest.approx(want, rel=1e-15)


def test_the_branch_not_taken_gives_no_nan():
    f = lambda x: ops.where(x > 0, ops.log(ops.where(x > 0, x, 1.0)), 0.0)  # noqa: E731
    assert slope(f, 0.0) == 0.0
    assert slope(f, 2.0) == 0.5


@pytest.mark.parametrize("op", [ops.max, ops.min])
def test_ties_share_the_gradient(op):
    x = np.array([[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]])
    y = x if op is ops.max else -x
    want = [[1 / 2, 0, 1 / 2], [1 / 3, 1 / 3, 1 / 3]]
    found = grad(lambda x: ops.sum(op(x, axis=1)))(y)
    np.testing.assert_allclose(ops.convert_to_numpy(found), want, rtol=1e-15)


@pytest.mark.parametrize("zeros", [[], [1], [1, 3]])
def test_the_gradient_of_a_product_with_zeros(zeros):
    x = np.array([2.0, 3.0, -1.0, 0.5, 4.0])
    x[zeros] = 0.0
    want = [np.prod(np.delete(x, i)) for i in range(5)]
    np.testing.assert_allclose(ops.convert_to_numpy(grad(ops.prod)(x)), want, rtol=1e-15)


def test_an_index_taken_twice_gets_both_gradients():
    f = lambda x: ops.sum(ops.take(x, [1, 1, -1]) * np.float64(2.0))  # noqa: E731
    np.testing.assert_array_equal(ops.convert_to_numpy(grad(f)(np.zeros(3))), [0.0, 4.0, 2.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sigmoid_keeps_its_tails_and_overflows_nowhere(dtype):
    x = np.array([-80.0, -30.0, 0.0, 30.0, 1e4, -1e4], dtype)
    y = ops.convert_to_numpy(ops.sigmoid(x)).astype("float64")
    want = [math.exp(-80), math.exp(-30) / (1 + math.exp(-30)), 0.5, 1 / (1 + math.exp(-30)), 1, 0]
    np.testing.assert_allclose(y, want, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softplus_and_logaddexp_keep_their_tails(dtype):
    x = np.array([-80.0, -30.0, 0.0, 30.0, 1e4], dtype)
    want = [math.exp(-80), math.log1p(math.exp(-30)), math.log(2), 30 + math.exp(-30), 1e4]
    for y in (ops.softplus(x), ops.logaddexp(x, 0.0), ops.logaddexp(0.0, x)):
        y = ops.convert_to_numpy(y).astype("float64")
        np.testing.assert_allclose(y, want, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-40.0, -20.0, -1.0, 0.0, 1.0, 20.0, 40.0])
def test_a_crossentropy_of_a_sure_logit_keeps_its_digits(logit, label):
    y = call("sigmoid_crossentropy", *map(ops.convert_to_tensor, np.array([[logit], [label]])))
    sure = logit if label == 0 else -logit
    want = math.log1p(math.exp(sure)) if sure < 0 else sure + math.log1p(math.exp(-sure))
    np.testing.assert_allclose(ops.convert_to_numpy(y), [want], rtol=1e-14)


def test_erf_is_exact_to_two_units_in_the_last_place():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-7, 7, 2000), 10.0 ** rng.uniform(-300, 1, 2000), [INF, -INF]])
    want = np.array([math.erf(v) for v in x])
    found = ops.convert_to_numpy(ops.erf(x))
    assert np.max(np.abs(found - want) / np.spacing(np.abs(want))) <= 2


def test_the_logsumexp_of_infinities():
    x = np.array([[-INF, -INF], [1.0, -INF], [INF, 0.0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        y = ops.convert_to_numpy(ops.logsumexp(x, axis=1))
    np.testing.assert_array_equal(y, [-INF, 1.0, INF])
