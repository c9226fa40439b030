"""Bad input gets a clear error, and nothing is lost: weights and optimizer stay as they were."""

import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
IDS = RNG.integers(0, 3, size=20)
ONE_HOT = np.eye(3)[IDS]
BINARY = (X[:, 0] > 0).astype("int64")
SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"


def model(loss=SPARSE, units=3, activation="softmax"):
    """A model that has trained a little, with momentum in its optimizer."""
    made = db.Sequential(
        [db.Input((4,)), layers.Dense(5, activation="relu"), layers.Dense(units, activation)]
    )
    made.compile(db.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    y = {SPARSE: IDS, CATEGORICAL: ONE_HOT, "binary_crossentropy": BINARY}.get(loss, X[:, :1])
    made.fit(X, y, verbose=0)
    return made


def binary():
    return model("binary_crossentropy", 1, "sigmoid")


def state(made):
    return [v.numpy() for v in (*made.weights, *made.optimizer.variables)]


@contextmanager
def refused(made, message, error=ValueError):
    """The block raises an error with the message, and the model is as it was."""
    before = state(made)
    with pytest.raises(error, match=message):
        yield
    for a, b in zip(before, state(made), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_fit_refuses(made, x, y, message, error=ValueError, **options):
    """By fit, train_on_batch, and a generator whose second batch is bad."""
    with refused(made, message, error):
        made.fit(x, y, verbose=0, **options)
    if not options:
        with refused(made, message, error):
            made.train_on_batch(x, y)
        with refused(made, message, error):
            made.fit(((a, b) for a, b in [(x, y)]), verbose=0)


# shapes and labels --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 5), (20, 4, 4), (20,)])
def test_a_wrong_feature_count(backend, shape):
    made = model()
    message = rf"takes inputs of shape \(None, 4\).*x has shape \({shape[0]},"
    assert_fit_refuses(made, np.zeros(shape), IDS, message)
    with pytest.raises(ValueError, match=message):
        made.predict(np.zeros(shape), verbose=0)
    with pytest.raises(ValueError, match=message):
        made.evaluate(np.zeros(shape), IDS, verbose=0)


def test_a_single_row_is_told_how_to_be_one(backend):
    with pytest.raises(ValueError, match=r"For a single row pass x\[None\]"):
        model().predict(X[0], verbose=0)


def test_a_layer_on_its_own_names_both_widths(backend):
    layer = layers.Dense(2, name="out")
    layer(X)
    with pytest.raises(ValueError, match=r"'out' was built for 4 features; .* with 7"):
        layer(np.zeros((2, 7)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (IDS + 1, r"class ids from 1 to 3; an output of width 3 has the classes 0 to 2"),
        (IDS - 1, r"class ids from -1 to 1"),
        (IDS * 5, r"Give the last layer 11 units"),
    ],
)
def test_class_ids_out_of_range(backend, labels, message):
    assert_fit_refuses(model(), X, labels, message)


def test_labels_out_of_range_for_the_loss(backend):
    made = binary()
    assert_fit_refuses(made, X, BINARY * 2, "expects them from 0 to 1")
    assert_fit_refuses(made, X, BINARY * 2 - 1, "Labels -1 and 1 go with loss=")


def test_one_hot_labels_where_ids_were_declared(backend):
    assert_fit_refuses(model(), X, ONE_HOT, "look one-hot: pass y.argmax")


def test_ids_where_one_hot_labels_were_declared(backend):
    assert_fit_refuses(model(CATEGORICAL), X, IDS, r"pass utils.to_categorical\(y, 3\)")


def test_labels_wider_than_the_output(backend):
    assert_fit_refuses(binary(), X, np.eye(2)[BINARY], "look one-hot")
    assert_fit_refuses(model("mse", 1, None), X, X[:, :2], "the shapes must be equal")


def test_nan_labels(backend):
    y = X[:, :1].copy()
    y[3] = np.nan
    assert_fit_refuses(model("mse", 1, None), X, y, "NaN or infinite in 1 of 20 rows.*row 3")


def test_missing_labels(backend):
    assert_fit_refuses(model(), X, None, "y is missing")


# what is no data ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array([["a", "b", "c", "d"]] * 20), r"x has dtype <U1 \(for example 'a'\)"),
        (np.array([[1, 2, 3, "four"]] * 20, dtype=object), "array of objects, for example 'four'"),
        ([[1, 2, 3, 4]] * 19 + [[1, 2, 3]], "x is a ragged list"),
        (np.float32(3), "x is a single number"),
        ("data.csv", "x has dtype"),
        (np.array([[1j, 2, 3, 4]] * 20), "x has dtype complex128"),
        (None, "x is missing"),
    ],
    ids=["strings", "objects", "ragged", "scalar", "text", "complex", "none"],
)
def test_inputs_that_are_no_numbers(backend, x, message):
    made = model()
    with refused(made, message):
        made.fit(x, IDS, verbose=0)
    with pytest.raises(ValueError, match=message):
        made.predict(x, verbose=0)


def test_string_labels(backend):
    assert_fit_refuses(model(), X, np.array(["cat"] * 20), "y has dtype <U3.*np.unique")


def test_text_columns_are_named(backend):
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    frame = pandas.DataFrame({"age": [1.0] * 20, "town": ["x"] * 20})
    with refused(made := model(), "columns that are not numbers: town"):
        made.fit(frame, IDS, verbose=0)


@pytest.mark.parametrize("empty", [np.zeros((0, 4)), [], {}], ids=["array", "list", "dict"])
def test_empty_data(backend, empty):
    made = model()
    with refused(made, "The data are empty"):
        made.fit(empty, np.zeros(0), verbose=0)
    with pytest.raises(ValueError, match="The data are empty"):
        made.predict(empty, verbose=0)


def test_a_generator_without_batches(backend):
    with refused(made := model(), "The data are empty"):
        made.fit(iter([]), verbose=0)


def test_different_lengths(backend):
    assert_fit_refuses(model(), X, IDS[:19], "x has 20, y has 19")
    with refused(made := model(), "x has 20, y has 20, sample_weight has 3"):
        made.fit(X, IDS, sample_weight=np.ones(3), verbose=0)


def test_several_arrays_for_one_input_or_output(backend):
    made = model()
    with refused(made, r"one input; x has 2 arrays.*np.stack"):
        made.fit([X, X], IDS, verbose=0)
    with refused(made, "y has 2 arrays; the model has 1 outputs"):
        made.fit(X, [IDS, IDS], verbose=0)
    with refused(made, "y names outputs"):
        made.fit(X, {"nobody": IDS}, verbose=0)


def test_validation_data_are_checked_before_training(backend):
    made = model()
    for validation, message in [
        ((X, ONE_HOT), "look one-hot"),
        ((np.zeros((3, 9)), IDS[:3]), "takes inputs of shape"),
        ((X, IDS[:3]), "differ in their number of rows"),
        (X, r"validation_data must be \(x, y\)"),
    ]:
        assert_fit_refuses(made, X, IDS, message, validation_data=validation)


def test_a_bad_batch_in_the_middle_is_not_trained_on(backend):
    made = model()
    good, bad = (X[:10], IDS[:10]), (X[10:], IDS[10:] + 7)
    seen = []

    def batches():
        yield good
        seen.append(state(made))
        yield bad

    with pytest.raises(ValueError, match="class ids from"):
        made.fit(batches(), verbose=0)
    for a, b in zip(seen[0], state(made), strict=True):
        np.testing.assert_array_equal(a, b)


# arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -3, 2.5, "many", True, float("nan")])
def test_batch_sizes_that_are_none(backend, value):
    assert_fit_refuses(
        model(), X, IDS, "batch_size must be a positive integer; got", batch_size=value
    )


def test_a_batch_larger_than_the_data_is_the_data(backend):
    made = model()
    before = int(made.optimizer.iterations.numpy())
    made.fit(X, IDS, batch_size=1000, verbose=0)
    assert int(made.optimizer.iterations.numpy()) == before + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "epochs must be an integer of at least 0"),
        ({"epochs": 1.5}, "epochs must be an integer"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be a positive integer"),
        ({"validation_split": 1.0}, "validation_split must lie strictly between 0 and 1"),
        ({"validation_split": 0.01}, "leaves 19 for training|leaves 20 for training"),
        ({"validation_freq": 0}, "validation_freq must be a positive integer"),
        ({"shuffle": "rows"}, 'shuffle must be True, False or "batch"'),
        ({"class_weight": [1, 2]}, "class_weight must be a dict"),
        ({"class_weight": {0: 2.0}, "sample_weight": np.ones(20)}, "Give either class_weight or"),
        ({"callbacks": [db.callbacks.History]}, "pass an instance"),
    ],
    ids=str,
)
def test_other_arguments_of_fit(backend, options, message):
    error = TypeError if "callbacks" in options else ValueError
    if options == {"validation_split": 0.01}:
        options = {"validation_split": 0.999}
        message = "leaves 0 for training"
    assert_fit_refuses(model(), X, IDS, message, error, **options)


def test_arguments_that_make_no_sense_beside_a_generator(backend):
    made, batches = model(), iter([(X, IDS)])
    for options in ({"y": IDS}, {"sample_weight": np.ones(20)}, {"validation_split": 0.5}):
        with refused(made, f"so {next(iter(options))} must not be given"):
            made.fit(batches, verbose=0, **options)


def test_weights_of_the_wrong_shape(backend):
    made = model()
    with refused(made, "sample_weight has shape"):
        made.fit(X, IDS, sample_weight=np.ones((20, 3)), verbose=0)
    with refused(made, "has weights of shapes"):
        made.set_weights(made.get_weights()[:-1])
    with refused(made, "not built yet"):
        layers.Dense(3).set_weights([np.zeros((2, 3))])


def test_unknown_arguments_name_the_nearest():
    with pytest.raises(TypeError, match=r"'epoch'. Did you mean 'epochs'"):
        model().fit(X, IDS, epoch=3)
    with pytest.raises(TypeError, match=r"'unit'. Did you mean 'units'"):
        layers.Dense(unit=3)
    with pytest.raises(TypeError, match=r"'optimiser'. Did you mean 'optimizer'"):
        db.Sequential().compile(optimiser="adam")


# before compile -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_nothing_is_trained_before_compile(backend, method):
    made = db.Sequential([db.Input((4,)), layers.Dense(3)])
    with pytest.raises(RuntimeError, match=f"{method} needs to know the loss: call compile first"):
        getattr(made, method)(X, IDS)


def test_compile_without_a_loss_says_so(backend):
    made = db.Sequential([db.Input((4,)), layers.Dense(3)])
    made.compile("sgd")
    before = made.get_weights()
    with pytest.raises(ValueError, match="no loss to train on"):
        made.fit(X, IDS, verbose=0)
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_without_layers(backend):
    made = db.Sequential()
    made.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has no layers; add some first"):
        made.fit(X, X, verbose=0)
    with pytest.raises(ValueError, match="no layers to pop"):
        made.pop()


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


@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3", None])
def test_units_that_are_no_width(units):
    with pytest.raises(ValueError, match="units must be a positive integer"):
        layers.Dense(units)


# what is good after all ---------------------------------------------------------------------------


def test_float64_data_go_into_a_float32_model_quietly(backend):
    made = model()
    made.fit(X.astype("float64"), IDS, verbose=0)
    assert made.predict(X.astype("float64"), verbose=0).dtype == np.float32
    assert all(w.dtype == np.float32 for w in made.get_weights())


def test_after_an_error_the_model_trains_as_if_nothing_had_been(backend):
    twin, made = model(), model()
    made.set_weights(twin.get_weights())
    for v, w in zip(made.optimizer.variables, twin.optimizer.variables, strict=True):
        v.assign(w.numpy())
    with refused(made, "look one-hot"):
        made.fit(X, ONE_HOT, verbose=0)
    expected, found = (m.fit(X, IDS, shuffle=False, verbose=0).history for m in (twin, made))
    assert expected == found


def test_labels_that_were_wrong_first_leave_no_trace_in_the_metrics(backend):
    made = db.Sequential([db.Input((4,)), layers.Dense(3, activation="softmax")])
    made.compile("sgd", CATEGORICAL, metrics=["accuracy"])
    with pytest.raises(ValueError, match="to_categorical"):
        made.fit(X, IDS, verbose=0)
    assert 0 <= made.fit(X, ONE_HOT, verbose=0).history["accuracy"][0] <= 1


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
