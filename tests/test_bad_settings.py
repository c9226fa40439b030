"""Names that nobody knows, settings that make no sense, and an environment that asks for them."""

import os
import subprocess
import sys

import pytest

import deepbasics as db
from deepbasics import layers


def model():
    made = db.Sequential([db.Input((4,)), layers.Dense(3, "softmax")])
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


# unknown names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: layers.Dense(3, activation="sofmax"),
            "activation 'sofmax'. Did you mean 'softmax'",
        ),
        (lambda: layers.Dense(3, kernel_initializer="glorot"), "initializer 'glorot'"),
        (
            lambda: layers.Dense(3, kernel_regularizer="l1l3"),
            "regularizer 'l1l3'. Did you mean 'l1l2'",
        ),
        (lambda: layers.Dense(3, kernel_constraint="nonnegg"), "constraint 'nonnegg'. Did you"),
        (lambda: model().compile("adm", "mse"), "optimizer 'adm'. Did you mean 'adam'"),
        (lambda: model().compile("adam", "msee"), "loss 'msee'. Did you mean 'mse'"),
        (lambda: model().compile("adam", "mse", metrics=["acuracy"]), "Did you mean 'accuracy'"),
        (
            lambda: layers.deserialize({"class_name": "Dens", "config": {}}),
            "layer 'Dens'. Did you mean 'Dense'",
        ),
        (lambda: db.set_backend("tourch"), "backend 'tourch'. Did you mean 'torch'"),
        (lambda: db.config.set_floatx("float23"), "floatx 'float23'. Did you mean 'float"),
        (lambda: model().get_layer("dense_99"), "has no layer 'dense_99'. It has:"),
    ],
)
def test_unknown_names_suggest_the_nearest(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda: layers.Dens, "Did you mean 'Dense'"),
        (lambda: db.Sequental, "Did you mean 'Sequential'"),
        (lambda: db.backend.meam, "Did you mean 'mean'"),
    ],
)
def test_unknown_attributes_suggest_the_nearest(look, message):
    with pytest.raises(AttributeError, match=message):
        look()


def test_what_is_no_layer():
    with pytest.raises(TypeError, match="Make an instance of it"):
        db.Sequential([layers.Flatten])
    with pytest.raises(TypeError, match="Sequential takes a list of layers"):
        db.Sequential(layers.Dense(1))
    with pytest.raises(TypeError, match="Sequential takes layers; got 'Dense'"):
        db.Sequential(["Dense"])
    with pytest.raises(ValueError, match="has a layer named 'a' already"):
        db.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Dense(3, input_shape=("4",)), ValueError, "shape of an input is made of"),
        (lambda: layers.Dense(3, input_shape="4"), ValueError, "shape of an input is made of"),
        (lambda: layers.Dense(3, input_shape=(-4,)), ValueError, "shape of an input is made of"),
        (lambda: layers.Dense(3, input_shape=4.5), ValueError, "shape of an input is made of"),
        (lambda: db.Input((0,)), ValueError, "shape of an input is made of"),
        (lambda: layers.Dropout("0.5"), ValueError, r"rate must be in \[0, 1\]"),
        (lambda: layers.Dropout(50), ValueError, r"rate must be in \[0, 1\]"),
        (lambda: layers.SpatialDropout1D(-1), ValueError, r"rate must be in \[0, 1\]"),
        (lambda: model().fit([[0] * 4], [0], verbose="yes"), ValueError, 'verbose must be "auto"'),
        (lambda: layers.Dense(3, activation=3), TypeError, "An activation must be a name"),
        (lambda: model().compile(None, "mse"), TypeError, "An optimizer must be a name"),
        (lambda: model().compile(0.01, "mse"), TypeError, "An optimizer must be a name"),
        (lambda: model().compile("adam", 3), TypeError, "A loss must be a name"),
        (lambda: model().to(3), TypeError, "A backend is a name"),
        (lambda: db.optimizers.Adam("0.1"), TypeError, "learning_rate must be a number"),
        (lambda: db.optimizers.Adam(float("nan")), ValueError, "learning_rate must be finite"),
        (lambda: db.optimizers.Adam(beta_1=1.0), ValueError, "beta_1 must be at least 0 and below"),
        (lambda: db.optimizers.SGD(momentum=2), ValueError, r"momentum must lie in \[0, 1\]"),
        (lambda: db.optimizers.SGD(clipnorm=-1), ValueError, "clipnorm must be > 0"),
    ],
)
def test_settings_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3", None])
def test_units_that_are_no_width(units):
    with pytest.raises(ValueError, match="units must be a positive integer"):
        layers.Dense(units)


# the environment ----------------------------------------------------------------------------------

WITHOUT_TORCH = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Blocker())
"""
USE = "import deepbasics as db; db.layers.Dense(1)([[1.0]])"


def last_line(code, **environment):
    """The last line on stderr of a Python that runs `code`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DEEPBASICS_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_the_torch_backend_without_torch():
    said = last_line(WITHOUT_TORCH + USE, DEEPBASICS_BACKEND="torch")
    assert 'Backend "torch" needs torch, which is not installed' in said
    assert 'pip install "deepbasics[torch]"' in said
    assert "Available here: numpy" in said


def test_a_gpu_that_is_not_there():
    pytest.importorskip("torch", reason="torch is an extra")
    said = last_line(USE, DEEPBASICS_DEVICE="cuda", CUDA_VISIBLE_DEVICES="")
    assert "Device 'cuda' is not available" in said
    assert "Usable here: cpu" in said


def test_a_gpu_without_torch():
    said = last_line(WITHOUT_TORCH + USE, DEEPBASICS_DEVICE="cuda")
    assert 'Backend "torch" needs torch' in said


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DEEPBASICS_BACKEND", "nunpy", "DEEPBASICS_BACKEND 'nunpy'. Did you mean 'numpy'"),
        ("DEEPBASICS_FLOATX", "float23", "DEEPBASICS_FLOATX 'float23'. Did you mean 'float"),
        ("DEEPBASICS_DEVICE", "gpu", "Unknown device 'gpu'. Usable here: cpu"),
        ("DEEPBASICS_SEED", "abc", "DEEPBASICS_SEED must be an integer; it is 'abc'"),
    ],
)
def test_environment_variables_name_what_they_take(variable, value, message):
    if variable == "DEEPBASICS_DEVICE":
        pytest.importorskip("torch", reason="torch is an extra")
    assert message in last_line(USE, **{variable: value})
