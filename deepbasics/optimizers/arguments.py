"""What an optimizer's constructor refuses, and why."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def number(learning_rate: Any) -> float:
    """A learning rate given as a finite Python or NumPy number; an error for anything else."""
    array = np.asarray(learning_rate)
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise TypeError(
            "learning_rate must be a number, a LearningRateSchedule or a function without "
            f"arguments; got {learning_rate!r}."
        )
    rate = float(array.reshape(()))
    if not math.isfinite(rate):
        raise ValueError(f"learning_rate must be finite; with {rate} no weight stays a number.")
    return rate


def check(options: Mapping[str, Any]) -> None:
    """ValueError for options that cannot be, or cannot be together."""
    clips = {name: options[name] for name in ("clipnorm", "clipvalue", "global_clipnorm")}
    given = {name: limit for name, limit in clips.items() if limit is not None}
    if len(given) > 1:
        text = ", ".join(f"{name}={limit}" for name, limit in given.items())
        raise ValueError(f"Only one way to clip gradients may be given; got {text}.")
    for name, limit in given.items():
        if limit <= 0:
            raise ValueError(f"{name} must be > 0, not {limit}. Leave it out for no clipping.")
    if not 0 <= options["ema_momentum"] <= 1:
        raise ValueError(f"ema_momentum must lie in [0, 1], not {options['ema_momentum']}.")
    for name, least in {"ema_overwrite_frequency": 1, "gradient_accumulation_steps": 2}.items():
        count = options[name]
        if count is not None and (count != int(count) or count < least):
            raise ValueError(f"{name} must be a whole number >= {least} or None, not {count}.")
