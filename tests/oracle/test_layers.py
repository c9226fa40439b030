"""Layers beside those of Keras 3: outputs and gradients from the same weights."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
torch = pytest.importorskip("torch", reason="Keras runs on torch here")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}
L2 = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l2"}

# (layer, shape of the input, arguments)
CASES = {
    "dense, rank 2": ("Dense", (4, 3), {"units": 5}),
    "dense, rank 3": ("Dense", (4, 2, 3), {"units": 5, "activation": "tanh"}),
    "dense, rank 4": ("Dense", (2, 3, 2, 4), {"units": 3, "activation": "relu"}),
    "dense, no bias": ("Dense", (4, 3), {"units": 5, "use_bias": False}),
    "dense, one unit": ("Dense", (4, 3), {"units": 1, "activation": "sigmoid"}),
    "dense, softmax": ("Dense", (4, 3), {"units": 5, "activation": "softmax"}),
    "dense, penalties": ("Dense", (4, 3), {"units": 5, **L2}),
    "flatten": ("Flatten", (3, 2, 4), {}),
    "flatten, channels first": ("Flatten", (3, 2, 4, 5), {"data_format": "channels_first"}),
    "flatten, rank 1": ("Flatten", (3,), {}),
    "reshape": ("Reshape", (3, 8), {"target_shape": (2, 4)}),
    "reshape, -1": ("Reshape", (3, 2, 6), {"target_shape": (3, -1)}),
    "dropout": ("Dropout", (4, 3), {"rate": 0.5}),
    "identity": ("Identity", (4, 3), {}),
    **{
        f"einsum dense, {equation}, {axes}": (
            "EinsumDense",
            shape,
            {"equation": equation, "output_shape": into, "bias_axes": axes, "activation": "tanh"},
        )
        for equation, shape, into, axes in (
            ("ab,bc->ac", (4, 3), 5, None),
            ("abc,cd->abd", (4, 2, 3), (2, 5), "d"),
            ("abc,cde->abde", (4, 2, 3), (2, 5, 2), "be"),
            ("abc,bcd->abd", (4, 2, 3), (2, 5), "bd"),
            ("abc,bd->adc", (4, 2, 3), (5, 3), "d"),
            ("...x,xy->...y", (4, 3), 5, "y"),
            ("...x,xy->...y", (4, 6, 6, 3), 5, "y"),  # Keras mixes up such axes
            ("...ab,bcd->...acd", (4, 2, 6, 3), (6, 2, 5), "c"),
            ("ab...,bc->ac...", (4, 3, 2, 6), 5, "c"),
            ("abc...,cbd->adb...", (4, 3, 2, 6), (5, 3), "db"),
        )
    },
    **{
        f"activation, {name}": ("Activation", (4, 3), {"activation": name})
        for name in ("relu", "sigmoid", "tanh", "softmax", "elu", "selu", "softplus", "linear")
    },
}


def pair(name):
    """Our layer and that of Keras with the same weights, and an input."""
    kind, shape, arguments = CASES[name]
    ours, theirs = (getattr(m.layers, kind)(**arguments) for m in (db, keras))
    rng = np.random.default_rng(5)
    x = rng.normal(size=shape).astype("float32")
    theirs.build(shape)
    weights = [rng.normal(size=w.shape) for w in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.build(shape)
    ours.set_weights(weights)
    return ours, theirs, x


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_shapes_agree(backend, name):
    ours, theirs, x = pair(name)
    found, expected = ours(x), theirs(x).detach().numpy()
    np.testing.assert_allclose(backend.numpy(found), expected, **TOLERANCE)
    assert ours.compute_output_shape((None, *x.shape[1:])) == tuple(
        theirs.compute_output_shape((None, *x.shape[1:]))
    )


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree(backend, name):
    ours, theirs, x = pair(name)
    cotangent = np.random.default_rng(6).normal(size=theirs(x).shape).astype("float32")

    given = db.Variable(x)

    def loss():
        total = db.ops.sum(db.ops.multiply(ours(given), cotangent))
        for penalty in ours.losses:
            total = total + penalty
        return total, None

    *_, found = backend.gradients(loss, [given, *ours.weights])
    leaf = torch.tensor(x, requires_grad=True)
    weights = [v.value for v in theirs.trainable_weights]
    total = (theirs(leaf) * torch.tensor(cotangent)).sum() + sum(theirs.losses)
    expected = torch.autograd.grad(total, [leaf, *weights])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(backend.numpy(a), b.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_weights_have_the_names_order_and_shapes_of_keras(backend, name):
    ours, theirs, _ = pair(name)
    assert [(v.name, v.shape) for v in ours.weights] == [
        (v.name, tuple(v.shape)) for v in theirs.weights if "seed" not in v.name
    ]
    assert ours.count_params() == sum(w.size for w in theirs.get_weights() if w.dtype == "float32")


def test_dropout_while_training_keeps_and_scales_as_many_as_keras_does():
    x = np.ones((200, 200), "float32")
    layer = db.layers.Dropout(0.3, seed=1)
    found = db.ops.convert_to_numpy(layer(x, training=True))
    assert set(np.unique(found)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((found == 0).mean() - 0.3) < 0.01
    theirs = keras.layers.Dropout(0.3, seed=1)(x, training=True).numpy()
    np.testing.assert_allclose(np.unique(found), np.unique(theirs), rtol=1e-6)


def test_configs_hold_what_those_of_keras_hold():
    for kind, _, arguments in CASES.values():
        ours = getattr(db.layers, kind)(**arguments).get_config()
        theirs = getattr(keras.layers, kind)(**arguments).get_config()
        own = set(theirs) - {"dtype", "quantization_config", "lora_rank", "lora_alpha"}
        assert own <= set(ours) | {"activity_regularizer"}, kind


def test_automatic_names_are_those_of_keras():
    for library in (db, keras):
        library.utils.clear_session()
    for kind, arguments in (("Dense", (1,)), ("Dense", (1,)), ("Flatten", ()), ("Dense", (1,))):
        ours, theirs = (getattr(m.layers, kind)(*arguments) for m in (db, keras))
        assert ours.name == theirs.name
    assert db.Sequential().name == keras.Sequential().name
    assert db.layers.InputLayer((3,)).name == keras.layers.InputLayer((3,)).name
