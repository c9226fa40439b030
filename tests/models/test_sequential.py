"""Sequential: building, changing, describing, nesting."""

import json

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = X[:, :1] * 2


def small(*more):
    return db.Sequential([db.Input((3,)), layers.Dense(4, activation="tanh"), *more])


@pytest.mark.filterwarnings("ignore:.*is an old spelling:DeprecationWarning")
@pytest.mark.parametrize(
    "first", [{"input_shape": (3,)}, {"input_dim": 3}, {"batch_input_shape": (None, 3)}], ids=str
)
def test_weights_are_made_at_once_where_the_shape_is_known(backend, first):
    model = db.Sequential([layers.Dense(2, **first)])
    assert model.built
    assert [w.shape for w in model.weights] == [(3, 2), (2,)]
    assert model.input_shape == (None, 3)
    assert model.output_shape == (None, 2)


@pytest.mark.parametrize("how", ["call", "fit", "predict", "build"])
def test_weights_are_made_at_the_first_data_otherwise(backend, how):
    model = db.Sequential([layers.Dense(4), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert not model.built
    assert model.weights == []
    {
        "call": lambda: model(X),
        "fit": lambda: model.fit(X, Y, verbose=0),
        "predict": lambda: model.predict(X, verbose=0),
        "build": lambda: model.build((None, 3)),
    }[how]()
    assert model.built
    assert model.count_params() == 21
    assert model.input_shape == (None, 3)
    assert model.output_shape == (None, 1)


def test_add_and_pop_in_a_model_that_has_trained(backend):
    model = small(layers.Dense(1))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    kept = model.layers[0].get_weights()
    popped = model.pop()
    assert popped.name not in [layer.name for layer in model.layers]
    assert model.output_shape == (None, 4)
    for a, b in zip(kept, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.add(layers.Dense(2))
    model.add(layers.Dense(1))
    before = int(model.optimizer.iterations.numpy())
    history = model.fit(X, Y, verbose=0)
    assert np.isfinite(history.history["mae"][0])
    assert int(model.optimizer.iterations.numpy()) == before + 1
    assert len(model.optimizer.variables) == 2 + 2 * len(model.weights)
    assert not np.array_equal(kept[0], model.layers[0].get_weights()[0])


def test_metrics_follow_when_the_output_changes(backend):
    ids = np.arange(12) % 3
    model = small(layers.Dense(1))
    model.compile("sgd", "mse", metrics=["accuracy"])
    model.fit(X, Y, verbose=0)
    model.pop()
    model.add(layers.Dense(3))
    found = model.evaluate(X, np.eye(3)[ids], verbose=0)[1]
    assert found == pytest.approx((model.predict(X, verbose=0).argmax(1) == ids).mean())


def test_a_popped_layer_is_no_longer_trained(backend):
    model = small(layers.Dense(4), layers.Dense(1))
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.pop()
    popped = model.pop()
    before = popped.get_weights()
    model.fit(X, np.repeat(Y, 4, axis=1), verbose=0)
    for a, b in zip(before, popped.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_inside_a_model_trains_and_counts(backend):
    inner = db.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)], name="inner")
    model = db.Sequential([db.Input((3,)), inner, layers.Dense(1)])
    assert model.count_params() == 16 + 10 + 3
    assert inner.weights[0].path.split("/")[-2:] == [inner.layers[0].name, "kernel"]
    assert model.layers == [inner, model.layers[1]]
    before = inner.get_weights()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], inner.get_weights()[0])
    np.testing.assert_allclose(
        inner.predict(X, verbose=0), db.ops.convert_to_numpy(inner(X)), rtol=1e-5
    )


def test_a_model_that_starts_with_a_model_knows_its_input(backend):
    inner = small(layers.Dense(2))
    model = db.Sequential([inner, layers.Dense(1)])
    assert model.built
    assert model.input_shape == (None, 3)


def test_freezing_by_setting_trainable_reaches_every_layer(backend):
    inner = small(layers.Dense(2))
    model = db.Sequential([inner, layers.Dense(1)])
    inner.trainable = False
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 4
    before = inner.get_weights()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    inner.trainable = True
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], inner.get_weights()[0])


def test_a_model_that_is_all_frozen_measures_and_changes_nothing(backend):
    model = small(layers.Dense(1))
    model.trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_config_makes_the_same_model_with_new_weights(backend):
    custom = db.regularizers.L2(0.1)
    model = db.Sequential(
        [
            db.Input((3, 2), name="start"),
            layers.Flatten(),
            layers.Dense(4, "relu", kernel_regularizer=custom, kernel_constraint="max_norm"),
            layers.Dropout(0.2, seed=3),
            layers.Activation("tanh"),
            layers.Reshape((2, 2)),
            db.Sequential([layers.Dense(2, use_bias=False)], name="inner"),
        ],
        name="outer",
    )
    config = json.loads(json.dumps(model.get_config()))
    twin = db.Sequential.from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    assert [w.shape for w in twin.weights] == [w.shape for w in model.weights]
    twin.set_weights(model.get_weights())
    data = np.ones((2, 3, 2))
    np.testing.assert_array_equal(twin.predict(data, verbose=0), model.predict(data, verbose=0))


def test_a_model_built_by_data_is_built_again_from_its_config(backend):
    model = db.Sequential([layers.Dense(2)])
    model(X)
    twin = db.Sequential.from_config(model.get_config())
    assert [w.shape for w in twin.weights] == [(3, 2), (2,)]


def test_weights_go_out_and_in(backend):
    model, twin = small(layers.Dense(1)), small(layers.Dense(1))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    model.get_weights()[0][:] = 7  # copies
    assert not (model.get_weights()[0] == 7).any()


def test_layers_are_found_by_name_and_place(backend):
    model = small(layers.Dense(1, name="out"))
    assert model.get_layer("out") is model.layers[-1] is model.get_layer(index=-1)
    with pytest.raises(ValueError, match="no index 7"):
        model.get_layer(index=7)


def test_an_input_of_width_one_takes_flat_rows(backend):
    model = db.Sequential([layers.Dense(1, input_shape=[1])])
    model.compile("sgd", "mse")
    x = np.array([-1.0, 0, 1, 2])
    model.fit(x, 2 * x - 1, verbose=0)
    assert model.predict(x, verbose=0).shape == (4, 1)
    assert model.predict(np.zeros((4, 1, 1)), verbose=0).shape == (4, 1)


def test_a_list_with_the_one_input_is_the_input(backend):
    model = small()
    np.testing.assert_array_equal(model.predict([X], verbose=0), model.predict(X, verbose=0))


def test_summary_shows_layers_shapes_and_totals(backend):
    model = small(layers.Dropout(0.5), layers.Dense(1, name="out"))
    model.layers[0].trainable = False
    said = []
    model.summary(print_fn=said.append, line_length=80)
    text = "\n".join(said)
    for part in (
        "out (Dense)",
        "(None, 4)",
        "(None, 1)",
        "Total params: 21",
        "Trainable params: 5",
    ):
        assert part in text
    assert "Optimizer" not in text
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    said.clear()
    model.summary(print_fn=said.append, line_length=80, show_trainable=True)
    assert "Optimizer params: 12" in said[0]


def test_summary_of_what_is_not_built(backend):
    model = db.Sequential([layers.Dense(2), db.Sequential([layers.Dense(1)], name="inner")])
    said = []
    model.summary(print_fn=said.append, line_length=80, expand_nested=True)
    assert "0 (unbuilt)" in said[0]
    assert "Total params: 0" in said[0]
    assert "inner (Sequential)" in said[0]
    db.Sequential().summary(print_fn=said.append)
