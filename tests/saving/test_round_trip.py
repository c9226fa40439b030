"""A model that was saved and opened is the model: it predicts the same and trains on the same."""

import json
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

import deepbasics as db
from deepbasics.backends import registry
from deepbasics.errors import UnreadableFile

layers, load = db.layers, db.models.load_model
ENDINGS = (".keras", ".h5")


def data():
    rng = np.random.default_rng(2)
    return rng.normal(size=(12, 4)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")


def losses_of(model, epochs=3):
    x, y = data()
    history = model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history
    return history["loss"], history["mae"]


def same(first, second):
    a, b = (model.predict(data()[0], verbose=0) for model in (first, second))
    np.testing.assert_array_equal(a, b)


def stack(*inner, name=None):
    return db.Sequential([layers.Input((4,)), *inner], name=name)


# whole models -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_training_goes_on_as_if_nothing_had_been(model, tmp_path, ending):
    """Slots, the iteration of the schedule and, in `.keras`, the stream of the dropout."""
    path = tmp_path / f"m{ending}"
    model.save(path)
    opened = load(path)
    same(opened, model)
    assert int(opened.optimizer.iterations) == int(model.optimizer.iterations) == 6
    if ending == ".keras":
        assert losses_of(opened) == losses_of(model)


def test_the_stream_of_an_unseeded_dropout_goes_on(backend, tmp_path):
    model = stack(layers.Dense(64), layers.Dropout(0.5), layers.Dense(2))
    model.compile("sgd", "mse", metrics=["mae"])
    losses_of(model, 1)
    model.save(tmp_path / "m.keras")
    db.random.set_random_seed(99)  # another session
    opened = load(tmp_path / "m.keras")
    (ours,), (theirs,) = model.seed_generators(), opened.seed_generators()
    assert (ours.key, int(ours.counter)) == (theirs.key, int(theirs.counter))
    assert losses_of(opened) == losses_of(model)


@pytest.mark.parametrize(("first", "second"), [("numpy", "torch"), ("torch", "numpy")])
def test_a_model_of_one_backend_opens_under_another(first, second, make_model, tmp_path):
    if not {first, second} <= set(registry.available()):
        pytest.skip("needs both backends")
    with db.use_backend(first):
        model = make_model()
        model.save(tmp_path / "m.keras")
        model.save_weights(tmp_path / "m.weights.h5")
        model.save_weights(tmp_path / "m.safetensors")
        expected = model.predict(data()[0], verbose=0)
    with db.use_backend(second):
        opened = load(tmp_path / "m.keras")
        assert opened.backend.name == second
        np.testing.assert_allclose(opened.predict(data()[0], verbose=0), expected, atol=1e-6)
        for name in ("m.weights.h5", "m.safetensors"):
            other = make_model()
            other.load_weights(tmp_path / name)
            np.testing.assert_allclose(other.predict(data()[0], verbose=0), expected, atol=1e-6)
        np.testing.assert_allclose(losses_of(opened), losses_of(model), rtol=1e-5)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_model_opened_without_compile_only_predicts(model, tmp_path, ending):
    path = tmp_path / f"m{ending}"
    model.save(path)
    opened = load(path, compile=False)
    same(opened, model)
    assert opened.optimizer is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_optimizer_may_be_left_out(model, tmp_path, ending):
    path = tmp_path / f"m{ending}"
    model.save(path, include_optimizer=False)
    opened = load(path)
    same(opened, model)
    assert opened.optimizer is None


def test_slots_that_were_restored_survive_fit(model, tmp_path):
    model.save(tmp_path / "m.keras")
    opened = load(tmp_path / "m.keras")
    before = [v.numpy() for v in opened.optimizer.variables]
    opened._build_optimizer()  # what fit does first
    after = [v.numpy() for v in opened.optimizer.variables]
    assert any(slot.any() for slot in before[1:])
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_rate_that_was_set_stays_set(backend, tmp_path):
    model = stack(layers.Dense(2))
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.learning_rate = 0.125
    losses_of(model, 1)
    model.save(tmp_path / "m.keras")
    assert float(load(tmp_path / "m.keras").optimizer.learning_rate) == 0.125


def test_what_is_frozen_stays_frozen(backend, tmp_path):
    model = stack(layers.Dense(3, name="a"), layers.Dense(2, name="b"))
    model.layers[0].trainable = False
    model.compile("adam", "mse", metrics=["mae"])
    losses_of(model, 1)
    model.save(tmp_path / "m.keras")
    opened = load(tmp_path / "m.keras")
    assert [v.name for v in opened.trainable_weights] == ["kernel", "bias"]
    assert losses_of(opened) == losses_of(model)


def test_a_model_that_was_never_trained(backend, tmp_path):
    model = stack(layers.Dense(2))
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "m.keras")
    opened = load(tmp_path / "m.keras")
    same(opened, model)
    assert losses_of(opened) == losses_of(model)


def test_a_model_without_weights_yet(backend, tmp_path):
    model = db.Sequential([layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    opened = load(tmp_path / "m.keras")
    assert not opened.built
    assert opened.layers[0].units == 2
    with pytest.raises(ValueError, match="no weights yet"):
        model.save_weights(tmp_path / "m.weights.h5")


def test_models_in_models(backend, tmp_path):
    core = stack(layers.Dense(3), layers.Dropout(0.2), name="core")
    inner = stack(layers.Dense(4), core, name="inner")
    model = stack(layers.Dense(4), inner, layers.Dense(2))
    model.compile("adam", "mse", metrics=["mae"])
    losses_of(model, 1)
    for ending in ENDINGS:
        model.save(tmp_path / f"m{ending}")
        opened = load(tmp_path / f"m{ending}")
        same(opened, model)
    assert opened.get_layer("inner").get_layer("core").name == "core"


def test_float64(backend, make_model, tmp_path):
    db.config.set_floatx("float64")
    try:
        model = make_model()
        model.save(tmp_path / "m.keras")
    finally:
        db.config.set_floatx("float32")
    opened = load(tmp_path / "m.keras")
    assert opened.weights[0].dtype == "float64"
    same(opened, model)


@pytest.mark.parametrize("name", ["m.pb", "m", "m.weights.txt"])
def test_an_ending_that_says_nothing(model, tmp_path, name):
    with pytest.raises(ValueError, match="must end in"):
        model.save(tmp_path / name)
    with pytest.raises(ValueError, match="must end in"):
        model.save_weights(tmp_path / name)


def test_checkpoints_open(model, make_model, tmp_path):
    checkpoint = db.callbacks.ModelCheckpoint(tmp_path / "m-{epoch}.keras")
    x, y = data()
    model.fit(x, y, epochs=2, verbose=0, callbacks=[checkpoint])
    same(load(tmp_path / "m-2.keras"), model)
    weights = db.callbacks.ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[weights])
    other = make_model()
    other.load_weights(tmp_path / "w.weights.h5")
    same(other, model)


# things of one's own ------------------------------------------------------------------------------


@db.saving.register_keras_serializable("tests")
class Twice(db.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.shift = self.add_weight((input_shape[-1],), "zeros", name="shift")

    def call(self, inputs):
        return inputs * self.factor + self.shift

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


class Thrice(Twice):
    pass


def off_by(y_true, y_pred):
    return db.ops.mean(db.ops.abs(y_true - y_pred), axis=-1)


def swell(x):
    return x * 3.0


class Pair(db.Model):
    """Layers in attributes, lists and dicts."""

    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.zed = layers.Dense(width)
        self.blocks = [layers.Dense(width), {"k": [layers.Dense(width)]}]
        self._last = layers.Dense(2)

    def call(self, inputs):
        y = self.blocks[0](self.zed(inputs))
        return self._last(self.blocks[1]["k"][0](y))

    def get_config(self):
        return super().get_config() | {"width": self.width}


OWN = {"Thrice": Thrice, "off_by": off_by, "swell": swell, "Pair": Pair}


def own_model():
    model = stack(Twice(1.5), layers.Dense(2, activation=swell), Thrice())
    model.compile("sgd", loss=off_by, metrics=["mae", off_by])
    losses_of(model, 1)
    return model


@pytest.mark.parametrize("how", ["argument", "scope"])
def test_things_of_ones_own_are_found_by_name(backend, tmp_path, how):
    model = own_model()
    model.save(tmp_path / "m.keras")
    if how == "argument":
        opened = load(tmp_path / "m.keras", custom_objects=OWN)
    else:
        with db.saving.custom_object_scope(OWN):
            opened = load(tmp_path / "m.keras")
    same(opened, model)
    assert [type(layer) for layer in opened.layers] == [Twice, layers.Dense, Thrice]
    assert losses_of(opened) == losses_of(model)


def test_things_that_are_not_known_are_named(backend, tmp_path):
    own_model().save(tmp_path / "m.keras")
    with pytest.raises(UnreadableFile, match=r"config\.json: Unknown activation 'swell'"):
        load(tmp_path / "m.keras")
    with pytest.raises(UnreadableFile, match="no function 'off_by': pass custom_objects="):
        load(tmp_path / "m.keras", custom_objects={"Thrice": Thrice, "swell": swell})


def test_a_registered_name_is_stored(backend, tmp_path):
    own_model().save(tmp_path / "m.keras")
    config = json.loads(zipfile.ZipFile(tmp_path / "m.keras").read("config.json"))
    assert config["config"]["layers"][1]["registered_name"] == "tests>Twice"
    assert db.saving.get_registered_name(Twice) == "tests>Twice"
    assert db.saving.get_registered_object("tests>Twice") is Twice


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):

        @db.saving.register_keras_serializable("tests", "Twice")
        class Other(db.Layer):
            pass


@pytest.mark.parametrize("part", ["activation", "loss"])
def test_a_lambda_is_not_saved(backend, tmp_path, part):
    model = stack(layers.Dense(2, activation=(lambda x: x) if part == "activation" else None))
    model.compile("sgd", loss=(lambda y, p: p - y) if part == "loss" else "mse")
    with pytest.raises(TypeError, match="write it as a function"):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_a_subclassed_model_with_a_config(backend, tmp_path):
    model = Pair(5)
    model.compile("adam", "mse", metrics=["mae"])
    losses_of(model, 1)
    model.save(tmp_path / "m.keras")
    opened = load(tmp_path / "m.keras", custom_objects=OWN)
    same(opened, model)
    assert losses_of(opened) == losses_of(model)
    with h5py.File(tmp_path / "w.h5", "w"):
        pass
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as root:
        assert {"blocks/dense", "blocks/container/container/dense", "layers/dense"} <= _groups(root)


def _groups(root):
    found = set()
    root.visit(found.add)
    return found


# plain data ---------------------------------------------------------------------------------------


def test_json_and_clones_have_the_layers_and_new_weights(model):
    for copy in (
        db.models.model_from_json(model.to_json()),
        db.models.clone_model(model),
        type(model).from_config(model.get_config()),
    ):
        assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
        assert not np.array_equal(copy.get_weights()[0], model.get_weights()[0])
        assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]


def test_a_clone_by_a_function_of_each_layer(model):
    def wider(layer):
        config = layer.get_config()
        return type(layer).from_config(config | ({"units": 7} if "units" in config else {}))

    assert db.models.clone_model(model, clone_function=wider).output_shape == (None, 7)


def test_json_of_keras_2_and_1_is_read():
    dense = {"class_name": "Dense", "config": {"units": 3, "batch_input_shape": [None, 4]}}
    keras_2 = {"class_name": "Sequential", "config": {"name": "s", "layers": [dense]}}
    keras_1 = {"class_name": "Sequential", "config": [dense]}
    for config in (keras_2, keras_1):
        model = db.models.model_from_json(json.dumps(config))
        assert model.output_shape == (None, 3)


@pytest.mark.parametrize(
    "thing",
    [
        layers.Dense(3, kernel_regularizer="l1"),
        db.losses.Huber(0.3),
        db.metrics.AUC(curve="PR"),
        db.optimizers.SGD(db.optimizers.schedules.CosineDecay(0.1, 5), momentum=0.5),
        db.initializers.VarianceScaling(2.0),
        db.regularizers.L1L2(0.1, 0.2),
        db.constraints.MinMaxNorm(0.1),
        db.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.2]),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_objects_are_told_as_json_and_made_from_it(thing):
    plain = json.loads(json.dumps(db.saving.serialize_keras_object(thing)))
    made = db.saving.deserialize_keras_object(plain)
    assert type(made) is type(thing)
    assert db.saving.serialize_keras_object(made) == plain


@pytest.mark.parametrize(
    "thing", [None, 1, 2.5, "a", [1, [None]], {"a": {"b": [True]}}, b"bytes", slice(1, None), ...]
)
def test_plain_values_stay(thing):
    plain = json.loads(json.dumps(db.saving.serialize_keras_object(thing)))
    assert db.saving.deserialize_keras_object(plain) == thing


def test_arrays_stay():
    array = np.arange(6, dtype="int16").reshape(2, 3)
    plain = json.loads(json.dumps(db.saving.serialize_keras_object({"a": array})))
    made = db.saving.deserialize_keras_object(plain)["a"]
    np.testing.assert_array_equal(made, array)
    assert made.dtype == array.dtype


def test_what_has_no_config_is_refused():
    with pytest.raises(TypeError, match="get_config"):
        db.saving.serialize_keras_object({"a": object()})


# without the extra --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("h5py", "model.save(folder / 'm.keras')"),
        ("h5py", "model.save_weights(folder / 'm.weights.h5')"),
        ("safetensors", "model.save_weights(folder / 'm.safetensors')"),
    ],
)
def test_a_missing_library_is_one_line_that_names_the_extra(library, call, tmp_path):
    code = (
        f"import sys, pathlib; sys.modules[{library!r}] = None\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "import deepbasics as db\n"
        "model = db.Sequential([db.Input((4,)), db.layers.Dense(2)])\n"
        f"try: {call}\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert f'{library}, which is not installed: pip install "deepbasics[saving]"' in done.stdout
    assert list(tmp_path.iterdir()) == []
