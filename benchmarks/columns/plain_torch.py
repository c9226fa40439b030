"""The loop that a user of PyTorch would write, with no DataLoader and no `.item()` per step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.rows import EVALUATION_BATCH
from benchmarks.work import Work, shapes

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}  # sigmoid and softmax belong to the loss
OPTIMIZERS = {
    "adam": (torch.optim.Adam, "fused"),
    "sgd": (torch.optim.SGD, "fused"),
    "rmsprop": (lambda *a, **k: torch.optim.RMSprop(*a, alpha=0.9, **k), "foreach"),
    "adadelta": (lambda *a, **k: torch.optim.Adadelta(*a, rho=0.95, **k), "foreach"),
}
LOSSES = {
    "bce": (functional.binary_cross_entropy_with_logits, lambda z, y: (z > 0) == (y > 0)),
    "cce": (functional.cross_entropy, lambda z, y: z.argmax(1) == y),
    "mse": (functional.mse_loss, None),
}
OUTPUTS = {"bce": torch.sigmoid, "cce": lambda z: torch.softmax(z, 1), "mse": lambda z: z}


class LastOfLSTM(nn.LSTM):
    """The last output of an LSTM with one bias, as Keras has it."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units, batch_first=True)
        nn.init.zeros_(self.bias_hh_l0).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[0][:, -1]


class Loop:
    """A `Sequential` and its training loop."""

    def __init__(self, work: Work, fused: bool = False, compiled: bool = False) -> None:
        self.net, self.device = work.net, torch.device(work.device)
        dtype = torch.from_numpy(work.x).dtype
        modules, self._converters = _modules(work)
        self.model = nn.Sequential(*modules).to(self.device, dtype)
        self._load(work.weights)
        y = work.y.argmax(axis=1) if work.net.loss == "cce" else work.y
        self.x, self.y = _tensor(work.x).to(self.device), torch.from_numpy(y).to(self.device)
        self.loss, self.hits = LOSSES[self.net.loss]
        self.forward = torch.compile(self._forward) if compiled else self._forward
        self.optimizer = self._optimizer(fused)

    def _optimizer(self, fused: bool) -> torch.optim.Optimizer:
        name, settings = self.net.optimizer
        make, faster = OPTIMIZERS[name]
        options = {"eps": settings["epsilon"]} if "epsilon" in settings else {}
        if fused:
            options[faster] = True
        trained = [p for p in self.model.parameters() if p.requires_grad]
        return make(trained, lr=settings["learning_rate"], **options)

    def _forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.model(x)
        return self.loss(z, y), z

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """Index, forward, backward, step; loss and hits are summed on the device."""
        rows, batch, optimizer = self.net.rows, self.net.batch, self.optimizer
        make_order = torch.randperm if shuffle else torch.arange
        self.model.train()
        for _ in range(epochs):
            total, hits = torch.zeros(2, device=self.device, dtype=self.x.dtype)
            order = make_order(rows, device=self.device)
            for start in range(0, rows, batch):
                chosen = order[start : start + batch]
                x, y = self.x[chosen], self.y[chosen]
                optimizer.zero_grad()
                loss, z = self.forward(x, y)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(x)
                if self.hits:
                    hits += self.hits(z.detach(), y).sum()
        return float(total) / rows, float(hits) / rows  # which waits for the device

    @torch.no_grad()
    def predict(self, x: np.ndarray) -> np.ndarray:
        """The outputs, as probabilities."""
        self.model.eval()
        z = self.model(_tensor(x).to(self.device))
        return OUTPUTS[self.net.loss](z).cpu().numpy()

    call = predict

    @torch.no_grad()
    def evaluate(self) -> tuple[float, float]:
        """Loss and accuracy."""
        self.model.eval()
        total, hits = torch.zeros(2, device=self.device, dtype=self.x.dtype)
        for start in range(0, self.net.rows, EVALUATION_BATCH):
            rows = slice(start, start + EVALUATION_BATCH)
            loss, z = self.forward(self.x[rows], self.y[rows])
            total += loss * len(z)
            hits += self.hits(z, self.y[rows]).sum()
        return float(total) / self.net.rows, float(hits) / self.net.rows

    def _parameters(self) -> list[torch.Tensor]:
        found = [p for p in self.model.parameters() if p.requires_grad]
        return [p.detach() for p in found]

    @torch.no_grad()
    def _load(self, weights: list[np.ndarray]) -> None:
        pairs = zip(self._parameters(), weights, self._converters, strict=True)
        for parameter, weight, (to_torch, _) in pairs:
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(to_torch(weight))))

    def weights(self) -> list[np.ndarray]:
        """In the layout of Keras."""
        pairs = zip(self._parameters(), self._converters, strict=True)
        return [back(p.cpu().numpy()) for p, (_, back) in pairs]


Converter = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]
_SAME: Converter = (lambda w: w, lambda w: w)
_TURNED: Converter = (np.transpose, np.transpose)
_CONV: Converter = (lambda w: w.transpose(3, 2, 0, 1), lambda w: w.transpose(2, 3, 1, 0))


def _after_flatten(shape: tuple[int, ...]) -> Converter:
    """A kernel whose rows are pixels: channels last in Keras, first in PyTorch."""
    h, w, c = shape
    to = lambda k: k.reshape(h, w, c, -1).transpose(3, 2, 0, 1).reshape(k.shape[1], -1)  # noqa: E731
    back = lambda k: k.reshape(-1, c, h, w).transpose(2, 3, 1, 0).reshape(-1, len(k))  # noqa: E731
    return to, back


def _modules(work: Work) -> tuple[list[nn.Module], list[Converter]]:
    modules: list[nn.Module] = []
    converters: list[Converter] = []
    kernel = _TURNED
    for layer, shape in shapes(work.net):
        match layer:
            case ("dense", units, activation):
                modules.append(nn.Linear(shape[0], units))
                modules += [ACTIVATIONS[activation]()] if activation in ACTIVATIONS else []
                converters += [kernel, _SAME]
                kernel = _TURNED
            case ("conv", filters, size):
                modules += [nn.Conv2d(shape[2], filters, size), nn.ReLU()]
                converters += [_CONV, _SAME]
            case ("pool", size):
                modules.append(nn.MaxPool2d(size))
            case ("dropout", rate):
                modules.append(nn.Dropout(rate))
            case ("flatten",):
                modules.append(nn.Flatten())
                kernel = _after_flatten(shape)
            case ("lstm", units):
                modules.append(LastOfLSTM(shape[1], units))
                converters += [_TURNED, _TURNED, _SAME]
    return modules, converters


def _tensor(x: np.ndarray) -> torch.Tensor:
    """Rows, or images with the channels first."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, 3, 1)) if x.ndim == 4 else x)


def build(work: Work, **options: Any) -> Loop:
    """The loop; `fused` takes the faster optimizer, `compiled` compiles forward and loss."""
    return Loop(work, **options)
