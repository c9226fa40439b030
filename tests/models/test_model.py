"""Models that users write by subclassing, with one output or several."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype("float32")
A, B = X[:, :1], (X[:, 1] > 0).astype("int64")
QUIET = {"verbose": 0}


class Plain(db.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(4, activation="tanh")
        self.drop = layers.Dropout(0.5)
        self.out = layers.Dense(1)

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))


class Two(db.Model):
    """Two outputs, as a list or as a dict."""

    def __init__(self, named):
        super().__init__()
        self.named = named
        self.a = layers.Dense(1, kernel_initializer="ones")
        self.b = layers.Dense(2, activation="softmax", kernel_initializer="ones")

    def call(self, inputs):
        a, b = self.a(inputs), self.b(inputs)
        return {"a": a, "b": b} if self.named else [a, b]


class Join(db.Model):
    """Two inputs."""

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, inputs):
        if isinstance(inputs, dict):
            inputs = [inputs["left"], inputs["right"]]
        return self.out(ops.concatenate(inputs, axis=-1))


LOSSES = ["mse", "sparse_categorical_crossentropy"]


def test_a_subclass_builds_trains_and_tells_its_shapes(backend):
    model = Plain(name="mine")
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, A, epochs=30, batch_size=4, validation_split=0.25, **QUIET).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.count_params() == 21
    assert model.input_shape == (None, 3)
    assert model.output_shape == (None, 1)
    assert [layer.name for layer in model.layers] == [
        model.hidden.name,
        model.drop.name,
        model.out.name,
    ]
    np.testing.assert_array_equal(model.predict(X, **QUIET), model.predict(X, **QUIET))


def test_wrong_widths_stop_before_anything_changes(backend):
    model = Plain()
    model.compile("adam", "mse")
    model.fit(X, A, **QUIET)
    before = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
    with pytest.raises(ValueError, match="was built for 3 features"):
        model.fit(X[:, :2], A, **QUIET)
    after = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("named", "loss", "y"),
    [
        (True, {"a": LOSSES[0], "b": LOSSES[1]}, {"a": A, "b": B}),
        (True, {"b": LOSSES[1], "a": LOSSES[0]}, {"b": B, "a": A}),
        (True, LOSSES, [A, B]),
        (False, LOSSES, [A, B]),
        (False, LOSSES, (A, B)),
    ],
    ids=["dicts", "dicts in another order", "dict and list", "lists", "tuple"],
)
def test_two_outputs_have_two_losses(backend, named, loss, y):
    model = Two(named)
    model.compile(db.optimizers.SGD(0.0), loss, loss_weights=[2.0, 0.5], metrics=[["mae"], ["acc"]])
    found = model.fit(X, y, batch_size=5, **QUIET).history
    first, second = ("a", "b") if named else ("output_0", "output_1")
    a = np.mean((X.sum(1, keepdims=True) - A) ** 2)
    b = np.log(2)
    assert set(found) == {
        "loss", f"{first}_loss", f"{second}_loss", f"{first}_mae", f"{second}_acc",
    }  # fmt: skip
    assert found[f"{first}_loss"][0] == pytest.approx(a, rel=1e-5)
    assert found[f"{second}_loss"][0] == pytest.approx(b, rel=1e-5)
    assert found["loss"][0] == pytest.approx(2 * a + 0.5 * b, rel=1e-5)
    assert found[f"{second}_acc"][0] == pytest.approx((B == 0).mean())  # a tie is class 0
    outputs = model.predict(X, batch_size=5, **QUIET)
    assert isinstance(outputs, dict if named else list)
    shapes = [o.shape for o in (outputs.values() if named else outputs)]
    assert shapes == [(16, 1), (16, 2)]


def test_one_loss_serves_every_output(backend):
    model = Two(named=False)
    model.compile("sgd", "mse")
    model.fit(X, [A, np.eye(2)[B]], **QUIET)


@pytest.mark.filterwarnings("ignore:There is no gradient")
def test_targets_and_outputs_must_be_as_many(backend):
    model = Two(named=True)
    model.compile("sgd", {"a": "mse"})
    assert set(model.fit(X, {"a": A}, **QUIET).history) == {"loss", "a_loss"}
    with pytest.raises(ValueError, match="y is missing for output 'a'"):
        model.fit(X, {"b": B}, **QUIET)
    with pytest.raises(ValueError, match="y has 3 arrays; the model has 2 outputs: a, b"):
        model.fit(X, [A, B, B], **QUIET)
    with pytest.raises(ValueError, match=r"y names outputs \['c'\]"):
        model.fit(X, {"a": A, "c": B}, **QUIET)
    with pytest.raises(ValueError, match="class_weight works with one output"):
        model.fit(X, [A, B], class_weight={0: 1.0}, **QUIET)


@pytest.mark.parametrize("named", [False, True])
def test_several_inputs_come_as_a_list_or_a_dict(backend, named):
    model = Join()
    model.compile("adam", "mse")
    x = {"left": X, "right": X[:, :1]} if named else [X, X[:, :1]]
    model.fit(x, A, batch_size=5, validation_split=0.25, **QUIET)
    assert model.predict(x, **QUIET).shape == (16, 1)
    assert model.count_params() == 5


def test_a_model_that_defines_no_call_says_so(backend):
    model = db.Model()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="must define call"):
        model.fit(X, A, **QUIET)
