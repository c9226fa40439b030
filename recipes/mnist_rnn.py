"""Handwritten digits read line by line: the 28 rows of an image are the steps of an LSTM.

A recurrent network (Hochreiter and Schmidhuber, 1997) needs no layer for images here: after the
last row its state knows the digit.
"""

from deepbasics import plots
from deepbasics.datasets import mnist
from deepbasics.layers import LSTM, Dense
from deepbasics.models import Sequential
from deepbasics.utils import set_random_seed, to_categorical

BATCH_SIZE = 128


def data(limit=60_000):
    """28 rows of 28 pixels in [0, 1], digits one-hot: the first training x, y; test x, y."""
    (x, y), (x_test, y_test) = mnist.load_data()
    x, x_test = (images.astype("float32") / 255 for images in (x[:limit], x_test))
    return x, to_categorical(y[:limit], 10), x_test, to_categorical(y_test, 10)


def build():
    """The compiled network."""
    model = Sequential()
    model.add(LSTM(128, input_shape=(28, 28)))
    model.add(Dense(10, activation="softmax"))
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
        plots.curves(history, save=f"{save_plots}/mnist_rnn-curves.png")
        plots.confusion_matrix(truth, digits, save=f"{save_plots}/mnist_rnn-confusion.png")
    return {"history": history, "test_accuracy": accuracy}


if __name__ == "__main__":
    main()
