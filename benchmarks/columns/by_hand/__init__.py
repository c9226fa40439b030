"""The step that someone would write by hand in NumPy, with care: the limit.

Buffers are made once for each batch size; weights, gradients and optimizer slots are flat arrays
whose views the layers use; a step is a fixed list of NumPy calls that write into those buffers.
What is not done: tricks that change the sums (folding the biases into the kernels), threads of our
own (the BLAS has its own), and metrics only at the end of an epoch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.columns.by_hand import conv, dense, losses, lstm, optimizers
from benchmarks.columns.by_hand.part import Part
from benchmarks.rows import EVALUATION_BATCH, Net
from benchmarks.work import Work, shapes

MAKERS: dict[str, Callable[..., Part]] = {
    "dense": dense.dense,
    "dropout": dense.dropout,
    "flatten": dense.flatten,
    "conv": conv.conv,
    "pool": conv.pool,
    "lstm": lstm.lstm,
}


class Flat:
    """Weights and gradients, each one flat array, with a view for each weight."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights = np.concatenate([w.ravel() for w in weights])
        self.gradients = np.zeros_like(self.weights)
        shapes = [w.shape for w in weights]
        self.views = list(zip(_views(self.weights, shapes), _views(self.gradients, shapes)))  # noqa: B905


def _views(flat: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(s) for part, s in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


class Program:
    """The buffers and calls of one batch size."""

    def __init__(self, net: Net, flat: Flat, rows: int, training: bool) -> None:
        dtype = flat.weights.dtype
        self.x = np.zeros((rows, *net.inputs), dtype)
        self.y = np.zeros((rows, net.outputs), dtype)
        part = Part(self.x, None, None, None)
        views, self.parts = iter(flat.views), []
        for (kind, *settings), _ in shapes(net):
            own = [next(views) for _ in range({"dense": 2, "conv": 2, "lstm": 3}.get(kind, 0))]
            part = MAKERS[kind](part, *settings, weights=own, training=training)
            self.parts.append(part)
        self.score = losses.LOSSES[net.loss](part.y, part.dy, self.y)
        self.forwards = [p.forward for p in self.parts if p.forward]
        self.backwards = [p.backward for p in reversed(self.parts) if p.backward]
        self.z = part.y

    def forward(self) -> None:
        """From `x` to `z`."""
        for call in self.forwards:
            call()

    def backward(self) -> None:
        """From `z` and `y` to the gradients."""
        self.score.gradient()
        for call in self.backwards:
            call()


class Trainer:
    """The loop around the programs."""

    def __init__(self, work: Work) -> None:
        net = self.net = work.net
        self.x, self.y = work.x, losses.prepare(net.loss, work.y)
        self.rng = np.random.default_rng(0)
        recurrent = [layer[1] for layer in net.layers if layer[0] == "lstm"]
        self._order = lstm.gate_order(recurrent[0]) if recurrent else None
        self.flat = Flat(self._reordered(work.weights))
        self.update = optimizers.make(net.optimizer, self.flat.weights, self.flat.gradients)
        self.programs: dict[Any, Program] = {}

    def _program(self, rows: int, training: bool) -> Program:
        key = (rows, training)
        if key not in self.programs:
            self.programs[key] = Program(self.net, self.flat, rows, training)
        return self.programs[key]

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """Gather, forward, loss, backward, update."""
        rows, batch, update = self.net.rows, self.net.batch, self.update
        whole = self._program(batch, True)
        for _ in range(epochs):
            order = self.rng.permutation(rows) if shuffle else np.arange(rows)
            total, hits = 0.0, 0
            for start in range(0, rows, batch):
                chosen = order[start : start + batch]
                n = len(chosen)
                program = whole if n == batch else self._program(n, True)
                self.x.take(chosen, 0, program.x, "clip")  # "clip" writes to `out` directly
                self.y.take(chosen, 0, program.y, "clip")
                program.forward()
                loss, right = program.score.measure()
                total += loss
                hits += right
                program.backward()
                update()
        return float(total) / rows, float(hits) / rows

    def evaluate(self) -> tuple[float, float]:
        """Forward and loss."""
        rows, total, hits = self.net.rows, 0.0, 0
        for start in range(0, rows, EVALUATION_BATCH):
            x, y = (a[start : start + EVALUATION_BATCH] for a in (self.x, self.y))
            program = self._program(len(x), False)
            program.x[:] = x
            program.y[:] = y
            program.forward()
            loss, right = program.score.measure()
            total += loss
            hits += right
        return float(total) / rows, float(hits) / rows

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Forward and the output's activation."""
        program = self._program(len(x), False)
        program.x[:] = x
        program.forward()
        return losses.OUTPUTS[self.net.loss](program.z)

    call = predict

    def weights(self) -> list[np.ndarray]:
        """In the layout of Keras."""
        return self._reordered([w.copy() for w, _ in self.flat.views], back=True)

    def _reordered(self, weights: list[np.ndarray], back: bool = False) -> list[np.ndarray]:
        """The gates of an LSTM (its three weights come first) as lstm.py has them, or back."""
        if self._order is None:
            return weights
        order = np.argsort(self._order) if back else self._order
        return [*(w[..., order] for w in weights[:3]), *weights[3:]]


def build(work: Work) -> Trainer:
    """The trainer of a network."""
    return Trainer(work)
