"""Classes and functions of your own by name, for whatever is looked up or read from a file."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}
_in_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default={})  # noqa: B039


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """A decorator that makes a class or function known as `"package>name"` to whatever reads files.

    `name` is by default that of the class or function. ValueError for a name taken by another one,
    and for a class without `get_config`.

    >>> @register_keras_serializable("docs")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'docs>double'
    """

    def register(thing: Any) -> Any:
        full = f"{package}>{name or thing.__name__}"
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"{thing.__name__} cannot be registered: it has no get_config().")
        taken = _registered.get(full)
        # A cell of a notebook runs again: the same name from the same place replaces.
        if taken is not None and (taken.__module__, taken.__qualname__) != (
            thing.__module__,
            thing.__qualname__,
        ):
            raise ValueError(f"{full!r} is registered already, as {taken!r}; give another name=.")
        _registered[full] = thing
        _names[thing] = full
        return thing

    return register


def get_registered_name(thing: Any) -> str:
    """The name under which a class or function is registered; its own name if it is not."""
    return _names.get(thing, thing.__name__)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The class or function called `name` in the scope, the register or the mappings, or None."""
    for known in (_in_scope.get(), _registered, custom_objects or {}, module_objects or {}):
        if name in known:
            return known[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The register itself: a dict from name to class or function, which may be added to."""
    return _registered


def known_now() -> dict[str, Any]:
    """All that is registered or in the scope, by name."""
    return _registered | dict(_in_scope.get())


class CustomObjectScope:
    """`with CustomObjectScope({"name": thing}):` things known by name in the block.

    >>> with CustomObjectScope({"twice": len}):
    ...     get_registered_object("twice") is len
    True
    >>> get_registered_object("twice")
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Any] = []

    def __enter__(self) -> "CustomObjectScope":
        self._tokens.append(_in_scope.set({**_in_scope.get(), **self.custom_objects}))
        return self

    def __exit__(self, *args: object) -> None:
        _in_scope.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope
