"""Finding things by name (`get`), as plain data (`serialize`), and classes made from functions."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from deepbasics import registered
from deepbasics.errors import unknown

# Where Keras keeps each kind of thing: what stands in files, whatever backend wrote them.
MODULES = {
    "constraint": "keras.constraints",
    "initializer": "keras.initializers",
    "layer": "keras.layers",
    "learning rate schedule": "keras.optimizers.schedules",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "model": "keras",
    "optimizer": "keras.optimizers",
    "regularizer": "keras.regularizers",
}
# What Keras' configs hold that changes no result here, whatever its value.
_IGNORED = frozenset(
    {
        *("autocast", "batch_input_shape", "implementation", "input_length", "registered_name"),
        *("renorm_momentum", "synchronized", "use_cudnn", "jit_compile", "is_legacy_optimizer"),
    }
)


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
        own = registered.known_now() | dict(custom_objects or {})
        if name not in own and name not in self.objects:
            raise unknown(self.kind, name, [*self.objects, *(custom_objects or {})])
        return own[name] if name in own else self.objects[name]

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
        article = "An" if self.kind[0] in "aeiou" else "A"
        raise TypeError(
            f"{article} {self.kind} must be a name, a function, an object or a dict from "
            f"serialize(); got {identifier!r}."
        )

    def serialize(self, thing: Any) -> Any:
        """`thing` as plain data: a function's name, what `described` gives of an object, or None.

        Modules are those of Keras, which opens what it knows.
        """
        if thing is None:
            return None
        if not hasattr(thing, "get_config"):
            return registered.get_registered_name(thing)
        config = thing.get_config()
        if "fn" in config:
            config["fn"] = described_function(config["fn"])
        return described(thing, config, MODULES[self.kind])

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The inverse of `serialize`; `custom_objects` adds functions and classes by name."""
        if not isinstance(config, Mapping):
            return self.get(config, custom_objects)
        name, settings = self.parts(config)
        if name == "function":
            found = self.find(settings, custom_objects)
            return getattr(found, "of", found)
        found = self.find_class(config, custom_objects)
        settings = adapted(found, settings)
        if "fn" in settings:
            settings["fn"] = self.deserialize(_function(settings["fn"]), custom_objects)
        return found.from_config(settings)

    def parts(self, config: Mapping[str, Any]) -> tuple[str, Any]:
        """The name and the settings in what `serialize` gave; ValueError where they are not."""
        name, settings = config.get("class_name"), config.get("config")
        if not isinstance(name, str) or not isinstance(settings, (Mapping, str)):
            raise ValueError(
                f"A {self.kind} as plain data has a class_name and a config; got {config!r:.200}."
            )
        return name, settings

    def find_class(
        self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> type:
        """The class in what `serialize` gave, by its registered name or its own."""
        own = registered.known_now() | dict(custom_objects or {})
        full = config.get("registered_name")
        name = full if isinstance(full, str) and full in own else config["class_name"]
        found = self.find(name, custom_objects)
        if not isinstance(found, type):
            raise ValueError(f"{name!r} is no class of a {self.kind}, but {found!r}.")
        return found


def described(thing: Any, config: dict[str, Any], module: str) -> dict[str, Any]:
    """An object as plain data: module, class name, config and registered name.

    `module` is that of Keras; what is not of this library keeps its own, under which nothing is
    ever imported.
    """
    cls = type(thing)
    if cls.__module__.startswith("deepbasics."):
        return {
            "module": module,
            "class_name": cls.__name__,
            "config": config,
            "registered_name": None,
        }
    return {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "config": config,
        "registered_name": registered.get_registered_name(cls),
    }


def described_function(function: Callable[..., Any]) -> dict[str, Any]:
    """A function as plain data: its name."""
    name = registered.get_registered_name(function)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def _function(name: Any) -> Any:
    return {"class_name": "function", "config": name} if isinstance(name, str) else name


def adapted(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """A config that Keras may have written as the constructor of `cls` takes it.

    A dtype policy becomes its name. Of a class of this library, settings that it does not have are
    left out where they are off (None, False) or change nothing.
    """
    found = dict(config)
    if isinstance(found.get("dtype"), Mapping):
        found["dtype"] = dict(found["dtype"].get("config") or {}).get("name")
    if not cls.__module__.startswith("deepbasics."):
        return found
    takes = _parameters(cls)
    return {
        name: value
        for name, value in found.items()
        if name in takes or not (name in _IGNORED or value is None or value is False)
    }


@cache
def _parameters(cls: type) -> frozenset[str]:
    """The arguments of the constructor, those of its bases included."""
    names = set(inspect.signature(cls).parameters)
    for base in cls.__mro__[:-1]:
        names |= set(inspect.signature(base.__init__).parameters)
    return frozenset(names)


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
