"""The table of cases, part four: layers, optimizers, and networks in the form of the recipes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepbasics import layers, ops, optimizers, tree
from deepbasics.layers import Dense, Dropout
from deepbasics.models import Sequential
from deepbasics.optimizers import schedules


@dataclass(frozen=True)
class LayerCase:
    """A layer of this class with these settings, and the shape of an input.

    `terms`: the size of terms that cancel in a gradient, where that is larger than the gradient.
    """

    name: str
    shape: tuple[int, ...]
    arguments: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    terms: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name

    def make(self) -> Any:
        """The layer."""
        return getattr(layers, self.name)(*self.arguments, **self.settings)

    def draw(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The inputs; floats are float64."""
        return [rng.uniform(-2, 2, self.shape)]

    def apply(self, layer: Any, inputs: list[Any]) -> Any:
        """What the layer makes of them."""
        return layer(inputs[0])


def _layer(name: str, shape: tuple[int, ...], *arguments: Any, label: str = "", **settings: Any):
    return LayerCase(name, shape, arguments, settings, label)


ACTIVATIONS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh "
    "leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink "
    "softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh "
    "tanh_shrink"
)
LAYERS = [
    _layer("Dense", (5, 4), 3),
    _layer("Dense", (5, 4), 3, "tanh", label="tanh"),
    _layer("Dense", (5, 4), 3, "softmax", use_bias=False, label="softmax-no-bias"),
    _layer("Dense", (2, 3, 4), 5, "gelu", label="sequence"),
    _layer("Dense", (5, 4), 3, bias_initializer="ones", kernel_initializer="he_normal",
           label="initializers"),
    _layer("EinsumDense", (5, 3, 4), "abc,cd->abd", (None, 3), "tanh", "d"),
    _layer("EinsumDense", (5, 3, 4), "...a,abc->...bc", (2, 3), bias_axes="c", label="before"),
    _layer("EinsumDense", (5, 3, 4, 2), "ab...,bc->ac...", 3, bias_axes="c", label="behind"),
    _layer("EinsumDense", (5, 3, 4), "abc,bcd->abd", (None, 3), label="shared"),
    *(_layer("Activation", (4, 6), name, label=name) for name in ACTIVATIONS.split()),
    _layer("Dropout", (6, 7), 0.4, seed=3),
    _layer("Dropout", (4, 3, 5), 0.25, noise_shape=(None, 1, None), seed=4, label="noise-shape"),
    _layer("Dropout", (4, 3), 0.0, label="off"),
    _layer("Flatten", (2, 3, 4)),
    _layer("Flatten", (2, 3, 4, 2), label="channels-first", data_format="channels_first"),
    _layer("Reshape", (2, 3, 4), (4, 3)),
    _layer("Reshape", (2, 12), (-1, 3), label="rest"),
    _layer("Identity", (2, 3)),
    _layer("Lambda", (2, 3), lambda x: ops.tanh(x) * 2.0),
    _layer("InputLayer", (2, 3), (3,)),
]  # fmt: skip


@dataclass(frozen=True)
class OptimizerCase:
    """An optimizer of this class with these settings."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    label: str = ""

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name

    def make(self) -> Any:
        """The optimizer; one within it is given by name, so that each has its own."""
        inner = {k: optimizers.get(v) for k, v in self.settings.items() if k == "inner_optimizer"}
        return getattr(optimizers, self.name)(**self.settings | inner)


def _optimizer(name: str, label: str = "", **settings: Any) -> OptimizerCase:
    return OptimizerCase(name, settings, label)


RULES = "SGD RMSprop Adagrad Adadelta Adam AdamW Adamax Nadam Lion Ftrl Lamb Adafactor"
OPTIMIZERS = [
    *(_optimizer(name) for name in RULES.split()),
    _optimizer("SGD", "momentum", momentum=0.9),
    _optimizer("SGD", "nesterov", momentum=0.9, nesterov=True),
    _optimizer("RMSprop", "centered", momentum=0.5, centered=True),
    _optimizer("Adam", "amsgrad", amsgrad=True),
    _optimizer("Adam", "schedule", learning_rate=schedules.ExponentialDecay(0.01, 3, 0.9)),
    _optimizer("Adam", "decay", weight_decay=0.01),
    _optimizer("SGD", "clipnorm", clipnorm=0.1),
    _optimizer("SGD", "clipvalue", clipvalue=0.01),
    _optimizer("SGD", "global-clipnorm", global_clipnorm=0.1),
    _optimizer("Adam", "average", use_ema=True, ema_momentum=0.9),
    _optimizer("Adam", "accumulated", gradient_accumulation_steps=2),
    _optimizer("LossScaleOptimizer", inner_optimizer="adam"),
]


@dataclass(frozen=True)
class NetCase:
    """A compiled network, the nests of arrays it learns from, and the size of its batches."""

    name: str
    make: Callable[[], Any]
    data: Callable[[np.random.Generator], tuple[Any, Any]]
    batch_size: int

    def __str__(self) -> str:
        return self.name


def take(data: Any, rows: Any) -> Any:
    """Some rows of each array in a nest."""
    return tree.map(lambda array: array[rows], data)


def _compiled(model: Any, optimizer: Any, loss: str) -> Any:
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def _stack(*stack: Any) -> Sequential:
    return Sequential(list(stack))


def small(optimizer: Any) -> Any:
    """Two dense layers with dropout between them, for single steps."""
    stack = _stack(Dense(6, "tanh", input_shape=(5,)), Dropout(0.3, seed=5), Dense(3, "softmax"))
    return _compiled(stack, optimizer, "categorical_crossentropy")


def _rows(features: int, classes: int, scale: float = 1.0) -> Callable[[Any], Any]:
    """Rows of normal features; the class depends on a projection. One class: a flag."""

    def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(size=(1000, features))
        score = x @ rng.normal(size=(features, max(classes, 2))) + rng.normal(size=(1000, 1))
        ids = score.argmax(axis=1)
        return scale * x, ids if classes == 1 else np.eye(classes)[ids]

    return data


def _xor(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    return x, np.array([[0.0], [1], [1], [0]])


def _pima() -> Any:
    uniform = {"kernel_initializer": "uniform"}
    stack = _stack(
        Dense(16, "relu", input_shape=(8,), **uniform),
        Dense(8, "relu", **uniform),
        Dense(1, "sigmoid", **uniform),
    )
    return _compiled(stack, "adam", "binary_crossentropy")


def _churn() -> Any:
    stack = _stack(Dense(6, "relu", input_shape=(11,)), Dense(6, "relu"), Dense(1, "sigmoid"))
    return _compiled(stack, "adam", "binary_crossentropy")


def _xor_net() -> Any:
    stack = _stack(Dense(2, "tanh", input_shape=(2,)), Dense(1, "tanh"))
    return _compiled(stack, optimizers.SGD(0.1), "mse")


def _gender() -> Any:
    stack = _stack(
        Dense(4, kernel_initializer="random_normal", input_shape=(3,)),
        layers.Activation("relu"),
        Dense(2),
        layers.Activation("softmax"),
    )
    return _compiled(stack, "rmsprop", "categorical_crossentropy")


def _mnist() -> Any:
    """A quarter of the recipe's width: fewer relus that come near their kink (see `check_run`)."""
    stack = _stack(Dense(128, "relu", input_shape=(784,)), Dense(10, "softmax"))
    return _compiled(stack, "rmsprop", "categorical_crossentropy")


def _pixels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """As the digits: most pixels 0, the others those of the class, of varying grey."""
    ids = rng.integers(0, 10, 1000)
    shapes = rng.random((10, 784)) < 0.2
    ink = np.where(shapes[ids], rng.uniform(0.2, 1, (1000, 784)), 0.0)
    return ink * (rng.random(ink.shape) < 0.7), np.eye(10)[ids]


NETS = [
    NetCase("pima", _pima, _rows(8, 1, scale=10.0), 10),
    NetCase("churn", _churn, _rows(11, 1), 10),
    NetCase("xor", _xor_net, _xor, 1),
    NetCase("gender", _gender, _rows(3, 2), 8),
    NetCase("mnist", _mnist, _pixels, 128),
]
