"""Settings of layers whose names say what they are: `…_initializer`, `…_regularizer`, …

`keep` makes objects of what a constructor was given, `config` plain data of them again, and
`weight` adds the weight that they describe.
"""

import copy
import inspect
from functools import cache
from typing import Any

from deepbasics import activations, constraints, initializers, regularizers
from deepbasics.layers.base import Layer
from deepbasics.variables import Variable

_KINDS = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
    "activation": activations,
}


def _kind(name: str) -> Any:
    return _KINDS.get(name.rpartition("_")[2])


def keep(layer: Layer, **given: Any) -> None:
    """Set the attributes of a layer; identifiers of initializers and the like become objects."""
    for name, value in given.items():
        kind = _kind(name)
        setattr(layer, name, value if kind is None else kind.get(value))


@cache
def _names(cls: type) -> tuple[str, ...]:
    taken = inspect.signature(cls.__init__).parameters.values()
    named = [p.name for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return tuple(n for n in named if n not in ("self", "name", "dtype", "activity_regularizer"))


def config(layer: Layer) -> dict[str, Any]:
    """The arguments of the layer's constructor, from the attributes of the same names."""
    found = {}
    for name in _names(type(layer)):
        value, kind = getattr(layer, name), _kind(name)
        found[name] = value if kind is None else kind.serialize(value)
    return found


def weight(
    layer: Layer,
    role: str,
    shape: tuple[int, ...],
    name: str = "",
    fans: tuple[tuple[int, ...], tuple[int, ...]] | None = None,
) -> Variable:
    """Add a weight as the settings that begin with its role say; its name is the role.

    `fans`: the axes by which an initializer counts what comes in and what goes out, where they are
    not those of a usual kernel, unless it has been given some itself.
    """
    initializer = getattr(layer, f"{role}_initializer")
    if fans is not None and isinstance(initializer, initializers.VarianceScaling):
        initializer = copy.copy(initializer)
        if initializer.input_axes is None or initializer.output_axes is None:
            initializer.input_axes, initializer.output_axes = fans
    return layer.add_weight(
        shape,
        initializer,
        regularizer=getattr(layer, f"{role}_regularizer"),
        constraint=getattr(layer, f"{role}_constraint"),
        name=name or role,
    )
