"""Downloads: kept once, checked, unpacked whole and within their folder."""

import hashlib
import io
import tarfile
import zipfile

import pytest

from deepbasics.utils import get_file

CONTENT = b"some content\n" * 20_000
SHA256, MD5 = (hashlib.new(name, CONTENT).hexdigest() for name in ("sha256", "md5"))


@pytest.fixture
def origin(tmp_path):
    """A file that stands for one elsewhere."""
    path = tmp_path / "origin" / "toys.txt"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def get(tmp_path):
    return lambda **how: get_file(cache_dir=tmp_path / "cache", **how)


def names(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


@pytest.mark.parametrize("digest", [None, SHA256, MD5, SHA256.upper()])
def test_a_file_is_downloaded_once(origin, get, tmp_path, digest):
    path = get(origin=origin.as_uri(), file_hash=digest)
    assert path == str(tmp_path / "cache" / "datasets" / "toys.txt")
    origin.write_bytes(b"changed")
    assert get(origin=origin.as_uri(), file_hash=digest) == path
    with open(path, "rb") as file:
        assert file.read() == CONTENT
    assert names(tmp_path / "cache") == ["toys.txt"]


def test_the_cache_is_that_of_the_data_sets(origin, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPBASICS_CACHE", str(tmp_path / "own"))
    path = get_file("a.txt", origin.as_uri(), cache_subdir="sub")
    assert path == str(tmp_path / "own" / "sub" / "a.txt")


def test_a_download_with_another_digest_is_refused_and_not_kept(origin, get, tmp_path):
    with pytest.raises(ValueError, match=f"its sha256 is {SHA256}, expected {'0' * 64}"):
        get(origin=origin.as_uri(), file_hash="0" * 64)
    with pytest.raises(ValueError, match=f"its md5 is {MD5}"):
        get(origin=origin.as_uri(), md5_hash="0" * 32)
    assert names(tmp_path / "cache") == []


def test_a_file_that_has_changed_in_the_cache_is_downloaded_again(origin, get):
    path = get(origin=origin.as_uri(), file_hash=SHA256)
    with open(path, "wb") as file:
        file.write(b"cut off")
    get(origin=origin.as_uri(), file_hash=SHA256)
    with open(path, "rb") as file:
        assert file.read() == CONTENT
    origin.write_bytes(b"newer")
    get(origin=origin.as_uri(), force_download=True)
    with open(path, "rb") as file:
        assert file.read() == b"newer"


def test_a_download_that_fails_leaves_what_was_there(origin, get):
    path = get(origin=origin.as_uri())
    origin.unlink()
    with pytest.raises(OSError, match="toys"):
        get(origin=origin.as_uri(), force_download=True)
    with open(path, "rb") as file:
        assert file.read() == CONTENT


def packed(path, member="inner/toys.txt"):
    """An archive of one member at `path`, a tar file or a zip file."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, CONTENT)
    else:
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo(member)
            info.size = len(CONTENT)
            archive.addfile(info, io.BytesIO(CONTENT))
    return path.as_uri()


@pytest.mark.parametrize("ending", ["tgz", "zip"])
def test_an_archive_is_unpacked(get, tmp_path, ending):
    url = packed(tmp_path / f"toys.{ending}")
    cache = tmp_path / "cache" / "datasets"
    for fname, folder in ((f"x.{ending}", "x_extracted"), ("y", "y"), (None, f"toys.{ending}")):
        path = get(fname=fname, origin=url, extract=True)
        assert path == str(cache / folder)
        assert (cache / folder / "inner" / "toys.txt").read_bytes() == CONTENT


def test_what_is_no_archive_is_refused(origin, get, tmp_path):
    with pytest.raises(ValueError, match=r"no archive of a known kind \(tar, zip\)"):
        get(origin=origin.as_uri(), extract=True)
    with pytest.raises(ValueError, match=r"no archive of a known kind \(tar\)"):
        get(origin=packed(tmp_path / "a.zip"), untar=True)
    assert names(tmp_path / "cache") == ["a.zip_archive", "toys.txt_archive"]


def test_members_stay_within_the_folder(get, tmp_path):
    with pytest.raises(tarfile.OutsideDestinationError):
        get(origin=packed(tmp_path / "a.tgz", "../../escaped.txt"), extract=True)
    get(origin=packed(tmp_path / "a.zip", "../../escaped.txt"), extract=True)
    assert not list(tmp_path.glob("escaped.txt")) + list((tmp_path / "cache").glob("escaped.txt"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "needs origin="),
        ({"origin": "https://x.org/"}, "a name without folders; got ''"),
        ({"origin": "https://x.org/a", "fname": "../a"}, "a name without folders"),
        ({"origin": "https://x.org/a", "file_hash": "abc"}, "Known: md5, sha256"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_any_download(get, how, said):
    with pytest.raises(ValueError, match=said):
        get(**how)
