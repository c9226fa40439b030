"""Layers of images: when they change them, what they draw, and that it is the same everywhere."""

import numpy as np
import pytest

from deepbasics import Input, Model, Sequential, layers, ops, use_backend
from deepbasics.backends import registry
from deepbasics.random import set_random_seed

RNG = np.random.default_rng(3)
IMAGES = RNG.uniform(0, 255, size=(4, 8, 10, 3)).astype("float32")
RANDOM = {
    "RandomContrast": lambda **k: layers.RandomContrast(0.4, **k),
    "RandomBrightness": lambda **k: layers.RandomBrightness(0.4, **k),
    "RandomFlip": lambda **k: layers.RandomFlip(**k),
    "RandomRotation": lambda **k: layers.RandomRotation(0.4, **k),
    "RandomZoom": lambda **k: layers.RandomZoom(0.4, 0.3, **k),
    "RandomTranslation": lambda **k: layers.RandomTranslation(0.4, 0.3, **k),
    "RandomCrop": lambda **k: layers.RandomCrop(5, 4, **k),
}
EACH = pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)
SAME_SIZE = pytest.mark.parametrize("make", list(RANDOM.values())[:-1], ids=list(RANDOM)[:-1])


def values(x):
    return ops.convert_to_numpy(x)


def drawn(layer, x=IMAGES, times=6):
    return np.stack([values(layer(x, training=True)) for _ in range(times)])


# when ---------------------------------------------------------------------------------------------


@SAME_SIZE
def test_images_change_only_while_training(backend, make):
    layer = make(seed=1)
    np.testing.assert_array_equal(values(layer(IMAGES, training=False)), IMAGES)
    assert (drawn(layer) != IMAGES).any()


@SAME_SIZE
def test_a_call_by_hand_changes_images_as_in_keras(backend, make):
    assert any((values(make(seed=n)(IMAGES)) != IMAGES).any() for n in range(3))
    x = Input(IMAGES.shape[1:])
    for model in (Sequential([make(seed=1), layers.Identity()]), Model(x, make(seed=1)(x))):
        assert any((values(model(IMAGES)) != IMAGES).any() for n in range(3))
        np.testing.assert_array_equal(values(model(IMAGES, training=False)), IMAGES)


@SAME_SIZE
def test_a_model_that_predicts_leaves_images_alone(backend, make):
    x = Input(IMAGES.shape[1:])
    for model in (Sequential([make(seed=1)]), Model(x, make(seed=1)(x))):
        np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)


@EACH
def test_building_a_model_draws_nothing(make):
    layer = make(seed=1)
    inner = Sequential([layer])
    x = Input(IMAGES.shape[1:])
    Model(x, inner(x))
    assert int(layer.seed_generator.counter) == 0


def test_a_layer_that_is_told_not_to_train_tells_the_layers_in_it(backend):
    class Still(layers.Layer):
        def __init__(self):
            super().__init__()
            self.flip = layers.RandomFlip(seed=1)

        def call(self, inputs):
            return self.flip(inputs, training=False)

    still = Still()
    for _ in range(4):
        np.testing.assert_array_equal(values(still(IMAGES)), IMAGES)


@EACH
def test_a_replayed_step_draws_anew(backend, make):
    model = Sequential([make(seed=2), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.0
    losses = [model.train_on_batch(IMAGES, np.zeros((4, 1))) for _ in range(8)]
    assert len({float(loss) for loss in losses}) > 3


# what ---------------------------------------------------------------------------------------------


@EACH
def test_a_seed_repeats_and_a_call_does_not(backend, make):
    first, second = drawn(make(seed=7)), drawn(make(seed=7))
    np.testing.assert_array_equal(first, second)
    assert len({image.tobytes() for image in first}) > 1
    assert (drawn(make(seed=8)) != first).any()


@EACH
@pytest.mark.parametrize("settings", [{}, {"data_format": "channels_first"}], ids=str)
def test_each_backend_moves_images_by_the_same_numbers(make, settings):
    x = np.moveaxis(IMAGES, -1, 1) if settings else IMAGES
    found = []
    for name in registry.available():
        with use_backend(name):
            set_random_seed(3)
            found.append(drawn(make(**settings), x))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("fill", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("name", ["RandomRotation", "RandomZoom", "RandomTranslation"])
def test_each_backend_takes_the_same_pixels(name, fill):
    found = []
    for backend in registry.available():
        with use_backend(backend):
            set_random_seed(4)
            layer = RANDOM[name](fill_mode=fill, interpolation="nearest")
            found.append(drawn(layer, times=30))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_images_of_integers_become_floats_where_they_are_changed(backend):
    whole = IMAGES.astype("uint8")
    for make in RANDOM.values():
        assert drawn(make(seed=1), whole).dtype == "float32"
    assert values(layers.Resizing(4, 4)(whole)).dtype == "uint8"


@EACH
def test_one_image_without_a_batch(backend, make):
    assert drawn(make(seed=1), IMAGES[0]).shape[1:] == make().compute_output_shape((8, 10, 3))


def test_brightness_is_uniform_in_its_range():
    x = np.full((4000, 1, 1, 2), 100.0, "float32")
    more = drawn(layers.RandomBrightness((-0.1, 0.3), seed=1), x, 1)[0] - 100
    assert (more[..., 0] == more[..., 1]).all()  # all channels alike
    uniform_between(more[:, 0, 0, 0], -25.5, 76.5)


def test_contrast_is_uniform_in_its_range():
    x = np.tile(np.array([90.0, 110.0], "float32")[:, None, None], (4000, 1, 1, 1))
    y = drawn(layers.RandomContrast((0.5, 0.8), seed=1), x, 1)[0]
    np.testing.assert_allclose(y.sum(axis=1), 200, rtol=1e-5)  # around the mean
    uniform_between((y[:, 1] - y[:, 0]).ravel() / 20, 0.5, 1.8)


def uniform_between(x, low, high):
    unit = np.sort((x - low) / (high - low))
    assert unit[0] > -1e-5
    assert unit[-1] < 1 + 1e-5
    steps = (np.arange(len(x)) + 0.5) / len(x)
    assert abs(unit - steps).max() < 1.63 / len(x) ** 0.5  # Kolmogorov & Smirnov, at 1 %


@pytest.mark.parametrize(
    ("layer", "ranges"),
    [
        (layers.RandomZoom((-0.3, 0.1), (0.2, 0.4), seed=1), {4: (0.7, 1.1), 0: (1.2, 1.4)}),
        (layers.RandomTranslation(0.2, (0.1, 0.5), seed=1), {5: (-2, 2), 2: (-10, -2)}),
    ],
    ids=["zoom", "translation"],
)
def test_places_are_uniform_in_their_ranges(layer, ranges):
    parts = layer.parts(4000, 10, 20)
    for index, (low, high) in ranges.items():
        uniform_between(values(parts[index]).ravel(), low, high)


def test_angles_are_uniform_in_their_range():
    cos, _, _, sin, _, _ = layers.RandomRotation((-0.1, 0.2), seed=1).parts(4000, 10, 20)
    turns = np.arctan2(values(sin), values(cos)).ravel() / (2 * np.pi)
    uniform_between(turns, -0.1, 0.2)


def test_a_zoom_of_one_factor_keeps_proportions():
    wide, _, _, _, high, _ = layers.RandomZoom(0.3, seed=1).parts(50, 10, 20)
    np.testing.assert_array_equal(values(wide), values(high))


def test_half_of_the_images_are_flipped(backend):
    y = drawn(layers.RandomFlip("horizontal", seed=1), np.tile(IMAGES[:1], (500, 1, 1, 1)), 1)[0]
    flipped = (y == IMAGES[0][:, ::-1]).all(axis=(1, 2, 3))
    same = (y == IMAGES[0]).all(axis=(1, 2, 3))
    assert (flipped ^ same).all()
    assert abs(flipped.mean() - 0.5) < 0.06


def test_a_crop_lies_anywhere_with_the_same_chance(backend):
    rows, columns = np.meshgrid(np.arange(4.0), np.arange(5.0), indexing="ij")
    x = np.stack([rows, columns], -1)[None].astype("float32")
    y = drawn(layers.RandomCrop(2, 3, seed=1), x, 900)
    corners = [tuple(c) for c in y[:, 0, 0, 0]]
    counts = [corners.count((r, c)) for r in range(3) for c in range(3)]
    assert sum(counts) == 900
    assert min(counts) > 65  # of 100 expected, more than 3.5 deviations away
    np.testing.assert_array_equal(y[:, 0, 1, 2] - y[:, 0, 0, 0], np.tile([1.0, 2.0], (900, 1)))


@pytest.mark.parametrize("training", [False, True])
def test_a_crop_larger_than_the_images_is_of_its_size_all_the_same(backend, training):
    layer = layers.RandomCrop(16, 5)
    found = values(layer(IMAGES, training=training))
    np.testing.assert_array_equal(found, values(layers.CenterCrop(16, 5)(IMAGES)))


def test_rotation_by_a_quarter_is_against_the_clock(backend):
    square = IMAGES[:, :8, :8]
    y = drawn(layers.RandomRotation((0.25, 0.25)), square, 1)[0]
    np.testing.assert_allclose(y, np.rot90(square, axes=(1, 2)), atol=1e-2)


def test_translation_by_whole_pixels(backend):
    layer = layers.RandomTranslation((0.25, 0.25), (-0.1, -0.1), "constant", fill_value=7)
    y = drawn(layer, times=1)[0]
    np.testing.assert_allclose(y[:, 2:, :-1], IMAGES[:, :-2, 1:], atol=1e-3)
    assert (y[:, :2] == 7).all()
    assert (y[:, :, -1] == 7).all()


@pytest.mark.parametrize("name", ["RandomRotation", "RandomZoom", "RandomTranslation"])
def test_places_are_exact_in_mixed_precision(name):
    if "torch" not in registry.available():
        pytest.skip("NumPy has no bfloat16")
    with use_backend("torch"):
        full, half = (RANDOM[name](seed=1, dtype=d) for d in ("float32", "mixed_bfloat16"))
        want = full(IMAGES, training=True)
        found = half(IMAGES, training=True)
        assert ops.dtype(found) == "bfloat16"
        np.testing.assert_array_equal(
            values(ops.cast(found, "float32")),
            values(ops.cast(ops.cast(want, "bfloat16"), "float32")),
        )


# errors -------------------------------------------------------------------------------------------

BAD = {
    "'r': factor must be a number from -1 to 1, or two of them; got 1.5": lambda: (
        layers.RandomRotation(1.5, name="r")
    ),
    "factor must be a number from 0 to 1, or two of them; got -0.1": lambda: layers.RandomContrast(
        -0.1
    ),
    "height_factor must be a number .* got \\(0.1, 0.2, 0.3\\)": lambda: layers.RandomZoom(
        (0.1, 0.2, 0.3)
    ),
    "height_factor must be a number .* got -1.0": lambda: layers.RandomZoom(-1.0),
    "width_factor must be a number .* got 'x'": lambda: layers.RandomTranslation(0.1, "x"),
    "value_range must be two numbers; got 255": lambda: layers.RandomBrightness(0.1, 255),
    "Unknown mode 'horizontl'. Did you mean 'horizontal'": lambda: layers.RandomFlip("horizontl"),
    "Unknown fill_mode 'mirror'": lambda: layers.RandomRotation(0.1, "mirror"),
    "Unknown interpolation 'bicubic'": lambda: layers.RandomZoom(0.1, interpolation="bicubic"),
    "Unknown interpolation 'bilinea'. Did you mean 'bilinear'": lambda: layers.Resizing(
        2, 2, "bilinea"
    ),
    "either crop_to_aspect_ratio or pad_to_aspect_ratio": lambda: layers.Resizing(
        2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True
    ),
    "'c': height must be a positive integer; got 0": lambda: layers.CenterCrop(0, 2, name="c"),
    "Unknown data_format 'channel_last'": lambda: layers.CenterCrop(2, 2, "channel_last"),
    "'f' needs images, 4 axes .* got shape \\(None, 5\\)": lambda: layers.RandomFlip(name="f")(
        Input((5,))
    ),
    "'c' needs images, .*\\(channels, height, width\\); got shape \\(8, 10\\)": lambda: (
        layers.CenterCrop(2, 2, "channels_first", name="c")(IMAGES[0, :, :, 0])
    ),
}


@pytest.mark.parametrize(("said", "do"), BAD.items(), ids=BAD)
def test_what_cannot_be_is_said(said, do):
    with pytest.raises(ValueError, match=said):
        do()
