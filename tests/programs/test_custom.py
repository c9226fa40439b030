"""Programs with parts of their own: layers, losses, metrics, optimizers, callbacks, loops."""

import numpy as np
import pytest

RNG = np.random.default_rng(4)
X = RNG.normal(size=(24, 4))
Y = X @ np.array([1.0, -2.0, 0.5, 0.0])[:, None] + 0.1
IDS = (Y[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


def _plain(keras, start, units=1, activation=None):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(units, activation)]
    )
    start(model)
    return model


def _number(keras, x):
    return float(np.asarray(keras.ops.convert_to_numpy(x)))


def test_a_layer_with_a_state_that_follows_the_data(agree_with_keras, start):
    """Centroids that move towards the rows next to them, as weights that no gradient moves."""

    def program(keras):
        ops = keras.ops

        class Centroids(keras.layers.Layer):
            def __init__(self, count, momentum=0.9, **kwargs):
                super().__init__(**kwargs)
                self.count, self.momentum = count, momentum

            def build(self, input_shape):
                self.centers = self.add_weight(
                    shape=(self.count, input_shape[-1]), initializer="zeros", trainable=False,
                    name="centers",
                )  # fmt: skip
                self.seen = self.add_weight(
                    shape=(), initializer="zeros", trainable=False, name="seen"
                )

            def call(self, inputs, training=None):
                apart = ops.expand_dims(inputs, 1) - ops.expand_dims(self.centers, 0)
                distance = ops.sum(ops.square(apart), axis=-1)
                nearest = ops.one_hot(ops.argmin(distance, axis=-1), self.count, dtype=inputs.dtype)
                if training:
                    size = ops.sum(nearest, axis=0)[:, None]
                    mean = ops.matmul(ops.transpose(nearest), inputs) / ops.maximum(size, 1.0)
                    moved = self.momentum * self.centers + (1 - self.momentum) * mean
                    self.centers.assign(ops.where(size > 0, moved, self.centers))
                    self.seen.assign_add(1.0)
                return ops.concatenate([inputs, distance], axis=-1)

            def compute_output_shape(self, input_shape):
                return (*input_shape[:-1], input_shape[-1] + self.count)

            def get_config(self):
                return {**super().get_config(), "count": self.count, "momentum": self.momentum}

        inputs = keras.Input((4,))
        model = keras.Model(inputs, keras.layers.Dense(1)(Centroids(3, name="c")(inputs)))
        start(model)
        centers = RNG.__class__(np.random.PCG64(1)).normal(size=(3, 4))
        model.get_layer("c").set_weights([centers, np.zeros(())])
        model.compile(keras.optimizers.SGD(0.01), "mse")
        history = model.fit(X, Y, **QUIET).history["loss"]
        model.evaluate(X, Y, verbose=0)
        return history, model.get_layer("c").get_weights()

    found = agree_with_keras(program)
    assert found[1][-1] == 6  # batches of training, and none of evaluation


def _losses(keras):
    ops = keras.ops

    class Huber(keras.losses.Loss):
        def __init__(self, threshold=1.0, **kwargs):
            super().__init__(**kwargs)
            self.threshold = threshold

        def call(self, y_true, y_pred):
            error = ops.abs(y_true - y_pred)
            small = ops.square(error) / 2
            large = self.threshold * (error - self.threshold / 2)
            return ops.mean(ops.where(error < self.threshold, small, large), axis=-1)

    def weighted(factor):
        def loss(y_true, y_pred):
            return ops.mean(factor * ops.square(y_true - y_pred), axis=-1)

        return loss

    def quantile(y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.maximum(0.9 * error, -0.1 * error))

    return {"class": Huber(0.5), "closure": weighted(2.0), "scalar": quantile}


@pytest.mark.parametrize("kind", ["class", "closure", "scalar"])
def test_a_loss_of_ones_own(agree_with_keras, start, kind):
    weights = None if kind == "scalar" else np.linspace(0.5, 1.5, 24)

    def program(keras):
        model = _plain(keras, start)
        model.compile("adam", _losses(keras)[kind], metrics=[_losses(keras)["scalar"]])
        history = model.fit(X, Y, sample_weight=weights, **QUIET).history
        return history["loss"], history["quantile"]

    agree_with_keras(program)


def test_a_metric_of_ones_own(agree_with_keras, start):
    def program(keras):
        ops = keras.ops

        class TruePositives(keras.metrics.Metric):
            def __init__(self, name="hits", **kwargs):
                super().__init__(name=name, **kwargs)
                self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")

            def update_state(self, y_true, y_pred, sample_weight=None):
                y_true = ops.cast(y_true, "bool")
                hits = ops.logical_and(y_true, ops.greater(y_pred, 0.5))
                hits = ops.cast(hits, self.dtype)
                if sample_weight is not None:
                    hits = hits * ops.cast(sample_weight, self.dtype)
                self.hits.assign_add(ops.sum(hits))

            def result(self):
                return self.hits

            def reset_state(self):
                self.hits.assign(0.0)

        def mean_prediction(y_true, y_pred):
            return ops.mean(y_pred, axis=-1)

        model = _plain(keras, start, activation="sigmoid")
        metrics = [TruePositives(), mean_prediction]
        model.compile("rmsprop", "binary_crossentropy", metrics=metrics)
        labels = IDS[:, None]
        history = model.fit(X, labels, validation_data=(X, labels), **QUIET).history
        keys = ("loss", "hits", "mean_prediction", "val_hits", "val_mean_prediction")
        return [history[key] for key in keys], model.evaluate(X, labels, verbose=0)

    agree_with_keras(program)


def test_an_optimizer_of_ones_own(agree_with_keras, start):

    def program(keras):
        class Signs(keras.optimizers.Optimizer):
            def __init__(self, learning_rate=0.01, momentum=0.9, **kwargs):
                super().__init__(learning_rate=learning_rate, **kwargs)
                self.momentum = momentum

            def build(self, variables):
                if self.built:
                    return
                super().build(variables)
                self.speeds = [self.add_variable_from_reference(v, name="speed") for v in variables]

            def update_step(self, gradient, variable, learning_rate):
                speed = self.speeds[self._get_variable_index(variable)]
                self.assign(speed, self.momentum * speed + gradient)
                self.assign_sub(variable, learning_rate * keras.ops.sign(speed))

            def get_config(self):
                return {**super().get_config(), "momentum": self.momentum}

        model = _plain(keras, start)
        model.compile(Signs(0.01, clipnorm=1.0, weight_decay=0.1), "mse")
        return model.fit(X, Y, **QUIET).history["loss"], model.get_weights()

    agree_with_keras(program)


def test_callbacks_of_ones_own(agree_with_keras, start):
    def program(keras):
        seen = []

        class Halve(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                rate = float(
                    np.asarray(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
                )
                self.model.optimizer.learning_rate = rate / 2
                seen.append(rate)

        class Count(keras.callbacks.Callback):
            def __init__(self):
                super().__init__()
                self.losses = []

            def on_train_batch_end(self, batch, logs=None):
                self.losses.append(logs["loss"])
                if batch == 1 and len(self.losses) > 9:
                    self.model.stop_training = True

        model = _plain(keras, start)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        count = Count()
        history = model.fit(
            X, Y, batch_size=8, epochs=9, shuffle=False, verbose=0,
            callbacks=[Halve(), count, keras.callbacks.EarlyStopping("loss", patience=3)],
        ).history  # fmt: skip
        return history["loss"], seen, count.losses

    agree_with_keras(program)


def test_a_loop_of_ones_own(agree_with_keras, start, slopes):
    """Gradients, optimizer and metrics by hand, batch by batch; validation too."""

    def program(keras):
        model = _plain(keras, start)
        optimizer = keras.optimizers.Adam(0.01, clipnorm=0.5)
        judge, mae = keras.losses.MeanSquaredError(), keras.metrics.MeanAbsoluteError()
        losses, errors = [], []
        for _ in range(2):
            for i in range(0, 24, 8):
                x, y = X[i : i + 8], Y[i : i + 8]
                weights = model.trainable_weights
                value, found = slopes(
                    keras, lambda x=x, y=y: judge(y, model(x, training=True)), weights
                )
                optimizer.apply_gradients(zip(found, weights, strict=True))
                mae.update_state(y, model(x, training=False))
                losses.append(_number(keras, value))
            errors.append(_number(keras, mae.result()))
            mae.reset_state()
        return losses, errors, model.get_weights()

    agree_with_keras(program)


def test_a_loop_by_value_and_grad(agree, start):
    def program(keras):
        model = _plain(keras, start)
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9)

        def loss(weights, x, y):
            return keras.ops.mean(keras.losses.mean_squared_error(y, model(x, training=True)))

        losses = []
        for _ in range(3):
            value, slopes = keras.value_and_grad(loss)(model.trainable_variables, X, Y)
            optimizer.apply(slopes, model.trainable_variables)
            losses.append(float(keras.ops.convert_to_numpy(value)))
        assert losses[-1] < losses[0]
        return losses, model.get_weights()

    agree(program)


def test_twins_with_a_contrastive_loss(agree_with_keras, start):
    pairs = RNG.normal(size=(16, 2, 4))
    same = RNG.integers(0, 2, (16, 1)).astype("float64")

    def program(keras):
        ops, layers = keras.ops, keras.layers

        def distance(vectors):
            x, y = vectors
            squared = ops.sum(ops.square(x - y), axis=1, keepdims=True)
            return ops.sqrt(ops.maximum(squared, 1e-7))

        def contrastive(y_true, y_pred):
            margin = ops.square(ops.maximum(1.0 - y_pred, 0.0))
            return ops.mean(y_true * ops.square(y_pred) + (1 - y_true) * margin)

        def accuracy(y_true, y_pred):
            return ops.mean(
                ops.cast(ops.equal(y_true, ops.cast(y_pred < 0.5, y_true.dtype)), "float64")
            )

        tower = _plain(keras, start, units=3)
        left, right = keras.Input((4,)), keras.Input((4,))
        apart = layers.Lambda(distance, output_shape=(1,))([tower(left), tower(right)])
        model = keras.Model([left, right], apart)
        model.compile("rmsprop", contrastive, metrics=[accuracy])
        history = model.fit([pairs[:, 0], pairs[:, 1]], same, **QUIET).history
        return history["loss"], history["accuracy"], model.get_weights()

    agree_with_keras(program)
