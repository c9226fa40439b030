"""Methods and keywords of Keras 1 and 2."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
IDS = (X[:, 0] > 0).astype(int)


def model(units=1, activation="sigmoid", loss="binary_crossentropy"):
    made = db.Sequential([layers.Dense(units, activation, input_shape=(3,))])
    made.compile("sgd", loss, metrics=["accuracy"])
    return made


def endless():
    while True:
        for start in range(0, 20, 5):
            yield X[start : start + 5], IDS[start : start + 5]


@pytest.mark.parametrize(
    "options",
    [
        {"steps_per_epoch": 4, "epochs": 2},
        {"samples_per_epoch": 20, "nb_epoch": 2, "nb_worker": 2, "pickle_safe": True},
        {"samples_per_epoch": 18, "nb_epoch": 2, "max_q_size": 3},
        {"steps_per_epoch": 4, "epochs": 2, "workers": 2, "use_multiprocessing": False},
    ],
    ids=str,
)
def test_fit_generator_counts_steps_or_samples(backend, options):
    made = model()
    history = made.fit_generator(endless(), verbose=0, **options)
    assert history.epoch == [0, 1]
    assert int(made.optimizer.iterations.numpy()) == 8


def test_validation_of_fit_generator_counts_steps_or_samples(backend):
    made = model()
    for options in (
        {"validation_data": endless(), "nb_val_samples": 10},
        {"validation_data": endless(), "validation_steps": 2},
        {"validation_data": (X, IDS), "nb_val_samples": 10},
    ):
        history = made.fit_generator(endless(), 1, verbose=0, **options)
        assert "val_accuracy" in history.history


def test_evaluate_and_predict_on_generators(backend):
    made = model()
    expected = made.evaluate(X, IDS, verbose=0)
    np.testing.assert_allclose(made.evaluate_generator(endless(), 4), expected, rtol=1e-5)
    np.testing.assert_allclose(
        made.evaluate_generator(endless(), val_samples=20), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        made.predict_generator(endless(), 4), made.predict(X, verbose=0), rtol=1e-5
    )


def test_predict_classes_is_a_threshold_or_an_argmax(backend):
    made = model()
    classes = made.predict_classes(X)
    assert classes.dtype == np.int32
    np.testing.assert_array_equal(classes, made.predict_proba(X) > 0.5)
    several = model(3, "softmax", "sparse_categorical_crossentropy")
    np.testing.assert_array_equal(several.predict_classes(X), several.predict_proba(X).argmax(-1))


def test_old_keywords_of_fit_and_compile(backend):
    made = db.Sequential(
        [layers.Dense(output_dim=2, init="uniform", input_dim=3, W_regularizer="l2", bias=False)]
    )
    made.compile(loss="mse", optimizer=db.optimizers.SGD(lr=0.1), class_mode="categorical")
    history = made.fit(X, np.zeros((20, 2)), nb_epoch=3, show_accuracy=True, verbose=0)
    assert history.epoch == [0, 1, 2]
    assert [w.shape for w in made.weights] == [(3, 2)]


def test_states_are_reset_layer_by_layer(backend):
    class Stateful(layers.Layer):
        resets = 0

        def call(self, inputs):
            return inputs

        def reset_states(self):
            self.resets += 1

    layer = Stateful()
    db.Sequential([db.Sequential([layer])]).reset_states()
    assert layer.resets == 1


def test_metrics_came_third_in_compile(backend):
    """In Keras 1 and 2; in Keras 3 that is the place of the weights of the losses."""
    made = db.Sequential([db.layers.Dense(1, input_shape=(3,))])
    with pytest.warns(DeprecationWarning, match=r"write metrics=\['mae'\]"):
        made.compile("sgd", "mse", ["mae"])
    assert len(made.evaluate(np.ones((4, 3)), np.ones((4, 1)), verbose=0)) == 2
    made.compile("sgd", "mse", [np.float32(2.0)])
    with pytest.raises(TypeError, match=r"loss_weights takes a number .* got 'mae'"):
        made.compile("sgd", "mse", ["mae"], metrics=["mse"])
    with pytest.raises(TypeError, match="got 1j"):
        made.compile("sgd", "mse", 1j)
