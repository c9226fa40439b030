"""What a call inherits from the one around it: the training flag, and where losses go."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class Call:
    """One outermost call of a layer or model."""

    training: bool = False
    losses: list[Any] = field(default_factory=list)


_current: ContextVar[Call | None] = ContextVar("call", default=None)
_path: ContextVar[tuple[str, ...]] = ContextVar("path", default=())
_counters: dict[str, Any] = {}


def current() -> Call | None:
    """The call in progress, or None."""
    return _current.get()


@contextmanager
def call_scope(training: bool | None = None) -> Iterator[Call]:
    """The call in progress with `training` (None: as it is), or a new one."""
    outer = _current.get()
    if outer is not None and (training is None or training == outer.training):
        yield outer
        return
    inner = Call(bool(training), outer.losses if outer is not None else [])
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)


@contextmanager
def name_scope(name: str) -> Iterator[tuple[str, ...]]:
    """Put `name` in front of the paths of Variables made in the block."""
    path = (*_path.get(), name)
    token = _path.set(path)
    try:
        yield path
    finally:
        _path.reset(token)


def path() -> tuple[str, ...]:
    """The names of the layers being built, outermost first."""
    return _path.get()


def snake_case(name: str) -> str:
    """A class name as Keras spells it in automatic names.

    >>> snake_case("MaxPooling2D"), snake_case("ReLU"), snake_case("LSTM")
    ('max_pooling2d', 're_lu', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(class_name: str) -> str:
    """`dense`, then `dense_1`, `dense_2`, ...; `clear_session` starts again."""
    base = snake_case(class_name)
    n = next(_counters.setdefault(base, count()))
    return f"{base}_{n}" if n else base


def clear_session() -> None:
    """Forget the automatic names given so far."""
    _counters.clear()
