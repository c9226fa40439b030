"""What the attributes of a layer hold, found once and again when one of them has changed."""

from collections.abc import Iterable
from typing import Any

PLAIN = frozenset({str, int, float, bool, type(None)})  # these hold nothing


class Parts:
    """The things in some values, also within lists, tuples and dicts, in their order.

    Lists and dicts may change without anyone being told: `is_current` looks whether one has.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        self._things: list[Any] = []
        self._inside: list[tuple[Any, list[Any]]] = []  # each list or dict, and what it held
        self._by_kind: dict[type, list[Any]] = {}
        for value in values:
            self._add(value)

    def _add(self, value: Any) -> None:
        if type(value) in PLAIN:
            return
        if isinstance(value, (list, tuple, dict)):
            held = _held_by(value)
            if not isinstance(value, tuple):
                self._inside.append((value, held))
            for v in held:
                self._add(v)
        else:
            self._things.append(value)

    def is_current(self) -> bool:
        """Whether all lists and dicts hold what they held."""
        try:
            for container, held in self._inside:
                if type(container) is not list:
                    container = _held_by(container)
                if container != held:  # in C, and by identity where a thing is the same
                    return False
        except ValueError:  # two arrays were compared, so there is another one
            return False
        return True

    def of(self, kind: type) -> list[Any]:
        """The things of a kind."""
        if kind not in self._by_kind:
            self._by_kind[kind] = [thing for thing in self._things if isinstance(thing, kind)]
        return self._by_kind[kind]


def _held_by(container: Any) -> list[Any]:
    return list(container.values() if isinstance(container, dict) else container)
