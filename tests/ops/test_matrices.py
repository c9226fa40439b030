"""Decompositions: what they promise, on each backend, and what they refuse."""

import numpy as np
import pytest

from deepbasics import ops

pytestmark = pytest.mark.usefixtures("backend")
RNG = np.random.default_rng(4)
A = RNG.normal(size=(2, 4, 3))
S = RNG.normal(size=(2, 3, 3))
SYMMETRIC = S + S.swapaxes(1, 2)


def _arrays(nest):
    return [ops.convert_to_numpy(x) for x in nest]


def _transposed(x):
    return x.swapaxes(-1, -2)


@pytest.mark.parametrize("x", [A, _transposed(A), S], ids=["tall", "wide", "square"])
@pytest.mark.parametrize("full", [False, True])
def test_svd(x, full):
    u, s, v = _arrays(ops.svd(x, full_matrices=full))
    n = s.shape[-1]
    np.testing.assert_allclose((u[..., :n] * s[:, None]) @ v[:, :n], x, atol=1e-12)
    for q in (u, _transposed(v)):
        np.testing.assert_allclose(_transposed(q) @ q, np.tile(np.eye(q.shape[-1]), (2, 1, 1)),
                                   atol=1e-12)  # fmt: skip
    assert np.all(np.diff(s) <= 0)


def test_eigh():
    w, v = _arrays(ops.eigh(SYMMETRIC))
    np.testing.assert_allclose(SYMMETRIC @ v, v * w[:, None], atol=1e-12)
    assert np.all(np.diff(w) >= 0)


@pytest.mark.parametrize("vectors", [[[1.0, 1.0], [1.0, -1.0]], [[-3.0, 4.0], [4.0, 3.0]]])
def test_the_sign_of_a_vector_is_the_same_everywhere(vectors):
    v = np.array(vectors) / np.linalg.norm(vectors[0])
    _, found = _arrays(ops.eigh(v.T @ np.diag([1.0, 3.0]) @ v))
    first = np.argmax(np.abs(found) > 0.3 * np.abs(found).max(0), axis=0)
    assert np.all(np.take_along_axis(found, first[None], 0) > 0)


@pytest.mark.parametrize("mode", ["reduced", "complete"])
@pytest.mark.parametrize("x", [A, _transposed(A)], ids=["tall", "wide"])
def test_qr(x, mode):
    q, r = _arrays(ops.qr(x, mode))
    np.testing.assert_allclose(q @ r, x, atol=1e-12)
    np.testing.assert_allclose(r, np.triu(r), atol=1e-14)


@pytest.mark.parametrize("x", [A, _transposed(A), S], ids=["tall", "wide", "square"])
def test_lu_factor_rebuilds_the_rows_in_their_order(x):
    lu, pivots = _arrays(ops.lu_factor(x))
    n = min(x.shape[-2:])
    lower = np.tril(lu, -1)[..., :n] + np.eye(x.shape[-2], n)
    rebuilt = lower @ np.triu(lu)[..., :n, :]
    for i in range(len(x)):
        for j in reversed(range(n)):
            rebuilt[i, [j, pivots[i, j]]] = rebuilt[i, [pivots[i, j], j]]
    np.testing.assert_allclose(rebuilt, x, atol=1e-12)
    assert pivots.dtype == np.int32


def test_inverses():
    np.testing.assert_allclose(ops.convert_to_numpy(ops.inv(S)), np.linalg.inv(S), atol=1e-11)
    np.testing.assert_allclose(ops.convert_to_numpy(ops.pinv(A)), np.linalg.pinv(A), atol=1e-12)
    found = ops.convert_to_numpy(ops.lstsq(A[0], A[1, :, 0]))
    np.testing.assert_allclose(found, np.linalg.lstsq(A[0], A[1, :, 0], None)[0], atol=1e-12)
    np.testing.assert_allclose(ops.convert_to_numpy(ops.det(S)), np.linalg.det(S), rtol=1e-12)


def test_a_matrix_of_low_rank():
    low = A[0, :, :2] @ A[1, :2]
    assert int(ops.matrix_rank(low)) == 2
    np.testing.assert_allclose(ops.convert_to_numpy(ops.pinv(low)), np.linalg.pinv(low, 1e-10),
                               atol=1e-10)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "x"),
    [("inv", np.ones((2, 2))), ("cholesky", -np.eye(2)), ("solve", np.zeros((2, 2)))],
)
def test_what_cannot_be_solved_raises_numpys_error_on_every_backend(name, x):
    with pytest.raises(np.linalg.LinAlgError):
        getattr(ops, name)(*((x, x) if name == "solve" else (x,)))


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "slogdet"])
def test_a_matrix_that_is_not_square_is_refused_with_its_shape(name):
    with pytest.raises(
        ValueError, match=rf"ops.{'slogdet' if name == 'det' else name} needs square"
    ):
        getattr(ops, name)(A)


def test_refusals():
    with pytest.raises(ValueError, match=r"Cannot solve with shapes \(2, 3, 3\) and \(2, 4, 3\)"):
        ops.solve(S, A)
    with pytest.raises(ValueError, match="ord of a matrix must be fro, nuc"):
        ops.norm(A, ord=3, axis=(0, 1))
    with pytest.raises(ValueError, match="ord 'fro' is for matrices"):
        ops.norm(A, ord="fro", axis=0)
    with pytest.raises(ValueError, match="full_matrices=False"):
        ops.grad(lambda x: ops.sum(ops.svd(x)[0]))(A[0])
    with pytest.raises(ValueError, match="einsum 'ij,jk->ik': axis 'j' has lengths 3 and 4"):
        ops.einsum("ij,jk->ik", S[0], A[0])
    with pytest.raises(ValueError, match="an axis of 4 does not split"):
        ops.rearrange(A, "a (b c) d -> a b c d", b=3)


def test_the_gradient_of_a_length_at_zero_is_zero():
    gradient = ops.grad(lambda x: ops.norm(x))(np.zeros(3))
    assert ops.convert_to_numpy(gradient).tolist() == [0, 0, 0]


def test_singular_values_of_an_oblong_matrix_have_a_gradient_either_way():
    full, thin = (ops.grad(lambda x, f=f: ops.sum(ops.svd(x, full_matrices=f)[1]))(A[0])
                  for f in (True, False))  # fmt: skip
    np.testing.assert_allclose(ops.convert_to_numpy(full), ops.convert_to_numpy(thin), atol=1e-12)
