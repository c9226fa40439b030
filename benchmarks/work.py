"""What a column is given, and what it gives back."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.rows import Layer, Net


class Missing(Exception):
    """This column has no such thing; the text says why, and stands in the table's footnotes."""


class Work(NamedTuple):
    """A network with its data and initial weights, in the layout of Keras."""

    net: Net
    x: np.ndarray
    y: np.ndarray  # (rows, outputs): flags, one-hot or numbers
    weights: list[np.ndarray]
    device: str = "cpu"


class Trainer(Protocol):
    """A network as one of the columns runs it. A method it lacks is an empty cell."""

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """Train, as a user would; (loss, accuracy) of the last epoch, accuracy 0 where unmeasured.

        Returns when the work is done, on a GPU too.
        """

    def predict(self, x: np.ndarray) -> np.ndarray:
        """`model.predict`: from array to array."""

    def call(self, x: np.ndarray) -> np.ndarray:
        """`model(x)`: the direct way to the outputs."""

    def evaluate(self) -> Any:
        """Loss and accuracy on all rows, in batches of EVALUATION_BATCH."""

    def weights(self) -> list[np.ndarray]:
        """The weights now, in the layout of Keras."""


Build = Callable[..., Trainer]  # (work, **options of the column)


def make(net: Net, dtype: str = "float32", seed: int = 0, device: str = "cpu") -> Work:
    """Data of the network's shape and Glorot weights; the same bits for every column."""
    rng = np.random.default_rng(seed)
    x, y = _xor(net.rows) if net.inputs == (2,) else _clouds(rng, net)
    weights = [w for layer, shape in shapes(net) for w in _initial(rng, layer, shape)]
    return Work(net, x.astype(dtype), y.astype(dtype), [w.astype(dtype) for w in weights], device)


def _xor(rows: int) -> tuple[np.ndarray, np.ndarray]:
    bits = np.arange(rows) % 4
    x = np.stack([bits // 2, bits % 2], axis=1)
    return x, (x[:, :1] != x[:, 1:])


def _clouds(rng: np.random.Generator, net: Net) -> tuple[np.ndarray, np.ndarray]:
    """Normal rows; the label is a noisy projection's."""
    x = rng.standard_normal((net.rows, *net.inputs), dtype="float32")
    flat = x.reshape(net.rows, -1)
    score = flat @ rng.standard_normal((flat.shape[1], net.outputs), dtype="float32")
    score += rng.standard_normal(score.shape, dtype="float32") * np.sqrt(flat.shape[1])
    return x, (score > 0 if net.loss == "bce" else np.eye(net.outputs)[score.argmax(axis=1)])


def shapes(net: Net) -> list[tuple[Layer, tuple[int, ...]]]:
    """Each layer with the shape of its input, without the batch."""
    found, shape = [], net.inputs
    for layer in net.layers:
        found.append((layer, shape))
        shape = output_shape(layer, shape)
    return found


def output_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a layer makes of a shape."""
    match layer:
        case ("conv", filters, size):
            return (shape[0] - size + 1, shape[1] - size + 1, filters)
        case ("pool", size):
            return (shape[0] // size, shape[1] // size, shape[2])
        case ("flatten",):
            return (int(np.prod(shape)),)
        case ("dropout", _):
            return shape
        case _:
            return (layer[1],)


def _initial(rng: np.random.Generator, layer: Layer, shape: tuple[int, ...]) -> list[np.ndarray]:
    match layer:
        case ("dense", units, _):
            return [_glorot(rng, (shape[0], units)), np.zeros(units)]
        case ("conv", filters, size):
            return [_glorot(rng, (size, size, shape[2], filters)), np.zeros(filters)]
        case ("lstm", units):
            bias = np.zeros(4 * units)
            bias[units : 2 * units] = 1  # the forget gate's, as in Keras
            kernels = [_glorot(rng, (n, 4 * units)) for n in (shape[1], units)]
            return [*kernels, bias]
        case _:
            return []


def _glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    area = int(np.prod(shape[:-2], dtype=int))
    limit = np.sqrt(6 / (area * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape)
