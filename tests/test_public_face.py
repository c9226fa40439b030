"""The public face: what it lists, what importing it costs, and which rooms may import which."""

import ast
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import deepbasics as db
from deepbasics import backend as K
from deepbasics import legacy_modules

PACKAGE = Path(db.__file__).parent

PUBLIC = [
    "Constraint", "DTypePolicy", "FloatDTypePolicy", "Initializer", "Input", "InputSpec",
    "KerasTensor", "Layer", "Loss", "Metric", "Model", "Optimizer", "Regularizer", "Sequential",
    "Variable", "activations", "backend", "callbacks", "config", "constraints", "datasets",
    "device", "dtype_policies", "dtype_policy", "grad", "gradients", "initializers", "layers",
    "losses", "metrics", "mixed_precision", "models", "name_scope", "ops", "optimizers", "parity",
    "plots", "random", "regularizers", "saving", "set_backend", "set_dtype_policy", "testing",
    "tree", "use_backend", "utils", "value_and_grad", "version",
]  # fmt: skip


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    ).stdout


def test_the_package_lists_exactly_these_names():
    assert sorted(db.__all__) == sorted([*PUBLIC, "__version__"])
    assert set(dir(db)) == set(db.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name):
    assert getattr(db, name) is not None


@pytest.mark.parametrize(
    "name",
    [n for n in PUBLIC if n not in ("parity", "plots", "testing") and n.islower()],
)
def test_what_a_public_module_lists_it_has(name):
    module = getattr(db, name)
    for listed in getattr(module, "__all__", ()):
        assert getattr(module, listed, None) is not None, listed


def test_the_version_is_that_of_the_project():
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf8")
    assert f'version = "{db.__version__}"' in text
    assert db.version() == db.__version__


def test_importing_it_loads_next_to_nothing():
    loaded = run("import sys, deepbasics; print(*sys.modules)").split()
    own = [name for name in loaded if name.startswith("deepbasics")]
    assert set(own) == {"deepbasics", "deepbasics.legacy_modules"}
    assert not {"numpy", "torch", "pandas", "matplotlib"} & set(loaded)


def test_training_on_numpy_loads_no_extra():
    code = """
import sys, deepbasics as db
model = db.Sequential([db.Input((2,)), db.layers.Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
model.fit([[0, 1], [1, 0]], [0, 1], verbose=0)
db.callbacks, db.config, db.datasets.xor, db.testing, db.utils.to_categorical([1])
print(*sys.modules)
"""
    loaded = set(run(code).split())
    assert "numpy" in loaded
    extras = {"torch", "pandas", "matplotlib", "sklearn", "h5py", "keras", "importlib.metadata"}
    assert not extras & loaded


@pytest.mark.parametrize("path", legacy_modules.MODULES)
def test_modules_that_have_moved_are_found(path):
    module = importlib.import_module(f"deepbasics.{path}")
    successor = legacy_modules.MODULES[path]
    target = importlib.import_module(f"deepbasics.{successor}") if successor else db
    name = "get" if hasattr(target, "get") else target.__all__[-1]
    assert getattr(module, name) is getattr(target, name)
    with pytest.raises(AttributeError):
        _ = module.no_such_thing


def test_old_import_lines_work():
    code = """
from deepbasics.layers.core import Activation, Dense
from deepbasics.layers.convolutional import Dense as same
from deepbasics.layers.advanced_activations import *
from deepbasics.optimizers.legacy import Adam
from deepbasics.utils.np_utils import to_categorical
from deepbasics.utils import np_utils
from deepbasics.engine.topology import Input, Layer
from deepbasics.models import Model, Sequential
from deepbasics.callbacks.callbacks import EarlyStopping
from deepbasics.preprocessing.sequence import pad_sequences
import deepbasics.objectives
import deepbasics.backend as K
assert same is Dense and deepbasics.objectives.get("mse") and np_utils.to_categorical([1]).any()
"""
    run(code)


def test_a_module_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("deepbasics.layers.nonsense")


# backend as K -------------------------------------------------------------------------------------

NAMES = [
    "abs", "argmax", "batch_flatten", "cast", "clear_session", "clip", "concatenate",
    "constant", "dot", "epsilon", "exp", "flatten", "floatx", "image_data_format", "int_shape",
    "log", "maximum", "mean", "minimum", "ones", "permute_dimensions", "pow", "prod",
    "random_normal", "random_uniform", "reshape", "shape", "sigmoid", "softmax", "sqrt",
    "square", "sum", "tanh", "transpose", "variable", "zeros", "get_value", "set_value",
    "binary_crossentropy", "backend", "set_epsilon", "set_floatx", "set_image_data_format",
    "set_backend", "image_dim_ordering", "set_image_dim_ordering",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_backend_module_has_what_scripts_call(name):
    assert callable(getattr(K, name))


def test_functions_of_the_backend_module_compute(backend):
    x = K.variable([[1.0, -2.0], [3.0, 4.0]])
    for found, expected in [
        (K.argmax(x), [0, 1]),
        (K.concatenate([x, x]), [[1, -2, 1, -2], [3, 4, 3, 4]]),
        (K.batch_flatten(K.ones((2, 3, 2))), np.ones((2, 6))),
        (K.permute_dimensions(x, (1, 0)), [[1, 3], [-2, 4]]),
        (K.pow(x, 2), [[1, 4], [9, 16]]),
        (K.flatten(x), [1, -2, 3, 4]),
        (K.constant(2, shape=(2,)), [2, 2]),
        (K.mean(K.square(x), axis=-1), [2.5, 12.5]),
        (K.binary_crossentropy([[1.0, 0.0]], [[0.5, 0.25]]), [[np.log(2), -np.log(0.75)]]),
        (K.zeros((2,)), [0, 0]),
    ]:
        np.testing.assert_allclose(K.get_value(found), expected, rtol=1e-6)
    K.set_value(x, [[0.0, 0.0], [0.0, 1.0]])
    assert K.get_value(x).sum() == 1
    assert K.int_shape(x) == (2, 2)
    assert K.backend() == backend.name
    assert K.random_normal((3, 2), seed=1).shape == (3, 2)


def test_keras_1_names_the_data_format_by_its_backend():
    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    try:
        assert db.config.image_data_format() == "channels_first"
    finally:
        K.set_image_dim_ordering("tf")


def test_graph_functions_say_what_to_use_instead():
    with pytest.raises(AttributeError, match=r"deepbasics\.grad for gradients"):
        K.gradients  # noqa: B018


# which rooms import which -------------------------------------------------------------------------

# Lowest first; a room imports at module level from its own row and those before.
ROWS = (
    (
        "absent",
        "errors",
        "naming",
        "operand",
        "paths",
        "trials",
        "tree",
        "philox",
        "normal_quantile",
        "registered",
        "legacy_modules",
    ),
    ("config", "legacy"),
    ("dtypes",),
    ("host_draws",),
    ("host_families",),
    ("backends",),
    ("variables", "logits", "masks", "lookup", "symbolic", "dtype_policies"),
    ("ops",),
    ("random", "arena"),
    ("activations", "initializers", "regularizers", "constraints"),
    ("losses",),
    ("metrics", "optimizers", "data"),
    ("utils", "backend", "mixed_precision"),
    ("layers", "callbacks", "datasets"),
    ("saving",),
    ("models",),
    ("plots", "parity", "testing"),
    ("cli", "__main__"),
)
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}


MODULES = [
    pytest.param(path, id=str(path.relative_to(PACKAGE)))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
]


def imported(path):
    """The rooms of this package that a module imports when it is imported."""
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "deepbasics":
            yield from (alias.name for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("deepbasics."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                a.name.split(".")[1] for a in node.names if a.name.startswith("deepbasics.")
            )


@pytest.mark.parametrize("path", MODULES)
def test_imports_point_down(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in LEVEL, f"room {room!r} has no place yet: give it one in this test"
    above = {other for other in imported(path) if LEVEL[other] > LEVEL[room]}
    assert not above, f"{room} must not import {above}, which are above it"


@pytest.mark.parametrize("path", MODULES)
def test_torch_is_imported_in_its_backend_alone(path):
    if "torch" in path.relative_to(PACKAGE).parts:
        pytest.skip("the torch backend")
    names = [
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]
    assert not [name for name in names if (name or "").split(".")[0] == "torch"]


def test_importing_everything_warns_about_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in PUBLIC:
            getattr(db, name)
