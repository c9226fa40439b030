"""A language model that writes Python's manual, one character after the other: an LSTM.

In the manner of "The Unreasonable Effectiveness of Recurrent Neural Networks" (Karpathy, 2015).
The text is that of Python's `help()`: it comes with every Python, and differs between versions.
"""

from pydoc_data.topics import topics

import numpy as np

from deepbasics import plots
from deepbasics.layers import LSTM, Dense, Embedding
from deepbasics.models import Sequential
from deepbasics.optimizers import Adam
from deepbasics.utils import set_random_seed

BATCH_SIZE = 64
STEPS = 64  # characters in a row
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
CODES = {character: code for code, character in enumerate(CHARACTERS)}


def data(limit=400_000):
    """Codes of characters and of the next ones, (n, 64): training x, y, then test x, y."""
    text = "\n".join(topics[name] for name in sorted(topics))
    codes = np.array([CODES[c] for c in text if c in CODES][: limit + 1])
    n = (len(codes) - 1) // STEPS
    x, y = (codes[i : i + n * STEPS].reshape(n, STEPS) for i in (0, 1))
    cut = n * 9 // 10
    return x[:cut], y[:cut], x[cut:], y[cut:]


def build():
    """The compiled network."""
    model = Sequential()
    model.add(Embedding(len(CHARACTERS), 32, input_shape=(STEPS,)))
    model.add(LSTM(128, return_sequences=True))
    model.add(Dense(len(CHARACTERS), activation="softmax"))
    model.compile(
        optimizer=Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def write(model, start, length, temperature, rng):
    """The text that follows `start`, `STEPS` codes; a low temperature prefers the likely."""
    codes = list(start)
    for _ in range(length):
        p = model.predict_on_batch(np.array([codes[-STEPS:]]))[0, -1].astype(float)
        p = p ** (1 / temperature)
        codes.append(rng.choice(len(p), p=p / p.sum()))
    return "".join(CHARACTERS[code] for code in codes[len(start) :])


def main(epochs=20, seed=0, verbose="auto", callbacks=None, save_plots=None, limit=400_000):
    """Train on the first `limit` characters, test, write; pictures go to `save_plots`."""
    x, y, x_test, y_test = data(limit)
    set_random_seed(seed)
    model = build()
    history = model.fit(x, y, BATCH_SIZE, epochs, verbose=verbose, callbacks=callbacks)
    loss, accuracy = model.evaluate(x_test, y_test, BATCH_SIZE, verbose=0)
    print(f"test: {loss / np.log(2):.3f} bits a character, {accuracy:.4f} guessed right")

    samples = {}
    for temperature in (0.5, 1.0):
        rng = np.random.default_rng(seed)
        samples[temperature] = write(model, x_test[0], 300, temperature, rng)
        print(f"\n--- temperature {temperature}:\n{samples[temperature]}")

    if save_plots:
        plots.curves(history, save=f"{save_plots}/char_lm-curves.png")
    return {"history": history, "test_loss": loss, "test_accuracy": accuracy, "samples": samples}


if __name__ == "__main__":
    main()
