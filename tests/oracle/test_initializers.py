"""Initial values against Keras: the formulas' limits and variances, configs, names."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

from deepbasics import initializers  # noqa: E402 - Keras reads its backend when it is imported

SHAPES = [(500,), (300, 200), (5, 60, 100), (3, 3, 60, 80), (2, 3, 3, 40, 50)]
SCALED = [
    "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal",
]  # fmt: skip
NAMES = [
    *SCALED, "VarianceScaling", "RandomNormal", "TruncatedNormal", "RandomUniform", "Orthogonal",
    "Zeros", "Ones", "Constant", "Identity",
]  # fmt: skip


def both(name, shape, **settings):
    """The values of our initializer and of theirs."""
    ours = getattr(initializers, name)(**settings)(shape)
    theirs = getattr(keras.initializers, name)(**settings)(shape)
    return ours.astype("float64"), keras.ops.convert_to_numpy(theirs).astype("float64")


def assert_same_distribution(ours, theirs):
    """Two samples have the same spread, up to five standard errors, and the same quantiles."""
    error = 1 / np.sqrt(ours.size)
    assert abs(ours.std() / theirs.std() - 1) < 5 * error
    levels = np.linspace(0.02, 0.98, 49)
    distance = np.abs(np.quantile(ours, levels) - np.quantile(theirs, levels)).max()
    assert distance < 8 * error * theirs.std()


@pytest.mark.parametrize("shape", SHAPES, ids=len)
@pytest.mark.parametrize("name", SCALED)
def test_the_scaled_family_is_distributed_as_in_keras_for_every_rank(name, shape):
    assert_same_distribution(*both(name, shape, seed=1))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize(
    "distribution", ["uniform", "normal", "truncated_normal", "untruncated_normal"]
)
def test_variance_scaling_is_distributed_as_in_keras(mode, distribution):
    settings = {"scale": 1.7, "mode": mode, "distribution": distribution, "seed": 1}
    assert_same_distribution(*both("VarianceScaling", (300, 200), **settings))
    axes = {"input_axes": [0, 2], "output_axes": [1]}
    assert_same_distribution(*both("VarianceScaling", (30, 50, 40), **settings, **axes))


@pytest.mark.parametrize("name", ["RandomNormal", "TruncatedNormal", "RandomUniform"])
def test_plain_random_initializers_are_distributed_as_in_keras(name):
    assert_same_distribution(*both(name, (300, 200), seed=1))


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (2, 3, 4)])
def test_orthogonal_has_the_gram_matrix_of_keras(shape):
    ours, theirs = (m.reshape(-1, shape[-1]) for m in both("Orthogonal", shape, gain=1.3, seed=1))
    small = (lambda m: m.T @ m) if ours.shape[0] >= ours.shape[1] else (lambda m: m @ m.T)
    np.testing.assert_allclose(small(ours), small(theirs), atol=3e-6)


def test_constants_are_those_of_keras():
    for name in ("Zeros", "Ones"):
        np.testing.assert_array_equal(*both(name, (2, 3)))
    np.testing.assert_array_equal(*both("Constant", (2, 3), value=1.5))
    np.testing.assert_array_equal(*both("Identity", (2, 3), gain=2.0))


@pytest.mark.parametrize("name", NAMES)
def test_configs_are_those_of_keras_and_each_reads_the_others(name):
    ours, theirs = getattr(initializers, name)(), getattr(keras.initializers, name)()
    forgotten = {"gain": 1.0} if name == "Identity" else {}  # Keras 3.15 forgets it
    assert ours.get_config() == theirs.get_config() | forgotten
    read = initializers.deserialize(keras.initializers.serialize(theirs))
    assert type(read) is type(ours)
    back = keras.initializers.deserialize(initializers.serialize(ours))
    assert type(back) is type(theirs)
