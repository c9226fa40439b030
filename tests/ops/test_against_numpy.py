"""Public ops against the NumPy functions of the same meaning, on each backend."""

import numpy as np
import pytest

from deepbasics import config, ops

pytestmark = pytest.mark.usefixtures("backend")
RNG = np.random.default_rng(3)
X = RNG.normal(size=(2, 3, 4))
M = RNG.normal(size=(3, 4))
V = RNG.normal(size=4)
I = RNG.integers(-5, 6, (3, 4))  # noqa: E741
B = RNG.random((3, 4)) < 0.5

CASES = {
    "sum": (lambda o: o.sum(X, axis=(0, 2)), X.sum((0, 2))),
    "sum-keepdims": (lambda o: o.sum(X, axis=-1, keepdims=True), X.sum(-1, keepdims=True)),
    "mean": (lambda o: o.mean(X, axis=1), X.mean(1)),
    "var": (lambda o: o.var(X, axis=(0, 1)), X.var((0, 1))),
    "std": (lambda o: o.std(X), X.std()),
    "prod": (lambda o: o.prod(X, axis=1), X.prod(1)),
    "prod-two": (lambda o: o.prod(X, axis=(0, 2), keepdims=True), X.prod((0, 2), keepdims=True)),
    "prod-all": (lambda o: o.prod(M), M.prod()),
    "max": (lambda o: o.max(X, axis=0), X.max(0)),
    "min-initial": (lambda o: o.min(X, axis=0, initial=-1.0), X.min(0, initial=-1.0)),
    "any": (lambda o: o.any(B, axis=0), B.any(0)),
    "all": (lambda o: o.all(B), B.all()),
    "cumsum": (lambda o: o.cumsum(X, axis=1), X.cumsum(1)),
    "cumsum-flat": (lambda o: o.cumsum(M), M.cumsum()),
    "average": (lambda o: o.average(M, axis=1, weights=abs(V)), np.average(M, 1, abs(V))),
    "argmax": (lambda o: o.argmax(X, axis=1), X.argmax(1)),
    "argmin-flat": (lambda o: o.argmin(X), X.argmin()),
    "count_nonzero": (lambda o: o.count_nonzero(I, axis=1), np.count_nonzero(I, 1)),
    "logsumexp": (lambda o: o.logsumexp(M, axis=0), np.log(np.exp(M).sum(0))),
    "softmax": (lambda o: o.softmax(X, axis=1), np.exp(X) / np.exp(X).sum(1, keepdims=True)),
    "log_softmax": (lambda o: o.log_softmax(M, axis=0), M - np.log(np.exp(M).sum(0))),
    "dot": (lambda o: o.dot(X, M.T), np.dot(X, M.T)),
    "dot-matrices": (lambda o: o.dot(X, X.swapaxes(1, 2)), np.dot(X, X.swapaxes(1, 2))),
    "tensordot": (
        lambda o: o.tensordot(X, M, axes=((1, 2), (0, 1))),
        np.tensordot(X, M, ((1, 2), (0, 1))),
    ),
    "matmul-vector": (lambda o: o.matmul(X, V), X @ V),
    "matmul-row": (lambda o: o.matmul(V, X.swapaxes(1, 2)), V @ X.swapaxes(1, 2)),
    "outer": (lambda o: o.outer(V, M), np.outer(V, M)),
    "moveaxis": (lambda o: o.moveaxis(X, (0, 2), (2, 0)), np.moveaxis(X, (0, 2), (2, 0))),
    "swapaxes": (lambda o: o.swapaxes(X, 0, -1), X.swapaxes(0, -1)),
    "transpose": (lambda o: o.transpose(X), X.T),
    "expand_dims": (lambda o: o.expand_dims(M, (0, -1)), np.expand_dims(M, (0, -1))),
    "squeeze": (lambda o: o.squeeze(M[None, :, None]), M),
    "flip": (lambda o: o.flip(X, axis=(0, 2)), np.flip(X, (0, 2))),
    "tile": (lambda o: o.tile(M, (2, 1, 3)), np.tile(M, (2, 1, 3))),
    "tile-short": (lambda o: o.tile(X, 2), np.tile(X, 2)),
    "repeat": (lambda o: o.repeat(M, 2, axis=1), np.repeat(M, 2, 1)),
    "repeat-each": (lambda o: o.repeat(M, (1, 0, 3), axis=0), np.repeat(M, (1, 0, 3), 0)),
    "pad": (lambda o: o.pad(M, ((1, 0), (2, 3))), np.pad(M, ((1, 0), (2, 3)))),
    "pad-reflect": (lambda o: o.pad(M, 2, "reflect"), np.pad(M, 2, "reflect")),
    "pad-edge": (lambda o: o.pad(M, (1, 2), "edge"), np.pad(M, (1, 2), "edge")),
    "take-flat": (lambda o: o.take(M, [[0, -1], [5, 2]]), np.take(M, [[0, -1], [5, 2]])),
    "take-axis": (lambda o: o.take(X, [2, 0, -1], axis=1), np.take(X, [2, 0, -1], 1)),
    "take_along_axis": (
        lambda o: o.take_along_axis(M, np.argsort(M, 1), axis=1),
        np.sort(M, 1),
    ),
    "append": (lambda o: o.append(M, V[None], axis=0), np.append(M, V[None], 0)),
    "eye": (lambda o: o.eye(3, 4, k=-1), np.eye(3, 4, -1)),
    "linspace": (lambda o: o.linspace(0, 1, 7, endpoint=False), np.linspace(0, 1, 7, False)),
    "mod": (lambda o: o.mod(M, -0.7), np.mod(M, -0.7)),
    "floor_divide": (lambda o: o.floor_divide(I, 3), I // 3),
    "mod-ints": (lambda o: o.mod(I, 3), I % 3),
    "round-halves": (lambda o: o.round([0.5, 1.5, -2.5]), [0.0, 2.0, -2.0]),
    "round-decimals": (lambda o: o.round(M, 2), np.round(M, 2)),
    "clip": (lambda o: o.clip(M, -0.5, 0.5), np.clip(M, -0.5, 0.5)),
    "isclose": (lambda o: o.isclose(M, M + 1e-9), np.isclose(M, M + 1e-9)),
    "logical_xor": (lambda o: o.logical_xor(B, I), np.logical_xor(B, I)),
    "power": (lambda o: o.power(abs(M), V), abs(M) ** V),
    "power-negative-base": (lambda o: o.power(M, 3), M**3),
    "sum-empty": (lambda o: o.sum(np.zeros((0, 3)), axis=0), np.zeros(3)),
    "prod-empty": (lambda o: o.prod(np.zeros((0, 3)), axis=0), np.ones(3)),
    "max-empty": (lambda o: o.max(np.zeros((0, 3)), axis=0, initial=2.0), np.full(3, 2.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_op_is_numpys(name):
    call, want = CASES[name]
    found = np.asarray(ops.convert_to_numpy(call(ops)))
    want = np.asarray(want)
    assert found.shape == want.shape
    assert found.dtype.kind == want.dtype.kind
    np.testing.assert_allclose(found, want, rtol=2e-6 if found.dtype == np.float32 else 1e-12)


# dtypes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "want"),
    [
        ("float32", "float64", "float64"),
        ("int64", "float32", "float32"),
        ("int32", "int64", "int64"),
        ("bool", "int32", "int32"),
        ("bool", "float32", "float32"),
        ("float32", 2, "float32"),
        ("float32", 2.5, "float32"),
        ("int32", 2.5, "float32"),
        ("int32", 2, "int32"),
        ("bool", 2, "int32"),
    ],
)
def test_the_dtype_of_a_sum(a, b, want):
    x = ops.ones((2,), a)
    y = ops.ones((2,), b) if isinstance(b, str) else b
    assert ops.dtype(ops.add(x, y)) == want
    assert ops.dtype(ops.add(y, x)) == want


def test_where_keeps_the_digits_of_a_number_beside_a_float64():
    x = np.array([1.0, 2.0])
    for chosen in (ops.where(x > 1, x, 0.1), ops.where(x < 2, 0.1, x)):
        assert ops.convert_to_numpy(chosen).tolist() == [0.1, 2.0]


def test_ints_become_floatx_where_a_result_is_no_int():
    x = ops.ones((2,), "int64")
    for op in (ops.sqrt, ops.exp, ops.mean, ops.softmax):
        assert ops.dtype(op(x)) == config.floatx()
    assert ops.dtype(ops.divide(x, x)) == config.floatx()
    assert ops.dtype(ops.divide(x, 2)) == config.floatx()


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
def test_reductions_keep_the_dtype(dtype):
    x = ops.ones((2, 3), dtype)
    for op in (ops.sum, ops.prod, ops.max, ops.cumsum):
        assert ops.dtype(op(x, axis=1)) == dtype


def test_a_python_float_never_widens():
    x = ops.ones((2,), "float32")
    for y in (x * 2.5, 2.5 / x, x**2.0, 1 - x, ops.maximum(x, 0.1), ops.where(x > 0, x, 0.1)):
        assert ops.dtype(y) == "float32"


# errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.matmul(M, M), r"\(3, 4\) and \(3, 4\)"),
        (lambda: ops.sum(M, axis=2), "axis 2 is out of range for a tensor with 2 axes"),
        (lambda: ops.reshape(M, (5, -1)), r"Cannot reshape \(3, 4\) \(12 elements\) to \(5, -1\)"),
        (lambda: ops.concatenate([M, X], 0), r"Cannot concatenate shapes \[\(3, 4\), \(2, 3, 4\)"),
        (lambda: ops.split(M, 3, axis=1), "Cannot split 4 entries into 3"),
        (lambda: ops.squeeze(M, 0), r"Cannot squeeze axis 0 of shape \(3, 4\)"),
        (lambda: ops.max(np.zeros((0, 3)), axis=0), "ops.max of an empty axis"),
        (lambda: ops.top_k(M, 9), "k must be from 1 to 4"),
    ],
)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
