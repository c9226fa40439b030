"""Files that layers write for themselves, such as vocabularies: assets/PLACE/NAME in archives."""

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from deepbasics.saving import hdf5, state

_ROOT = "assets"


def of(model: Any) -> dict[str, bytes]:
    """What the `save_assets(folder)` of each layer in a model writes, by its name in an archive."""
    found = {}
    for place, holder in _holders(model, "save_assets").items():
        with TemporaryDirectory() as folder:
            holder.save_assets(folder)
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    name = PurePosixPath(_ROOT, place, path.relative_to(folder).as_posix())
                    found[str(name)] = path.read_bytes()
    return found


def restore(model: Any, archive: zipfile.ZipFile, file: str) -> None:
    """Call `load_assets(folder)` of each layer that has any, with a folder of what it wrote."""
    holders = _holders(model, "load_assets")
    members = _members(archive) if holders else {}
    for place, holder in holders.items():
        root = PurePosixPath(_ROOT, place)
        mine = {path.relative_to(root): name for path, name in members.items()
                if path.is_relative_to(root)}  # fmt: skip
        if not mine:
            continue
        with hdf5.guarded(file, str(root)), TemporaryDirectory() as folder:
            for path, name in mine.items():
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
            holder.load_assets(folder)


def _members(archive: zipfile.ZipFile) -> Mapping[PurePosixPath, str]:
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    return {PurePosixPath(name.replace("\\", "/")): name for name in names}


def _holders(model: Any, method: str) -> dict[str, Any]:
    return {
        place: holder for place, holder in state.places(model).items() if hasattr(holder, method)
    }
