"""What ModelCheckpoint does to the files of a person when something goes wrong."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import deepbasics as db

pytest.importorskip("h5py", reason="the extra saving")

X = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)


def trained(path, **settings):
    model = db.Sequential([db.Input((4,)), db.layers.Dense(1)])
    model.compile("sgd", "mse")
    checkpoint = db.callbacks.ModelCheckpoint(path, **settings)
    model.fit(X, X[:, :1], epochs=2, verbose=0, callbacks=[checkpoint])
    return model


def one_line(error):
    return "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
@pytest.mark.parametrize(
    "problem",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        KeyboardInterrupt(),
        MemoryError(),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_a_save_that_breaks_off_leaves_what_there_was(tmp_path, monkeypatch, name, problem):
    path = tmp_path / name
    only = name == "m.weights.h5"
    before = trained(path, save_weights_only=only).get_weights()
    content = path.read_bytes()

    def broken(file, *content, **settings):
        file.write(b"the first half")
        raise problem

    home = "deepbasics.saving.legacy_h5.write" if name == "m.h5" else "deepbasics.saving.hdf5.write"
    monkeypatch.setattr(home, broken)
    with pytest.raises(type(problem)) as error:
        trained(path, save_weights_only=only)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == [name]
    monkeypatch.undo()
    other = trained(tmp_path / "other.keras")
    other.load_weights(path)
    for a, b in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    if isinstance(problem, OSError):
        assert one_line(error)
        assert str(path) in str(error.value)
        assert "as it was" in str(error.value)


@pytest.mark.skipif(os.name == "nt", reason="no such limit")
def test_a_file_that_the_system_cuts_off_is_no_checkpoint(tmp_path):
    """A real write that fails in the middle: the process may write no more than 1000 bytes."""
    script = f"""
import resource, signal
import numpy as np, deepbasics as db
model = db.Sequential([db.Input((4,)), db.layers.Dense(1)])
model.compile("sgd", "mse")
model.save({str(tmp_path / "m.keras")!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
checkpoint = db.callbacks.ModelCheckpoint({str(tmp_path / "m.keras")!r})
model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0, callbacks=[checkpoint])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "File too large; nothing was saved" in done.stderr.splitlines()[-1]
    assert os.listdir(tmp_path) == ["m.keras"]
    assert db.models.load_model(tmp_path / "m.keras").optimizer.iterations.numpy() == 0


@pytest.mark.skipif(os.name == "nt", reason="interrupts by a signal")
def test_ctrl_c_at_any_moment_leaves_a_whole_file(tmp_path):
    script = """
import sys, numpy as np, deepbasics as db
layers = [db.layers.Dense(300), db.layers.Dense(300), db.layers.Dense(1)]
model = db.Sequential([db.Input((4,)), *layers])
model.compile("sgd", "mse")
checkpoint = db.callbacks.ModelCheckpoint(sys.argv[1], save_freq=1)
told = db.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: print(batch, flush=True))
try:
    model.fit(np.ones((8, 4)), np.ones((8, 1)), 1, 10**6, verbose=0, callbacks=[checkpoint, told])
except KeyboardInterrupt:
    sys.exit(7)
"""
    path = tmp_path / "m.keras"
    rng = np.random.default_rng(0)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            process.stdout.readline()
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            assert process.wait() == 7
        assert os.listdir(tmp_path) == ["m.keras"]
        assert np.isfinite(db.models.load_model(path).get_weights()[0]).all()


def test_paths_of_all_kinds(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    trained("~/new/folder/m.keras")
    trained(Path("runs", "{epoch:02d} — übung 模型.keras"))
    trained(os.fsencode("bytes.weights.h5"), save_weights_only=True)
    trained(".keras")
    found = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert found == {
        *("new/folder/m.keras", "runs/01 — übung 模型.keras", "runs/02 — übung 模型.keras"),
        *("bytes.weights.h5", ".keras"),
    }
    assert db.models.load_model("~/new/folder/m.keras").built


PROBLEMS = {
    "a folder in its place": ("folder.keras", IsADirectoryError, "is a folder"),
    "a file for a folder": ("file/m.keras", OSError, "cannot make its folder"),
    "a name that is too long": ("x" * 300 + ".keras", OSError, "x.keras"),
    "a name not in the logs": ("{val_loss}.keras", KeyError, "there is: epoch, loss"),
    "a number for a name": ("{0}.keras", ValueError, "cannot fill in"),
    "a format that is none": ("{loss:d}.keras", ValueError, "cannot fill in"),
    "an open brace": ("{.keras", ValueError, "cannot fill in"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_wrong_with_a_path_is_said_in_a_line(tmp_path, name):
    given, kind, told = PROBLEMS[name]
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(kind, match=told) as error:
        trained(tmp_path / given)
    assert one_line(error)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    """By a system that refuses, for the tests may run as someone who may write everywhere."""

    def refuse(*arguments, **settings):
        raise PermissionError(errno.EACCES, "Permission denied", "/a/file/aside")

    monkeypatch.setattr("deepbasics.saving.aside.open", refuse, raising=False)
    with pytest.raises(PermissionError, match=r"Permission denied; nothing was saved.*m\.keras"):
        trained(tmp_path / "m.keras")
    assert os.listdir(tmp_path) == []
