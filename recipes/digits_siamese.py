"""Are these two the same digit? One tower of layers sees both; the distance of its codes answers.

The contrastive loss of "Dimensionality Reduction by Learning an Invariant Mapping" (Hadsell,
Chopra, LeCun, 2006), on the digits bundled with scikit-learn; the test digits are by other writers.
Needs scikit-learn: pip install "deepbasics[recipes]".
"""

import numpy as np

from deepbasics import ops, plots
from deepbasics.datasets import digits
from deepbasics.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from deepbasics.models import Model, Sequential
from deepbasics.utils import set_random_seed

BATCH_SIZE = 128
MARGIN = 1.0  # how far apart the codes of different digits should be
PARTNERS = 10  # of each image: so many of the same digit, and so many of others


def pairs(images, labels, rng):
    """Each image with `PARTNERS` of its digit and as many of others: [a, b], and 1 for the same."""
    a = np.tile(np.arange(len(images)), 2 * PARTNERS)
    same = np.arange(len(a)) < len(a) // 2
    b = np.empty_like(a)
    for digit in range(10):
        for answer in (True, False):
            rows = (labels[a] == digit) & (same == answer)
            b[rows] = rng.choice(np.flatnonzero((labels == digit) == answer), rows.sum())
    order = rng.permutation(len(a))
    return [images[a[order]], images[b[order]]], same[order, None].astype("float32")


def data():
    """Pairs of images in [0, 1], and 1 for the same digit: training x, y, then test x, y."""
    rng = np.random.default_rng(0)
    (x, y), (x_test, y_test) = digits.load_data()
    x, x_test = (images[..., None].astype("float32") / 16 for images in (x, x_test))
    return *pairs(x, y, rng), *pairs(x_test, y_test, rng)


def contrastive(same, distance):
    """Pulls the same together; pushes others apart, as far as the margin."""
    apart = ops.maximum(MARGIN - distance, 0.0)
    return ops.mean(same * ops.square(distance) + (1 - same) * ops.square(apart), axis=-1)


def accuracy(same, distance):
    """Whether the nearer half of the margin means the same."""
    return ops.equal(same, ops.cast(distance < MARGIN / 2, same.dtype))


def build():
    """The compiled network."""
    tower = Sequential(name="tower")
    tower.add(Conv2D(32, 3, activation="relu", input_shape=(8, 8, 1)))
    tower.add(Conv2D(64, 3, activation="relu"))
    tower.add(MaxPooling2D())
    tower.add(Dropout(0.25))
    tower.add(Flatten())
    tower.add(Dense(32))
    a, b = Input(shape=(8, 8, 1)), Input(shape=(8, 8, 1))
    squares = ops.sum(ops.square(tower(a) - tower(b)), axis=1, keepdims=True)
    distance = ops.sqrt(ops.maximum(squares, 1e-7))  # at 0 the root has no derivative
    model = Model([a, b], distance)
    model.compile(optimizer="rmsprop", loss=contrastive, metrics=[accuracy])
    return model


def main(epochs=10, seed=0, verbose="auto", callbacks=None, save_plots=None):
    """Train, then test on other writers; pictures go to the folder `save_plots`."""
    x, same, x_test, same_test = data()
    set_random_seed(seed)
    model = build()
    history = model.fit(x, same, BATCH_SIZE, epochs, verbose=verbose, callbacks=callbacks)
    loss, right = model.evaluate(x_test, same_test, BATCH_SIZE, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {right:.4f}")

    if save_plots:
        near = model.predict(x_test, BATCH_SIZE, verbose=0)[:, 0] < MARGIN / 2
        plots.curves(history, save=f"{save_plots}/digits_siamese-curves.png")
        names, file = ["different", "same"], f"{save_plots}/digits_siamese-confusion.png"
        plots.confusion_matrix(same_test[:, 0] > 0, near, labels=names, save=file)
    return {"history": history, "test_accuracy": right}


if __name__ == "__main__":
    main()
