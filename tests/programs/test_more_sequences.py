"""Programs on sequences, further: both directions, constants, masks, frames, weights of steps."""

import numpy as np

RNG = np.random.default_rng(7)
STEPS = RNG.normal(size=(12, 5, 3))
WORDS = RNG.integers(0, 7, (12, 5))
WORDS[:, 0] += WORDS[:, 0] == 0
Y = RNG.normal(size=(12, 1))
QUIET = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}


def _trained(keras, start, inputs, outputs, x, y, loss="mse", **options):
    model = keras.Model(inputs, outputs)
    start(model)
    model.compile(keras.optimizers.SGD(0.1), loss)
    history = model.fit(x, y, **options, **QUIET).history
    return history["loss"], model.predict(x, verbose=0), model.get_weights()


def test_an_encoder_of_both_directions_starts_a_decoder(agree_with_keras, start):
    def program(keras):
        layers = keras.layers
        source, target = keras.Input((5, 3)), keras.Input((5, 3))
        encoder = layers.Bidirectional(layers.LSTM(2, return_state=True))
        _, *states = encoder(source)
        h = layers.Concatenate()([states[0], states[2]])
        c = layers.Concatenate()([states[1], states[3]])
        decoded = layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
        looked = layers.AdditiveAttention()([decoded, layers.Dense(4)(source)])
        outputs = layers.TimeDistributed(layers.Dense(3))(layers.add([decoded, looked]))
        x = [STEPS, STEPS[:, ::-1].copy()]
        return _trained(keras, start, [source, target], outputs, x, STEPS)

    agree_with_keras(program)


def test_stacked_cells_and_a_memory_of_words(agree_with_keras, start):
    """GloVe: a table that stays as it was given, with words that are hidden."""
    table = RNG.normal(size=(7, 4))

    def program(keras):
        layers = keras.layers
        inputs = keras.Input((5,), dtype="int32")
        x = layers.Embedding(7, 4, mask_zero=True, trainable=False, name="words")(inputs)
        cells = layers.StackedRNNCells([layers.GRUCell(4), layers.LSTMCell(3)])
        x = layers.RNN(cells, return_sequences=True)(x)
        x = layers.Bidirectional(layers.SimpleRNN(2), merge_mode="sum")(x)
        model = keras.Model(inputs, layers.Dense(1)(x))
        start(model)
        model.get_layer("words").set_weights([table])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        history = model.fit(WORDS, Y, **QUIET).history
        np.testing.assert_array_equal(model.get_layer("words").get_weights()[0], table)
        return history["loss"], model.predict(WORDS, verbose=0)

    agree_with_keras(program)


def test_labels_of_each_step_where_some_are_hidden(agree_with_keras, start):
    tags = RNG.integers(0, 3, (12, 5))

    def program(keras):
        layers = keras.layers
        inputs = keras.Input((5,), dtype="int32")
        x = layers.Embedding(7, 4, mask_zero=True)(inputs)
        x = layers.LSTM(4, return_sequences=True)(x)
        outputs = layers.TimeDistributed(layers.Dense(3, activation="softmax"))(x)
        model = keras.Model(inputs, outputs)
        start(model)
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(WORDS, tags, **QUIET).history
        weights = np.linspace(0.5, 1.5, 60).reshape(12, 5)
        history2 = model.fit(WORDS, tags, sample_weight=weights, **QUIET).history
        return history["loss"], history["accuracy"], history2["loss"]

    agree_with_keras(program)


def test_frames_by_a_convolutional_lstm(agree):
    frames = RNG.uniform(size=(4, 3, 6, 6, 1))

    def program(keras):
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((None, 6, 6, 1)),
                layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
                layers.BatchNormalization(),
                layers.Conv3D(1, 3, activation="sigmoid", padding="same"),
            ]
        )
        model.compile("adadelta", "binary_crossentropy")
        history = model.fit(frames, np.roll(frames, -1, axis=1), **QUIET).history
        return history["loss"], model.predict(frames, verbose=0)

    agree(program)


def test_outputs_weighed_row_by_row_and_one_by_one(agree_with_keras, start):
    def program(keras):
        layers = keras.layers
        inputs = keras.Input((5, 3))
        x = layers.GRU(4)(inputs)
        a, b = layers.Dense(1, name="a")(x), layers.Dense(2, activation="softmax", name="b")(x)
        model = keras.Model(inputs, {"a": a, "b": b})
        start(model)
        model.compile(
            "rmsprop", {"a": "mae", "b": "sparse_categorical_crossentropy"},
            loss_weights={"a": 0.3, "b": 2.0}, weighted_metrics={"b": ["accuracy"]},
        )  # fmt: skip
        y = {"a": Y, "b": np.arange(12) % 2}
        weights = {"a": np.linspace(0, 1, 12), "b": np.linspace(2, 0, 12)}
        history = model.fit(STEPS, y, sample_weight=weights, **QUIET).history
        found = model.predict(STEPS, verbose=0)
        return [history[k] for k in ("loss", "a_loss", "b_loss")], found["a"], found["b"]

    agree_with_keras(program)


def test_a_cell_that_looks_at_constants(agree):
    """Attention within a cell: the encoded steps go to each call as constants, by closure."""

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Looking(layers.Layer):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.units, self.state_size = units, units
                self.key, self.mix = layers.Dense(3), layers.Dense(units, activation="tanh")

            def call(self, inputs, states):
                (state,) = states
                step, memory = inputs[:, :3], ops.reshape(inputs[:, 3:], (-1, 5, 3))
                scores = ops.einsum("bk,bsk->bs", self.key(state), memory)
                seen = ops.einsum("bs,bsk->bk", ops.softmax(scores), memory)
                state = self.mix(ops.concatenate([step, seen, state], axis=-1))
                return state, [state]

        inputs = keras.Input((5, 3))
        memory = layers.RepeatVector(5)(layers.Flatten()(inputs))
        both = layers.concatenate([inputs, memory], axis=-1)
        outputs = layers.Dense(1)(layers.RNN(Looking(4))(both))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "mse")
        history = model.fit(STEPS, Y, **QUIET).history
        return history["loss"], model.predict(STEPS, verbose=0)

    agree(program)
