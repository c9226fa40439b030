"""What callbacks change while a model trains counts from the next batch on."""

import numpy as np
import pytest

from deepbasics import layers, random
from deepbasics.backends import registry
from deepbasics.callbacks import LambdaCallback
from deepbasics.models import Sequential


def trained(callback, eager):
    """The weights of a model whose first layer is frozen at first."""
    random.set_random_seed(1)
    first = layers.Dense(4, "tanh", input_shape=(3,))
    model = Sequential([first, layers.BatchNormalization(), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("adam", "mse", run_eagerly=eager)
    x = np.random.default_rng(0).normal(size=(23, 3))
    model.fit(x, x[:, :1], batch_size=5, epochs=3, verbose=0, callbacks=[callback(model)])
    return model.get_weights()


def moved_after_a_batch(model):
    """To every backend that there is, and back."""
    here = registry.active().name

    def move(batch, logs):
        for name in (*registry.available(), here):
            model.to(name)

    return LambdaCallback(on_train_batch_end=move)


def thawed_after_an_epoch(model):
    return LambdaCallback(on_epoch_end=lambda epoch, logs: thaw(model))


def thawed_after_a_batch(model):
    return LambdaCallback(on_train_batch_end=lambda batch, logs: thaw(model))


def thaw(model):
    model.layers[0].trainable = True


@pytest.mark.parametrize(
    "callback", [moved_after_a_batch, thawed_after_an_epoch, thawed_after_a_batch]
)
def test_a_replay_notices_it(callback, backend):
    replayed, eager = trained(callback, False), trained(callback, True)
    untouched = trained(lambda model: LambdaCallback(), True)
    for a, b in zip(replayed, eager, strict=True):
        np.testing.assert_array_equal(a, b)
    learned = callback is not moved_after_a_batch
    assert np.array_equal(eager[0], untouched[0]) is not learned


def test_a_batch_normalization_frozen_between_batches_stands_still(backend):
    means = []

    def freeze(model):
        def end(batch, logs):
            model.layers[1].trainable = False
            means.append(model.layers[1].moving_mean.numpy())

        return LambdaCallback(on_train_batch_end=end)

    trained(freeze, False)
    assert means[0].any()
    assert all((mean == means[0]).all() for mean in means)
