"""What a call inherits from the one around it: the training flag, and where losses go."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One outermost call of a layer or model; `told`: someone said whether it is training."""

    training: bool = False
    losses: list[Any] = field(default_factory=list)
    told: bool = True


_current: ContextVar[Call | None] = ContextVar("call", default=None)
_path: ContextVar[tuple[str, ...]] = ContextVar("path", default=())


def current() -> Call | None:
    """The call in progress, or None."""
    return _current.get()


@contextmanager
def call_scope(training: bool | None = None) -> Iterator[Call]:
    """The call in progress with `training` (None: as it is), or a new one."""
    outer = _current.get()
    if outer is not None and training in (None, outer.training if outer.told else None):
        yield outer
        return
    inner = Call(bool(training), outer.losses if outer is not None else [], training is not None)
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)


@contextmanager
def apart() -> Iterator[Call]:
    """A call of its own, whatever is in progress: for trials, whose losses count for nothing."""
    token = _current.set(Call())
    try:
        yield _current.get()
    finally:
        _current.reset(token)


@contextmanager
def name_scope(name: str) -> Iterator[tuple[str, ...]]:
    """Put `name` in front of the paths of Variables made in the block."""
    path = _path.get()
    path = path if path and path[-1] == name else (*path, name)
    token = _path.set(path)
    try:
        yield path
    finally:
        _path.reset(token)


def path() -> tuple[str, ...]:
    """The names of the layers being built, outermost first."""
    return _path.get()
