"""Files that are damaged or made to do harm: each ends in an error that names file and member."""

import io
import json
import os
import stat
import struct
import tracemalloc
import warnings
import zipfile
from contextlib import suppress

import h5py
import numpy as np
import pytest

import deepbasics as db
from deepbasics.errors import UnreadableFile

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MEMORY = 2**27  # bytes that reading may take at most: the model has some hundred


def members(path):
    """The members of an archive, as bytes."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return file.getvalue()


def with_member(name, content, compression=zipfile.ZIP_STORED):
    """An archive with one more member, or another one of that name."""
    return lambda parts: zipped(parts | {name: content}, compression)


def with_config(change):
    """An archive whose config `change` has worked on."""

    def make(parts):
        config = json.loads(parts[CONFIG])
        changed = change(config)
        return zipped(parts | {CONFIG: json.dumps(config if changed is None else changed)})

    return make


def with_weights(change):
    """An archive whose HDF5 file `change` has worked on."""

    def make(parts):
        file = io.BytesIO(parts[WEIGHTS])
        with h5py.File(file, "r+") as root:
            change(root)
        return zipped(parts | {WEIGHTS: file.getvalue()})

    return make


def without(name):
    return lambda parts: zipped({n: content for n, content in parts.items() if n != name})


def first_layer(config):
    return config["config"]["layers"][1]


def second_link(parts):
    entry = zipfile.ZipInfo("assets")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped([*parts.items(), (entry, "/etc/passwd")])


def twice(parts):
    with warnings.catch_warnings(action="ignore"):
        return zipped([*parts.items(), (CONFIG, parts[CONFIG])])


def encrypted(parts):
    data = bytearray(zipped(parts))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        data[place + offset] |= 1
    return bytes(data)


def lying_about_its_size(parts):
    data = zipped(parts)
    place = data.find(b"PK\x01\x02")
    return data[: place + 24] + struct.pack("<I", 2**31) + data[place + 28 :]


def replaced(name, make):
    """HDF5 with another dataset at `name`; `make(group, key)` writes it."""

    def change(root):
        group, _, key = name.rpartition("/")
        del root[name]
        make(root[group], key)

    return with_weights(change)


KERNEL = "layers/dense/vars/0"


def external_data(group, key):
    group.create_dataset(key, (4, 3), "f4", external=[("/etc/passwd", 0, 48)])


def virtual_data(group, key):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 3))
    group.create_virtual_dataset(key, layout)


def not_all_there(group, key):
    space = h5py.h5s.create_simple((2**20, 2**20))
    h5py.h5d.create(group.id, key.encode(), h5py.h5t.IEEE_F32LE, space)


def packed_zeros(group, key):
    data = group.create_dataset(key, (2**14, 2**14), "f4", chunks=(2**12, 2**12), compression=9)
    data[: 2**12, : 2**12] = 0


def cycle(root):
    root["layers/dense/again"] = root["layers"]


def deep(root):
    group = root
    for _ in range(100):
        group = group.create_group("g")


NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
LAYER = {"module": "keras.layers", "registered_name": None, "build_config": {}}
HUGE = 10**7

# What the file is: (how the bytes of an archive are made from the members of a good one, what the
# error must say).
HOSTILE = {
    # the zip
    "empty": (lambda parts: b"", "neither a zip"),
    "text": (lambda parts: b"hello, world", "neither a zip"),
    "cut off": (lambda parts: zipped(parts)[:3000], "not a zip"),
    "head cut off": (lambda parts: b"PK" + zipped(parts)[2000:], CONFIG),
    "a member leads out": (with_member("../evil.py", "x"), "leads out"),
    "a member leads out, Windows": (with_member("..\\evil.py", "x"), "leads out"),
    "an absolute member": (with_member("/tmp/evil.py", "x"), "leads out"),
    "a member with a drive": (with_member("C:/evil.py", "x"), "leads out"),
    "a link": (second_link, "is a link"),
    "a member twice": (twice, "config.json: it is there twice"),
    "encrypted": (encrypted, "encrypted"),
    "a size that is a lie": (lying_about_its_size, "would grow"),
    "a zip bomb": (with_member("assets/b", bytes(2**28), zipfile.ZIP_DEFLATED), "would grow"),
    "a config that is a bomb": (
        with_member(CONFIG, b" " * 2**28, zipfile.ZIP_DEFLATED),
        "would grow",
    ),
    "weights that are a bomb": (
        with_member(WEIGHTS, bytes(2**28), zipfile.ZIP_DEFLATED),
        "would grow",
    ),
    **{f"no {name}": (without(name), f"no {name}") for name in (CONFIG, METADATA, WEIGHTS)},
    # the config
    "a config that is no JSON": (with_member(CONFIG, b"{"), CONFIG),
    "a config that is no text": (with_member(CONFIG, b"\xff\xfe\x00\xd8"), CONFIG),
    "a config that is a list": (with_config(lambda c: [c]), "no JSON object"),
    "a config that is empty": (with_config(lambda c: {}), CONFIG),
    "a config nested too deeply": (with_member(CONFIG, NESTED), "nested"),
    "an unknown layer": (
        with_config(lambda c: first_layer(c).update(class_name="Dence")),
        "Did you mean 'Dense'",
    ),
    "a class from elsewhere": (
        with_config(lambda c: first_layer(c).update(module="os", class_name="system")),
        "Unknown layer 'system'",
    ),
    "a module from elsewhere": (
        with_config(lambda c: c.update(module="subprocess", class_name="Popen")),
        "Unknown layer 'Popen'",
    ),
    "a class name that is no string": (
        with_config(lambda c: first_layer(c).update(class_name={"a": 1})),
        "class_name",
    ),
    "a function that is none of ours": (
        with_config(
            lambda c: first_layer(c)["config"].update(
                activation={"module": "os", "class_name": "function", "config": "system"}
            )
        ),
        "Unknown activation 'system'",
    ),
    "a Lambda layer": (
        with_config(
            lambda c: c["config"]["layers"].append(
                {**LAYER, "class_name": "Lambda", "config": {"name": "l", "function": LAMBDA}}
            )
        ),
        "Lambda layer, which safe_mode=True refuses",
    ),
    "bytecode": (
        with_config(lambda c: first_layer(c)["config"].update(activation=LAMBDA)),
        "never run",
    ),
    "bytecode as a loss": (
        with_config(lambda c: c["compile_config"].update(loss=LAMBDA)),
        "never run",
    ),
    "absurd units": (
        with_config(lambda c: first_layer(c)["config"].update(units=HUGE)),
        "more than the file has numbers for",
    ),
    "more than absurd units": (
        with_config(lambda c: first_layer(c)["config"].update(units=10**30)),
        "more than the file has numbers for",
    ),
    "an absurd input": (
        with_config(
            lambda c: c["config"]["layers"][0]["config"].update(batch_shape=[None, 10**12])
        ),
        "more than the file has numbers for",
    ),
    "negative units": (
        with_config(lambda c: first_layer(c)["config"].update(units=-1)),
        "units",
    ),
    "an unknown setting": (
        with_config(lambda c: first_layer(c)["config"].update(exec="print()")),
        "exec",
    ),
    "an unknown optimizer": (
        with_config(lambda c: c["compile_config"]["optimizer"].update(class_name="Adm")),
        "Did you mean 'adam'",
    ),
    # the HDF5
    "no HDF5": (with_member(WEIGHTS, b"hello"), WEIGHTS),
    "HDF5 cut off": (lambda parts: zipped(parts | {WEIGHTS: parts[WEIGHTS][:5000]}), WEIGHTS),
    "HDF5 of zeros": (lambda parts: zipped(parts | {WEIGHTS: bytes(20_000)}), WEIGHTS),
    "NaN": (with_weights(lambda root: root[KERNEL].__setitem__(0, np.nan)), "holds NaN"),
    "an external link": (
        with_weights(lambda r: r.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/"))),
        "link to somewhere else",
    ),
    "a soft link": (
        with_weights(lambda root: root.__setitem__("x", h5py.SoftLink("/layers"))),
        "link to somewhere else",
    ),
    "a cycle": (with_weights(cycle), "second link"),
    "groups nested too deeply": (with_weights(deep), "nested"),
    "data in another file": (replaced(KERNEL, external_data), "another file"),
    "virtual data": (replaced(KERNEL, virtual_data), "another file"),
    "an absurd shape": (replaced(KERNEL, not_all_there), "no room for so much"),
    "packed zeros": (replaced(KERNEL, packed_zeros), "claims to hold"),
    "strings": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, (4, 3), h5py.string_dtype())),
        "plain numbers",
    ),
    "lists of any length": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, (4, 3), h5py.vlen_dtype("f4"))),
        "plain numbers",
    ),
    "references": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, (4, 3), h5py.ref_dtype)),
        "plain numbers",
    ),
    "records": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, (4, 3), [("a", "f4")])),
        "plain numbers",
    ),
    "complex numbers": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, (4, 3), "c8")),
        "plain numbers",
    ),
    "no data": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, dtype="f4")),
        "is empty",
    ),
    "a group for a dataset": (replaced(KERNEL, lambda g, k: g.create_group(k)), "'dense'"),
    "another shape": (
        replaced(KERNEL, lambda g, k: g.create_dataset(k, data=np.ones((3, 4), "f4"))),
        "of another model",
    ),
    "a layer's weights missing": (
        with_weights(lambda root: root.__delitem__("layers/dense_1")),
        "of another model",
    ),
}


@pytest.fixture
def hostile(request, archive, tmp_path):
    make, says = HOSTILE[request.param]
    path = tmp_path / "hostile.keras"
    path.write_bytes(make(members(archive)))
    return path, says


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True)
def test_it_is_refused_with_a_clear_error_and_little_memory(hostile, tmp_path):
    path, says = hostile
    before = sorted(os.listdir(tmp_path))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile) as found:
            db.models.load_model(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert says in str(found.value)
    assert str(path) in str(found.value)
    assert peak < MEMORY
    assert sorted(os.listdir(tmp_path)) == before, "nothing was unpacked"


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True)
def test_unsafe_mode_runs_no_code_either(hostile, monkeypatch):
    path, _ = hostile
    imported = []
    monkeypatch.setattr("importlib.import_module", lambda name, *_: imported.append(name))
    with suppress(UnreadableFile):
        db.models.load_model(path, safe_mode=False)
    assert imported == []


def test_the_good_archive_is_read(archive):
    assert db.models.load_model(archive).optimizer.iterations.numpy() == 6


def test_unsafe_mode_reads_nan(archive, tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(HOSTILE["NaN"][0](members(archive)))
    assert np.isnan(db.models.load_model(path, safe_mode=False).get_weights()[0]).any()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        db.models.load_model(tmp_path)


# weights alone, and models of Keras 2 -------------------------------------------------------------


def h5(change):
    """The bytes of an HDF5 file of weights that `change` has worked on."""

    def make(model, path):
        model.save_weights(path)
        with h5py.File(path, "r+") as root:
            change(root)

    return make


def legacy(change):
    """A whole model as of Keras 2 that `change` has worked on."""

    def make(model, path):
        model.save(path)
        with h5py.File(path, "r+") as root:
            change(root)

    return make


def tensors(change):
    """A file of safetensors whose bytes `change` has worked on."""

    def make(model, path):
        model.save_weights(path)
        path.write_bytes(change(path.read_bytes()))

    return make


def header(change):
    """The same with another header."""

    def make(data):
        size = struct.unpack("<Q", data[:8])[0]
        text = json.dumps(change(json.loads(data[8 : 8 + size]))).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + size :]

    return tensors(make)


def set_attribute(name, value):
    return legacy(lambda root: root.attrs.__setitem__(name, value))


def no_config(root):
    root.attrs["model_config"] = json.dumps({"class_name": "Sequential"})


def first_name_twice(root):
    attributes = root["model_weights/dense"].attrs
    attributes["weight_names"] = [attributes["weight_names"][0]] * 2


def names(group, value):
    return legacy(lambda root: root[group].attrs.__setitem__("weight_names", value))


WEIGHT_FILES = {
    "external link.weights.h5": (
        h5(lambda r: r.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/"))),
        "link to somewhere else",
    ),
    "NaN.weights.h5": (h5(lambda r: r[KERNEL].__setitem__(0, np.nan)), "holds NaN"),
    "strings.hdf5": (
        h5(lambda r: r.create_dataset("s", (2,), h5py.string_dtype())),
        "plain numbers",
    ),
    "shape.weights.h5": (h5(lambda r: r.__delitem__(KERNEL)), "of another model"),
    "missing.h5": (names("model_weights/dense", [b"nowhere"]), "lists 'nowhere'"),
    "out.h5": (names("model_weights/dense", [b"../../optimizer_weights/x"]), "not there"),
    "twice.h5": (legacy(first_name_twice), "of another model"),
    "length.safetensors": (tensors(lambda d: struct.pack("<Q", 2**60) + d[8:]), "eader"),
    "cut.safetensors": (tensors(lambda d: d[:-5]), "eader"),
    "none.safetensors": (tensors(lambda d: b""), "eader"),
    "json.safetensors": (tensors(lambda d: d[:8] + b"x" * len(d[8:])), "eader"),
    "shape.safetensors": (
        header(lambda h: {k: {**v, "shape": v["shape"][::-1]} if "shape" in v else v
                          for k, v in h.items()}),
        "of another model",
    ),
    "overlap.safetensors": (
        header(lambda h: {k: {**v, "data_offsets": [0, 48]} if "shape" in v else v
                          for k, v in h.items()}),
        "eader",
    ),
}  # fmt: skip
LEGACY_FILES = {
    "no JSON.h5": (set_attribute("model_config", "{"), "model_config"),
    "no string.h5": (set_attribute("model_config", 7), "model_config"),
    "no layers.h5": (legacy(no_config), "model_config"),
    "bytecode.h5": (
        set_attribute("model_config", json.dumps({"class_name": "M", "config": LAMBDA})),
        "never run",
    ),
    "absurd.h5": (
        set_attribute(
            "model_config",
            json.dumps(
                {
                    "class_name": "Sequential",
                    "config": [
                        {
                            "class_name": "Dense",
                            "config": {"units": HUGE, "batch_input_shape": [None, HUGE]},
                        }
                    ],
                }
            ),
        ),
        "more than the file has numbers for",
    ),
    "nested.h5": (set_attribute("training_config", "[" * 30_000), "training_config"),
    "names.h5": (names("model_weights/dense", np.arange(3)), "lists '0'"),
    "no group.h5": (legacy(lambda root: root.__delitem__("model_weights")), "model_weights"),
}


def refused(action, path, says):
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile) as found:
            action(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert says in str(found.value)
    assert str(path) in str(found.value)
    assert peak < MEMORY


@pytest.mark.parametrize("name", WEIGHT_FILES)
def test_weights_are_refused_and_the_model_is_as_it_was(name, archive, tmp_path):
    make, says = WEIGHT_FILES[name]
    model = db.models.load_model(archive)
    before = model.get_weights()
    make(model, tmp_path / name)
    refused(model.load_weights, tmp_path / name, says)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize("name", LEGACY_FILES)
def test_models_of_keras_2_are_refused(name, archive, tmp_path):
    make, says = LEGACY_FILES[name]
    make(db.models.load_model(archive), tmp_path / name)
    refused(db.models.load_model, tmp_path / name, says)


@pytest.mark.parametrize(
    ("metric", "absurd"),
    [
        (lambda: db.metrics.AUC(), {"num_thresholds": 10**9}),
        (lambda: db.metrics.PrecisionAtRecall(0.5), {"num_thresholds": 10**9}),
        (lambda: db.metrics.MeanIoU(num_classes=3), {"num_classes": 10**5}),
    ],
)
def test_metrics_of_absurd_size_are_refused(metric, absurd, archive, tmp_path):
    model = db.models.load_model(archive)
    model.compile("sgd", "mse", metrics=[metric()])
    model.save(tmp_path / "m.keras")
    parts = members(tmp_path / "m.keras")
    config = json.loads(parts[CONFIG])
    config["compile_config"]["metrics"][0]["config"] |= absurd
    (tmp_path / "m.keras").write_bytes(zipped(parts | {CONFIG: json.dumps(config)}))
    refused(db.models.load_model, tmp_path / "m.keras", " is more than ")
