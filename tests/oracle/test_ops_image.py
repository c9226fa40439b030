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


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), ((3, 2), (1, 2)), ((2, 3), 1)])
def test_extract_patches(size, strides, padding):
    _agree("extract_patches", IMAGES, size, strides, padding=padding)
    _agree("extract_patches", IMAGES[0], size, strides, padding=padding)


def test_extract_patches_with_gaps_and_with_channels_first():
    _agree("extract_patches", IMAGES, 2, 1, 2)
    first = np.moveaxis(IMAGES, -1, 1).copy()
    found = ops.convert_to_numpy(ops.image.extract_patches(first, 2, data_format="channels_first"))
    want = ops.convert_to_numpy(ops.image.extract_patches(IMAGES, 2))
    np.testing.assert_array_equal(found, np.moveaxis(want, -1, 1))


@pytest.mark.parametrize(("size", "sigma"), [(3, 1.0), (5, 0.7)])
def test_gaussian_blur(size, sigma):
    for images in (IMAGES, IMAGES[0]):  # without data_format Keras takes the rows for channels
        _agree("gaussian_blur", images, (size, size), (sigma, sigma), data_format="channels_last")


def test_gaussian_blur_takes_the_height_first():
    """Keras takes the width first on torch, and pads both alike."""
    dot = np.zeros((5, 5, 1), "float32")
    dot[2, 2] = 1
    found = ops.convert_to_numpy(ops.image.gaussian_blur(dot, (1, 3), (1.0, 2.0)))[..., 0]
    np.testing.assert_allclose(found.sum(axis=1), [0, 0, 1, 0, 0], rtol=1e-6)
    side = np.exp(-1 / 8)
    np.testing.assert_allclose(found[2, 1:4], np.array([side, 1, side]) / (1 + 2 * side), rtol=1e-6)


def test_sobel_edges():
    _agree("sobel_edges", IMAGES)
    alone, both = (ops.convert_to_numpy(ops.image.sobel_edges(x)) for x in (IMAGES[0], IMAGES))
    np.testing.assert_allclose(alone, both[0], rtol=1e-6, atol=1e-6)


def test_filters_have_a_gradient_and_refuse_other_ranks():
    for filtered in (ops.image.sobel_edges, ops.image.gaussian_blur):
        slope = slope_of(filtered)
        assert np.isfinite(slope).all()
        assert slope.any()
    with pytest.raises(ValueError, match=r"sobel_edges needs .* got shape \(5, 6\)"):
        ops.image.sobel_edges(IMAGES[0, ..., 0])


def slope_of(function):
    weights = RNG.normal(size=ops.convert_to_numpy(function(IMAGES)).shape).astype("float32")
    return ops.convert_to_numpy(
        ops.grad(lambda x: ops.sum(ops.multiply(function(x), weights)))(IMAGES)
    )


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("method", ["linear", "cubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize(("scale", "move"), [((0.5, 1.7), (0.3, -2.0)), ((1.0, 0.4), (0.0, 6.0))])
def test_scale_and_translate(method, antialias, scale, move):
    given = [np.array(numbers, "float32") for numbers in (scale, move)]
    _agree("scale_and_translate", IMAGES, (2, 7, 8, 3), *given, (1, 2), method, antialias)


def test_scale_and_translate_knows_its_methods():
    with pytest.raises(ValueError, match="Did you mean 'cubic'"):
        ops.image.scale_and_translate(IMAGES, IMAGES.shape, [1.0], [0.0], [1], "cubik")
