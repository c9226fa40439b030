"""Metrics of numbers that are more than a mean of per-sample values."""

from typing import Any

from deepbasics import ops
from deepbasics.errors import unknown
from deepbasics.losses.base import pair, spread
from deepbasics.metrics.base import Mean, Metric
from deepbasics.metrics.functions import squared_error

_AVERAGES = ("uniform_average", "variance_weighted_average")


class RootMeanSquaredError(Mean):
    """`sqrt(mean((y - p)²))` over every entry of every batch."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch; `sample_weight` has one weight per sample or per entry."""
        super().update_state(squared_error(y_true, y_pred), sample_weight)

    def result(self) -> Any:
        return ops.sqrt(super().result())


class R2Score(Metric):
    """The share of the labels' variance that is explained: `1 - sum((y - p)²) / sum((y - ȳ)²)`.

    Labels and predictions of shape (batch, outputs).

    Args: `class_aggregation`: "uniform_average" of the outputs, "variance_weighted_average" of
    them, or None for one score per output; `num_regressors` k > 0 gives the adjusted score
    `1 - (1 - R²) (n - 1) / (n - k - 1)`, where n counts every entry of the labels, as in Keras.
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation is not None and class_aggregation not in _AVERAGES:
            raise unknown("class aggregation", class_aggregation, _AVERAGES)
        if num_regressors < 0:
            raise ValueError(f"num_regressors must be at least 0; got {num_regressors}.")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable(name="num_samples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch; `sample_weight` has one weight per sample."""
        y, p = pair(self.name, y_true, y_pred)
        if len(p.shape) != 2:
            raise ValueError(
                f"R2Score needs labels and predictions of shape (batch, outputs); "
                f"got {tuple(p.shape)}."
            )
        if len(self.variables) == 1:
            for name in ("sum", "squared_sum", "residual", "count"):
                setattr(self, name, self.add_variable((p.shape[-1],), name=name))
        weight = ops.ones_like(p[:, :1]) if sample_weight is None else spread(sample_weight, p)
        self.sum.assign_add(ops.sum(y * weight, axis=0))
        self.squared_sum.assign_add(ops.sum(y * y * weight, axis=0))
        self.residual.assign_add(ops.sum(ops.square(y - p) * weight, axis=0))
        self.count.assign_add(ops.sum(ops.broadcast_to(weight, tuple(p.shape)), axis=0))
        self.num_samples.assign_add(ops.size(p))

    def result(self) -> Any:
        if len(self.variables) == 1:
            return ops.zeros((), self.dtype)
        mean = ops.divide_no_nan(self.sum, self.count)
        total = self.squared_sum - self.sum * mean
        scores = 1.0 - ops.divide_no_nan(self.residual, total)
        # A constant label has no variance to explain: 1 if it was met, else 0.
        met = ops.cast(ops.equal(self.residual, 0.0), self.dtype)
        scores = ops.where(ops.equal(total, 0.0), met, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.divide_no_nan(ops.sum(scores * total), ops.sum(total))
        if not self.num_regressors:
            return scores
        n = self.num_samples.value
        return 1.0 - (1.0 - scores) * ops.divide_no_nan(n - 1.0, n - self.num_regressors - 1.0)

    def get_config(self) -> dict[str, Any]:
        own = ("class_aggregation", "num_regressors")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
