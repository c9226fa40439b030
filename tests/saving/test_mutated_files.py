"""Archives with random damage: they open, or they are refused as unreadable; nothing else."""

import io
import json
import os
import random
import zipfile

import numpy as np
import pytest

import deepbasics as db
from deepbasics.errors import UnreadableFile

# So many for each kind; DEEPBASICS_MUTATIONS=5000 for a long run.
COUNT = int(os.environ.get("DEEPBASICS_MUTATIONS", "100"))
VALUES = [
    *(None, True, -1, 0, 1, 7, 10**9, 10**18, -(10**30), 0.5, -1e308, float("nan"), float("inf")),
    *("", "relu", "Dense", "__lambda__", "function", "\ud800", "../x", "keras.layers", "0" * 5000),
    *([], {}, [None], [[[]]], [10**12, 10**12], {"class_name": "Dense"}, {"config": {}}),
    *({"class_name": "Dense", "config": {"units": 10**9}}, {"class_name": 3, "config": 4}),
]
BYTES = [0, 1, 0x7F, 0x80, 0xFF]


def damaged(data, rng):
    """The bytes with some of them changed, or the end cut off; mostly where there are any."""
    data = bytearray(data)
    full = [i for i, byte in enumerate(data) if byte]
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        place = rng.choice(full) if rng.random() < 0.8 else rng.randrange(len(data))
        kind = rng.randrange(3)
        data[place] = [rng.choice(BYTES), rng.randrange(256), data[place] ^ 1 << rng.randrange(8)][
            kind
        ]
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


def places(node, path=()):
    """The path of every value in JSON."""
    if not isinstance(node, (dict, list)):
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(config, rng):
    """A config with some values replaced, taken out, or put elsewhere."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        all_places = list(places(config))
        if not all_places:
            break
        *path, last = rng.choice(all_places)
        node = config
        for key in path:
            node = node[key]
        match rng.randrange(4):
            case 0:
                del node[last]
            case 1 if isinstance(node, dict):
                node[rng.choice(["units", "config", "class_name", "extra"])] = node[last]
            case _:
                node[last] = rng.choice(VALUES)
        config = json.loads(json.dumps(config))  # nothing shared, as in a file
    return config


def mutant(kind, members, rng):
    """The bytes of an archive with damage of a kind."""
    members = dict(members)
    if kind == "config":
        config = changed(json.loads(members["config.json"]), rng)
        members["config.json"] = json.dumps(config).encode()
    elif kind != "zip":
        members[kind] = damaged(members[kind], rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return damaged(file.getvalue(), rng) if kind == "zip" else file.getvalue()


def opens(path):
    """Whether a file was opened; anything but this and UnreadableFile is raised."""
    try:
        db.models.load_model(path)
    except UnreadableFile:
        return False
    return True


def mutants_open_or_are_refused(kind, archive, path):
    """Each mutant of an archive is written to `path`, and opened."""
    with zipfile.ZipFile(archive) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    opened = 0
    for seed in range(COUNT):
        path.write_bytes(mutant(kind, members, random.Random(f"{kind}{seed}")))
        try:
            opened += opens(path)
        except BaseException as error:
            error.add_note(f"kind {kind!r}, seed {seed}")
            raise
    print(f"{kind}: {opened} of {COUNT} opened, the others were refused")
    assert opened < COUNT


@pytest.mark.filterwarnings("ignore")  # old spellings, an optimizer that does not fit
@pytest.mark.parametrize("kind", ["zip", "config", "config.json", "model.weights.h5"])
def test_a_mutant_opens_or_is_refused(kind, archive, tmp_path):
    mutants_open_or_are_refused(kind, archive, tmp_path / "mutant.keras")


VOCABULARY = "assets/layers/integer_lookup/vocabulary.txt"


def looking_up(path):
    """An archive of a model with a learned vocabulary and weights of its tokens."""
    layer = db.layers.IntegerLookup(output_mode="tf_idf", name="integer_lookup")
    layer.adapt(np.arange(40).reshape(8, 5) % 7)
    model = db.Sequential([db.Input((3,), dtype="int64"), layer, db.layers.Dense(2)])
    model.save(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["config", "model.weights.h5", VOCABULARY])
def test_a_mutant_with_a_vocabulary_opens_or_is_refused(kind, tmp_path):
    path = tmp_path / "mutant.keras"
    looking_up(path)
    mutants_open_or_are_refused(kind, path, path)


@pytest.mark.filterwarnings("ignore")
def test_mutants_of_sharded_weights_are_read_or_refused(make_model, tmp_path):
    path = tmp_path / "m.weights.json"
    with db.use_backend("numpy"):
        model = make_model()
        model.save_weights(path, max_shard_size=60 / 2**30)
        whole, refused = json.loads(path.read_bytes()), 0
        for seed in range(COUNT):
            rng = random.Random(f"shards{seed}")
            text = json.dumps(changed(json.loads(json.dumps(whole)), rng)).encode()
            path.write_bytes(damaged(text, rng) if seed % 2 else text)
            try:
                model.load_weights(path)
            except UnreadableFile:
                refused += 1
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise
    assert refused > 0
