"""Everything with a `get_config` as plain data, and back; nothing is imported or run on the way."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from deepbasics import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    registered,
    regularizers,
)
from deepbasics.config import is_unsafe_deserialization_enabled
from deepbasics.lookup import adapted, described, described_function
from deepbasics.optimizers import schedules
from deepbasics.random import SeedGenerator

# The words that stand in the modules of files, the room of each, and the base of what is in it.
_ROOMS: dict[str, tuple[Any, type]] = {
    "layers": (layers, layers.Layer),
    "models": (layers, layers.Layer),
    "losses": (losses, losses.Loss),
    "metrics": (metrics, metrics.Metric),
    "optimizers": (optimizers, optimizers.Optimizer),
    "schedules": (schedules, schedules.LearningRateSchedule),
    "initializers": (initializers, initializers.Initializer),
    "regularizers": (regularizers, regularizers.Regularizer),
    "constraints": (constraints, constraints.Constraint),
}
_FUNCTIONS = (activations, losses, metrics)
_DEPTH = 200
# Settings that take memory before there is any data, by the end of the class' name.
_MOST = {("", "num_thresholds"): 10**5, ("", "ngrams"): 100, ("IoU", "num_classes"): 2**12}
_CODE = (
    "It is never run. Write it as a function, decorate that with register_keras_serializable() "
    "and save the model again."
)


def serialize_keras_object(thing: Any) -> Any:
    """`thing` as plain data (dicts, lists, strings, numbers, None), ready for JSON.

    Layers, losses, metrics and so on become `{"module", "class_name", "config",
    "registered_name"}`, functions their name. Raises TypeError for what cannot be told in a file,
    such as a lambda.
    """
    if thing is None or isinstance(thing, (bool, int, float)):
        return thing
    if isinstance(thing, str):
        return thing if thing != "<lambda>" else _refuse_lambda()
    if isinstance(thing, Mapping):
        return {str(key): serialize_keras_object(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [serialize_keras_object(item) for item in thing]
    for form, (is_of, tell, _) in _SPECIAL.items():
        if is_of(thing):
            return {"class_name": form, "config": tell(thing)}
    if isinstance(thing, np.generic):
        return thing.item()
    if hasattr(thing, "get_config"):
        return serialize_keras_object(_described(thing))
    if callable(thing):
        return described_function(thing) if thing.__name__ != "<lambda>" else _refuse_lambda()
    raise TypeError(
        f"{thing!r:.100} cannot be saved: give its class a get_config(), or take it out of the "
        "config."
    )


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The inverse of `serialize_keras_object`, also for what Keras 3 wrote.

    Classes and functions are those of this library, the registered ones and those in
    `custom_objects`; a module that the data name is never imported. With `safe_mode` a `Lambda`
    layer is refused. Raises ValueError for what is unknown.
    """
    check_plain(config, safe_mode)
    with registered.custom_object_scope(custom_objects):
        return _made(config)


def check_plain(config: Any, safe_mode: bool = True, depth: int = 0) -> None:
    """Raises ValueError for code in plain data, and for data nested too deeply."""
    if depth > _DEPTH:
        raise ValueError(f"it is nested more than {_DEPTH} deep")
    if isinstance(config, Mapping):
        name = config.get("class_name")
        _check_sizes(str(name), config.get("config"))
        if name == "__lambda__":
            raise ValueError(f"it holds a Python lambda as bytecode. {_CODE}")
        if name == "Lambda" and safe_mode and not is_unsafe_deserialization_enabled():
            raise ValueError(
                "it has a Lambda layer, which safe_mode=True refuses. With safe_mode=False a "
                "Lambda of a registered function is read; bytecode never is."
            )
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            check_plain(item, safe_mode, depth + 1)


def _check_sizes(name: str, settings: Any) -> None:
    for (ending, setting), most in _MOST.items():
        value = settings.get(setting) if isinstance(settings, Mapping) else None
        if name.endswith(ending) and isinstance(value, (int, float)) and value > most:
            raise ValueError(f"{setting}={value} of a {name} is more than {most}")


def _described(thing: Any) -> dict[str, Any]:
    for room, base in _ROOMS.values():
        if isinstance(thing, base):
            return room.serialize(thing)
    return described(thing, thing.get_config(), "keras.random")


def _made(config: Any) -> Any:
    if isinstance(config, list):
        return [_made(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    name = config.get("class_name")
    if name is None:
        return {key: _made(value) for key, value in config.items()}
    if not isinstance(name, str):
        raise ValueError(f"a class_name must be a string; it is {name!r:.50}")
    if name in _SPECIAL:
        return _SPECIAL[name][2](config["config"])
    if name == "function":
        return _function(config)
    if name.endswith("DTypePolicy"):
        return config["config"]["name"]
    if name == "SeedGenerator":
        return SeedGenerator.from_config(dict(config["config"]))
    return _object(config, name)


def _object(config: Mapping[str, Any], name: str) -> Any:
    words = str(config.get("module") or "").split(".")
    for word in reversed(words):
        if word in _ROOMS and words[0] in ("keras", "deepbasics", "tf_keras"):
            return _ROOMS[word][0].deserialize(config)
    own = registered.known_now()
    full = config.get("registered_name")
    found = own.get(full if isinstance(full, str) and full in own else name)
    if isinstance(found, type) and hasattr(found, "from_config"):
        return found.from_config(adapted(found, config["config"]))
    return layers.deserialize(config)


def _function(config: Mapping[str, Any]) -> Any:
    name = config.get("config")
    own = registered.known_now()
    if name in own:
        return own[name]
    for room in _FUNCTIONS:
        with suppress(ValueError):
            return room.deserialize(config)
    raise ValueError(
        f"There is no function {name!r}: pass custom_objects={{{name!r}: function}}, or decorate "
        "it with register_keras_serializable()."
    )


def _refuse_lambda() -> Any:
    raise TypeError(
        "A lambda has no name to be found by, and code is never saved: write it as a function, "
        "and register it with register_keras_serializable() or pass it in custom_objects."
    )


def _is_array(thing: Any) -> bool:
    return isinstance(thing, np.ndarray) and thing.dtype.kind in "fiub"


def _plain_array(config: Mapping[str, Any]) -> np.ndarray:
    array = np.asarray(config["value"], config.get("dtype"))
    if array.dtype.kind not in "fiub":
        raise ValueError(f"an array of dtype {array.dtype} is no array of numbers")
    return array


def _part(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


# Name in files: (whether a thing is one, its config, the thing of a config).
_SPECIAL: dict[str, tuple[Callable[..., Any], ...]] = {
    "__numpy__": (
        _is_array,
        lambda a: {"value": a.tolist(), "dtype": a.dtype.name},
        _plain_array,
    ),
    "__tensor__": (lambda thing: False, None, _plain_array),
    "__bytes__": (
        lambda thing: isinstance(thing, bytes),
        lambda b: {"value": b.decode("utf-8")},
        lambda config: config["value"].encode("utf-8"),
    ),
    "__ellipsis__": (
        lambda thing: thing is Ellipsis,
        lambda thing: {},
        lambda config: Ellipsis,
    ),
    "__slice__": (
        lambda thing: isinstance(thing, slice),
        lambda s: {"start": _part(s.start), "stop": _part(s.stop), "step": _part(s.step)},
        lambda config: slice(config["start"], config["stop"], config["step"]),
    ),
}
