"""Level bits: initial weights, shuffles and dropout masks are identical on every backend."""

import numpy as np
import pytest

from deepbasics import initializers, ops, random
from deepbasics.data import ArraySource
from deepbasics.layers import Dense, Dropout
from deepbasics.random import SeedGenerator
from deepbasics.testing import cases
from deepbasics.testing.evaluate import floatx
from deepbasics.testing.levels import check_same_bits

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
NAMES = [
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform",
    "normal", "ones", "orthogonal", "random_normal", "random_uniform", "truncated_normal",
    "uniform", "zeros",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@DTYPES
def test_initial_weights(name, dtype, other):
    def drawn():
        initializer = initializers.get(name)
        layer = Dense(7, kernel_initializer=initializer, dtype=dtype)
        layer.build((None, 5))
        return layer.weights

    check_same_bits(drawn, other)


@pytest.mark.parametrize("case", cases.NETS, ids=str)
@DTYPES
def test_initial_weights_of_networks(case, dtype, other):
    with floatx(dtype):
        kernel, *_ = check_same_bits(lambda: case.make().weights, other)
    assert np.unique(kernel).size > 1


@pytest.mark.parametrize("shuffle", [True, "batch", False])
def test_batches_of_each_epoch(shuffle, other):
    x = np.arange(23.0)

    def batches():
        source = ArraySource((x, None, None), 5, shuffle, random.next_key())
        batches = (batch for epoch in range(3) for batch in source.epoch(epoch))
        return [tensor + 0 for _, (tensor, *_) in batches]  # a batch lasts until the next one

    want = np.concatenate(check_same_bits(batches, other))
    assert np.array_equal(want[:23], x) == (shuffle is False)
    assert np.array_equal(want[:23], want[23:46]) == (shuffle is False)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@DTYPES
def test_dropout_masks(rate, dtype, other):
    def masks():
        layer = Dropout(rate, seed=4, dtype=dtype)
        ones = ops.ones((20, 13), dtype)
        return [layer(ones, training=True) for _ in range(3)]

    first, second, _ = check_same_bits(masks, other)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal", "randint", "shuffle"])
def test_draws(name, other):
    arguments = {"randint": ((40,), 0, 100), "shuffle": (np.arange(40),)}.get(name, ((40,),))

    def drawn():
        generator = SeedGenerator(9)
        return [getattr(random, name)(*arguments, seed=generator) for _ in range(2)]

    check_same_bits(drawn, other)
