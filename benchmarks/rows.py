"""The rows of the benchmark: networks as plain values, and what is measured of them."""

from typing import Any, NamedTuple

Layer = tuple[Any, ...]


class Net(NamedTuple):
    """A network and how it is trained.

    A layer is ("dense", units, activation), ("conv", filters, size), ("pool", size),
    ("dropout", rate), ("flatten",) or ("lstm", units). A convolution is "valid" with a relu. The
    loss is "bce" after a sigmoid, "cce" after a softmax, or "mse".
    """

    title: str
    inputs: tuple[int, ...]
    layers: tuple[Layer, ...]
    loss: str
    optimizer: tuple[str, dict[str, float]]
    batch: int
    rows: int

    @property
    def steps(self) -> int:
        """Training steps in an epoch; the last batch may be smaller."""
        return -(-self.rows // self.batch)

    @property
    def outputs(self) -> int:
        """The width of the last layer."""
        return self.layers[-1][1]


class Measure(NamedTuple):
    """A row of the table: what is timed of which network."""

    net: str
    task: str
    unit: str
    what: str


ADAM = ("adam", {"learning_rate": 1e-3, "epsilon": 1e-7})
RMSPROP = ("rmsprop", {"learning_rate": 1e-3, "epsilon": 1e-7})
ADADELTA = ("adadelta", {"learning_rate": 1e-3, "epsilon": 1e-7})
SGD = ("sgd", {"learning_rate": 0.1})

_XOR = Net(
    "2-2-1 tanh, batch 1, SGD",
    (2,), (("dense", 2, "tanh"), ("dense", 1, "tanh")), "mse", SGD, 1, 1000,
)  # fmt: skip

NETS = {
    "xor": _XOR,
    "xor-recipe": _XOR._replace(title="the same, 4 rows an epoch", rows=4),
    "pima": Net(
        "8-16-8-1 relu, batch 10, Adam",
        (8,), (("dense", 16, "relu"), ("dense", 8, "relu"), ("dense", 1, "sigmoid")),
        "bce", ADAM, 10, 768,
    ),
    "churn": Net(
        "11-6-6-1 relu, batch 10, Adam",
        (11,), (("dense", 6, "relu"), ("dense", 6, "relu"), ("dense", 1, "sigmoid")),
        "bce", ADAM, 10, 8000,
    ),
    "gender": Net(
        "3-4-2 relu, batch 8, RMSprop",
        (3,), (("dense", 4, "relu"), ("dense", 2, "softmax")), "cce", RMSPROP, 8, 1000,
    ),
    "mnist": Net(
        "784-512-10 relu, batch 128, RMSprop",
        (784,), (("dense", 512, "relu"), ("dense", 10, "softmax")), "cce", RMSPROP, 128, 12_000,
    ),
    "cnn": Net(
        "28x28, conv 32, conv 64, pool, dense 128, 10; batch 128, Adadelta",
        (28, 28, 1),
        (
            ("conv", 32, 3), ("conv", 64, 3), ("pool", 2), ("dropout", 0.25), ("flatten",),
            ("dense", 128, "relu"), ("dropout", 0.5), ("dense", 10, "softmax"),
        ),
        "cce", ADADELTA, 128, 512,
    ),
    "lstm": Net(
        "50 steps of 32, LSTM 64, dense 1, batch 32, Adam",
        (50, 32), (("lstm", 64), ("dense", 1, "sigmoid")), "bce", ADAM, 32, 1024,
    ),
}  # fmt: skip

STEP = "µs per training step"
ROWS = {name: Measure(name, "train", STEP, net.title) for name, net in NETS.items()} | {
    "predict-one-row": Measure("pima", "predict", "µs per call", "model.predict(x[:1])"),
    "call-one-row": Measure("pima", "call", "µs per call", "model(x[:1])"),
    "evaluate": Measure("pima", "evaluate", "µs per batch", "model.evaluate, batches of 32"),
    "memory": Measure("pima", "memory", "MB", "peak of a process that trains the pima net"),
    "import": Measure("", "import", "ms", "until a model can be built"),
}
EVALUATION_BATCH = 32
