"""Names that are not there: what is to come says so, and what is misspelt is told the nearest."""

import subprocess
import sys
from importlib import import_module

import pytest

import deepbasics as db
from deepbasics import absent

PATHS = [f"{room}.{name}".lstrip(".") for room, names in absent.NAMES.items() for name in names]


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_is_to_come_says_so(path):
    room, _, name = path.rpartition(".")
    module = import_module(f"deepbasics.{room}".rstrip("."))
    assert not hasattr(module, name), f"it is there: take {path} out of absent.NAMES"
    with pytest.raises(AttributeError, match=rf"^deepbasics\.{path} is not available yet\.$"):
        getattr(module, name)


@pytest.mark.parametrize(
    "line",
    [
        "from deepbasics.layers import AugMix",
        "from deepbasics.applications import VGG16",
        "import deepbasics.applications.vgg16",
        "from deepbasics import applications",
        "from deepbasics.datasets import imdb",
        "from deepbasics.datasets.imdb import load_data",
        "from deepbasics.utils import FeatureSpace",
    ],
)
def test_an_import_of_what_is_to_come_says_so(line):
    code = f"try:\n    {line}\nexcept ImportError as error:\n    print(error)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "is not available yet." in told.stdout


@pytest.mark.parametrize(
    ("module", "name", "nearest"),
    [
        (db, "loses", "losses"),
        (db.layers, "Dens", "Dense"),
        (db.losses, "MeanSquaredEror", "MeanSquaredError"),
        (db.ops, "matmull", "matmul"),
        (db.ops.nn, "softmaxx", "softmax"),
        (db.activations, "relu_", "relu"),
        (db.optimizers, "Adm", "Adam"),
        (db.utils, "serialize_keras_objekt", "serialize_keras_object"),
        (db.config, "floatX", "floatx"),
        (db.tree, "map_structures", "map_structure"),
    ],
)
def test_what_is_misspelt_is_told_the_nearest(module, name, nearest):
    with pytest.raises(AttributeError, match=rf"has no {name!r}\. Did you mean {nearest!r}\?"):
        getattr(module, name)


def test_a_private_name_is_just_not_there():
    for module in (db, db.layers, db.activations):
        assert not hasattr(module, "__wrapped__")
        assert not hasattr(module, "_nothing")
