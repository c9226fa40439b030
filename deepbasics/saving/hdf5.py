"""HDF5, written in Keras' layout and read with suspicion.

A file is a tree of groups, as plain data `{"dense/vars": {"0": dataset, ...}}`. Reading follows no
link that leads elsewhere, and takes no dataset that is not plain numbers, all there, in this file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from deepbasics.errors import MissingExtra, UnreadableFile

_DEPTH = 64  # groups within groups: a model has about ten
_RATIO = 100  # how many times larger than its file the content may be
_SMALL = 2**26  # bytes for which the ratio does not matter
_FILTERS = {"gzip", "lzf", "shuffle", "fletcher32"}  # others would be looked for as plugins
HAS_NAN = "it holds NaN, so the model is of no use; pass safe_mode=False to read it anyway"
Groups = dict[str, dict[str, Any]]


def library() -> Any:
    """h5py; MissingExtra if it is not installed."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "saving", "Saving and loading models") from error
    return h5py


@contextmanager
def guarded(file: object, member: str = "") -> Iterator[None]:
    """Whatever goes wrong in the block is told as UnreadableFile, with the file and the member."""
    try:
        yield
    except (UnreadableFile, MissingExtra, FileNotFoundError):
        raise
    except RecursionError as error:
        raise UnreadableFile(file, member, "it is nested too deeply") from error
    except MemoryError as error:
        raise UnreadableFile(file, member, "it asks for more memory than there is") from error
    except Exception as error:
        raise UnreadableFile(file, member, f"{error}" or type(error).__name__) from error


def write(file: BinaryIO, groups: Mapping[str, tuple[str, Mapping[str, np.ndarray]]]) -> None:
    """Write groups `{path: (name, arrays by key)}`: the arrays as `path/vars/key`."""
    with library().File(file, "w") as root:
        for path, (name, arrays) in groups.items():
            group = root.require_group(f"{path}/vars")
            group.attrs["name"] = name
            for key, array in arrays.items():
                group.create_dataset(key, data=array)


@contextmanager
def opened(source: Any, file: object, member: str = "") -> Iterator[Any]:
    """The root of the HDF5 file at a path or in a binary file, to read."""
    h5py = library()
    with guarded(file, member):
        root = h5py.File(source, "r")
    try:
        yield root
    finally:
        root.close()


def size_limit(stored: int) -> int:
    """How many bytes a file of so many may hold once it is unpacked."""
    return max(_SMALL, _RATIO * stored)


def groups(root: Any, size: int, file: object, member: str = "") -> Groups:
    """All datasets below `root`, by group and name; `size` is that of the file in bytes.

    Raises UnreadableFile for anything that is not plain numbers stored in this file.
    """
    found: Groups = {}
    with guarded(file, member):
        _walk(root, "", found, set())
        total = sum(entry.nbytes for group in found.values() for entry in group.values())
        if total > size_limit(size):
            raise ValueError(f"it has {size} bytes and claims to hold {total} bytes of numbers")
    return found


def read(dataset: Any, file: object, member: str = "", nan: bool = False) -> np.ndarray:
    """The numbers of a dataset. Raises UnreadableFile, also if there is a NaN unless `nan`."""
    where = f"{member}:{dataset.name}" if member else dataset.name
    with guarded(file, where):
        array = _widened(dataset[()]) if _is_bfloat16(dataset) else np.asarray(dataset[()])
        if not nan and array.dtype.kind == "f" and np.isnan(array).any():
            raise ValueError(HAS_NAN)
    return array


def _walk(group: Any, path: str, found: Groups, seen: set[int], depth: int = 0) -> None:
    h5py = library()
    if depth > _DEPTH:
        raise ValueError(f"its groups are nested more than {_DEPTH} deep")
    for name in group:
        where = f"{path}/{name}".lstrip("/")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{where!r} is a link to somewhere else; none is followed")
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            raise ValueError(f"{where!r} is a second link to one object")
        seen.add(address)
        if isinstance(item, h5py.Group):
            _walk(item, where, found, seen, depth + 1)
        else:
            _check(item, where)
            found.setdefault(path, {})[name] = item


def _check(item: Any, where: str) -> None:
    if not isinstance(item, library().Dataset):
        raise ValueError(f"{where!r} is no dataset")
    plain = item.dtype.kind in "fiub" and item.dtype.itemsize <= 8
    if not plain and not _is_bfloat16(item):
        raise ValueError(f"{where!r} has dtype {item.dtype}; weights are plain numbers")
    if item.shape is None:
        raise ValueError(f"{where!r} is empty")
    if item.external or item.is_virtual:
        raise ValueError(f"{where!r} lies in another file")
    unknown = set(item._filters) - _FILTERS
    if unknown:
        raise ValueError(f"{where!r} is packed by an unknown filter, {sorted(unknown)}")
    if item.chunks is None and item.nbytes and item.id.get_storage_size() < item.nbytes:
        raise ValueError(f"{where!r} has shape {item.shape}, and no room for so much")


def _is_bfloat16(dataset: Any) -> bool:
    """Whether these are pairs of bytes that Keras calls bfloat16, which HDF5 has no type for."""
    return dataset.dtype.str == "|V2" and str(dataset.attrs.get("dtype")) == "bfloat16"


def _widened(pairs: Any) -> np.ndarray:
    """bfloat16 as float32: the upper half of its bits."""
    return (np.asarray(pairs).view("uint16").astype("uint32") << 16).view("float32")
