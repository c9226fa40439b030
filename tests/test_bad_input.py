"""Bad input gets a clear error, and nothing is lost: weights and optimizer stay as they were."""

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
    # Not strict: an optimizer that was new may have made its slots.
    for a, b in zip(before, state(made), strict=False):
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
        (IDS * 5, r"Give the last layer 11 units, or number the 3 classes anew"),
        (IDS + 0.5, r"labels that are not whole numbers, the first in row 0"),
        (
            np.eye(4)[IDS],
            r"labels of shape \(20, 4\); it expects integer class ids of shape \(20,\)",
        ),
        (IDS[:, None, None], r"labels of shape \(20, 1, 1\)"),
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


def test_crossentropy_over_a_single_class(backend):
    made = model("mse", 1, "sigmoid")
    made.compile("sgd", CATEGORICAL)
    assert_fit_refuses(made, X, BINARY, "Two classes go with one unit, a sigmoid and loss=")
    made.compile("sgd", SPARSE)
    assert_fit_refuses(made, X, BINARY, 'goes with "binary_crossentropy" and a sigmoid')


def test_a_softmax_of_one_unit_says_that_it_is_1(backend):
    made = db.Sequential([db.Input((4,)), layers.Dense(1, activation="softmax")])
    with pytest.warns(UserWarning, match="is 1 whatever it gets. One unit goes with a sigmoid"):
        made.predict(X, verbose=0)


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize(
    ("loss", "wanted"), [("binary_crossentropy", "sigmoid"), (CATEGORICAL, "softmax")]
)
def test_crossentropies_of_outputs_that_are_no_probabilities(backend, activation, loss, wanted):
    inputs = db.Input((4,))
    for made in (
        db.Sequential([layers.Dense(3, activation)]),
        db.Model(inputs, layers.Dense(3, activation)(inputs)),
    ):
        made.compile("sgd", loss)
        with pytest.warns(UserWarning, match=f'ends with the activation .*activation="{wanted}"'):
            made.fit(X, ONE_HOT, verbose=0)
        made.fit(X, ONE_HOT, verbose=0)  # said once
        made.compile("sgd", db.losses.CategoricalCrossentropy(from_logits=True))
        made.fit(X, ONE_HOT, verbose=0)


def test_metrics_that_do_not_go_with_the_labels(backend):
    made = model()
    for metric in ("mae", "binary_accuracy", "categorical_accuracy", "auc", db.metrics.Precision()):
        made.compile("adam", SPARSE, metrics=[metric])
        assert_fit_refuses(made, X, IDS, r"labels of shape \(20,\) and predictions of shape")


def test_a_loss_that_leaves_the_backend(backend):
    made = model("mse", 1, None)
    made.compile("adam", lambda y, p: db.ops.mean(y))
    assert_fit_refuses(made, X, BINARY, "no gradient for any variable.*made of deepbasics.ops")
    made.compile("adam", lambda y, p: None)
    assert_fit_refuses(made, X, BINARY, "Cannot make a tensor of NoneType", TypeError)


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
        (np.array([[1j, 2, 3, 4]] * 20), r"x has dtype complex128.*Take \.real"),
        (None, "x is missing"),
        (X.astype(str), "The text looks like numbers: convert it with np.asarray"),
        (X.astype("datetime64[D]"), r"datetime64\[D\].*Convert times first"),
        (X.astype("timedelta64[D]"), r"timedelta64\[D\].*Convert times first"),
        (np.zeros(20, [("a", "f4"), ("b", "f4")]), "structured_to_unstructured"),
        ([[1, 2, 3, None]] * 20, "x misses 20 of its 80 values"),
        (np.ma.masked_array(X, X > 0), "x is a masked array that hides"),
        ({1, 2}, "x is a set"),
        (b"data", "x has dtype"),
        (lambda: X, "x is a function.*Call it"),
        (list(X), r"takes inputs of shape|np\.stack\(x\)"),
        (np.array([np.zeros(4)] * 19 + [np.zeros(3)], dtype=object), "array of objects"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
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


@pytest.mark.parametrize(
    "column",
    [
        lambda p: p.Categorical([0, 1] * 10),
        lambda p: p.to_datetime(["2020-01-01"] * 20),
        lambda p: p.to_datetime(["2020-01-01"] * 20, utc=True),
        lambda p: p.to_timedelta([1] * 20, unit="D"),
    ],
    ids=["category", "time", "time with zone", "duration"],
)
def test_columns_that_pandas_would_make_objects_of_are_named(backend, column):
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    frame = pandas.DataFrame({"a": X[:, 0], "when": column(pandas)})
    with refused(made := model(), "columns that are not numbers: when"):
        made.fit(frame, IDS, verbose=0)


def test_missing_values_of_pandas_are_counted(backend):
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    made = model()
    whole = pandas.DataFrame({c: pandas.array([1, 2, None, 4] * 5, "Int64") for c in "abcd"})
    with refused(made, "x misses 20 of its 80 values"):
        made.fit(whole, IDS, verbose=0)
    with refused(made, "(misses|NaN or infinite in) 5 of (its )?20"):
        made.fit(X, whole["a"], verbose=0)
    floats = pandas.DataFrame(X)
    floats.iloc[3, 1] = None
    with refused(made, "x is NaN or infinite in 1 of 20 rows, the first is row 3"):
        made.fit(floats, IDS, verbose=0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_inputs_of_which_the_weights_would_become_nan(backend, value):
    x = X.astype("float64")
    x[5, 2] = value
    assert_fit_refuses(model(), x, IDS, "x is NaN or infinite in 1 of 20 rows, the first is row 5")


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


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ((X[10:], IDS[10:] + 7), "class ids from"),
        ((X[:0], IDS[:0]), "The data are empty"),
        ((X[:, :3], IDS), "takes inputs of shape"),
        ((X, IDS[:3]), "differ in their number of rows"),
        ((X * np.nan, IDS), "x is NaN or infinite in 20 of 20 rows"),
        ((X, IDS, np.ones(20), 1), "A batch has 4 parts"),
        ((X[0], IDS[0]), "y is a single number"),
    ],
    ids=["labels", "empty", "width", "lengths", "nan", "parts", "rows"],
)
def test_a_bad_batch_in_the_middle_is_not_trained_on(backend, bad, message):
    made = model()
    good = (X[:10], IDS[:10])
    seen = []

    def batches():
        yield good
        seen.append(state(made))
        yield bad

    with pytest.raises(ValueError, match=message):
        made.fit(batches(), verbose=0)
    for a, b in zip(seen[0], state(made), strict=True):
        np.testing.assert_array_equal(a, b)


# arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -3, 2.5, "32", True, float("nan"), float("inf"), [32]])
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
        ({"epochs": None}, "epochs must be an integer"),
        ({"epochs": "3"}, "epochs must be an integer"),
        ({"initial_epoch": -1}, "initial_epoch must be an integer of at least 0"),
        ({"validation_split": 20}, "validation_split must lie strictly between 0 and 1"),
        ({"validation_split": "0.2"}, "validation_split must lie strictly between 0 and 1"),
        ({"validation_split": float("nan")}, "validation_split must lie strictly between"),
        ({"shuffle": None}, 'shuffle must be True, False or "batch"'),
        ({"class_weight": "balanced"}, "class_weight must be a dict"),
        ({"class_weight": {"cat": 1.0}}, "class_weight must be a dict from class id"),
        ({"class_weight": {0: None}}, "class_weight must be a dict from class id"),
        ({"class_weight": {0: float("nan")}}, "class_weight must be a dict from class id"),
        ({"sample_weight": {0: 1.0, 1: 2.0}}, "from class id to weight goes into class_weight"),
        ({"sample_weight": np.full(20, np.nan)}, "sample_weight is NaN or infinite in 20 of 20"),
        ({"sample_weight": 2.0}, "sample_weight is a single number"),
        ({"sample_weight": ["a"] * 20}, "sample_weight has dtype"),
        ({"callbacks": "early"}, "'early', which is no Callback"),
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
    with refused(made, "set_weights takes a list of arrays", TypeError):
        made.set_weights(None)
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


# what is good after all ---------------------------------------------------------------------------


def test_float64_data_go_into_a_float32_model_quietly(backend):
    made = model()
    made.fit(X.astype("float64"), IDS, verbose=0)
    assert made.predict(X.astype("float64"), verbose=0).dtype == np.float32
    assert all(w.dtype == np.float32 for w in made.get_weights())


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda a: np.ascontiguousarray(a[::-1])[::-1],
        lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
        lambda a: a.astype(">f8" if a.ndim > 1 else ">i8"),
        lambda a: a.astype("longdouble") if a.ndim > 1 else a.astype("uint8"),
        lambda a: np.ma.masked_array(a),
        lambda a: a.astype(object),
        lambda a: a.tolist(),
        lambda a: tuple(map(tuple, a.tolist())) if a.ndim > 1 else tuple(a.tolist()),
        lambda a: a if a.ndim > 1 else a[:, None],
        lambda a: a if a.ndim > 1 else a.astype("float64"),
    ],
    ids=[
        "fortran",
        "negative",
        "locked",
        "swapped",
        "long",
        "masked",
        "objects",
        "lists",
        "tuples",
        "column",
        "floats",
    ],
)
def test_the_form_of_the_data_changes_nothing(backend, form):
    made, expected = model(), model()
    expected.set_weights(made.get_weights())
    for one, x, y in ((made, form(X), form(IDS)), (expected, X, IDS)):
        one.compile("sgd", SPARSE)
        one.fit(x, y, shuffle=False, verbose=0)
    for a, b in zip(made.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


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
