"""Programs on sequences: translation, attention, memory, text, time series."""

import numpy as np
import pytest

RNG = np.random.default_rng(1)
QUIET = {"verbose": 0, "shuffle": False}


def _pairs(rows=12, steps=5, letters=6):
    """One-hot (source, target shifted by one, target): the target is the source reversed."""
    source = RNG.integers(2, letters, (rows, steps))
    target = np.concatenate([np.ones((rows, 1), int), source[:, ::-1]], axis=1)
    eye = np.eye(letters)
    return eye[source], eye[target[:, :-1]], eye[target[:, 1:]]


# translation --------------------------------------------------------------------------------------


def test_translation_whose_inference_models_share_the_layers(agree_with_keras, start):
    """The encoder's states are the decoder's first ones; then letter by letter."""
    source, shifted, target = _pairs()

    def program(keras):
        layers, units, letters = keras.layers, 8, 6
        encoder_inputs = keras.Input((None, letters))
        encoder = layers.LSTM(units, return_state=True)
        _, state_h, state_c = encoder(encoder_inputs)
        encoder_states = [state_h, state_c]
        decoder_inputs = keras.Input((None, letters))
        decoder = layers.LSTM(units, return_sequences=True, return_state=True)
        outputs, _, _ = decoder(decoder_inputs, initial_state=encoder_states)
        dense = layers.Dense(letters, activation="softmax")
        model = keras.Model([encoder_inputs, decoder_inputs], dense(outputs))
        start(model)
        model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
        history = model.fit([source, shifted], target, batch_size=4, epochs=3, **QUIET).history

        encoder_model = keras.Model(encoder_inputs, encoder_states)
        given = [keras.Input((units,)), keras.Input((units,))]
        outputs, state_h, state_c = decoder(decoder_inputs, initial_state=given)
        decoder_model = keras.Model([decoder_inputs, *given], [dense(outputs), state_h, state_c])

        states = encoder_model.predict(source[:1], verbose=0)
        letter, sentence = np.eye(letters)[[[1]]], []
        for _ in range(5):
            found, h, c = decoder_model.predict([letter, *states], verbose=0)
            sentence.append(int(found[0, -1].argmax()))
            letter, states = np.eye(letters)[[[sentence[-1]]]], [h, c]
        return history["loss"], history["accuracy"], sentence, states

    agree_with_keras(program)


def test_translation_with_attention_by_hand(agree_with_keras, start):
    """Scores, their softmax and the context from Dot, Activation and Concatenate, as in Keras 2."""
    source, shifted, target = _pairs()

    def program(keras):
        layers = keras.layers
        encoder_inputs, decoder_inputs = keras.Input((5, 6)), keras.Input((5, 6))
        encoder = layers.GRU(7, return_sequences=True, return_state=True)
        remembered, state = encoder(encoder_inputs)
        decoded = layers.GRU(7, return_sequences=True)(decoder_inputs, initial_state=state)
        attention = layers.Dot(axes=[2, 2])([decoded, remembered])
        attention = layers.Activation("softmax", name="attention")(attention)
        context = layers.Dot(axes=[2, 1])([attention, remembered])
        both = layers.Concatenate(axis=-1)([context, decoded])
        hidden = layers.TimeDistributed(layers.Dense(7, activation="tanh"))(both)
        outputs = layers.TimeDistributed(layers.Dense(6, activation="softmax"))(hidden)
        model = keras.Model([encoder_inputs, decoder_inputs], outputs)
        start(model)
        model.compile("adam", "categorical_crossentropy")
        history = model.fit([source, shifted], target, batch_size=4, epochs=2, **QUIET).history
        looks = keras.Model(model.inputs, model.get_layer("attention").output)
        return history["loss"], looks.predict([source, shifted], verbose=0)

    agree_with_keras(program)


def _transformer(keras):
    layers, ops = keras.layers, keras.ops

    class PositionalEmbedding(layers.Layer):
        def __init__(self, length, words, width, **kwargs):
            super().__init__(**kwargs)
            self.words = layers.Embedding(words, width)
            self.places = layers.Embedding(length, width)

        def call(self, inputs):
            places = ops.arange(0, ops.shape(inputs)[-1], 1)
            return self.words(inputs) + self.places(places)

    class Block(layers.Layer):
        def __init__(self, width, inner, heads, **kwargs):
            super().__init__(**kwargs)
            self.attention = layers.MultiHeadAttention(heads, width, use_bias=False)
            self.dense = keras.Sequential(
                [layers.Dense(inner, activation="gelu"), layers.Dense(width)]
            )
            self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()

        def call(self, inputs):
            x = self.first(inputs + self.attention(inputs, inputs, use_causal_mask=True))
            return self.second(x + self.dense(x))

    return PositionalEmbedding, Block


def test_a_small_language_model_of_transformer_blocks(agree_with_keras, start):
    words = RNG.integers(0, 9, (12, 7))

    def program(keras):
        layers = keras.layers
        positional_embedding, block = _transformer(keras)
        inputs = keras.Input((6,), dtype="int32")
        x = positional_embedding(6, 9, 8)(inputs)
        for _ in range(2):
            x = block(8, 12, 2)(x)
        model = keras.Model(inputs, layers.Dense(9)(x))
        start(model)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
        history = model.fit(words[:, :-1], words[:, 1:], batch_size=4, epochs=2, **QUIET).history
        return history["loss"], history["accuracy"], model.predict(words[:, :-1], verbose=0)

    agree_with_keras(program, dtype="float32")


# memory -------------------------------------------------------------------------------------------


def _memory_cell(keras):
    layers, ops = keras.layers, keras.ops

    class MemoryCell(layers.Layer):
        """A neural Turing machine: one head reads and one writes, addressed by content."""

        def __init__(self, units, slots, width, **kwargs):
            super().__init__(**kwargs)
            self.units, self.slots, self.width = units, slots, width
            self.state_size = [units, width, slots * width]
            self.output_size = units + width
            self.controller = layers.Dense(units, activation="tanh")
            self.keys = layers.Dense(2 * (width + 1))
            self.erase = layers.Dense(width, activation="sigmoid")
            self.add = layers.Dense(width, activation="tanh")

        def build(self, input_shape):
            self.controller.build((None, input_shape[-1] + self.width + self.units))
            for head in (self.keys, self.erase, self.add):
                head.build((None, self.units))
            super().build(input_shape)

        def get_initial_state(self, batch_size=None):
            blank = ops.full((batch_size, self.slots * self.width), 0.01)
            return [ops.zeros((batch_size, self.units)), ops.zeros((batch_size, self.width)), blank]

        def address(self, memory, key, strength):
            product = ops.sum(memory * ops.expand_dims(key, 1), axis=-1)
            sizes = ops.norm(memory, axis=-1) * ops.norm(key, axis=-1, keepdims=True)
            return ops.softmax(ops.softplus(strength) * product / (sizes + 1e-6))

        def call(self, inputs, states):
            hidden, read, flat = states
            memory = ops.reshape(flat, (-1, self.slots, self.width))
            hidden = self.controller(ops.concatenate([inputs, read, hidden], axis=-1))
            keys = self.keys(hidden)
            w, n = self.width, self.width + 1
            write = ops.expand_dims(self.address(memory, keys[:, :w], keys[:, w:n]), -1)
            memory = memory * (1 - write * ops.expand_dims(self.erase(hidden), 1))
            memory = memory + write * ops.expand_dims(self.add(hidden), 1)
            weights = self.address(memory, keys[:, n : n + w], keys[:, n + w :])
            read = ops.sum(ops.expand_dims(weights, -1) * memory, axis=1)
            flat = ops.reshape(memory, (-1, self.slots * self.width))
            return ops.concatenate([hidden, read], axis=-1), [hidden, read, flat]

    return MemoryCell


def test_a_neural_turing_machine_copies(agree_with_keras, start):
    bits = RNG.integers(0, 2, (8, 3, 2)).astype("float64")
    blank = np.zeros((8, 3, 1))
    given = np.concatenate([np.concatenate([bits, blank], -1), np.eye(3)[[[2] * 3] * 8]], axis=1)
    wanted = np.concatenate([np.zeros((8, 3, 2)), bits], axis=1)

    def program(keras):
        layers = keras.layers
        inputs = keras.Input((6, 3))
        x = layers.RNN(_memory_cell(keras)(7, 4, 3), return_sequences=True)(inputs)
        model = keras.Model(inputs, layers.TimeDistributed(layers.Dense(2, "sigmoid"))(x))
        start(model)
        model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
        history = model.fit(given, wanted, batch_size=8, epochs=4, **QUIET).history
        assert history["loss"][-1] < history["loss"][0]
        return history["loss"], model.predict(given, verbose=0)

    agree_with_keras(program)


def test_a_stateful_lstm_goes_on_where_the_last_batch_ended(agree, start):
    wave = np.sin(np.arange(41) / 3)[:, None]

    def program(keras):
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input(batch_shape=(1, 4, 1)),
                layers.LSTM(5, stateful=True, return_sequences=True),
                layers.LSTM(4, stateful=True),
                layers.Dense(1),
            ]
        )
        start(model)
        model.compile("adam", "mse")
        losses, x = [], np.stack([wave[i : i + 4] for i in range(0, 40, 4)])
        for _ in range(3):
            losses += model.fit(x, wave[4::4], batch_size=1, epochs=1, **QUIET).history["loss"]
            for layer in model.layers[:2]:
                layer.reset_states()
        first = model.predict(x[:1], batch_size=1, verbose=0)
        second = model.predict(x[:1], batch_size=1, verbose=0)
        assert (first != second).any()
        model.reset_states()
        again = model.predict(x[:1], batch_size=1, verbose=0)
        np.testing.assert_allclose(again, first, rtol=1e-12)
        return losses, first, second

    agree(program)


# text ---------------------------------------------------------------------------------------------

REVIEWS = [
    "a fine film", "a dull film", "what a fine and funny film", "dull and long",
    "funny", "long and dull what a film", "fine", "not funny",
]  # fmt: skip
MOOD = np.array([1, 0, 1, 0, 1, 0, 1, 0])


@pytest.mark.parametrize("kind", ["convolution", "bidirectional"])
def test_text_is_classified_from_its_words(agree, kind):
    def program(keras):
        layers = keras.layers
        vectorize = layers.TextVectorization(max_tokens=12, output_sequence_length=6)
        vectorize.adapt(REVIEWS)
        ids = np.asarray(vectorize(REVIEWS))
        mask = kind == "bidirectional"
        embedding = layers.Embedding(len(vectorize.get_vocabulary()), 5, mask_zero=mask)
        body = {
            "convolution": [
                layers.Conv1D(4, 3, activation="relu", padding="same"),
                layers.GlobalMaxPooling1D(),
            ],
            "bidirectional": [
                layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
                layers.Bidirectional(layers.GRU(3)),
            ],
        }
        model = keras.Sequential(
            [keras.Input((6,)), embedding, *body[kind], layers.Dropout(0.2),
             layers.Dense(1, activation="sigmoid")]
        )  # fmt: skip
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        history = model.fit(ids, MOOD, epochs=3, batch_size=3, validation_split=0.25, verbose=0)
        return history.history["loss"], history.history["val_loss"], model.predict(ids, verbose=0)

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*no effect. add SpatialDropout1D:DeprecationWarning")
def test_text_of_keras_1_with_tokenizer_and_lstm(agree):
    def program(keras):
        from deepbasics.preprocessing import sequence
        from deepbasics.preprocessing.text import Tokenizer

        from deepbasics.layers import LSTM, Activation, Dense, Dropout, Embedding
        from deepbasics.models import Sequential

        tokenizer = Tokenizer(nb_words=12)
        tokenizer.fit_on_texts(REVIEWS)
        x = sequence.pad_sequences(tokenizer.texts_to_sequences(REVIEWS), maxlen=5)
        model = Sequential()
        model.add(Embedding(12, 4, input_length=5, dropout=0.2))
        model.add(LSTM(output_dim=4, inner_activation="hard_sigmoid", dropout_W=0.2, dropout_U=0.2))
        model.add(Dropout(0.5))
        model.add(Dense(1))
        model.add(Activation("sigmoid"))
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        model.fit(x, MOOD, batch_size=4, nb_epoch=2, validation_data=(x, MOOD), verbose=0)
        score, accuracy = model.evaluate(x, MOOD, batch_size=4, verbose=0)
        return score, accuracy, model.predict_classes(x, verbose=0), model.predict_proba(x)

    agree(program)


def test_letters_are_sampled_with_a_temperature(agree):
    text = "the quick brown fox jumps over the lazy dog " * 2

    def program(keras):
        layers = keras.layers
        letters = sorted(set(text))
        ids = np.array([letters.index(c) for c in text])
        x = np.eye(len(letters))[np.stack([ids[i : i + 6] for i in range(0, 60, 3)])]
        y = np.eye(len(letters))[[ids[i + 6] for i in range(0, 60, 3)]]
        model = keras.Sequential(
            [keras.Input((6, len(letters))), layers.LSTM(8), layers.Dense(len(letters), "softmax")]
        )
        model.compile(keras.optimizers.RMSprop(0.01), "categorical_crossentropy")
        written = []

        def on_epoch_end(epoch, logs):
            rng, seed = np.random.default_rng(epoch), x[:1]
            for _ in range(5):
                odds = np.log(model.predict(seed, verbose=0)[0].astype("float64")) / 0.5
                odds = np.exp(odds) / np.exp(odds).sum()
                written.append(int(rng.multinomial(1, odds).argmax()))
                seed = np.concatenate([seed[:, 1:], np.eye(len(letters))[[[written[-1]]]]], axis=1)

        watch = keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)
        history = model.fit(x, y, batch_size=8, epochs=2, callbacks=[watch], verbose=0)
        return history.history["loss"], written

    agree(program)


# tying and time series ----------------------------------------------------------------------------


def test_the_last_layer_has_the_weights_of_the_embedding(agree_with_keras, start):
    words = RNG.integers(0, 9, (12, 5))

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Tied(keras.Model):
            def __init__(self):
                super().__init__()
                self.embedding = layers.Embedding(9, 6)
                self.body = layers.GRU(6, return_sequences=True)

            def call(self, inputs):
                x = self.body(self.embedding(inputs))
                return ops.matmul(x, ops.transpose(self.embedding.embeddings))

        model = Tied()
        model(words[:1, :-1])
        start(model)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.5), loss)
        history = model.fit(words[:, :-1], words[:, 1:], batch_size=6, epochs=2, **QUIET).history
        assert len(model.trainable_weights) == 4
        return history["loss"], model.get_weights()

    agree_with_keras(program)


def test_a_time_series_by_windows(agree):
    series = np.sin(np.arange(60) / 4) + 0.1 * RNG.normal(size=60)

    def program(keras):
        layers = keras.layers
        data = keras.utils.timeseries_dataset_from_array(
            series[:-3, None], series[8:], sequence_length=6, batch_size=8, sampling_rate=1
        )
        inputs = keras.Input((6, 1))
        x = layers.Conv1D(4, 3, activation="relu")(inputs)
        x = layers.LSTM(4, recurrent_dropout=0.25)(x)
        model = keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.2)(x)))
        model.compile("rmsprop", "mse", metrics=["mae"])
        history = model.fit(data, epochs=2, validation_data=data, verbose=0).history
        return history["loss"], history["val_mae"], model.evaluate(data, verbose=0)

    agree(program)
