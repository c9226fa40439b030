"""`ops.image` against keras.ops.image, on each backend; resizing against Keras' NumPy formulas."""

import numpy as np
import pytest

from deepbasics import ops

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(2)
IMAGES = RNG.uniform(0, 1, (2, 5, 6, 3)).astype("float32")
TURN = np.array([[1.0, 0.13, 0.47, 0.06, 1.1, -0.31, 0, 0], [0.8, -0.2, 1.3, 0.1, 0.9, 0.2, 0, 0]])
TURN = TURN.astype("float32")


def _agree(name, *args, **kwargs):
    given = [keras.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    theirs = keras.ops.convert_to_numpy(getattr(keras.ops.image, name)(*given, **kwargs))
    ours = ops.convert_to_numpy(getattr(ops.image, name)(*args, **kwargs))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("size", [(3, 4), (8, 9), (5, 2)])
@pytest.mark.parametrize(
    ("interpolation", "antialias"),
    [("nearest", False), ("bilinear", False), ("bilinear", True), ("bicubic", True)],
)
def test_resize(size, interpolation, antialias):
    _agree("resize", IMAGES, size, interpolation=interpolation, antialias=antialias)


@pytest.mark.parametrize("how", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
@pytest.mark.parametrize("size", [(4, 2), (2, 4), (10, 12)])
def test_resize_keeps_proportions(how, size):
    _agree("resize", IMAGES, size, **{how: True})


def test_resize_of_one_image_and_with_channels_first():
    _agree("resize", IMAGES[0], (3, 4))
    _agree("resize", IMAGES.transpose(0, 3, 1, 2).copy(), (3, 4), data_format="channels_first")


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
def test_affine_transform(fill_mode):
    _agree("affine_transform", IMAGES, TURN, fill_mode=fill_mode)


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
@pytest.mark.parametrize("order", [0, 1])
def test_map_coordinates(fill_mode, order):
    places = RNG.uniform(-9, 12, (2, 4, 3)).astype("float32")
    _agree("map_coordinates", IMAGES[0, ..., 0], places, order, fill_mode=fill_mode)


def test_crop_and_pad():
    _agree("crop_images", IMAGES, 1, 2, 1, 0)
    _agree("crop_images", IMAGES, 1, 2, target_height=3, target_width=3)
    _agree("pad_images", IMAGES, 1, 2, 1, 0)
    _agree("pad_images", IMAGES, 1, 2, target_height=8, target_width=9)


@pytest.mark.parametrize("name", ["rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb"])
def test_colours(name):
    _agree(name, IMAGES)
    _agree(name, IMAGES.transpose(0, 3, 1, 2).copy(), data_format="channels_first")


def test_gradients_flow_through_resizing_and_turning():
    def loss(x):
        turned = ops.image.affine_transform(x, TURN, fill_mode="reflect")
        return ops.sum(ops.image.resize(turned, (3, 4), "bicubic") ** 2)

    gradient = ops.convert_to_numpy(ops.grad(loss)(IMAGES.astype("float64")))
    step = np.zeros_like(gradient)
    step[1, 2, 3, 1] = 1e-6
    sides = [float(loss(IMAGES.astype("float64") + s)) for s in (step, -step)]
    np.testing.assert_allclose(gradient[1, 2, 3, 1], (sides[0] - sides[1]) / 2e-6, rtol=1e-6)
