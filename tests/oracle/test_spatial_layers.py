"""Convolution, pooling, resampling, normalisation and activation layers beside those of Keras 3.

From the same weights: outputs, shapes, gradients by the input and by each weight, and what the
weights are called. Keras' torch backend gets averages with uneven padding wrong; those are compared
with a plain computation in tests/layers.
"""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
torch = pytest.importorskip("torch", reason="Keras runs on torch here")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

STEPS, IMAGE, VOLUME = (2, 9, 4), (2, 8, 7, 4), (2, 5, 6, 5, 4)
FIRST = {"data_format": "channels_first"}
PENALTIES = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l2"}


def _windows():
    """A convolution of each kind in each number of dimensions, with each sort of setting."""
    ways = {
        "valid": {},
        "same": {"padding": "same"},
        "strides": {"strides": 2},
        "same, strides": {"strides": 3, "padding": "same"},
        "first": FIRST,
        "no bias, tanh": {"use_bias": False, "activation": "tanh"},
    }
    for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME)):
        kinds = {f"Conv{rank}D": {"filters": 6}, f"Conv{rank}DTranspose": {"filters": 6}}
        if rank < 3:
            kinds |= {
                f"DepthwiseConv{rank}D": {"depth_multiplier": 2},
                f"SeparableConv{rank}D": {"filters": 3, "depth_multiplier": 2},
            }
        for kind, given in kinds.items():
            for way, more in ways.items():
                shaped = (shape[0], shape[-1], *shape[1:-1]) if way == "first" else shape
                yield f"{kind}, {way}", (kind, shaped, {"kernel_size": 3, **given, **more})


def _pools():
    for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME)):
        first = (shape[0], shape[-1], *shape[1:-1])
        for kind in ("Max", "Average"):
            name = f"{kind}Pooling{rank}D"
            yield name, (name, shape, {"pool_size": 2})
            yield f"{name}, strides", (name, shape, {"pool_size": 3, "strides": 1})
            yield f"{name}, same", (name, shape, {"pool_size": 3, "strides": 1, "padding": "same"})
            yield f"{name}, first", (name, first, {"pool_size": 2, "strides": 1, **FIRST})
            whole = f"Global{kind}Pooling{rank}D"
            yield whole, (whole, shape, {})
            yield f"{whole}, first", (whole, first, {"keepdims": True, **FIRST})
            parts = f"Adaptive{kind}Pooling{rank}D"
            yield parts, (parts, shape, {"output_size": 3})
            yield f"{parts}, first", (parts, first, {"output_size": (4, 3, 2)[:rank], **FIRST})
        yield f"MaxPooling{rank}D, uneven", (
            f"MaxPooling{rank}D", shape, {"pool_size": 2, "strides": 2, "padding": "same"}
        )  # fmt: skip


CASES = {
    **dict(_windows()),
    **dict(_pools()),
    "conv, causal": ("Conv1D", STEPS, {"filters": 3, "kernel_size": 3, "padding": "causal"}),
    "conv, causal, dilated": (
        "Conv1D", STEPS, {"filters": 3, "kernel_size": 2, "padding": "causal", "dilation_rate": 3}
    ),
    "conv, causal, strides": (
        "Conv1D", STEPS, {"filters": 3, "kernel_size": 3, "padding": "causal", "strides": 2}
    ),
    "conv, dilated": ("Conv2D", IMAGE, {"filters": 3, "kernel_size": 2, "dilation_rate": (2, 3)}),
    "conv, dilated, same": (
        "Conv2D", IMAGE, {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "same"}
    ),
    "conv, even, same": ("Conv2D", IMAGE, {"filters": 3, "kernel_size": (2, 4), "padding": "same"}),
    "conv, groups": ("Conv2D", IMAGE, {"filters": 6, "kernel_size": 3, "groups": 2}),
    "conv, groups 1d": ("Conv1D", STEPS, {"filters": 4, "kernel_size": 3, "groups": 4}),
    "conv, groups 3d": ("Conv3D", VOLUME, {"filters": 2, "kernel_size": 2, "groups": 2}),
    "conv, pointwise": ("Conv2D", IMAGE, {"filters": 5, "kernel_size": 1}),
    "conv, penalties": ("Conv2D", IMAGE, {"filters": 3, "kernel_size": 3, **PENALTIES}),
    "conv transpose, dilated": (
        "Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": 3, "dilation_rate": 2}
    ),
    "conv transpose, small window": (
        "Conv2DTranspose", IMAGE, {"filters": 3, "kernel_size": 2, "strides": 3}
    ),
    "depthwise, dilated": (
        "DepthwiseConv2D", IMAGE, {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}
    ),
    "upsampling 1d": ("UpSampling1D", STEPS, {"size": 3}),
    "upsampling 2d": ("UpSampling2D", IMAGE, {"size": (2, 3)}),
    "upsampling 2d, first": ("UpSampling2D", IMAGE, {"size": 2, **FIRST}),
    "upsampling 2d, bilinear": (
        "UpSampling2D", IMAGE, {"size": (2, 3), "interpolation": "bilinear"}
    ),
    "upsampling 3d": ("UpSampling3D", VOLUME, {"size": (1, 2, 3)}),
    "zero padding 1d": ("ZeroPadding1D", STEPS, {"padding": (2, 1)}),
    "zero padding 2d": ("ZeroPadding2D", IMAGE, {"padding": ((1, 0), (2, 3))}),
    "zero padding 2d, first": ("ZeroPadding2D", IMAGE, {"padding": (1, 2), **FIRST}),
    "zero padding 3d": ("ZeroPadding3D", VOLUME, {"padding": (1, 0, 2)}),
    "cropping 1d": ("Cropping1D", STEPS, {"cropping": (2, 1)}),
    "cropping 2d": ("Cropping2D", IMAGE, {"cropping": ((1, 0), (2, 3))}),
    "cropping 2d, first": ("Cropping2D", (2, 4, 8, 7), {"cropping": 1, **FIRST}),
    "cropping 3d": ("Cropping3D", VOLUME, {"cropping": (1, 2, 1)}),
    "permute": ("Permute", VOLUME, {"dims": (3, 1, 4, 2)}),
    "repeat vector": ("RepeatVector", (3, 4), {"n": 5}),
    "batch norm": ("BatchNormalization", (6, 4), {}),
    "batch norm, axis": ("BatchNormalization", IMAGE, {"axis": 1, "epsilon": 0.1}),
    "batch norm, no affine": ("BatchNormalization", IMAGE, {"center": False, "scale": False}),
    "layer norm": ("LayerNormalization", STEPS, {}),
    "layer norm, axes": ("LayerNormalization", IMAGE, {"axis": (1, 3), "center": False}),
    "group norm": ("GroupNormalization", IMAGE, {"groups": 2}),
    "group norm, axis": ("GroupNormalization", (2, 6, 5), {"groups": 3, "axis": 1}),
    "group norm, instance": ("GroupNormalization", STEPS, {"groups": -1}),
    "rms norm": ("RMSNormalization", STEPS, {}),
    "rms norm, epsilon": ("RMSNormalization", STEPS, {"epsilon": 0.01}),
    "unit norm": ("UnitNormalization", STEPS, {}),
    "unit norm, axes": ("UnitNormalization", IMAGE, {"axis": (1, 2)}),
    "relu": ("ReLU", STEPS, {}),
    "relu, all": ("ReLU", STEPS, {"max_value": 1.5, "negative_slope": 0.1, "threshold": 0.25}),
    "leaky relu": ("LeakyReLU", STEPS, {}),
    "prelu": ("PReLU", STEPS, {}),
    "prelu, shared": ("PReLU", IMAGE, {"shared_axes": [1, 2]}),
    "elu": ("ELU", STEPS, {"alpha": 0.7}),
    "softmax": ("Softmax", STEPS, {}),
    "softmax, axes": ("Softmax", IMAGE, {"axis": (1, 2)}),
    "activity regularization": ("ActivityRegularization", STEPS, {"l1": 0.1, "l2": 0.2}),
    **{
        f"{kind}, inference": (kind, STEPS, {argument: 0.5})
        for kind, argument in {
            "SpatialDropout1D": "rate", "AlphaDropout": "rate", "GaussianNoise": "stddev",
            "GaussianDropout": "rate",
        }.items()
    },
}  # fmt: skip
NAMES = pytest.mark.parametrize("name", CASES)


def pair(name):
    """Our layer and that of Keras with the same weights, and an input."""
    kind, shape, arguments = CASES[name]
    ours, theirs = (getattr(m.layers, kind)(**arguments) for m in (db, keras))
    rng = np.random.default_rng(5)
    x = rng.normal(size=shape).astype("float32")
    theirs.build(shape)
    weights = [rng.uniform(0.2, 1, w.shape) for w in theirs.get_weights() if w.dtype == "float32"]
    ours.build(shape)
    ours.set_weights(weights)
    for variable, value in zip(_weights(theirs), weights, strict=True):
        variable.assign(value)
    return ours, theirs, x


def _weights(layer):
    return [v for v in layer.weights if "seed" not in v.name]


def _no_smaller_than_rounding(found, expected):
    """Agreement in relation to the largest element: sums of many terms of both signs."""
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-6 * (1 + np.abs(expected).max()))


@NAMES
def test_outputs_and_shapes_agree(backend, name):
    ours, theirs, x = pair(name)
    expected = theirs(x).detach().numpy()
    found = ours(x)
    _no_smaller_than_rounding(backend.numpy(found), expected)
    for shape in ((None, *x.shape[1:]), x.shape):
        assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
        assert ours.compute_output_shape(shape)[1:] == tuple(found.shape)[1:]


@NAMES
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_gradients_agree(backend, name, training):
    if training and "inference" in name:
        pytest.skip("Keras draws other noise")
    ours, theirs, x = pair(name)
    rng = np.random.default_rng(6)
    cotangent = rng.normal(size=theirs(x).shape).astype("float32")
    given = db.Variable(x)

    def loss():
        y = ours(given, training=training)
        total = db.ops.sum(db.ops.multiply(y, cotangent))
        for penalty in ours.losses:
            total = total + penalty
        return total, None

    *_, found = backend.gradients(loss, [given, *ours.trainable_weights])
    leaf = torch.tensor(x, requires_grad=True)
    y = theirs(leaf, training=training) if _takes_training(theirs) else theirs(leaf)
    total = (y * torch.tensor(cotangent)).sum() + sum(theirs.losses)
    leaves = [leaf, *(v.value for v in theirs.trainable_weights)]
    expected = torch.autograd.grad(total, leaves)
    for a, b in zip(found, expected, strict=True):
        _no_smaller_than_rounding(backend.numpy(a), b.numpy())


def _takes_training(layer):
    return "training" in layer.call.__code__.co_varnames


@NAMES
def test_weights_have_the_names_order_and_shapes_of_keras(name):
    ours, theirs, _ = pair(name)
    assert [(v.name, v.shape, v.trainable) for v in ours.weights] == [
        (v.name, tuple(v.shape), v.trainable) for v in _weights(theirs)
    ]


@NAMES
def test_configs_hold_what_those_of_keras_hold_and_make_the_layer_again(name):
    kind, shape, arguments = CASES[name]
    ours = getattr(db.layers, kind)(**arguments).get_config()
    theirs = getattr(keras.layers, kind)(**arguments).get_config()
    never = {"dtype", "renorm", "renorm_clipping", "renorm_momentum", "synchronized", "rms_scaling"}
    assert set(theirs) - never <= set(ours) | {"activity_regularizer"}
    again = getattr(db.layers, kind).from_config(ours)
    assert again.get_config() == ours
    assert again.compute_output_shape(shape) == tuple(
        getattr(keras.layers, kind)(**arguments).compute_output_shape(shape)
    )


@pytest.mark.parametrize("kernel", range(1, 5))
@pytest.mark.parametrize("stride", range(1, 4))
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_convolutions_place_each_cell_where_keras_does(kernel, stride, padding):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 4, 3)), rng.normal(size=(kernel, 2, 3))
    found = db.ops.conv_transpose(x, k, stride, padding)
    expected = keras.ops.conv_transpose(x, k, stride, padding).numpy()
    np.testing.assert_allclose(db.ops.convert_to_numpy(found), expected, rtol=1e-5, atol=1e-6)


# moving statistics --------------------------------------------------------------------------------


def _batch_norms(**arguments):
    ours, theirs = (m.layers.BatchNormalization(**arguments) for m in (db, keras))
    ours.build((None, 5, 3))
    theirs.build((None, 5, 3))
    return ours, theirs


def _same_state(ours, theirs):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arguments", [{}, {"momentum": 0.5}, {"axis": 1}], ids=str)
def test_moving_statistics_after_several_steps_are_those_of_keras(backend, arguments):
    ours, theirs = (m.layers.BatchNormalization(**arguments) for m in (db, keras))
    rng = np.random.default_rng(1)
    for _ in range(6):
        x = (3 + 2 * rng.normal(size=(4, 5, 3))).astype("float32")
        found, expected = ours(x, training=True), theirs(x, training=True)
        np.testing.assert_allclose(
            backend.numpy(found), expected.detach().numpy(), rtol=1e-4, atol=1e-5
        )
    _same_state(ours, theirs)
    x = rng.normal(size=(4, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        backend.numpy(ours(x)), theirs(x).detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_a_mask_leaves_steps_out_of_the_statistics_as_in_keras(backend):
    ours, theirs = _batch_norms(momentum=0.5)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, 5, 3)).astype("float32")
    mask = rng.random((4, 5)) < 0.6
    found = ours(x, training=True, mask=mask)
    expected = theirs(x, training=True, mask=torch.tensor(mask))
    np.testing.assert_allclose(
        backend.numpy(found), expected.detach().numpy(), rtol=1e-4, atol=1e-5
    )
    _same_state(ours, theirs)


def test_the_mean_over_steps_leaves_out_what_a_mask_hides_as_in_keras(backend):
    x = np.random.default_rng(3).normal(size=(3, 4, 2)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]], bool)
    ours, theirs = (m.layers.GlobalAveragePooling1D() for m in (db, keras))
    expected = theirs(x, mask=torch.tensor(mask)).numpy()
    np.testing.assert_allclose(backend.numpy(ours(x, mask=mask)), expected, rtol=1e-5)


def test_a_frozen_batch_norm_uses_its_moving_statistics_and_leaves_them(backend):
    ours, theirs = _batch_norms()
    x = np.random.default_rng(4).normal(size=(4, 5, 3)).astype("float32")
    ours.trainable = theirs.trainable = False
    found, expected = ours(x, training=True), theirs(x, training=True)
    np.testing.assert_allclose(backend.numpy(found), expected.detach().numpy(), rtol=1e-5)
    _same_state(ours, theirs)
    assert not ours.trainable_weights


def test_spectral_normalisation_walks_the_same_way_as_keras(backend):
    rng = np.random.default_rng(5)
    ours, theirs = (
        m.layers.SpectralNormalization(m.layers.Dense(4), power_iterations=2) for m in (db, keras)
    )
    x = rng.normal(size=(3, 5)).astype("float32")
    theirs.build(x.shape)
    ours.build(x.shape)
    kernel, u, bias = (rng.normal(size=s) for s in ((5, 4), (1, 4), (4,)))
    for layer in (ours, theirs):
        layer.layer.kernel.assign(kernel)
        layer.layer.bias.assign(bias)
        layer.vector_u.assign(u)
    for _ in range(3):
        found, expected = ours(x, training=True), theirs(x, training=True)
        np.testing.assert_allclose(
            backend.numpy(found), expected.detach().numpy(), rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(ours.vector_u.numpy(), theirs.vector_u.numpy(), rtol=1e-4, atol=1e-5)
