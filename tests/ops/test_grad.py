"""`grad` and `value_and_grad` on each backend: arguments, nesting, errors, no traces left."""

from typing import NamedTuple

import numpy as np
import pytest

from deepbasics import Sequential, Variable, config, grad, gradients, ops, value_and_grad
from deepbasics.backends import registry
from deepbasics.backends.numpy import trace
from deepbasics.layers import Dense

pytestmark = pytest.mark.usefixtures("backend")


def array(x):
    return np.asarray(ops.convert_to_numpy(x))


def close(got, want):
    np.testing.assert_allclose(array(got), want, rtol=1e-6)


# forms of arguments -------------------------------------------------------------------------------


def test_value_and_gradient_of_a_number():
    value, slope = value_and_grad(lambda x: x * x)(3.0)
    close(value, 9.0)
    close(slope, 6.0)
    assert slope.shape == ()


def test_the_gradient_has_shape_and_dtype_of_the_argument():
    for dtype in ("float32", "float64"):
        x = np.arange(6, dtype=dtype).reshape(2, 3)
        g = grad(lambda x: ops.sum(x * x))(x)
        assert tuple(g.shape) == (2, 3)
        assert ops.dtype(g) == dtype
        close(g, 2 * x)


def test_several_arguments_by_position():
    f = lambda a, b, c: ops.sum(a * b * c)  # noqa: E731
    ga, gc = grad(f, argnums=(0, 2))(2.0, 3.0, 5.0)
    close(ga, 15.0)
    close(gc, 6.0)
    close(grad(f, argnums=1)(2.0, 3.0, 5.0), 10.0)


def test_keyword_arguments_are_handed_on():
    close(grad(lambda x, scale: x * scale)(1.0, scale=4.0), 4.0)


def test_a_variable_as_argument():
    v = Variable([1.0, 2.0])
    g = grad(lambda v: ops.sum(v * v))(v)
    close(g, [2.0, 4.0])
    close(v.numpy(), [1.0, 2.0])


def test_a_variable_that_is_no_argument_is_a_constant():
    v = Variable(3.0)
    close(grad(lambda x: x * v)(2.0), 3.0)


def test_a_variable_as_argument_counts_where_the_function_reads_it_by_itself():
    v, w = Variable([1.0, 2.0]), Variable(3.0)
    loss = lambda *_: ops.sum(v * v) * w  # noqa: E731
    close(grad(loss)(v), [6.0, 12.0])
    by_v, by_w = grad(loss)([v, w])
    close(by_v, [6.0, 12.0])
    close(by_w, 5.0)
    close(grad(lambda given: ops.sum(given * v))(v), [2.0, 4.0])  # by its parameter and by itself
    close(grad(loss)(w), 5.0)  # as before: nothing of a call is left


def test_the_gradient_by_the_weights_of_a_model():
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones")])
    x = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    model(x)
    (kernel,) = grad(lambda _: ops.mean(model(x)))(model.trainable_weights)
    close(kernel, [[2.0], [3.0]])


def test_a_variable_in_a_derivative_of_a_derivative():
    v = Variable(2.0)
    close(grad(lambda _: grad(lambda _: v**3)(v))(v), 12.0)
    # what was computed outside the inner function is a constant to it, and not to the outer one
    outside = lambda _: (lambda y: grad(lambda _: y * v)(v))(v * v)  # noqa: E731
    close(outside(None), 4.0)
    close(grad(outside)(v), 4.0)


def test_a_variable_written_inside_a_derivative_is_written():
    v = Variable(2.0)

    def f(_):
        before = v * v
        v.assign(before)
        return before

    close(grad(f)(v), 4.0)
    close(v.numpy(), 4.0)


def test_a_dict_of_lists_of_tensors():
    tree = {"w": [np.ones(2, "float32"), np.float32(3.0)], "b": np.zeros(2, "float32")}
    f = lambda t: ops.sum(t["w"][0] * t["w"][1] + t["b"])  # noqa: E731
    g = grad(f)(tree)
    assert g.keys() == tree.keys()
    assert isinstance(g["w"], list)
    close(g["w"][0], [3.0, 3.0])
    close(g["w"][1], 2.0)
    close(g["b"], [1.0, 1.0])


def test_a_list_of_dicts_and_a_list_of_lists():
    x = np.array([1.0, 2.0], "float32")
    g = grad(lambda layers: ops.sum(layers[0]["w"] * layers[1]["w"]))([{"w": x}, {"w": 3 * x}])
    close(g[0]["w"], [3.0, 6.0])
    close(g[1]["w"], [1.0, 2.0])
    g = grad(lambda t: ops.sum(t[0][0] * t[1][0]))([[x], [3 * x]])
    close(g[1][0], [1.0, 2.0])


class Pair(NamedTuple):
    w: object
    b: object


def test_a_named_tuple_stays_one():
    g = grad(lambda p: ops.sum(p.w * p.b))(Pair(np.ones(2, "float32"), np.float32(4.0)))
    assert isinstance(g, Pair)
    close(g.w, [4.0, 4.0])
    close(g.b, 2.0)


def test_a_list_of_numbers_is_an_array():
    close(grad(lambda x: ops.sum(x * x))([1.0, 2.0]), [2.0, 4.0])


def test_integers_become_floats():
    g = grad(lambda x: ops.sum(x * x))(np.array([1, 2]))
    assert ops.dtype(g) == config.floatx()
    close(g, [2.0, 4.0])


def test_aux_comes_along():
    def f(x):
        y = x * x
        return ops.sum(y), {"squares": y, "note": "kept"}

    (value, aux), g = value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    close(value, 5.0)
    close(aux["squares"], [1.0, 4.0])
    assert aux["note"] == "kept"
    close(g, [2.0, 4.0])
    g, aux = grad(f, has_aux=True)(np.array([1.0, 2.0]))
    close(g, [2.0, 4.0])
    close(aux["squares"], [1.0, 4.0])


def test_aux_may_be_any_nest():
    f = lambda x: (x * x, [Pair(x, None), (x + 1, {"b": x, "a": "kept"})])  # noqa: E731
    (_, (pair, (one, named))), _ = value_and_grad(f, has_aux=True)(3.0)
    assert isinstance(pair, Pair)
    assert named["a"] == "kept"
    for tensor, want in ((pair.w, 3), (one, 4), (named["b"], 3)):
        close(tensor, want)
        assert not isinstance(tensor, trace.Traced)
        assert not getattr(tensor, "requires_grad", False)


def test_an_argument_that_is_not_used_has_gradient_zero():
    ga, gb = grad(lambda a, b: ops.sum(a), argnums=(0, 1))(np.ones(2), np.ones(3))
    close(ga, [1.0, 1.0])
    close(gb, [0.0, 0.0, 0.0])


def test_a_function_that_uses_no_argument():
    close(grad(lambda x: ops.convert_to_tensor(1.0))(np.ones(2)), [0.0, 0.0])


def test_one_tensor_for_two_arguments():
    x = ops.convert_to_tensor(2.0)
    ga, gb = grad(lambda a, b: a * a * b, argnums=(0, 1))(x, x)
    close(ga, 8.0)
    close(gb, 4.0)


def test_no_gradient_flows_through_stop_gradient():
    close(grad(lambda x: x * ops.stop_gradient(x))(3.0), 3.0)


def test_the_argument_is_not_changed():
    x = np.array([1.0, 2.0])
    grad(lambda x: ops.sum(x * x))(x)
    np.testing.assert_array_equal(x, [1.0, 2.0])


# nesting ------------------------------------------------------------------------------------------


def test_derivatives_of_higher_order():
    f = lambda x: x**5  # noqa: E731
    for want in (5 * 2.0**4, 20 * 2.0**3, 60 * 2.0**2, 120 * 2.0):
        f = grad(f)
        close(f(2.0), want)


def test_an_inner_derivative_is_not_confused_with_the_outer_one():
    # d/dx x · d/dy (x y) = d/dx x² = 2 x
    close(grad(lambda x: x * grad(lambda y: x * y)(x))(3.0), 6.0)
    # Siskind and Pearlmutter (2005): d/dx (x · d/dy (x + y) at 1) at 1 is 1, not 2
    close(grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0), 1.0)


def test_only_what_the_function_reads_itself_counts():
    """What was made of the weights before is a constant, as the sample that a critic judges."""
    v, moved = Variable(3.0, dtype="float64"), Variable(0.0, dtype="float64")

    def step(_):
        before = v * v
        moved.assign(before)
        return gradients(lambda: moved * v + before, [v])[1][0]

    recorded = registry.active().step(step)
    for _ in range(3):
        close(recorded(ops.ones(())), 9.0)
    close(step(None), 9.0)

    def outer():
        (inner,) = gradients(lambda h=v * v: h * v, [v])[1]  # v², of which the outer one is 2 v
        return inner

    value, (slope,) = gradients(outer, [v])
    close(value, 9.0)
    close(slope, 6.0)


def test_an_outer_argument_inside_an_inner_derivative():
    # d/dx [d/dy (x² y³) at y = 2] = 24 x
    close(grad(lambda x: grad(lambda y: x * x * y**3)(2.0))(3.0), 72.0)


def test_a_hessian_times_a_vector():
    a = np.array([[2.0, 1.0], [1.0, 3.0]], "float32")
    v = np.array([1.0, -1.0], "float32")
    f = lambda x: 0.5 * ops.sum(x * ops.matmul(a, x))  # noqa: E731
    slope = lambda x: ops.sum(ops.multiply(grad(f)(x), v))  # noqa: E731
    close(grad(slope)(np.ones(2, "float32")), a @ v)


def test_a_gradient_inside_a_function_that_is_not_differentiated():
    def newton(x):
        for _ in range(6):
            x = x - (x * x - 2.0) / grad(lambda y: y * y)(x)
        return x

    close(newton(1.0), np.sqrt(2.0))


def test_nested_value_and_grad_with_aux():
    def inner(x):
        value, slope = value_and_grad(lambda y: y**3)(x)
        return value + slope, slope

    g, aux = grad(inner, has_aux=True)(2.0)
    close(g, 3 * 4.0 + 6 * 2.0)
    close(aux, 12.0)


# errors -------------------------------------------------------------------------------------------


def test_a_function_that_gives_no_scalar_is_refused():
    with pytest.raises(ValueError, match=r"needs a scalar.*\(2,\).*ops\.mean or ops\.sum"):
        grad(lambda x: x * x)(np.ones(2))


def test_text_is_refused():
    with pytest.raises(TypeError, match="hold numbers"):
        grad(lambda x: x)("three")


def test_an_error_leaves_no_trace():
    def fails(x):
        grad(lambda y: y * x)(x)
        raise KeyError("inside")

    for _ in range(2):
        with pytest.raises(KeyError):
            grad(fails)(1.0)
        assert trace.active() is None
    close(grad(lambda x: x * x)(3.0), 6.0)


def test_what_was_differentiated_is_a_plain_tensor_afterwards():
    kept = []

    def f(x):
        kept.append(x)
        return x * x

    value, slope = value_and_grad(f)(3.0)
    for tensor in (value, slope):
        assert not getattr(tensor, "requires_grad", False)
        assert not isinstance(tensor, trace.Traced)
    close(kept[0] * 2.0, 6.0)


def test_an_array_beside_a_tensor_is_explained_where_torch_refuses_it(backend):
    array = np.ones(2)
    if backend.name == "numpy":
        close(grad(lambda x: ops.sum(x * array))(np.zeros(2)), array)
        return
    with pytest.raises(TypeError, match=r"write ops\.subtract\(tensor, array\)"):
        grad(lambda x: ops.sum(x - array))(np.zeros(2))
    close(grad(lambda x: ops.sum(ops.subtract(x, array)))(np.zeros(2)), array)
