"""What layers write for themselves: vocabularies, and whatever a class of one's own does."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import deepbasics as db
from deepbasics.errors import UnreadableFile

WEIGHTS, CONFIG = "model.weights.h5", "config.json"
VOCABULARY = "assets/layers/integer_lookup/vocabulary.txt"


@db.saving.register_keras_serializable("test_assets")
class Table(db.layers.Layer):
    """Has a weight that it writes its own way, and two files."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
        self.rows = {}

    def call(self, x):
        return x * self.scale

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["names"] = np.arange(len(self.rows))

    def load_own_variables(self, store):
        if list(store["names"]) != [0, 1]:
            raise ValueError("not my names")
        self.scale.assign(store["0"])

    def save_assets(self, folder):
        for name, text in self.rows.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def load_assets(self, folder):
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        self.rows = {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_class_writes_its_own_way_and_reads_it_again(backend, tmp_path):
    model = db.Sequential([db.Input((3,)), Table()])
    model.layers[0].rows = {"a.txt": "one", "more/b.txt": "two"}
    model.set_weights([np.array([1.0, 2.0, 3.0], "float32")])
    model.save(tmp_path / "m.keras")
    names = zipfile.ZipFile(tmp_path / "m.keras").namelist()
    assert names[3:] == ["assets/layers/table/a.txt", "assets/layers/table/more/b.txt"]
    again = db.models.load_model(tmp_path / "m.keras")
    assert again.layers[0].rows == model.layers[0].rows
    np.testing.assert_array_equal(again.get_weights()[0], [1, 2, 3])

    model.layers[0].rows = {}
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnreadableFile, match=r"Table .table.*not my names"):
        again.load_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="left as it was"):
        again.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)


def counting(tmp_path, **settings):
    """A model that counts integers, its vocabulary learned; the members of its archive."""
    layer = db.layers.IntegerLookup(output_mode="tf_idf", name="integer_lookup", **settings)
    layer.adapt(np.array([[7, 3, 5], [7, 7, 0]]))
    model = db.Sequential([db.Input((3,), dtype="int64"), layer, db.layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        return model, {name: archive.read(name) for name in archive.namelist()}


def lookup_in(config):
    return config["config"]["layers"][1]["config"]


def test_a_learned_vocabulary_is_a_file_beside_the_config(backend, tmp_path):
    model, members = counting(tmp_path)
    assert members[VOCABULARY] == b"-1\n7\n5\n3\n0"
    config = lookup_in(json.loads(members[CONFIG]))
    assert config["vocabulary"] is config["idf_weights"] is None
    assert config["vocabulary_size"] == 5
    weights = h5py.File(io.BytesIO(members[WEIGHTS]))
    assert list(weights["layers/integer_lookup/vars"]) == ["idf_weights"]
    x = np.array([[7, 0, 9], [5, 5, 3]])
    again = db.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    again.layers[0].adapt(np.array([[1, 2]]))  # it was learned, so it may be learned anew


def test_outside_of_archives_a_vocabulary_stays_with_its_config():
    layer = db.layers.StringLookup()
    layer.adapt(["a", "b", "a"])
    assert layer.get_config()["vocabulary"] == ["[UNK]", "a", "b"]


@pytest.mark.parametrize("token", ["", "two\nlines", "\u2028", "cr\r", "\x1c"], ids=repr)
def test_tokens_that_are_no_lines_are_written_to_the_config(token, tmp_path):
    layer = db.layers.StringLookup()
    layer.adapt([token, "a", "a"])
    layer.save_assets(tmp_path)
    assert not list(tmp_path.iterdir())
    assert layer.get_config()["vocabulary"] == ["[UNK]", "a", token]


def changed(members, name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in (members | {name: content}).items():
            archive.writestr(key, value)
    return file.getvalue()


def with_config(members, change):
    config = json.loads(members[CONFIG])
    change(lookup_in(config))
    return changed(members, CONFIG, json.dumps(config))


def with_idf(members, idf):
    file = io.BytesIO(members[WEIGHTS])
    with h5py.File(file, "r+") as root:
        group = root["layers/integer_lookup/vars"]
        del group["idf_weights"]
        if idf is not None:
            group["idf_weights"] = np.asarray(idf, "float32")
    return changed(members, WEIGHTS, file.getvalue())


HOSTILE = {
    "fewer tokens": (lambda m: changed(m, VOCABULARY, "-1\n7"), "2 tokens; the config says 5"),
    "no numbers": (lambda m: changed(m, VOCABULARY, "-1\n7\nx\n3\n0"), "invalid literal"),
    "huge numbers": (lambda m: changed(m, VOCABULARY, f"-1\n7\n{10**30}\n3\n0"), "too large|int"),
    "a token twice": (lambda m: changed(m, VOCABULARY, "-1\n7\n7\n3\n0"), "once"),
    "no text": (lambda m: changed(m, VOCABULARY, b"\xff\xfe\n\n\n\n"), "utf-8"),
    "a folder in its place": (
        lambda m: changed({k: v for k, v in m.items() if k != VOCABULARY}, VOCABULARY + "/x", "-1"),
        VOCABULARY.rpartition("/")[0],
    ),
    "an absurd size": (lambda m: with_config(m, lambda c: c.update(vocabulary_size=10**12)), ""),
    "no size": (lambda m: with_config(m, lambda c: c.update(vocabulary_size=-1)), "at least 0"),
    "a path": (lambda m: with_config(m, lambda c: c.update(vocabulary="/etc/passwd")), "no path"),
    "no idf": (lambda m: with_idf(m, None), "idf_weights"),
    "another idf": (lambda m: with_idf(m, np.ones(9)), "5 tokens and idf_weights of shape"),
    "a table as idf": (lambda m: with_idf(m, np.ones((5, 1))), "5 tokens and idf_weights of shape"),
    "a bomb": (lambda m: changed(m, "assets/x", bytes(2**27)), "would grow"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_vocabularies_are_refused(name, tmp_path):
    _, members = counting(tmp_path)
    make, told = HOSTILE[name]
    path = tmp_path / "hostile.keras"
    path.write_bytes(make(members))
    with pytest.raises(UnreadableFile, match=f"hostile.keras.*({told})"):
        db.models.load_model(path)


def test_weights_of_another_vocabulary_are_refused_before_anything_changes(backend, tmp_path):
    model, _ = counting(tmp_path)
    model.save_weights(tmp_path / "m.weights.h5")
    other, _ = counting(tmp_path, max_tokens=3)
    before = other.get_weights()
    with pytest.raises(UnreadableFile):
        other.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
