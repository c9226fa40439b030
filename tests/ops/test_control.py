"""Control flow: values, gradients, refusals, and what can be recorded."""

import numpy as np
import pytest

from deepbasics import Variable, ops
from deepbasics.backends import registry

X = np.array([0.5, -1.0, 2.0])


def _array(x):
    return ops.convert_to_numpy(x)


def test_scan_carries_on_and_stacks(backend):
    carry, sums = ops.scan(lambda c, x: (c + x, c + x), 0.0, X)
    assert float(carry) == 1.5
    np.testing.assert_allclose(_array(sums), [0.5, -0.5, 1.5])
    carry, sums = ops.scan(lambda c, x: (c + x, c + x), 0.0, X, reverse=True)
    np.testing.assert_allclose(_array(sums), [1.5, 1.0, 2.0])
    carry, nothing = ops.scan(lambda c, _: (c * 2, None), 1.0, length=5)
    assert float(carry) == 32
    assert nothing is None


def test_scan_of_unequal_lengths_is_refused(backend):
    with pytest.raises(ValueError, match="same length along the axis"):
        ops.scan(lambda c, x: (c, x), 0.0, (X, X[:2]))
    with pytest.raises(ValueError, match="length is 2, but the xs have 3"):
        ops.scan(lambda c, x: (c, x), 0.0, X, length=2)
    with pytest.raises(ValueError, match="needs `xs` or `length`"):
        ops.scan(lambda c, x: (c, x), 0.0)


@pytest.mark.parametrize("n", range(10))
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_is_a_running_result(backend, n, reverse):
    rows = np.random.default_rng(n).normal(size=(2, n, 3, 3))
    order = slice(None, None, -1) if reverse else slice(None)
    want, last = [], np.eye(3)
    for matrix in rows.swapaxes(0, 1)[order]:
        last = last @ matrix
        want.append(last)
    found = ops.associative_scan(ops.matmul, rows, reverse=reverse, axis=1)
    if n:
        np.testing.assert_allclose(_array(found), np.stack(want[order], 1), atol=1e-12)


def test_the_branch_not_taken_is_not_run(backend):
    assert float(ops.cond(ops.sum(X) > 0, lambda: 1.0, lambda: 1 / 0)) == 1
    assert float(ops.cond(False, lambda: 1 / 0, lambda: 2.0)) == 2
    assert float(ops.switch(np.int32(7), [lambda x: x, lambda x: -x], 3.0)) == -3


def test_a_condition_of_several_values_is_refused(backend):
    with pytest.raises(ValueError, match=r"needs a single value; got shape \(3,\)"):
        ops.cond(ops.array(X) > 0, lambda: 1, lambda: 2)


def test_while_loop_keeps_the_form_of_its_variables(backend):
    i, y = ops.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * 2), (0, X))
    assert int(i) == 4
    np.testing.assert_allclose(_array(y), X * 16)
    assert int(ops.while_loop(lambda i: i < 9, lambda i: i + 1, 0, maximum_iterations=3)) == 3
    assert type(ops.while_loop(lambda i: i < 2, lambda i: [i + 1], [0])) is list


def test_gradients_flow_through_loops(backend):
    def doubled(x):
        return ops.while_loop(lambda y: ops.sum(y) < 100, lambda y: y * 2, x)

    np.testing.assert_allclose(_array(ops.grad(lambda x: ops.sum(doubled(x)))(X)), [128] * 3)
    cube = ops.grad(lambda x: ops.fori_loop(0, 3, lambda i, y: y * x, 1.0))
    assert float(cube(2.0)) == 12
    total = ops.grad(lambda x: ops.scan(lambda c, t: (c * x + t, None), 0.0, X)[0])
    assert float(total(2.0)) == pytest.approx(2 * 2 * 0.5 - 1)


def _obstacle(fn):
    """Why a step of the NumPy backend cannot be replayed, or None."""
    from deepbasics.backends.numpy import trace

    with registry.use_backend("numpy"), trace.tracing(recording=True) as (current, _):
        fn(current.leaf(X.copy(), "input"))
        return current.obstacle


def test_a_recorded_step_replays_loops_of_known_length():
    assert _obstacle(lambda x: ops.scan(lambda c, t: (c + t, c), 0.0, x)) is None
    assert _obstacle(lambda x: ops.fori_loop(0, 3, lambda i, y: y * 2, x)) is None
    assert _obstacle(lambda x: ops.associative_scan(ops.add, x)) is None
    assert _obstacle(lambda x: ops.cond(True, lambda: x, lambda: -x)) is None
    assert _obstacle(lambda x: ops.slice(x, [ops.argmax(x) * 0], (2,))) is None


@pytest.mark.parametrize(
    ("fn", "what"),
    [
        (lambda x: ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x), "ops.cond"),
        (lambda x: ops.while_loop(lambda y: ops.sum(y) < 9, lambda y: y * 2, x), "ops.while_loop"),
        (lambda x: ops.switch(ops.argmax(x), [ops.sin, ops.cos], x), "ops.switch"),
        (lambda x: ops.fori_loop(0, ops.argmax(x), lambda i, y: y, x), "ops.fori_loop"),
        (lambda x: ops.nonzero(x), "numpy"),
        (lambda x: ops.unique(x), "numpy"),
    ],
)
def test_a_step_that_looks_at_a_value_says_why_it_cannot_be_replayed(fn, what):
    assert what in _obstacle(fn)


def test_map_and_vectorized_map_take_nests(backend):
    found = ops.vectorized_map(lambda p: {"sum": p[0] + p[1], "x": p[0]}, (X, X * 2))
    np.testing.assert_allclose(_array(found["sum"]), X * 3)
    np.testing.assert_allclose(_array(ops.map(ops.square, X)), X**2)


def test_vectorize_is_as_numpys(backend):
    def scaled(a, b, power=1):
        return (a - b) ** power

    got = ops.vectorize(scaled, excluded={"power"})(X, X[:, None], power=2)
    np.testing.assert_allclose(_array(got), (X - X[:, None]) ** 2)
    dots = ops.vectorize(ops.dot, signature="(n),(n)->()")(np.ones((4, 1, 3)), np.ones((2, 3)))
    np.testing.assert_allclose(_array(dots), np.full((4, 2), 3.0))


def test_a_custom_gradient_replaces_that_of_the_function(backend):
    @ops.custom_gradient
    def clipped(x, y):
        return x * y, lambda upstream: (ops.clip(upstream, -1, 1), None)

    gx, gy = ops.grad(lambda x, y: ops.sum(clipped(x, y)) * 5, (0, 1))(X, X)
    np.testing.assert_allclose(_array(gx), [1, 1, 1])
    np.testing.assert_allclose(_array(gy), [0, 0, 0])


def test_a_custom_gradient_takes_keras_signature_and_variables(backend):
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def slope(*args, upstream=None):
            (upstream,) = args if upstream is None else (upstream,)
            return ops.multiply(upstream, 1 - 1 / ops.add(1, e))

        return ops.log(1 + e), slope

    weight = Variable(np.array(30.0))
    assert float(ops.grad(lambda w: log1pexp(w.value if w is weight else w))(weight)) == 1


def test_a_custom_gradient_with_too_few_cotangents_is_refused(backend):
    bad = ops.custom_gradient(lambda x, y: (x * y, lambda g: g))
    with pytest.raises(ValueError, match="2 arguments, but 1 cotangents"):
        ops.grad(lambda x: bad(x, x))(2.0)


def test_jvp_is_the_derivative_along_a_direction(backend):
    value, slope = ops.jvp(lambda x, y: x * ops.sin(y), (X, X), (np.ones(3), X))
    np.testing.assert_allclose(_array(value), X * np.sin(X))
    np.testing.assert_allclose(_array(slope), np.sin(X) + X * np.cos(X) * X)
    _, slope, aux = ops.jvp(lambda x: (x * 2, "aux"), (X,), (X,), has_aux=True)
    assert aux == "aux"
    np.testing.assert_allclose(_array(slope), 2 * X)
