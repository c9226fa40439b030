"""Architectures as JSON that ask for too much, or describe no model, are refused early."""

import json
import tracemalloc

import pytest

import deepbasics as db
from deepbasics.errors import UnreadableFile

MEMORY = 2**27  # bytes that reading may take at most
NESTED = '{"a":' * 100_000 + "1" + "}" * 100_000
LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"Sequential"', json.dumps(LAMBDA), NESTED]
)
def test_json_that_describes_no_model_is_refused(text):
    with pytest.raises(UnreadableFile, match="model_from_json"):
        db.models.model_from_json(text)


@pytest.mark.parametrize("lengths", [[10**8, 4], [10**7, 4], [None, 10**9], [10**30, 10**30]])
def test_a_graph_of_absurd_shapes_is_refused(lengths):
    x = db.Input((4,))
    config = json.loads(db.Model(x, db.ops.relu(x) * 2.0).to_json())
    config["config"]["layers"][0]["config"]["batch_shape"] = lengths
    refused_json(config, "too large to try")


def refused_json(config, says):
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile, match=says):
            db.models.model_from_json(json.dumps(config))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


# Ops whose output is as large as their settings say, and what these are to be: that small a file
# asks for as much memory as there is.
GROWING = {
    "tile": (lambda x: db.ops.tile(x, [1, 3]), "repeats", [1, 10**9]),
    "tile along all axes": (lambda x: db.ops.tile(x, [1, 3]), "repeats", [10**4, 10**4]),
    "repeat": (lambda x: db.ops.repeat(x, 3, axis=1), "repeats", 10**9),
    "pad": (lambda x: db.ops.pad(x, [[0, 0], [1, 1]]), "pad_width", [[0, 0], [10**8, 10**8]]),
    "one hot": (lambda x: db.ops.one_hot(db.ops.cast(x, "int32"), 5), "num_classes", 10**9),
    "broadcast": (lambda x: db.ops.broadcast_to(x, [2, 4]), "shape", [10**9, 4]),
}


@pytest.mark.parametrize("name", GROWING)
def test_an_op_that_would_grow_absurdly_is_refused(name):
    function, setting, value = GROWING[name]
    x = db.Input((4,), batch_size=2) if name == "broadcast" else db.Input((4,))
    config = json.loads(db.Model(x, function(x)).to_json())
    assert db.models.model_from_json(json.dumps(config)).built
    settings = config["config"]["layers"][-1]["config"]
    assert setting in settings
    settings[setting] = value
    refused_json(config, "too large to try")


def test_axes_that_would_spread_absurdly_are_refused():
    x, y = db.Input((3, 1)), db.Input((1, 5))
    config = json.loads(db.Model([x, y], x * y + x).to_json())
    for layer, lengths in zip(config["config"]["layers"], ([10**4, 1], [1, 10**4]), strict=False):
        layer["config"]["batch_shape"] = [None, *lengths]
    refused_json(config, "too large to try")


def test_ops_of_a_file_that_are_tried_on_much_in_all_are_refused():
    x = y = db.Input((4,))
    for _ in range(100):
        y = db.ops.relu(y)
    config = json.loads(db.Model(x, y).to_json())
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**6]
    refused_json(config, "too large to try")
    assert db.models.model_from_json(json.dumps(config), safe_mode=False).built


@pytest.mark.parametrize("absurd", [{"n": 10**6}, {"n": 10**12}], ids=str)
def test_absurd_steps_take_no_time(absurd):
    """A layer says the shape of its output, so nobody runs a million steps."""
    layers = db.layers
    stack = [db.Input((4,)), layers.RepeatVector(3), layers.LSTM(3), layers.Dense(2)]
    config = json.loads(db.Sequential(stack).to_json())
    config["config"]["layers"][1]["config"] |= absurd
    assert db.models.model_from_json(json.dumps(config)).output_shape == (None, 2)
    del config["config"]["layers"][0]  # built by the shape that is in the config
    assert db.models.model_from_json(json.dumps(config)).output_shape == (None, 2)


def test_json_does_not_ask_for_all_memory():
    config = json.loads(db.Sequential([db.Input((4,)), db.layers.Dense(3)]).to_json())
    config["config"]["layers"][1]["config"]["units"] = 10**9
    refused_json(config, "more than is left of")


def test_texts_of_absurdly_many_ngrams_are_refused():
    layer = db.layers.TextVectorization(ngrams=2)
    config = {"class_name": "Sequential", "config": {"layers": [db.layers.serialize(layer)]}}
    config["config"]["layers"][0]["config"]["ngrams"] = 10**9
    refused_json(config, "ngrams=1000000000 of a TextVectorization is more than")
