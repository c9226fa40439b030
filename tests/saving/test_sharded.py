"""Weights in several files, and the JSON that says which lie in which."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from deepbasics.errors import UnreadableFile
from deepbasics.saving import hdf5

GIB = 1024**3
SMALL = 60 / GIB  # holds the larger kernel, and little else


def same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    return True


def named(path):
    """The shards that a JSON names."""
    told = json.loads(path.read_bytes())["weight_map"].values()
    return {name for names in told for name in ([names] if isinstance(names, str) else names)}


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_each_shard_is_small_and_all_are_read(model, make_model, tmp_path):
    path = tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=SMALL)
    told = json.loads(path.read_bytes())
    shards = sorted(named(path))
    assert names(tmp_path) == sorted(["m.weights.json", *shards])
    assert shards[0] == "m_00000.weights.h5"
    assert len(shards) > 3
    total = 0
    for name in shards:
        with hdf5.opened(tmp_path / name, name) as root:
            found = hdf5.groups(root, os.path.getsize(tmp_path / name), name)
            size = sum(d.nbytes for group in found.values() for d in group.values())
        assert size <= SMALL * GIB
        total += size
    assert told["metadata"]["total_size"] == total
    other = make_model()
    other.set_weights([w * 0 for w in other.get_weights()])
    other.load_weights(tmp_path / "m.weights.json")
    assert same(model, other)
    assert int(other.optimizer.iterations.numpy()) == int(model.optimizer.iterations.numpy())


def test_one_shard_if_all_fit(model, make_model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5", max_shard_size=1)
    assert names(tmp_path) == ["m.weights.json", "m_00000.weights.h5"]
    other = make_model()
    other.load_weights(str(tmp_path / "m.weights.json"))
    assert same(model, other)


def test_a_later_save_takes_the_place_of_the_first(model, make_model, tmp_path):
    path = tmp_path / "m.weights.json"
    mine = tmp_path / "m_00001.weights.h5"
    mine.write_bytes(b"a file of mine")
    for n in range(3):
        model.set_weights([np.full(w.shape, n, w.dtype) for w in model.get_weights()])
        model.save_weights(path, max_shard_size=SMALL)
        other = make_model()
        other.load_weights(path)
        assert same(model, other)
        others = {"m.weights.json", mine.name, "m_00000.weights.h5"}  # the last for Keras
        assert set(names(tmp_path)) == named(path) | others
    assert mine.read_bytes() == b"a file of mine"
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False, max_shard_size=SMALL)


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_save_that_fails_leaves_the_old_one_whole(model, make_model, tmp_path, monkeypatch, at):
    path = tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=SMALL)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    write, done = hdf5.write, []

    def full(file, groups):
        if len(done) == at:
            raise OSError(28, "No space left on device")
        done.append(1)
        write(file, groups)

    monkeypatch.setattr(hdf5, "write", full)
    model.set_weights([w * 0 for w in model.get_weights()])
    with pytest.raises(OSError, match="No space left"):
        model.save_weights(path, max_shard_size=SMALL)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("m.weights.json", 1e-9, "in one shard"),
        ("m.weights.json", 0, "above 0"),
        ("m.weights.json", "5GB", "above 0"),
        ("m.weights.json", None, "with max_shard_size"),
        ("m.json", 1, "must end in .weights.json"),
        ("m.safetensors", 1, "must end in .weights.json"),
    ],
)
def test_what_cannot_be_sharded(model, tmp_path, name, size, told):
    with pytest.raises(ValueError, match=told):
        model.save_weights(tmp_path / name, max_shard_size=size)
    assert names(tmp_path) == []


def renamed(name):
    def change(told):
        for key in told["weight_map"]:
            told["weight_map"][key] = name

    return change


HOSTILE = {
    "no JSON": (b"{", "Expecting"),
    "deep": (b"[" * 100_000, "nested"),
    "no map": (b"{}", "weight_map"),
    "a list": (b"[]", ""),
    "no names": (lambda told: told["weight_map"].update({"/dense/vars": 3}), ""),
    "another folder": (renamed("../m_00000.weights.h5"), "no file beside it"),
    "an absolute path": (renamed("/etc/passwd"), "no file beside it"),
    "another system's path": (renamed("C:\\m_00000.weights.h5"), "no file beside it"),
    "the folder": (renamed("."), "no file beside it"),
    "no name": (renamed(""), "no file beside it"),
    "a name that is too long": (renamed("x" * 5000), ""),
    "itself": (renamed("m.weights.json"), "signature"),
    "a shard that is gone": (renamed("m_00009.weights.h5"), "not beside it"),
    "groups elsewhere": (renamed("m_00000.weights.h5"), "has weights of shapes"),
    "nothing": (lambda told: told["weight_map"].clear(), "has weights of shapes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_maps_are_refused_before_anything_changes(model, tmp_path, name):
    path = tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=SMALL)
    model.set_weights([w * 0 for w in model.get_weights()])
    change, told = HOSTILE[name]
    content = change
    if callable(change):
        content = json.loads(path.read_bytes())
        change(content)
        content = json.dumps(content).encode()
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=f"m.weights.json.*{told}"):
        model.load_weights(path)
    assert not any(w.any() for w in model.get_weights())


def test_a_damaged_shard_is_named(model, tmp_path):
    path = tmp_path / "m.weights.json"
    model.save_weights(path, max_shard_size=SMALL)
    (tmp_path / "m_00001.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UnreadableFile, match=r"m_00001\.weights\.h5"):
        model.load_weights(path)
