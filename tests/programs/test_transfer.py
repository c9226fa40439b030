"""Programs that take a trained network further: other heads, frozen bases, copies, parts."""

import numpy as np
import pytest

import deepbasics as db

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 5))
Y = RNG.integers(0, 3, 24)
OTHER = RNG.integers(0, 2, 24)
QUIET = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


def _base(keras):
    layers = keras.layers
    inputs = keras.Input((5,))
    x = layers.Dense(6, activation="relu", name="low")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(4, activation="tanh", name="high")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x), name="base")


def test_a_head_is_replaced_and_the_base_thawed(agree_with_keras, start):
    def program(keras):
        base = _base(keras)
        start(base)
        base.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = [base.fit(X, Y, **QUIET).history["loss"]]

        base.trainable = False
        features = base.layers[-2].output
        head = keras.layers.Dense(1, activation="sigmoid", name="new")(features)
        model = keras.Model(base.input, head)
        model.get_layer("new").set_weights([np.full((4, 1), 0.3), np.zeros(1)])
        model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
        frozen = [w.copy() for w in base.get_layer("low").get_weights()]
        moving = base.get_layer("norm").get_weights()
        history.append(model.fit(X, OTHER, **QUIET).history["loss"])
        for before, after in zip(frozen, base.get_layer("low").get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
        for before, after in zip(moving, base.get_layer("norm").get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)

        base.trainable = True
        for layer in model.layers[:2]:
            layer.trainable = False
        counts = len(model.trainable_weights), len(model.non_trainable_weights)
        model.compile(keras.optimizers.RMSprop(1e-3), "binary_crossentropy", metrics=["accuracy"])
        history.append(model.fit(X, OTHER, **QUIET).history["loss"])
        return history, counts, model.get_weights()

    agree_with_keras(program)


def test_a_base_within_a_sequential_model_that_is_called_as_inference(agree, start):
    """Keras' guide: `base(x, training=False)` keeps the statistics of its normalization."""

    def program(keras):
        base = _base(keras)
        start(base)
        inputs = keras.Input((5,))
        x = base(inputs, training=False)
        model = keras.Model(inputs, keras.layers.Dense(1)(x))
        start(model, 4)
        base.trainable = True
        model.compile("sgd", "mse")
        before = base.get_layer("norm").get_weights()[2]
        history = model.fit(X, OTHER, **QUIET).history["loss"]
        np.testing.assert_array_equal(before, base.get_layer("norm").get_weights()[2])
        stack = keras.Sequential([base, keras.layers.Dense(1)])
        stack.build((None, 5))
        stack.layers[1].set_weights([np.ones((3, 1)), np.zeros(1)])
        stack.layers[0].trainable = False
        stack.compile("sgd", "mse")
        history += stack.fit(X, OTHER, **QUIET).history["loss"]
        return history, len(stack.trainable_weights), stack.predict(X, verbose=0)

    agree(program)


def test_what_every_layer_makes(agree_with_keras, start):
    def program(keras):
        base = _base(keras)
        start(base)
        every = keras.Model(inputs=base.inputs, outputs=[layer.output for layer in base.layers])
        found = every.predict(X, verbose=0)
        np.testing.assert_allclose(found[0], X, rtol=1e-6)
        one = keras.Model(base.input, base.get_layer(index=2).output).predict(X, verbose=0)
        by_name = keras.Model(base.input, {n: base.get_layer(n).output for n in ("low", "high")})
        named = by_name.predict(X, verbose=0)
        assert set(named) == {"low", "high"}
        return found[1:], one, named["low"], named["high"]

    agree_with_keras(program, dtype="float32")


def test_the_head_is_popped_and_another_added(agree_with_keras, start):
    def program(keras):
        layers = keras.layers
        model = keras.Sequential(
            [keras.Input((5,)), layers.Dense(4, activation="relu"), layers.Dense(3)]
        )
        start(model)
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        history = model.fit(X, Y, **QUIET).history["loss"]
        model.pop()
        model.add(layers.Dense(1))
        model.layers[-1].set_weights([np.full((4, 1), 0.2), np.zeros(1)])
        for layer in model.layers[:-1]:
            layer.trainable = False
        model.compile(keras.optimizers.SGD(0.1), "mse")
        history += model.fit(X, OTHER, **QUIET).history["loss"]
        codes = keras.Sequential([keras.Input((5,)), *model.layers[:1]]).predict(X, verbose=0)
        return history, codes

    agree_with_keras(program)


def test_a_copy_has_the_graph_and_weights_of_its_own(agree_with_keras, start):
    def program(keras):
        base = _base(keras)
        start(base)
        copy = keras.models.clone_model(base)
        copy.set_weights(base.get_weights())
        copy.compile("adam", "sparse_categorical_crossentropy")
        before = base.get_weights()
        history = copy.fit(X, Y, **QUIET).history["loss"]
        for old, new in zip(before, base.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        return history, copy.get_weights()

    agree_with_keras(program)


def test_a_teacher_teaches(agree_with_keras, start, slopes):
    """Distillation: a frozen network's opinions are the labels of a smaller one."""

    def program(keras):
        ops, layers = keras.ops, keras.layers
        teacher = _base(keras)
        start(teacher)
        teacher.trainable = False
        student = keras.Sequential([keras.Input((5,)), layers.Dense(3)])
        start(student, 5)

        class Distiller(keras.Model):
            def __init__(self, student, teacher):
                super().__init__()
                self.student, self.teacher = student, teacher

            def call(self, inputs):
                return self.student(inputs)

            def compute_loss(
                self, x=None, y=None, y_pred=None, sample_weight=None, training=True, **kwargs
            ):
                hard = keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)
                soft = keras.losses.kl_divergence(
                    self.teacher(x, training=False), ops.softmax(y_pred / 3.0, axis=1)
                )
                return 0.1 * ops.mean(hard) + 0.9 * ops.mean(soft)

        model = Distiller(student, teacher)
        model.compile(keras.optimizers.Adam(0.01), metrics=["accuracy"])
        history = model.fit(X, Y, **QUIET).history
        return history["loss"], history["accuracy"], student.get_weights()

    agree_with_keras(program)


def test_training_goes_on_from_a_file(agree, tmp_path):
    """Six epochs are three, a file, and three more: weights, slots, counts and draws."""
    pytest.importorskip("h5py", reason="the extra saving")

    def program(keras):
        def make():
            keras.utils.set_random_seed(3)
            layers = keras.layers
            model = keras.Sequential(
                [keras.Input((5,)), layers.Dense(6, "relu"), layers.Dropout(0.3), layers.Dense(1)]
            )
            rate = keras.optimizers.schedules.CosineDecay(0.01, 20)
            model.compile(keras.optimizers.AdamW(rate, clipnorm=1.0), "mse", metrics=["mae"])
            return model

        data = {"batch_size": 8, "shuffle": False, "verbose": 0}
        whole = make()
        want = whole.fit(X, OTHER, epochs=6, **data).history["loss"]
        first = make()
        got = first.fit(X, OTHER, epochs=3, **data).history["loss"]
        path = tmp_path / "model.keras"
        first.save(path)
        second = keras.models.load_model(path)
        got += second.fit(X, OTHER, epochs=6, initial_epoch=3, **data).history["loss"]
        np.testing.assert_allclose(got, want, rtol=1e-12)
        for a, b in zip(second.get_weights(), whole.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        return got

    agree(program)


@pytest.mark.parametrize("which", ["model", "layer"])
def test_a_missing_part_is_named(which):
    base = _base(db)
    with pytest.raises(ValueError, match=r"no layer 'hihg'.*It has: .*high"):
        base.get_layer("hihg")
    with pytest.raises(ValueError, match="depend on 'input_layer"):
        db.Model(db.Input((5,)), base.output)
