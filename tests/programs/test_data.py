"""Programs by what they feed: several inputs and outputs, generators, weights, folds."""

import numpy as np
import pytest

import deepbasics as db

RNG = np.random.default_rng(5)
X = RNG.normal(size=(24, 4))
WIDE = RNG.integers(0, 2, size=(24, 6)).astype("float64")
Y = (X[:, :1] - X[:, 1:2] > 0).astype("float64")
IDS = RNG.integers(0, 3, 24)
QUIET = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


# several inputs and outputs -----------------------------------------------------------------------


def _two_by_two(keras):
    layers = keras.layers
    deep, wide = keras.Input((4,), name="deep"), keras.Input((6,), name="wide")
    x = layers.Dense(5, activation="relu")(deep)
    x = layers.concatenate([x, wide])
    yes = layers.Dense(1, activation="sigmoid", name="yes")(x)
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    return keras.Model(inputs=[deep, wide], outputs=[yes, kind])


@pytest.mark.parametrize("form", ["lists", "dicts"])
def test_two_inputs_and_two_outputs(agree_with_keras, start, form):
    def program(keras):
        model = _two_by_two(keras)
        start(model)
        losses = ["binary_crossentropy", "sparse_categorical_crossentropy"]
        metrics = [["accuracy"], ["accuracy"]]
        weights, x, y = [1.0, 0.2], [X, WIDE], [Y, IDS]
        if form == "dicts":
            names = ("yes", "kind")
            losses, metrics, weights, y = (
                dict(zip(names, part, strict=True)) for part in (losses, metrics, weights, y)
            )
            x = {"wide": WIDE, "deep": X}
        model.compile("rmsprop", losses, loss_weights=weights, metrics=metrics)
        history = model.fit(x, y, validation_split=0.25, **QUIET).history
        yes, kind = model.predict(x, verbose=0)
        found = model.evaluate(x, y, verbose=0, return_dict=True)
        keys = ("loss", "yes_loss", "kind_loss", "yes_accuracy", "kind_accuracy")
        return [history[k] for k in keys], [found[k] for k in keys], history["val_loss"], yes, kind

    agree_with_keras(program)


def test_a_wide_and_deep_model_as_a_class(agree_with_keras, start):
    def program(keras):
        layers = keras.layers

        class WideAndDeep(keras.Model):
            def __init__(self, units=5, **kwargs):
                super().__init__(**kwargs)
                self.first, self.second = layers.Dense(units, "relu"), layers.Dense(units, "relu")
                self.main, self.aside = layers.Dense(1), layers.Dense(1)

            def call(self, inputs):
                wide, deep = inputs
                x = self.second(self.first(deep))
                return self.main(layers.concatenate([wide, x])), self.aside(x)

        model = WideAndDeep(name="both")
        model([WIDE[:1], X[:1]])
        start(model)
        model.compile("sgd", loss=["mse", "mse"], loss_weights=[0.9, 0.1])
        y = X[:, 2:3]
        history = model.fit([WIDE, X], [y, y], **QUIET).history
        return history["loss"], model.predict([WIDE, X], verbose=0), model.get_weights()

    agree_with_keras(program)


def test_one_model_called_twice_within_another(agree_with_keras, start):
    def program(keras):
        layers = keras.layers
        inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(2)])
        inputs = keras.Input((4,))
        once = inner(inputs)
        twice = inner(layers.Dense(4, name="between")(once))
        average = layers.average([once, twice])
        model = keras.Model(inputs, [average, layers.subtract([once, twice])])
        start(model)
        assert len(model.weights) == 6
        model.compile("sgd", "mse")
        y = X[:, :2]
        history = model.fit(X, [y, y], **QUIET).history
        return history["loss"], inner.get_weights()

    agree_with_keras(program)


# where rows come from -----------------------------------------------------------------------------


def _batches(forever=False):
    while True:
        for i in range(0, 24, 8):
            yield X[i : i + 8], Y[i : i + 8], np.linspace(0.5, 1.5, 8)
        if not forever:
            return


class Rows(db.utils.PyDataset):
    """Batches by number, in the order of the rows."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[i * 8 : i * 8 + 8], Y[i * 8 : i * 8 + 8], np.linspace(0.5, 1.5, 8)


def _loader():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    tensors = [torch.from_numpy(a) for a in (X, Y, np.tile(np.linspace(0.5, 1.5, 8), 3))]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=8)


@pytest.mark.parametrize("source", ["generator", "forever", "iterator", "PyDataset", "DataLoader"])
def test_every_source_of_batches_trains_alike(agree, start, source):
    weights = np.tile(np.linspace(0.5, 1.5, 8), 3)

    def program(keras):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        start(model)
        model.compile("adam", "binary_crossentropy", weighted_metrics=["accuracy"])
        data, options = {
            "generator": (_batches(), {"epochs": 1}),
            "forever": (_batches(True), {"epochs": 2, "steps_per_epoch": 3}),
            "iterator": (iter(list(_batches())), {"epochs": 1}),
            "PyDataset": (Rows(), {"epochs": 2, "shuffle": False}),
            "DataLoader": (_loader(), {"epochs": 2}),
        }[source]
        history = model.fit(data, verbose=0, **options).history["loss"]
        again = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        start(again)
        again.compile("adam", "binary_crossentropy", weighted_metrics=["accuracy"])
        settings = QUIET | {"epochs": len(history)}
        want = again.fit(X, Y, sample_weight=weights, **settings).history["loss"]
        np.testing.assert_allclose(history, want, rtol=1e-12)
        return history

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_generators_of_keras_1(agree, start):
    def program(keras):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        start(model)
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        history = model.fit_generator(
            _batches(True), samples_per_epoch=24, nb_epoch=2, verbose=0,
            validation_data=_batches(True), nb_val_samples=24,
        ).history  # fmt: skip
        found = model.evaluate_generator(_batches(True), val_samples=24)
        return history["loss"], history["val_acc"], found

    agree(program)


def test_classes_and_rows_weigh(agree_with_keras, start):
    def program(keras):
        losses = []
        for settings in (
            {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
            {"sample_weight": np.linspace(0, 2, 24)},
            {"sample_weight": np.linspace(0, 2, 24), "validation_split": 0.25},
        ):
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
            start(model)
            model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
            history = model.fit(X, IDS, **settings, **QUIET).history
            losses.append([history[k] for k in sorted(history)])
        return losses

    agree_with_keras(program)


def test_folds_of_a_cross_validation(agree):
    """As in the book: a new model for each fold, the mean of their curves, then one for all."""
    selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is an extra")

    def program(keras):
        def build():
            model = keras.Sequential([keras.layers.Dense(5, "relu"), keras.layers.Dense(1)])
            model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
            return model

        curves, scores = [], []
        folds = selection.KFold(n_splits=3, shuffle=True, random_state=0)
        for train, test in folds.split(X):
            mean, deviation = X[train].mean(0), X[train].std(0)
            model = build()
            history = model.fit(
                (X[train] - mean) / deviation, X[train, :1], epochs=2, batch_size=4, verbose=0,
                validation_data=((X[test] - mean) / deviation, X[test, :1]),
            ).history  # fmt: skip
            curves.append(history["val_mae"])
            scores.append(model.evaluate((X[test] - mean) / deviation, X[test, :1], verbose=0)[1])
        return np.mean(curves, axis=0), scores

    agree(program)


# how a step is made -------------------------------------------------------------------------------

SETTINGS = {
    "clipnorm": {"clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.05},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "ema": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
    "decay": {"weight_decay": 0.1},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_the_optimizer(agree_with_keras, start, name):
    def program(keras):
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(3, "softmax")]
        )
        start(model)
        optimizer = keras.optimizers.SGD(0.2, momentum=0.9, **SETTINGS[name])
        steps = {"steps_per_execution": 2 if keras is db else 1}  # Keras on torch takes no other
        model.compile(optimizer, "sparse_categorical_crossentropy", **steps)
        history = model.fit(X, IDS, **(QUIET | {"batch_size": 6})).history
        return history["loss"], model.get_weights()

    agree_with_keras(program)


def test_training_stops_early_with_the_best_weights(agree_with_keras, start):
    def program(keras):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
        start(model)
        model.compile(keras.optimizers.SGD(1.5), "sparse_categorical_crossentropy")
        callbacks = [
            keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1),
        ]
        history = model.fit(
            X, IDS, validation_split=0.5, callbacks=callbacks, **(QUIET | {"epochs": 12})
        ).history
        return history["val_loss"], history["learning_rate"], model.get_weights()

    agree_with_keras(program)


def test_a_mixed_precision_step_follows_the_full_one():
    """On torch in bfloat16: the same program, near in value, its weights in float32."""
    pytest.importorskip("torch", reason="torch is an extra")
    found = {}
    for policy in ("float32", "mixed_bfloat16"):
        with db.use_backend("torch", "cpu"):
            db.utils.set_random_seed(1)
            layers, mixed = db.layers, {"dtype": policy}
            model = db.Sequential(
                [
                    db.Input((4,)), layers.Dense(16, "relu", **mixed),
                    layers.LayerNormalization(**mixed), layers.Dense(3, **mixed),
                    layers.Activation("softmax", dtype="float32"),
                ]
            )  # fmt: skip
            model.compile("adam", "sparse_categorical_crossentropy")
            found[policy] = model.fit(X, IDS, **(QUIET | {"epochs": 3})).history["loss"]
            assert {w.dtype for w in model.weights} == {"float32"}
            assert model.predict(X, verbose=0).dtype == "float32"
    np.testing.assert_allclose(found["mixed_bfloat16"], found["float32"], rtol=0.02)
    assert found["mixed_bfloat16"] != found["float32"]
