"""Programs that make data: adversarial networks and autoencoders."""

import numpy as np
import pytest

import deepbasics as db

RNG = np.random.default_rng(0)
REAL = 3 + 0.5 * RNG.normal(size=(32, 4))
NOISE = RNG.normal(size=(32, 3))
UNIT = 1 / (1 + np.exp(-REAL))
IMAGES = RNG.uniform(size=(16, 8, 8, 1))


def _judge(keras):
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(1)]
    )


def _maker(keras):
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(4)]
    )


# adversarial networks -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
@pytest.mark.parametrize("optimizers", ["two", "one", "by name"])
def test_a_gan_of_keras_2_with_a_frozen_discriminator_in_the_combined_model(agree, optimizers):
    """What is frozen after its own compile learns alone, and stands still in the other model."""
    from deepbasics.layers import BatchNormalization, Dense, Dropout, Input, LeakyReLU
    from deepbasics.models import Model, Sequential
    from deepbasics.optimizers import Adam

    def generator():
        model = Sequential()
        model.add(Dense(8, input_dim=3, use_bias=False))
        model.add(LeakyReLU(alpha=0.2))
        model.add(BatchNormalization(momentum=0.8))
        model.add(Dense(4, activation="tanh"))
        z = Input(shape=(3,))
        return Model(z, model(z))

    def discriminator():
        model = Sequential()
        model.add(Dense(8, input_dim=4))
        model.add(LeakyReLU(alpha=0.2))
        model.add(Dropout(0.25))
        model.add(Dense(1, activation="sigmoid"))
        image = Input(shape=(4,))
        return Model(image, model(image))

    def program(keras):
        first = Adam(lr=0.002, beta_1=0.5)
        given = {"two": (first, Adam(lr=0.002, beta_1=0.5)), "one": (first, first)}
        of_d, of_gan = given.get(optimizers, ("adam", "adam"))
        d, g = discriminator(), generator()
        d.compile(loss="binary_crossentropy", optimizer=of_d, metrics=["accuracy"])
        z = Input(shape=(3,))
        d.trainable = False
        combined = Model(z, d(g(z)))
        combined.compile(loss="binary_crossentropy", optimizer=of_gan)
        losses, moved = [], []
        for rows in (slice(0, 16), slice(16, 32)) * 3:
            fake = g.predict(NOISE[rows], verbose=0)
            before = d.get_weights()
            real_loss = d.train_on_batch(REAL[rows], np.ones((16, 1)))
            fake_loss = d.train_on_batch(fake, np.zeros((16, 1)))
            between = d.get_weights()
            gan_loss = combined.train_on_batch(NOISE[rows], np.ones((16, 1)))
            losses.append([*real_loss, *fake_loss, gan_loss])
            moved.append((_moved(before, between), _moved(between, d.get_weights())))
        assert moved == [(True, False)] * 6
        return losses, d.get_weights(), g.get_weights()

    agree(program)


def _moved(before, after):
    return any((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*old spelling.*decay:DeprecationWarning")
def test_a_gan_of_the_book_with_noise_on_its_labels(agree):
    """Labels of 1.05 are no mistake, and `decay` is a setting of the optimizer."""

    def program(keras):
        layers, models = keras.layers, keras.models
        z = keras.Input(shape=(3,))
        x = layers.LeakyReLU()(layers.Dense(4 * 4 * 2)(z))
        x = layers.Conv2DTranspose(3, 4, strides=2, padding="same")(layers.Reshape((4, 4, 2))(x))
        generator = models.Model(z, layers.Conv2D(1, 7, activation="tanh", padding="same")(x))
        image = layers.Input(shape=(8, 8, 1))
        x = layers.LeakyReLU()(layers.Conv2D(3, 4, strides=2)(image))
        x = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.4)(layers.Flatten()(x)))
        discriminator = models.Model(image, x)
        rule = {"clipvalue": 1.0, "decay": 1e-8}
        discriminator.compile(keras.optimizers.RMSprop(lr=8e-4, **rule), "binary_crossentropy")
        discriminator.trainable = False
        gan = models.Model(z, discriminator(generator(z)))
        gan.compile(keras.optimizers.RMSprop(lr=4e-4, **rule), "binary_crossentropy")
        rng, losses = np.random.default_rng(0), []
        for i in range(0, 12, 4):
            noise = rng.normal(size=(4, 3))
            both = np.concatenate([generator.predict(noise, verbose=0), IMAGES[i : i + 4]])
            labels = np.concatenate([np.ones((4, 1)), np.zeros((4, 1))])
            labels += 0.05 * rng.random(labels.shape)
            losses.append(discriminator.train_on_batch(both, labels))
            losses.append(gan.train_on_batch(noise, np.zeros((4, 1))))
        return losses, generator.get_weights()

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_a_gan_whose_parts_are_frozen_in_turn(agree):
    """As WGANs of Keras 2: two models of the same two networks, each compiled with one frozen."""

    def program(keras):
        critic, generator = _judge(keras), _maker(keras)
        generator.trainable = False
        real, z = keras.Input((4,)), keras.Input((3,))
        both = keras.Model([real, z], [critic(real), critic(generator(z))])
        both.compile(keras.optimizers.RMSprop(0.01), loss=[_wasserstein(keras)] * 2)
        critic.trainable, generator.trainable = False, True
        gan = keras.Model(z, critic(generator(z)))
        gan.compile(keras.optimizers.RMSprop(0.01), loss=_wasserstein(keras))
        one = np.ones((32, 1))
        losses = []
        for _ in range(3):
            made = generator.get_weights()
            losses += both.train_on_batch([REAL, NOISE], [-one, one])
            assert not _moved(made, generator.get_weights())
            judged = critic.get_weights()
            losses.append(gan.train_on_batch(NOISE, -one))
            assert not _moved(judged, critic.get_weights())
            assert _moved(made, generator.get_weights())
        return losses, critic.get_weights(), generator.get_weights()

    agree(program)


def _wasserstein(keras):
    def wasserstein(y_true, y_pred):
        return keras.ops.mean(y_true * y_pred)

    return wasserstein


def _gan(keras, slopes):
    ops = keras.ops

    class Gan(keras.Model):
        def __init__(self, critic, generator):
            super().__init__()
            self.critic, self.generator = critic, generator
            self.critic_loss = keras.metrics.Mean(name="critic_loss")
            self.generator_loss = keras.metrics.Mean(name="generator_loss")

        @property
        def metrics(self):
            return [self.critic_loss, self.generator_loss]

        def compile(self, of_critic, of_generator, loss):
            super().compile()
            self.of_critic, self.of_generator, self.judge = of_critic, of_generator, loss

        def train_step(self, data):
            real, noise = data
            rows = ops.shape(real)[0]
            both = ops.concatenate([self.generator(noise), real], axis=0)
            labels = ops.concatenate([ops.ones((rows, 1)), ops.zeros((rows, 1))], axis=0)
            labels += 0.05 * ops.tanh(ops.concatenate([noise, noise], axis=0)[:, :1])
            weights = self.critic.trainable_weights
            value, found = slopes(keras, lambda: self.judge(labels, self.critic(both)), weights)
            self.of_critic.apply(found, weights)
            self.critic_loss.update_state(value)
            weights = self.generator.trainable_weights
            fooled = ops.zeros((rows, 1))
            value, found = slopes(
                keras, lambda: self.judge(fooled, self.critic(self.generator(noise))), weights
            )
            self.of_generator.apply_gradients(zip(found, weights, strict=True))
            self.generator_loss.update_state(value)
            return {m.name: m.result() for m in self.metrics}

    return Gan


def test_a_gan_as_a_model_with_two_optimizers(agree_with_keras, slopes, start):
    def program(keras):
        critic, generator = _judge(keras), _maker(keras)
        start(critic, 1)
        start(generator, 2)
        gan = _gan(keras, slopes)(critic, generator)
        adam = keras.optimizers.Adam
        gan.built = True  # Keras would want a call
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        gan.compile(adam(0.003), adam(0.003), loss)
        history = gan.fit(REAL, NOISE, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        return history["critic_loss"], history["generator_loss"], gan.get_weights()

    agree_with_keras(program)


def test_a_wgan_with_a_penalty_on_the_gradient(agree_with_keras, slopes, slope_by_input, start):
    """The penalty is a function of a gradient, and is differentiated by the weights."""

    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Wgan(keras.Model):
            def __init__(self, critic, generator):
                super().__init__()
                self.critic, self.generator = critic, generator

            def compile(self, of_critic, of_generator, **settings):
                super().compile(**settings)
                self.of_critic, self.of_generator = of_critic, of_generator

            def penalty(self, real, fake, mix):
                between = real + mix * (fake - real)
                slope = slope_by_input(keras, lambda x: ops.sum(self.critic(x)), between)
                norm = ops.sqrt(ops.sum(ops.square(slope), axis=1))
                return ops.mean((norm - 1.0) ** 2)

            def train_step(self, data):
                x = data[0] if isinstance(data, tuple) else data
                real, noise, mix = x["real"], x["noise"], x["mix"]
                weights = self.critic.trainable_variables

                def critical():
                    fake = self.generator(noise, training=True)
                    apart = ops.mean(self.critic(fake)) - ops.mean(self.critic(real))
                    return apart + 10.0 * self.penalty(real, fake, mix)

                for _ in range(2):
                    critic_loss, found = slopes(keras, critical, weights)
                    self.of_critic.apply(found, weights)
                weights = self.generator.trainable_variables
                generator_loss, found = slopes(
                    keras, lambda: -ops.mean(self.critic(self.generator(noise))), weights
                )
                self.of_generator.apply(found, weights)
                return {"critic": critic_loss, "generator": generator_loss}

        critic = keras.Sequential(
            [
                keras.Input((4,)), layers.Dense(8, "tanh"), layers.LayerNormalization(),
                layers.Dense(6, "swish"), layers.Dense(1),
            ]
        )  # fmt: skip
        generator = _maker(keras)
        start(critic, 3)
        start(generator, 4)
        model = Wgan(critic, generator)
        model.built = True
        model.compile(keras.optimizers.Adam(0.002, beta_1=0.5), keras.optimizers.RMSprop(0.002))
        x = {"real": REAL, "noise": NOISE, "mix": np.linspace(0, 1, 32)[:, None]}
        history = model.fit(x, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        return history["critic"], history["generator"], model.get_weights()

    agree_with_keras(program)


def test_a_gan_is_kept_in_files(agree, slopes, tmp_path):
    """Also one that is never called, and so never built as a whole."""
    pytest.importorskip("h5py", reason="the extra saving")

    def program(keras):
        def make():
            gan = _gan(keras, slopes)(_judge(keras), _maker(keras))
            adam = keras.optimizers.Adam
            gan.compile(adam(0.003), adam(0.003), keras.losses.BinaryCrossentropy(True))
            return gan

        first = make()
        history = first.fit(REAL, NOISE, epochs=1, verbose=0).history
        first.save_weights(tmp_path / "gan.weights.h5")
        first.generator.save(tmp_path / "generator.keras")
        made = first.generator.predict(NOISE, verbose=0)
        second = make()
        second.load_weights(tmp_path / "gan.weights.h5")
        np.testing.assert_array_equal(second.generator.predict(NOISE, verbose=0), made)
        alone = keras.models.load_model(tmp_path / "generator.keras")
        np.testing.assert_array_equal(alone.predict(NOISE, verbose=0), made)
        return history["critic_loss"], made

    agree(program)


def test_models_that_share_layers_follow_one_that_moves(agree):
    """To the other backend and on: the GAN takes its critic along, and an autoencoder its encoder
    back.
    """
    pytest.importorskip("torch", reason="torch is an extra")

    def program(keras):
        critic, encoder = _judge(keras), _maker(keras)
        decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        z = keras.Input((3,))
        autoencoder = keras.Model(z, decoder(encoder(z)))
        autoencoder.compile("adam", "mse")
        critic.compile("adam", "mse")
        critic.trainable = False
        gan = keras.Model(z, critic(encoder(z)))
        gan.compile("adam", "mse")
        losses, one = [], np.ones((32, 1))
        for step in range(4):
            if step == 2:
                gan.to("torch" if gan.backend.name == "numpy" else "numpy")
            losses.append(gan.train_on_batch(NOISE, one))
            losses.append(critic.train_on_batch(REAL, one))
            losses.append(autoencoder.train_on_batch(NOISE, NOISE))
        assert critic.backend is gan.backend is not autoencoder.backend
        return losses, gan.get_weights(), autoencoder.predict(NOISE, verbose=0)

    agree(program)


# autoencoders -------------------------------------------------------------------------------------


def _sampling(keras):
    class Sampling(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs):
            mean, spread = inputs
            shape = (keras.ops.shape(mean)[0], keras.ops.shape(mean)[1])
            noise = keras.random.normal(shape=shape, seed=self.seed_generator)
            return mean + keras.ops.exp(0.5 * spread) * noise

    return Sampling()


def test_a_vae_with_a_loss_added_in_its_call(agree):
    def program(keras):
        ops, layers = keras.ops, keras.layers

        class Encoder(layers.Layer):
            def __init__(self):
                super().__init__(name="encoder")
                self.hidden = layers.Dense(6, activation="relu")
                self.mean, self.spread = layers.Dense(2), layers.Dense(2)
                self.sampling = _sampling(keras)

            def call(self, inputs):
                x = self.hidden(inputs)
                mean, spread = self.mean(x), self.spread(x)
                return mean, spread, self.sampling((mean, spread))

        class Vae(keras.Model):
            def __init__(self):
                super().__init__(name="autoencoder")
                self.encoder = Encoder()
                self.decoder = keras.Sequential(
                    [layers.Dense(6, activation="relu"), layers.Dense(4, activation="sigmoid")]
                )

            def call(self, inputs):
                mean, spread, z = self.encoder(inputs)
                self.add_loss(-0.5 * ops.mean(spread - ops.square(mean) - ops.exp(spread) + 1))
                return self.decoder(z)

        vae = Vae()
        vae.compile(keras.optimizers.Adam(0.01), loss=keras.losses.MeanSquaredError())
        history = vae.fit(UNIT, UNIT, epochs=3, batch_size=8, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        return history["loss"], vae.evaluate(UNIT, UNIT, verbose=0), vae.get_weights()

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_a_vae_of_keras_2_with_a_loss_of_symbols(agree):
    """`model.add_loss` of a symbolic scalar, made of inputs and outputs alike."""

    def program(keras):
        from deepbasics import backend as K
        from deepbasics.layers import Dense, Input, Lambda
        from deepbasics.models import Model

        def sampling(pair):
            mean, spread = pair
            noise = K.random_normal(shape=(K.shape(mean)[0], 2), mean=0.0, stddev=1.0, seed=4)
            return mean + K.exp(spread / 2) * noise

        x = Input(shape=(4,))
        hidden = Dense(6, activation="relu")(x)
        mean, spread = Dense(2)(hidden), Dense(2)(hidden)
        z = Lambda(sampling, output_shape=(2,))([mean, spread])
        first, last = Dense(6, activation="relu"), Dense(4, activation="sigmoid")
        made = last(first(z))
        vae = Model(x, made)
        fidelity = 4 * keras.metrics.binary_crossentropy(x, made)
        divergence = -0.5 * K.sum(1 + spread - K.square(mean) - K.exp(spread), axis=-1)
        vae.add_loss(K.mean(fidelity + divergence))
        vae.compile(optimizer="rmsprop")
        fitted = vae.fit(UNIT, epochs=3, batch_size=8, validation_data=(UNIT, None), verbose=0)
        history = fitted.history
        assert history["loss"][-1] < history["loss"][0]
        again = Model.from_config(vae.get_config())
        again.set_weights(vae.get_weights())
        again.compile("sgd")
        assert again.evaluate(UNIT, batch_size=8, verbose=0) == pytest.approx(
            history["val_loss"][-1]
        )
        encoder = Model(x, mean)
        code = Input(shape=(2,))
        generator = Model(code, last(first(code)))
        made = generator.predict(np.zeros((1, 2)), verbose=0)
        return history["loss"], history["val_loss"], encoder.predict(UNIT, verbose=0), made

    agree(program)


def test_a_convolutional_vae_with_its_own_step(agree, slopes):
    def program(keras):
        ops, layers = keras.ops, keras.layers

        x = image = keras.Input((8, 8, 1))
        x = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same")(x)
        x = layers.Dense(6, activation="relu")(layers.Flatten()(x))
        mean, spread = layers.Dense(2, name="mean")(x), layers.Dense(2, name="spread")(x)
        encoder = keras.Model(image, [mean, spread, _sampling(keras)([mean, spread])])
        x = code = keras.Input((2,))
        x = layers.Reshape((4, 4, 4))(layers.Dense(64, activation="relu")(x))
        x = layers.Conv2DTranspose(4, 3, activation="relu", strides=2, padding="same")(x)
        x = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)
        decoder = keras.Model(code, x)

        class Vae(keras.Model):
            def __init__(self):
                super().__init__()
                self.encoder, self.decoder = encoder, decoder
                self.fidelity = keras.metrics.Mean(name="fidelity")
                self.divergence = keras.metrics.Mean(name="divergence")

            @property
            def metrics(self):
                return [self.fidelity, self.divergence]

            def train_step(self, data):
                x = data[0] if isinstance(data, tuple) else data

                def loss():
                    mean, spread, z = self.encoder(x)
                    apart = keras.losses.binary_crossentropy(x, self.decoder(z))
                    fidelity = ops.mean(ops.sum(apart, axis=(1, 2)))
                    divergence = -0.5 * (1 + spread - ops.square(mean) - ops.exp(spread))
                    divergence = ops.mean(ops.sum(divergence, axis=1))
                    return fidelity + divergence, (fidelity, divergence)

                weights = self.trainable_weights
                (_, found), slope = keras.gradients(loss, weights, has_aux=True)
                self.optimizer.apply_gradients(zip(slope, weights, strict=True))
                for metric, value in zip(self.metrics, found, strict=True):
                    metric.update_state(value)
                return {m.name: m.result() for m in self.metrics}

        vae = Vae()
        vae.compile(keras.optimizers.Adam(0.01))
        history = vae.fit(IMAGES, epochs=3, batch_size=8, verbose=0).history
        return history["fidelity"], history["divergence"], vae.encoder.predict(IMAGES, verbose=0)

    agree(program)


def test_an_autoencoder_that_shares_its_layers_with_encoder_and_decoder(agree, start):
    """Noise away: one training, three models."""

    def program(keras):
        layers = keras.layers
        noisy = keras.Input((8, 8, 1))
        x = layers.Conv2D(4, (3, 3), activation="relu", padding="same")(noisy)
        x = layers.MaxPooling2D((2, 2), padding="same")(x)
        encoded = layers.Conv2D(2, (3, 3), activation="relu", padding="same")(x)
        up = layers.Conv2DTranspose(2, (2, 2), strides=2, activation="relu")
        last = layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")
        autoencoder = keras.Model(noisy, last(up(encoded)))
        encoder = keras.Model(noisy, encoded)
        code = keras.Input((4, 4, 2))
        decoder = keras.Model(code, last(up(code)))
        start(autoencoder)
        autoencoder.compile("adam", "binary_crossentropy")
        history = autoencoder.fit(
            np.clip(IMAGES + 0.1, 0, 1), IMAGES, epochs=2, batch_size=8, shuffle=False,
            validation_data=(IMAGES, IMAGES), verbose=0,
        ).history  # fmt: skip
        codes = encoder.predict(IMAGES, verbose=0)
        made = decoder.predict(codes, verbose=0)
        np.testing.assert_allclose(made, autoencoder.predict(IMAGES, verbose=0), atol=1e-12)
        return history["loss"], history["val_loss"], made

    agree(program)


def test_a_symbolic_loss_needs_a_model_of_symbols():
    class Own(db.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="call add_loss in call"):
        Own().add_loss(db.Input((2,)))
