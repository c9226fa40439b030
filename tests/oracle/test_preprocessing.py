"""Layers that prepare data beside those of Keras 3.

Keras looks up strings, and hashes, by TensorFlow. Random layers are compared where the range that
they draw from is a single number; what else they draw is for tests/layers/preprocessing.
"""

import json
import os
import re

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
torch = pytest.importorskip("torch", reason="Keras runs on torch here")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

RNG = np.random.default_rng(1)


def numbers(x):
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


def need_tensorflow():
    pytest.importorskip("tensorflow", reason="Keras adapts and looks up by TensorFlow")


def both(name, *arguments, **settings):
    if name in ("StringLookup", "IntegerLookup", "Hashing", "TextVectorization"):
        need_tensorflow()
    return (getattr(library.layers, name)(*arguments, **settings) for library in (db, keras))


def agree(ours, theirs, x, **tolerance):
    found = db.ops.convert_to_numpy(ours(x))
    want = numbers(theirs(x))
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, **(tolerance or {"rtol": 0, "atol": 0}))
    return found


def cases(rows):
    ids = [re.sub(" at 0x[0-9a-f]+", "", str(row)) for row in rows]  # the same in each worker
    return pytest.mark.parametrize("settings", rows, ids=ids)


# numbers ------------------------------------------------------------------------------------------

DATA = RNG.normal(3, 2, size=(50, 4, 3)).astype("float32")
BATCHES = [DATA[:7], DATA[7:30], DATA[30:]]


@cases([{"scale": 0.5}, {"scale": 2.0, "offset": -1}, {"scale": [1, 2, 3], "offset": [3, 2, 1]}])
def test_rescaling(settings):
    agree(*both("Rescaling", **settings), DATA, rtol=1e-6)
    agree(*both("Rescaling", **settings), np.arange(12, dtype="uint8").reshape(4, 3))


@cases([{}, {"axis": None}, {"axis": 1}, {"axis": (1, -1)}, {"axis": (2, 1), "invert": True}])
@pytest.mark.parametrize("data", [DATA, BATCHES], ids=["array", "batches"])
def test_normalization_that_adapted(settings, data):
    if data is BATCHES:
        need_tensorflow()
    ours, theirs = both("Normalization", **settings)
    ours.adapt(data)
    theirs.adapt(data)
    agree(ours, theirs, DATA, rtol=2e-5, atol=2e-5)
    for a, b in zip(ours.weights[:2], theirs.weights[:2], strict=True):
        assert a.name == b.name
        np.testing.assert_allclose(a.numpy(), numbers(b.value), rtol=1e-5)


@cases(
    [
        {"axis": None, "mean": 2.0, "variance": 4.0},
        {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 0.0]},
        {"axis": (1, 2), "mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 2.0]},
        {"mean": 1.5, "variance": 2.0, "invert": True},
    ]
)
def test_normalization_that_was_told(settings):
    agree(*both("Normalization", **settings), DATA, rtol=1e-6, atol=1e-6)


X = np.array([[-2.0, -1.0, 0.0], [0.5, 1.0, 7.0]], "float32")


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("x", [X, X[:, :1], X[0]], ids=["rows", "column", "row"])
def test_discretization(mode, x):
    agree(*both("Discretization", [-1.0, 0.0, 1.0], output_mode=mode), x)


@pytest.mark.parametrize("bins", [2, 5, 30])
@pytest.mark.parametrize("epsilon", [0.01, 0.1])
@pytest.mark.parametrize("size", [20, 99, 1234])
def test_bins_that_were_learned(bins, epsilon, size):
    need_tensorflow()
    data = RNG.normal(size=(size, 2))
    for seen in (data, [data[:5], data[5:]], iter([data[:10], data[10:17], data[17:]])):
        seen = list(seen) if hasattr(seen, "__next__") else seen
        ours, theirs = both("Discretization", num_bins=bins, epsilon=epsilon)
        ours.adapt(seen)
        theirs.adapt(seen)
        assert ours.bin_boundaries == theirs.bin_boundaries
        agree(ours, theirs, data.astype("float32"))


# categories ---------------------------------------------------------------------------------------

IDS = np.array([[0, 2, 2], [1, 4, 0]])


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("x", [IDS, IDS[:, :1], IDS[0]], ids=["rows", "column", "row"])
def test_category_encoding(mode, x):
    agree(*both("CategoryEncoding", 5, mode), x)


def test_category_encoding_with_weights():
    ours, theirs = both("CategoryEncoding", 5, "count")
    weights = np.array([[0.5, 1.0, 2.0], [3.0, 4.0, 5.0]], "float32")
    want = numbers(theirs(IDS, count_weights=weights))
    np.testing.assert_array_equal(numbers(ours(IDS, count_weights=weights)), want)


MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
WORDS = np.array([["a", "b", "zoo"], ["", "b", "ä"], ["new", "other", "a"]])
NUMBERS = np.array([[10, 0, 7], [7, 7, -3], [2**40, 5, 10]])
SETTINGS = [
    {},
    {"num_oov_indices": 3},
    {"max_tokens": 4},
    {"max_tokens": 9, "pad_to_max_tokens": True},
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mask", [False, True])
@cases([*SETTINGS, {"num_oov_indices": 3, "salt": [1, 2]}])
def test_string_lookup_that_adapted(settings, mask, mode):
    masked = {"mask_token": ""} if mask else {}
    ours, theirs = both("StringLookup", output_mode=mode, **masked, **settings)
    for layer in (ours, theirs):
        layer.adapt(np.array([["a", "b", "a"], ["", "b", "ä"], ["c", "[UNK]", "c"]]))
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    assert ours.get_vocabulary(False) == theirs.get_vocabulary(False)
    assert ours.vocabulary_size() == theirs.vocabulary_size()
    agree(ours, theirs, WORDS, rtol=1e-6 if mode == "tf_idf" else 0)
    if mode != "one_hot":
        agree(ours, theirs, WORDS[0], rtol=1e-6 if mode == "tf_idf" else 0)
    agree(ours, theirs, WORDS[:, :1], rtol=1e-6 if mode == "tf_idf" else 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mask", [False, True])
@cases(
    [
        *SETTINGS,
        {"num_oov_indices": 3, "oov_method": "farmhash"},
        {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 7},
    ]
)
def test_integer_lookup_that_adapted(settings, mask, mode):
    masked = {"mask_token": 0} if mask else {}
    ours, theirs = both("IntegerLookup", output_mode=mode, **masked, **settings)
    for layer in (ours, theirs):
        layer.adapt(np.array([[10, 7, 10], [0, 7, 5], [-8, -1, 10]]))
    assert ours.get_vocabulary() == [int(t) for t in theirs.get_vocabulary()]
    agree(ours, theirs, NUMBERS, rtol=1e-6 if mode == "tf_idf" else 0)
    agree(ours, theirs, NUMBERS[:, :1], rtol=1e-6 if mode == "tf_idf" else 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("led", [False, True], ids=["plain", "with the special ones"])
def test_a_vocabulary_that_was_given(mode, led):
    start = ["", "[UNK]"] if mode == "int" else ["[UNK]"]
    vocabulary = [*(start if led else []), "b", "a"]
    idf = {"idf_weights": [0.5 + i for i in range(len(vocabulary))]} if mode == "tf_idf" else {}
    ours, theirs = both(
        "StringLookup", vocabulary=vocabulary, mask_token="", output_mode=mode, **idf
    )
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    agree(ours, theirs, WORDS)


def test_ids_back_to_strings_and_integers():
    ids = np.array([0, 1, 2, 3, 9])
    for special in ({}, {"mask_token": ""}, {"num_oov_indices": 2}):
        ours, theirs = both("StringLookup", vocabulary=["b", "a"], invert=True, **special)
        assert list(ours(ids)) == list(theirs(ids))
    for special in ({}, {"mask_token": 0}, {"num_oov_indices": 2}):
        agree(*both("IntegerLookup", vocabulary=[5, 9], invert=True, **special), ids)


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@cases([{}, {"mask_value": "a"}, {"salt": 5}, {"salt": [2**40, 3], "mask_value": "zoo"}])
def test_hashing_of_strings(settings, mode):
    agree(*both("Hashing", 11, output_mode=mode, **settings), WORDS)
    agree(*both("Hashing", 11, output_mode=mode, **settings), WORDS[:, :1])


@cases([{}, {"mask_value": 7}, {"salt": 5}, {"output_mode": "count"}])
def test_hashing_of_integers(settings):
    agree(*both("Hashing", 11, **settings), NUMBERS)


def test_hashing_of_strings_of_any_length():
    letters = np.array(list("abcdefgh ijklmä日"))
    texts = ["".join(RNG.choice(letters, n)) for n in range(200)]
    agree(*both("Hashing", 10**6), np.array(texts))
    agree(*both("Hashing", 10**6, salt=[3, 2**63 - 1]), np.array(texts))


# texts --------------------------------------------------------------------------------------------

TEXTS = ["The cat, the DOG!", "a dog's\tlife ", "", "ÄRGER \u00a0no? [x]", "the the cat"]


@pytest.mark.parametrize("mode", ["int", "multi_hot", "count", "tf_idf"])
@cases(
    [
        {},
        {"standardize": "lower"},
        {"standardize": "strip_punctuation"},
        {"standardize": None, "split": "character"},
        {"ngrams": 2},
        {"ngrams": (2, 3), "max_tokens": 6},
        {"split": None},
        {"max_tokens": 30, "pad_to_max_tokens": True},
        {"standardize": np.char.upper},
    ]
)
def test_text_vectorization(settings, mode):
    ours, theirs = both("TextVectorization", output_mode=mode, **settings)
    if settings.get("standardize") is np.char.upper:
        ours = db.layers.TextVectorization(
            standardize=lambda a: np.char.upper(a.astype(str)), output_mode=mode
        )
    for layer in (ours, theirs):
        layer.adapt(TEXTS[:4])
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    columns = np.array(TEXTS)[:, None]
    for x in (TEXTS, columns) if settings.get("split", "") is not None else (columns,):
        agree(ours, theirs, x, rtol=1e-6 if mode == "tf_idf" else 0)


@pytest.mark.parametrize("length", [1, 3, 10])
def test_texts_cut_or_filled_to_a_length(length):
    ours, theirs = both("TextVectorization", output_sequence_length=length, vocabulary=["the"])
    assert agree(ours, theirs, TEXTS).shape == (5, length)


# images -------------------------------------------------------------------------------------------

IMAGES = RNG.uniform(0, 255, size=(3, 9, 12, 3)).astype("float32")
FIRST = {"data_format": "channels_first"}
LIMIT = {"rtol": 1e-5, "atol": 2e-3}  # of values up to 255, in float32


def placed(x, settings):
    return np.moveaxis(x, -1, -3) if settings.get("data_format") == "channels_first" else x


@cases(
    [
        {"height": 5, "width": 20},
        {"height": 5, "width": 6, "interpolation": "nearest"},
        {"height": 4, "width": 30, "interpolation": "bilinear"},
        {"height": 6, "width": 6, "crop_to_aspect_ratio": True},
        {"height": 20, "width": 1, "crop_to_aspect_ratio": True},  # less than a pixel is left
        {"height": 6, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 9.0},
        {"height": 4, "width": 5, "antialias": True},
        {"height": 4, "width": 5, **FIRST},
    ]
)
def test_resizing(settings):
    for x in (IMAGES, IMAGES[0]):
        agree(*both("Resizing", **settings), placed(x, settings), **LIMIT)


@cases(
    [
        {"height": 5, "width": 7},
        {"height": 4, "width": 12},
        {"height": 20, "width": 5},
        {"height": 4, "width": 5, **FIRST},
    ]
)
def test_center_crop(settings):
    for x in (IMAGES, IMAGES[0]):
        agree(*both("CenterCrop", **settings), placed(x, settings), **LIMIT)


MOVES = {
    "RandomRotation": [{"factor": (0.1, 0.1)}, {"factor": (-0.35, -0.35)}, {"factor": (0, 0)}],
    "RandomZoom": [
        {"height_factor": (0.3, 0.3)},
        {"height_factor": (-0.4, -0.4), "width_factor": (0.2, 0.2)},
    ],
    "RandomTranslation": [
        {"height_factor": (0.2, 0.2), "width_factor": (-0.13, -0.13)},
        {"height_factor": (-0.9, -0.9), "width_factor": (0.6, 0.6)},
    ],
}
WAYS = [
    *({"fill_mode": fill} for fill in ("reflect", "wrap", "nearest")),
    {"fill_mode": "constant", "fill_value": 7.0},
    FIRST,
]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize(
    ("name", "settings"), [(n, s) for n, rows in MOVES.items() for s in rows], ids=str
)
def test_images_that_are_moved_by_a_known_amount(name, settings, way):
    layers = list(both(name, **settings, **way))
    for x in (IMAGES, IMAGES[0]):
        x = placed(x, way)
        found, want = (numbers(layer(x, training=True)) for layer in layers)
        np.testing.assert_allclose(
            found, want, rtol=1e-4, atol=0.02
        )  # places in float32, times 255
        agree(*[lambda x, layer=layer: layer(x, training=False) for layer in layers], x)


@pytest.mark.parametrize("factor", [(-0.5, 0.5), (0, 0)], ids=str)
def test_contrast_by_a_known_amount(factor):
    ours, theirs = both("RandomContrast", factor)
    assert ours.factor == theirs.factor
    agree(ours, theirs, IMAGES, **LIMIT)


@pytest.mark.parametrize("factor", [(0.3, 0.3), (-0.2, -0.2)], ids=str)
@pytest.mark.parametrize("limits", [(0, 255), (20, 180)], ids=str)
def test_brightness_by_a_known_amount(factor, limits):
    agree(*both("RandomBrightness", factor, value_range=limits), IMAGES, **LIMIT)


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_a_flipped_image_is_one_that_keras_makes(mode):
    ours, theirs = both("RandomFlip", mode)
    one = IMAGES[0]
    kinds = {numbers(theirs(one)).tobytes() for _ in range(40)}
    assert {numbers(ours(one)).tobytes() for _ in range(40)} == kinds
    assert len(kinds) == 2


@pytest.mark.parametrize(
    "name",
    ["RandomContrast", "RandomBrightness", "RandomRotation", "RandomZoom"],
)
def test_the_range_of_a_single_factor(name):
    ours, theirs = both(name, 0.25)
    for key in ("factor", "height_factor"):
        assert ours.get_config().get(key) == theirs.get_config().get(key)


# configs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Rescaling", {"scale": 0.5}),
        ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 1.0, 2.0]}),
        ("Discretization", {"bin_boundaries": [0.0, 1.0]}),
        ("CategoryEncoding", {"num_tokens": 5}),
        ("StringLookup", {"vocabulary": ["a", "b"], "mask_token": "", "num_oov_indices": 2}),
        ("IntegerLookup", {"vocabulary": [4, 7], "output_mode": "multi_hot"}),
        ("Hashing", {"num_bins": 5, "salt": 3}),
        ("Hashing", {"num_bins": 5, "output_mode": "count"}),
        ("TextVectorization", {"vocabulary": ["a", "b"], "ngrams": 2, "split": "character"}),
        ("Resizing", {"height": 4, "width": 5}),
        ("CenterCrop", {"height": 4, "width": 5}),
        ("RandomFlip", {"mode": "vertical", "seed": 3}),
        ("RandomRotation", {"factor": 0.2}),
        ("RandomZoom", {"height_factor": 0.2}),
        ("RandomTranslation", {"height_factor": 0.2, "width_factor": (0.1, 0.2)}),
        ("RandomCrop", {"height": 4, "width": 5, "seed": 1}),
        ("RandomContrast", {"factor": 0.2}),
        ("RandomBrightness", {"factor": 0.2, "value_range": (0, 1)}),
    ],
)
def test_a_config_is_read_by_the_other_library(name, settings):
    ours, theirs = both(name, **settings)
    there = keras.layers.deserialize(db.layers.serialize(ours))
    here = db.layers.deserialize(keras.layers.serialize(theirs))
    assert here.get_config() == ours.get_config() | {"name": here.name}
    again = theirs.get_config() | {"name": there.name}
    for key, value in there.get_config().items():
        if key not in ("vocabulary", "vocabulary_size", "axis"):
            assert json.dumps(value) == json.dumps(again[key]), key


def test_a_learned_vocabulary_goes_with_the_config():
    need_tensorflow()
    for name, data, x in (
        ("StringLookup", WORDS, WORDS),
        ("IntegerLookup", NUMBERS, NUMBERS),
        ("TextVectorization", TEXTS, TEXTS),
    ):
        ours = getattr(db.layers, name)(output_mode="tf_idf")
        ours.adapt(data)
        there = keras.layers.deserialize(db.layers.serialize(ours))
        again = db.layers.deserialize(db.layers.serialize(ours))
        agree(ours, there, x, rtol=1e-6)
        agree(again, there, x, rtol=1e-6)
        again.adapt(data)  # as the one that it was made of


@pytest.mark.parametrize(
    "make",
    [
        lambda: db.layers.Normalization(),
        lambda: db.layers.Discretization(num_bins=3, output_mode="one_hot"),
        lambda: db.layers.IntegerLookup(output_mode="count"),
        lambda: db.layers.IntegerLookup(output_mode="tf_idf", num_oov_indices=2),
    ],
    ids=["Normalization", "Discretization", "IntegerLookup", "tf-idf"],
)
def test_what_was_learned_is_in_a_saved_model(make, tmp_path):
    pytest.importorskip("h5py", reason="the extra saving")
    need_tensorflow()
    layer, x = make(), np.arange(12).reshape(6, 2) % 5
    layer.adapt(x[:4])
    model = db.Sequential([db.Input((2,), dtype="int64"), layer, db.layers.Flatten()])
    model.save(tmp_path / "m.keras")
    found = model.predict(x, verbose=0)
    again = db.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), found)
    there = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(numbers(there.predict(x, verbose=0)), found)
