"""Finding things by name (`get`, `serialize`), and classes made from functions."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from deepbasics.errors import unknown


class Lookup:
    """The functions and classes of one `kind` by every name they go by.

    >>> shapes = Lookup("shape", {"dict": dict, "length": len})
    >>> shapes.get("dict"), shapes.get(len) is len
    ({}, True)
    >>> shapes.get("lenght")
    Traceback (most recent call last):
    ValueError: Unknown shape 'lenght'. Did you mean 'length'? Known: dict, length.
    """

    def __init__(self, kind: str, objects: Mapping[str, Any]) -> None:
        self.kind = kind
        self.objects = dict(objects)

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The function or class called `name`; ValueError with the nearest name otherwise."""
        known = self.objects | dict(custom_objects or {})
        if name not in known:
            raise unknown(self.kind, name, known)
        return known[name]

    def get(self, identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """What `identifier` stands for.

        A name gives its function, or an instance of its class with the defaults; a class an
        instance; a dict from `serialize` what was serialised; None and any other callable are
        returned as they are.
        """
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier, custom_objects)
        if isinstance(identifier, str):
            identifier = self.find(identifier, custom_objects)
        if inspect.isclass(identifier):
            return identifier()
        if identifier is None or callable(identifier):
            return identifier
        raise TypeError(
            f"A {self.kind} must be a name, a function, an object or a dict from serialize(); "
            f"got {identifier!r}."
        )

    def serialize(self, thing: Any) -> Any:
        """`thing` as plain data: a function's name, `{"class_name", "config"}`, or None."""
        if thing is None:
            return None
        if hasattr(thing, "get_config"):
            config = thing.get_config()
            if "fn" in config:
                config["fn"] = config["fn"].__name__
            return {"class_name": type(thing).__name__, "config": config}
        return thing.__name__

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The inverse of `serialize`; `custom_objects` adds functions and classes by name."""
        if not isinstance(config, Mapping):
            return self.get(config, custom_objects)
        found = self.find(config["class_name"], custom_objects)
        arguments = dict(config["config"])
        if "fn" in arguments:
            arguments["fn"] = self.find(arguments["fn"], custom_objects)
        return found.from_config(arguments)


def class_of(
    base: type,
    class_name: str,
    function: Callable[..., Any],
    defaults: Mapping[str, Any],
    order: str,
    module: str,
) -> type:
    """A subclass of `base` for one `function(y_true, y_pred, **parameters)`, its attribute `of`.

    Its constructor takes the function's parameters and those in `defaults` (which override the
    function's own), in the `order` given as names between spaces, and hands them to
    `base(function, **parameters)`.
    """
    own = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    own |= defaults
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(name, keyword, default=own[name]) for name in order.split()]
    )

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{class_name}{signature}: {error}.") from None
        bound.apply_defaults()
        base.__init__(self, function, **bound.arguments)

    summary = (function.__doc__ or "").split("\n")[0]
    doc = (
        f"{summary}\n\nThe {base.__name__.lower()} of `{function.__name__}`, which has the formula."
    )
    body = {
        "__init__": __init__,
        "__signature__": signature,
        "__doc__": doc,
        "__module__": module,
        "of": staticmethod(function),
    }
    return type(class_name, (base,), body)
