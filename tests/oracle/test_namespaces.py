"""What Keras 3 has under each of its public names: ours have it too, or say that it is to come."""

from importlib import import_module

import numpy as np
import pytest

import deepbasics as db
from deepbasics import absent

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")


def names(module):
    return {name for name in dir(module) if not name.startswith("_")}


OPS = ("image", "linalg", "nn", "numpy")
# Ours alone: Keras has them in `ops` itself, or not at all.
OURS = {
    "image": set(),
    "linalg": {"logdet", "slogdet"},
    "nn": {
        *("extract_sequences", "sigmoid_crossentropy", "softmax_crossentropy"),
        "sparse_softmax_crossentropy",
    },
    "numpy": {
        *("cast", "cdist", "dtype", "erf", "erfc", "erfinv", "in_top_k", "logsumexp", "moments"),
        *("pack", "rearrange", "rsqrt", "saturate_cast", "shape", "top_k", "unstack"),
    },
}
NOT_YET = {
    "image": set(),
    "linalg": {"eig"},
    "nn": {"polar"},
    "numpy": set(),
}


@pytest.mark.parametrize("name", OPS)
def test_namespaces_of_ops_have_what_those_of_keras_have(name):
    ours, theirs = set(getattr(db.ops, name).__all__), names(getattr(keras.ops, name))
    assert ours - theirs == OURS[name]
    assert theirs - ours == NOT_YET[name]


@pytest.mark.parametrize("name", OPS)
def test_an_op_is_the_same_wherever_it_is_found(name):
    namespace = getattr(db.ops, name)
    for op in namespace.__all__:
        assert getattr(namespace, op) is getattr(db.ops, op, getattr(namespace, op))


def test_ops_of_namespaces_are_parts_of_models(backend):
    x = db.Input((4, 4, 3))
    y = db.ops.image.rgb_to_grayscale(db.ops.nn.relu(db.ops.numpy.subtract(x, 0.5)))
    model = db.Model(x, db.ops.linalg.norm(db.ops.image.resize(y, (2, 2)), axis=(1, 2)))
    assert model.output_shape == (None, 1)
    assert model.predict(np.ones((5, 4, 4, 3)), verbose=0).shape == (5, 1)


def image_model(k):
    x = k.Input((6, 6, 3), name="x")
    y = k.ops.image.gaussian_blur(
        k.ops.image.hsv_to_rgb(k.ops.image.rgb_to_hsv(x)), (3, 3), (1.0, 1.0)
    )
    y = k.ops.image.resize(k.ops.image.pad_images(y, 1, 1, 1, 1), (4, 4))
    return k.Model(x, k.ops.image.rgb_to_grayscale(y))


def test_models_of_ops_on_images_are_read_by_keras_and_read_from_it(backend):
    ours, theirs = image_model(db), image_model(keras)
    x = np.random.default_rng(0).random((2, 6, 6, 3)).astype("float32")
    expected = theirs.predict(x, verbose=0)
    for model in (
        ours,
        keras.models.model_from_json(ours.to_json()),
        db.models.model_from_json(theirs.to_json()),
    ):
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


ROOMS = (
    *("", "activations", "backend", "callbacks", "config", "constraints", "datasets"),
    *("dtype_policies", "initializers", "layers", "losses", "metrics", "mixed_precision", "models"),
    *("ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "optimizers"),
    *("optimizers.schedules", "preprocessing", "preprocessing.image", "preprocessing.sequence"),
    *("random", "regularizers", "saving", "tree", "utils"),
)


NO_NAMES = {"legacy", "src"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_keras_is_there_or_to_come(room):
    ours, theirs = (import_module(f"{k.__name__}.{room}".rstrip(".")) for k in (db, keras))
    unknown = [
        name
        for name in names(theirs) - NO_NAMES
        if f"{room}.{name}" not in ROOMS
        if not hasattr(ours, name) and not absent.is_to_come(f"deepbasics.{room}.{name}")
    ]
    assert not unknown


def test_what_is_to_come_is_in_keras():
    for room, wanted in absent.NAMES.items():
        if room != "preprocessing":  # the texts of Keras 2
            assert wanted <= names(import_module(f"keras.{room}".rstrip(".")))
