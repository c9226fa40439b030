"""What no NumPy step can be faster than: its matrix products alone, or its bytes moved once."""

from collections.abc import Iterator

import numpy as np

from benchmarks.rows import Layer, Net
from benchmarks.work import Work, output_shape, shapes

SLOTS = {"sgd": 0, "rmsprop": 1, "adam": 2, "adadelta": 2}
STREAM = 1 << 28  # bytes to copy through: far larger than a cache


def products(
    layer: Layer, shape: tuple[int, ...], rows: int
) -> Iterator[tuple[int, int, int, int]]:
    """(how often, m, k, n) of the products of a layer's forward pass."""
    match layer:
        case ("dense", units, _):
            yield 1, rows, shape[0], units
        case ("conv", filters, size):
            yield (
                1,
                rows * (shape[0] - size + 1) * (shape[1] - size + 1),
                size**2 * shape[2],
                filters,
            )
        case ("lstm", units):
            yield 1, rows * shape[0], shape[1], 4 * units
            yield shape[0], rows, units, 4 * units


def traffic(net: Net) -> int:
    """Bytes of a step in which every array is read and written as often as it must be, once each:
    outputs (written, read; so their gradients), weights (read twice, updated), gradients, slots."""
    outputs = [net.batch * _size(layer, shape) for layer, shape in shapes(net)]
    weights = sum(_weights(layer, shape) for layer, shape in shapes(net))
    data = net.batch * int(np.prod(net.inputs))
    moved = data + 4 * sum(outputs) + (4 + 2 + 2 * SLOTS[net.optimizer[0]]) * weights
    return 4 * moved


def _size(layer: Layer, shape: tuple[int, ...]) -> int:
    if layer[0] in ("dropout", "flatten"):
        return 0
    times = shape[0] * 6 if layer[0] == "lstm" else 1  # four gates, cell and output of each step
    return times * int(np.prod(output_shape(layer, shape)))


def _weights(layer: Layer, shape: tuple[int, ...]) -> int:
    units = layer[-1 if layer[0] == "lstm" else 1] if len(layer) > 1 else 0
    if layer[0] == "lstm":
        return 4 * units * (shape[1] + units + 1)
    found = list(products(layer, shape, 1))
    return sum((k + 1) * n for _, _, k, n in found)


class Products:
    """The products of forward and backward passes, into buffers, with nothing between them."""

    def __init__(self, net: Net, dtype: np.dtype) -> None:
        self.steps, self.calls = net.steps, []
        for index, (layer, shape) in enumerate(shapes(net)):
            for times, m, k, n in products(layer, shape, net.batch):
                x, w, y = (np.ones(s, dtype) for s in ((m, k), (k, n), (m, n)))
                self.calls += [(x.dot, w, y)] * times
                self.calls.append((x.T.dot, y.copy(), w.copy()))
                if index or times > 1:  # nobody asks for the gradient by the data
                    self.calls += [(y.dot, w.T, x.copy())] * times

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """The products of so many epochs."""
        calls = self.calls
        for _ in range(epochs * self.steps):
            for dot, other, out in calls:
                dot(other, out)
        return 0.0, 0.0


class Traffic:
    """A copy of as many bytes as a step must move, from and to memory."""

    def __init__(self, net: Net) -> None:
        self.steps = net.steps
        self.half = traffic(net) // 2  # a copy reads one half and writes the other
        self.source, self.target = (np.ones(STREAM, np.uint8) for _ in range(2))
        self.at = 0

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """The copies of so many epochs."""
        for _ in range(epochs * self.steps):
            self.at = (self.at + self.half) % (STREAM - self.half)
            piece = slice(self.at, self.at + self.half)
            self.target[piece] = self.source[piece]
        return 0.0, 0.0


def build(work: Work, what: str) -> Products | Traffic:
    """One of the two floors."""
    return Products(work.net, work.x.dtype) if what == "products" else Traffic(work.net)
