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


VOLUMES = RNG.normal(size=(2, 5, 6, 7, 2)).astype("float32")


@pytest.mark.parametrize("how", [{}, {"strides": 1}, {"strides": (1, 2, 1), "padding": "same"}])
@pytest.mark.parametrize("size", [2, (1, 3, 2)])
def test_patches_of_volumes(size, how):
    _agree("extract_patches_3d", VOLUMES, size, data_format="channels_last", **how)
    _agree("extract_patches_3d", VOLUMES[0], size, data_format="channels_last", **how)


def test_patches_of_volumes_with_channels_first():
    first = VOLUMES.transpose(0, 4, 1, 2, 3).copy()
    _agree("extract_patches_3d", first, 2, data_format="channels_first")


PAIR = RNG.uniform(0, 1, (2, 3, 14, 13, 3)).astype("float32")


@pytest.mark.parametrize(
    "how",
    [{}, {"max_val": 2.0, "filter_size": 5, "filter_sigma": 1.0}, {"k1": 0.1, "k2": 0.2}],
    ids=str,
)
def test_structural_similarity(how):
    near = PAIR[0] + 0.1 * PAIR[1]
    for a, b in ((PAIR[0], PAIR[1]), (PAIR[0], near), (PAIR[0, 0], near[0])):
        _agree("ssim", a, b, **how)
    first = [a.transpose(0, 3, 1, 2).copy() for a in (PAIR[0], near)]
    _agree("ssim", *first, data_format="channels_first", **how)


def test_an_image_is_like_itself_and_unlike_its_negative():
    same, negative = (ops.image.ssim(PAIR[0], b) for b in (PAIR[0], 1 - PAIR[0]))
    np.testing.assert_allclose(ops.convert_to_numpy(same), 1, rtol=1e-6)
    assert (ops.convert_to_numpy(negative) < 0).all()
    with pytest.raises(ValueError, match="of one shape"):
        ops.image.ssim(PAIR[0], PAIR[0, 0])


CORNERS = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 4.0], [5.0, 4.0]], "float32")
OTHERS = (CORNERS + RNG.uniform(-1, 1, (2, 4, 2))).astype("float32")


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill_value", [0, 0.5])
def test_perspective(interpolation, fill_value):
    start = np.stack([CORNERS, CORNERS])
    how = {"interpolation": interpolation, "fill_value": fill_value}
    _agree("perspective_transform", IMAGES, start, OTHERS, **how)
    _agree("perspective_transform", IMAGES, CORNERS, OTHERS[0], **how)
    _agree("perspective_transform", IMAGES[0], CORNERS, OTHERS[1], **how)
    first = IMAGES.transpose(0, 3, 1, 2).copy()
    _agree("perspective_transform", first, start, OTHERS, data_format="channels_first", **how)


def test_the_four_points_of_a_perspective_are_where_they_should_be():
    ends = np.array([[1.0, 1.0], [4.0, 0.0], [0.0, 4.0], [5.0, 3.0]], "float32")
    y = ops.convert_to_numpy(ops.image.perspective_transform(IMAGES, CORNERS, ends))
    for (x0, y0), (x1, y1) in zip(CORNERS.astype(int), ends.astype(int), strict=True):
        np.testing.assert_allclose(y[:, y1, x1], IMAGES[:, y0, x0], rtol=1e-4)
    with pytest.raises(ValueError, match=r"of shape \(batch, 4, 2\)"):
        ops.image.perspective_transform(IMAGES, CORNERS[:3], ends[:3])


def test_elastic_images_are_bent_by_as_much_as_asked():
    places = np.stack(np.meshgrid(np.arange(40.0), np.arange(30.0)), axis=-1).astype("float32")
    images = np.stack([places, places])

    def bent(alpha, sigma=3.0, seed=1):
        how = {"alpha": alpha, "sigma": sigma, "seed": seed, "fill_mode": "nearest"}
        return ops.convert_to_numpy(ops.image.elastic_transform(images, **how))

    np.testing.assert_allclose(bent(0.0), images, rtol=1e-5)
    np.testing.assert_array_equal(bent(4.0), bent(4.0))
    moved = (bent(4.0) - images)[:, 8:-8, 8:-8]
    assert not np.allclose(moved[0], moved[1])  # each image in its own way
    assert not np.allclose(moved[..., 0], moved[..., 1])
    theirs = keras.ops.convert_to_numpy(
        keras.ops.image.elastic_transform(images, 4.0, 3.0, fill_mode="nearest", seed=1)
    )
    expected = (theirs - images)[:, 8:-8, 8:-8]
    assert 0.5 < moved.std() / expected.std() < 2
    steps = np.diff(moved, axis=1).std() / moved.std()
    assert abs(steps - np.diff(expected, axis=1).std() / expected.std()) < 0.15


def test_gradients_flow_through_the_newer_ops():
    def loss(x):
        turned = ops.image.perspective_transform(x, CORNERS, OTHERS[0])
        bent = ops.image.elastic_transform(turned, 1.0, 1.0, seed=3)
        return ops.sum(ops.image.ssim(bent, x, filter_size=3))

    x = IMAGES.astype("float64")
    gradient = ops.convert_to_numpy(ops.grad(loss)(x))
    for place in ((0, 2, 3, 1), (1, 1, 1, 0)):
        step = np.zeros_like(x)
        step[place] = 1e-6
        up, down = (float(ops.convert_to_numpy(loss(x + s))) for s in (step, -step))
        np.testing.assert_allclose(gradient[place], (up - down) / 2e-6, rtol=1e-6)
