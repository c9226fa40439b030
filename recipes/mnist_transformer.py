"""Handwritten digits as 16 patches that attend to each other: a small vision transformer.

In the manner of "An Image is Worth 16x16 Words" (Dosovitskiy and others, 2021): patches of 7 x 7
pixels, a learned embedding of their positions, two blocks that normalise first. Attention has no
biases: that of the keys would add the same to all scores of a patch, which softmax does not see.
"""

from deepbasics import plots
from deepbasics.datasets import mnist
from deepbasics.layers import (
    Dense,
    GlobalAveragePooling1D,
    Input,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
)
from deepbasics.models import Model
from deepbasics.utils import set_random_seed, to_categorical

BATCH_SIZE = 128
SIDE, WIDTH, HEADS, BLOCKS = 7, 64, 4, 2  # pixels of a patch; features of its code; attention


class Positions(Layer):
    """Adds to each step a learned vector for its place."""

    def build(self, input_shape):
        """One vector for each step."""
        self.table = self.add_weight(
            name="table", shape=input_shape[1:], initializer="random_normal"
        )

    def call(self, inputs):
        """The sum."""
        return inputs + self.table


def patches(images):
    """Squares of `SIDE` pixels as rows: (n, 28, 28) becomes (n, 16, 49), in [0, 1]."""
    n, across = len(images), 28 // SIDE
    squares = images.reshape(n, across, SIDE, across, SIDE).swapaxes(2, 3)
    return squares.reshape(n, across**2, SIDE**2).astype("float32") / 255


def data(limit=60_000):
    """Patches, and digits one-hot: the first training x, y; then test x, y."""
    (x, y), (x_test, y_test) = mnist.load_data()
    x, y = x[:limit], y[:limit]
    return patches(x), to_categorical(y, 10), patches(x_test), to_categorical(y_test, 10)


def build():
    """The compiled network."""
    inputs = Input(shape=(16, SIDE**2))
    x = Positions()(Dense(WIDTH)(inputs))
    for _ in range(BLOCKS):
        y = LayerNormalization()(x)
        x = x + MultiHeadAttention(HEADS, WIDTH // HEADS, use_bias=False)(y, y)
        y = LayerNormalization()(x)
        x = x + Dense(WIDTH)(Dense(2 * WIDTH, activation="gelu")(y))
    x = GlobalAveragePooling1D()(LayerNormalization()(x))
    model = Model(inputs, Dense(10, activation="softmax")(x))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def main(epochs=5, seed=0, verbose="auto", callbacks=None, save_plots=None, limit=60_000):
    """Train on the first `limit` images, then test; pictures go to the folder `save_plots`."""
    x, y, x_test, y_test = data(limit)
    set_random_seed(seed)
    model = build()
    history = model.fit(x, y, BATCH_SIZE, epochs, verbose=verbose, callbacks=callbacks)
    loss, accuracy = model.evaluate(x_test, y_test, BATCH_SIZE, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

    if save_plots:
        digits = model.predict(x_test, BATCH_SIZE, verbose=0).argmax(axis=1)
        truth = y_test.argmax(axis=1)
        plots.curves(history, save=f"{save_plots}/mnist_transformer-curves.png")
        plots.confusion_matrix(truth, digits, save=f"{save_plots}/mnist_transformer-confusion.png")
    return {"history": history, "test_accuracy": accuracy}


if __name__ == "__main__":
    main()
