"""top_k and in_top_k: order, ties, gradients, refusals."""

import numpy as np
import pytest

from deepbasics import ops

X = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 4.0, 4.0, 9.0]])


def test_the_largest_come_first_and_of_equals_the_first(backend):
    values, indices = ops.top_k(X, 3)
    assert ops.convert_to_numpy(values).tolist() == [[3, 3, 2], [9, 5, 4]]
    assert ops.convert_to_numpy(indices).tolist() == [[1, 2, 3], [3, 0, 1]]
    assert ops.dtype(indices) == "int32"


def test_the_gradient_goes_to_the_chosen_entries(backend):
    gradient = ops.grad(lambda x: ops.sum(ops.top_k(x, 2)[0]))(X)
    assert ops.convert_to_numpy(gradient).tolist() == [[0, 1, 1, 0], [1, 0, 0, 1]]


@pytest.mark.parametrize("k", [0, 5])
def test_a_k_that_the_axis_cannot_give_is_refused(backend, k):
    with pytest.raises(ValueError, match=f"k must be from 1 to 4, the size of the axis; got {k}"):
        ops.top_k(X, k)


def test_a_tie_with_the_last_of_the_top_is_a_hit(backend):
    targets = np.array([1, 2])
    hits = [ops.convert_to_numpy(ops.in_top_k(targets, X, k)).tolist() for k in (1, 2, 3)]
    assert hits == [[True, False], [True, False], [True, True]]


def test_there_are_no_sparse_tensors(backend):
    for make in (
        lambda: ops.convert_to_tensor(X, sparse=True),
        lambda: ops.one_hot([1], 2, sparse=True),
        lambda: ops.multi_hot([1], 2, sparse=True),
        lambda: ops.bincount([1], sparse=True),
    ):
        with pytest.raises(ValueError, match=r"no sparse .*tensors"):
            make()
