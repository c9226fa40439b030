"""Metrics against Keras: after every one of several batches, the last of them smaller."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from deepbasics import metrics, ops

pytest.importorskip("torch", reason="Keras is compared on its torch backend")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

# float32 sums of some hundred terms, in another order.
TOLERANCE = {"rtol": 2e-5, "atol": 2e-6}
BATCHES = (8, 8, 5)
CLASSES = 4


def _one_hot(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.eye(CLASSES)[rng.integers(0, CLASSES, n)]


# Kinds of labels and predictions; "ties" repeats values, "saturated" is 0, 1 or between.
MAKE = {
    "number": lambda rng, n: rng.normal(size=(n, CLASSES)),
    "positive": lambda rng, n: rng.uniform(0.1, 3.0, (n, CLASSES)),
    "probability": lambda rng, n: rng.uniform(0.01, 0.99, (n, CLASSES)),
    "ties": lambda rng, n: rng.integers(1, 4, (n, CLASSES)) / 4,
    "saturated": lambda rng, n: rng.choice([0.0, 0.25, 1.0], (n, CLASSES)),
    "distribution": lambda rng, n: rng.dirichlet(np.ones(CLASSES), n),
    "one-hot": _one_hot,
    "ids": lambda rng, n: rng.integers(0, CLASSES, n),
    "column of ids": lambda rng, n: rng.integers(0, CLASSES, (n, 1)),
    "binary": lambda rng, n: rng.integers(0, 2, (n, CLASSES)),
    "binary column": lambda rng, n: rng.integers(0, 2, (n, 1)),
    "binary row": lambda rng, n: rng.integers(0, 2, n),
    "probability column": lambda rng, n: rng.uniform(0, 1, (n, 1)),
    "zeros": lambda rng, n: np.zeros((n, CLASSES)),
    "ones": lambda rng, n: np.ones((n, CLASSES)),
}


class Case(NamedTuple):
    """A metric class, its labels and predictions (keys of MAKE), and its arguments."""

    metric: str
    labels: str
    predictions: str
    arguments: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def __str__(self) -> str:
        settings = [f"{k}={v}" for k, v in self.arguments.items()]
        return "-".join([self.metric, self.labels, self.predictions, *settings])


CASES = [
    Case("Accuracy", "ids", "ids"),
    Case("Accuracy", "binary", "binary"),
    Case("BinaryAccuracy", "binary", "probability"),
    Case("BinaryAccuracy", "binary", "ties", {"threshold": 0.25}),
    Case("BinaryAccuracy", "binary row", "probability column"),
    Case("BinaryAccuracy", "binary column", "probability column"),
    Case("CategoricalAccuracy", "one-hot", "distribution"),
    Case("CategoricalAccuracy", "one-hot", "ties"),
    Case("SparseCategoricalAccuracy", "ids", "distribution"),
    Case("SparseCategoricalAccuracy", "column of ids", "ties"),
    Case("TopKCategoricalAccuracy", "one-hot", "distribution", {"k": 2}),
    Case("TopKCategoricalAccuracy", "one-hot", "ties", {"k": 2}),
    Case("SparseTopKCategoricalAccuracy", "ids", "distribution", {"k": 2}),
    Case("SparseTopKCategoricalAccuracy", "ids", "ties", {"k": 1}),
    Case("MeanSquaredError", "number", "number"),
    Case("RootMeanSquaredError", "number", "number"),
    Case("MeanAbsoluteError", "number", "number"),
    Case("MeanAbsolutePercentageError", "positive", "number"),
    Case("MeanSquaredLogarithmicError", "positive", "positive"),
    Case("LogCoshError", "number", "number"),
    Case("CosineSimilarity", "number", "number"),
    Case("KLDivergence", "distribution", "distribution"),
    Case("Poisson", "positive", "positive"),
    Case("Hinge", "binary", "number"),
    Case("SquaredHinge", "binary", "number"),
    Case("CategoricalHinge", "one-hot", "number"),
    Case("BinaryCrossentropy", "binary", "probability"),
    Case("BinaryCrossentropy", "binary", "saturated"),
    Case("BinaryCrossentropy", "binary", "number", {"from_logits": True, "label_smoothing": 0.1}),
    Case("CategoricalCrossentropy", "one-hot", "distribution"),
    Case("CategoricalCrossentropy", "one-hot", "number", {"from_logits": True}),
    Case("SparseCategoricalCrossentropy", "ids", "distribution"),
    Case("SparseCategoricalCrossentropy", "ids", "number", {"from_logits": True}),
    Case("TruePositives", "binary", "probability"),
    Case("TrueNegatives", "binary", "ties"),
    Case("FalsePositives", "binary", "probability", {"thresholds": [0.2, 0.8]}),
    Case("FalseNegatives", "binary", "probability", {"thresholds": 0.3}),
    Case("Precision", "binary", "probability"),
    Case("Precision", "binary row", "probability column"),
    Case("Precision", "zeros", "probability"),
    Case("Precision", "binary", "ties", {"thresholds": [0.25, 0.5, 0.75]}),
    Case("Precision", "binary", "probability", {"top_k": 2}),
    Case("Precision", "binary", "probability", {"top_k": 2, "class_id": 1}),
    Case("Precision", "binary", "probability", {"class_id": 2}),
    Case("Recall", "binary", "probability"),
    Case("Recall", "zeros", "probability"),
    Case("Recall", "binary", "probability", {"thresholds": [0.1, 0.9]}),
    Case("Recall", "binary", "probability", {"top_k": 1, "thresholds": 0.6}),
    Case("AUC", "binary column", "probability column"),
    Case("AUC", "binary", "probability"),
    Case("AUC", "binary", "saturated", {"num_thresholds": 11}),
    Case("AUC", "ones", "probability"),
    Case("AUC", "binary", "probability", {"summation_method": "minoring"}),
    Case("AUC", "binary", "probability", {"summation_method": "majoring"}),
    Case("AUC", "binary", "probability", {"curve": "PR"}),
    Case("AUC", "binary", "probability", {"curve": "PR", "summation_method": "minoring"}),
    Case("AUC", "binary", "probability", {"curve": "PR", "summation_method": "majoring"}),
    Case("AUC", "binary", "probability", {"thresholds": [0.2, 0.5, 0.9]}),
    Case("AUC", "binary", "number", {"from_logits": True}),
    Case("AUC", "binary", "probability", {"multi_label": True}),
    Case("AUC", "binary", "probability", {"multi_label": True, "curve": "PR"}),
    Case(
        "AUC",
        "binary",
        "probability",
        {"multi_label": True, "num_labels": 4, "label_weights": [0.1, 0.2, 0.3, 0.4]},
    ),
    Case("AUC", "binary", "probability", {"label_weights": [0.1, 0.2, 0.3, 0.4]}),
    Case("F1Score", "one-hot", "probability"),
    Case("F1Score", "one-hot", "zeros"),
    Case("F1Score", "binary", "probability", {"average": "micro", "threshold": 0.5}),
    Case("F1Score", "binary", "probability", {"average": "macro", "threshold": 0.5}),
    Case("FBetaScore", "binary", "probability", {"average": "weighted", "threshold": 0.5}),
    Case("FBetaScore", "binary", "probability", {"beta": 2.0, "threshold": 0.4}),
    Case("R2Score", "number", "number"),
    Case("R2Score", "number", "number", {"class_aggregation": None}),
    Case("R2Score", "number", "number", {"class_aggregation": "variance_weighted_average"}),
    Case("R2Score", "number", "number", {"num_regressors": 2}),
    Case("R2Score", "ones", "zeros"),
    Case("MeanIoU", "ids", "ids", {"num_classes": 4}),
    Case("MeanIoU", "ids", "ids", {"num_classes": 6, "ignore_class": 1}),
    Case("IoU", "ids", "ids", {"num_classes": 4, "target_class_ids": [0, 2]}),
    Case(
        "IoU",
        "one-hot",
        "probability",
        {
            "num_classes": 4,
            "target_class_ids": [1, 3],
            "sparse_y_true": False,
            "sparse_y_pred": False,
        },
    ),
    Case("OneHotIoU", "one-hot", "distribution", {"num_classes": 4, "target_class_ids": [0, 2]}),
    Case("OneHotMeanIoU", "one-hot", "ids", {"num_classes": 4, "sparse_y_pred": True}),
    Case("OneHotMeanIoU", "one-hot", "distribution", {"num_classes": 4, "ignore_class": 1}),
    Case("PearsonCorrelation", "number", "number"),
    Case("ConcordanceCorrelation", "number", "number"),
    Case("ConcordanceCorrelation", "positive", "number"),
    Case("BinaryIoU", "binary column", "probability column", {"threshold": 0.3}),
    Case("PrecisionAtRecall", "binary", "probability", {"recall": 0.5}),
    Case("PrecisionAtRecall", "binary", "probability", {"recall": 0.5, "num_thresholds": 1}),
    Case("RecallAtPrecision", "binary", "probability", {"precision": 0.6}),
    Case("RecallAtPrecision", "binary", "probability", {"precision": 0.6, "class_id": 1}),
    Case("SensitivityAtSpecificity", "binary", "probability", {"specificity": 0.7}),
    Case("SpecificityAtSensitivity", "binary", "probability", {"sensitivity": 0.7}),
]


def _batches(case: Case) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(11)
    batches = []
    for n in BATCHES:
        y, p = MAKE[case.labels](rng, n), MAKE[case.predictions](rng, n)
        y, p = (a if a.dtype.kind == "i" else a.astype("float32") for a in (y, p))
        weight = rng.choice([0.0, 0.5, 1.0, 2.0], n).astype("float32")
        batches.append((y, p, weight))
    return batches


def _pair(case: Case) -> tuple[Any, Any]:
    # Keras' IoUs are int32 by default, and cut weights to whole numbers.
    own = {"dtype": "float32"} if "IoU" in case.metric else {}
    ours = getattr(metrics, case.metric)(**case.arguments)
    return ours, getattr(keras.metrics, case.metric)(**case.arguments, **own)


def _check(ours: Any, theirs: Any) -> None:
    expected = keras.ops.convert_to_numpy(theirs.result())
    np.testing.assert_allclose(ops.convert_to_numpy(ours.result()), expected, **TOLERANCE)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_result_after_each_batch_is_that_of_keras(backend, case, weighted):
    ours, theirs = _pair(case)
    for y, p, weight in _batches(case):
        weight = weight if weighted else None
        ours.update_state(y, p, sample_weight=weight)
        theirs.update_state(y, p, sample_weight=weight)
        _check(ours, theirs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_after_a_reset_it_starts_anew(backend, case):
    ours, theirs = _pair(case)
    first, second, _ = _batches(case)
    ours.update_state(*first[:2])
    ours.reset_state()
    ours.update_state(*second[:2])
    theirs.update_state(*second[:2])
    _check(ours, theirs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_config_makes_an_equal_metric_and_has_the_names_of_keras(backend, case):
    ours, theirs = _pair(case)
    again = metrics.deserialize(metrics.serialize(ours))
    assert again.get_config() == ours.get_config()
    assert set(theirs.get_config()) <= set(ours.get_config())
    for y, p, weight in _batches(case):
        again.update_state(y, p, weight)
        ours.update_state(y, p, weight)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again.result()), ops.convert_to_numpy(ours.result())
    )


@pytest.mark.parametrize("weights", [None, (2,), (2, 1), (2, 3), (2, 3, 1)], ids=str)
@pytest.mark.parametrize(
    "name", ["MeanSquaredError", "RootMeanSquaredError", "CategoricalAccuracy"]
)
def test_sequences_are_weighed_as_in_keras(backend, name, weights):
    rng = np.random.default_rng(5)
    y, p = rng.normal(size=(2, 2, 3, 4)).astype("float32")
    weight = None if weights is None else rng.uniform(size=weights).astype("float32")
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    ours.update_state(y, p, weight)
    theirs.update_state(y, p, sample_weight=weight)
    _check(ours, theirs)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_plain_values_are_weighed_as_in_keras(backend, name):
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for values, weight in [(3.0, None), ([1.0, 2.0], [0.5, 0.0]), ([[1, 2], [3, 4]], [1, 3])]:
        ours.update_state(values, weight)
        theirs.update_state(values, sample_weight=weight)
        _check(ours, theirs)
