"""The note a sigmoid or softmax leaves for the loss.

A crossentropy of a saturated probability has no gradient; of the logits it has. An activation says
what it was applied to with `remember(y, z)`; a loss that is given the same `y` asks `recall(y)`.
Notes live only inside `scope()`, which the model opens around one step, so nothing is kept alive
longer than the step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_notes: ContextVar[dict[int, tuple[Any, str, Any]] | None] = ContextVar("logits", default=None)


@contextmanager
def scope() -> Iterator[None]:
    """Keep notes for the duration of the block."""
    token = _notes.set({})
    try:
        yield
    finally:
        _notes.reset(token)


def remember(y: Any, activation: str, z: Any) -> Any:
    """Note that `y = activation(z)`; returns `y`."""
    notes = _notes.get()
    if notes is not None:
        notes[id(y)] = (y, activation, z)  # holding y keeps its id from being reused
    return y


def recall(y: Any, activation: str) -> Any | None:
    """The `z` that `activation` was applied to when it made `y`, or None."""
    notes = _notes.get()
    note = notes.get(id(y)) if notes else None
    return note[2] if note is not None and note[1] == activation else None
