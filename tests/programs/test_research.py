"""Programs of the later examples: diffusion, codebooks, graphs, rewards, contrasts."""

import numpy as np
import pytest

RNG = np.random.default_rng(6)
X = RNG.normal(size=(16, 4))
IMAGES = RNG.uniform(size=(8, 6, 6, 1))
QUIET = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


def test_a_masked_convolution_sees_what_came_before(agree_with_keras, start):
    """PixelCNN: a layer in a layer, whose kernel is multiplied by a mask."""

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class PixelConv(layers.Layer):
            def __init__(self, kind, **kwargs):
                super().__init__()
                self.kind, self.conv = kind, layers.Conv2D(**kwargs)

            def build(self, input_shape):
                self.conv.build(input_shape)
                shape = tuple(self.conv.kernel.shape)
                self.mask = np.zeros(shape)
                self.mask[: shape[0] // 2] = 1.0
                self.mask[shape[0] // 2, : shape[1] // 2] = 1.0
                if self.kind == "B":
                    self.mask[shape[0] // 2, shape[1] // 2] = 1.0
                self.built = True

            def call(self, inputs):
                self.conv.kernel.assign(self.conv.kernel * ops.convert_to_tensor(self.mask))
                return self.conv(inputs)

        inputs = keras.Input((6, 6, 1))
        x = PixelConv("A", filters=4, kernel_size=3, activation="relu", padding="same")(inputs)
        x = layers.add([x, PixelConv("B", filters=4, kernel_size=3, padding="same")(x)])
        outputs = layers.Conv2D(1, 1, activation="sigmoid")(x)
        model = keras.Model(inputs, outputs)
        start(model)
        model.compile("adam", "binary_crossentropy")
        found = model.predict(IMAGES, verbose=0)
        changed = IMAGES.copy()
        changed[:, 3, 3] += 1.0
        apart = np.abs(model.predict(changed, verbose=0) - found).max(axis=(0, 3))
        assert (apart[:3] == 0).all()
        assert (apart[3, :4] == 0).all()
        return found, model.evaluate(IMAGES, IMAGES, verbose=0)

    agree_with_keras(program, dtype="float32")


def test_a_codebook_is_learned_through_its_choice(agree_with_keras, start):
    """VQ-VAE: the gradient goes straight through argmin; the book has losses of its own."""

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Quantizer(layers.Layer):
            def __init__(self, count, width, beta=0.25, **kwargs):
                super().__init__(**kwargs)
                self.count, self.width, self.beta = count, width, beta
                self.book = self.add_weight(
                    shape=(width, count), initializer="random_uniform", name="book"
                )

            def call(self, x):
                similar = ops.matmul(x, self.book)
                apart = (
                    ops.sum(x**2, axis=1, keepdims=True) + ops.sum(self.book**2, axis=0)
                    - 2 * similar
                )  # fmt: skip
                codes = ops.one_hot(ops.argmin(apart, axis=1), self.count, dtype=x.dtype)
                found = ops.matmul(codes, ops.transpose(self.book))
                commitment = ops.mean((ops.stop_gradient(found) - x) ** 2)
                learned = ops.mean((found - ops.stop_gradient(x)) ** 2)
                self.add_loss(self.beta * commitment + learned)
                return x + ops.stop_gradient(found - x)

        inputs = keras.Input((4,))
        code = Quantizer(5, 3, name="quantizer")(layers.Dense(3)(inputs))
        model = keras.Model(inputs, layers.Dense(4)(code))
        start(model)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        history = model.fit(X, X, **QUIET).history["loss"]
        return history, model.get_weights(), model.evaluate(X, X, verbose=0)

    agree_with_keras(program)


def test_a_diffusion_model_keeps_an_average_of_its_network(agree_with_keras, slopes, start):
    noise, times = RNG.normal(size=(16, 4)), RNG.uniform(size=(16, 1))

    def program(keras):
        ops, layers = keras.ops, keras.layers

        def network():
            noisy, rate = keras.Input((4,)), keras.Input((1,))
            angles = ops.concatenate([ops.sin(3.0 * rate), ops.cos(3.0 * rate)], axis=-1)
            x = layers.Dense(6, activation="swish")(layers.Concatenate()([noisy, angles]))
            return keras.Model([noisy, rate], layers.Dense(4, kernel_initializer="zeros")(x))

        class Diffusion(keras.Model):
            def __init__(self):
                super().__init__()
                self.normalizer = layers.Normalization()
                self.network = network()
                start(self.network)
                self.average = keras.models.clone_model(self.network)
                self.average.set_weights(self.network.get_weights())
                self.noise_loss = keras.metrics.Mean(name="n_loss")

            @property
            def metrics(self):
                return [self.noise_loss]

            def rates(self, times):
                angles = ops.arccos(0.95) + times * (ops.arccos(0.02) - ops.arccos(0.95))
                return ops.sin(angles), ops.cos(angles)

            def train_step(self, data):
                rows, extra = data
                rows = self.normalizer(rows)
                noise_rate, signal_rate = self.rates(extra[:, 4:])
                noise = extra[:, :4]
                noisy = signal_rate * rows + noise_rate * noise

                def loss():
                    found = self.network([noisy, noise_rate**2], training=True)
                    return ops.mean(ops.abs(noise - found))

                weights = self.network.trainable_weights
                value, found = slopes(keras, loss, weights)
                self.optimizer.apply_gradients(zip(found, weights, strict=True))
                self.noise_loss.update_state(value)
                for weight, mean in zip(self.network.weights, self.average.weights, strict=True):
                    mean.assign(0.9 * mean + (1 - 0.9) * weight)
                return {m.name: m.result() for m in self.metrics}

        model = Diffusion()
        model.normalizer.adapt(X)
        model.built = True
        model.compile(keras.optimizers.AdamW(0.01, weight_decay=1e-4))
        history = model.fit(X, np.concatenate([noise, times], axis=1), **QUIET).history
        return history["n_loss"], model.average.get_weights(), model.network.get_weights()

    agree_with_keras(program)


def test_a_gradient_is_reversed(agree):
    """Domains: what the features know of the domain is unlearned."""

    def program(keras):
        ops, layers = keras.ops, keras.layers

        @keras.ops.custom_gradient
        def reverse(x):
            return x, lambda upstream: -upstream

        class Reversal(layers.Layer):
            def call(self, inputs):
                return reverse(inputs)

        inputs = keras.Input((4,))
        features = layers.Dense(3, activation="tanh")(inputs)
        label = layers.Dense(1, activation="sigmoid", name="label")(features)
        domain = layers.Dense(1, activation="sigmoid", name="domain")(Reversal()(features))
        model = keras.Model(inputs, [label, domain])
        model.compile("sgd", "binary_crossentropy", loss_weights={"label": 1.0, "domain": 0.5})
        y = (X[:, :1] > 0).astype("float64")
        history = model.fit(X, {"label": y, "domain": 1 - y}, **QUIET).history
        return history["loss"], model.get_weights(), ops.convert_to_numpy(reverse(np.ones(2)))

    agree(program)


def test_a_graph_convolution(agree_with_keras, start):
    sources, targets = RNG.integers(0, 16, (2, 40))

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class GraphConv(layers.Layer):
            def __init__(self, units, **kwargs):
                super().__init__(**kwargs)
                self.message, self.update = layers.Dense(units, "relu"), layers.Dense(units)

            def call(self, inputs):
                messages = self.message(ops.take(inputs, sources, axis=0))
                total = ops.segment_sum(messages, targets, num_segments=16)
                return self.update(ops.concatenate([inputs, total], axis=1))

        class Network(keras.Model):
            def __init__(self):
                super().__init__()
                self.first, self.second = GraphConv(5), GraphConv(3)

            def call(self, inputs):
                return ops.softmax(self.second(ops.relu(self.first(inputs))))

        model = Network()
        model(X)
        start(model)
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        y = np.arange(16) % 3
        history = model.fit(X, y, **(QUIET | {"batch_size": 16})).history["loss"]
        return history, model.predict(X, batch_size=16, verbose=0)

    agree_with_keras(program)


def test_rewards_teach_a_network_beside_a_slower_copy(agree_with_keras, slopes, start):
    """Deep Q-learning from a memory of moves."""
    actions, rewards = RNG.integers(0, 2, 16), RNG.normal(size=16)
    later, done = RNG.normal(size=(16, 4)), RNG.integers(0, 2, 16).astype("float64")

    def program(keras):
        ops, layers = keras.ops, keras.layers

        def network():
            return keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(2)])

        model, target = network(), network()
        start(model)
        target.set_weights(model.get_weights())
        optimizer, judge = keras.optimizers.Adam(0.01, clipnorm=1.0), keras.losses.Huber()
        losses = []
        for step in range(6):
            best = np.max(target.predict(later, verbose=0), axis=1)
            wanted = rewards + 0.9 * best * (1 - done)
            chosen = ops.one_hot(actions, 2, dtype="float64")

            def loss(wanted=wanted, chosen=chosen):
                found = ops.sum(ops.multiply(model(X), chosen), axis=1)
                return judge(wanted, found)

            value, found = slopes(keras, loss, model.trainable_variables)
            optimizer.apply_gradients(zip(found, model.trainable_variables, strict=True))
            losses.append(float(np.asarray(keras.ops.convert_to_numpy(value))))
            if step % 3 == 2:
                target.set_weights(model.get_weights())
        return losses, target.get_weights()

    agree_with_keras(program)


def test_three_at_a_time_with_a_margin(agree_with_keras, slopes, start):
    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Triplets(keras.Model):
            def __init__(self, embedding, margin=0.5):
                super().__init__()
                self.embedding, self.margin = embedding, margin
                self.tracker = keras.metrics.Mean(name="loss")

            @property
            def metrics(self):
                return [self.tracker]

            def call(self, inputs):
                anchor, positive, negative = (self.embedding(x) for x in inputs)
                near = ops.sum(ops.square(anchor - positive), -1)
                return near, ops.sum(ops.square(anchor - negative), -1)

            def measure_loss(self, data):
                near, far = self(data, training=True)
                return ops.mean(ops.maximum(near - far + self.margin, 0.0))

            def train_step(self, data):
                data = data[0] if len(data) == 1 else data
                weights = self.embedding.trainable_weights
                value, found = slopes(keras, lambda: self.measure_loss(data), weights)
                self.optimizer.apply_gradients(zip(found, weights, strict=True))
                self.tracker.update_state(value)
                return {"loss": self.tracker.result()}

            def test_step(self, data):
                data = data[0] if len(data) == 1 else data
                self.tracker.update_state(self.measure_loss(data))
                return {"loss": self.tracker.result()}

        embedding = keras.Sequential(
            [
                keras.Input((4,)),
                layers.Dense(5, "tanh"),
                layers.Dense(3),
                layers.UnitNormalization(),
            ]
        )  # fmt: skip
        start(embedding)
        model = Triplets(embedding)
        model.built = True
        model.compile(keras.optimizers.SGD(0.1))
        rows = (X, X[::-1].copy(), np.roll(X, 3, axis=0))
        history = model.fit(rows, **QUIET, validation_data=(rows,)).history
        return history["loss"], history["val_loss"], embedding.get_weights()

    agree_with_keras(program)


def test_dropout_at_prediction_tells_how_sure_a_network_is(agree):
    def program(keras):
        layers = keras.layers
        inputs = keras.Input((4,))
        x = layers.Dropout(0.5)(layers.Dense(8, "relu")(inputs))
        model = keras.Model(inputs, layers.Dense(1)(x))
        several = np.stack([keras.ops.convert_to_numpy(model(X, training=True)) for _ in range(4)])
        assert (several.std(axis=0) > 0).any()
        always = layers.Dropout(0.5)(model.layers[1].output, training=True)
        other = keras.Model(inputs, model.layers[-1](always))
        drawn = [other.predict(X, verbose=0) for _ in range(3)]
        assert (drawn[0] != drawn[1]).any()
        return several, drawn

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_a_loss_that_is_an_output(agree):
    """As in Keras 2: the network computes its loss, and the loss given to compile hands it on."""

    def program(keras):
        from deepbasics import backend as K

        layers = keras.layers
        x, labels = keras.Input((4,)), keras.Input((1,), name="labels")
        made = layers.Dense(1)(x)

        def apart(pair):
            return K.mean(K.square(pair[0] - pair[1]), axis=-1, keepdims=True)

        loss = layers.Lambda(apart, output_shape=(1,), name="apart")([made, labels])
        model = keras.Model([x, labels], loss)
        model.compile("sgd", loss={"apart": lambda y_true, y_pred: y_pred})
        y = X[:, :1]
        history = model.fit([X, y], np.zeros(16), **QUIET).history["loss"]
        plain = keras.Model(x, made)
        return history, plain.predict(X, verbose=0)

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_a_learning_rate_is_sought_batch_by_batch(agree, start):
    """The callback of Keras 2 that raises `optimizer.lr` by `K.set_value`."""
    from deepbasics import backend as K

    def program(keras):
        class Finder(keras.callbacks.Callback):
            def __init__(self):
                super().__init__()
                self.rates, self.losses = [], []

            def on_train_begin(self, logs=None):
                K.set_value(self.model.optimizer.lr, 1e-3)

            def on_batch_end(self, batch, logs=None):
                rate = float(K.get_value(self.model.optimizer.lr))
                self.rates.append(rate)
                self.losses.append(logs["loss"])
                K.set_value(self.model.optimizer.lr, rate * 1.5)

        model = keras.Sequential([keras.layers.Dense(1, input_dim=4)])
        model.compile(keras.optimizers.SGD(lr=0.1), "mse")
        finder = Finder()
        model.fit(X, X[:, :1], batch_size=4, epochs=2, callbacks=[finder], verbose=0)
        assert finder.rates[-1] > finder.rates[0]
        return finder.rates, finder.losses

    agree(program)


def test_ratings_from_the_product_of_two_tables(agree_with_keras, start):
    users, films = RNG.integers(0, 5, 16), RNG.integers(0, 6, 16)
    stars = RNG.uniform(size=16)

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Recommender(keras.Model):
            def __init__(self, width=3, **kwargs):
                super().__init__(**kwargs)
                penalty = keras.regularizers.l2(1e-2)
                self.users = layers.Embedding(5, width, embeddings_regularizer=penalty)
                self.films = layers.Embedding(6, width, embeddings_regularizer=penalty)
                self.of_user, self.of_film = layers.Embedding(5, 1), layers.Embedding(6, 1)

            def call(self, inputs):
                user, film = inputs[:, 0], inputs[:, 1]
                product = ops.tensordot(self.users(user), self.films(film), 2)
                return ops.nn.sigmoid(product + self.of_user(user) + self.of_film(film))

        pairs = np.stack([users, films], axis=1)
        model = Recommender()
        model(pairs[:1])
        start(model)
        model.compile("adam", keras.losses.BinaryCrossentropy())
        history = model.fit(pairs, stars, **QUIET).history["loss"]
        return history, model.predict(pairs, verbose=0)

    agree_with_keras(program)
