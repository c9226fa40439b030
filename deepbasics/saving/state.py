"""Which arrays a model has, by their place in Keras' files.

A place is the chain of attributes that leads to a layer ("layers/dense_1", "backward_layer/cell"):
layers in lists go by their classes, since automatic names differ from run to run.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from deepbasics.layers import Layer
from deepbasics.layers.own_state import does_it_its_own_way
from deepbasics.metrics import Metric
from deepbasics.naming import snake_case
from deepbasics.optimizers import Optimizer
from deepbasics.random import SeedGenerator

_HOLDERS = (Layer, Metric, Optimizer, SeedGenerator)
# Attributes and classes that go by another name in files: by those inside Keras.
_DENSE = ("key_dense", "output_dense", "query_dense", "value_dense")
_ATTRIBUTES = {"GroupQueryAttention": {name: f"_{name}" for name in _DENSE}}
_CLASSES = {"GroupQueryAttention": "GroupedQueryAttention"}


def places(model: Layer) -> dict[str, Any]:
    """Each layer, metric, optimizer and random stream of a model by its place; "" is the model."""
    found: dict[str, Any] = {}
    _visit(model, "", found, set())
    return found


def arrays(holder: Any) -> dict[str, np.ndarray]:
    """The arrays to store for a holder, in order: by "0", "1", ... unless it names them itself."""
    store: dict[str, np.ndarray] = {}
    if isinstance(holder, Layer):
        holder.save_own_variables(store)
        return store
    if isinstance(holder, SeedGenerator):
        return {"0": holder.counter.numpy(), "1": np.array(holder.key, "uint64")}
    for i, variable in enumerate(variables(holder)):
        array = variable.numpy()
        if isinstance(holder, Optimizer) and array.dtype == "int64":
            array = array.astype("int32")  # in which Keras counts steps
        store[str(i)] = array
    return store


def variables(holder: Any) -> list[Any]:
    """The Variables of a holder itself, without those of the layers in it."""
    if isinstance(holder, Layer):
        return holder.own_variables()
    if isinstance(holder, SeedGenerator):
        return [holder.counter]
    if hasattr(holder, "inner_optimizer"):  # Keras keeps an iteration and a rate there too
        return [holder._iterations, holder._learning_rate, *holder.variables]
    return holder.variables


def restore(holder: Any, values: dict[str, np.ndarray]) -> None:
    """Set the Variables of a holder, whose shapes the values have; a stream's key, too."""
    if does_it_its_own_way(holder):
        return holder.load_own_variables(values)
    for i, variable in enumerate(variables(holder)):
        variable.assign(values[str(i)].astype(variable.dtype))
    if isinstance(holder, SeedGenerator):
        seed, stream = (int(n) for n in values["1"])
        holder.key = (seed, stream)


def shapes(holder: Any) -> dict[str, tuple[int, ...]] | None:
    """The shapes of what `restore` takes; None where only the holder knows them."""
    if does_it_its_own_way(holder):
        return None
    found = {str(i): v.shape for i, v in enumerate(variables(holder))}
    return found | {"1": (2,)} if isinstance(holder, SeedGenerator) else found


def _visit(holder: Any, place: str, found: dict[str, Any], seen: set[int]) -> None:
    if id(holder) in seen:
        return
    seen.add(id(holder))
    found[place] = holder
    for name, value in _attributes(holder):
        inner = f"{place}/{name}".lstrip("/")
        if isinstance(value, _HOLDERS):
            _visit(value, inner, found, seen)
        elif isinstance(value, (list, tuple, dict)):
            _visit_all(value, inner, found, seen, set())


def _visit_all(
    container: Any, place: str, found: dict[str, Any], seen: set[int], open_ones: set[int]
) -> None:
    if id(container) in open_ones:
        return
    open_ones.add(id(container))
    counts: dict[str, int] = {}
    for item in _items(container):
        if isinstance(item, _HOLDERS):
            name = type(item).__name__
            _visit(item, _free(place, snake_case(_CLASSES.get(name, name)), counts), found, seen)
        elif isinstance(item, (list, tuple, dict)):
            _visit_all(item, _free(place, "container", counts), found, seen, open_ones)


def _items(container: Any) -> Iterable[Any]:
    return list(container.values()) if isinstance(container, dict) else container


def _free(place: str, name: str, counts: dict[str, int]) -> str:
    counts[name] = n = counts.get(name, -1) + 1
    return f"{place}/{name}_{n}" if n else f"{place}/{name}"


def _attributes(holder: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that are looked into, in order: by name, private ones last.

    A model has its `layers` too: first, and nothing private, where they make it up.
    """
    if not isinstance(holder, Layer):
        if hasattr(holder, "inner_optimizer"):
            yield "inner_optimizer", holder.inner_optimizer
        return
    renamed = _ATTRIBUTES.get(type(holder).__name__, {})
    known = {
        renamed.get(name, name): value
        for name, value in vars(holder).items()
        if name not in holder._not_sublayers
    }
    if hasattr(holder, "compile"):
        known |= {"layers": holder.layers, "optimizer": holder.optimizer}
        if any(base.__name__ in ("Sequential", "Functional") for base in type(holder).__mro__):
            yield "layers", known.pop("layers")
            known = {name: value for name, value in known.items() if not name.startswith("_")}
    for name in sorted(known, key=lambda name: (name.startswith("_"), name)):
        yield name, known[name]
