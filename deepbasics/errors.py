"""The few exception classes, the sentence for an unknown name, and the checks of numbers."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_NEEDED = object()


class BackendUnavailable(ImportError):
    """A backend was asked for whose library or device is not there."""


class NotRecordable(RuntimeError):
    """A step looked at the value of a tensor, and so cannot be recorded."""


class MissingExtra(ImportError):
    """An optional library is needed and not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f'{purpose} needs {library}, which is not installed: pip install "deepbasics[{extra}]"'
        )


class UnreadableFile(ValueError):
    """A file of a model or weights is damaged, or holds what must not be read.

    >>> print(UnreadableFile("m.keras", "config.json", "it is no JSON"))
    m.keras: config.json: it is no JSON
    """

    def __init__(self, file: object, member: str, problem: object) -> None:
        super().__init__(": ".join(str(part) for part in (file, member, problem) if str(part)))
        self.file, self.member, self.problem = str(file), member, str(problem)


def nearest(name: str, valid: Iterable[str]) -> str:
    """`" Did you mean 'x'?"`, or an empty string when nothing is near.

    >>> nearest("sofmax", ["relu", "softmax"])
    " Did you mean 'softmax'?"
    """
    by_folded = {str(v).lower(): str(v) for v in valid}
    close = get_close_matches(str(name).lower(), by_folded, n=1, cutoff=0.6)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


def unknown(kind: str, name: object, valid: Iterable[str]) -> ValueError:
    """The error for an unknown name of a `kind` of thing: it lists the nearest and the valid ones.

    >>> print(unknown("activation", "sofmax", ["relu", "softmax"]))
    Unknown activation 'sofmax'. Did you mean 'softmax'? Known: relu, softmax.
    """
    names = sorted({str(v) for v in valid})
    return ValueError(
        f"Unknown {kind} {name!r}.{nearest(str(name), names)} Known: {', '.join(names)}."
    )


def as_fraction(name: str, value: Any, meaning: str) -> float:
    """`value` as a float in [0, 1]. Raises ValueError otherwise; the message says what it means."""
    try:
        fraction = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        fraction = math.nan
    if not 0 <= fraction <= 1:
        raise ValueError(f"{name} must be in [0, 1], {meaning}; got {value!r}.")
    return fraction


def as_count(name: str, value: Any, default: Any = _NEEDED, least: int = 1) -> Any:
    """`value` as an int of at least `least`; None is the default, if there is one.

    Raises ValueError otherwise.

    >>> as_count("batch_size", None, default=32)
    32
    >>> as_count("batch_size", 0)
    Traceback (most recent call last):
    ValueError: batch_size must be a positive integer; got 0.
    """
    if value is None and default is not _NEEDED:
        return default
    try:
        whole = not isinstance(value, (bool, str)) and int(value) == value
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or value < least:
        kind = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{name} must be {kind}; got {value!r}.")
    return int(value)
