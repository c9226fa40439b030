"""Names made from class names: `snake_case`, and automatic names that differ."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

_counters: dict[str, count] = {}
place: ContextVar[str] = ContextVar("place", default="")  # whose calls these are: a layer's name


@contextmanager
def at(name: str) -> Iterator[None]:
    """Calls within belong to `name`: what is recorded of them is named after it."""
    token = place.set(name)
    try:
        yield
    finally:
        place.reset(token)


def snake_case(name: str) -> str:
    """A class name as Keras spells it in automatic names.

    >>> snake_case("MaxPooling2D"), snake_case("ReLU"), snake_case("LSTM"), snake_case("F1Score")
    ('max_pooling2d', 're_lu', 'lstm', 'f1_score')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(class_name: str) -> str:
    """`dense`, then `dense_1`, `dense_2`, ...; `clear_session` starts again."""
    base = snake_case(class_name)
    n = next(_counters.setdefault(base, count()))
    return f"{base}_{n}" if n else base


def get_uid(prefix: str = "") -> int:
    """1, then 2, 3, ... for each prefix; `clear_session` starts again."""
    return next(_counters.setdefault(f"{prefix} (uid)", count(1)))


def distinct(names: list[str]) -> list[str]:
    """The names, those met before with a number.

    >>> distinct(["a", "b", "a"])
    ['a', 'b', 'a_1']
    """
    found = (f"{n}_{names[:i].count(n)}" if n in names[:i] else n for i, n in enumerate(names))
    return list(found)


def clear_session(free_memory: bool = True) -> None:
    """Forget the automatic names given so far; `free_memory` also collects garbage."""
    _counters.clear()
    if free_memory:
        import gc

        gc.collect()
