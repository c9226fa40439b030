"""Merging, embedding, masking and TimeDistributed beside those of Keras 3."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
pytest.importorskip("torch", reason="Keras runs on torch here")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

RNG = np.random.default_rng(0)
A, B = (RNG.normal(size=(3, 2, 4)).astype("float32") for _ in range(2))
C = RNG.normal(size=(3, 4)).astype("float32")
CASES = {
    "add": ("Add", {}, [A, B, A]),
    "add, other ranks": ("Add", {}, [A, C]),
    "subtract": ("Subtract", {}, [A, B]),
    "multiply": ("Multiply", {}, [A, B, B]),
    "average": ("Average", {}, [A, B, A]),
    "maximum": ("Maximum", {}, [A, B]),
    "minimum": ("Minimum", {}, [A, B]),
    "concatenate": ("Concatenate", {}, [A, B]),
    "concatenate, axis": ("Concatenate", {"axis": 1}, [A, B]),
    "dot": ("Dot", {"axes": 1}, [A, B]),
    "dot, other axes": ("Dot", {"axes": (2, 1)}, [A, C]),
    "dot, cosine": ("Dot", {"axes": -1, "normalize": True}, [A, B]),
    "dot, rows": ("Dot", {"axes": 1}, [C, C]),
    "dot, swapped": ("Dot", {"axes": (1, 2)}, [C, A]),
}


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_shapes_agree(backend, case):
    name, how, inputs = CASES[case]
    ours, theirs = (getattr(k.layers, name)(**how) for k in (db, keras))
    found, expected = backend.numpy(ours(inputs)), theirs(inputs).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    for batch in (None, 3):
        shapes = [(batch, *x.shape[1:]) for x in inputs]
        assert ours.compute_output_shape(shapes) == tuple(theirs.compute_output_shape(shapes))


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "average", "maximum", "minimum",
                                  "concatenate", "dot"])  # fmt: skip
def test_functions_agree(backend, name):
    inputs = [C, 2 * C] if name == "dot" else [A, B]
    found, expected = (getattr(k.layers, name)(inputs) for k in (db, keras))
    np.testing.assert_allclose(backend.numpy(found), expected.numpy(), rtol=1e-6, atol=1e-6)


def test_embedding_agrees(backend):
    ids = RNG.integers(0, 7, (3, 5))
    ours, theirs = (k.layers.Embedding(7, 4, mask_zero=True) for k in (db, keras))
    for layer in (ours, theirs):
        layer.build((3, 5))
    ours.set_weights(theirs.get_weights())
    for given in (ids, ids.astype("float32") + 0.5, np.array([[-1]])):
        np.testing.assert_array_equal(backend.numpy(ours(given)), theirs(given).detach().numpy())
    np.testing.assert_array_equal(
        backend.numpy(ours.compute_mask(ids, None)), theirs.compute_mask(ids).numpy()
    )


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_masking_agrees(backend, value):
    x = RNG.integers(0, 3, (4, 6, 2)).astype("float32")
    ours, theirs = (k.layers.Masking(value) for k in (db, keras))
    np.testing.assert_array_equal(backend.numpy(ours(x)), theirs(x).numpy())
    mask = backend.numpy(ours.compute_mask(x, None))
    np.testing.assert_array_equal(mask, theirs.compute_mask(x).numpy())


@pytest.mark.parametrize("inner", [("Dense", (3,)), ("LSTM", (3,)), ("Flatten", ())])
def test_time_distributed_agrees(backend, inner):
    name, arguments = inner
    x = RNG.normal(size=(2, 3, 5, 4)).astype("float32")
    layers = [k.layers.TimeDistributed(getattr(k.layers, name)(*arguments)) for k in (db, keras)]
    for layer in layers:
        layer.build(x.shape)
    ours, theirs = layers
    ours.set_weights(theirs.get_weights())
    found, expected = backend.numpy(ours(x)), theirs(x).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    shape = (None, None, 5, 4)
    assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
