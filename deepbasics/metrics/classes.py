"""The metrics that are the mean of a function's values, from a table."""

from collections.abc import Callable
from typing import Any

from deepbasics.lookup import class_of
from deepbasics.losses import crossentropy, regression
from deepbasics.metrics import functions
from deepbasics.metrics.base import FunctionMetric


def _class(
    class_name: str,
    function: Callable[..., Any],
    order: str = "name dtype",
    name: str = "",
) -> type:
    defaults = {"name": name or function.__name__, "dtype": None}
    return class_of(FunctionMetric, class_name, function, defaults, order, __name__)


Accuracy = _class("Accuracy", functions.accuracy)
BinaryAccuracy = _class("BinaryAccuracy", functions.binary_accuracy, "name dtype threshold")
CategoricalAccuracy = _class("CategoricalAccuracy", functions.categorical_accuracy)
SparseCategoricalAccuracy = _class(
    "SparseCategoricalAccuracy", functions.sparse_categorical_accuracy
)
TopKCategoricalAccuracy = _class(
    "TopKCategoricalAccuracy", functions.top_k_categorical_accuracy, "k name dtype"
)
SparseTopKCategoricalAccuracy = _class(
    "SparseTopKCategoricalAccuracy",
    functions.sparse_top_k_categorical_accuracy,
    "k name dtype from_sorted_ids",
)
MeanSquaredError = _class("MeanSquaredError", regression.mean_squared_error)
MeanAbsoluteError = _class("MeanAbsoluteError", regression.mean_absolute_error)
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", regression.mean_absolute_percentage_error
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", regression.mean_squared_logarithmic_error
)
LogCoshError = _class("LogCoshError", regression.log_cosh, name="logcosh")
CosineSimilarity = _class("CosineSimilarity", functions.cosine_similarity, "name dtype axis")
ConcordanceCorrelation = _class(
    "ConcordanceCorrelation", functions.concordance_correlation, "name dtype axis"
)
PearsonCorrelation = _class("PearsonCorrelation", functions.pearson_correlation, "name dtype axis")
KLDivergence = _class("KLDivergence", regression.kl_divergence)
Poisson = _class("Poisson", regression.poisson)
Hinge = _class("Hinge", regression.hinge)
SquaredHinge = _class("SquaredHinge", regression.squared_hinge)
CategoricalHinge = _class("CategoricalHinge", regression.categorical_hinge)
BinaryCrossentropy = _class(
    "BinaryCrossentropy",
    crossentropy.binary_crossentropy,
    "name dtype from_logits label_smoothing",
)
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy",
    crossentropy.categorical_crossentropy,
    "name dtype from_logits label_smoothing axis",
)
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy",
    crossentropy.sparse_categorical_crossentropy,
    "name dtype from_logits ignore_class axis",
)

CLASSES = [
    metric
    for metric in tuple(globals().values())
    if isinstance(metric, type) and issubclass(metric, FunctionMetric) and hasattr(metric, "of")
]
