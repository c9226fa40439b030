"""Lambda: a function as a layer, which is saved by its name and never by its code."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics.errors import UnreadableFile

Lambda = db.layers.Lambda


def scaled(x, by=2.0):
    return x * by


def only_training(x, training):
    return x if training else x * 0.0


def steps_that_count(x, mask=None):
    return x if mask is None else x * db.ops.expand_dims(db.ops.cast(mask, "float32"), -1)


def model_of(*layers, shape=(3,)):
    return db.Sequential([db.Input(shape), *layers])


def test_it_calls_the_function_with_its_arguments(backend):
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(np.asarray(Lambda(scaled)(x)), x * 2)
    np.testing.assert_array_equal(np.asarray(Lambda(scaled, arguments={"by": 5.0})(x)), x * 5)


def test_the_function_may_take_training_and_mask(backend):
    x = np.ones((2, 3), "float32")
    assert np.asarray(Lambda(only_training)(x)).sum() == 0
    assert np.asarray(Lambda(only_training)(x, training=True)).sum() == 6
    hidden = np.array([[True, False, True]])
    steps = Lambda(steps_that_count)(np.ones((1, 3, 2), "float32"), mask=hidden)
    np.testing.assert_array_equal(np.asarray(steps)[0, :, 0], [1, 0, 1])


def test_the_mask_of_the_output():
    steps, hidden = np.ones((1, 3, 2), "float32"), np.array([[True, False, True]])
    assert Lambda(scaled).compute_mask(steps, hidden) is None
    assert Lambda(scaled, mask=hidden).compute_mask(steps, None) is hidden
    kept = Lambda(scaled, mask=lambda inputs, previous: previous)
    assert kept.compute_mask(steps, hidden) is hidden


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, (None, 3)), ((7,), (None, 7)), (lambda shape: (shape[0], 9), (None, 9))],
)
def test_the_shape_of_the_output(given, expected):
    assert Lambda(scaled, output_shape=given).compute_output_shape((None, 3)) == expected


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="must be a function"):
        Lambda("relu")


def test_it_trains(backend):
    model = model_of(db.layers.Dense(2), Lambda(scaled))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    losses = model.fit(x, x[:, :2], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_it_is_opened_where_its_function_is_known_and_code_is_trusted(backend, tmp_path):
    pytest.importorskip("h5py", reason="the extra saving")
    path, known = tmp_path / "m.keras", {"scaled": scaled}
    model = model_of(db.layers.Dense(2), Lambda(scaled, arguments={"by": 3.0}))
    model.save(path)
    with pytest.raises(UnreadableFile, match="Lambda layer, which safe_mode=True refuses"):
        db.models.load_model(path, custom_objects=known)
    with pytest.raises(UnreadableFile, match="no function 'scaled' for a Lambda"):
        db.models.load_model(path, safe_mode=False)
    opened = db.models.load_model(path, custom_objects=known, safe_mode=False)
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(opened.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_code_of_a_lambda_is_never_saved(backend, tmp_path):
    with pytest.raises(TypeError, match="write it as a function"):
        model_of(Lambda(lambda x: x)).save(tmp_path / "m.keras")


def test_a_clone_has_the_function():
    model = model_of(Lambda(lambda x: x + 1.0))
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(db.models.clone_model(model).predict(x, verbose=0), x + 1)


def test_the_shape_of_a_row_is_said_for_several_inputs(backend):
    """As the sampling of a variational autoencoder does, and the distance of twins."""
    mean, spread = db.Input((2,)), db.Input((2,))
    y = Lambda(lambda pair: pair[0] + pair[1], output_shape=(2,))([mean, spread])
    assert y.shape == (None, 2)
    found = db.Model([mean, spread], y).predict([np.ones((3, 2)), np.ones((3, 2))], verbose=0)
    np.testing.assert_array_equal(found, np.full((3, 2), 2.0))
