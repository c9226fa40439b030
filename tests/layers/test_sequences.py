"""Merging, embedding, masking and wrappers: masks, errors, configurations."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, masks, ops

IDS = np.array([[1, 2, 0], [3, 0, 0]])
X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


def numpy(y):
    return ops.convert_to_numpy(y)


def masked(x=X, mask=IDS != 0):
    return masks.attach(ops.convert_to_tensor(x.copy()), ops.convert_to_tensor(mask))


def test_a_sum_is_masked_where_all_terms_are(backend):
    other = np.array([[True, False, True], [True, False, False]])
    y = layers.Add()([masked(), masked(mask=other)])
    np.testing.assert_array_equal(numpy(masks.mask_of(y)), (IDS != 0) | other)
    assert masks.mask_of(layers.Add()([masked(), X])) is None


def test_masks_side_by_side(backend):
    y = layers.Concatenate(axis=1)([masked(), X])
    np.testing.assert_array_equal(
        numpy(masks.mask_of(y)), np.concatenate([IDS != 0, np.ones((2, 3), bool)], 1)
    )
    y = layers.Concatenate()([masked(), masked()])
    np.testing.assert_array_equal(numpy(masks.mask_of(y)), IDS != 0)


@pytest.mark.parametrize(
    ("layer", "shapes", "text"),
    [
        (layers.Add(), (2, 3), "takes a list"),
        (layers.Subtract(), [(2, 3)] * 3, "list of 2"),
        (layers.Add(), [(None, 3), (None, 4)], r"equal lengths.*\(None, 3\), \(None, 4\)"),
        (layers.Multiply(), [(2, 3), (3, 3)], "same batch"),
        (layers.Concatenate(), [(2, 3, 4), (2, 4, 4)], "agree on all axes but -1"),
        (layers.Concatenate(), [(2, 3), (2, 3, 4)], "equally many axes"),
        (layers.Concatenate(axis=0), [(2, 3), (2, 3)], "along the batch"),
        (layers.Dot(1), [(2, 3), (2, 4)], "equal lengths along axes 1"),
        (layers.Dot(2), [(2, 3), (2, 4)], "have no axes 2"),
    ],
)
def test_shapes_that_do_not_fit_are_named_when_built(layer, shapes, text):
    with pytest.raises(ValueError, match=text) as caught:
        layer.build(shapes)
    assert layer.name in str(caught.value)


def test_symbolic_tensors_are_merged():
    a, b = db.Input((3, 4)), db.Input((1, 4))
    assert layers.add([a, b]).shape == (None, 3, 4)
    assert layers.concatenate([a, b], axis=1).shape == (None, 4, 4)
    assert layers.dot([a, b], axes=-1).shape == (None, 3, 1)


def test_an_embedding_masks_zeros(backend):
    y = layers.Embedding(5, 2, mask_zero=True)(IDS)
    np.testing.assert_array_equal(numpy(masks.mask_of(y)), IDS != 0)
    assert masks.mask_of(layers.Embedding(5, 2)(IDS)) is None


def test_an_id_beyond_the_table_is_named(backend):
    with pytest.raises(ValueError, match=r"'words'.*ids 0 to 4.*input_dim = largest id"):
        layers.Embedding(5, 2, name="words")(IDS + 3)


def test_the_gradient_of_an_embedding_counts_each_id(backend):
    layer = layers.Embedding(5, 2)
    layer.build()
    ids = np.array([[1, 1, 3], [1, -1, 3]])
    *_, (gradient,) = backend.gradients(lambda: (ops.sum(layer(ids)), None), layer.weights)
    np.testing.assert_array_equal(backend.numpy(gradient)[:, 0], [0, 3, 0, 2, 1])


def test_an_embedding_takes_its_table(backend):
    table = np.arange(10.0).reshape(5, 2)
    for weights in (table, [table]):
        found = numpy(layers.Embedding(5, 2, weights=weights)(IDS))
        np.testing.assert_array_equal(found, table[IDS])


def test_masking_hides_and_zeroes_steps_of_one_value(backend):
    x = X.copy()
    x[0, 1] = 7
    y = layers.Masking(7.0)(x)
    assert not numpy(y)[0, 1].any()
    expected = np.ones((2, 3), bool)
    expected[0, 1] = False
    np.testing.assert_array_equal(numpy(masks.mask_of(y)), expected)


def test_each_step_goes_through_the_layer_within(backend):
    layer = layers.TimeDistributed(layers.Dense(5))
    found = numpy(layer(X))
    dense = layer.layer
    np.testing.assert_allclose(found, numpy(dense(X)), rtol=1e-6)
    assert layer.weights == dense.weights
    np.testing.assert_array_equal(numpy(masks.mask_of(layer(masked()))), IDS != 0)
    with pytest.raises(ValueError, match=r"\(batch, steps"):
        layers.TimeDistributed(layers.Dense(5))(X[0])


def test_bidirectional_reads_both_ways(backend):
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=None)
    forward, backward = (numpy(y) for y in layer(X))
    np.testing.assert_array_equal(forward, numpy(layer.forward_layer(X)))
    np.testing.assert_array_equal(backward, numpy(layer.backward_layer(X))[:, ::-1])
    assert layer.forward_layer.name.startswith("forward_lstm")
    assert layer.backward_layer.name.startswith("backward_lstm")


def test_bidirectional_gives_zeros_at_masked_steps(backend):
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True))(masked())
    assert not numpy(y)[IDS == 0].any()
    assert numpy(y)[IDS != 0].all()
    np.testing.assert_array_equal(numpy(masks.mask_of(y)), IDS != 0)


def test_what_bidirectional_refuses():
    with pytest.raises(ValueError, match="recurrent layer"):
        layers.Bidirectional(layers.Dense(3))
    with pytest.raises(ValueError, match=r"merge mode.*'ave'"):
        layers.Bidirectional(layers.LSTM(3), merge_mode="avg")
    with pytest.raises(ValueError, match="opposite ways"):
        layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3))
    way_back = layers.LSTM(3, go_backwards=True, return_sequences=True)
    with pytest.raises(ValueError, match="same return_sequences"):
        layers.Bidirectional(layers.LSTM(3), backward_layer=way_back)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Concatenate(axis=1),
        layers.Dot((1, 2), normalize=True),
        layers.Embedding(5, 2, mask_zero=True, embeddings_initializer="zeros"),
        layers.Masking(3.0),
        layers.Average(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_configuration_gives_the_layer_again(layer):
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_a_masked_model_does_not_see_what_is_padded(backend):
    model = db.Sequential(
        [
            db.Input((None,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.LSTM(3),
            layers.Dense(1),
        ]
    )
    short = model.predict(np.array([[1, 2, 3]]), verbose=0)
    padded = model.predict(np.array([[1, 2, 3, 0, 0]]), verbose=0)
    np.testing.assert_allclose(short, padded, rtol=1e-5, atol=1e-6)
