"""A process killed while it saves: the old file is whole, or the new one is."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import deepbasics as db
from deepbasics.saving import aside

KILLS = int(os.environ.get("DEEPBASICS_KILLS", "12"))
# Saves models one after the other for as long as it lives; all weights of the n-th are n.
SAVER = """
import sys, numpy as np, deepbasics as db
db.set_backend("numpy")
model = db.Sequential([db.Input((200,)), db.layers.Dense(500), db.layers.Dense(10)])
for n in range(1, 10**6):
    model.set_weights([np.full(w.shape, n, "float32") for w in model.get_weights()])
    if sys.argv[1].endswith(".json"):
        model.save_weights(sys.argv[1], max_shard_size=450e3 / 2**30)
    else:
        model.save(sys.argv[1])
    print(n, flush=True)
"""


def value_of(path):
    """The number that all weights of a saved model are."""
    if path.suffix == ".json":
        model = db.Sequential([db.Input((200,)), db.layers.Dense(500), db.layers.Dense(10)])
        model.load_weights(path)
    else:
        model = db.models.load_model(path)
    found = np.unique(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert found.size == 1, "the file mixes two saves"
    return int(found[0])


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal")
@pytest.mark.parametrize("name", ["m.keras", "m.weights.json"])
def test_a_kill_at_any_moment_leaves_a_whole_file(name, tmp_path):
    path, cut_short = tmp_path / name, 0
    rng = np.random.default_rng(0)
    for kill in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            process.stdout.readline()  # it has saved once
            time.sleep(rng.uniform(0, 0.03))
            process.kill()
            told = [int(line) for line in process.stdout.read().split()]
        last = value_of(path)
        assert last >= max(told, default=1), "what was said to be saved is there"
        left = [p for p in tmp_path.iterdir() if p.suffix == ".partial"]
        cut_short += bool(left)
        print(f"kill {kill + 1}: file of save {last}, {len(left)} begun")
        for leftover in left:
            leftover.unlink()
    print(f"{cut_short} of {KILLS} kills came in the middle of a save")


def test_what_a_killed_process_left_behind_is_cleared_away_later(model, tmp_path, monkeypatch):
    left = tmp_path / ".m.keras.123-abc.partial"
    left.write_bytes(b"half")
    mine = tmp_path / ".other.keras.123-abc.partial"
    mine.write_bytes(b"half")
    model.save(tmp_path / "m.keras")
    assert left.exists(), "it may belong to a process that is saving now"
    os.utime(left, (0, 0))
    os.utime(mine, (0, 0))
    model.save(tmp_path / "m.keras")
    assert not left.exists()
    assert mine.exists()


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(model, tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    model.save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("deepbasics.saving.hdf5.write", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_and_its_folder_are_on_the_disk_in_that_order(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace

    def traced_sync(descriptor):
        done.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        sync(descriptor)

    monkeypatch.setattr(aside.os, "fsync", traced_sync)
    monkeypatch.setattr(aside.os, "replace", lambda *a: (done.append("rename"), replace(*a)))
    with aside.written_aside(tmp_path / "f") as file:
        file.write(b"x")
    expected = ["file", "rename", "folder"]
    assert done == (expected if Path("/proc/self/fd").exists() else ["file", "rename", "file"])


def test_a_link_is_followed_and_rights_are_kept(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "f", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with aside.written_aside(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)


def test_an_existing_file_is_kept_if_asked(model, tmp_path):
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match="no folder"):
        model.save(tmp_path / "nowhere" / "m.keras")
    (tmp_path / "d.keras").mkdir()
    with pytest.raises(IsADirectoryError):
        model.save(tmp_path / "d.keras")
