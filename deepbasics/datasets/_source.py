"""Where the files of a data set are found, and how one that is nowhere is brought here.

Looked for in the folder `DEEPBASICS_DATA`, then in the cache, then at the public origins. A file
is read whole and checked before any of it is used: it is right, or it is refused by name.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deepbasics.utils.files import cache_folder, chunks, write


@dataclass(frozen=True)
class Source:
    """A data set's files, each with a reader that checks and parses it, and where they can be had.

    A reader takes the bytes of the whole file and raises `ValueError` with the reason when they
    are not the right ones.
    """

    dataset: str
    origins: tuple[str, ...]  # URLs of folders, tried in this order
    readers: Mapping[str, Callable[[bytes], Any]]

    def load(self) -> list[Any]:
        """What the readers make of the files, in their order.

        Raises `ValueError` for a file that is not the right one, `FileNotFoundError` for one that
        is nowhere.
        """
        return [self._load(name) for name in self.readers]

    def _load(self, name: str) -> Any:
        for path in self._places(name):
            if path.is_file():
                return self._read(path)
        return self._fetch(name)

    def _places(self, name: str) -> Iterator[Path]:
        if folder := data_folder():
            yield folder / self.dataset / name
            yield folder / name
        yield self._cached(name)

    def _cached(self, name: str) -> Path:
        return cache_folder() / self.dataset / name

    def _read(self, path: Path) -> Any:
        try:
            return self.readers[path.name](path.read_bytes())
        except ValueError as error:
            raise ValueError(
                f"{path} is not the file of the data set {self.dataset!r}: {error}. Delete it, or"
                f" replace it with a good copy, for example {self.origins[0]}{path.name}"
            ) from error

    def _fetch(self, name: str) -> Any:
        path = self._cached(name)
        with _alone_in(path.parent):
            if path.is_file():  # another process has brought it while this one waited
                return self._read(path)
            failures = []
            for origin in self.origins:
                try:
                    raw = b"".join(chunks(origin + name))
                    value = self.readers[name](raw)
                except (OSError, HTTPException, ValueError) as error:
                    failures.append(f"  {origin}{name}: {error}")
                else:
                    write(path, [raw])
                    return value
        raise FileNotFoundError(self._nowhere(name, failures))

    def _nowhere(self, name: str, failures: list[str]) -> str:
        folder = data_folder() or "a folder of your own"
        return "\n".join(
            [
                f"The file {name} of the data set {self.dataset!r} is not on this machine, and no"
                " origin gave it:",
                *failures,
                f"Get it by other means and put it at {self._cached(name)}, or into {folder} with"
                " DEEPBASICS_DATA set to that folder.",
                f"The data set needs: {', '.join(self.readers)}.",
            ]
        )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other processes out of it for the block."""
    from filelock import FileLock

    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise OSError(
            f"Nothing can be written to the cache {folder} ({error}). Set DEEPBASICS_CACHE to a "
            "folder of yours, or DEEPBASICS_DATA to one that has the files."
        ) from error
    try:
        yield
    finally:
        lock.release()


def data_folder() -> Path | None:
    """The folder `DEEPBASICS_DATA`, or None when that is not set."""
    value = os.environ.get("DEEPBASICS_DATA")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(f"DEEPBASICS_DATA is {value!r}, which is not a folder.")
    return folder


def check_digest(what: str, content: bytes, algorithm: str, expected: str) -> None:
    """Raise `ValueError` unless the digest of `content` is the expected one."""
    actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if actual != expected:
        raise ValueError(f"the {algorithm.upper()} of {what} is {actual}, expected {expected}")
