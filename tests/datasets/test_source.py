"""Finding, downloading and refusing the files of a data set."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepbasics.datasets._source import Source, check_digest
from deepbasics.utils.files import cache_folder

GOOD = b"good content\n" * 20_000  # more than one chunk
SHA256 = "d54dab54ead21a3dc4b01f8b5a4631c58b46b9112545b7d7b60eb6dc94488a65"


def _read(raw: bytes) -> str:
    check_digest("its content", raw, "sha256", SHA256)
    return raw.decode()


def _source_at(*origins: str) -> Source:
    return Source("toys", origins, {"toys.txt": _read})


def _files(folder: Path) -> list[str]:
    return sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.name != ".lock" and p.is_file()
    )


@pytest.mark.parametrize("place", ["toys.txt", "toys/toys.txt"])
def test_the_data_folder_may_be_flat_or_have_a_folder_for_each_data_set(
    place, tmp_path, monkeypatch, nowhere
):
    path = tmp_path / "data" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD)
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path / "data"))
    assert _source_at(nowhere).load() == [GOOD.decode()]


def test_the_data_folder_is_asked_before_the_cache_and_the_cache_before_the_origin(
    tmp_path, monkeypatch, origin, cache
):
    origin.files["toys.txt"] = b"from the origin"
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("DEEPBASICS_DATA", str(data))
    source = Source("toys", (origin.url,), {"toys.txt": bytes.decode})

    assert source.load() == ["from the origin"]
    (cache / "toys" / "toys.txt").write_bytes(b"from the cache")
    assert source.load() == ["from the cache"]
    (data / "toys.txt").write_bytes(b"from the folder")
    assert source.load() == ["from the folder"]
    assert len(origin.requests) == 1


def test_a_data_folder_that_is_not_there_is_an_error(tmp_path, monkeypatch, origin):
    origin.files["toys.txt"] = GOOD
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path / "misspelt"))
    with pytest.raises(NotADirectoryError, match="misspelt"):
        _source_at(origin.url).load()


def test_a_download_is_kept_and_nothing_else_is_left(origin, cache):
    origin.files["toys.txt"] = GOOD
    assert _source_at(origin.url).load() == [GOOD.decode()]
    assert _files(cache) == ["toys/toys.txt"]
    assert (cache / "toys/toys.txt").read_bytes() == GOOD
    _source_at(origin.url).load()
    assert len(origin.requests) == 1


def test_a_wrong_file_in_the_data_folder_is_refused_by_its_path_and_digests(
    tmp_path, monkeypatch, origin
):
    origin.files["toys.txt"] = GOOD
    wrong = tmp_path / "toys.txt"
    wrong.write_bytes(GOOD[:-1])
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="is not the file of the data set 'toys'") as caught:
        _source_at(origin.url).load()
    actual = "d7ab1c468d3db26fcad366acedbf9ef9833e59e759fecbdeeef714108046c665"
    for part in (str(wrong), SHA256, actual, f"{origin.url}toys.txt"):
        assert part in str(caught.value)
    assert origin.requests == []


def test_a_damaged_file_in_the_cache_is_refused_by_its_path(cache, nowhere):
    path = cache / "toys/toys.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(GOOD[:100])
    with pytest.raises(ValueError, match="expected") as caught:
        _source_at(nowhere).load()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("trouble", ["unreachable", "missing", "wrong", "cut short"])
def test_the_next_origin_is_asked_when_one_fails(trouble, origin, cache, nowhere):
    origin.files["toys.txt"] = GOOD
    first = {
        "unreachable": nowhere,
        "missing": f"{origin.url}no-such-",
        "wrong": f"{origin.url}wrong-",
        "cut short": f"{origin.url}cut-",
    }[trouble]
    origin.files |= {"wrong-toys.txt": GOOD + b"!", "cut-toys.txt": GOOD}
    origin.cut.add("cut-toys.txt")
    assert _source_at(first, origin.url).load() == [GOOD.decode()]
    assert _files(cache) == ["toys/toys.txt"]


def test_when_no_origin_serves_the_error_tells_each_reason_and_where_to_put_the_file(
    origin, cache, nowhere
):
    origin.files |= {"wrong-toys.txt": b"?", "cut-toys.txt": GOOD}
    origin.cut.add("cut-toys.txt")
    prefixes = [nowhere, origin.url, f"{origin.url}wrong-", f"{origin.url}cut-"]
    with pytest.raises(FileNotFoundError) as caught:
        _source_at(*prefixes).load()
    message = str(caught.value)
    reasons = ["refused", "404", f"expected {SHA256}", f"{len(GOOD) // 2} of {len(GOOD)} bytes"]
    for prefix, reason in zip(prefixes, reasons, strict=True):
        (line,) = [s for s in message.splitlines() if f"{prefix}toys.txt:" in s]
        assert reason in line
    assert str(cache / "toys/toys.txt") in message
    assert "DEEPBASICS_DATA" in message
    assert _files(cache) == []


_LOAD = """
import signal, sys
import filelock
from deepbasics.datasets._source import Source
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start us with it ignored

class Announced(filelock.FileLock):
    def acquire(self, *args, **kwargs):
        print("at the lock", flush=True)
        return super().acquire(*args, **kwargs)

filelock.FileLock = Announced
print(len(Source("toys", (sys.argv[1],), {"toys.txt": bytes.decode}).load()[0]), flush=True)
"""


def _start(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _LOAD, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("taken", ["cache", "cache/toys"])
def test_a_cache_that_cannot_be_written_to_says_what_to_set(taken, tmp_path, monkeypatch, origin):
    origin.files["toys.txt"] = GOOD
    monkeypatch.setenv("DEEPBASICS_CACHE", str(tmp_path / "cache"))
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match=r"Nothing can be written to the cache .*DEEPBASICS_CACHE"):
        _source_at(origin.url).load()
    assert origin.requests == []


def test_processes_at_once_download_one_file_once(origin, cache):
    origin.files["toys.txt"] = GOOD
    origin.stalled.add("toys.txt")
    processes = [_start(origin.url)]
    assert origin.requested.wait(60)  # the first is in the middle of it
    processes += [_start(origin.url), _start(origin.url)]
    for process in processes:
        assert process.stdout.readline() == "at the lock\n"
    assert len(origin.requests) == 1
    origin.go_on.set()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, f"{len(GOOD)}\n"), err
    assert len(origin.requests) == 1
    assert _files(cache) == ["toys/toys.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is not a signal there")
def test_ctrl_c_leaves_no_file_and_no_lock_behind(origin, cache):
    origin.files["toys.txt"] = GOOD
    origin.stalled.add("toys.txt")
    process = _start(origin.url)
    assert origin.requested.wait(60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err
    assert _files(cache) == []
    origin.go_on.set()
    assert _source_at(origin.url).load() == [GOOD.decode()]


def test_an_interrupted_write_leaves_no_file(origin, cache, monkeypatch):
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    origin.files["toys.txt"] = GOOD
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _source_at(origin.url).load()
    assert _files(cache) == []


def test_a_redirected_download_says_so_in_one_line(origin, capsys):
    origin.files["toys.txt"] = GOOD
    _source_at(origin.url).load()
    assert capsys.readouterr().err == f"Downloading {origin.url}toys.txt (0.3 MB)\n"


def test_a_download_on_a_terminal_shows_a_bar(origin, capsys, monkeypatch):
    origin.files["toys.txt"] = GOOD
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _source_at(origin.url).load()
    lines = capsys.readouterr().err.split("\r")
    assert lines[-1].endswith("━" * 30 + " 0.3 MB\n")
    assert len(lines) > 2


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", "caches/deepbasics"),
        ("darwin", "home/Library/Caches/deepbasics"),
        ("win32", "local/deepbasics/Cache"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(platform, expected, tmp_path, monkeypatch):
    monkeypatch.delenv("DEEPBASICS_CACHE")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder() == tmp_path / expected
