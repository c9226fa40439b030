"""Convolution and pooling layers: what they refuse, and cases with answers known by hand."""

import numpy as np
import pytest

from deepbasics import Sequential, layers, ops


def _raises(match):
    return pytest.raises(ValueError, match=match)


# what cannot work is said when the layer is made or built -----------------------------------------


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2D", "SeparableConv2D"])
def test_a_window_larger_than_its_input_is_named_with_the_formula(name):
    layer = getattr(layers, name)(*((4, 5) if name != "DepthwiseConv2D" else (5,)), name="wide")
    with _raises(
        rf"{name} layer 'wide': a window of \(5, 5\) does not fit into spatial lengths \(4, 9\)"
        r".*floor\(\(n - \(k-1\)·d - 1\) / s\) \+ 1.*at least 1"
    ):
        layer.build((None, 4, 9, 3))


def test_a_dilated_window_is_as_large_as_it_reaches():
    layer = layers.Conv1D(2, 3, dilation_rate=4)
    with _raises(r"window of \(3,\) \(dilated by \(4,\): \(9,\)\) does not fit .* \(8,\)"):
        layer.build((None, 8, 1))


@pytest.mark.parametrize("name", ["MaxPooling2D", "AveragePooling2D"])
def test_a_pool_larger_than_its_input_is_named(name):
    model = Sequential([layers.Input((3, 3, 1))])
    with _raises(rf"{name} layer '.*': a window of \(4, 4\) does not fit .* \(3, 3\)"):
        model.add(getattr(layers, name)(4))


def test_filters_that_are_no_multiple_of_the_groups():
    with _raises("Conv2D: filters must be a multiple of groups.*filters=5, groups=2"):
        layers.Conv2D(5, 3, groups=2)


def test_channels_that_are_no_multiple_of_the_groups():
    layer = layers.Conv2D(4, 3, groups=2, name="halves")
    with _raises(r"'halves': the channels must be a multiple of groups.*3 channels.*groups=2"):
        layer.build((None, 8, 8, 3))


@pytest.mark.parametrize("make", [layers.Conv2D, layers.SeparableConv2D, layers.Conv2DTranspose])
def test_strides_and_dilation_do_not_go_together(make):
    with _raises(r"strides=\(2, 2\), dilation_rate=\(3, 3\). Set one of them to 1"):
        make(4, 3, strides=2, dilation_rate=3)


def test_an_image_without_channels_is_told_how_to_get_them():
    layer = layers.Conv2D(4, 3, name="first")
    with _raises(
        r"Conv2D layer 'first' needs inputs of shape \(batch, height, width, channels\), 4 axes; "
        r"got \(None, 28, 28\).*Reshape\(\(28, 28, 1\)\)"
    ):
        layer.build((None, 28, 28))


@pytest.mark.parametrize(
    "layer",
    [
        layers.MaxPooling1D(2),
        layers.GlobalAveragePooling2D(),
        layers.UpSampling3D(2),
        layers.ZeroPadding2D(1),
        layers.Cropping1D(1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_wrong_rank_is_named(layer):
    with _raises(rf"{type(layer).__name__} layer .* needs inputs of shape .*; got \(None, 6\)"):
        layer.build((None, 6))


def test_channels_must_be_known():
    with _raises(r"needs a known number of channels; got \(None, 8, 8, None\)"):
        layers.Conv2D(4, 3).build((None, 8, 8, None))


def test_inputs_with_other_channels_than_the_layer_was_built_for():
    layer = layers.Conv2D(4, 3, name="rgb")
    layer.build((None, 8, 8, 3))
    with _raises(r"'rgb' was built for 3 channels; it got inputs of shape \(2, 8, 8, 4\), with 4"):
        layer(np.zeros((2, 8, 8, 4)))


def test_unknown_paddings_and_orders_are_named():
    with _raises(r"Unknown padding 'some'. Did you mean 'same'\?"):
        layers.Conv2D(4, 3, padding="some")
    with _raises("Unknown padding 'causal'"):
        layers.Conv2D(4, 3, padding="causal")
    with _raises(r"Unknown data_format 'channel_last'. Did you mean 'channels_last'\?"):
        layers.MaxPooling2D(2, data_format="channel_last")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: layers.Conv2D(0, 3), "Conv2D: filters must be a positive integer; got 0"),
        (lambda: layers.Conv2D(4, (3, 3, 3)), "Conv2D: kernel_size must be an integer or 2 of"),
        (lambda: layers.Conv1D(4, 3, strides=0), "Conv1D: strides must be a positive integer"),
        (lambda: layers.MaxPooling2D(2, strides=(1, 2, 3)), "MaxPooling2D: strides must be"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), "ZeroPadding2D: padding must be an integer, 2"),
        (lambda: layers.ZeroPadding1D(-1), "ZeroPadding1D: padding must be an integer of at least"),
        (lambda: layers.UpSampling2D(0), "UpSampling2D: size must be a positive integer"),
        (
            lambda: layers.UpSampling2D(2, interpolation="cubic"),
            "Unknown interpolation 'cubic'.*bilinear, nearest",
        ),
        (
            lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2),
            r"Conv2DTranspose: output_padding must be below the stride.*\(2, 2\)",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make, match):
    with _raises(match):
        make()


def test_cropping_that_leaves_nothing():
    with _raises(r"cropping \(2, 2\) leaves nothing of 4 places along spatial axis 1"):
        layers.Cropping2D(((0, 0), (2, 2))).build((None, 8, 4, 1))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((2, 2, 4))), "a multiple of those of the"),
        (lambda: ops.conv(np.ones((2, 5)), np.ones((2, 2))), "1 to 3 spatial axes"),
        (lambda: ops.depthwise_conv(np.ones((2, 5, 3)), np.ones((2, 2, 1))), "for 2 channels"),
        (lambda: ops.conv_transpose(np.ones((2, 5, 3)), np.ones((2, 3, 2))), "for 2 channels"),
        (lambda: ops.max_pool(np.ones((2, 3)), 2), "max_pool: inputs must be"),
    ],
)
def test_ops_name_the_shapes_that_do_not_fit(call, match):
    with _raises(match):
        call()


# answers known by hand ----------------------------------------------------------------------------


def _sequence(*values):
    return np.array(values, "float32")[None, :, None]


def test_a_convolution_slides_the_kernel_without_turning_it(backend):
    y = ops.conv(_sequence(1, 2, 3, 4), np.array([1.0, 10])[:, None, None])
    assert backend.numpy(y).ravel().tolist() == [21, 32, 43]


def test_same_puts_the_odd_cell_after_the_end(backend):
    y = ops.conv(_sequence(1, 2, 3, 4), np.ones((2, 1, 1)), padding="same")
    assert backend.numpy(y).ravel().tolist() == [3, 5, 7, 4]


def test_causal_sees_nothing_that_comes_later(backend):
    y = ops.conv(_sequence(1, 2, 3, 4), np.ones((3, 1, 1)), padding="causal")
    assert backend.numpy(y).ravel().tolist() == [1, 3, 6, 9]


def test_a_transposed_convolution_adds_up_what_each_place_throws(backend):
    y = ops.conv_transpose(_sequence(1, 2), np.array([1.0, 10, 100])[:, None, None], 2)
    assert backend.numpy(y).ravel().tolist() == [1, 10, 102, 20, 200]


def test_means_at_the_edge_are_over_the_real_cells(backend):
    y = ops.average_pool(_sequence(0, 1, 2, 3, 4, 5), 3, 2, "same")
    assert backend.numpy(y).ravel().tolist() == [1, 3, 4.5]


def test_padding_is_never_the_largest(backend):
    y = ops.max_pool(_sequence(-3, -2, -5), 2, 2, "same")
    assert backend.numpy(y).ravel().tolist() == [-2, -5]


def test_the_gradient_of_a_tie_goes_to_the_first(backend):
    g = ops.grad(lambda x: ops.sum(ops.max_pool(x, 3, 2)))(_sequence(1, 2, 2, 2, 2))
    assert backend.numpy(g).ravel().tolist() == [0, 1, 1, 0, 0]


def test_depthwise_channels_come_channel_by_channel(backend):
    y = ops.depthwise_conv(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10], [100, 1000]]]))
    assert backend.numpy(y).ravel().tolist() == [1, 10, 200, 2000]


def test_bilinear_upsampling_interpolates_between_centres(backend):
    x = np.array([0.0, 4.0]).reshape(1, 1, 2, 1)
    y = layers.UpSampling2D((1, 2), interpolation="bilinear")(x)
    assert backend.numpy(y).ravel().tolist() == [0, 1, 3, 4]


def test_shapes_with_unknown_lengths_stay_unknown():
    assert layers.Conv2D(4, 3).compute_output_shape((None, None, 9, 3)) == (None, None, 7, 4)
    pool = layers.MaxPooling1D(2, padding="same")
    assert pool.compute_output_shape((None, None, 3)) == (None, None, 3)
    up = layers.Conv2DTranspose(2, 3, strides=2)
    assert up.compute_output_shape((None, 5, None, 3)) == (None, 11, None, 2)


def test_a_convolution_takes_images_of_any_size_once_it_is_built(backend):
    layer = layers.Conv2D(2, 3)
    for side in (5, 8):
        assert tuple(layer(np.zeros((1, side, side, 1))).shape) == (1, side - 2, side - 2, 2)


def test_the_configured_order_of_axes_is_the_default():
    from deepbasics import config

    config.set_image_data_format("channels_first")
    try:
        assert layers.Conv2D(4, 3).compute_output_shape((None, 1, 8, 8)) == (None, 4, 6, 6)
    finally:
        config.set_image_data_format("channels_last")
