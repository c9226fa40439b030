"""Attention beside that of Keras 3, from the same weights."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
torch = pytest.importorskip("torch", reason="Keras runs on torch here")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

RNG = np.random.default_rng(0)
QUERY, VALUE, KEY = (
    RNG.normal(size=shape).astype("float32") for shape in ((2, 5, 4), (2, 3, 6), (2, 3, 5))
)
PLACES = RNG.random((2, 5, 3)) < 0.6
PLACES[..., 0] = True
MASKS = [np.array([[1, 1, 1, 0, 0], [1] * 5], bool), np.array([[1, 0, 1], [0, 1, 1]], bool)]


def assert_agree(ours, theirs, *inputs, **how):
    """The same results, after the weights have been made the same."""
    ours(*inputs, **how), theirs(*inputs, **how)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape) * 0.5 for w in theirs.get_weights()]
    assert [w.shape for w in weights] == [w.shape for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    found, expected = ours(*inputs, **how), theirs(*inputs, **how)
    if not isinstance(expected, (tuple, list)):
        found, expected = [found], [expected]
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        a = db.ops.convert_to_numpy(a)
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-5, atol=2e-6)


HEADS = {
    "plain": {},
    "value dim": {"value_dim": 7},
    "output shape": {"use_bias": False, "output_shape": 3},
    "output axes": {"output_shape": (2, 3)},
    "gate": {"use_gate": True},
}
CALLS = {
    "plain": {},
    "causal": {"use_causal_mask": True},
    "mask": {"attention_mask": PLACES},
    "scores": {"attention_mask": PLACES, "return_attention_scores": True},
    "both": {"attention_mask": PLACES, "use_causal_mask": True, "return_attention_scores": True},
    "masked value": {"value_mask": MASKS[1]},
}


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("call", CALLS)
def test_multi_head_attention_agrees(backend, heads, call):
    layers = (k.layers.MultiHeadAttention(2, 3, **HEADS[heads]) for k in (db, keras))
    assert_agree(*layers, QUERY, VALUE, KEY, **CALLS[call])


def test_a_sliding_window_agrees(backend):
    layers = (k.layers.MultiHeadAttention(2, 3, sliding_window=2) for k in (db, keras))
    assert_agree(*layers, QUERY, QUERY, use_causal_mask=True)


@pytest.mark.parametrize("axes", [None, 2, 1, (1, 2)])
@pytest.mark.parametrize("scores", [False, True])
def test_any_axes_agree(backend, axes, scores):
    x, y = (RNG.normal(size=(2, 3, 4, 6)).astype("float32") * 0.5 for _ in range(2))
    layers = (k.layers.MultiHeadAttention(2, 3, attention_axes=axes) for k in (db, keras))
    assert_agree(*layers, x, y, return_attention_scores=scores)


def test_a_mask_over_two_axes_agrees(backend):
    x = RNG.normal(size=(2, 3, 4, 6)).astype("float32") * 0.5
    mask = RNG.random((2, 3, 4, 3, 4)) < 0.7
    mask[..., 0, 0] = True
    layers = (k.layers.MultiHeadAttention(2, 3) for k in (db, keras))
    assert_agree(*layers, x, x, attention_mask=mask)


@pytest.mark.parametrize("call", ["plain", "causal", "mask", "scores"])
@pytest.mark.parametrize("how", [{}, {"use_gate": True}, {"use_bias": False}])
def test_group_query_attention_agrees(backend, call, how):
    layers = (k.layers.GroupQueryAttention(3, 4, 2, **how) for k in (db, keras))
    assert_agree(*layers, QUERY, VALUE, **CALLS[call])


SCORES = {
    "dot": ("Attention", {}),
    "scale": ("Attention", {"use_scale": True}),
    "concat": ("Attention", {"score_mode": "concat"}),
    "concat, scale": ("Attention", {"score_mode": "concat", "use_scale": True}),
    "additive": ("AdditiveAttention", {}),
    "additive, no scale": ("AdditiveAttention", {"use_scale": False}),
}


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("call", ["plain", "causal", "scores"])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_agrees(backend, kind, call, masked):
    name, how = SCORES[kind]
    value = VALUE[..., :4].copy()
    given = {k: v for k, v in CALLS[call].items() if k != "attention_mask"}
    given |= {"mask": MASKS} if masked else {}
    layers = (getattr(k.layers, name)(**how) for k in (db, keras))
    assert_agree(*layers, [QUERY, value, 2 * value], **given)


@pytest.mark.parametrize("how", [{}, {"is_causal": True}, {"scale": 0.3}, {"bias": True}])
def test_the_op_agrees(backend, how):
    q = RNG.normal(size=(2, 5, 4, 3)).astype("float32")
    k, v = (RNG.normal(size=(2, 6, 2, 3)).astype("float32") for _ in range(2))
    how = how | ({"bias": RNG.normal(size=(2, 4, 5, 6)).astype("float32")} if "bias" in how else {})
    found = db.ops.convert_to_numpy(db.ops.dot_product_attention(q, k, v, **how))
    expected = keras.ops.dot_product_attention(q, k, v, **how).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_names_of_the_weights_are_those_of_keras():
    layers = [k.layers.MultiHeadAttention(2, 3, name="heads") for k in (db, keras)]
    for layer in layers:
        layer.build(query_shape=(2, 5, 4), value_shape=(2, 3, 6))
    ours, theirs = ([v.path for v in layer.weights] for layer in layers)
    assert ours == [path for path in theirs if "seed" not in path]
