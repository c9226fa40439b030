"""Recurrent layers beside those of Keras 3 and of PyTorch, from the same weights."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
torch = pytest.importorskip("torch", reason="Keras runs on torch here")

import deepbasics as db  # noqa: E402 - Keras reads its backend when imported

TOLERANCE = {"rtol": 1e-5, "atol": 2e-6}
X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)
NAMES = ("SimpleRNN", "LSTM", "GRU")
FULL = {"return_sequences": True, "return_state": True}
KINDS = {
    "standard": {},
    "no bias": {"use_bias": False},
    "activation": {"activation": "relu"},
    "gate": {"recurrent_activation": "hard_sigmoid"},
    "reset before": {"reset_after": False},
}
CASES = [
    (name, kind)
    for name, kind in product(NAMES, KINDS)
    if (kind != "gate" or name != "SimpleRNN") and (kind != "reset before" or name == "GRU")
]


def pair(make, shape, seed=1):
    """Our layer and that of Keras, made by `make(library)`, with the same weights."""
    ours, theirs = make(db), make(keras)
    rng = np.random.default_rng(seed)
    for layer in (theirs, ours):
        layer.build(shape)
    weights = [rng.normal(size=w.shape) * 0.5 for w in theirs.get_weights()]
    for layer in (theirs, ours):
        layer.set_weights(weights)
    return ours, theirs


def results(y):
    y = y if isinstance(y, (tuple, list)) else (y,)
    return [t.detach().numpy() if hasattr(t, "detach") else np.asarray(t) for t in y]


def assert_agree(found, expected):
    found, expected = results(found), results(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **TOLERANCE)


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_outputs_and_states_agree(backend, name, kind, masked, unroll):
    for sequences, state, backwards in product((False, True), repeat=3):
        how = {"return_sequences": sequences, "return_state": state, "go_backwards": backwards}

        def make(library, how=how):
            mode = {"unroll": unroll} if library is db else {}
            return getattr(library.layers, name)(3, **how, **KINDS[kind], **mode)

        ours, theirs = pair(make, X.shape)
        mask = MASK if masked else None
        assert_agree(ours(X, mask=mask), theirs(X, mask=mask))
        shapes = ours.compute_output_shape((None, None, 4))
        assert shapes == theirs.compute_output_shape((None, None, 4))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_agree(backend, name, masked):
    ours, theirs = pair(lambda k: getattr(k.layers, name)(3, return_sequences=True), X.shape)
    mask = MASK if masked else None
    cotangent = np.random.default_rng(6).normal(size=(3, 5, 3)).astype("float32")
    given = db.Variable(X)

    def loss():
        return db.ops.sum(db.ops.multiply(ours(given, mask=mask), cotangent)), None

    *_, found = backend.gradients(loss, [given, *ours.weights])
    leaf = torch.tensor(X, requires_grad=True)
    total = (theirs(leaf, mask=mask) * torch.tensor(cotangent)).sum()
    expected = torch.autograd.grad(total, [leaf, *(v.value for v in theirs.trainable_weights)])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(backend.numpy(a), b.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("masked", [False, True])
def test_initial_states_agree(backend, name, masked):
    ours, theirs = pair(lambda k: getattr(k.layers, name)(3, **FULL), X.shape)
    rng = np.random.default_rng(3)
    states = [rng.normal(size=(3, 3)).astype("float32") for _ in range(2 if name == "LSTM" else 1)]
    mask = MASK if masked else None
    expected = theirs(X, initial_state=[torch.tensor(s) for s in states], mask=mask)
    assert_agree(ours(X, initial_state=states, mask=mask), expected)
    assert_agree(ours([X, *states], mask=mask), expected)


@pytest.mark.parametrize("name", NAMES)
def test_stateful_layers_go_on_where_they_were(backend, name):
    ours, theirs = pair(lambda k: getattr(k.layers, name)(3, stateful=True), X.shape)
    for _ in range(3):
        assert_agree(ours(X), theirs(X))
    for layer in (ours, theirs):
        layer.reset_states()
    assert_agree(ours(X), theirs(X))
    assert len(ours.weights) == 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("masked", [False, True])
def test_bidirectional_agrees(backend, name, mode, masked):
    for sequences, state in product((False, True), repeat=2):
        how = {"return_sequences": sequences, "return_state": state}
        ours, theirs = pair(
            lambda k, how=how: k.layers.Bidirectional(
                getattr(k.layers, name)(3, **how), merge_mode=mode
            ),
            X.shape,
        )
        mask = MASK if masked else None
        assert_agree(ours(X, mask=mask), theirs(X, mask=mask))
        shapes = ours.compute_output_shape((None, 5, 4))
        found = [shapes] if isinstance(shapes[-1], int) else shapes
        assert [s[1:] for s in found] == [y.shape[1:] for y in results(ours(X))]


def test_bidirectional_takes_another_layer_for_the_way_back(backend):
    def make(k):
        forward = k.layers.LSTM(3, return_sequences=True)
        backward = k.layers.GRU(2, return_sequences=True, go_backwards=True)
        return k.layers.Bidirectional(forward, backward_layer=backward)

    assert_agree(*(layer(X) for layer in pair(make, X.shape)))


@pytest.mark.parametrize("masked", [False, True])
def test_stacked_cells_agree(backend, masked):
    def make(k):
        cells = [k.layers.LSTMCell(3), k.layers.GRUCell(2), k.layers.SimpleRNNCell(4)]
        return k.layers.RNN(cells, return_sequences=True)

    ours, theirs = pair(make, X.shape)
    assert_agree(ours(X, mask=MASK if masked else None), theirs(X, mask=MASK if masked else None))


@pytest.mark.parametrize("cell", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_cells_agree_with_their_layers(backend, cell):
    layer = getattr(db.layers, cell.removesuffix("Cell"))(3, return_state=True)
    rnn = db.layers.RNN(getattr(db.layers, cell)(3), return_state=True)
    for each in (layer, rnn):
        each.build(X.shape)
    rnn.set_weights(layer.get_weights())
    assert_agree(rnn(X), [np.asarray(db.ops.convert_to_numpy(y)) for y in layer(X)])


CONVOLUTIONS = {
    "1D": ("ConvLSTM1D", (3, 5, 6, 2), {"strides": 2, "padding": "same"}),
    "2D": ("ConvLSTM2D", (3, 5, 4, 5, 2), FULL),
    "2D, dilated": ("ConvLSTM2D", (3, 5, 4, 5, 2), {"dilation_rate": 2, "go_backwards": True}),
    "2D, no bias": ("ConvLSTM2D", (3, 5, 4, 5, 2), {"use_bias": False, "stateful": True}),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_convolutional_lstm_agrees(backend, case, masked):
    name, shape, how = CONVOLUTIONS[case]
    ours, theirs = pair(lambda k: getattr(k.layers, name)(3, 2, **how), shape)
    x = np.random.default_rng(2).normal(size=shape).astype("float32")
    mask = MASK if masked else None
    assert_agree(ours(x, mask=mask), theirs(x, mask=mask))
    assert ours.compute_output_shape(shape) == theirs.compute_output_shape(shape)


@pytest.mark.parametrize("name", [*NAMES, "ConvLSTM2D"])
def test_weights_have_the_names_and_first_values_of_keras(backend, name):
    arguments, shape = ((3, 2), (2, 5, 4, 4, 1)) if "Conv" in name else ((3,), X.shape)
    ours, theirs = (getattr(k.layers, name)(*arguments) for k in (db, keras))
    for layer in (ours, theirs):
        layer.build(shape)
    assert [(v.name, v.shape) for v in ours.weights] == [
        (v.name, tuple(v.shape)) for v in theirs.trainable_weights
    ]
    np.testing.assert_array_equal(ours.get_weights()[2], theirs.get_weights()[2])


def test_configs_hold_what_those_of_keras_hold():
    for name in NAMES:
        ours, theirs = (getattr(k.layers, name)(3).get_config() for k in (db, keras))
        own = set(theirs) - {"dtype", "activity_regularizer"}
        assert own <= set(ours), own - set(ours)
        assert all(ours[k] == theirs[k] for k in ("units", "activation", "dropout", "unroll"))


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 6), st.integers(1, 5), st.booleans())
@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_any_shape_agrees_with_torch(name, batch, steps, features, units, backwards):
    """In float64, outputs and gradients, against torch.nn's modules of their own."""
    rng = np.random.default_rng([batch, steps, features, units])
    x = rng.normal(size=(batch, steps, features))
    layer = getattr(db.layers, name)(
        units, return_sequences=True, go_backwards=backwards, dtype="float64"
    )
    layer.build(x.shape)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    kernel, recurrent, bias = (torch.tensor(w) for w in layer.get_weights())
    kind = {"SimpleRNN": "RNN"}.get(name, name)
    module = getattr(torch.nn, kind)(features, units, batch_first=True, dtype=torch.float64)
    order = [1, 0, 2] if name == "GRU" else range(kernel.shape[1] // units)
    rows = torch.cat([torch.arange(g * units, (g + 1) * units) for g in order])
    biases = bias if name == "GRU" else torch.stack([bias, torch.zeros_like(bias)])
    values = [kernel.T[rows], recurrent.T[rows], biases[0][rows], biases[1][rows]]
    for parameter, value in zip(module.parameters(), values, strict=True):
        parameter.data.copy_(value)
    leaf = torch.tensor(x[:, ::-1].copy() if backwards else x, requires_grad=True)
    expected, _ = module(leaf)
    expected.square().sum().backward()
    wanted = leaf.grad.numpy()[:, ::-1] if backwards else leaf.grad.numpy()

    def loss(x):
        return db.ops.sum(db.ops.square(layer(x)))

    with db.use_backend("numpy"):
        np.testing.assert_allclose(layer(x), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(db.ops.grad(loss)(x), wanted, rtol=1e-9, atol=1e-11)
