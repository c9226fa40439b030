"""Weights alone: by place in Keras' layout, by path in safetensors, by layer name of old."""

import json

import h5py
import numpy as np
import pytest

import deepbasics as db
from deepbasics.errors import UnreadableFile

layers = db.layers
FILES = ("m.weights.h5", "m.h5", "m.hdf5", "m.safetensors")


def net(*widths, names=None, width=4):
    """Dense layers of these widths, with weights of their own."""
    names = names or [None] * len(widths)
    made = [layers.Dense(n, name=name) for n, name in zip(widths, names, strict=True)]
    return db.Sequential([layers.Input((width,)), *made])


def equal(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return [np.array_equal(a, b) for a, b in pairs]


@pytest.mark.parametrize("name", FILES)
def test_weights_go_into_a_model_built_anew(backend, tmp_path, name):
    """Whatever its layers are called: automatic names differ from run to run."""
    first, second = net(3, 2), net(3, 2)
    assert first.layers[0].name != second.layers[0].name
    first.save_weights(tmp_path / name)
    second.load_weights(tmp_path / name)
    assert all(equal(first, second))


def test_weights_come_out_of_a_whole_model(model, make_model, tmp_path):
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        other = make_model()
        other.load_weights(tmp_path / name)
        assert all(equal(model, other))


@pytest.mark.parametrize("name", ["m.weights.h5", "m.safetensors"])
def test_other_shapes_are_refused_and_nothing_changes(backend, tmp_path, name):
    names = ["a", "b"]
    net(3, 2, names=names).save_weights(tmp_path / name)
    other = net(3, 5, names=names)
    before = other.get_weights()
    with pytest.raises(UnreadableFile, match=r"\(3, 2\)"):
        other.load_weights(tmp_path / name)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["m.weights.h5", "m.safetensors"])
def test_other_shapes_are_left_out_if_asked(backend, tmp_path, name):
    names = ["a", "b"]
    first, second = net(3, 2, names=names), net(3, 5, names=names)
    first.save_weights(tmp_path / name)
    before = second.get_weights()
    with pytest.warns(UserWarning, match="left as it was"):
        second.load_weights(tmp_path / name, skip_mismatch=True)
    np.testing.assert_array_equal(second.get_weights()[0], first.get_weights()[0])
    np.testing.assert_array_equal(second.get_weights()[2], before[2])


def test_safetensors_hold_the_paths_of_variables(backend, tmp_path):
    from safetensors.numpy import load_file

    model = net(3, 2, names=["a", "b"])
    model.save_weights(tmp_path / "m.safetensors")
    found = load_file(tmp_path / "m.safetensors")
    assert sorted(found) == sorted(v.path for v in model.weights)
    np.testing.assert_array_equal(found[model.weights[0].path], model.weights[0].numpy())


def test_slots_come_along_into_an_optimizer_that_has_some(model, make_model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    other = make_model()
    other.optimizer.variables[1].assign(np.ones((4, 3)))
    other.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_another_optimizer_is_left_alone(model, make_model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    fresh = make_model()
    fresh.compile("sgd", "mse")
    fresh.load_weights(tmp_path / "m.weights.h5")
    assert int(fresh.optimizer.iterations) == 0
    other = make_model()
    other.compile("sgd", "mse")
    other.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    with pytest.warns(UserWarning, match="SGD"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert all(equal(model, other))


def test_predictions_follow_weights_that_were_loaded(model, make_model, tmp_path):
    """A recorded step must not go on with what was there before."""
    x = np.ones((2, 4), "float32")
    model.save_weights(tmp_path / "m.weights.h5")
    expected = model.predict(x, verbose=0)
    model.set_weights([w + 1 for w in model.get_weights()])
    assert not np.array_equal(model.predict(x, verbose=0), expected)
    model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def test_a_file_of_weights_is_no_model(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnreadableFile, match="weights alone"):
        db.models.load_model(tmp_path / "m.weights.h5")


def test_a_file_that_is_not_there(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*m\.h5"):
        model.load_weights(tmp_path / "m.h5")


# files of Keras 2 ---------------------------------------------------------------------------------


def write_keras_2_weights(group, weights):
    """As `save_weights` of Keras 2: `weights` is {layer: {name: array}}."""
    group.attrs["layer_names"] = [name.encode() for name in weights]
    group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.15.0"
    for layer, arrays in weights.items():
        inner = group.create_group(layer)
        names = [f"{layer}/{name}:0" for name in arrays]
        inner.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays.values(), strict=True):
            inner[name] = array


def old_weights(seed=0, width=3):
    rng = np.random.default_rng(seed)
    return {
        "first": {"kernel": rng.normal(size=(4, width)), "bias": rng.normal(size=width)},
        "activation": {},
        "second": {"kernel": rng.normal(size=(width, 2)), "bias": rng.normal(size=2)},
    }


def flat(weights):
    return [array for arrays in weights.values() for array in arrays.values()]


@pytest.fixture
def keras_2_weights(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as root:
        write_keras_2_weights(root, old_weights())
    return tmp_path / "old.h5"


def test_weights_of_keras_2_go_in_by_order(backend, keras_2_weights):
    model = net(3, 2)
    model.load_weights(keras_2_weights)
    for found, expected in zip(model.get_weights(), flat(old_weights()), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_weights_of_keras_2_go_in_by_name(backend, keras_2_weights):
    model = net(3, 3, 2, names=["first", "new", "second"])
    before = model.get_weights()
    with pytest.raises(UnreadableFile, match="by_name=True"):
        model.load_weights(keras_2_weights)
    model.load_weights(keras_2_weights, by_name=True)
    found, old = model.get_weights(), flat(old_weights())
    np.testing.assert_allclose(found[0], old[0], rtol=1e-6)
    np.testing.assert_allclose(found[4], old[2], rtol=1e-6)
    np.testing.assert_array_equal(found[2], before[2])


def test_by_name_may_skip_what_does_not_fit(backend, keras_2_weights):
    model = net(3, 7, names=["first", "second"])
    before = model.get_weights()
    with pytest.raises(UnreadableFile, match=r"layer 'second'.*\(3, 2\)"):
        model.load_weights(keras_2_weights, by_name=True)
    with pytest.warns(UserWarning, match="'second'"):
        model.load_weights(keras_2_weights, by_name=True, skip_mismatch=True)
    np.testing.assert_allclose(model.get_weights()[0], flat(old_weights())[0], rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[2], before[2])


def test_by_name_is_for_files_that_have_names(backend, tmp_path):
    model = net(3)
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="Keras 2"):
        model.load_weights(tmp_path / "m.weights.h5", by_name=True)


def test_names_that_fill_several_attributes(backend, tmp_path):
    names = [f"layer_{'x' * 300}_{i}" for i in range(300)]
    model = net(*[2] * 300, names=names, width=2)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as root:
        assert "layer_names1" in root["model_weights"].attrs
    other = net(*[2] * 300, names=names, width=2)
    other.load_weights(tmp_path / "m.h5", by_name=True)
    assert all(equal(model, other))


# whole models of Keras 2, as tf.keras 2.x wrote them; documented in the room's `legacy_h5` --------

DENSE = {
    "name": "first",
    "trainable": True,
    "batch_input_shape": [None, 4],
    "dtype": "float32",
    "units": 3,
    "activation": "relu",
    "use_bias": True,
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}},
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
SECOND = {k: v for k, v in DENSE.items() if k != "batch_input_shape"} | {
    "name": "second",
    "units": 2,
    "activation": "softmax",
    "kernel_regularizer": None,
}
LAYERS = [
    {"class_name": "Dense", "config": DENSE},
    {"class_name": "Activation", "config": {"name": "activation", "activation": "linear"}},
    {"class_name": "Dense", "config": SECOND},
]
CONFIGS = {
    "keras 1": {"class_name": "Sequential", "config": LAYERS},
    "keras 2": {"class_name": "Sequential", "config": {"name": "old", "layers": LAYERS}},
}
ACCURACY = {"class_name": "MeanMetricWrapper", "config": {"name": "accuracy", "dtype": "float32"}}
ACCURACY["config"]["fn"] = "categorical_accuracy"
TRAINING = {
    "keras 1": {
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
        "sample_weight_mode": None,
        "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.25, "beta_1": 0.8}},
    },
    "keras 2": {
        "loss": {
            "class_name": "CategoricalCrossentropy",
            "config": {"reduction": "auto", "name": "categorical_crossentropy",
                       "from_logits": False, "label_smoothing": 0.1},
        },
        "metrics": [[ACCURACY]],
        "weighted_metrics": None,
        "loss_weights": None,
        "optimizer_config": {
            "class_name": "Adam",
            "config": {"name": "Adam", "learning_rate": 0.25, "decay": 0.0, "beta_1": 0.8,
                       "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False},
        },
    },
}  # fmt: skip


def slot_names(form):
    """(names, places among [iteration, m of each weight, v of each weight]) as a version has it."""
    if form == "keras 2":  # up to 2.10: all m, then all v
        return ["Adam/iter:0"] + [f"Adam/w{i}/{s}:0" for s in "mv" for i in range(4)], range(9)
    together = [place for i in range(4) for place in (1 + i, 5 + i)]
    return ["iteration:0"] + [f"Adam/{s}/w{i}:0" for i in range(4) for s in "mv"], [0, *together]


def write_keras_2_model(path, version="keras 2", form="keras 2", optimizer=True):
    """As `model.save("m.h5")` of Keras 2 left it, with an optimizer that has made 5 steps."""
    weights = old_weights()
    slots = [np.array(5, "int64"), *flat(weights), *(np.abs(w) for w in flat(weights))]
    with h5py.File(path, "w") as root:
        root.attrs["keras_version"], root.attrs["backend"] = b"2.15.0", b"tensorflow"
        root.attrs["model_config"] = json.dumps(CONFIGS[version]).encode()
        write_keras_2_weights(root.create_group("model_weights"), weights)
        if optimizer:
            root.attrs["training_config"] = json.dumps(TRAINING[version])
            group = root.create_group("optimizer_weights")
            names, order = slot_names(form)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, place in zip(names, order, strict=True):
                group[name] = slots[place]
    return weights


@pytest.mark.parametrize("version", CONFIGS)
def test_a_model_of_keras_2_is_read(backend, tmp_path, version):
    weights = write_keras_2_model(tmp_path / "old.h5", version)
    model = db.models.load_model(tmp_path / "old.h5")
    assert [layer.name for layer in model.layers] == list(weights)
    for found, expected in zip(model.get_weights(), flat(weights), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
    first, _, second = weights.values()
    hidden = np.maximum(x @ first["kernel"] + first["bias"], 0)
    scores = np.exp(hidden @ second["kernel"] + second["bias"])
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    assert float(model.optimizer.learning_rate) == 0.25
    assert model.optimizer.beta_1 == 0.8
    assert model.layers[0].kernel_regularizer.l2 == 0.01 or version == "keras 1"
    found = model.evaluate(x, np.eye(2)[[0, 1, 0, 1, 0]], verbose=0, return_dict=True)
    assert sorted(found) == ["accuracy", "loss"]


@pytest.mark.parametrize("form", ["keras 2", "keras 2.11"])
def test_the_optimizer_of_keras_2_goes_on(backend, tmp_path, form):
    weights = write_keras_2_model(tmp_path / "old.h5", form=form)
    model = db.models.load_model(tmp_path / "old.h5")
    assert int(model.optimizer.iterations) == 5
    slots = model.optimizer.variables[2:]
    for i, w in enumerate(flat(weights)):
        np.testing.assert_allclose(slots[2 * i].numpy(), w, rtol=1e-6)
        np.testing.assert_allclose(slots[2 * i + 1].numpy(), abs(w), rtol=1e-6)
    model.train_on_batch(np.ones((2, 4)), np.eye(2))
    assert int(model.optimizer.iterations) == 6


def test_a_model_of_keras_2_that_was_never_compiled(backend, tmp_path):
    write_keras_2_model(tmp_path / "old.h5", optimizer=False)
    assert db.models.load_model(tmp_path / "old.h5").optimizer is None


def test_an_optimizer_of_unknown_form_starts_afresh(backend, tmp_path):
    write_keras_2_model(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as root:
        names = root["optimizer_weights"].attrs["weight_names"]
        root["optimizer_weights"].attrs["weight_names"] = names[:-2]
    with pytest.warns(UserWarning, match="starts afresh"):
        model = db.models.load_model(tmp_path / "old.h5")
    assert int(model.optimizer.iterations) == 0


# graphs of Keras 2 --------------------------------------------------------------------------------

BRANCH = {**SECOND, "activation": "linear"}
GRAPH = {
    "name": "graph",
    "layers": [
        {
            "class_name": "InputLayer",
            "name": "in",
            "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "in"},
            "inbound_nodes": [],
        },
        {
            "class_name": "Dense",
            "name": "first",
            "config": {k: v for k, v in DENSE.items() if k != "batch_input_shape"},
            "inbound_nodes": [[["in", 0, 0, {}]]],
        },
        {
            "class_name": "Dense",
            "name": "second",
            "config": BRANCH,
            "inbound_nodes": [[["first", 0, 0, {}]]],
        },
        {
            "class_name": "Concatenate",
            "name": "both",
            "config": {"name": "both", "axis": -1},
            "inbound_nodes": [[["first", 0, 0, {}], ["second", 0, 0, {}]]],
        },
    ],
    "input_layers": [["in", 0, 0]],
    "output_layers": [["both", 0, 0]],
}


@pytest.mark.parametrize("class_name", ["Model", "Functional"])
def test_a_graph_of_keras_2_is_read(backend, tmp_path, class_name):
    weights = old_weights()
    with h5py.File(tmp_path / "old.h5", "w") as root:
        root.attrs["model_config"] = json.dumps({"class_name": class_name, "config": GRAPH})
        write_keras_2_weights(root.create_group("model_weights"), weights)
    model = db.models.load_model(tmp_path / "old.h5")
    x = np.random.default_rng(1).normal(size=(5, 4)).astype("float32")
    first, _, second = weights.values()
    hidden = np.maximum(x @ first["kernel"] + first["bias"], 0)
    expected = np.concatenate([hidden, hidden @ second["kernel"] + second["bias"]], axis=1)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
