"""Metrics by name: `get`, `serialize`, `deserialize`, and what `compile` makes of an identifier."""

from collections.abc import Sequence
from typing import Any

from deepbasics import losses
from deepbasics.lookup import Lookup
from deepbasics.metrics import auc, classes, confusion, fscore, functions, iou, regression
from deepbasics.metrics.base import Mean, MeanMetricWrapper, Metric, Sum

_CLASSES = [
    *classes.CLASSES,
    Mean,
    Sum,
    MeanMetricWrapper,
    auc.AUC,
    confusion.TruePositives,
    confusion.TrueNegatives,
    confusion.FalsePositives,
    confusion.FalseNegatives,
    confusion.Precision,
    confusion.Recall,
    confusion.PrecisionAtRecall,
    confusion.RecallAtPrecision,
    confusion.SensitivityAtSpecificity,
    confusion.SpecificityAtSensitivity,
    fscore.FBetaScore,
    fscore.F1Score,
    regression.RootMeanSquaredError,
    regression.R2Score,
    iou.IoU,
    iou.MeanIoU,
    iou.BinaryIoU,
    iou.OneHotIoU,
    iou.OneHotMeanIoU,
]
_SHORT = {
    "mse": classes.MeanSquaredError,
    "mae": classes.MeanAbsoluteError,
    "mape": classes.MeanAbsolutePercentageError,
    "msle": classes.MeanSquaredLogarithmicError,
    "rmse": regression.RootMeanSquaredError,
    "bce": classes.BinaryCrossentropy,
    "kld": classes.KLDivergence,
    "acc": classes.Accuracy,
}
_LEGACY = {
    "kullback_leibler_divergence": classes.KLDivergence,
    "cosine_proximity": classes.CosineSimilarity,
    "cosine": classes.CosineSimilarity,
    "logcosh": classes.LogCoshError,
    "matthews_correlation": functions.matthews_correlation,
    "fmeasure": functions.fmeasure,
    "fbeta_score": functions.fbeta_score,
    "precision": functions.precision,
    "recall": functions.recall,
}
_LOOKUP = Lookup(
    "metric",
    {metric.of.__name__: metric for metric in classes.CLASSES}
    | {"log_cosh": classes.LogCoshError, "root_mean_squared_error": regression.RootMeanSquaredError}
    | {"huber": losses.huber, "sum_squared_error": losses.sum_squared_error}
    | _SHORT
    | {short.upper(): metric for short, metric in _SHORT.items()}
    | _LEGACY
    | {metric.__name__: metric for metric in _CLASSES}
    | {"auc": auc.AUC},
)

_KINDS = {"binary_crossentropy": "binary", "categorical_crossentropy": "categorical"}
_KINDS |= {"sparse_categorical_crossentropy": "sparse"}
_BY_KIND = {
    "accuracy": {
        "binary": classes.BinaryAccuracy,
        "categorical": classes.CategoricalAccuracy,
        "sparse": classes.SparseCategoricalAccuracy,
    },
    "crossentropy": {
        "binary": classes.BinaryCrossentropy,
        "categorical": classes.CategoricalCrossentropy,
        "sparse": classes.SparseCategoricalCrossentropy,
    },
}
_BY_KIND |= {"acc": _BY_KIND["accuracy"], "ce": _BY_KIND["crossentropy"]}


def get(identifier: Any) -> Any:
    """The metric that `identifier` stands for.

    A class name, a snake_case name or an abbreviation ("mse", "MSE") gives an instance; a dict
    comes from `serialize`; None, functions and metrics are returned as they are. ValueError with
    the nearest name for an unknown one.

    >>> get("mae"), get("AUC")
    (<MeanAbsoluteError name=mean_absolute_error>, <AUC name=auc>)
    """
    return _LOOKUP.get(identifier)


def resolve(
    identifier: Any, loss: Any, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]
) -> Metric:
    """The `Metric` that `compile(metrics=[identifier])` means, named as the user wrote it.

    "accuracy" ("acc") and "crossentropy" ("ce") are binary, categorical or sparse as the loss is;
    if that is none of the three crossentropies the shapes decide: binary for predictions of width
    1, sparse for labels of width 1 or with fewer axes, else categorical. Shapes include the batch.
    """
    if isinstance(identifier, str) and identifier in _BY_KIND:
        kind = _kind(loss, y_true_shape, y_pred_shape)
        return _BY_KIND[identifier][kind](name=identifier)
    found = get(identifier)
    if isinstance(found, losses.Loss):  # its values per sample, whatever its reduction
        return MeanMetricWrapper(found.call, name=found.name)
    metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _kind(loss: Any, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> str:
    loss = losses.resolve(loss)
    function = getattr(getattr(loss, "fn", None), "__name__", None)
    if function in _KINDS:
        return _KINDS[function]
    if y_pred_shape[-1] == 1:
        return "binary"
    fewer = len(y_true_shape) < len(y_pred_shape)
    return "sparse" if fewer or y_true_shape[-1] == 1 else "categorical"


def serialize(metric: Any) -> Any:
    """A metric as plain data: a function's name, or `{"class_name", "config"}`."""
    return _LOOKUP.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The inverse of `serialize`; `custom_objects` maps further names to functions or classes."""
    return _LOOKUP.deserialize(config, custom_objects)
