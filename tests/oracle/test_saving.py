"""Archives beside Keras 3: what either library has saved, the other opens and trains on alike."""

import inspect
import json
import zipfile
from operator import attrgetter

import numpy as np
import pytest

import deepbasics as db

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
pytest.importorskip("torch", reason="Keras runs on torch here")
pytest.importorskip("h5py", reason="the extra saving")

from deepbasics.saving import state  # noqa: E402
from deepbasics.testing import saving_cases as table  # noqa: E402
from deepbasics.testing.saving_cases import made, make  # noqa: E402

PREDICTIONS = 1e-6  # absolute, of outputs near 1
LOSSES = {"rtol": 2e-5, "atol": 1e-6}  # of three epochs of float32 steps, op by op elsewhere
ROWS, BATCH = 12, 4
KINDS = ("layers", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers",
         "regularizers", "constraints")  # fmt: skip
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
    pytest.mark.filterwarnings("ignore:Layer 'flatten:UserWarning"),  # loses the mask, as it should
]


def label(row):
    thing = (
        row.layer
        if isinstance(row, table.Case)
        else row[0]
        if row[1:] and isinstance(row[0], table.Made)
        else row
    )
    inner = [v.name for v in thing.arguments.values() if isinstance(v, table.Made)]
    return "-".join([thing.name, *inner])


def rows(cases):
    """Parameters for those rows that both libraries know."""
    return [pytest.param(case, id=f"{i}-{label(case)}") for i, case in enumerate(cases)]


def require(thing):
    """Skip a row that this library has not got (yet), or Keras has lost."""
    for library in (db, keras):
        try:
            make(library, thing)
        except (AttributeError, ImportError) as error:  # Keras looks up by TensorFlow
            pytest.skip(f"{library.__name__}: {error}")


def inputs_of(case, rng):
    if case.ids:
        return [rng.integers(0, case.ids, (ROWS, *shape)) for shape in case.shapes]
    return [rng.normal(size=(ROWS, *shape)).astype("float32") for shape in case.shapes]


def adapted(library, case):
    """The layer of a row, which has learned what it is to learn."""
    layer = make(library, case.layer)
    if case.adapt is not None:
        layer.adapt(np.array(case.adapt))
    return layer


def model_of(library, case, units=2):
    """A model around the layer of a row: functional if it has several inputs."""
    layer = adapted(library, case)
    dtype = "int32" if case.ids else "float32"
    inputs = [library.layers.Input(shape, dtype=dtype) for shape in case.shapes]
    tail = [library.layers.Flatten(), library.layers.Dense(units)]
    if case.call == "one":
        return library.Sequential([*inputs, layer, *tail])
    y = layer(inputs) if case.call == "list" else layer(*inputs)
    for after in tail:
        y = after(y)
    return library.Model(inputs, y)


def compiled(library, model, optimizer=None, loss="mse", metrics=None):
    optimizer = make(library, optimizer or made("optimizers.Adam", learning_rate=0.02))
    model.compile(optimizer=optimizer, loss=make(library, loss), metrics=make(library, metrics))
    return model


def dense(library, loss="mse", optimizer=None, metrics=None, activation="softmax"):
    layers = library.layers
    stack = [layers.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(3, activation)]
    return compiled(library, library.Sequential(stack), optimizer, loss, metrics)


def labels_of(kind, rng):
    ids = rng.integers(0, 3, ROWS)
    return {
        "ids": ids,
        "one-hot": np.eye(3, dtype="float32")[ids],
        "numbers": rng.normal(size=(ROWS, 3)).astype("float32"),
        "positive": rng.uniform(0.5, 2, size=(ROWS, 3)).astype("float32"),
        "signs": rng.choice([-1.0, 1.0], (ROWS, 3)).astype("float32"),
    }[kind]


def train(model, x, y, epochs=3):
    """The losses (and metrics) of each epoch, in order."""
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0).history
    return {name: np.asarray(values) for name, values in history.items()}


def predicted(model, x):
    return model.predict(x, verbose=0)


def slots(model):
    """The optimizer's state as arrays, all that is in files."""
    ours = isinstance(model, db.Model)
    variables = state.variables(model.optimizer) if ours else model.optimizer.variables
    return [np.asarray(v.numpy()) for v in variables]


def check_same_state(first, second, x, random=False):
    """Equal predictions, weights and optimizer state, to the bit where nothing is computed."""
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(slots(first), slots(second), strict=True):
        np.testing.assert_array_equal(a, b)
    check_predictions(first, second, x)


def check_predictions(first, second, x):
    outputs = (db.tree.flatten(predicted(model, x)) for model in (first, second))
    for found, expected in zip(*outputs, strict=True):
        largest = max(1, abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=PREDICTIONS * largest)


def check_both_ways(tmp_path, theirs, ours, x, y, random=False):
    """Keras' model opened here, that one opened by Keras; ours opened by Keras; all train on."""
    train(theirs, x, y, 1)
    theirs.save(tmp_path / "theirs.keras")
    opened = db.models.load_model(tmp_path / "theirs.keras")
    check_same_state(opened, theirs, x)
    opened.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    check_same_state(again, theirs, x)

    train(ours, x, y, 1)
    ours.save(tmp_path / "ours.keras")
    there = keras.models.load_model(tmp_path / "ours.keras")
    check_same_state(there, ours, x)
    if not random:
        expected = train(theirs, x, y)
        for model in (opened, again):
            check_same_losses(train(model, x, y), expected)
        check_same_losses(train(there, x, y), train(ours, x, y))


def check_same_losses(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, **LOSSES, err_msg=name)


@pytest.mark.parametrize("case", rows(table.LAYERS))
def test_layers(case, tmp_path):
    require(case.layer)
    rng = np.random.default_rng(3)
    x, y = inputs_of(case, rng), rng.normal(size=(ROWS, 2)).astype("float32")
    x = x[0] if len(x) == 1 else x
    theirs, ours = (compiled(library, model_of(library, case)) for library in (keras, db))
    check_both_ways(tmp_path, theirs, ours, x, y, case.random)


def holder_of(library):
    """A class of models that keep a layer for strings beside what they compute with."""

    @library.saving.register_keras_serializable("holders")
    class Holder(library.Model):
        def __init__(self, case, **kwargs):
            super().__init__(**kwargs)
            self.case, self.dense = case, library.layers.Dense(2)
            self.layer = make(library, table.TEXTS[case].layer)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return super().get_config() | {"case": self.case}

    return Holder


def looked_up(layer, case):
    """What a layer makes of strings, or of ids, known and unknown."""
    words = [["b", "new", "[UNK]", ""], ["c", "a", "line\nbreak", "two words"]]
    lines = ["the end of a dog", "The cat's   end", ""]
    data = lines if case.layer.name == "TextVectorization" else np.array(words)
    data = np.array([0, 1, 2, 9]) if case.layer.arguments.get("invert") else data
    found = layer(data)
    return np.asarray(found.detach() if hasattr(found, "detach") else found)


@pytest.mark.parametrize("i", range(len(table.TEXTS)))
def test_layers_for_strings(i, tmp_path):
    """Vocabularies, given and learned, go from either library to the other and back."""
    case = table.TEXTS[i]
    require(case.layer)
    theirs, ours = (holder_of(library)(i) for library in (keras, db))
    x = np.ones((2, 3), "float32")
    for model in (theirs, ours):
        if case.adapt is not None:
            model.layer.adapt(np.array(case.adapt))
        model(x)
    np.testing.assert_array_equal(  # of weights for tf-idf, the digits that float32 has
        *(np.round(x, 5) if x.dtype.kind == "f" else x
          for x in (looked_up(ours.layer, case), looked_up(theirs.layer, case)))
    )  # fmt: skip
    theirs.save(tmp_path / "theirs.keras")
    here = db.models.load_model(tmp_path / "theirs.keras")
    for model in (ours, here):
        want = looked_up(model.layer, case)
        model.save(tmp_path / "m.keras")
        for library in (db, keras):
            again = library.models.load_model(tmp_path / "m.keras")
            np.testing.assert_array_equal(looked_up(again.layer, case), want)
            check_predictions(again, model, x)
            if hasattr(again.layer, "get_vocabulary"):
                assert again.layer.get_vocabulary() == theirs.layer.get_vocabulary()
    assert members(tmp_path / "m.keras") == members(tmp_path / "theirs.keras")


def members(path):
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("case", rows(table.LOSSES))
def test_losses(case, tmp_path):
    loss, kind = case
    require(loss)
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), labels_of(kind, rng)
    check_both_ways(tmp_path, dense(keras, loss), dense(db, loss), x, y)


@pytest.mark.parametrize("case", rows(table.METRICS))
def test_metrics(case, tmp_path):
    metric, kind = case
    require(metric)
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), labels_of(kind, rng)
    loss = "sparse_categorical_crossentropy" if kind == "ids" else "mse"
    models = (dense(library, loss, metrics=[metric]) for library in (keras, db))
    check_both_ways(tmp_path, *models, x, y)


@pytest.mark.parametrize("optimizer", rows(table.OPTIMIZERS))
def test_optimizers(optimizer, tmp_path):
    require(optimizer)
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), labels_of("numbers", rng)
    models = (dense(library, optimizer=optimizer) for library in (keras, db))
    check_both_ways(tmp_path, *models, x, y)


@pytest.mark.parametrize("schedule", rows(table.SCHEDULES))
def test_schedules(schedule, tmp_path):
    require(schedule)
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), labels_of("numbers", rng)
    optimizer = made("optimizers.SGD", learning_rate=schedule, momentum=0.9)
    models = (dense(library, optimizer=optimizer) for library in (keras, db))
    check_both_ways(tmp_path, *models, x, y)


ARGUMENTS = {
    "initializers": "kernel_initializer",
    "regularizers": "kernel_regularizer",
    "constraints": "kernel_constraint",
}
PARTS = (*table.INITIALIZERS, *table.REGULARIZERS, *table.CONSTRAINTS)


@pytest.mark.parametrize("part", rows(PARTS))
def test_initializers_regularizers_and_constraints(part, tmp_path):
    require(part)
    argument = ARGUMENTS[part.path.partition(".")[0]]
    case = table.Case(made("layers.Dense", units=4, **{argument: part}), ((5,),))
    rng = np.random.default_rng(8)
    (x,), y = inputs_of(case, rng), rng.normal(size=(ROWS, 2)).astype("float32")
    theirs, ours = (compiled(library, model_of(library, case)) for library in (keras, db))
    check_both_ways(tmp_path, theirs, ours, x, y)
    there = keras.models.load_model(tmp_path / "ours.keras").layers[0]
    here = db.models.load_model(tmp_path / "theirs.keras").layers[0]
    for found, model in ((there, theirs), (here, ours)):
        kept, original = getattr(found, argument), getattr(model.layers[0], argument)
        assert type(kept) is type(original)
        kept, original = kept.get_config(), original.get_config()
        assert kept.keys() == original.keys()
        for name, value in original.items():  # Keras keeps some numbers as float32
            is_float = isinstance(value, float)
            assert kept[name] == (pytest.approx(value, rel=1e-6) if is_float else value)


# graphs -------------------------------------------------------------------------------------------


def shared(library):
    """Two inputs through one layer and one inner model, and two outputs."""
    layers = library.layers
    core = library.Sequential([layers.Input((4,)), layers.Dense(3, "relu")], name="core")
    twice = layers.Dense(4, name="twice")
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    y = layers.Concatenate()([core(twice(a)), core(twice(b)), layers.BatchNormalization()(b)])
    outputs = [layers.Dense(1, name="one")(y), layers.Dense(3, "softmax", name="three")(y)]
    return library.Model([a, b], outputs, name="shared")


def with_ops(library):
    """Ops between the layers."""
    x = library.layers.Input((4,))
    y = library.layers.Dense(3)(x)
    y = library.ops.relu(y) * 2.0 + library.ops.mean(y, axis=-1, keepdims=True)
    return library.Model(x, [library.layers.Dense(1)(y), library.layers.Dense(3, "softmax")(y)])


def nested(library):
    """A graph in a graph."""
    inner = shared(library)
    x = library.layers.Input((4,))
    one, three = inner([x, library.layers.Dense(4)(x)])
    return library.Model(x, [one, library.layers.Dense(3, "softmax")(three)])


@pytest.mark.parametrize("build", [shared, with_ops, nested], ids=lambda build: build.__name__)
def test_graphs(build, tmp_path):
    rng = np.random.default_rng(9)
    models = [build(library) for library in (keras, db)]
    x = [rng.normal(size=(ROWS, 4)).astype("float32") for _ in models[0].inputs]
    y = [rng.normal(size=(ROWS, 1)).astype("float32"), labels_of("one-hot", rng)]
    x = x[0] if len(x) == 1 else x
    for library, model in zip((keras, db), models, strict=True):
        loss = [library.losses.Huber(), library.losses.CategoricalCrossentropy()]
        model.compile("adam", loss, loss_weights=[0.5, 1.0], metrics=[["mae"], ["accuracy"]])
    check_both_ways(tmp_path, *models, x, y)


def test_losses_and_metrics_by_the_names_of_outputs(tmp_path):
    rng = np.random.default_rng(10)
    models = [shared(library) for library in (keras, db)]
    x = [rng.normal(size=(ROWS, 4)).astype("float32") for _ in range(2)]
    y = [rng.normal(size=(ROWS, 1)).astype("float32"), labels_of("one-hot", rng)]
    for model in models:
        model.compile(
            "sgd",
            loss={"one": "mse", "three": "categorical_crossentropy"},
            loss_weights={"one": 0.5, "three": 1.0},
            metrics={"one": ["mae"], "three": ["accuracy"]},
        )
    check_both_ways(tmp_path, *models, x, y)


@pytest.mark.parametrize("build", [shared, nested], ids=lambda build: build.__name__)
@pytest.mark.parametrize("name", ["m.h5", "m.weights.h5"])
def test_weights_and_old_files(build, name, tmp_path):
    """`.h5` of whole models and `.weights.h5`, in both directions."""
    rng = np.random.default_rng(11)
    theirs, ours = (build(library) for library in (keras, db))
    x = [rng.normal(size=(ROWS, 4)).astype("float32") for _ in theirs.inputs]
    x = x[0] if len(x) == 1 else x
    whole = name == "m.h5"
    for source, target, load in (
        (theirs, ours, db.models.load_model),
        (ours, theirs, keras.models.load_model),
    ):
        path = tmp_path / type(source).__module__.partition(".")[0] / name
        path.parent.mkdir()
        source.save(path) if whole else source.save_weights(path)
        target.set_weights([w * 0.5 for w in target.get_weights()])
        if whole:
            target = load(path)
        else:
            target.load_weights(path)
        check_predictions(target, source, x)


@pytest.mark.parametrize("size", [1, 200 / 2**30], ids=["one shard", "several"])
def test_sharded_weights(size, tmp_path):
    """In both directions; and ours once more, over what was there."""
    theirs, ours = (compiled(library, shared_classifier(library)) for library in (keras, db))
    x = np.random.default_rng(12).normal(size=(ROWS, 4)).astype("float32")
    for source, target, times in ((theirs, ours, 1), (ours, theirs, 3)):
        folder = tmp_path / type(source).__module__.partition(".")[0]
        folder.mkdir()
        target.fit(x, x[:, :2], verbose=0)  # which gives the optimizer its slots
        for _ in range(times):
            source.fit(x, x[:, :2], verbose=0)
            source.save_weights(folder / "m.weights.json", max_shard_size=size)
            if size < 1:
                assert len(list(folder.glob("*.h5"))) > 3
            target.load_weights(folder / "m.weights.json")
            check_same_state(target, source, x)


def shared_classifier(library):
    layers = library.layers
    stack = [layers.Input((4,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(2)]
    return library.Sequential(stack)


# the table is whole -------------------------------------------------------------------------------


def classes(room):
    """The public classes of a room that Keras has too, each by one of its names."""
    ours, theirs = (attrgetter(room)(library) for library in (db, keras))
    found = {}
    for name in dir(theirs):
        mine = getattr(ours, name, None) if name in dir(ours) else None
        if inspect.isclass(mine) and inspect.isclass(getattr(theirs, name)):
            found.setdefault(mine, name if name != mine.__name__ else mine.__name__)
            if name == mine.__name__:
                found[mine] = name
    return set(found.values())


BASES = {
    *("Loss", "Metric", "Optimizer", "Initializer", "Regularizer", "Constraint"),
    *("Mean", "Sum", "MeanMetricWrapper", "LearningRateSchedule"),  # metrics of one value
}
IN_TABLE = {
    "layers": {case.layer.name for case in (*table.LAYERS, *table.TEXTS)} | table.NO_ROW.keys(),
    "losses": {loss.name for loss, _ in table.LOSSES} | {"CTC"},  # of sequences
    "metrics": {metric.name for metric, _ in table.METRICS},
    "optimizers": {optimizer.name for optimizer in table.OPTIMIZERS},
    "optimizers.schedules": {schedule.name for schedule in table.SCHEDULES},
    "initializers": {part.name for part in table.INITIALIZERS},
    "regularizers": {part.name for part in table.REGULARIZERS},
    "constraints": {part.name for part in table.CONSTRAINTS},
}


@pytest.mark.parametrize("room", KINDS)
def test_everything_public_that_keras_has_too_has_a_row(room):
    missing = classes(room) - IN_TABLE[room] - BASES
    assert not missing, f"add a row to deepbasics.testing.saving_cases for {sorted(missing)}"


def functions(room):
    """The names of public functions that both libraries have, but for the helpers of a room."""
    ours, theirs = getattr(db, room), getattr(keras, room)
    helpers = {"get", "serialize", "deserialize"}
    both = [n for n in dir(theirs) if not n.startswith("_") and n in dir(ours)]
    return sorted({n for n in both if inspect.isfunction(getattr(theirs, n))} - helpers)


# What the tests by name do not reach, and why.
NOT_BY_NAME = {
    "threshold": "needs two arguments",
    "sparsemax": "Keras gives rows of zeros on torch, where a row adds up to one",
    "ctc": "takes sequences",
    "top_k_categorical_accuracy": "the best five of three",
    "sparse_top_k_categorical_accuracy": "the best five of three",
}


@pytest.mark.parametrize("name", sorted({*functions("activations")} - NOT_BY_NAME.keys()))
def test_activations_go_by_their_names(name, tmp_path):
    models = []
    for library in (keras, db):
        last = library.layers.Dense(4, activation=getattr(library.activations, name))
        models.append(library.Sequential([library.Input((4,)), last]))
    theirs, ours = models
    theirs.save(tmp_path / "theirs.keras")
    ours.save(tmp_path / "ours.keras")
    here = db.models.load_model(tmp_path / "theirs.keras")
    there = keras.models.load_model(tmp_path / "ours.keras")
    x = np.random.default_rng(13).normal(size=(ROWS, 4)).astype("float32")
    check_predictions(here, theirs, x)
    check_predictions(there, ours, x)


@pytest.mark.parametrize(
    "name", sorted({*functions("losses"), *functions("metrics")} - NOT_BY_NAME.keys())
)
def test_losses_and_metrics_go_by_their_names(name, tmp_path):
    """As a loss or a metric, whichever there is: what was given to `compile` is what comes out."""
    rng = np.random.default_rng(14)
    ids = "sparse" in name
    x, y = rng.normal(size=(ROWS, 5)).astype("float32"), labels_of("ids" if ids else "one-hot", rng)
    as_loss = name in functions("losses")
    settings = {"loss": name if as_loss else "mse", "metrics": [] if as_loss else [name]}
    if ids and not as_loss:
        settings["loss"] = "sparse_categorical_crossentropy"
    theirs, ours = (dense(library, **settings) for library in (keras, db))
    check_both_ways(tmp_path, theirs, ours, x, y)


# what stands in the file --------------------------------------------------------------------------


def names_in(config):
    """Every (module, class name) in a config."""
    if isinstance(config, list):
        for item in config:
            yield from names_in(item)
    elif isinstance(config, dict):
        if "class_name" in config:
            yield config.get("module"), config["class_name"]
        for value in config.values():
            yield from names_in(value)


def test_only_public_names_of_keras_are_stored(backend, tmp_path):
    optimizer = made("optimizers.Adam", learning_rate=table.SCHEDULES[0])
    dense(db, table.LOSSES[0][0], optimizer, [table.METRICS[0][0]]).save(tmp_path / "m.keras")
    config = json.loads(zipfile.ZipFile(tmp_path / "m.keras").read("config.json"))
    for module, name in names_in(config):
        home = keras
        for part in module.split(".")[1:]:
            home = getattr(home, part)
        assert hasattr(home, name), (module, name)


# odds and ends ------------------------------------------------------------------------------------


def halved(x):
    return x / 2


def test_a_lambda_of_a_function_with_a_name(tmp_path):
    known = {"halved": halved}
    theirs, ours = (
        library.Sequential([library.Input((3,)), library.layers.Lambda(halved)])
        for library in (keras, db)
    )
    theirs.save(tmp_path / "theirs.keras")
    ours.save(tmp_path / "ours.keras")
    x = np.ones((2, 3), "float32")
    here = db.models.load_model(tmp_path / "theirs.keras", known, safe_mode=False)
    there = keras.models.load_model(tmp_path / "ours.keras", known, safe_mode=False)
    np.testing.assert_array_equal(predicted(here, x), x / 2)
    np.testing.assert_array_equal(predicted(there, x), x / 2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_weights_of_other_dtypes(dtype, tmp_path):
    layer = keras.layers.Dense(2, dtype=dtype)
    theirs = keras.Sequential([keras.Input((3,), dtype=dtype), layer])
    theirs.save_weights(tmp_path / "m.weights.h5")
    expected = keras.ops.convert_to_numpy(keras.ops.cast(layer.kernel, "float32"))
    ours = db.Sequential([db.Input((3,)), db.layers.Dense(2)])
    ours.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(ours.get_weights()[0], expected)
