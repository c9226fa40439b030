"""fit, evaluate and train_on_batch beside Keras 3: same weights, same order, same numbers."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}  # float32, tens of updates, two ways to sum
ROWS, FEATURES, CLASSES = 50, 6, 3
RNG = np.random.default_rng(3)
X = RNG.normal(size=(ROWS, FEATURES)).astype("float32")
SCORE = X @ RNG.normal(size=(FEATURES, CLASSES))
IDS = SCORE.argmax(1)
TARGETS = {
    "ids": IDS,
    "one-hot": np.eye(CLASSES)[IDS],
    "binary": (SCORE[:, 0] > 0).astype("int64"),
    "numbers": SCORE[:, :1].astype("float32"),
}
WEIGHT = RNG.uniform(0.2, 2.0, size=ROWS).astype("float32")
HEADS = {"ids": (3, "softmax"), "one-hot": (3, "softmax"), "binary": (1, "sigmoid")}
HEADS["numbers"] = (1, None)


def net(library, units, activation, **first):
    return library.Sequential(
        [
            library.Input((FEATURES,)),
            library.layers.Dense(7, activation="tanh", **first),
            library.layers.Dense(units, activation=activation),
        ]
    )


def twins(kind, **compiled):
    """A model of ours and one of Keras with the same weights, compiled alike."""
    penalty = compiled.pop("penalty", None)
    models = []
    for library in (db, keras):
        first = {}
        if penalty:
            first = {name: library.regularizers.L2(0.01) for name in penalty}
        model = net(library, *HEADS[kind], **first)
        options = {
            name: value(library) if callable(value) else value for name, value in compiled.items()
        }
        model.compile(**options)
        models.append(model)
    ours, theirs = models
    start = np.random.default_rng(8)
    theirs.set_weights([start.normal(size=w.shape) * 0.5 for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def assert_same_history(ours, theirs):
    assert list(ours.history) == list(theirs.history)
    assert ours.epoch == theirs.epoch
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, **TOLERANCE, err_msg=name)


def assert_same_weights(ours, theirs):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **TOLERANCE)


def fit_both(ours, theirs, *data, **options):
    options = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0} | options
    found = ours.fit(*data, **options)
    assert_same_history(found, theirs.fit(*data, **options))
    assert_same_weights(ours, theirs)


SETUPS = {
    "sgd, mse": ("numbers", {"optimizer": "sgd", "loss": "mse", "metrics": ["mae", "mse"]}),
    "momentum, mae": (
        "numbers",
        {"optimizer": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True), "loss": "mae"},
    ),
    "rmsprop, categorical": (
        "one-hot",
        {"optimizer": "rmsprop", "loss": "categorical_crossentropy", "metrics": ["accuracy"]},
    ),
    "adam, sparse": (
        "ids",
        {
            "optimizer": lambda k: k.optimizers.Adam(0.02),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["acc"],
            "weighted_metrics": ["accuracy"],
        },
    ),
    "nadam, binary": (
        "binary",
        {
            "optimizer": lambda k: k.optimizers.Nadam(0.02),
            "loss": "binary_crossentropy",
            "metrics": lambda k: [
                "accuracy",
                k.metrics.AUC(name="auc"),
                k.metrics.Precision(name="p"),
            ],
        },
    ),
    "adagrad, huber": (
        "numbers",
        {"optimizer": "adagrad", "loss": lambda k: k.losses.Huber(), "metrics": ["mse"]},
    ),
    "adamw, clipped": (
        "one-hot",
        {
            "optimizer": lambda k: k.optimizers.AdamW(0.02, clipnorm=0.1),
            "loss": lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.1),
        },
    ),
    "average of the weights": (
        "numbers",
        {"optimizer": lambda k: k.optimizers.SGD(0.05, use_ema=True), "loss": "mse"},
    ),
    "scaled loss": (
        "numbers",
        {"optimizer": lambda k: k.optimizers.SGD(0.05, loss_scale_factor=8.0), "loss": "mse"},
    ),
    "penalties": (
        "numbers",
        {
            "optimizer": "sgd",
            "loss": "mse",
            "penalty": ["kernel_regularizer", "activity_regularizer"],
        },
    ),
}


@pytest.mark.parametrize("name", SETUPS)
def test_fit_gives_the_history_and_weights_of_keras(backend, name):
    kind, compiled = SETUPS[name]
    fit_both(*twins(kind, **compiled), X, TARGETS[kind])


@pytest.mark.parametrize("name", SETUPS)
def test_validation_split_gives_the_history_of_keras(backend, name):
    kind, compiled = SETUPS[name]
    fit_both(*twins(kind, **compiled), X, TARGETS[kind], validation_split=0.3)


@pytest.mark.parametrize("kind", ["ids", "one-hot", "binary"])
def test_class_weight_gives_the_history_of_keras(backend, kind):
    loss = {"ids": "sparse_categorical_crossentropy", "one-hot": "categorical_crossentropy"}
    ours, theirs = twins(
        kind, optimizer="adam", loss=loss.get(kind, "binary_crossentropy"), metrics=["accuracy"]
    )
    fit_both(ours, theirs, X, TARGETS[kind], class_weight={0: 0.5, 1: 3.0})


def test_sample_weight_gives_the_history_of_keras(backend):
    ours, theirs = twins(
        "numbers", optimizer="adam", loss="mse", metrics=["mae"], weighted_metrics=["mae", "mse"]
    )
    data = {"sample_weight": WEIGHT, "validation_data": (X[:20], TARGETS["numbers"][:20])}
    fit_both(ours, theirs, X, TARGETS["numbers"], **data)
    data["validation_data"] = (*data["validation_data"], WEIGHT[:20])
    fit_both(ours, theirs, X, TARGETS["numbers"], **data)


def test_validation_freq_and_initial_epoch_mean_the_same(backend):
    ours, theirs = twins("numbers", optimizer="sgd", loss="mse")
    options = {"validation_split": 0.2, "epochs": 6, "initial_epoch": 2, "batch_size": 7}
    fit_both(ours, theirs, X, TARGETS["numbers"], validation_freq=2, **options)
    fit_both(ours, theirs, X, TARGETS["numbers"], validation_freq=[3, 6], **options)


def test_a_second_fit_goes_on_where_the_first_ended(backend):
    ours, theirs = twins("numbers", optimizer="adam", loss="mse")
    for _ in range(3):
        fit_both(ours, theirs, X, TARGETS["numbers"], epochs=2)
    assert int(ours.optimizer.iterations.numpy()) == int(theirs.optimizer.iterations.numpy())


def test_compiling_again_starts_the_optimizer_anew(backend):
    ours, theirs = twins("numbers", optimizer="adam", loss="mse")
    fit_both(ours, theirs, X, TARGETS["numbers"])
    for model in (ours, theirs):
        model.compile("adam", "mae")
    fit_both(ours, theirs, X, TARGETS["numbers"])


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_epochs_of_some_steps_go_on_through_the_data(backend):
    ours, theirs = twins("numbers", optimizer="sgd", loss="mse")
    options = {"epochs": 5, "batch_size": 8, "shuffle": False, "verbose": 0}
    options["steps_per_epoch"] = 3  # of 7 batches: 3, 3, 1, 3, 3
    with pytest.warns(UserWarning, match="ran out after 1 of 3"):
        found = ours.fit(X, TARGETS["numbers"], **options)
    assert_same_history(found, theirs.fit(X, TARGETS["numbers"], **options))
    assert_same_weights(ours, theirs)


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_a_generator_that_ends_ends_the_epoch(backend):
    def batches():
        for start in range(0, 50, 10):
            yield X[start : start + 10], TARGETS["numbers"][start : start + 10]

    ours, theirs = twins("numbers", optimizer="sgd", loss="mse")
    options = {"epochs": 2, "steps_per_epoch": 3, "shuffle": False, "verbose": 0}
    with pytest.warns(UserWarning, match="ran out after 2 of 3"):
        found = ours.fit(batches(), **options)
    assert_same_history(found, theirs.fit(batches(), **options))
    assert_same_weights(ours, theirs)


def test_evaluate_and_train_on_batch_give_what_keras_gives(backend):
    ours, theirs = twins(
        "binary",
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["mse"],
    )
    y = TARGETS["binary"]
    for _ in range(3):
        found = ours.train_on_batch(X[:20], y[:20], sample_weight=WEIGHT[:20])
        expected = theirs.train_on_batch(X[:20], y[:20], sample_weight=WEIGHT[:20])
        np.testing.assert_allclose(found, expected, **TOLERANCE)
    weighted = {"sample_weight": WEIGHT, "batch_size": 16, "verbose": 0}
    for options in ({"batch_size": 16, "verbose": 0}, weighted):
        found, expected = (m.evaluate(X, y, **options) for m in (ours, theirs))
        np.testing.assert_allclose(found, expected, **TOLERANCE)
    found, expected = (m.evaluate(X, y, return_dict=True, verbose=0) for m in (ours, theirs))
    assert set(found) == set(expected)
    found, expected = (m.test_on_batch(X[:9], y[:9]) for m in (ours, theirs))
    np.testing.assert_allclose(found, expected, **TOLERANCE)
    found, expected = (m.predict(X, batch_size=16, verbose=0) for m in (ours, theirs))
    np.testing.assert_allclose(found, expected, **TOLERANCE)
    assert found.dtype == expected.dtype


def test_a_layer_that_freezes_and_thaws_trains_as_in_keras(backend):
    ours, theirs = twins("numbers", optimizer="adam", loss="mse")
    for trainable in (True, False, True):
        ours.layers[0].trainable = theirs.layers[0].trainable = trainable
        fit_both(ours, theirs, X, TARGETS["numbers"], epochs=2)
