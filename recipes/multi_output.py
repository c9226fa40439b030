"""One trunk, two answers: which handwritten digit it is, and whether it is odd.

The outputs have losses and metrics of their own, by name; the loss of the digit counts fully, that
of its parity half.
"""

from deepbasics import plots
from deepbasics.datasets import mnist
from deepbasics.layers import Dense, Dropout, Input
from deepbasics.models import Model
from deepbasics.utils import set_random_seed

BATCH_SIZE = 128


def data(limit=60_000):
    """784 pixels in [0, 1]; digit and parity by name: the first training x, y; test x, y."""
    (x, y), (x_test, y_test) = mnist.load_data()
    x, x_test = (images.reshape(-1, 784).astype("float32") / 255 for images in (x[:limit], x_test))
    y, y_test = ({"digit": digits, "odd": digits[:, None] % 2} for digits in (y[:limit], y_test))
    return x, y, x_test, y_test


def build():
    """The compiled network."""
    image = Input(shape=(784,))
    trunk = Dense(256, activation="relu")(image)
    trunk = Dropout(0.2)(trunk)
    trunk = Dense(128, activation="relu")(trunk)
    digit = Dense(10, activation="softmax", name="digit")(trunk)
    odd = Dense(1, activation="sigmoid", name="odd")(trunk)
    model = Model(image, {"digit": digit, "odd": odd})
    model.compile(
        optimizer="adam",
        loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
        loss_weights={"digit": 1.0, "odd": 0.5},
        metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
    )
    return model


def main(epochs=5, seed=0, verbose="auto", callbacks=None, save_plots=None, limit=60_000):
    """Train on the first `limit` images, then test; pictures go to the folder `save_plots`."""
    x, y, x_test, y_test = data(limit)
    set_random_seed(seed)
    model = build()
    history = model.fit(x, y, BATCH_SIZE, epochs, verbose=verbose, callbacks=callbacks)

    found = model.evaluate(x_test, y_test, BATCH_SIZE, verbose=0, return_dict=True)
    outputs = model.predict(x_test, BATCH_SIZE, verbose=0)
    digits, odd = outputs["digit"].argmax(axis=1), outputs["odd"][:, 0] > 0.5
    agree = (digits % 2 == odd).mean()
    print(f"test accuracy: digit {found['digit_accuracy']:.4f}, odd {found['odd_accuracy']:.4f}")
    print(f"the two answers fit each other for {agree:.4f} of the images")

    if save_plots:
        plots.curves(history, save=f"{save_plots}/multi_output-curves.png")
        plots.confusion_matrix(y_test["digit"], digits, save=f"{save_plots}/multi_output-digit.png")
        plots.confusion_matrix(
            y_test["odd"][:, 0],
            odd,
            labels=["even", "odd"],
            save=f"{save_plots}/multi_output-odd.png",
        )
    return {
        "history": history,
        "digit_accuracy": found["digit_accuracy"],
        "odd_accuracy": found["odd_accuracy"],
        "agree": float(agree),
    }


if __name__ == "__main__":
    main()
