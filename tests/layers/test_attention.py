"""What attention owes beyond its formula: masks, dropout, shapes, errors."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, masks, ops

RNG = np.random.default_rng(0)
QUERY, VALUE = (RNG.normal(size=shape).astype("float32") for shape in ((2, 5, 4), (2, 3, 6)))


def numpy(y):
    return ops.convert_to_numpy(y)


def test_weights_have_the_shapes_of_heads():
    layer = layers.MultiHeadAttention(2, 3, value_dim=5)
    layer(QUERY, VALUE)
    shapes = [v.shape for v in layer.weights]
    assert shapes == [(4, 2, 3), (2, 3), (6, 2, 3), (2, 3), (6, 2, 5), (2, 5), (2, 5, 4), (4,)]


@pytest.mark.parametrize("scores", [False, True])
def test_a_causal_step_does_not_see_what_comes_after(backend, scores):
    layer = layers.MultiHeadAttention(2, 3)

    def run(x):
        y = layer(x, x, use_causal_mask=True, return_attention_scores=scores)
        return numpy(y[0] if scores else y)

    changed = QUERY.copy()
    changed[:, 3:] += 1
    np.testing.assert_allclose(run(QUERY)[:, :3], run(changed)[:, :3], rtol=1e-5, atol=1e-6)
    assert not np.allclose(run(QUERY)[:, 3:], run(changed)[:, 3:])


def test_padding_of_an_embedding_is_not_attended_to(backend):
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 1, 2]])
    other = ids.copy()
    other[0, 3:] = 7
    embedding, layer = layers.Embedding(8, 4, mask_zero=True), layers.MultiHeadAttention(2, 3)
    x = embedding(ids)
    y = layer(x, x)
    np.testing.assert_array_equal(numpy(masks.mask_of(y)), ids != 0)
    hidden = masks.attach(embedding(other), ops.convert_to_tensor(ids != 0))
    seen = numpy(layer(hidden, hidden))
    np.testing.assert_allclose(numpy(y)[0, :3], seen[0, :3], rtol=1e-5, atol=1e-6)


def test_scores_are_weights_that_sum_to_one(backend):
    mask = RNG.random((2, 5, 3)) < 0.7
    mask[..., 0] = True
    _, scores = layers.MultiHeadAttention(2, 3)(
        QUERY, VALUE, attention_mask=mask, return_attention_scores=True
    )
    scores = numpy(scores)
    assert scores.shape == (2, 2, 5, 3)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)
    assert not scores[~np.broadcast_to(mask[:, None], scores.shape)].any()


def test_a_step_that_may_attend_to_nothing_attends_to_all_alike(backend):
    layer = layers.MultiHeadAttention(2, 3)
    nothing = np.zeros((2, 5, 3), bool)
    y = layer(QUERY, VALUE, attention_mask=nothing)
    again, scores = layer(QUERY, VALUE, attention_mask=nothing, return_attention_scores=True)
    np.testing.assert_allclose(numpy(scores), 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(numpy(y), numpy(again), rtol=1e-5, atol=1e-6)
    gradient = ops.grad(lambda q: ops.sum(layer(q, VALUE, attention_mask=nothing)))(QUERY)
    assert not numpy(gradient).any()


def test_symbolic_outputs_have_the_shapes_of_real_ones():
    query, value = db.Input((None, 4)), db.Input((3, 6))
    layer = layers.MultiHeadAttention(2, 3, output_shape=7)
    assert layer(query, value).shape == (None, None, 7)
    y, scores = layer(query, value, return_attention_scores=True)
    assert (y.shape, scores.shape) == ((None, None, 7), (None, 2, None, 3))
    assert layers.Attention()([query, db.Input((3, 4))]).shape == (None, None, 4)


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_dropout_thins_out_the_weights_while_training(backend, kind):
    arguments = (2, 3) if kind == "MultiHeadAttention" else (3, 4, 2)
    layer = getattr(layers, kind)(*arguments, dropout=0.5, seed=1)
    first, second = (numpy(layer(QUERY, VALUE, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(numpy(layer(QUERY, VALUE)), numpy(layer(QUERY, VALUE)))


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="heads"):
        layers.MultiHeadAttention(0, 3)
    with pytest.raises(ValueError, match="multiple of num_key_value_heads; got 4 and 3"):
        layers.GroupQueryAttention(3, 4, 3)
    with pytest.raises(ValueError, match=r"as many sources.*\(2, 3, 6\).*\(2, 5, 4\)"):
        layers.MultiHeadAttention(2, 3)(QUERY, VALUE, QUERY)
    with pytest.raises(ValueError, match=r"list \[query, value\]"):
        layers.Attention()(QUERY)
    with pytest.raises(ValueError, match="score_mode"):
        layers.Attention(score_mode="cosine")
    with pytest.raises(ValueError, match="four axes"):
        ops.dot_product_attention(QUERY, QUERY, QUERY)
    with pytest.raises(ValueError, match="groups dividing heads"):
        ops.dot_product_attention(*(np.zeros((1, 2, n, 3)) for n in (4, 3, 3)))


@pytest.mark.parametrize(
    "layer",
    [
        layers.MultiHeadAttention(2, 3, 4, output_shape=5, attention_axes=(1,), dropout=0.1),
        layers.GroupQueryAttention(3, 4, 2, use_bias=False, kernel_initializer="he_normal"),
        layers.Attention(use_scale=True, score_mode="concat"),
        layers.AdditiveAttention(dropout=0.2, seed=3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_configuration_gives_the_layer_again(layer):
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_kernels_of_query_key_and_value_start_unlike(backend):
    layer = layers.MultiHeadAttention(8, 32)
    x = np.zeros((2, 5, 256), "float32")
    layer(x, x)
    query, key, value, output = layer.get_weights()[::2]
    assert not np.allclose(query, key)
    assert not np.allclose(query, value)
    limit = np.sqrt(6 / (256 + 8 * 32))  # features and heads times dim, as the einsum counts them
    for kernel in (query, key, value, output):
        assert 0.99 * limit < abs(kernel).max() <= limit
