"""The class of each loss function, from a table."""

from collections.abc import Callable
from typing import Any

from deepbasics import ops
from deepbasics.lookup import class_of
from deepbasics.losses import crossentropy, regression
from deepbasics.losses.base import MEAN, LibraryLoss
from deepbasics.losses.crossentropy import class_ids


class _SparseLoss(LibraryLoss):
    """A loss of class ids: those of `ignore_class` count neither in the sum nor in the divisor."""

    def mask(self, y_true: Any) -> Any | None:
        ignored = self.parameters["ignore_class"]
        return None if ignored is None else ops.not_equal(class_ids(y_true), ignored)


def _class(
    class_name: str,
    function: Callable[..., Any],
    order: str = "reduction name dtype",
    base: type = LibraryLoss,
    name: str = "",
) -> type:
    defaults = {"reduction": MEAN, "name": name or function.__name__, "dtype": None}
    return class_of(base, class_name, function, defaults, order, __name__)


_PROBABILITIES = "from_logits label_smoothing axis reduction name dtype"

MeanSquaredError = _class("MeanSquaredError", regression.mean_squared_error)
SumSquaredError = _class("SumSquaredError", regression.sum_squared_error)
MeanAbsoluteError = _class("MeanAbsoluteError", regression.mean_absolute_error)
MeanAbsolutePercentageError = _class(
    "MeanAbsolutePercentageError", regression.mean_absolute_percentage_error
)
MeanSquaredLogarithmicError = _class(
    "MeanSquaredLogarithmicError", regression.mean_squared_logarithmic_error
)
Huber = _class("Huber", regression.huber, "delta reduction name dtype", name="huber_loss")
LogCosh = _class("LogCosh", regression.log_cosh)
Poisson = _class("Poisson", regression.poisson)
KLDivergence = _class("KLDivergence", regression.kl_divergence)
Hinge = _class("Hinge", regression.hinge)
SquaredHinge = _class("SquaredHinge", regression.squared_hinge)
CategoricalHinge = _class("CategoricalHinge", regression.categorical_hinge)
CosineSimilarity = _class(
    "CosineSimilarity", regression.cosine_similarity, "axis reduction name dtype"
)
CTC = _class("CTC", crossentropy.ctc)
Tversky = _class("Tversky", regression.tversky, "alpha beta reduction name axis dtype")
Dice = _class("Dice", regression.dice, "reduction name axis dtype")
BinaryCrossentropy = _class("BinaryCrossentropy", crossentropy.binary_crossentropy, _PROBABILITIES)
BinaryFocalCrossentropy = _class(
    "BinaryFocalCrossentropy",
    crossentropy.binary_focal_crossentropy,
    f"apply_class_balancing alpha gamma {_PROBABILITIES}",
)
CategoricalCrossentropy = _class(
    "CategoricalCrossentropy", crossentropy.categorical_crossentropy, _PROBABILITIES
)
CategoricalFocalCrossentropy = _class(
    "CategoricalFocalCrossentropy",
    crossentropy.categorical_focal_crossentropy,
    f"alpha gamma {_PROBABILITIES}",
)
SparseCategoricalCrossentropy = _class(
    "SparseCategoricalCrossentropy",
    crossentropy.sparse_categorical_crossentropy,
    "from_logits ignore_class reduction axis name dtype",
    base=_SparseLoss,
)

CLASSES = [
    loss
    for loss in tuple(globals().values())
    if isinstance(loss, type) and issubclass(loss, LibraryLoss) and hasattr(loss, "of")
]
