"""Models whose steps a subclass writes: train_step and its kin, losses and metrics of its own."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, metrics, ops, optimizers
from deepbasics.backends import registry

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]]).astype("float32")
QUIET = {"verbose": 0}


def stack(cls=db.Sequential, seed=3):
    db.random.set_random_seed(seed)
    return cls([db.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])


class Plain(db.Sequential):
    """The built-in step, written out."""

    def train_step(self, data):
        x, y = data

        def loss():
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        (value, y_pred), gradients = db.gradients(loss, self.trainable_variables, has_aux=True)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(value)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Handing(db.Sequential):
    """Adds to what the built-in steps show."""

    def train_step(self, data):
        return {**super().train_step(data), "twice": 2.0 * self.metrics[0].result()}

    def test_step(self, data):
        return {"half": 0.5 * super().test_step(data)["loss"]}


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_written_out_step_trains_as_the_built_in_one(backend, eagerly):
    histories = []
    for cls in (db.Sequential, Plain):
        made = stack(cls)
        made.compile("adam", "mse", metrics=["mae"], run_eagerly=eagerly)
        histories.append(made.fit(X, Y, batch_size=8, epochs=3, **QUIET).history)
    want, got = histories
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-5, err_msg=name)


def test_a_step_may_add_to_what_the_built_in_one_shows(backend):
    made = stack(Handing)
    made.compile("sgd", "mse", metrics=["mae"])
    history = made.fit(X, Y, validation_data=(X, Y), epochs=2, **QUIET).history
    assert set(history) == {"loss", "mae", "twice", "val_half"}
    plain = stack()
    plain.compile("sgd", "mse", metrics=["mae"])
    want = plain.fit(X, Y, validation_data=(X, Y), epochs=2, **QUIET).history
    np.testing.assert_allclose(history["loss"], want["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["val_half"], np.divide(want["val_loss"], 2), rtol=1e-5)
    assert made.evaluate(X, Y, return_dict=True, **QUIET)["half"] == pytest.approx(
        history["val_half"][-1], rel=1e-5
    )
    assert set(made.train_on_batch(X, Y, return_dict=True)) == {"loss", "mae", "twice"}


class Gan(db.Model):
    """Two models, two optimizers, no call."""

    def __init__(self):
        super().__init__()
        self.generator = db.Sequential([db.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1)])
        self.critic = db.Sequential([db.Input((1,)), layers.Dense(8, "tanh"), layers.Dense(1)])
        self.generator_loss = metrics.Mean(name="g_loss")
        self.critic_loss = metrics.Mean(name="c_loss")

    @property
    def metrics(self):
        return [self.generator_loss, self.critic_loss]

    def compile(self, generator_optimizer, critic_optimizer, loss):
        super().compile()
        self.generator_optimizer = generator_optimizer
        self.critic_optimizer = critic_optimizer
        self.judge = loss

    def train_step(self, data):
        real, noise = data
        rows = real.shape[0]
        both = ops.concatenate([self.generator(noise), real], axis=0)
        labels = ops.concatenate([ops.ones((rows, 1)), ops.zeros((rows, 1))], axis=0)
        critic, generator = self.critic.trainable_weights, self.generator.trainable_weights
        loss, found = db.gradients(lambda: self.judge(labels, self.critic(both)), critic)
        self.critic_optimizer.apply(found, critic)
        self.critic_loss.update_state(loss)

        def fooled():
            return self.judge(ops.zeros((rows, 1)), self.critic(self.generator(noise)))

        loss, found = db.gradients(fooled, generator)
        self.generator_optimizer.apply(found, generator)
        self.generator_loss.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


def _gan(data, epochs):
    db.random.set_random_seed(5)
    gan = Gan()
    loss = db.losses.BinaryCrossentropy(from_logits=True)
    gan.compile(optimizers.Adam(0.005), optimizers.Adam(0.005), loss)
    noise = np.random.default_rng(1).normal(size=(len(data), 2))
    return gan, gan.fit(data, noise, batch_size=64, epochs=epochs, **QUIET).history


def test_a_generator_and_its_critic_train_each_other(backend):
    """What is made moves from around 0 to the data, around 3."""
    data = (3 + 0.5 * RNG.normal(size=(256, 1))).astype("float32")
    gan, history = _gan(data, epochs=60)
    assert set(history) == {"g_loss", "c_loss"}
    noise = RNG.normal(size=(512, 2))
    made = gan.generator.predict(noise, **QUIET)
    assert abs(made.mean() - 3) < 1
    assert gan.critic_optimizer.iterations.numpy() == 60 * 4
    assert not gan.optimizer.built


def test_a_gan_learns_alike_on_both_backends():
    data = (3 + 0.5 * RNG.normal(size=(128, 1))).astype("float32")
    found = []
    for name in registry.available():
        with db.use_backend(name):
            found.append(_gan(data, epochs=4)[1])
    for other in found[1:]:
        for name, values in found[0].items():
            np.testing.assert_allclose(other[name], values, rtol=1e-4, err_msg=name)


def test_a_model_may_measure_in_its_own_way(backend):
    class Own(db.Sequential):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            found = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**found, "highest": ops.max(y_pred)}

    made = stack(Own)
    made.compile("sgd", "mse", metrics=["mae"])
    history = made.fit(X, Y, batch_size=32, **QUIET).history
    assert set(history) == {"loss", "mae", "highest"}
    found = made.evaluate(X, Y, batch_size=32, return_dict=True, **QUIET)
    assert found["highest"] == pytest.approx(made.predict(X, **QUIET).max(), rel=1e-5)
    assert found["mae"] == pytest.approx(np.abs(made.predict(X, **QUIET) - Y).mean(), rel=1e-5)


def test_a_model_may_predict_in_its_own_way(backend):
    class Signs(db.Sequential):
        def predict_step(self, data):
            return {"sign": ops.sign(self(data[0], training=False)), "rows": data[0]}

    made = stack(Signs)
    found = made.predict(X, batch_size=5, **QUIET)
    assert set(found) == {"sign", "rows"}
    assert found["sign"].shape == (32, 1)
    np.testing.assert_array_equal(found["rows"], X)


def test_metrics_held_by_layers_are_shown_and_reset(backend):
    class Watching(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seen = metrics.Mean(name="seen")

        def call(self, inputs):
            self.seen.update_state(inputs)
            return inputs

    made = db.Sequential([db.Input((3,)), Watching(), layers.Dense(1)])
    made.compile("sgd", "mse")
    history = made.fit(X, Y, epochs=2, **QUIET).history
    np.testing.assert_allclose(history["seen"], [X.mean()] * 2, rtol=1e-4, atol=1e-6)
    assert made.metrics_names == ["loss", "seen"]


def test_the_loss_of_a_model_has_its_penalties(backend):
    class Own(db.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

    def make(cls):
        l2 = db.regularizers.L2(0.1)
        penalties = {"kernel_regularizer": l2, "activity_regularizer": l2}
        return cls([db.Input((3,)), layers.Dense(1, kernel_initializer="ones", **penalties)])

    plain, own = make(db.Sequential), make(Own)
    plain.compile("sgd", "mse")
    own.compile("sgd", "mse")
    assert own.evaluate(X, Y, **QUIET) == pytest.approx(2 * plain.evaluate(X, Y, **QUIET), rel=1e-5)


def test_steps_see_what_was_passed_and_no_more(backend):
    seen = []

    class Looking(db.Model):
        def train_step(self, data):
            seen.append([None if d is None else tuple(d.shape) for d in data])
            return {"loss": ops.mean(data[0])}

    made = Looking()
    made.compile(run_eagerly=True)
    made.fit(X, batch_size=32, **QUIET)
    made.fit(X, Y, batch_size=32, **QUIET)
    made.fit(X, Y, sample_weight=np.ones(32), batch_size=32, **QUIET)
    assert seen == [[(32, 3)], [(32, 3), (32, 1)], [(32, 3), (32, 1), (32,)]]


def test_a_frozen_part_stands_still_in_a_written_out_step(backend):
    made = stack(Plain)
    made.compile("sgd", "mse")
    made.fit(X, Y, **QUIET)
    made.layers[0].trainable = False
    before = [w.numpy() for w in made.layers[0].weights]
    last = made.layers[1].weights[0].numpy()
    made.fit(X, Y, **QUIET)
    for was, now in zip(before, made.layers[0].weights, strict=True):
        np.testing.assert_array_equal(now.numpy(), was)
    assert (made.layers[1].weights[0].numpy() != last).any()


@pytest.mark.parametrize("metric", ["R2Score", "F1Score", "BinaryAccuracy"])
def test_a_metric_that_makes_its_state_late_begins_each_epoch_anew(metric, backend):
    found = []
    for eager in (False, True):
        db.utils.set_random_seed(0)
        model = db.Sequential([layers.Dense(2, "sigmoid", input_shape=(3,))])
        metrics = [getattr(db.metrics, metric)()]
        model.compile("sgd", "mse", metrics=metrics, run_eagerly=eager)
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(20, 3)), np.eye(2)[rng.integers(0, 2, 20)]
        found.append(model.fit(x, y, batch_size=8, epochs=4, verbose=0).history)
    replayed, want = found
    assert replayed.keys() == want.keys()
    for name in want:
        np.testing.assert_array_equal(replayed[name], want[name])


def test_a_layer_that_keeps_what_it_saw_is_recorded_no_more_often_than_others(backend):
    class Keeping(db.layers.Dense):
        calls = 0

        def call(self, inputs):
            Keeping.calls += 1
            self.last_shapes = [tuple(inputs.shape)]
            return super().call(inputs)

    model = db.Sequential([db.Input((3,)), Keeping(2), db.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    for _ in range(3):
        model.fit(x, y, epochs=2, verbose=0)
        model.predict(x, verbose=0)
    before = Keeping.calls
    for _ in range(3):
        model.fit(x, y, epochs=2, verbose=0)
        model.predict(x, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.evaluate(x, y, verbose=0)
    assert Keeping.calls - before <= 2, "evaluate alone is new"


@pytest.mark.parametrize("count", ["attribute", "generator", "np.random", "random"])
def test_a_step_that_python_would_do_otherwise_each_time_runs_eagerly(backend, count):
    """A generator that is trained in every third step, and noise that is not the library's."""
    import random

    class Own(db.Sequential):
        turns = 0
        rng = None

        def train_step(self, data):
            self.rows = data[0].shape[0]
            if count == "attribute":
                self.turns += 1
                value = float(self.turns)
            elif count == "generator":
                value = self.rng.normal()
            else:
                value = np.random.normal() if count == "np.random" else random.random()  # noqa: NPY002
            return {"drawn": ops.mean(data[0]) * 0.0 + value}

    made = stack(Own)
    made.compile("sgd", "mse")
    made.turns, made.rng = 0, np.random.default_rng(0)
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with pytest.warns(UserWarning, match="runs eagerly.*a replay would") as told:
            drawn = [made.train_on_batch(X, Y) for _ in range(6)]
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
    assert len(told) == 1
    assert len(set(drawn)) == 6
    if count == "attribute":
        assert drawn == [1, 2, 3, 4, 5, 6]


def test_a_step_that_keeps_lengths_is_recorded(backend, recwarn):
    class Own(db.Sequential):
        def train_step(self, data):
            self.rows = data[0].shape[0]
            return {"rows": ops.mean(data[0]) * 0.0 + float(self.rows)}

    made = stack(Own)
    made.compile("sgd", "mse")
    made.fit(X, Y, batch_size=12, epochs=3, **QUIET)
    assert not recwarn.list


def test_a_layer_that_draws_from_numpy_runs_eagerly(backend):
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.rng = np.random.default_rng(0)

        def call(self, inputs):
            return ops.add(inputs, self.rng.normal())

    made = db.Sequential([db.Input((3,)), Noise(), layers.Dense(1)])
    made.compile(optimizers.SGD(0.0), "mse")
    with pytest.warns(UserWarning, match=r"it draws from noise(_\d)?\.rng"):
        losses = [made.train_on_batch(X, Y) for _ in range(5)]
    assert len(set(losses)) == 5


@pytest.mark.parametrize("loss", [None, "mse"])
def test_a_loss_that_the_step_computes_by_itself_is_shown(backend, loss):
    class Own(db.Sequential):
        def train_step(self, data):
            return {"loss": ops.mean(data[0]) + 5.0}

        def test_step(self, data):
            return {"loss": ops.mean(data[0]) + 7.0}

    made = stack(Own)
    made.compile("sgd", loss)
    history = made.fit(X, Y, batch_size=32, validation_data=(X, Y), epochs=2, **QUIET).history
    assert history["loss"] == [pytest.approx(X.mean() + 5, rel=1e-6)] * 2
    assert history["val_loss"] == [pytest.approx(X.mean() + 7, rel=1e-6)] * 2
    assert made.train_on_batch(X, Y) == history["loss"][0]
