"""Programs that are slightly wrong, and what they are told."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, ops

pytestmark = pytest.mark.usefixtures("backend")
X, Y = np.ones((8, 4)), np.ones((8, 1))


def _model(cls=db.Sequential, **compiled):
    model = cls([db.Input((4,)), layers.Dense(1)])
    model.compile("sgd", **{"loss": "mse", **compiled})
    return model


def _told(error, match, function):
    with pytest.raises(error, match=match):
        function()


def test_a_step_that_returns_no_dict():
    class Own(db.Sequential):
        def train_step(self, data):
            return ops.mean(data[0])

    _told(TypeError, r'train_step returns a dict .* \{"loss": value\}',
          lambda: _model(Own).fit(X, Y, verbose=0))  # fmt: skip


def test_functions_of_numpy_in_a_step():
    class Own(db.Sequential):
        def train_step(self, data):
            return {"loss": ops.mean(np.sqrt(self.layers[0].kernel))}

    _told(TypeError, r"write ops\.sqrt", lambda: _model(Own).fit(X, Y, verbose=0))


def test_a_call_without_a_return():
    class Silent(layers.Layer):
        def call(self, inputs):
            inputs + 1

    class Own(db.Model):
        def call(self, inputs):
            inputs + 1

    model = Own()
    model.compile("sgd", "mse")
    _told(ValueError, "returned None when called", lambda: Silent()(db.Input((4,))))
    _told(ValueError, "it lacks a return", lambda: model.fit(X, Y, verbose=0))


def test_a_loss_without_a_return():
    _told(TypeError, "NoneType: is it from a function that lacks its return",
          lambda: _model(loss=lambda y, p: None).fit(X, Y, verbose=0))  # fmt: skip


def test_a_weight_that_is_used_before_it_is_there():
    embedding = layers.Embedding(3, 2)
    _told(TypeError, "made only when its layer is built",
          lambda: ops.transpose(embedding.embeddings))  # fmt: skip


def test_a_cell_that_keeps_its_states_to_itself():
    class Cell(layers.Layer):
        state_size = 4

        def call(self, inputs, states):
            return inputs

    _told(ValueError, r"Cell must return \(output, states\)",
          lambda: layers.RNN(Cell())(np.ones((2, 3, 4))))  # fmt: skip


def test_a_state_of_another_width():
    states = [np.ones((2, 4)), np.ones((2, 4))]
    _told(ValueError, r"states, of sizes \[5, 5\].* got states of shapes \[\(2, 4\), \(2, 4\)\]",
          lambda: layers.LSTM(5)(np.ones((2, 3, 4)), initial_state=states))  # fmt: skip


def test_gradients_and_variables_in_the_wrong_order():
    model = _model()
    pairs = zip(model.trainable_weights, [np.ones((4, 1)), np.ones(1)], strict=True)
    _told(TypeError, r"pairs \(gradient, variable\), in this order",
          lambda: db.optimizers.SGD().apply_gradients(pairs))  # fmt: skip


def test_names_that_are_not_there():
    _told(AttributeError, "no 'GradientTape'. Did you mean 'gradients'", lambda: db.GradientTape)
    _told(AttributeError, "Did you mean 'Conv2D'", lambda: layers.Conv2d)
    _told(TypeError, "'activaton'. Did you mean 'activation'",
          lambda: layers.Dense(3, activaton="relu"))  # fmt: skip


def test_numbers_of_outputs_that_do_not_match():
    x = db.Input((4,))
    model = db.Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)])
    model.compile("sgd", "mse")
    _told(ValueError, "the model has 2 outputs: a, b", lambda: model.fit(X, Y, verbose=0))
    model.compile("sgd", ["mse"] * 3)
    _told(ValueError, "3 entries for 2 outputs", lambda: model.fit(X, [Y, Y], verbose=0))
    model.compile("sgd", {"a": "mse", "c": "mse"})
    _told(ValueError, r"names outputs \['c'\]; the model's outputs are \['a', 'b'\]",
          lambda: model.fit(X, [Y, Y], verbose=0))  # fmt: skip
