"""Weights in several files, as Keras has them: `m.weights.json` says which lies in which shard.

The shards, `m_00000.weights.h5` and so on, are written first, under names that are free, and the
JSON last: until then it names the old ones, so that whoever looks sees one save or the other. The
old ones are taken away after that. Keras opens the first name whatever is in it, so a file stays
there.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics.saving import hdf5
from deepbasics.saving.aside import written_aside

ENDING = ".weights.json"
_GIB = 1024**3
_TEXT_LIMIT = 2**26  # bytes of JSON
_MOST = 1000  # shards, which are open at the same time
Contents = dict[str, tuple[str, dict[str, np.ndarray]]]


def write(path: str, groups: Contents, max_shard_size: float, overwrite: bool = True) -> None:
    """Write groups (see `hdf5.write`) to shards of at most so many GiB, and the JSON to `path`.

    Raises ValueError if a single array is larger.
    """
    shards = _divided(groups, max_shard_size)
    before = _shards_of(path)
    names = list(islice(_free_names(path), len(shards)))
    weight_map: dict[str, Any] = {}
    for name, shard in zip(names, shards, strict=True):
        for place, (_, arrays) in shard.items():
            if arrays:
                weight_map.setdefault(f"/{place}/vars".replace("//", "/"), []).append(name)
    weight_map = {key: found if found[1:] else found[0] for key, found in weight_map.items()}
    size = sum(array.nbytes for _, arrays in groups.values() for array in arrays.values())
    with ExitStack() as stack:  # which renames the first last
        file = stack.enter_context(written_aside(path, overwrite))
        told = {"metadata": {"total_size": size}, "weight_map": weight_map}
        file.write(json.dumps(told, indent=4).encode())
        for name, shard in zip(names, shards, strict=True):
            hdf5.write(stack.enter_context(written_aside(Path(path).with_name(name))), shard)
    _take_away(path, before - set(names))


@contextmanager
def opened(path: str) -> Iterator[hdf5.Groups]:
    """The datasets in all shards, by group and key."""
    found: hdf5.Groups = {}
    with ExitStack() as stack:
        with hdf5.guarded(path):
            weight_map = _weight_map(path)
        shards = {}
        for name in dict.fromkeys(name for names in weight_map.values() for name in names):
            place = str(Path(path).with_name(name))
            with hdf5.guarded(path):
                if not Path(place).is_file():
                    raise ValueError(f"it names {name!r}, which is not beside it")
            root = stack.enter_context(hdf5.opened(place, place))
            shards[name] = hdf5.groups(root, os.path.getsize(place), place)
        for group, names in weight_map.items():
            place = group.strip("/")
            for name in names:
                found.setdefault(place, {}).update(shards[name].get(place, {}))
        yield found


def _divided(groups: Contents, max_shard_size: float) -> list[Contents]:
    limit, size, shards = max_shard_size * _GIB, 0, [{}]
    for place, (name, arrays) in groups.items():
        shards[-1].setdefault(place, (name, {}))
        for key, array in arrays.items():
            if array.nbytes > limit:
                raise ValueError(
                    f"save_weights got max_shard_size={max_shard_size} GB; {name or place!r} has "
                    f"weights of {array.nbytes / _GIB:.3g} GB, which must be in one shard."
                )
            size += array.nbytes
            if size > limit:
                size = array.nbytes
                shards.append({})
            shards[-1].setdefault(place, (name, {}))[1][key] = array
    if len(shards) > _MOST:
        raise ValueError(
            f"save_weights got max_shard_size={max_shard_size} GB, for which it would write "
            f"{len(shards)} files; pass a larger one."
        )
    return shards


def _name(path: str, i: int) -> str:
    return f"{Path(path).name.removesuffix(ENDING)}_{i:05}.weights.h5"


def _free_names(path: str) -> Iterator[str]:
    names = (_name(path, i) for i in count())
    return (name for name in names if not Path(path).with_name(name).exists())


def _weight_map(path: str) -> Mapping[str, list[str]]:
    """The JSON at a path, checked: the names of files beside it, by group."""
    if os.path.getsize(path) > _TEXT_LIMIT:
        raise ValueError(f"it has more than {_TEXT_LIMIT} bytes")
    weight_map = json.loads(Path(path).read_bytes())["weight_map"]
    found = {group: [names] if isinstance(names, str) else names
             for group, names in weight_map.items()}  # fmt: skip
    for name in (name for names in found.values() for name in names):
        if (
            not name
            or Path(name).name != name
            or name.startswith(".")
            or "\\" in name
            or ":" in name
        ):
            raise ValueError(f"it names {name!r}, which is no file beside it")
    if len({name for names in found.values() for name in names}) > _MOST:
        raise ValueError(f"it names more than {_MOST} files")
    return found


def _shards_of(path: str) -> set[str]:
    """The names that the file at a path has for its shards, if it is one of these."""
    with suppress(Exception):
        return {name for names in _weight_map(path).values() for name in names}
    return set()


def _take_away(path: str, names: set[str]) -> None:
    for name in names:
        shard = Path(path).with_name(name)
        with suppress(OSError):  # they are of no use, and of no harm
            if name == _name(path, 0):
                with written_aside(shard) as file:
                    hdf5.write(file, {})
            else:
                shard.unlink()
