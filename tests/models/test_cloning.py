"""Copies of models: new weights, the same shapes; other layers or calls in their places."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def graph():
    """A shared layer, ops, a model within, two outputs."""
    inner = db.Sequential([db.Input((3,)), layers.Dense(3, name="within")], name="inner")
    x = db.Input((4,), name="x")
    twice = layers.Dense(3, "relu", name="twice")
    y = inner(twice(x)) + inner(twice(x * 2.0))
    return db.Model(x, [layers.Dense(1, name="one")(y), layers.Dropout(0.5, name="drop")(y)])


def copied(clone, model):
    """Whether equal weights give equal outputs: the same calls, in the same order."""
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    clone.set_weights(model.get_weights())
    found, want = (m.predict(X, verbose=0) for m in (clone, model))
    for a, b in zip(db.tree.flatten(found), db.tree.flatten(want), strict=True):
        np.testing.assert_array_equal(a, b)
    return True


def test_a_clone_has_the_same_calls_and_names_and_new_weights(backend):
    model = graph()
    clone = db.models.clone_model(model)
    assert not np.array_equal(clone.get_layer("twice").get_weights()[0],
                              model.get_layer("twice").get_weights()[0])  # fmt: skip
    assert copied(clone, model)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]


def test_a_clone_is_compiled_alike(backend):
    model = graph()
    model.compile(db.optimizers.SGD(0.25, momentum=0.5), ["mse", "mae"], metrics=[["mae"], None])
    clone = db.models.clone_model(model)
    assert clone.optimizer is not model.optimizer
    assert clone.optimizer.get_config() == model.optimizer.get_config()
    y = [np.ones((5, 1)), np.ones((5, 3))]
    assert clone.fit(X, y, verbose=0).history.keys() == model.fit(X, y, verbose=0).history.keys()


def test_a_clone_of_what_cannot_be_told_is_not_compiled(backend):
    model = db.Sequential([db.Input((4,)), layers.Dense(1)])
    model.compile("sgd", lambda y, p: p - y)
    with pytest.warns(UserWarning, match="is not compiled: .*function"):
        assert db.models.clone_model(model).compiled is None


def test_a_function_makes_each_layer_once_but_no_input(backend):
    made = []

    def wider(layer):
        made.append(layer.name)
        config = layer.get_config()
        return type(layer).from_config(config | ({"units": 7} if layer.name == "one" else {}))

    clone = db.models.clone_model(graph(), clone_function=wider)
    assert sorted(made) == ["drop", "inner", "one", "twice"]
    assert clone.output_shape == [(None, 7), (None, 3)]


def test_layers_may_be_used_again(backend):
    model = graph()
    clone = db.models.clone_model(model, clone_function=lambda layer: layer)
    assert [id(v) for v in clone.weights] == [id(v) for v in model.weights]


@pytest.mark.parametrize("recursive", [False, True])
def test_recursive_clones_reach_the_layers_of_models_within(backend, recursive):
    made = []

    def note(layer):
        made.append(layer.name)
        return type(layer).from_config(layer.get_config())

    model = graph()
    clone = db.models.clone_model(model, clone_function=note, recursive=recursive)
    assert sorted(made) == sorted(["drop", "within" if recursive else "inner", "one", "twice"])
    assert copied(clone, model)


def test_a_function_calls_each_layer_and_op(backend):
    called = []

    def call(layer, *args, **kwargs):
        called.append(layer.name)
        y = layer(*args, **kwargs)
        return layers.Dropout(0.5)(y) if isinstance(layer, layers.Dense) else y

    model = graph()
    clone = db.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    assert sorted(n.split("_")[0] for n in called) == sorted(
        ["twice", "multiply", "twice", "inner", "inner", "add", "one", "drop"]
    )
    assert sum(isinstance(layer, layers.Dropout) for layer in clone.layers) == 4
    assert copied_outputs(clone, model)


def copied_outputs(clone, model):
    for a, b in zip(clone.predict(X, verbose=0), model.predict(X, verbose=0), strict=True):
        np.testing.assert_array_equal(a, b)
    return True


def test_a_clone_on_given_tensors(backend):
    model = graph()
    before = db.Input((4,), name="before")
    clone = db.models.clone_model(model, input_tensors=before)
    assert clone.layers[0].name == "before"
    assert copied(clone, model)
    stack = db.Sequential([db.Input((4,)), layers.Dense(2)])
    longer = db.models.clone_model(stack, input_tensors=[db.Input((4,), batch_size=5)])
    assert longer.input_shape == (5, 4)


def test_an_unbuilt_stack_may_be_cloned(backend):
    clone = db.models.clone_model(db.Sequential([layers.Dense(2), layers.Dense(3)]))
    assert clone.predict(X, verbose=0).shape == (5, 3)


class Own(db.Model):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return super().get_config() | {"units": self.units}


def test_a_class_of_ones_own_is_cloned_by_its_config(backend):
    assert db.models.clone_model(Own(3)).predict(X, verbose=0).shape == (5, 3)


@pytest.mark.parametrize(
    ("make", "settings", "told"),
    [
        (lambda: Own(), {"clone_function": lambda layer: layer}, "only its class knows"),
        (lambda: Own(), {"input_tensors": [1]}, "input_tensors for Own"),
        (
            lambda: db.Sequential([layers.Dense(1)]),
            {"call_function": lambda layer, x: layer(x)},
            "for functional models",
        ),
        (graph, {"input_tensors": np.ones((2, 4))}, "in the form of the inputs"),
        (graph, {"input_tensors": [db.Input((4,)), db.Input((4,))]}, "in the form of the inputs"),
        (graph, {"input_tensors": {"x": db.Input((4,))}}, "in the form of the inputs"),
    ],
)
def test_what_cannot_be_cloned_is_told(make, settings, told):
    with pytest.raises(ValueError, match=told):
        db.models.clone_model(make(), **settings)
