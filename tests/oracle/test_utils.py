"""Helpers beside those of Keras 3: images, windows over a series, batches, dtypes."""

from itertools import product

import numpy as np
import pytest

import deepbasics as db

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (12, 9, 3)).astype("uint8")


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("PIL", reason="the extra images").Image.fromarray(IMAGE).save(
        tmp_path / "x.png"
    )
    return tmp_path / "x.png"


@pytest.mark.parametrize("mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"target_size": (6, 8)},
        {"target_size": (6, 8), "keep_aspect_ratio": True},
        {"target_size": (20, 5), "keep_aspect_ratio": True, "interpolation": "bicubic"},
        {"target_size": (3, 3), "interpolation": "lanczos"},
    ],
    ids=str,
)
def test_images_are_loaded_as_by_keras(path, mode, settings):
    ours, theirs = (k.utils.load_img(path, mode, **settings) for k in (db, keras))
    assert ours.mode == theirs.mode
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    for data_format in ("channels_last", "channels_first"):
        a, b = (k.utils.img_to_array(ours, data_format) for k in (db, keras))
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_become_the_images_of_keras(path, scale, channels):
    x = RNG.uniform(0, 255, (6, 5, channels))
    ours, theirs = (k.utils.array_to_img(x, scale=scale) for k in (db, keras))
    assert ours.mode == theirs.mode
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


@pytest.mark.parametrize("size", [(6, 6), (5, 9), (20, 8)])
def test_smart_resize(size):
    images = np.stack([IMAGE, IMAGE[::-1]]).astype("float32")
    found = db.utils.smart_resize(images, size)
    expected = keras.preprocessing.image.smart_resize(images, size)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


SERIES = {
    "plain": {"sequence_length": 4},
    "strided": {"sequence_length": 4, "sequence_stride": 3},
    "sampled": {"sequence_length": 4, "sampling_rate": 3},
    "part": {"sequence_length": 3, "start_index": 5, "end_index": 25},
    "single": {"sequence_length": 5, "batch_size": None},
}


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", SERIES)
def test_windows_over_a_series_are_those_of_keras(name, labelled):
    pytest.importorskip("tensorflow", reason="Keras makes them with TensorFlow")
    data, targets = RNG.normal(size=(30, 2)), np.arange(30) if labelled else None
    settings = {"batch_size": 8, **SERIES[name]}
    ours = db.utils.timeseries_dataset_from_array(data, targets, **settings)
    theirs = list(keras.utils.timeseries_dataset_from_array(data, targets, **settings))
    assert len(ours) == len(theirs)
    for i, expected in enumerate(theirs):
        pairs = zip(ours[i], expected, strict=True) if labelled else [(ours[i], expected)]
        for a, b in pairs:
            np.testing.assert_array_equal(a, b.numpy())


@pytest.mark.parametrize("sizes", [(0.3, None), (None, 0.25), (7, None), (5, 6), (0.4, 0.6)])
def test_data_are_split_into_parts_of_the_sizes_of_keras(sizes):
    x = np.arange(22.0).reshape(11, 2)
    ours, theirs = (k.utils.split_dataset(x, *sizes) for k in (db, keras))
    assert [len(part) for part in ours] == [len(part) for part in theirs]
    left, right = ours
    np.testing.assert_array_equal(left, x[: len(left)])
    np.testing.assert_array_equal(right, x[-len(right) :])


@pytest.mark.parametrize("parts", list(product([1, [1, 2], (1,)], [None, 3], [None, 4])), ids=str)
def test_batches_are_packed_and_unpacked_as_by_keras(parts):
    x, y, w = parts
    if y is None and w is not None:
        assert db.utils.pack_x_y_sample_weight(x, y, w) == (x, None, w)
        return  # Keras forgets the weights
    ours, theirs = (k.utils.pack_x_y_sample_weight(x, y, w) for k in (db, keras))
    assert ours == theirs
    for data in (ours, list(ours) if isinstance(ours, tuple) else ours):
        found = db.utils.unpack_x_y_sample_weight(data)
        assert found == keras.utils.unpack_x_y_sample_weight(data)


DTYPES = (
    *("bool", "int8", "int16", "int32", "uint8", "uint16", "float16", "bfloat16", "float32"),
    *(int, float, None, np.float16, np.dtype("int8"), bool),
)  # of more than 32 bits Keras makes 32


@pytest.mark.parametrize("pair", list(product(DTYPES, repeat=2)), ids=str)
def test_dtypes_are_promoted_as_by_keras(pair):
    assert db.backend.result_type(*pair) == keras.backend.result_type(*pair)


@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "uint32", "float64", "complex64"], ids=str)
def test_dtypes_are_named_as_by_keras(dtype):
    for name in ("standardize_dtype", "is_float_dtype", "is_int_dtype"):
        assert getattr(db.backend, name)(dtype) == getattr(keras.backend, name)(dtype)


def test_unknown_dtypes_are_refused():
    with pytest.raises(ValueError, match=r"dtype 'float33'\. Did you mean 'float32'"):
        db.utils.standardize_dtype("float33")
    with pytest.raises(ValueError, match="Unknown dtype"):
        db.utils.standardize_dtype(object())


def test_uids_count_by_prefix():
    db.utils.clear_session(), keras.utils.clear_session()
    for prefix in ("a", "", "a", "b"):
        assert db.backend.get_uid(prefix) == keras.backend.get_uid(prefix)


def test_symbolic_tensors_are_told_from_others():
    for k in (db, keras):
        assert k.utils.is_keras_tensor(k.Input((2,)))
        assert k.backend.is_keras_tensor(k.layers.Dense(1)(k.Input((2,))))
        assert not k.utils.is_keras_tensor(np.ones(2))
    assert isinstance(db.Input((2,)), db.KerasTensor)


def test_things_are_told_as_plain_data_and_back():
    told = db.utils.serialize_keras_object(db.layers.Dense(3, name="d"))
    made = keras.utils.deserialize_keras_object(told)
    again = db.utils.deserialize_keras_object(keras.utils.serialize_keras_object(made))
    assert (again.units, again.name) == (3, "d")


def test_models_are_compiled_from_the_config_of_another(backend):
    def stack(k):
        return k.Sequential([k.Input((3,)), k.layers.Dense(1, name="d")])

    ours, theirs = stack(db), stack(keras)
    assert ours.get_compile_config() is None
    theirs.compile("adam", "mse", metrics=["mae"], loss_weights=0.5)
    ours.compile_from_config(theirs.get_compile_config())
    assert type(ours.optimizer) is db.optimizers.Adam
    again = stack(keras)
    again.compile_from_config(ours.get_compile_config())
    x, y = RNG.normal(size=(8, 3)).astype("float32"), np.ones((8, 1), "float32")
    for model in (theirs, again):
        model.set_weights(ours.get_weights())
    losses = [model.evaluate(x, y, verbose=0) for model in (ours, theirs, again)]
    assert len(losses[0]) == 2
    np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-6)
