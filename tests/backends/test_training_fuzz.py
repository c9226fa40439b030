"""Models, their training and what meddles with it, drawn at random: replayed, bit for bit."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, optimizers, random, tree
from deepbasics.backends import registry
from deepbasics.optimizers import schedules
from deepbasics.testing import cases

from .test_replay import assert_same_bits

ROWS = 23  # so that the last batch is smaller
SHAPES = {"rows": (6,), "sequence": (5, 4), "image": (6, 6, 2), "tokens": (5,)}
POLICIES = ["float32"] * 7 + ["float64", "mixed_float16", "mixed_bfloat16"]

# What a layer is made of: its name, its arguments, its settings; a list of settings is drawn from.
Drawn = tuple[str, tuple[Any, ...], dict[str, list[Any]]]


def _layer(name: str, *arguments: Any, **settings: list[Any]) -> Drawn:
    return name, arguments, settings


_ACTIVATIONS = ["relu", "tanh", "sigmoid", "gelu", "linear", "elu"]
_RATES = {"rate": [0.0, 0.3]}
_SETTINGS = {
    "activation": _ACTIVATIONS,
    "use_bias": [True, True, False],
    "kernel_regularizer": [None, None, "l2"],
    "kernel_constraint": [None, None, "max_norm"],
}
_RECURRENT: dict[str, list[Any]] = {
    "return_sequences": [True],
    "go_backwards": [False, True],
    "dropout": [0.0, 0.0, 0.2],
    "recurrent_dropout": [0.0, 0.0, 0.2],
    "use_bias": [True, False],
    "activation": ["tanh", "tanh", "relu"],
}
_ANY = [
    _layer("BatchNormalization", momentum=[0.5, 0.99]),
    _layer("LayerNormalization"),
    _layer("RMSNormalization"),
    _layer("Dropout", **_RATES),
    _layer("GaussianNoise", 0.1),
    _layer("GaussianDropout", **_RATES),
    _layer("Activation", activation=_ACTIVATIONS),
    _layer("PReLU"),
    _layer("ActivityRegularization", l2=[0.01]),
]
# Each gives the shape that it gets, so that they can follow each other, and be added.
LAYERS: dict[str, list[Drawn]] = {
    "rows": [*_ANY, *[_layer("Dense", 6, **_SETTINGS)] * 6],
    "sequence": [
        *_ANY,
        _layer("LSTM", 4, **_RECURRENT),
        _layer("GRU", 4, **_RECURRENT, reset_after=[True, False]),
        _layer("SimpleRNN", 4, **_RECURRENT),
        _layer("Conv1D", 4, 3, padding=["same", "causal"], **_SETTINGS),
        _layer("Dense", 4, **_SETTINGS),
        _layer("SpatialDropout1D", **_RATES),
        _layer("MaxPooling1D", 2, strides=[1], padding=["same"]),
    ],
    "image": [
        *_ANY,
        *[_layer("Conv2D", 2, padding=["same"], kernel_size=[1, 2, 3], **_SETTINGS)] * 2,
        _layer("Conv2DTranspose", 2, 3, padding=["same"]),
        _layer("DepthwiseConv2D", 3, padding=["same"]),
        _layer("SeparableConv2D", 2, 3, padding=["same"]),
        _layer("MaxPooling2D", 2, strides=[1], padding=["same"]),
        _layer("AveragePooling2D", 2, strides=[1], padding=["same"]),
        _layer("SpatialDropout2D", **_RATES),
        _layer("RandomFlip", "horizontal"),
    ],
}
TO_ROWS: dict[str, list[Drawn]] = {
    "rows": [_layer("Identity")],
    "sequence": [
        _layer("Flatten"),
        _layer("GlobalAveragePooling1D"),
        _layer("GlobalMaxPooling1D"),
        *(_layer(name, 6, dropout=[0.0, 0.2]) for name in ("LSTM", "GRU", "SimpleRNN")),
    ],
    "image": [_layer("Flatten"), _layer("GlobalAveragePooling2D"), _layer("GlobalMaxPooling2D")],
}
OPTIMIZERS: list[Callable[[], Any]] = [
    *(case.make for case in cases.OPTIMIZERS),
    lambda: optimizers.SGD(0.1, momentum=0.5, use_ema=True, ema_overwrite_frequency=3),
    lambda: optimizers.Adam(clipnorm=0.5, gradient_accumulation_steps=3, use_ema=True),
    lambda: optimizers.AdamW(schedules.CosineDecay(0.1, 20), weight_decay=0.1, clipvalue=0.1),
    lambda: optimizers.LossScaleOptimizer(optimizers.RMSprop(momentum=0.5), 8.0, 2),
]
# A last layer, what its labels are, its losses and its metrics.
HEADS: list[tuple[Drawn, str, list[str], list[Any]]] = [
    (_layer("Dense", 1, "sigmoid"), "flag", ["binary_crossentropy", "hinge"],
     ["accuracy", "auc", "mae", "Precision"]),
    (_layer("Dense", 3, "softmax"), "one-hot", ["categorical_crossentropy", "kl_divergence"],
     ["accuracy", "F1Score", "categorical_crossentropy"]),
    (_layer("Dense", 3, "softmax"), "class", ["sparse_categorical_crossentropy"],
     ["accuracy", "sparse_top_k_categorical_accuracy"]),
    (_layer("Dense", 2), "numbers", ["mse", "mae", "huber", "log_cosh"],
     ["mae", "mse", "R2Score", "cosine_similarity"]),
]  # fmt: skip


def pick(rng: np.random.Generator, options: Any) -> Any:
    """One of some, whatever they are."""
    return options[int(rng.integers(len(options)))]


def made(rng: np.random.Generator, drawn: Drawn, policy: str, **named: str) -> Any:
    """A layer with settings drawn."""
    name, arguments, settings = drawn
    chosen = {key: pick(rng, options) for key, options in settings.items()}
    return getattr(layers, name)(*arguments, dtype=policy, **chosen, **named)


def branch(rng: np.random.Generator, kind: str, x: Any, policy: str) -> Any:
    """Rows made of an input by a stack of layers, some of which are skipped over."""
    if kind == "tokens":
        x = layers.Embedding(7, 4, mask_zero=bool(rng.random() < 0.5), dtype=policy)(x)
        kind = "sequence"
    seen = [x]
    for _ in range(int(rng.integers(1, 4))):
        if kind == "sequence" and rng.random() < 0.2:
            x = layers.MultiHeadAttention(2, 3, dropout=pick(rng, [0.0, 0.2]), dtype=policy)(
                x, pick(rng, seen), use_causal_mask=bool(rng.random() < 0.3)
            )
        elif kind == "sequence" and rng.random() < 0.15:
            x = layers.Bidirectional(made(rng, LAYERS[kind][9], policy), pick(rng, ["sum", "ave"]))(
                x
            )
        else:
            layer = made(rng, pick(rng, LAYERS[kind]), policy)
            x = layer(layer(x)) if rng.random() < 0.2 else layer(x)
        if rng.random() < 0.3:
            x = getattr(layers, pick(rng, ["Add", "Multiply", "Maximum"]))(dtype=policy)(
                [x, pick(rng, seen)]
            )
        seen.append(x)
    x = made(rng, pick(rng, TO_ROWS[kind]), policy)(x)
    return layers.Dense(6, "tanh", dtype=policy)(x)


def labels(rng: np.random.Generator, kind: str) -> np.ndarray:
    """What an output is to learn."""
    return {
        "flag": lambda: rng.integers(0, 2, (ROWS, 1)),
        "one-hot": lambda: np.eye(3)[rng.integers(0, 3, ROWS)],
        "class": lambda: rng.integers(0, 3, ROWS),
        "numbers": lambda: rng.normal(size=(ROWS, 2)),
    }[kind]()


def data(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Rows of an input."""
    if kind == "tokens":
        return rng.integers(0, 7, (ROWS, *SHAPES[kind]))
    return rng.normal(size=(ROWS, *SHAPES[kind]))


class Case:
    """A model with its data; the same each time that it is made of a seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        random.set_random_seed(seed)
        policy = pick(rng, POLICIES)
        if policy == "mixed_bfloat16" and registry.active().name == "numpy":
            policy = "mixed_float16"  # NumPy has no bfloat16
        kinds = [pick(rng, list(SHAPES)) for _ in range(pick(rng, [1, 1, 2]))]
        given = [
            layers.Input(SHAPES[k], dtype="int32" if k == "tokens" else "float32") for k in kinds
        ]
        x = [branch(rng, k, i, policy) for k, i in zip(kinds, given, strict=True)]
        whole = layers.Concatenate(dtype=policy)(x) if len(x) > 1 else x[0]
        self.heads = [pick(rng, HEADS) for _ in range(pick(rng, [1, 1, 2]))]
        outputs = [
            made(rng, head, policy, name=f"head{n}")(whole)
            for n, (head, *_) in enumerate(self.heads)
        ]
        self.model = db.Model(given, outputs)
        self.x = [data(rng, kind) for kind in kinds]
        y = [labels(rng, kind) for _, kind, *_ in self.heads]
        self.y = y if len(y) > 1 else y[0]
        self.compile(rng)
        self.saved = self.model.get_weights()

    def compile(self, rng: np.random.Generator) -> None:
        """Any optimizer, any losses and metrics that go with the heads."""
        self.model.compile(
            pick(rng, OPTIMIZERS)(),
            [pick(rng, losses) for _, _, losses, _ in self.heads],
            loss_weights=[1.0, 0.3][: len(self.heads)] if rng.random() < 0.4 else None,
            metrics=self._metrics(rng),
            weighted_metrics=self._metrics(rng),
            steps_per_execution=pick(rng, [1, 3]),
        )
        self.model.run_eagerly = self.eager

    eager = False

    def _metrics(self, rng: np.random.Generator) -> Any:
        if rng.random() < 0.4:
            return None
        return [[pick(rng, metrics)] for *_, metrics in self.heads]

    def rows(self, count: int) -> tuple[Any, Any]:
        """The first rows."""
        return tree.map(lambda array: array[:count], (self.x, self.y))

    def weights_of(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        """Weights of the rows, of the classes, or none."""
        if len(self.heads) > 1 or rng.random() < 0.5:
            return {}
        if self.heads[0][1] != "numbers" and rng.random() < 0.5:
            return {"class_weight": {0: 0.5, 1: 2.0}}
        return {"sample_weight": rng.uniform(0, 2, count)}


# What may happen between two batches: functions of a case.
def _set(case: Case, rng: np.random.Generator) -> None:
    case.model.set_weights([w * 0.5 for w in case.model.get_weights()])


def _restore(case: Case, rng: np.random.Generator) -> None:
    case.model.set_weights(case.saved)


def _keep(case: Case, rng: np.random.Generator) -> None:
    case.saved = case.model.get_weights()


def _rate(case: Case, rng: np.random.Generator) -> None:
    optimizer = getattr(case.model.optimizer, "inner_optimizer", case.model.optimizer)
    if not callable(optimizer._learning_rate):
        optimizer.learning_rate = float(rng.uniform(0, 0.1))


def _assign(case: Case, rng: np.random.Generator) -> None:
    weight = pick(rng, case.model.weights)
    weight.assign(weight.numpy() * 0.9)


def _slot(case: Case, rng: np.random.Generator) -> None:
    weight = pick(rng, case.model.optimizer.variables)
    weight.assign(weight.numpy())


def _move(case: Case, rng: np.random.Generator) -> None:
    here = registry.active().name
    for name in (*(n for n in registry.available() if n != here), here):
        case.model.to(name)


def _freeze(case: Case, rng: np.random.Generator) -> None:
    layer = pick(rng, [layer for layer in case.model.layers[:-1] if layer.weights] or [None])
    if layer is not None:
        layer.trainable = not layer.trainable


def _reset(case: Case, rng: np.random.Generator) -> None:
    case.model.reset_metrics()


def _predict(case: Case, rng: np.random.Generator) -> Any:
    return case.model.predict(case.x, batch_size=pick(rng, [1, 4, 64]), verbose=0)


def _call(case: Case, rng: np.random.Generator) -> Any:
    outputs = case.model([registry.active().tensor(a[:3].astype("float32")) for a in case.x])
    return [registry.active().numpy(y) for y in tree.flatten(outputs)]


MEDDLING = [_set, _restore, _keep, _rate, _assign, _slot, _move, _freeze, _reset, _predict, _call]


# What may happen otherwise.
def _fit(case: Case, rng: np.random.Generator) -> Any:
    def meddle(count: int, logs: Any) -> None:
        if rng.random() < 0.3:
            pick(rng, MEDDLING)(case, rng)

    when = pick(rng, ["on_train_batch_begin", "on_train_batch_end", "on_epoch_end", ""])
    watch = [db.callbacks.LambdaCallback(**{when: meddle})] if when else None
    size = pick(rng, [5, 8, ROWS])
    return case.model.fit(
        case.x, case.y, batch_size=size, epochs=pick(rng, [1, 3]), verbose=0, callbacks=watch,
        shuffle=bool(rng.random() < 0.7), **case.weights_of(rng, ROWS),
        validation_data=case.rows(7) if rng.random() < 0.4 else None,
    ).history  # fmt: skip


def _train_on_batch(case: Case, rng: np.random.Generator) -> Any:
    count = pick(rng, [2, 4])
    weights = case.weights_of(rng, count)
    return [case.model.train_on_batch(*case.rows(count), **weights) for _ in range(3)]


def _evaluate(case: Case, rng: np.random.Generator) -> Any:
    weights = case.weights_of(rng, ROWS)
    weights.pop("class_weight", None)
    return case.model.evaluate(case.x, case.y, batch_size=pick(rng, [4, 64]), verbose=0, **weights)


def _compile(case: Case, rng: np.random.Generator) -> None:
    case.compile(rng)


EVENTS: list[Callable[..., Any]] = [
    *[_fit] * 6, *[_train_on_batch] * 3, _evaluate, _predict, _compile, *MEDDLING,
]  # fmt: skip


def story(seed: int, eager: bool) -> list[tuple[str, Any, list[np.ndarray]]]:
    """What happens to the model of a seed: each event, what it gave, and the state after it."""
    case = type("Run", (Case,), {"eager": eager})(seed)
    rng = np.random.default_rng([seed, 1])
    found = []
    for event in [_fit, *(pick(rng, EVENTS) for _ in range(5)), _predict]:
        result = event(case, rng)
        model = case.model
        metrics = [v for m in model.metrics for v in m.variables]
        state = [*model.weights, *model.optimizer.variables, *metrics]
        found.append((event.__name__, repr(result), [one_nan(v.numpy()) for v in state]))
    return found


def one_nan(array: np.ndarray) -> np.ndarray:
    """With NaNs that all have the same bits: which ones they have is up to the processor."""
    if array.dtype.kind != "f":
        return array
    return np.where(np.isnan(array), array.dtype.type(np.nan), array)


def assert_a_random_story_replays(seed: int) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")  # each step is recorded
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", ".*cannot use the mask")
        replayed, eager = (story(seed, eager) for eager in (False, True))
    for (event, got, state), (_, want, wanted) in zip(replayed, eager, strict=True):
        assert got == want, event
        assert_same_bits(state, wanted)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_training_replays(seed, backend):
    assert_a_random_story_replays(seed)
