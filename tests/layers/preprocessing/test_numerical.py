"""Rescaling, Normalization and Discretization: what adapt learns from, and what it refuses."""

import numpy as np
import pytest

from deepbasics import Input, Model, Sequential, layers, ops
from deepbasics.data import PyDataset

RNG = np.random.default_rng(2)
DATA = RNG.normal(5, 3, size=(60, 3))


class Batches(PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return DATA[10 * index : 10 * index + 10], np.zeros(10)


def frame():
    return pytest.importorskip("pandas", reason="tables").DataFrame(DATA, columns=["a", "b", "c"])


SOURCES = {
    "array": lambda: DATA,
    "lists": lambda: DATA.tolist(),
    "rows": lambda: list(DATA),
    "batches": lambda: [DATA[:1], DATA[1:40], DATA[40:]],
    "table": frame,
    "generator": lambda: (DATA[i : i + 7] for i in range(0, 60, 7)),
    "generator of pairs": lambda: ((DATA[i : i + 20], None) for i in range(0, 60, 20)),
    "PyDataset": Batches,
}
EVERY = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def values(x):
    return ops.convert_to_numpy(x)


@EVERY
def test_mean_and_variance_of_any_source(source, backend):
    layer = layers.Normalization()
    layer.adapt(source())
    y = values(layer(DATA))
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(values(layer.mean), DATA.mean(axis=0, keepdims=True), rtol=1e-6)
    assert int(layer.weights[2].numpy()) == 60


@EVERY
def test_bins_of_any_source_hold_about_as_many(source):
    layer = layers.Discretization(num_bins=4)
    layer.adapt(source())
    counts = np.bincount(values(layer(DATA)).ravel(), minlength=4)
    assert counts.sum() == DATA.size
    assert (abs(counts - 45) <= 3).all()


def test_tensors_are_learned_from_too(backend):
    layer = layers.Normalization()
    layer.adapt(ops.convert_to_tensor(DATA, "float64"))
    np.testing.assert_allclose(values(layer.mean), DATA.mean(axis=0, keepdims=True), rtol=1e-6)


def test_small_differences_far_from_zero_survive_the_merging():
    data = 1e6 + RNG.normal(size=(1000, 1))
    layer = layers.Normalization()
    layer.adapt(data[i : i + 13] for i in range(0, 1000, 13))
    assert float(values(layer.variance)[0, 0]) == pytest.approx(data.var(), rel=1e-6)


def test_adapting_again_starts_afresh():
    layer = layers.Normalization()
    layer.adapt(DATA + 100)
    layer.adapt(DATA)
    np.testing.assert_allclose(values(layer.mean), DATA.mean(axis=0, keepdims=True), rtol=1e-6)


def test_a_constant_feature_stays_finite(backend):
    layer = layers.Normalization()
    layer.adapt(np.ones((5, 2)))
    assert values(layer(np.ones((5, 2)))).tolist() == np.zeros((5, 2)).tolist()


def test_normalization_in_a_model_trains_and_stays_as_it_was_learned(backend):
    layer = layers.Normalization()
    layer.adapt(DATA)
    model = Sequential([layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    before = [w.numpy() for w in layer.weights]
    first, *_, last = model.fit(DATA, DATA.sum(1), epochs=30, verbose=0).history["loss"]
    assert last < first / 10
    assert all(np.array_equal(a, w.numpy()) for a, w in zip(before, layer.weights, strict=True))
    assert layer.trainable_weights == []


def test_invert_undoes_it(backend):
    there, back = layers.Normalization(), layers.Normalization(invert=True)
    for layer in (there, back):
        layer.adapt(DATA)
    np.testing.assert_allclose(values(back(there(DATA))), DATA, rtol=1e-5)


def test_discretization_within_a_model(backend):
    x = Input((3,))
    model = Model(x, layers.Discretization([-1.0, 1.0], output_mode="multi_hot")(x))
    assert model.output_shape == (None, 3)
    assert model.predict(np.array([[0.0, 5.0, 1.0]]), verbose=0).tolist() == [[0.0, 1.0, 1.0]]


def test_a_learned_discretization_goes_with_its_config():
    layer = layers.Discretization(num_bins=4)
    layer.adapt(DATA)
    again = layers.deserialize(layers.serialize(layer))
    assert again.bin_boundaries == layer.bin_boundaries
    again.adapt(DATA * 2)
    assert again.bin_boundaries != layer.bin_boundaries


BAD = {
    "needs both mean and variance": lambda: layers.Normalization(mean=1.0),
    "cannot have shape \\(1, 1\\)": lambda: layers.Normalization(mean=[[1.0]], variance=[[1.0]]),
    "a variance is at least 0; got -1": lambda: layers.Normalization(mean=0.0, variance=-1.0),
    "layer 'n': axis=\\(2,\\) is out of range for inputs of shape \\(5, 3\\)": lambda: (
        layers.Normalization(axis=2, name="n").build((5, 3))
    ),
    "lengths of these axes must be known; got shape \\(None, None\\)": lambda: (
        layers.Normalization().build((None, None))
    ),
    "mean of shape \\(2,\\) does not fit inputs with lengths \\(3,\\)": lambda: (
        layers.Normalization(mean=[0.0, 1.0], variance=[1.0, 1.0]).build((None, 3))
    ),
    "'n' was given its mean and variance; it cannot adapt": lambda: layers.Normalization(
        mean=0.0, variance=1.0, name="n"
    ).adapt(DATA),
    "'n': adapt got no data": lambda: layers.Normalization(name="n").adapt(iter(())),
    "'n': adapt got data that are NaN": lambda: layers.Normalization(name="n").adapt(
        np.array([[1.0], [np.nan]])
    ),
    "'n': adapt needs numbers in one shape; got list \\[\\['a'\\]\\]": lambda: layers.Normalization(
        name="n"
    ).adapt([["a"]]),
    "values for lengths \\(3,\\) along axis=.*adapt got data of shape \\(4, 2\\)": lambda: (
        layers.Normalization().adapt([np.ones((5, 3)), np.ones((4, 2))])
    ),
    "'n' has no mean before adapt": lambda: layers.Normalization(name="n").mean,
    "needs either bin_boundaries or num_bins; got None and None": layers.Discretization,
    "either bin_boundaries or num_bins": lambda: layers.Discretization([1.0], num_bins=2),
    "'d': bin_boundaries must be a list of ascending numbers; got \\[2.0, 1.0\\]": lambda: (
        layers.Discretization([2.0, 1.0], name="d")
    ),
    "num_bins must be a positive integer; got 0": lambda: layers.Discretization(num_bins=0),
    "epsilon must lie between 0 and 1; got 2": lambda: layers.Discretization(num_bins=2, epsilon=2),
    "'d' was given bin_boundaries; give it num_bins": lambda: layers.Discretization(
        [1.0], name="d"
    ).adapt(DATA),
    "'d' does not know its bins yet: call adapt\\(data\\) first": lambda: layers.Discretization(
        num_bins=3, name="d"
    )(DATA),
    "Unknown output_mode 'multihot'. Did you mean 'multi_hot'": lambda: layers.Discretization(
        [1.0], output_mode="multihot"
    ),
    "no sparse tensors": lambda: layers.Discretization([1.0], output_mode="count", sparse=True),
}


@pytest.mark.parametrize(("said", "do"), BAD.items(), ids=BAD)
def test_what_cannot_be_is_said(said, do):
    with pytest.raises(ValueError, match=said):
        do()
