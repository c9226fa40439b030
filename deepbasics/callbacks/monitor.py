"""Which value a callback watches, and when it has become better."""

import re
import warnings

from deepbasics.callbacks.logs import Logs, other_spellings

SMALLER_IS_BETTER = re.compile(
    r"loss$|error|mae|mse|mape|msle|crossentropy|hinge|poisson|kld|divergence|cosh"
)
LARGER_IS_BETTER = re.compile(
    r"acc|auc|precision|recall|f1|fbeta|fmeasure|iou|io_u|r2|similarity|correlation"
    r"|sensitivity|specificity"
)


class Monitor:
    """Watches one value in the logs for the callback called `owner`.

    `mode` is `"min"`, `"max"` or `"auto"`: as the name of the metric, or of its class, tells. A
    value is better if it beats the reference by more than `min_delta`, or if there is no reference;
    NaN is never better.
    """

    def __init__(self, owner: str, name: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{owner} got mode={mode!r}; use 'auto', 'min' or 'max'.")
        self.owner = owner
        self.name = name
        self.min_delta = abs(min_delta)
        self.sign = {"auto": 0, "min": -1, "max": 1}[mode]

    def value(self, logs: dict | None, model: object) -> float | None:
        """What the logs hold under the name; `None`, and a warning, where they hold nothing."""
        value = Logs(logs or {}).get(self.name)
        if value is None:
            warnings.warn(
                f"{self.owner} watches {self.name!r}, which is not in the logs; there is: "
                f"{', '.join(logs or {}) or 'nothing'}.",
                stacklevel=3,
            )
        self.sign = self.sign or self._direction(model)
        return value

    def better(self, value: float, reference: float | None) -> bool:
        """Whether `value` beats `reference`."""
        if value != value:
            return False
        return reference is None or self.sign * value - self.min_delta > self.sign * reference

    def _direction(self, model: object) -> int:
        name = self.name.removeprefix("val_")
        names = [name, *other_spellings(name)]
        kinds = [type(m).__name__.lower() for m in getattr(model, "metrics", ()) if m.name in names]
        for text in (name, *kinds):
            if SMALLER_IS_BETTER.search(text):
                return -1
            if LARGER_IS_BETTER.search(text):
                return 1
        warnings.warn(
            f"{self.owner} takes smaller values of {self.name!r} for better; pass mode='max' or "
            "mode='min' to say which are.",
            stacklevel=4,
        )
        return -1
