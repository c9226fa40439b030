"""Two groups of people told apart by weight, height and age: a first network with named layers.

1,000 made-up people, the first 500 heavier, taller and younger by one standard deviation. No rule
is right more often than 0.807 of the time in the long run; the tutorial reports about 0.79. Seed 0
reaches 0.812 of these 1,000 on NumPy and on torch, and says 0.166 for [0, 0, 0] (truth: 0.182).
"""

import numpy as np

from deepbasics import plots
from deepbasics.datasets import body_measures
from deepbasics.layers import Activation, Dense
from deepbasics.models import Sequential
from deepbasics.utils import set_random_seed, to_categorical

BATCH_SIZE = 8


def data():
    """Standardised measures, and the group one-hot."""
    x, y = body_measures.load_data()
    return x, to_categorical(y, 2)


def build():
    """The compiled network."""
    model = Sequential()
    model.add(Dense(4, kernel_initializer="random_normal", input_shape=(3,), name="Dense1"))
    model.add(Activation("relu", name="hidden"))
    model.add(Dense(2))
    model.add(Activation("softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def main(epochs=10, seed=0, verbose="auto", callbacks=None, save_plots=None):
    """Train, then ask about [0, 0, 0], the middle of the second group; pictures to `save_plots`."""
    x, y = data()
    set_random_seed(seed)
    model = build()
    history = model.fit(x, y, BATCH_SIZE, epochs, verbose=verbose, callbacks=callbacks)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    prediction = model.predict(np.array([[0.0, 0.0, 0.0]]), verbose=0)[0]
    print(f"loss {loss:.4f}, accuracy {accuracy:.4f}")
    print(f"[0, 0, 0] is of the first group with probability {prediction[0]:.4f}")

    if save_plots:
        groups = model.predict(x, verbose=0).argmax(axis=1)
        plots.curves(history, save=f"{save_plots}/gender-curves.png")
        plots.confusion_matrix(y.argmax(axis=1), groups, save=f"{save_plots}/gender-confusion.png")
    return {"history": history, "accuracy": accuracy, "prediction": prediction}


if __name__ == "__main__":
    main()
