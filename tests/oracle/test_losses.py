"""Losses against Keras: values and gradients, of every reduction, with and without weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest

from deepbasics import losses, ops

torch = pytest.importorskip("torch", reason="Keras is compared on its torch backend")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

# Relative and absolute: rounding of a few operations on numbers near 1, in each dtype.
TOLERANCE = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-11, "atol": 1e-12}}

ROWS, WIDTH = 7, 3


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def _number() -> np.ndarray:
    return _rng().normal(size=(ROWS, WIDTH))


def _one_hot() -> np.ndarray:
    return np.eye(WIDTH)[_ids()]


def _ids() -> np.ndarray:
    return _rng().integers(0, WIDTH, ROWS)


def _probability() -> np.ndarray:
    return _rng().uniform(0.02, 0.98, size=(ROWS, WIDTH))


def _distribution() -> np.ndarray:
    p = _rng().uniform(0.05, 1.0, size=(ROWS, WIDTH))
    return p / p.sum(axis=1, keepdims=True)


def _binary() -> np.ndarray:
    return _rng().integers(0, 2, (ROWS, WIDTH)).astype("float64")


MAKE = {
    "number": _number,
    "other number": lambda: 1.5 * _number()[::-1] + 0.3,
    "positive": lambda: np.exp(_number()),
    "other positive": lambda: np.exp(0.7 * _number()[::-1]),
    "probability": _probability,
    "distribution": _distribution,
    "other distribution": lambda: _distribution()[::-1],
    "unnormalised": lambda: 3.0 * _probability(),
    "one-hot": _one_hot,
    "ids": _ids,
    "column of ids": lambda: _ids()[:, None],
    "binary": _binary,
    "letters": lambda: np.array([[1, 2, 0], [2, 2, 0], [1, 0, 0], [2, 1, 2]] * 2)[:ROWS],
    "steps": lambda: _rng().normal(size=(ROWS, 6, WIDTH)),
    "signs": lambda: 2.0 * _binary() - 1.0,
    "saturated": lambda: np.array([[0.0, 1.0, 1e-9]] * ROWS),
}


class Case(NamedTuple):
    """A loss class, its labels and predictions (keys of MAKE), and its arguments."""

    loss: str
    labels: str
    predictions: str
    arguments: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def __str__(self) -> str:
        return "-".join([self.loss, self.labels, self.predictions, *map(str, self.arguments)])


CASES = [
    Case("MeanSquaredError", "number", "other number"),
    Case("MeanAbsoluteError", "number", "other number"),
    Case("MeanAbsolutePercentageError", "number", "other number"),
    Case("MeanAbsolutePercentageError", "binary", "other number"),
    Case("MeanSquaredLogarithmicError", "positive", "other positive"),
    Case("MeanSquaredLogarithmicError", "number", "other number"),
    Case("Huber", "number", "other number"),
    Case("Huber", "number", "other number", {"delta": 0.3}),
    Case("LogCosh", "number", "other number"),
    Case("Poisson", "positive", "other positive"),
    Case("KLDivergence", "distribution", "other distribution"),
    Case("KLDivergence", "one-hot", "distribution"),
    Case("Hinge", "binary", "number"),
    Case("Hinge", "signs", "number"),
    Case("SquaredHinge", "binary", "number"),
    Case("SquaredHinge", "signs", "number"),
    Case("CategoricalHinge", "one-hot", "number"),
    Case("CosineSimilarity", "number", "other number"),
    Case("CosineSimilarity", "number", "other number", {"axis": 0}),
    Case("Dice", "binary", "probability"),
    Case("Dice", "binary", "probability", {"axis": -1}),
    Case("Tversky", "binary", "probability"),
    Case("Tversky", "binary", "probability", {"alpha": 0.3, "beta": 0.8, "axis": -1}),
    Case("CTC", "letters", "steps"),
    Case("BinaryCrossentropy", "binary", "probability"),
    Case("BinaryCrossentropy", "probability", "probability"),
    Case("BinaryCrossentropy", "binary", "saturated"),
    Case("BinaryCrossentropy", "binary", "probability", {"label_smoothing": 0.1}),
    Case("BinaryCrossentropy", "binary", "number", {"from_logits": True}),
    Case("BinaryFocalCrossentropy", "binary", "probability"),
    Case("BinaryFocalCrossentropy", "binary", "number", {"from_logits": True}),
    Case(
        "BinaryFocalCrossentropy",
        "binary",
        "probability",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "label_smoothing": 0.1},
    ),
    Case("CategoricalCrossentropy", "one-hot", "distribution"),
    Case("CategoricalCrossentropy", "one-hot", "unnormalised"),
    Case("CategoricalCrossentropy", "one-hot", "saturated"),
    Case("CategoricalCrossentropy", "distribution", "other distribution"),
    Case("CategoricalCrossentropy", "one-hot", "distribution", {"label_smoothing": 0.2}),
    Case("CategoricalCrossentropy", "one-hot", "distribution", {"axis": 0}),
    Case("CategoricalCrossentropy", "one-hot", "number", {"from_logits": True}),
    Case("CategoricalCrossentropy", "one-hot", "number", {"from_logits": True, "axis": 0}),
    Case("CategoricalFocalCrossentropy", "one-hot", "distribution"),
    Case("CategoricalFocalCrossentropy", "one-hot", "number", {"from_logits": True}),
    Case("CategoricalFocalCrossentropy", "one-hot", "unnormalised", {"alpha": 0.5, "gamma": 3.0}),
    Case("SparseCategoricalCrossentropy", "ids", "distribution"),
    Case("SparseCategoricalCrossentropy", "column of ids", "unnormalised"),
    Case("SparseCategoricalCrossentropy", "ids", "saturated"),
    Case("SparseCategoricalCrossentropy", "ids", "number", {"from_logits": True}),
    Case("SparseCategoricalCrossentropy", "ids", "distribution", {"ignore_class": 1}),
    Case(
        "SparseCategoricalCrossentropy", "ids", "number", {"ignore_class": 0, "from_logits": True}
    ),
]


def _arrays(case: Case, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    labels = MAKE[case.labels]()
    labels = labels if labels.dtype.kind == "i" else labels.astype(dtype)
    return labels, np.ascontiguousarray(MAKE[case.predictions]().astype(dtype))


# What Keras computes in float64 on torch; in the others it rounds to float32, whatever its floatx.
EXACT = (
    "KLDivergence", "Dice", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
)  # fmt: skip


@contextmanager
def keras_floatx(dtype: str) -> Iterator[None]:
    """Keras computes in float64 only if its floatx is that, and arguments are tensors."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def _ours(case: Case, reduction: str, dtype: str, weight: Any) -> tuple[Any, Any]:
    loss = getattr(losses, case.loss)(**case.arguments, reduction=reduction)
    y, p = _arrays(case, dtype)
    value, gradient = ops.value_and_grad(lambda t: ops.sum(loss(y, t, weight)))(p)
    return ops.convert_to_numpy(value), ops.convert_to_numpy(gradient)


def _keras(case: Case, reduction: str, dtype: str, weight: Any) -> tuple[Any, Any]:
    y, p = map(torch.tensor, _arrays(case, dtype))
    p.requires_grad_()
    weight = None if weight is None else torch.tensor(weight)
    with keras_floatx(dtype):
        loss = getattr(keras.losses, case.loss)(**case.arguments, reduction=reduction)
        value = loss(y, p, sample_weight=weight).sum()
    value.backward()
    return value.detach().numpy(), p.grad.numpy()


def _check(case: Case, reduction: str, dtype: str, weight: Any) -> None:
    value, gradient = _ours(case, reduction, dtype, weight)
    expected, expected_gradient = _keras(case, reduction, dtype, weight)
    assert value.dtype == gradient.dtype == dtype
    exact = case.loss in EXACT and reduction in ("sum", "none")
    tolerance = TOLERANCE[dtype if exact else "float32"]
    np.testing.assert_allclose(value, expected, **tolerance)
    np.testing.assert_allclose(gradient, expected_gradient, **tolerance)


@pytest.mark.parametrize(
    ("dtype", "reduction"), [("float32", "sum_over_batch_size"), ("float64", "sum")]
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_and_gradient_are_those_of_keras(backend, case, dtype, reduction):
    _check(case, reduction, dtype, None)


@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"]
)
@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.loss not in ("Dice", "Tversky") and c.arguments.get("axis", -1) == -1],
    ids=str,
)
def test_weights_act_as_in_keras(backend, case, reduction):
    weight = np.array([1.0, 0.0, 2.0, 0.5, 0.0, 1.0, 3.0])
    _check(case, reduction, "float64", weight)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_batch_without_weight_has_a_loss_of_zero(backend, dtype):
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        case = Case("MeanSquaredError", "number", "other number")
        value, gradient = _ours(case, reduction, dtype, np.zeros(ROWS))
        assert value == 0
        assert not gradient.any()


# BCE(1, 0), BCE(0, 1) and BCE(1, 1) in float32, as Keras computes them.
@pytest.mark.parametrize(
    ("label", "prediction", "expected"),
    [(1.0, 0.0, 16.118095), (0.0, 1.0, 15.942385), (1.0, 1.0, 1.1920929e-07)],
)
def test_float32_probabilities_are_clipped_as_in_keras(backend, label, prediction, expected):
    y, p = np.float32([[label]]), np.float32([[prediction]])
    value = ops.convert_to_numpy(losses.binary_crossentropy(y, p))
    np.testing.assert_allclose(value, [expected], rtol=1e-6)
    np.testing.assert_allclose(value, keras.losses.binary_crossentropy(y, p).numpy(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 1), (ROWS, WIDTH), (ROWS, WIDTH, 1)])
def test_weights_of_a_sequence_act_as_in_keras(backend, shape):
    rng = _rng()
    y, p = rng.normal(size=(2, ROWS, WIDTH, 2))
    weight = rng.uniform(size=shape)
    ours = losses.MeanSquaredError(reduction="none")(y, p, weight)
    # Keras does not take a weight per row here; a column of them is the same.
    weight = weight[:, None] if len(shape) == 1 else weight
    with keras_floatx("float64"):
        keras_loss = keras.losses.MeanSquaredError(reduction="none")
        expected = keras_loss(*map(torch.tensor, (y, p, weight)))
    np.testing.assert_allclose(ops.convert_to_numpy(ours), expected.numpy(), **TOLERANCE["float32"])


@pytest.mark.parametrize(("y", "p"), [((ROWS,), (ROWS, 1)), ((ROWS, 1), (ROWS,))])
@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy"])
def test_a_column_and_a_row_of_labels_are_the_same(backend, y, p, name):
    rng = _rng()
    y, p = rng.integers(0, 2, y).astype(float), rng.uniform(0.1, 0.9, p)
    ours = getattr(losses, name)(reduction="sum")(y, p)
    with keras_floatx("float64"):
        expected = getattr(keras.losses, name)(reduction="sum")(torch.tensor(y), torch.tensor(p))
    np.testing.assert_allclose(float(ours), float(expected), **TOLERANCE["float32"])
