"""Whole models: `.keras` archives, `.h5` of Keras 2, and JSON of the architecture alone."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from deepbasics import dtypes, layers, registered, trials
from deepbasics.layers import Layer
from deepbasics.layers.preprocessing.written_vocabulary import vocabularies_apart
from deepbasics.layers.shapes import map_shapes
from deepbasics.paths import as_path
from deepbasics.saving import archive, assets, compiling, hdf5, legacy_h5, state, weights
from deepbasics.saving.aside import written_aside
from deepbasics.saving.objects import check_plain, serialize_keras_object
from deepbasics.variables import stand_in

_SLACK = 2**20  # bytes of weights that a model may have and its file not: counters and the like
_MOST_NEW = 2**28  # bytes of weights that a JSON alone may ask for


def save_model(
    model: Layer,
    filepath: str | os.PathLike,
    overwrite: bool = True,
    include_optimizer: bool = True,
) -> None:
    """Write a model: `.keras`, which Keras 3 opens, or `.h5` (`.hdf5`) as Keras 2 wrote it.

    It holds the architecture, the weights, what `compile` was given, the optimizer's state and the
    positions of random streams. The file is written aside and renamed: if anything goes wrong, the
    one that was there is whole. Raises ValueError for another ending, FileExistsError if there is a
    file and `overwrite` is False, TypeError for what cannot be told in a file (a lambda).
    """
    path = as_path(filepath)
    if path.endswith(weights.HDF5_ENDINGS):
        content = legacy_h5.content_of(model, model_config(model, include_optimizer))
        with written_aside(path, overwrite) as file:
            legacy_h5.write(file, content, include_optimizer)
        return
    if not path.endswith(".keras"):
        raise ValueError(f"save got {path!r}; the name must end in .keras (or in .h5, .hdf5).")
    with vocabularies_apart():
        config = model_config(model, include_optimizer)
    groups = weights.groups_of(model, include_optimizer) if model.built else {}
    files = assets.of(model)
    with written_aside(path, overwrite) as file:
        archive.write(file, config, groups, files)


def load_model(
    filepath: str | os.PathLike,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a file, on the active backend, ready to go on training.

    Args:
        filepath: a `.keras` archive (also of Keras 3), or a `.h5` file of a whole model (Keras 2).
        custom_objects: classes and functions of your own by name; or register them.
        compile: also restore what `compile` was given, and the optimizer's state.
        safe_mode: refuse `Lambda` layers, and NaN among the weights.

    Nothing in the file is run or imported, whatever `safe_mode` is: names stand for classes of this
    library, registered ones and those given. Raises UnreadableFile, which names the file and the
    part of it, for anything damaged, unknown or hostile.
    """
    path = weights.existing(filepath)
    kind = weights.signature(path)
    with registered.custom_object_scope(custom_objects):
        if kind == "keras":
            return _load_archive(path, compile, safe_mode)
        if kind == "legacy":
            return legacy_h5.load_model(path, compile, safe_mode, _build_for)
    raise weights.UnreadableFile(
        path, "", "it holds weights alone; build the model, then call model.load_weights(path)"
    )


def model_config(model: Any, include_compile: bool = False) -> dict[str, Any]:
    """A model as plain data, with its `compile_config` if asked for."""
    config = serialize_keras_object(model)
    if model.input_shape is not None:
        config["build_config"] = {"input_shape": serialize_keras_object(model.input_shape)}
    compiled = compiling.compile_config(model) if include_compile else None
    return config | ({} if compiled is None else {"compile_config": compiled})


def to_json(model: Any, **kwargs: Any) -> str:
    """The architecture of a model, without weights, as JSON; `kwargs` go to `json.dumps`."""
    return json.dumps(model_config(model), **kwargs)


def model_from_json(
    json_string: str, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The model that `to_json` described (also that of Keras 2 and 3), with new weights.

    Raises UnreadableFile for what is no such JSON, and, under `safe_mode`, for `Lambda` layers and
    weights of more than 256 MiB.
    """
    room = _weights_up_to(_MOST_NEW if safe_mode else math.inf)
    with hdf5.guarded("model_from_json"), registered.custom_object_scope(custom_objects), room:
        return build(json.loads(json_string), safe_mode)


def build(config: Any, safe_mode: bool = True) -> Any:
    """A model from its config, with its weights if the shape of its input is known."""
    check_plain(config, safe_mode)
    with trials.of_a_file() if safe_mode else nullcontext():
        model = layers.deserialize(legacy_h5.modern(config))
        if not hasattr(model, "compile"):
            raise ValueError(f"it is a {type(model).__name__}, no model")
        shape = (config.get("build_config") or {}).get("input_shape")
        if not model.built and shape:
            _build_by_shape(model, shape)
    return model


def _load_archive(path: str, compile: bool, safe_mode: bool) -> Any:
    with archive.opened(path) as opened:
        config = archive.config(opened, path)
        with archive.weights(opened, path) as found:
            with hdf5.guarded(path, archive.CONFIG):
                model = _build_for(config, safe_mode, found)
            compiled = config.get("compile_config")
            if compile and compiled:
                with hdf5.guarded(path, f"{archive.CONFIG}: compile_config"):
                    compiling.compile_from(model, compiled, safe_mode)
                    stored = found.get("optimizer/vars", {})
                    if len(stored) > len(state.variables(model.optimizer)):
                        model.optimizer.follow(model.trainable_weights)
            with hdf5.guarded(path, archive.WEIGHTS):
                weights.restore(model, found, path, archive.WEIGHTS, nan=not safe_mode)
        assets.restore(model, opened, path)
    return model


def _build_for(config: Any, safe_mode: bool, found: hdf5.Groups) -> Any:
    """A model that is about to get the weights that were found: no larger than these."""
    size = sum(entry.nbytes for group in found.values() for entry in group.values())
    with _weights_up_to(size + _SLACK, zeros=True):
        return build(config, safe_mode)


@contextmanager
def _weights_up_to(limit: float, zeros: bool = False) -> Iterator[None]:
    """Weights made in the block have so many bytes in all; zeros will do where they are read."""
    left = limit

    def replace(initializer: Callable[..., Any]) -> Callable[..., Any]:
        def limited(shape: tuple[int, ...], dtype: str) -> Any:
            nonlocal left
            left -= math.prod(float(n) for n in shape) * np.dtype(_host(dtype)).itemsize
            if left < 0:
                why = "the file has numbers for" if zeros else f"is left of {limit} bytes"
                raise ValueError(f"a weight of shape {shape} is more than {why}")
            return np.zeros(shape, _host(dtype)) if zeros else initializer(shape, dtype=dtype)

        return limited

    token = stand_in.set(replace)
    try:
        yield
    finally:
        stand_in.reset(token)


def _host(dtype: str) -> str:
    return "float32" if dtype == "bfloat16" else dtypes.name(dtype)


def _build_by_shape(model: Any, shape: Any) -> None:
    """Make the weights of a model that has none yet, for inputs of a shape or a nest of them."""
    if hasattr(model, "_stack"):  # whose layers need no call
        return model.build((None, *shape[1:]))
    model.build_for(map_shapes(lambda one: _zeros([1, *(n or 1 for n in one[1:])]), shape))


def _zeros(shape: list[int]) -> np.ndarray:
    if math.prod(map(float, shape)) > trials.LARGEST:
        raise ValueError(f"an input of shape {shape} is too large")
    return np.zeros(shape, "float32")


class Saving:
    """The part of a model that is saved and loaded."""

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        include_optimizer: bool = True,
        zipped: bool | None = None,
    ) -> None:
        """Write the whole model to `.keras` (or `.h5`); see `saving.save_model`.

        `zipped` is for Keras' signature: an archive is always zipped.
        """
        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Write the weights to `.weights.h5`, `.safetensors`, or, with `max_shard_size` in GB, to
        `.weights.json` and shards beside it; see `saving.save_weights`.
        """
        weights.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self,
        filepath: str | os.PathLike,
        skip_mismatch: bool = False,
        by_name: bool = False,
        safe_mode: bool = True,
    ) -> None:
        """Set the weights to those in a file; see `saving.load_weights`."""
        weights.load_weights(self, filepath, skip_mismatch, by_name, safe_mode)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, without weights."""
        return to_json(self, **kwargs)

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was given, as plain data; None before it."""
        return compiling.compile_config(self)

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as `get_compile_config` says, that of Keras too."""
        compiling.compile_from(self, config)
