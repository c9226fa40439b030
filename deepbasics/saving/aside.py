"""Files are written aside and renamed: whoever looks sees the old file or the new one, whole."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_ENDING = ".partial"
_LEFT_BEHIND = 3600.0  # seconds after which such a file belongs to nobody any more


@contextmanager
def written_aside(path: str | os.PathLike, overwrite: bool = True) -> Iterator[BinaryIO]:
    """A file to write, in the folder of `path`; when the block ends it takes the place of `path`.

    It is on the disk (fsync) before it is renamed, and so is the folder's entry after. If the block
    fails, `path` is as it was. What an earlier process that was killed left behind is cleared away.

    Raises:
        FileExistsError: there is a file, and `overwrite` is False.
        FileNotFoundError: there is no such folder.
        IsADirectoryError: there is a folder at `path`.
        OSError: the system refuses (no room, no right); the error names `path`.
    """
    target = Path(path).resolve()  # a link stays one: the file that it names is replaced
    if target.is_dir():
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder; a file is saved here.")
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"There is a file {os.fspath(path)!r} already; pass overwrite=True to replace it."
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(target.parent)!r} to save in; make it.")
    _clear(target)
    aside = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}{_ENDING}")
    try:
        with open(aside, "xb") as file:
            if target.exists():
                os.chmod(aside, target.stat().st_mode & 0o777)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            told = f"{error.strerror}; nothing was saved, and a file that was there is as it was"
            raise type(error)(error.errno, told, os.fspath(path)) from error
        raise
    _sync_folder(target.parent)


def _clear(target: Path) -> None:
    """Remove what was being written for `target` long ago."""
    name = f".{target.name}."
    for path in target.parent.iterdir():
        if path.name.startswith(name) and path.name.endswith(_ENDING):
            with suppress(OSError):  # another process may have been quicker
                if time.time() - path.stat().st_mtime > _LEFT_BEHIND:
                    path.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there, and need not be
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
