"""What recurrent layers owe beyond their formulas: masks, dropout, states, errors, derivatives."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, masks, ops
from deepbasics.random import set_random_seed

X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)
NAMES = pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])


def numpy(y):
    return ops.convert_to_numpy(y)


def made(name, *, like=None, **how):
    layer = getattr(layers, name)(3, **how)
    layer.build(X.shape)
    if like is not None:
        layer.set_weights(like.get_weights())
    return layer


@NAMES
@pytest.mark.parametrize("masked", [False, True])
def test_the_primitive_and_the_steps_give_the_same(backend, name, masked):
    fused = made(name, return_sequences=True, return_state=True)
    steps = made(name, like=fused, return_sequences=True, return_state=True, unroll=True)
    mask = MASK if masked else None
    for a, b in zip(fused(X, mask=mask), steps(X, mask=mask), strict=True):
        np.testing.assert_allclose(numpy(a), numpy(b), rtol=1e-5, atol=1e-6)


@NAMES
def test_masked_steps_repeat_the_output_and_keep_the_state(backend, name):
    layer = made(name, return_sequences=True, return_state=True)
    y, h, *_ = (numpy(t) for t in layer(X, mask=MASK))
    np.testing.assert_array_equal(y[0, 3], y[0, 2])
    np.testing.assert_array_equal(y[0, 2], h[0])
    assert not y[1, 0].any()
    assert not y[2].any()
    alone, *_ = layer(X[1:2, [1, 3, 4]])
    np.testing.assert_allclose(y[1, [1, 3, 4]], numpy(alone)[0], rtol=1e-5, atol=1e-6)


@NAMES
def test_a_masked_step_has_no_gradient(backend, name):
    layer = made(name, return_sequences=True)
    gradient = ops.grad(lambda x: ops.sum(layer(x, mask=MASK)))(X)
    assert not numpy(gradient)[~MASK].any()
    assert numpy(gradient)[MASK].all()


@NAMES
def test_the_output_before_the_first_step_is_zero_whatever_the_state(backend, name):
    states = [np.ones((3, 3), "float32")] * (2 if name == "LSTM" else 1)
    for how in ({}, {"unroll": True}):
        layer = made(name, return_sequences=True, return_state=True, **how)
        y, h, *_ = layer(X, initial_state=states, mask=MASK)
        assert not numpy(y)[2].any()
        np.testing.assert_array_equal(numpy(h)[2], 1)


@NAMES
def test_masks_travel_through_sequences_and_turn_with_them(backend, name):
    masked = masks.attach(ops.convert_to_tensor(X.copy()), MASK)
    for backwards in (False, True):
        layer = made(name, return_sequences=True, go_backwards=backwards)
        found = numpy(masks.mask_of(layer(masked)))
        np.testing.assert_array_equal(found, MASK[:, ::-1] if backwards else MASK)
    assert masks.mask_of(made(name)(masked)) is None


@NAMES
@pytest.mark.parametrize("how", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
def test_dropout_is_drawn_anew_for_each_batch_while_training(backend, name, how):
    layer = made(name, seed=1, **how)
    first, second = (numpy(layer(X, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(numpy(layer(X)), numpy(made(name, like=layer)(X)))


@NAMES
def test_all_steps_drop_the_same_inputs(backend, name):
    """With a weight that only the third input has, either all steps see it or none does."""
    fused = made(name, return_sequences=True, dropout=0.5, seed=1)
    steps = made(name, like=fused, return_sequences=True, dropout=0.5, seed=1, unroll=True)
    for _ in range(3):
        a, b = (numpy(layer(X, training=True)) for layer in (fused, steps))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@NAMES
def test_rate_one_leaves_the_bias_alone(backend, name):
    layer = made(name, dropout=1.0)
    np.testing.assert_allclose(numpy(layer(X, training=True)), numpy(layer(0 * X)), atol=1e-7)


@NAMES
def test_stateful_layers_go_on_and_begin_anew(backend, name):
    whole = made(name, return_sequences=True)
    layer = made(name, like=whole, return_sequences=True, stateful=True)
    parts = [numpy(layer(X[:, a:b])) for a, b in ((0, 2), (2, 5))]
    np.testing.assert_allclose(np.concatenate(parts, 1), numpy(whole(X)), rtol=1e-5, atol=1e-6)
    layer.reset_states()
    np.testing.assert_array_equal(numpy(layer(X[:, :2])), parts[0])
    assert len(layer.weights) == 3


def test_a_stateful_model_keeps_states_from_batch_to_batch(backend):
    set_random_seed(1)
    model = db.Sequential(
        [db.Input(batch_shape=(3, 5, 4)), layers.LSTM(3, stateful=True), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(X, np.ones((3, 1)), batch_size=3, epochs=2, shuffle=False, verbose=0)
    kept = [s.numpy() for s in model.layers[0].states]
    assert all(s.any() for s in kept)
    first, second = (model.predict(X, verbose=0, batch_size=3) for _ in range(2))
    assert not np.array_equal(first, second)
    model.reset_states()
    assert not any(s.numpy().any() for s in model.layers[0].states)


def test_a_stateful_layer_needs_a_fixed_batch():
    with pytest.raises(ValueError, match=r"stateful.*batch_shape"):
        layers.LSTM(3, stateful=True).build((None, 5, 4))
    layer = layers.LSTM(3, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match="for a batch of 2"):
        layer(X[:2])


@NAMES
def test_a_gradient_of_a_gradient_needs_unroll(name):
    with db.use_backend("numpy"):
        layer = made(name, unroll=True)
        inner = ops.grad(lambda x: ops.sum(layer(x)))
        assert numpy(ops.grad(lambda x: ops.sum(ops.square(inner(x))))(X)).any()
        layer.unroll = False
        with pytest.raises(TypeError, match="unroll=True"):
            ops.grad(lambda x: ops.sum(ops.square(inner(x))))(X)


class Doubling(layers.Layer):
    """A cell of no weights: the sum of all inputs so far, and twice it as the output."""

    state_size = 4

    def call(self, inputs, states):
        total = states[0] + inputs
        return 2.0 * total, [total]


def test_rnn_takes_a_cell_of_ones_own(backend):
    layer = layers.RNN(Doubling(), return_sequences=True, return_state=True)
    y, total = layer(X)
    np.testing.assert_allclose(numpy(y), 2 * X.cumsum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numpy(total), X.sum(1), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, 7, 4)) == ((None, 7, 4), (None, 4))


def test_rnn_refuses_what_is_no_cell():
    with pytest.raises(ValueError, match="state_size"):
        layers.RNN(layers.Dense(3))
    with pytest.raises(ValueError, match="state_size"):
        layers.StackedRNNCells([layers.Dense(3)])


@pytest.mark.parametrize("shape", [(3, 4), (3, 5, None)])
def test_shapes_that_cannot_be_are_named_when_built(shape):
    with pytest.raises(ValueError, match=r"\(batch, steps, features\)"):
        layers.LSTM(3, name="memory").build(shape)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="units"):
        layers.LSTM(0)
    with pytest.raises(ValueError, match=r"recurrent_dropout.*1\.5"):
        layers.GRU(3, recurrent_dropout=1.5)
    with pytest.raises(TypeError, match=r"'unit'.*Did you mean 'units'"):
        layers.LSTM(unit=3)
    with pytest.raises(ValueError, match="at least one step"):
        layers.LSTM(3)(X[:, :0])
    with pytest.raises(ValueError, match="has 2 states"):
        layers.LSTM(3)(X, initial_state=[np.zeros((3, 3))])


def test_the_bias_of_the_forget_gate_begins_at_one(backend):
    assert made("LSTM").get_weights()[2].tolist() == [0.0] * 3 + [1.0] * 3 + [0.0] * 6
    assert not made("LSTM", unit_forget_bias=False).get_weights()[2].any()


def test_old_spellings():
    with pytest.warns(DeprecationWarning, match="old spelling"):
        layer = layers.LSTM(output_dim=3, inner_activation="hard_sigmoid", dropout_U=0.2)
    assert (layer.units, layer.recurrent_dropout) == (3, 0.2)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(3, dropout=0.2, recurrent_activation="hard_sigmoid", return_sequences=True),
        layers.GRU(3, reset_after=False, go_backwards=True),
        layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True),
        layers.Bidirectional(layers.SimpleRNN(3), merge_mode="ave"),
        layers.TimeDistributed(layers.Dense(2)),
        layers.ConvLSTM2D(3, (2, 1), strides=2, padding="same"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_configuration_gives_the_layer_again(layer):
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@NAMES
def test_a_layer_shows_the_arguments_of_its_cell(name):
    layer = getattr(layers, name)(3, activation="relu")
    assert layer.units == layer.cell.units == 3
    assert layer.activation is layer.cell.activation
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = layer.nothing


def test_a_recurrent_net_learns_to_remember(backend):
    """The class is the sign of the first of eight steps, which only a memory can know."""
    set_random_seed(2)
    x = np.random.default_rng(1).normal(size=(256, 8, 2)).astype("float32")
    y = (x[:, 0, 0] > 0).astype("float32")[:, None]
    model = db.Sequential([db.Input((8, 2)), layers.LSTM(8), layers.Dense(1, "sigmoid")])
    model.compile(db.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=32, epochs=30, verbose=0).history
    assert history["accuracy"][-1] > 0.9
