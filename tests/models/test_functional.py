"""Models made of symbolic tensors: how they run, share, nest, are cut, and what they refuse."""

import json

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers, masks, ops
from deepbasics.layers import Dense, Layer

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(10, 4)).astype("float32"), RNG.normal(size=(10, 3)).astype("float32")
QUIET = {"verbose": 0}


def two_towers():
    a, b = db.Input((4,), name="a"), db.Input((3,), name="b")
    joined = ops.concatenate([Dense(2, name="left")(a), Dense(2, name="right")(b)], axis=-1)
    return db.Model([a, b], Dense(1, name="out")(joined), name="towers")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


# running ------------------------------------------------------------------------------------------


def test_a_graph_computes_what_its_layers_compute(backend):
    model = two_towers()
    left, right, out = (model.get_layer(name) for name in ("left", "right", "out"))
    want = numpy(out(ops.concatenate([left(X), right(Z)], axis=-1)))
    np.testing.assert_allclose(numpy(model([X, Z])), want, rtol=1e-6)
    np.testing.assert_allclose(model.predict([X, Z], **QUIET), want, rtol=1e-6)
    for given in ((X, Z), {"b": Z, "a": X}, {"a": X, "b": Z, "c": X}):
        np.testing.assert_allclose(numpy(model(given)), want, rtol=1e-6)


def test_a_shared_layer_has_one_set_of_weights_and_all_gradients(backend):
    x = db.Input((1,))
    double = Dense(1, use_bias=False, kernel_initializer="ones")
    model = db.Model(x, double(double(x)))
    assert len(model.weights) == 1
    assert len(model.layers) == 2
    _, (gradient,) = db.gradients(lambda: ops.sum(model(np.ones((1, 1)))), model.weights)
    np.testing.assert_allclose(numpy(gradient), [[2.0]])  # of w * w at 1


def test_inputs_come_in_the_dtypes_that_were_said(backend):
    seen = []

    class Look(Layer):
        def call(self, inputs):
            seen.append(ops.dtype(inputs))
            return inputs

        def compute_output_shape(self, input_shape):
            return input_shape

    x = db.Input((2,), dtype="int32")
    y = db.Input((2,))
    model = db.Model([x, y], [Look(autocast=False)(x), Look()(y)])
    model([np.ones((1, 2)), np.ones((1, 2), "int64")])
    model.predict([np.ones((1, 2)), np.ones((1, 2), "int64")], **QUIET)
    assert seen == ["int32", "float32"] * 2


def test_an_axis_of_length_1_may_be_missing_or_too_many(backend):
    x = db.Input((1,))
    model = db.Model(x, Dense(2)(x))
    assert model.predict(np.ones(5), **QUIET).shape == (5, 2)
    assert model.predict(np.ones((5, 1, 1)), **QUIET).shape == (5, 2)


def test_the_rate_of_a_call_in_the_graph_wins(backend):
    """Dropout that was called with training=True drops in predict too."""
    x = db.Input((100,))
    model = db.Model(x, [layers.Dropout(0.5)(x, training=True), layers.Dropout(0.5)(x)])
    dropped, whole = model.predict(np.ones((2, 100)), **QUIET)
    assert set(np.unique(dropped)) == {0, 2}
    assert set(np.unique(whole)) == {1}


def test_outputs_that_are_inputs_and_outputs_used_again(backend):
    x = db.Input((4,))
    y = Dense(3)(x)
    model = db.Model(x, {"in": x, "mid": y, "end": Dense(1)(y)})
    found = model.predict(X, **QUIET)
    np.testing.assert_array_equal(found["in"], X)
    assert found["mid"].shape == (10, 3)


def test_values_that_have_served_are_let_go(backend):
    import weakref

    alive = []

    class Watch(Layer):
        def call(self, inputs):
            alive.append(sum(r() is not None for r in made))
            y = inputs + 1.0
            made.append(weakref.ref(y))
            return y

        def compute_output_shape(self, input_shape):
            return input_shape

    made = []
    x = y = db.Input((4,))
    for _ in range(6):
        y = Watch()(y)
    db.Model(x, y)(X)
    assert max(alive) <= 2


def test_a_graph_may_be_as_deep_as_memory_allows():
    x = y = db.Input((2,))
    for _ in range(3000):
        y = y + 1.0
    model = db.Model(x, y)
    np.testing.assert_array_equal(numpy(model(np.zeros((1, 2)))), [[3000, 3000]])


def test_lengths_may_be_unknown(backend):
    x = db.Input((None, 4))
    y = Dense(3)(x)
    assert y.shape == (None, None, 3)
    pooled = ops.mean(y, axis=1)
    assert pooled.shape == (None, 3)
    model = db.Model(x, pooled)
    for steps in (2, 5):
        assert model.predict(np.ones((3, steps, 4)), **QUIET).shape == (3, 3)


def test_a_layer_with_several_arguments_is_built_by_the_shape_of_each(backend):
    class Mix(Layer):
        def build(self, query_shape, value_shape):
            self.w = self.add_weight((query_shape[-1], value_shape[-1]), name="w")

        def call(self, query, value, scale=1.0):
            return ops.matmul(query, self.w) * value * scale

        def compute_output_shape(self, query_shape, value_shape):
            return value_shape

    a, b = db.Input((4,)), db.Input((3,))
    mix = Mix()
    model = db.Model([a, b], mix(a, value=b, scale=2.0))
    assert mix.w.shape == (4, 3)
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(
        model.predict([X, Z], **QUIET), 2 * (X @ mix.w.numpy()) * Z, rtol=1e-5
    )
    eager = Mix()
    assert eager(query=X, value=Z).shape == (10, 3)


def test_losses_that_layers_add_count_in_a_graph(backend):
    x = db.Input((4,))
    y = layers.ActivityRegularization(l2=1.0)(x) if hasattr(layers, "ActivityRegularization") else x
    model = db.Model(x, Dense(1, kernel_initializer="zeros")(y))
    model.compile("sgd", "mse")
    assert model.evaluate(X, np.zeros((10, 1)), **QUIET) == pytest.approx(
        np.sum(X**2) / 10, rel=1e-5
    )


def test_masks_travel_through_a_graph(backend):
    class Hide(Layer):
        def compute_mask(self, inputs, previous_mask):
            return ops.any(ops.not_equal(inputs, 0), axis=-1)

        def call(self, inputs):
            return inputs * 1.0

    x = db.Input((None, 1))
    hide = Hide()
    y = hide(x)
    model = db.Model(x, [Dense(2)(y), hide.compute_mask(x, None)])
    steps = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]])[..., None]
    out, mask = model(steps)
    np.testing.assert_array_equal(numpy(masks.mask_of(out)), steps[..., 0] != 0)
    np.testing.assert_array_equal(numpy(mask), steps[..., 0] != 0)
    outer_in = db.Input((None, 1))
    outer = db.Model(outer_in, model(outer_in)[0])
    np.testing.assert_array_equal(numpy(masks.mask_of(outer(steps))), steps[..., 0] != 0)


# parts and wholes ---------------------------------------------------------------------------------


def test_a_model_is_a_layer_of_others(backend):
    tower = db.Sequential([db.Input((4,)), Dense(3, "tanh"), Dense(2)])
    a, b = db.Input((4,)), db.Input((4,))
    pair = db.Model([a, b], tower(a) - tower(b))
    x = db.Input((4,))
    whole = db.Model(x, Dense(1)(pair([x, 2 * x])))
    assert [w.shape for w in whole.weights] == [(4, 3), (3,), (3, 2), (2,), (2, 1), (1,)]
    want = numpy(tower(X)) - numpy(tower(2 * X))
    np.testing.assert_allclose(pair.predict([X, 2 * X], **QUIET), want, atol=1e-6)
    whole.compile("adam", "mse")
    whole.fit(X, np.ones((10, 1)), epochs=2, **QUIET)


def test_a_stack_is_a_graph_too(backend):
    stack = db.Sequential([db.Input((4,)), Dense(3, "tanh", name="mid"), Dense(2)])
    model = db.Model(stack.inputs, [stack.layers[0].output, *stack.outputs])
    middle, end = model.predict(X, **QUIET)
    np.testing.assert_allclose(end, stack.predict(X, **QUIET), rtol=1e-6)
    np.testing.assert_allclose(middle, numpy(stack.get_layer("mid")(X)), rtol=1e-6)
    stack.add(Dense(5))
    assert stack.output_shape == (None, 5)
    assert len(stack.get_layer("mid")._inbound_nodes) == 1
    stack.pop()
    stack.pop()
    assert stack.output.shape == (None, 3)


def test_a_model_may_hold_a_graph_and_more(backend):
    class Own(db.Model):
        def __init__(self):
            x = db.Input((4,))
            super().__init__(x, Dense(2, name="in_graph")(x))
            self.beside = Dense(1, name="beside")

        def call(self, inputs):
            return self.beside(super().call(inputs))

    made = Own()
    assert made.predict(X, **QUIET).shape == (10, 1)
    assert [layer.name for layer in made.sublayers()][-2:] == ["in_graph", "beside"]
    assert len(made.weights) == 4


def test_inputs_and_outputs_of_layers_are_known(backend):
    model = two_towers()
    out = model.get_layer("out")
    assert out.output is model.output
    assert out.input.shape == (None, 4)
    assert [t.name for t in model.inputs] == model.input_names == ["a", "b"]
    assert model.output_names == ["out"]
    assert model.get_layer("left").get_output_at(0).shape == (None, 2)
    with pytest.raises(AttributeError, match="'alone' has been called on 0 symbolic"):
        _ = Dense(1, name="alone").output


def test_a_frozen_part_stays_as_it_is(backend):
    model = two_towers()
    model.get_layer("left").trainable = False
    model.compile("adam", "mse")
    before = {layer.name: layer.get_weights() for layer in model.layers}
    model.fit([X, Z], np.ones((10, 1)), **QUIET)
    for name, same in (("left", True), ("right", False), ("out", False)):
        kernel = model.get_layer(name).get_weights()[0]
        assert np.array_equal(kernel, before[name][0]) == same
    assert len(model.trainable_weights) == 4


def test_a_config_brings_the_model_back(backend):
    x = db.Input((4,), name="x")
    y = Dense(3, name="d")(x)
    z = ops.einsum("bi,bj->bij", x, y) if hasattr(ops, "einsum") else ops.expand_dims(y, 1)
    z = ops.reshape(z[:, ..., 1:], (-1, 8)) if hasattr(ops, "einsum") else z
    z = ops.where(z > 0, z, 0.1 * z) + ops.sum(ops.abs(y), axis=1, keepdims=True)
    model = db.Model(x, {"z": z, "y": y}, trainable=False)
    config = json.loads(json.dumps(model.get_config()))
    again = db.Model.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert not again.trainable
    again.set_weights(model.get_weights())
    want, got = model.predict(X, **QUIET), again.predict(X, **QUIET)
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-6)


def test_a_clone_has_weights_of_its_own(backend):
    model = two_towers()
    clone = db.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not any(a is b for a, b in zip(clone.weights, model.weights, strict=True))


# bad input ----------------------------------------------------------------------------------------


def refused(match, error=ValueError):
    return pytest.raises(error, match=match)


def test_an_input_that_is_missing_is_named():
    a, b = db.Input((4,), name="a"), db.Input((4,), name="b")
    with refused(r"model 'm' \('d'\) depend on 'b', of shape \(None, 4\).*inputs \('a'\): add it"):
        db.Model(a, Dense(1, name="d")(a + b), name="m")


def test_inputs_that_no_output_needs_are_allowed(backend):
    a, b = db.Input((4,), name="a"), db.Input((3,), name="b")
    model = db.Model([a, b], Dense(1)(a))
    assert model.predict([X, Z], **QUIET).shape == (10, 1)


def test_a_cycle_in_a_config_is_named():
    config = two_towers().get_config()
    left = next(entry for entry in config["layers"] if entry["name"] == "left")
    left["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["out", 0, 0]
    with refused("'towers' has a cycle: the calls of 'left', .*'out' wait for each other"):
        db.Model.from_config(config)
    left["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["nowhere", 0, 0]
    with refused("'left' is called on the output of 'nowhere', which is not in the model"):
        db.Model.from_config(config)


def test_what_is_no_symbolic_tensor_is_refused():
    x = db.Input((4,))
    with refused(r"inputs of a Model are symbolic tensors.*Dense"):
        db.Model(Dense(1), x)
    with refused(r"outputs of a Model are symbolic tensors.*ndarray"):
        db.Model(x, np.ones(3))
    with refused("takes inputs and outputs", TypeError):
        db.Model(x)
    with refused("listed twice: .*'twin'"):
        twin = db.Input((2,), name="twin")
        db.Model([twin, twin], twin + 1)


def test_two_layers_of_one_name_are_refused():
    x = db.Input((4,))
    with refused("several layers named 'same'"):
        db.Model(x, Dense(2, name="same")(Dense(2, name="same")(x)))


@pytest.mark.parametrize("method", ["predict", "fit", "call"])
def test_wrong_inputs_are_described(backend, method):
    model = two_towers()
    model.compile("sgd", "mse")

    def use(x):
        if method == "call":
            return model(x)
        more = (np.ones((10, 1)),) if method == "fit" else ()
        return getattr(model, method)(x, *more, **QUIET)

    with refused(r"takes 2 inputs \('a', 'b'\); got one of shape \(10, 4\)"):
        use(X)
    with refused(r"takes 2 inputs \('a', 'b'\); got 3 of shapes"):
        use([X, Z, X])
    with refused(r"takes the inputs 'a', 'b'; the dict has 'a', 'c', so 'b' is missing"):
        use({"a": X, "c": Z})
    with refused(r"input 'a', takes inputs of shape \(None, 4\).*x has shape \(10, 3\)"):
        use([Z, X])
    with refused(r"input 'b', takes inputs of shape \(None, 3\).*x has shape \(10, 3, 2\)"):
        use([X, np.ones((10, 3, 2))])


def test_a_dict_model_says_its_keys(backend):
    inputs = {"a": db.Input((4,), name="a"), "b": db.Input((3,), name="b")}
    model = db.Model(inputs, Dense(1)(inputs["a"]))
    with refused("takes a dict with the keys 'a', 'b'; got 2 of shapes"):
        model([X, Z])


def test_a_layer_that_does_not_fit_says_so_when_it_is_called():
    x = db.Input((4,), name="x")
    dense = Dense(3, name="turn")
    dense(x)
    with refused(r"'turn' was built for 4 features; it got inputs of shape \(None, 3\)"):
        dense(db.Input((3,)))
    with refused(r"ops.matmul of shapes \(None, 4\), \(None, 3\)"):
        ops.matmul(x, db.Input((3,)))


def test_an_input_spec_is_checked_with_and_without_values(backend):
    class Picky(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.input_spec = layers.InputSpec(min_ndim=3, axes={-1: 4})

        def call(self, inputs):
            return inputs

    with refused(r"'picky' \(Picky\) needs at least 3 axes; got shape \(10, 4\)"):
        Picky(name="picky")(X)
    with refused(r"needs 4 as the length of axis -1; got shape \(None, 2, 5\)"):
        Picky()(db.Input((2, 5)))
    assert Picky()(db.Input((2, 4))).shape == (None, 2, 4)


def test_keras_1_spellings_of_a_model_are_known():
    x = db.Input((4,))
    y = Dense(2)(x)
    spelled = [
        pytest.warns(DeprecationWarning, match=f"write {name}=") for name in ("inputs", "outputs")
    ]
    with spelled[0], spelled[1]:
        model = db.Model(input=x, output=y)
    assert model.output_shape == (None, 2)


def test_a_subclass_is_built_by_a_shape(backend):
    class Own(db.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = Dense(3), Dense(2)

        def call(self, inputs):
            return self.last(self.first(inputs))

    own = Own()
    own.build((None, 4))
    assert [w.shape for w in own.weights] == [(4, 3), (3,), (3, 2), (2,)]
    assert own.output_shape == (None, 2)
    shown = []
    own.summary(print_fn=shown.append)
    assert "(None, 3)" in shown[0]
    assert "(None, 2)" in shown[0]
