"""Handwritten digits by convolution: two layers of 3 x 3 filters, pooling, dropout.

The convolutional example of Keras 1 and 2 (mnist_cnn.py), which reports a test accuracy of 0.9925
after 12 epochs of adadelta, whose learning rate was 1.0 by default then.
"""

from deepbasics import plots
from deepbasics.datasets import mnist
from deepbasics.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from deepbasics.models import Sequential
from deepbasics.optimizers import Adadelta
from deepbasics.utils import set_random_seed, to_categorical

BATCH_SIZE = 128


def data(limit=60_000):
    """Images of one channel in [0, 1], digits one-hot: the first training x, y; test x, y."""
    (x, y), (x_test, y_test) = mnist.load_data()
    x, x_test = (images[..., None].astype("float32") / 255 for images in (x[:limit], x_test))
    return x, to_categorical(y[:limit], 10), x_test, to_categorical(y_test, 10)


def build():
    """The compiled network."""
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer=Adadelta(1.0), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def main(epochs=12, seed=0, verbose="auto", callbacks=None, save_plots=None, limit=60_000):
    """Train on the first `limit` images, then test; pictures go to the folder `save_plots`."""
    x, y, x_test, y_test = data(limit)
    set_random_seed(seed)
    model = build()
    history = model.fit(
        x,
        y,
        BATCH_SIZE,
        epochs,
        verbose=verbose,
        callbacks=callbacks,
        validation_data=(x_test, y_test),
    )
    loss, accuracy = (history.history[name][-1] for name in ("val_loss", "val_accuracy"))
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

    if save_plots:
        digits = model.predict(x_test, verbose=0).argmax(axis=1)
        truth = y_test.argmax(axis=1)
        plots.curves(history, save=f"{save_plots}/mnist_cnn-curves.png")
        plots.confusion_matrix(truth, digits, save=f"{save_plots}/mnist_cnn-confusion.png")
        i = (digits != truth).nonzero()[0][:40]
        plots.digits(
            x_test[i, ..., 0], digits[i], truth[i], save=f"{save_plots}/mnist_cnn-wrong.png"
        )
        kernel = model.layers[0].get_weights()[0]
        plots.filters(kernel, save=f"{save_plots}/mnist_cnn-filters.png")
    return {"history": history, "test_accuracy": accuracy}


if __name__ == "__main__":
    main()
