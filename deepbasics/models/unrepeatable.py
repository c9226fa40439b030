"""What a step did in Python that a replay of its tensor calls would not do again."""

import random
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from deepbasics.backends import registry

Step = Callable[..., Any]


def watched(step: Step, model: Any, own: bool) -> Step:
    """`step`, which says so where it draws from NumPy's or Python's random numbers, or, if it is a
    subclass' `own`, counts in an attribute of the model: recorded, it would do so once.

    The number of rows of the batch counts as none.
    """

    @wraps(step)
    def run(*flat: Any) -> Any:
        draws, numbers = _draws(model), _numbers(model)
        result = step(*flat)
        rows = {t.shape[0] for t in flat if t is not None and t.shape}
        reasons = _drawn(draws, _draws(model)) + _counted(numbers, _numbers(model), rows) * own
        if reasons:
            registry.active().unrecordable(reasons[0])
        return result

    return run


def _draws(model: Any) -> dict[str, Any]:
    """The states of the generators of random numbers that are in reach, by name."""
    _, key, *rest = np.random.get_state()  # noqa: NPY002
    found = {"np.random": (key.tobytes(), *rest), "random": random.getstate()}
    for layer in (model, *model.all_layers()):
        for name, value in vars(layer).items():
            if isinstance(value, np.random.Generator):
                found[f"{layer.name}.{name}"] = str(value.bit_generator.state)
    return found


def _drawn(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        f"it draws from {name}, where a replay would repeat the numbers (deepbasics.random would "
        "draw new ones)"
        for name in before
        if before[name] != after[name]
    ]


def _numbers(model: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(model).items() if type(value) in (int, float)}


def _counted(before: dict[str, Any], after: dict[str, Any], rows: set[int]) -> list[str]:
    return [
        f"it sets {name} of the model to another number, where a replay would not (a Variable "
        "would be)"
        for name in before
        if name[0] != "_" and after.get(name) not in (before[name], *rows)
    ]
