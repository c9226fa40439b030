"""`.keras` archives as Keras has them: a zip of metadata.json, config.json, model.weights.h5.

Layers with more than weights have files of their own in it, below assets/.
"""

import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from deepbasics.errors import UnreadableFile
from deepbasics.saving import hdf5

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
KERAS_VERSION = "3.15.1"  # whose format this is
_TEXT_LIMIT = 2**26  # bytes of a config


def write(
    file: BinaryIO,
    config: Mapping[str, Any],
    groups: Mapping[str, tuple[str, Mapping[str, np.ndarray]]],
    assets: Mapping[str, bytes],
) -> None:
    """Write an archive: the config of a model, its arrays (see `hdf5.write`), and other files."""
    weights = io.BytesIO()
    hdf5.write(weights, groups)
    saved = datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    with zipfile.ZipFile(file, "w") as archive:
        metadata = {"keras_version": KERAS_VERSION, "date_saved": saved}
        archive.writestr(METADATA, json.dumps(metadata))
        archive.writestr(CONFIG, json.dumps(config))
        archive.writestr(WEIGHTS, weights.getbuffer())
        for name, content in assets.items():
            archive.writestr(name, content)


@contextmanager
def opened(path: str) -> Iterator[zipfile.ZipFile]:
    """An archive to read, once its members have been checked by their entries."""
    with hdf5.guarded(path):
        archive = zipfile.ZipFile(path)
    with archive:
        with hdf5.guarded(path):
            _check_members(archive, path)
        yield archive


def config(archive: zipfile.ZipFile, path: str) -> dict[str, Any]:
    """The config of the model in an archive."""
    text = _read(archive, CONFIG, path, _TEXT_LIMIT)
    with hdf5.guarded(path, CONFIG):
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
    return found


@contextmanager
def weights(archive: zipfile.ZipFile, path: str) -> Iterator[hdf5.Groups]:
    """The datasets in an archive, by group and name."""
    data = _read(archive, WEIGHTS, path)
    with hdf5.opened(io.BytesIO(data), path, WEIGHTS) as root:
        yield hdf5.groups(root, len(data), path, WEIGHTS)


def _check_members(archive: zipfile.ZipFile, path: str) -> None:
    limit, total, seen = hdf5.size_limit(os.path.getsize(path)), 0, set()
    for entry in archive.infolist():
        name = entry.filename
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in name:
            raise UnreadableFile(path, name, "it leads out of the archive")
        if name in seen:
            raise UnreadableFile(path, name, "it is there twice")
        seen.add(name)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UnreadableFile(path, name, "it is a link")
        if entry.flag_bits & 1:
            raise UnreadableFile(path, name, "it is encrypted")
        total += entry.file_size
        if total > limit:
            raise UnreadableFile(
                path, name, f"it would grow from {entry.compress_size} to {entry.file_size} bytes"
            )
    missing = {CONFIG, METADATA, WEIGHTS} - seen
    if missing:
        raise UnreadableFile(
            path, "", f"there is no {min(missing)} in it, so it is no .keras archive"
        )


def _read(archive: zipfile.ZipFile, member: str, path: str, limit: int | None = None) -> bytes:
    with hdf5.guarded(path, member):
        size = archive.getinfo(member).file_size
        if limit is not None and size > limit:
            raise ValueError(f"it has {size} bytes, more than {limit}")
        return archive.read(member)
