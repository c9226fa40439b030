"""`.h5` files of Keras 2 (and 1): whole models and weights, by layer name.

The root, or its group `model_weights`, has an attribute `layer_names`; each layer's group has
`weight_names`, the paths of its arrays. A whole model has JSON in the attributes `model_config` and
`training_config`, and `optimizer_weights`.
"""

import json
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from deepbasics import legacy, optimizers
from deepbasics.errors import UnreadableFile
from deepbasics.layers import Layer
from deepbasics.metrics import MeanMetricWrapper
from deepbasics.saving import compiling, hdf5

_ATTRIBUTE_LIMIT = 64000  # bytes: HDF5 takes no larger attribute in old files
_MODEL, _OPTIMIZER = "model_weights", "optimizer_weights"
Arrays = list[tuple[str, np.ndarray]]


# reading ------------------------------------------------------------------------------------------


def load_model(path: str, compile: bool, safe_mode: bool, build: Callable[[Any, bool], Any]) -> Any:
    """The model in a file that Keras 2 wrote; `build` makes it from its config."""
    with hdf5.opened(path, path) as root:
        found = hdf5.groups(root, os.path.getsize(path), path)
        with hdf5.guarded(path, "model_config"):
            model = build(json.loads(_text(root, "model_config")), safe_mode, found)
            weights = root[_MODEL]
        _set_weights(model, weights, found, path, False, False, not safe_mode)
        if compile and "training_config" in root.attrs:
            with hdf5.guarded(path, "training_config"):
                compiling.compile_from(model, _training(root), safe_mode)
            if _OPTIMIZER in root:
                _set_slots(model, root[_OPTIMIZER], found, path)
    return model


def load_weights(model: Any, path: str, skip: bool, by_name: bool, safe: bool) -> None:
    """Set the weights of a model to those in a file of weights or of a whole model."""
    with hdf5.opened(path, path) as root:
        found = hdf5.groups(root, os.path.getsize(path), path)
        group = root.get(_MODEL, root)
        _set_weights(model, group, found, path, skip, by_name, not safe)


def modern(config: Any) -> Any:
    """The config of a model as it is written today: that of Keras 1 was a list of layers."""
    if not isinstance(config, Mapping):
        raise ValueError(f"a model is described by an object, not by {config!r:.50}")
    if isinstance(config.get("config"), list):
        return {**config, "config": {"layers": config["config"]}}
    return config


def _text(holder: Any, name: str) -> str:
    value = holder.attrs[name]
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _names(group: Any, name: str) -> list[str]:
    """A list of names in an attribute, or in several (`name0`, `name1`, ...) if it is long."""
    parts = [name] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(f"{name}{len(parts)}")
    found = [n for part in parts for n in group.attrs[part]]
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in found]


def _arrays(group: Any, found: hdf5.Groups, path: str, nan: bool = True) -> list[Any]:
    """The datasets that `weight_names` of a group lists, each a checked one."""
    with hdf5.guarded(path, group.name):
        datasets = []
        for name in _names(group, "weight_names"):
            where, _, last = f"{group.name}/{name}".lstrip("/").rpartition("/")
            if last not in found.get(where, {}):
                raise ValueError(f"it lists {name!r}, which is not there")
            datasets.append(found[where][last])
        return datasets


def _set_weights(
    model: Any, group: Any, found: hdf5.Groups, path: str, skip: bool, by_name: bool, nan: bool
) -> None:
    writes = []
    for layer, stored in _pairs(model, group, found, path, by_name):
        variables = _variables(layer)
        wanted, shapes = [v.shape for v in variables], [d.shape for d in stored]
        if wanted == shapes:
            writes += zip(variables, (hdf5.read(d, path, nan=nan) for d in stored), strict=True)
            continue
        told = f"layer {layer.name!r} has weights of shapes {wanted}; the file has {shapes}"
        if not skip:
            raise UnreadableFile(
                path, "", f"{told}. It is of another model; or pass skip_mismatch=True."
            )
        warnings.warn(f"{told}; left as it was.", stacklevel=legacy.level_of_caller())
    for variable, value in writes:
        variable.assign(value.astype(variable.dtype))


def _pairs(
    model: Any, group: Any, found: hdf5.Groups, path: str, by_name: bool
) -> list[tuple[Layer, list[Any]]]:
    """Each layer with its datasets: by name, or those that have any in order."""
    with hdf5.guarded(path, group.name):
        stored = {n: _arrays(group[n], found, path) for n in _names(group, "layer_names")}
    if by_name:
        return [(layer, stored[layer.name]) for layer in model.layers if stored.get(layer.name)]
    layers = [layer for layer in model.layers if layer.weights]
    full = [arrays for arrays in stored.values() if arrays]
    if len(layers) != len(full):
        raise UnreadableFile(
            path,
            "",
            f"it has {len(full)} layers with weights, model {model.name!r} has {len(layers)}; "
            "it is of another model, or pass by_name=True",
        )
    return list(zip(layers, full, strict=True))


def _variables(layer: Layer) -> list[Any]:
    """The weights of a layer in the order of these files: all trainable ones come first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# what compile was given ---------------------------------------------------------------------------


def _training(root: Any) -> dict[str, Any]:
    """`training_config` as a compile config of today."""
    config = json.loads(_text(root, "training_config"))
    optimizer = dict(config.pop("optimizer_config"))
    settings = dict(optimizer.get("config", {}))
    cls = type(optimizers.get(str(optimizer["class_name"])))
    if "lr" in settings:
        settings["learning_rate"] = settings.pop("lr")
    settings = {k: v for k, v in settings.items() if k not in _FORGOTTEN}
    if not settings.get("decay"):
        settings.pop("decay", None)
    optimizer = {"module": "keras.optimizers", "class_name": cls.__name__, "config": settings}
    metrics = {name: _metrics(config.get(name)) for name in ("metrics", "weighted_metrics")}
    return config | metrics | {"optimizer": optimizer, "loss": _loss(config.get("loss"))}


_FORGOTTEN = ("is_legacy_optimizer", "jit_compile")  # settings of Keras 2 that change no result


def _loss(loss: Any) -> Any:
    """An object was stored with neither module nor, in the end, anything but name and config."""
    return _told(loss, "keras.losses")


def _metrics(metrics: Any) -> Any:
    """Metrics were told for each output as wrappers of functions: `accuracy` by what it became."""
    while isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        metrics = metrics[0]
    return _told(metrics, "keras.metrics")


def _told(thing: Any, module: str) -> Any:
    if isinstance(thing, list):
        return [_told(item, module) for item in thing]
    if not isinstance(thing, Mapping):
        return thing
    if "class_name" not in thing:
        return {key: _told(value, module) for key, value in thing.items()}
    config = dict(thing.get("config") or {})
    if "fn" in config and thing["class_name"] != MeanMetricWrapper.__name__:
        config.pop("fn")  # a class of its own, told as the wrapper that it is
    if config.get("reduction") == "auto" or module == "keras.metrics":
        config.pop("reduction", None)
    return {"module": module, **thing, "config": config}


def _set_slots(model: Any, group: Any, found: hdf5.Groups, path: str) -> None:
    """Set the optimizer's state, if it is of a form known here; a warning otherwise."""
    stored = [hdf5.read(d, path, nan=True) for d in _arrays(group, found, path)]
    names = [name.rpartition("/")[2].split(":")[0] for name in _names(group, "weight_names")]
    optimizer = model.optimizer
    if len(stored) > 1:
        optimizer.follow(model.trainable_weights)
    values = _in_our_order(names, stored, len(model.trainable_weights))
    variables = [v for v in optimizer.variables if v.name != "learning_rate"]
    if [v.shape for v in variables] != [v.shape for v in values]:
        warnings.warn(
            f"{path}: the state of the optimizer is of a form unknown here; it starts afresh.",
            stacklevel=legacy.level_of_caller(),
        )
        return
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value.astype(variable.dtype))


def _in_our_order(names: list[str], stored: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Iteration, then the slots of each variable together.

    So they are from Keras 2.11 on, which calls the first `iteration`; before, all first slots came
    first, then all second ones.
    """
    if names[0] == "iteration":
        return [a for n, a in zip(names, stored, strict=True) if not n.endswith("learning_rate")]
    first, slots = stored[:1], stored[1:]
    if count == 0 or len(slots) % count:
        return stored
    kinds = len(slots) // count
    return first + [slots[k * count + i] for i in range(count) for k in range(kinds)]


# writing ------------------------------------------------------------------------------------------


def content_of(model: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """What `write` takes: configs as JSON, and arrays by layer and path."""
    compiled = config.get("compile_config")
    training = None
    if compiled is not None:
        training = {k: v for k, v in compiled.items() if k != "optimizer"}
        training["optimizer_config"] = compiled["optimizer"]
    return {
        "model_config": json.dumps({k: v for k, v in config.items() if k != "compile_config"}),
        "training_config": None if training is None else json.dumps(training),
        "layers": {
            layer.name: [(v.path, v.numpy()) for v in _variables(layer)] for layer in model.layers
        },
        "optimizer": [] if training is None else _slots(model.optimizer),
    }


def _slots(optimizer: Any) -> Arrays:
    return [(v.path, v.numpy()) for v in optimizer.variables]


def write(file: BinaryIO, content: Mapping[str, Any], include_optimizer: bool = True) -> None:
    """Write a whole model as Keras 2 and 3 do to `.h5`."""
    with hdf5.library().File(file, "w") as root:
        root.attrs["keras_version"] = "2.15.0"
        root.attrs["backend"] = "deepbasics"
        root.attrs["model_config"] = content["model_config"]
        if content["training_config"] is not None:
            root.attrs["training_config"] = content["training_config"]
        group = root.create_group(_MODEL)
        _write_names(group, "layer_names", list(content["layers"]))
        for name, arrays in content["layers"].items():
            _write_arrays(group.create_group(name), arrays)
        _write_arrays(group.create_group("top_level_model_weights"), [])
        if content["optimizer"]:
            _write_arrays(root.create_group(_OPTIMIZER), content["optimizer"])


def _write_arrays(group: Any, arrays: Arrays) -> None:
    taken: dict[str, np.ndarray] = {}
    for path, array in arrays:
        name, n = path, 0
        while name in taken:
            n += 1
            name = f"{path}_{n}"
        taken[name] = array
        group.create_dataset(name, data=array)
    _write_names(group, "weight_names", list(taken))


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    data = np.array([name.encode("utf-8") for name in names], dtype="S" if names else "S1")
    pieces = max(1, -(-data.nbytes // _ATTRIBUTE_LIMIT))
    for i, piece in enumerate(np.array_split(data, pieces)):
        group.attrs[attribute if pieces == 1 else f"{attribute}{i}"] = piece
