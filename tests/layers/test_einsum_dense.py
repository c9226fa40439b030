"""EinsumDense: shapes that are partly open, initial weights, and errors where it is built."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics.layers import EinsumDense, Input


def test_it_is_dense_where_the_formula_is(backend):
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype("float32")
    dense = db.layers.Dense(5, "tanh")
    einsum = EinsumDense("...a,ab->...b", 5, "tanh", "b")
    expected = backend.numpy(dense(x))
    einsum(x)
    einsum.set_weights(dense.get_weights())
    np.testing.assert_allclose(backend.numpy(einsum(x)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("equation", "given", "shape", "expected"),
    [
        ("abc,cd->abd", (None, 64), (None, 32), (None, None, 64)),
        ("abc,cd->abd", (10, 64), (10, 32), (None, 10, 64)),
        ("...x,xy->...y", 64, (None, 7, 32), (None, None, 7, 64)),
        ("...bx,xyz->...byz", (None, 8, 4), (None, 7, 32), (None, None, 7, 8, 4)),
        ("ab...,bc->ac...", 5, (32, None, 3), (None, 5, None, 3)),
    ],
)
def test_lengths_that_are_open_stay_open(equation, given, shape, expected):
    layer = EinsumDense(equation, given)
    assert layer(Input(shape)).shape == expected
    assert layer.compute_output_shape((None, *shape)) == expected


def test_a_model_takes_any_number_of_steps(backend):
    x = Input((None, 8))
    model = db.Model(x, EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")(x))
    for steps in (2, 5):
        assert model.predict(np.ones((4, steps, 8)), verbose=0).shape == (4, steps, 3)


def test_initial_weights_count_the_axes_that_meet_the_input():
    layer = EinsumDense("abc,cde->abde", (None, 8, 64))
    layer.build((None, 10, 256))
    limit = np.sqrt(6 / (256 + 8 * 64))
    assert 0.99 * limit < abs(layer.kernel.numpy()).max() <= limit
    axes = {"input_axes": (1,), "output_axes": (0, 2)}
    own = EinsumDense(
        "abc,cde->abde",
        (None, 8, 64),
        kernel_initializer=db.initializers.GlorotUniform(seed=1, **axes),
    )
    own.build((None, 10, 256))
    limit = np.sqrt(6 / (8 + 256 * 64))
    assert 0.99 * limit < abs(own.kernel.numpy()).max() <= limit


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ab,bc", 3), "must be like 'ab,bc->ac'"),
        (("...a,ab->b...", 3), "must be like"),
        (("...a...,ab->...b...", 3), "must be like"),
        (("ab,bc->ad", 3), "'d' of 'ad' must be one of the input or the kernel"),
        (("ab,bcx->ac", 3), "'x' of 'bcx' must be one of the input or the output"),
        (("ab,bc->ac", 3, None, "b"), "'b' of bias_axes must be one of the output"),
    ],
)
def test_an_equation_that_means_nothing_is_refused_at_once(arguments, said):
    with pytest.raises(ValueError, match=said):
        EinsumDense(*arguments)


@pytest.mark.parametrize(
    ("arguments", "shape", "said"),
    [
        (("abc,cd->abd", (None, 3)), (2, 4), "it is for 3 axes"),
        (("ab,bc->ac", 3), (2, 4, 5), "it is for 2 axes"),
        (("abc,cd->abd", 3), (2, 4, 5), r"output_shape \(3,\) must have 2 lengths"),
        (("...bx,xy->...by", 3), (2, 6, 4, 5), r"output_shape \(3,\) must have 2 lengths"),
        (("abc,cd->abd", (3, 6)), (2, 4, 5), "axis 'b' has 4 in, but 3 out"),
        (("abc,cd->abd", (None, 6)), (2, 4, None), r"kernel would have shape \(None, 6\)"),
        (("abc,cd->abd", (None, 6), None, "bd"), (2, None, 5), "bias would have shape"),
    ],
)
def test_shapes_that_do_not_fit_are_named(arguments, shape, said):
    with pytest.raises(ValueError, match=said):
        EinsumDense(*arguments, name="e").build(shape)
