"""deepbasics and Keras: one script for both, which is the point."""

from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.rows import EVALUATION_BATCH, Layer
from benchmarks.work import Missing, Work

LAYERS = {
    "dense": lambda units, activation: ("Dense", units, {"activation": activation}),
    "conv": lambda filters, size: ("Conv2D", filters, {"kernel_size": size, "activation": "relu"}),
    "pool": lambda size: ("MaxPooling2D", size, {}),
    "dropout": lambda rate: ("Dropout", rate, {}),
    "lstm": lambda units: ("LSTM", units, {}),
}
LOSSES = {"bce": "binary_crossentropy", "cce": "categorical_crossentropy", "mse": "mse"}
OPTIMIZERS = {"adam": "Adam", "rmsprop": "RMSprop", "adadelta": "Adadelta", "sgd": "SGD"}


class Model:
    """A compiled model."""

    def __init__(self, work: Work, library: Any) -> None:
        net, self._work, self._to_numpy = work.net, work, library.ops.convert_to_numpy
        layers = [_layer(library, layer) for layer in net.layers]
        self.model = library.Sequential([library.Input(net.inputs), *layers])
        name, settings = net.optimizer
        self.model.compile(
            optimizer=getattr(library.optimizers, OPTIMIZERS[name])(**settings),
            loss=LOSSES[net.loss],
            metrics=[] if net.loss == "mse" else ["accuracy"],
        )
        self.model.set_weights(work.weights)

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """`fit`, silently."""
        x, y, batch = self._work.x, self._work.y, self._work.net.batch
        found = self.model.fit(x, y, batch, epochs, verbose=0, shuffle=shuffle).history
        return found["loss"][-1], found.get("accuracy", [0.0])[-1]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """`predict`, silently."""
        return self.model.predict(x, verbose=0)

    def call(self, x: np.ndarray) -> np.ndarray:
        """The model as a function; a conversion waits for what is still being computed."""
        return self._to_numpy(self.model(x))

    def evaluate(self) -> Any:
        """`evaluate`, silently."""
        return self.model.evaluate(self._work.x, self._work.y, EVALUATION_BATCH, verbose=0)

    def weights(self) -> list[np.ndarray]:
        """All of them."""
        return self.model.get_weights()


def _layer(library: Any, layer: Layer) -> Any:
    kind, *settings = layer
    if kind == "flatten":
        return library.layers.Flatten()
    name, size, options = LAYERS[kind](*settings)
    try:
        made = getattr(library.layers, name)
    except AttributeError:
        raise Missing(f"{library.__name__} has no {name} yet") from None
    return made(size, **options)


def build(work: Work, library: str) -> Model:
    """The model of a library, whose backend the environment chooses."""
    return Model(work, import_module(library))
