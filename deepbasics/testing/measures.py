"""The table of cases, part three: losses and metrics. Adding one adds it here to a row."""

from typing import Any

from deepbasics import losses, metrics, ops
from deepbasics.testing.case import Case, Draw

# Labels, for which nobody asks a gradient, and predictions.
FLAGS = Draw("n k", kind="int", low=0, high=2, grad=False)
SHARES = Draw("n k", kind="probability", grad=False)
IDS = Draw("n", kind="ids", below="k", grad=False)
REALS = Draw("n k", grad=False)
CHANCES = Draw("n k", low=0.1, high=0.9)
SOFTMAX = Draw("n k", low=-1, high=1, kind="probability")
SCORES = Draw("n k")
# Up to two letters of three, some of them 0, in six steps.
LETTERS, STEPS = Draw("n 2", kind="int", low=0, high=4, grad=False), Draw("n 6 4")
ROW_OF_FLAGS = Draw("n", kind="int", low=0, high=2, grad=False)
ROW_OF_CHANCES = Draw("n", low=0.1, high=0.9, grad=False)
WEIGHTS = Draw("n", low=0.5, high=1.5, grad=False)

_LOSSES = {
    (REALS, SCORES): (
        "MeanSquaredError SumSquaredError MeanAbsoluteError MeanAbsolutePercentageError Huber "
        "LogCosh CosineSimilarity"
    ),
    (FLAGS, SCORES): "Hinge SquaredHinge CategoricalHinge",
    (FLAGS, CHANCES): "Poisson Dice Tversky BinaryCrossentropy BinaryFocalCrossentropy",
    (SHARES, CHANCES): "KLDivergence MeanSquaredLogarithmicError",
    (SHARES, SOFTMAX): "CategoricalCrossentropy CategoricalFocalCrossentropy",
    (IDS, SOFTMAX): "SparseCategoricalCrossentropy",
    (LETTERS, STEPS): "CTC",
}
_METRICS = {
    (FLAGS, SHARES): (
        "AUC Accuracy BinaryAccuracy BinaryCrossentropy CategoricalHinge CosineSimilarity "
        "F1Score FBetaScore FalseNegatives FalsePositives Hinge LogCoshError MeanAbsoluteError "
        "MeanAbsolutePercentageError MeanSquaredError R2Score MeanSquaredLogarithmicError "
        "Poisson Precision PrecisionAtRecall Recall RecallAtPrecision RootMeanSquaredError "
        "SensitivityAtSpecificity SpecificityAtSensitivity SquaredHinge OneHotIoU "
        "OneHotMeanIoU TrueNegatives TruePositives binary_accuracy cosine_similarity "
        "fbeta_score fmeasure matthews_correlation precision recall"
    ),
    (SHARES, SHARES): (
        "CategoricalAccuracy CategoricalCrossentropy KLDivergence TopKCategoricalAccuracy "
        "categorical_accuracy top_k_categorical_accuracy"
    ),
    (IDS, SHARES): (
        "SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy "
        "sparse_categorical_accuracy sparse_top_k_categorical_accuracy"
    ),
    (IDS, IDS): "IoU MeanIoU",
    (REALS, REALS): "PearsonCorrelation pearson_correlation",
    (REALS, SHARES): "ConcordanceCorrelation concordance_correlation",
    (ROW_OF_FLAGS, ROW_OF_CHANCES): "BinaryIoU",
    (REALS,): "Mean Sum",
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "MeanIoU": {"num_classes": 4},
    "IoU": {"num_classes": 4, "target_class_ids": (0, 2)},
    "OneHotIoU": {"num_classes": 4, "target_class_ids": (0, 2)},
    "OneHotMeanIoU": {"num_classes": 4},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "SparseTopKCategoricalAccuracy": {"k": 2},
    "TopKCategoricalAccuracy": {"k": 2},
    "sparse_top_k_categorical_accuracy": {"k": 2},
    "top_k_categorical_accuracy": {"k": 2},
}


def _rows(table: dict[Any, str]) -> list[tuple[str, tuple[Draw, ...]]]:
    return [(name, draws) for draws, names in table.items() for name in names.split()]


def _case(name: str, call: Any, draws: tuple[Draw, ...], label: str = "") -> Case:
    return Case(name, draws, call, {}, "layer", False, "", label)


def _loss(name: str, *draws: Draw, label: str = "", **settings: Any) -> Case:
    """A class of losses, applied to labels, predictions and perhaps weights."""

    def call(*tensors: Any) -> Any:
        return getattr(losses, name)(**settings)(*tensors)

    return _case(name, call, draws, label)


def _loss_function(name: str, draws: tuple[Draw, ...]) -> Case:
    function = getattr(losses, name).of
    return _case(function.__name__, function, draws)


def _metric(name: str, draws: tuple[Draw, ...]) -> Case:
    """A class: state and result after a batch and the same batch with weights; or a function."""
    settings, found = _SETTINGS.get(name, {}), getattr(metrics, name)
    if not isinstance(found, type):
        return _case(name, lambda *tensors: found(*tensors, **settings), draws)

    def call(*tensors: Any) -> Any:
        metric = found(**settings)
        metric.update_state(*tensors[: len(draws)])
        first = ops.copy(metric.result())  # it may be a view of the state
        metric.update_state(*tensors)
        return [first, metric.result(), *(v.value for v in metric.variables)]

    return _case(name, call, (*draws, WEIGHTS))


LOSSES = [
    *(_loss_function(name, draws) for name, draws in _rows(_LOSSES)),
    *(_loss(name, *draws) for name, draws in _rows(_LOSSES)),
    *(_loss(name, *draws, WEIGHTS, label="weights") for name, draws in _rows(_LOSSES)
      if name not in ("Dice", "Tversky")),
    *(_loss(name, draws[0], SCORES, label="logits", from_logits=True)
      for name, draws in _rows(_LOSSES) if "Crossentropy" in name),
    *(_loss("MeanSquaredError", REALS, SCORES, label=str(how), reduction=how)
      for how in ("sum", "none", "mean_with_sample_weight")),
    _loss("BinaryCrossentropy", FLAGS, CHANCES, label="smoothing", label_smoothing=0.1),
    _loss("CategoricalCrossentropy", SHARES, SOFTMAX, label="smoothing", label_smoothing=0.1),
    _loss("BinaryFocalCrossentropy", FLAGS, CHANCES, label="balanced", apply_class_balancing=True),
]  # fmt: skip
METRICS = [_metric(name, draws) for name, draws in _rows(_METRICS)]
