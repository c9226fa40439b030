"""Weights alone: `.weights.h5` in Keras' layout, `.safetensors` by the paths of variables."""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics import legacy
from deepbasics.errors import MissingExtra, UnreadableFile
from deepbasics.optimizers import Optimizer
from deepbasics.paths import as_path
from deepbasics.random import SeedGenerator
from deepbasics.saving import archive, hdf5, legacy_h5, sharded, state
from deepbasics.saving.aside import written_aside

HDF5_ENDINGS = (".h5", ".hdf5")
_SAFETENSORS = ".safetensors"
_ORDER = "deepbasics.order"  # names of the tensors in the order of model.weights


def save_weights(
    model: Any,
    filepath: str | os.PathLike,
    overwrite: bool = True,
    max_shard_size: float | None = None,
) -> None:
    """Write the weights of a model, and the state of its optimizer and random streams.

    `.weights.h5` (any `.h5` or `.hdf5`) is what Keras 3 writes and reads. `.safetensors` holds the
    weights alone, each under the path of its variable. With `max_shard_size` in GB, `.weights.json`
    says which weights are in which of the shards beside it. Raises ValueError for another ending or
    a model without weights yet, FileExistsError if there is a file and `overwrite` is False.
    """
    path = as_path(filepath)
    if max_shard_size is not None:
        path = _sharded_path(path, max_shard_size)
        require_built(model, "save_weights")
        return sharded.write(path, groups_of(model), max_shard_size, overwrite)
    if not path.endswith((*HDF5_ENDINGS, _SAFETENSORS)):
        raise ValueError(
            f"save_weights got {path!r}; the name must end in .weights.h5 (or .h5, .hdf5), in "
            ".safetensors, or, with max_shard_size, in .weights.json."
        )
    require_built(model, "save_weights")
    if path.endswith(_SAFETENSORS):
        data = _tensors(model)
        with written_aside(path, overwrite) as file:
            file.write(data)
        return
    content = groups_of(model)
    with written_aside(path, overwrite) as file:
        hdf5.write(file, content)


def load_weights(
    model: Any,
    filepath: str | os.PathLike,
    skip_mismatch: bool = False,
    by_name: bool = False,
    safe_mode: bool = True,
) -> None:
    """Set the weights of a model to those in a file; what the optimizer kept too, if it fits.

    Args:
        filepath: `.weights.h5`, `.weights.json` beside its shards, `.safetensors`, a `.keras`
            archive, or `.h5` of Keras 2.
        skip_mismatch: leave layers out, with a warning, whose weights differ in number or shape.
        by_name: layers by their names, others left out; only for `.h5` of Keras 2.
        safe_mode: refuse NaN.

    Raises:
        UnreadableFile: the file is damaged, or its weights are of other shapes; then the weights
            of the model are as they were.
    """
    path = existing(filepath)
    require_built(model, "load_weights")
    kind = signature(path)
    if by_name and kind != "legacy":
        raise ValueError(f"by_name=True is for .h5 files of Keras 2; {path!r} is none.")
    _LOADERS[kind](model, path, skip_mismatch, by_name, safe_mode)
    model._programs = {}


def groups_of(model: Any, optimizer: bool = True) -> dict[str, tuple[str, dict[str, np.ndarray]]]:
    """What `hdf5.write` takes: the arrays of a model by place and key."""
    return {
        place: (getattr(holder, "name", ""), state.arrays(holder))
        for place, holder in state.places(model).items()
        if optimizer or not isinstance(holder, Optimizer)
    }


def restore(
    model: Any,
    found: hdf5.Groups,
    file: str,
    member: str = "",
    skip_mismatch: bool = False,
    nan: bool = False,
) -> None:
    """Set what a model holds to what a file holds; all of it is read and checked first."""
    writes: list[tuple[Any, dict[str, np.ndarray]]] = []
    for place, holder in state.places(model).items():
        stored = found.get(f"{place}/vars".lstrip("/"), {})
        wanted = state.shapes(holder)
        optional = isinstance(holder, (SeedGenerator, Optimizer))
        if optional and not stored:
            continue
        there = {key: stored[key].shape for key in sorted(stored, key=lambda n: (len(n), n))}
        if wanted is None or wanted == there:
            writes.append((holder, {k: hdf5.read(d, file, member, nan) for k, d in stored.items()}))
            continue
        told = (
            f"{type(holder).__name__} {holder.name!r} has weights of shapes "
            f"{list(wanted.values())}; at {place or 'the root'!r} the file has "
            f"{list(there.values())}"
        )
        if isinstance(holder, Optimizer) and not holder.built:
            continue  # a fresh one starts afresh, as in Keras
        if not (skip_mismatch or optional):
            raise UnreadableFile(
                file, member, f"{told}. It is of another model; or pass skip_mismatch=True."
            )
        warnings.warn(f"{told}; left as it was.", stacklevel=legacy.level_of_caller())
    writes.sort(key=lambda write: state.shapes(write[0]) is not None)  # who may yet refuse first
    for holder, values in writes:
        try:
            state.restore(holder, values)
        except Exception as error:
            told = f"{type(holder).__name__} {holder.name!r} cannot take what is there: {error!r}"
            if not skip_mismatch:
                raise UnreadableFile(file, member, told) from error
            warnings.warn(f"{told}; left as it was.", stacklevel=legacy.level_of_caller())


def _sharded_path(path: str, max_shard_size: Any) -> str:
    """Where the JSON goes; as Keras, also for a name that ends in .weights.h5."""
    number = isinstance(max_shard_size, (int, float)) and not isinstance(max_shard_size, bool)
    if not number or not max_shard_size > 0:
        raise ValueError(
            f"save_weights got max_shard_size={max_shard_size!r}; it is a number of GB above 0."
        )
    known = next((e for e in (".weights.h5", sharded.ENDING) if path.endswith(e)), None)
    if known is None:
        raise ValueError(
            f"save_weights got {path!r}; with max_shard_size the name must end in .weights.json."
        )
    return path.removesuffix(known) + sharded.ENDING


def existing(filepath: str | os.PathLike) -> str:
    """The path of a file that is there; FileNotFoundError otherwise."""
    path = as_path(filepath)
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path!r}.")
    return path


def require_built(model: Any, method: str) -> None:
    """ValueError for a model without weights yet."""
    if not model.built and not model.weights:  # one that is never called may hold others
        raise ValueError(
            f"{method}: model {model.name!r} has no weights yet; give it an Input, or call it on "
            "data first."
        )


def signature(path: str) -> str:
    """What a file is by its first bytes: "keras", "h5", "legacy", "sharded" or "safetensors"."""
    with open(path, "rb") as file:
        start = file.read(16)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        with hdf5.opened(path, path) as root, hdf5.guarded(path):
            return "legacy" if {"layer_names", "model_config"} & set(root.attrs) else "h5"
    if start.startswith(b"PK"):
        return "keras"
    if path.endswith(sharded.ENDING):
        return "sharded"
    if path.endswith(_SAFETENSORS):
        return "safetensors"
    raise UnreadableFile(path, "", "it is neither a zip (.keras) nor HDF5 (.h5); is it cut off?")


def _load_h5(model: Any, path: str, skip: bool, by_name: bool, safe: bool) -> None:
    with hdf5.opened(path, path) as root:
        found = hdf5.groups(root, os.path.getsize(path), path)
        restore(model, found, path, "", skip, not safe)


def _load_shards(model: Any, path: str, skip: bool, by_name: bool, safe: bool) -> None:
    with sharded.opened(path) as found:
        restore(model, found, path, "", skip, not safe)


def _load_archive(model: Any, path: str, skip: bool, by_name: bool, safe: bool) -> None:
    with archive.opened(path) as opened, archive.weights(opened, path) as found:
        restore(model, found, path, archive.WEIGHTS, skip, not safe)


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtra("safetensors", "saving", "Files of safetensors") from error
    return safetensors


def _tensors(model: Any) -> bytes:
    names = _names(model)
    tensors = {name: np.ascontiguousarray(v.numpy()) for name, v in names.items()}
    return _library().numpy.save(tensors, {_ORDER: json.dumps(list(names))})


def _names(model: Any) -> dict[str, Any]:
    """The weights by their paths; a path that two share gets a number."""
    found: dict[str, Any] = {}
    for variable in model.weights:
        name, n = variable.path, 0
        while name in found:
            n += 1
            name = f"{variable.path}#{n}"
        found[name] = variable
    return found


def _load_tensors(model: Any, path: str, skip: bool, by_name: bool, safe: bool) -> None:
    safetensors, wanted = _library(), _names(model)
    with hdf5.guarded(path), safetensors.safe_open(path, framework="np") as file:
        stored = _by_our_names(file, list(wanted))
        writes = []
        for name, variable in wanted.items():
            there = stored.get(name)
            shape = None if there is None else tuple(file.get_slice(there).get_shape())
            if shape == variable.shape:
                writes.append((variable, _tensor(file, there, path, safe)))
                continue
            told = f"{name!r} has shape {variable.shape}; in the file it has {shape}"
            if not skip:
                raise ValueError(f"{told}. It is of another model; or pass skip_mismatch=True.")
            warnings.warn(f"{told}; left as it was.", stacklevel=legacy.level_of_caller())
    for variable, value in writes:
        variable.assign(value.astype(variable.dtype))


def _by_our_names(file: Any, wanted: list[str]) -> dict[str, str]:
    """Our names to those in the file: the same, or, if automatic names differ, by their order."""
    there = list(file.keys())
    if set(wanted) <= set(there):
        return {name: name for name in there}
    order = json.loads((file.metadata() or {}).get(_ORDER, "[]"))
    if len(order) == len(wanted) and set(order) == set(there):
        return dict(zip(wanted, order, strict=True))
    return {name: name for name in there}


def _tensor(file: Any, name: str, path: str, safe: bool) -> np.ndarray:
    value = file.get_tensor(name)
    if safe and value.dtype.kind == "f" and np.isnan(value).any():
        raise UnreadableFile(path, name, hdf5.HAS_NAN)
    return value


_LOADERS: dict[str, Callable[..., None]] = {
    "h5": _load_h5,
    "keras": _load_archive,
    "legacy": legacy_h5.load_weights,
    "safetensors": _load_tensors,
    "sharded": _load_shards,
}
