"""Symbolic tensors: shapes without data."""

import operator

import numpy as np
import pytest

import deepbasics as db
from deepbasics import ops, symbolic
from deepbasics.symbolic import SymbolicTensor


def same_shape(function, *shapes):
    """The shape that `function` infers, checked against real arrays of two lengths."""
    inferred = function(*(db.Input(batch_shape=shape) for shape in shapes))
    for n in (4, 6):
        real = [np.ones([n if d is None else d for d in shape], "float32") for shape in shapes]
        got = tuple(function(*real).shape)
        assert len(got) == len(inferred.shape)
        assert all(a in (None, b) for a, b in zip(inferred.shape, got, strict=True))
    return inferred.shape


@pytest.mark.parametrize(
    ("function", "shapes", "want"),
    [
        (lambda x: x + 1, [(None, 3)], (None, 3)),
        (lambda x: 2 / x - x**2, [(None, 3)], (None, 3)),
        (lambda x, y: x @ y, [(None, 5, 3), (3, 2)], (None, 5, 2)),
        (lambda x, y: x * y, [(None, 5, 1), (None, 1, 7)], (None, 5, 7)),
        (lambda x: x[:, 0], [(None, 3, 2)], (None, 2)),
        (lambda x: x[:, 1:, None], [(None, 3)], (None, 2, 1)),
        (lambda x: x[..., -1], [(None, None, 2)], (None, None)),
        (lambda x: -abs(x), [(None,)], (None,)),
        (lambda x: x > 0, [(2, 3)], (2, 3)),
        (lambda x: ops.sum(x, axis=1), [(None, None, 4)], (None, 4)),
        (lambda x: ops.mean(x), [(None, 4)], ()),
        (lambda x: ops.reshape(x, (-1, 2)), [(None, 4)], (None, 2)),
        (lambda x: ops.transpose(x), [(None, 4)], (4, None)),
        (lambda x: ops.concatenate([x, x], axis=0), [(None, 4)], (None, 4)),
        (lambda x: ops.stack([x, x, x]), [(None, 4)], (3, None, 4)),
        (lambda x: ops.exp(ops.maximum(x, 0)), [(3, None)], (3, None)),
        (lambda x, y: ops.matmul(x, ops.transpose(y)), [(None, 4), (None, 4)], (None, None)),
    ],
)
def test_shapes_are_those_of_data(function, shapes, want):
    assert same_shape(function, *shapes) == want


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"])
def test_operators_work_from_both_sides(name):
    x = db.Input((3,))
    apply = getattr(operator, name)
    for other in (2.0, np.ones(3, "float32"), db.Variable(np.ones(3)), x):
        for pair in ((x, other), (other, x)):
            y = apply(*pair)
            assert isinstance(y, SymbolicTensor)
            assert y.shape == (None, 3)


def test_dtypes_are_inferred():
    x = db.Input((3,), dtype="int32")
    assert (x > 1).dtype == "bool"
    assert (x / 2).dtype == "float32"
    assert ops.cast(x, "float64").dtype == "float64"
    assert ops.argmax(db.Input((3,)), axis=-1).dtype.startswith("int")


def test_what_an_op_says_without_a_call_is_no_call():
    x = db.Input((3,))
    assert ops.shape(x) == (None, 3)
    assert ops.ndim(x) == x.ndim == 2
    assert ops.convert_to_tensor(x) is x
    assert not ops.is_tensor(x)


def test_several_results_come_as_they_do_of_data():
    parts = ops.split(db.Input((6,)), 3, axis=1)
    assert [p.shape for p in parts] == [(None, 2)] * 3
    values, indices = ops.top_k(db.Input((6,)), 2)
    assert (values.shape, indices.shape) == ((None, 2), (None, 2))


@pytest.mark.parametrize("use", [bool, float, int, list, len, np.asarray])
def test_a_symbolic_tensor_has_no_value(use):
    with pytest.raises(TypeError, match="is symbolic: it has no value"):
        use(db.Input((3,)))


def test_an_op_that_fails_on_data_fails_as_before():
    with pytest.raises(ValueError, match="axis"):
        ops.sum(np.ones(3), axis=5)


def test_an_op_that_cannot_work_is_said_with_the_shapes():
    with pytest.raises(ValueError, match=r"ops.concatenate of shapes \(None, 3\), \(None, 4, 5\)"):
        ops.concatenate([db.Input((3,)), db.Input((4, 5))])


def test_matrices_can_be_inverted_on_the_way():
    x = db.Input((3, 3))
    if hasattr(ops, "inv"):
        assert ops.inv(x).shape == (None, 3, 3)


def test_trials_leave_no_trace(backend):
    class Drawing(db.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = db.random.SeedGenerator(1)

        def call(self, inputs, training=False):
            self.add_loss(ops.sum(inputs))
            if training:
                inputs = inputs + db.random.uniform((1,), seed=self.seeds)
            return inputs

    layer = Drawing()
    before = layer.seeds.counter.numpy()
    assert layer(db.Input((3,))).shape == (None, 3)
    np.testing.assert_array_equal(layer.seeds.counter.numpy(), before)
    assert layer.losses == []


def test_a_kernel_that_does_not_fit_into_the_smallest_trial_is_no_hindrance():
    x = SymbolicTensor((None, None, 1))

    def window(t):
        if t.shape[1] < 5:
            raise ValueError("too short")
        return t[:, 4:]

    (found,) = [symbolic.infer(window, (x,), {})]
    assert found.shape == (None, None, 1)
