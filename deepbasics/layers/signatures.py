"""What the methods of a layer take: read once from their signatures."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any

from deepbasics import legacy
from deepbasics.layers import scope
from deepbasics.layers.shapes import shapes_of


@cache
def parameters(method: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the arguments of a method, without `self`."""
    return tuple(inspect.signature(method).parameters)[1:]


@cache
def mask_slots(call: Callable[..., Any]) -> dict[str, str]:
    """For each argument of `call` that is a mask, the name of that whose mask it is."""
    names = parameters(call)
    of = {name: name.removesuffix("_mask") for name in names if name.endswith("_mask")}
    found = {mask: tensors for mask, tensors in of.items() if tensors in names}
    return found | ({"mask": names[0]} if "mask" in names else {})


def shape_arguments(method: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What to call a method with that takes shapes, for the arguments that `call` was given.

    `query_shape` is the shape of `query`; the first, whatever its name, that of the first argument.
    """
    names = parameters(method)
    of = {name: name.removesuffix("_shape") for name in names if name.endswith("_shape")}
    found = {name: shapes_of(given[t]) for name, t in of.items() if given.get(t) is not None}
    if names and names[0] not in found:
        found[names[0]] = shapes_of(next(iter(given.values())))
    return found


def name_first(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """`add_weight`, also with the arguments in the order of Keras 2, which began with the name."""

    @wraps(add_weight)
    def either(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            kwargs |= dict(zip(("name", "shape", "dtype", "initializer"), args, strict=False))
            args = ()
        return add_weight(self, *args, **kwargs)

    return either


def constructor(cls: type, init: Callable[..., Any], base: Callable[..., Any]) -> Any:
    """`init`, taking old spellings and what any layer takes (`base`); it names unknown keywords."""
    named = inspect.signature(init).parameters.values()
    takes = {p.name for p in named if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes -= {"self"}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in named)
    common = set(inspect.signature(base).parameters) - {"self"}

    @wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if type(self) is not cls:
            return init(self, *args, **kwargs)
        if not kwargs.keys() <= takes:
            valid = takes | common if open_ended else takes
            if not kwargs.keys() <= valid:
                name = getattr(cls, "called_as", cls.__name__)
                kwargs = legacy.modernise(name, kwargs, valid)
            if not open_ended or cls.__module__.startswith("deepbasics."):
                legacy.check_keywords(cls.__name__, kwargs, valid)
        init(self, *args, **kwargs)
        if "_own_weights" not in vars(self):
            raise RuntimeError(
                f"{cls.__name__}.__init__ must call super().__init__() before anything else."
            )
        return None

    return __init__


def builder(build: Callable[..., Any]) -> Callable[..., Any]:
    """`build` in a scope of the layer's name; the layer knows that it is built, and for what."""

    @wraps(build)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        with scope.name_scope(self.name) as path:
            build(self, *args, **kwargs)
        self._path = "/".join(path)
        self.built = True
        self._built_for = args, kwargs

    return wrapped
