"""Files from elsewhere: downloaded, checked, kept in a cache, unpacked."""

import hashlib
import os
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from deepbasics.errors import unknown

_TIMEOUT = 30  # seconds without a byte from an origin
_CHUNK = 1 << 16
_ALGORITHMS = {32: "md5", 64: "sha256"}  # by the digits of a digest


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is downloaded from `origin`, unless it is in the cache already.

    Args:
        fname: its name in the cache; default the last part of the URL.
        origin: the URL.
        file_hash: its digest; a file in the cache with another one is downloaded again.
        hash_algorithm: "sha256", "md5", or "auto" for what the length of the digest says.
        extract: unpack it; the path is then that of the folder. `untar=True` for a tar file.
        archive_format: "tar", "zip", or "auto" for either.
        cache_dir: default that of the data sets: `DEEPBASICS_CACHE`, or the platform's.
        cache_subdir: the folder within it.
        force_download: download in any case.

    A file appears in the cache whole, with the right digest, or not at all; members of an archive
    stay within its folder. Raises ValueError for a wrong digest or an unreadable archive, OSError
    where the download fails.
    """
    from filelock import FileLock

    if origin is None:
        raise ValueError("get_file needs origin=, the URL of the file.")
    name = os.fspath(fname) if fname else Path(urlsplit(origin).path).name
    if not name or Path(name).name != name:
        raise ValueError(f"get_file: fname must be a name without folders; got {name!r}.")
    digest = _digest(md5_hash or file_hash, "md5" if md5_hash else hash_algorithm)
    folder = (Path(cache_dir).expanduser() if cache_dir else cache_folder()) / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    target = unpacked = folder / name
    if extract or untar:
        if fname and "." in name:
            unpacked = folder / f"{name.partition('.')[0]}_extracted"
        else:
            target = folder / f"{name}_archive"
    with FileLock(folder / f".{name}.lock"):
        there = target.is_file() and not force_download
        if not there or (digest and _actual(target, digest[0]) != digest[1]):
            _fetch(origin, target, digest)
            there = False
        if unpacked == target or (there and unpacked.is_dir()):
            return str(unpacked)
        _unpack(target, unpacked, "tar" if untar else archive_format)
    return str(unpacked)


def _digest(expected: str | None, algorithm: str) -> tuple[str, str] | None:
    """(algorithm, hexadecimal digest) to check; None for none."""
    if expected is None:
        return None
    if algorithm == "auto":
        algorithm = _ALGORITHMS.get(len(expected), algorithm)
    if algorithm not in _ALGORITHMS.values():
        raise unknown(f"hash_algorithm, for {expected!r},", algorithm, _ALGORITHMS.values())
    return algorithm, expected.lower()


def _actual(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _fetch(origin: str, target: Path, digest: tuple[str, str] | None) -> None:
    actual = hashlib.new(digest[0] if digest else "md5", usedforsecurity=False)

    def checked() -> Iterator[bytes]:
        for part in chunks(origin):
            actual.update(part)
            yield part
        if digest and actual.hexdigest() != digest[1]:
            raise ValueError(
                f"{origin} is not the file that was wanted: its {digest[0]} is "
                f"{actual.hexdigest()}, expected {digest[1]}."
            )

    write(target, checked())


def _unpack(archive: Path, folder: Path, formats: str | list[str] | None) -> None:
    """Unpack into a folder of that name, which appears when all is there."""
    formats = ["tar", "zip"] if formats == "auto" else formats
    formats = [formats] if isinstance(formats, str) else list(formats or ())
    aside = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        if "tar" in formats and tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened:
                opened.extractall(aside, filter="data")
        elif "zip" in formats and zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(aside)
        else:
            raise ValueError(f"{archive} is no archive of a known kind ({', '.join(formats)}).")
        aside.chmod(0o755)
        if folder.is_dir():
            shutil.rmtree(folder)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def cache_folder() -> Path:
    """Where downloads are kept: `DEEPBASICS_CACHE`, or the platform's place for caches."""
    if chosen := os.environ.get("DEEPBASICS_CACHE"):
        return Path(chosen).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local") / "deepbasics/Cache"
    if sys.platform == "darwin":
        return home / "Library/Caches/deepbasics"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "deepbasics"


def chunks(url: str) -> Iterator[bytes]:
    """What an origin gives, part by part, showing on stderr how far it has come.

    Raises OSError if it ends too soon.
    """
    request = Request(url, headers={"User-Agent": "deepbasics"})
    with urlopen(request, timeout=_TIMEOUT) as response:
        total, got = int(response.headers.get("Content-Length") or 0), 0
        while part := response.read(_CHUNK):
            yield part
            got += len(part)
            _show(url, got, total)
    if got < total:
        raise OSError(f"the connection ended after {got} of {total} bytes")


def _show(url: str, got: int, total: int) -> None:
    """A progress bar on a terminal; one line where the output is redirected."""
    width = 30
    if sys.stderr.isatty():
        bar = "━" * (width * got // total if total else 0)
        end = "\n" if got == total else ""
        print(f"\r{url} {bar:<{width}} {got / 1e6:.1f} MB", end=end, file=sys.stderr, flush=True)
    elif got <= _CHUNK:
        print(f"Downloading {url} ({total / 1e6:.1f} MB)", file=sys.stderr, flush=True)


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file in one step, whose only writer this process is: a reader sees all, or none."""
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
