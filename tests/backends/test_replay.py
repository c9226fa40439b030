"""A replayed step gives what the step gives, bit for bit, on values it was not recorded on."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import deepbasics
from deepbasics import gradients, ops, optimizers, tree
from deepbasics.backends import registry
from deepbasics.layers.scope import call_scope
from deepbasics.random import set_random_seed
from deepbasics.testing import cases, checks, evaluate
from deepbasics.testing.networks import small, take
from deepbasics.variables import Variable

ROWS = [*cases.PRIMITIVES, *cases.DERIVED, *cases.LOSSES]


def plain(nest):
    return [np.asarray(ops.convert_to_numpy(t)) for t in tree.flatten(nest) if t is not None]


def assert_same_bits(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.tobytes() != b.tobytes():
            np.testing.assert_array_equal(a, b)
            raise AssertionError(f"NaNs or zeros with other bits: {a} and {b}")


def assert_replays(make, batches):
    """`make()` gives (function, Variables); run on all batches, replayed and as it is."""
    found = []
    for eager in (False, True):
        set_random_seed(3)
        function, variables = make()
        step = registry.active().step(function, eager=eager)
        found.append([])
        for batch in batches:
            result = plain(step(*(registry.active().tensor(a) for a in batch)))
            found[-1].append([*result, *(v.numpy() for v in variables)])
    for got, want in zip(*found, strict=True):
        assert_same_bits(got, want)


@pytest.mark.parametrize("case", ROWS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_op_and_its_gradient_replay(case, dtype, backend):
    """Each row of the table, differentiated within the step, on four different batches."""
    batches = [case.arguments(seed, dtype) for seed in (0, 1, 2, 3)]
    function = case.bind()

    def make():
        def step(*xs):
            outputs = function(*xs)
            if not case.wanted:
                return outputs
            shaped = [np.empty(tuple(y.shape)) for y in evaluate.floats(tree.flatten(outputs))]
            cotangents = [c.astype(dtype) for c in checks.cotangents_of(shaped, 5)]
            if not cotangents:
                return outputs
            scalar = evaluate.weighed(function, xs, case.wanted, cotangents)
            chosen = tuple(range(len(case.wanted)))
            return outputs, ops.grad(scalar, chosen)(*(xs[i] for i in case.wanted))

        return step, []

    with evaluate.floatx(dtype), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a row that branches on values runs eagerly
        assert_replays(make, batches)


def trained(case, eager, steps=5):
    set_random_seed(2)
    model = case.make()
    model.run_eagerly = eager
    x, y = case.data(np.random.default_rng(0))
    rows = case.batch_size * steps - case.batch_size // 2  # the last batch is smaller
    weights = np.linspace(0.5, 1.5, len(tree.flatten(x)[0]))
    history = model.fit(
        *take((x, y), slice(rows)), case.batch_size, epochs=3, verbose=0,
        validation_data=take((x, y), slice(20)), sample_weight=weights[:rows],
    )  # fmt: skip
    state = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
    outputs = model.predict(take(x, slice(7)), verbose=0)
    return history.history, [*state, *plain(outputs)]


@pytest.mark.parametrize("case", cases.NETS, ids=str)
def test_a_network_trains_the_same_replayed_or_not(case, backend):
    (history, state), (want_history, want) = (trained(case, eager) for eager in (False, True))
    assert history == want_history
    assert_same_bits(state, want)


@pytest.mark.parametrize("case", cases.OPTIMIZERS, ids=str)
def test_every_optimizer_replays(case, backend):
    def run(eager):
        set_random_seed(2)
        model = small(case.make())
        model.run_eagerly = eager
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(27, 5)), np.eye(3)[rng.integers(0, 3, 27)]
        logs = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history
        return logs, [v.numpy() for v in (*model.weights, *model.optimizer.variables)]

    (history, state), (want_history, want) = run(False), run(True)
    assert history == want_history
    assert_same_bits(state, want)


@pytest.mark.parametrize("case", cases.LAYERS, ids=str)
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_every_layer_replays(case, training, backend):
    rng = np.random.default_rng(0)
    batches = [[single(x) for x in case.draw(rng)] for _ in range(4)]

    def make():
        layer = case.make()
        case.apply(layer, batches[0])

        def step(*inputs):
            def scalar():
                with call_scope(training):
                    y = case.apply(layer, list(inputs))
                return ops.sum(evaluate.floats(tree.flatten(y))[0]), y

            _, y, grads = registry.active().gradients(scalar, layer.trainable_weights)
            return y, grads

        return step, layer.weights

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_replays(make, [tuple(batch) for batch in batches])


def single(x):
    return x.astype("float32") if x.dtype.kind == "f" else x


def test_what_a_step_returned_stays_as_it_was(backend):
    step = registry.active().step(
        lambda x: (x, x * 2.0, (x + 1.0)[1:], ops.reshape(x - 1.0, (3, 2)))
    )
    batches = [np.full((2, 3), float(n), "float32") for n in range(4)]
    results = [plain(step(registry.active().tensor(b))) for b in batches]
    for n, result in enumerate(results):
        for got, value in zip(result, (n, 2 * n, n + 1, n - 1), strict=True):
            assert (got == value).all()


def test_old_and_new_values_of_a_variable_are_told_apart(backend):
    def make():
        a, b = Variable(np.arange(4.0)), Variable(np.ones(4))
        flat = Variable(np.arange(6.0))
        part = Variable(np.zeros(2))
        part.rehome(flat, 2)

        def step(x):
            old_a, old_part = a.value, part.value
            a.assign(b.value)  # a swap
            b.assign(old_a + x)
            part.assign(old_part * 2.0 + 1.0)
            flat.assign(flat.value + 1.0)
            part.assign(part.value * 3.0)
            return old_a, a.value, old_part, flat.value

        return step, [a, b, flat, part]

    assert_replays(make, [(np.full(4, float(n), "float32"),) for n in range(5)])


LOOKS = {
    "bool": lambda x: x * 2.0 if ops.sum(x) > 0 else x,
    "float": lambda x: x * float(ops.sum(x)),
    "array": lambda x: x + np.asarray(ops.convert_to_numpy(x)).max(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_step_that_looks_at_values_runs_eagerly_and_says_so_once(look, backend):
    function = LOOKS[look]
    step = registry.active().step(lambda x: function(x * 1.5))
    batches = [np.full(3, v, "float32") for v in (1.0, -2.0, 3.0, -4.0)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        got = [plain(step(registry.active().tensor(b)))[0] for b in batches]
    want = [plain(function(registry.active().tensor(b) * 1.5))[0] for b in batches]
    assert_same_bits(got, want)
    assert len([w for w in said if "runs eagerly" in str(w.message)]) == 1


def test_an_error_within_a_replay_is_that_of_the_step(backend):
    model = deepbasics.Sequential([deepbasics.layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    model.fit(np.zeros((8, 3)), np.zeros((8, 2)), batch_size=2, verbose=0)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"\(.*, 4\)|4"):
        model.train_on_batch(np.zeros((2, 4)), np.zeros((2, 2)))
    assert_same_bits(model.get_weights(), before)


def test_a_batch_of_another_size_or_dtype_is_recorded_on_its_own(backend):
    v = Variable(np.zeros(3))

    def step(x):
        v.assign(v.value + ops.sum(ops.cast(x, "float32"), axis=0))
        return ops.cast(x, "float32") * v.value

    run = registry.active().step(step)
    total = np.zeros(3, "float32")
    for rows, dtype in ((2, "float32"), (2, "int32"), (5, "float32")) * 4:
        x = np.ones((rows, 3), dtype)
        total += rows
        (got,) = plain(run(registry.active().tensor(x)))
        assert got.shape == (rows, 3)
        assert (got == total).all()
    assert (v.numpy() == total).all()


@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)),
                                    ((2, 3, 4), (4,)), ((2, 3, 4), (2, 4, 5))])  # fmt: skip
def test_the_operator_of_products_takes_what_numpy_takes(shapes, backend):
    a, b = (np.arange(np.prod(s), dtype="float32").reshape(s) for s in shapes)
    ta, tb = (registry.active().tensor(t) for t in (a, b))
    step = registry.active().step(lambda a, b: a @ b)
    for _ in range(3):
        np.testing.assert_array_equal(plain(step(ta, tb))[0], a @ b)


def test_a_step_called_from_several_threads_mixes_nothing_up(backend):
    name = registry.active().name
    weight = Variable(np.random.default_rng(0).normal(size=(64, 64)))

    def function(x):
        for _ in range(6):
            x = ops.tanh(x @ weight.value) + x
        return x

    step = registry.active().step(function)

    def alike(n):
        with registry.use_backend(name, "cpu"):
            x = registry.active().tensor(np.full((200, 64), n / 10, "float32"))
            found = [plain(step(x))[0].copy() for _ in range(20)]
            return all((f == f[:1]).all() and (f == found[0]).all() for f in found), found[0][0, 0]

    assert alike(1)[0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(alike, range(8)))
    assert all(same for same, _ in found)
    assert [first for _, first in found] == [alike(n)[1] for n in range(8)]


def test_a_product_of_a_spread_out_row_with_itself_is_spread_out(backend):
    rows = [(np.full((1, 3), float(n), "float32"),) for n in range(4)]

    def make():
        def step(x):
            wide = ops.broadcast_to(x + 1.0, (4, 3))
            return wide * wide, ops.broadcast_to(x, (4, 3)) + wide

        return step, []

    assert_replays(make, rows)


def test_a_gradient_that_is_a_constant_replays(backend):
    """The bias of a critic whose loss is a difference of means: 1 - 1, whatever the data."""
    first, last = Variable([2.0, 3.0]), Variable([1.0])
    optimizer = optimizers.SGD(0.5)

    def step(x):
        def loss():
            return ops.mean(x * first) + ops.sum(last)

        optimizer.apply(gradients(loss, [first, last])[1], [first, last])

    optimizer.build([first, last])
    recorded = backend.step(step)
    for _ in range(3):
        recorded(backend.tensor(np.ones((4, 2), "float32")))
    np.testing.assert_allclose(last.numpy(), [-0.5])
    np.testing.assert_allclose(first.numpy(), [1.25, 2.25])
