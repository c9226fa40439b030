"""A replayed step gives the bits of the eager one."""

import warnings
import weakref

import numpy as np
import pytest

from deepbasics import layers, ops, optimizers, random
from deepbasics.callbacks import LambdaCallback
from deepbasics.models import Sequential
from deepbasics.testing.networks import NETS, OPTIMIZERS, small

torch = pytest.importorskip("torch", reason="these are tests of the torch backend")


def trained(make, x, y, run_eagerly=None, callbacks=None, **fit):
    """(the state after training, the history, the predictions) of a model made with seed 1."""
    random.set_random_seed(1)
    model = make()
    model.run_eagerly = run_eagerly
    history = model.fit(x, y, verbose=0, callbacks=callbacks and callbacks(model), **fit)
    scores = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    state = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
    return state, history.history, scores, model.predict(x, batch_size=8, verbose=0), model


def agree(make, x, y, **settings):
    """Train replayed and eagerly; every bit must be the same, and the replay must have happened."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replayed = trained(make, x, y, False, **settings)
        eager = trained(make, x, y, True, **settings)
    assert programs(replayed[4])
    assert not programs(eager[4])
    for a, b in zip(replayed[0], eager[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert replayed[1:3] == eager[1:3]
    for a, b in zip(listed(replayed[3]), listed(eager[3]), strict=True):
        np.testing.assert_array_equal(a, b)
    return replayed[4]


def listed(x):
    return x if isinstance(x, list) else [x]


def programs(model):
    """The functions that replays run."""
    steps = [held.recorded for held in model._programs.values() if hasattr(held, "recorded")]
    return [program for step in steps for program in step._programs.values()]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 5)), np.eye(3)[rng.integers(0, 3, 50)]


@pytest.mark.parametrize("case", NETS, ids=str)
def test_networks_of_the_recipes(case):
    x, y = case.data(np.random.default_rng(0))
    agree(case.make, x[:210], y[:210], batch_size=case.batch_size, epochs=2)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=str)
def test_optimizers_with_dropout_and_a_partial_last_batch(case, data):
    agree(lambda: small(case.make()), *data, batch_size=8, epochs=4)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=str)
def test_constraints_and_penalties_with_each_optimizer(case, data):
    def make():
        dense = layers.Dense(
            4, "relu", kernel_regularizer="l2", kernel_constraint="max_norm", input_shape=(5,)
        )
        model = Sequential([dense, layers.Dense(3, "softmax", activity_regularizer="l1")])
        model.compile(case.make(), "categorical_crossentropy")
        return model

    agree(make, *data, batch_size=16, epochs=3)


def test_class_weights_and_weighted_metrics(data):
    def make():
        model = Sequential([layers.Dense(3, "softmax", input_shape=(5,))])
        model.compile("adam", "categorical_crossentropy", weighted_metrics=["accuracy", "auc"])
        return model

    agree(make, *data, batch_size=16, epochs=3, class_weight={0: 1.0, 1: 3.0})


def test_a_layer_is_frozen_between_epochs(data):
    def freeze(model):
        def end(epoch, logs):
            model.layers[0].trainable = epoch % 2 == 1

        return [LambdaCallback(on_epoch_end=end)]

    agree(lambda: small("adam"), *data, batch_size=16, epochs=5, callbacks=freeze)


def test_the_learning_rate_is_set_between_batches(data):
    def cool(model):
        def begin(batch, logs):
            model.optimizer.learning_rate = 0.01 / (1 + batch)

        return [LambdaCallback(on_train_batch_begin=begin)]

    agree(lambda: small("adam"), *data, batch_size=16, epochs=3, callbacks=cool)


def test_weights_are_set_and_moved_between_epochs(data):
    def move(model):
        def end(epoch, logs):
            model.set_weights([w * 0.5 for w in model.get_weights()])
            model.to("numpy").to("torch")

        return [LambdaCallback(on_epoch_end=end)]

    agree(lambda: small("adam"), *data, batch_size=16, epochs=4, callbacks=move)


def test_rows_in_other_orders_of_memory(data):
    x, y = data
    agree(lambda: small("adam"), np.asfortranarray(x), y[:, ::-1], batch_size=16, epochs=3)


def test_a_step_that_looks_at_values_runs_eagerly_and_says_so_once(data):
    class Looks(layers.Layer):
        def call(self, x):
            return x * (2.0 if float(ops.sum(x)) > 0 else 3.0)

    def make():
        model = Sequential([Looks(input_shape=(5,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "categorical_crossentropy")
        return model

    random.set_random_seed(1)
    model = make()
    with pytest.warns(UserWarning, match="eagerly") as caught:
        model.fit(*data, batch_size=8, epochs=3, verbose=0)
    assert len(caught) == 1
    assert not programs(model)
    eager = trained(make, *data, True, batch_size=8, epochs=3)
    for a, b in zip(model.get_weights(), eager[4].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.sum().item(),
        lambda x: float(x.detach().numpy().sum()),
        lambda x: sum(x.detach().flatten().tolist()),
        lambda x: float(np.asarray(x.detach()).sum()),
        lambda x: float(ops.convert_to_numpy(x).sum()),
        lambda x: 1.0 if (x.sum() > 0) else 0.0,
        lambda x: float(len(x[x > 0])),
        lambda x: float(torch.nonzero(x).shape[0]),
    ],
    ids=["item", "numpy", "tolist", "asarray", "convert", "bool", "mask", "nonzero"],
)
def test_each_way_of_looking_is_noticed(look):
    from deepbasics.backends.torch.replay import record

    _, recording = record.record(lambda x: x * look(x), [torch.ones(3, 4)])
    assert recording.obstacle


def test_a_learning_rate_from_python_runs_eagerly(data):
    rates = iter(np.linspace(0.1, 0.01, 100))
    random.set_random_seed(1)
    model = small(optimizers.SGD(lambda: next(rates)))
    with pytest.warns(UserWarning, match="learning rate"):
        model.fit(*data, batch_size=16, epochs=2, verbose=0)
    assert next(rates) < 0.1 - 7 * 0.0009


def test_results_outlive_the_next_call():
    from deepbasics.backends import registry

    step = registry.active().step(lambda x: [x + 1, ops.exp(x + 1)])
    inputs = [torch.full((3,), float(i)) for i in range(5)]
    results = [step(x) for x in inputs]
    for x, (one, two) in zip(inputs, results, strict=True):
        assert torch.equal(one, x + 1)
        assert torch.equal(two, torch.exp(x + 1))


def test_a_dict_of_results_holds_copies_of_weights():
    from deepbasics import Variable
    from deepbasics.backends import registry

    weight = Variable([1.0, 2.0])
    step = registry.active().step(lambda x: {"weight": weight.value, "sum": ops.sum(x)})
    given = [step(torch.ones(3)) for _ in range(4)][-1]
    weight.assign([5.0, 6.0])
    assert (given["weight"].tolist(), float(given["sum"])) == ([1, 2], 3)


def test_an_input_and_a_weight_given_back_are_copies():
    from deepbasics import Variable
    from deepbasics.backends import registry

    weight = Variable([1.0, 2.0])
    step = registry.active().step(lambda x: [x, weight.value])
    x = torch.zeros(2)
    for _ in range(3):
        given = step(x)
    weight.assign([5.0, 6.0])
    x += 1
    assert [g.tolist() for g in given] == [[0, 0], [1, 2]]


@pytest.mark.parametrize("layer", [layers.GRU, layers.SimpleRNN, layers.LSTM])
def test_a_masked_recurrence_is_replayed_whatever_the_mask_shows(layer):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (40, 6)), np.eye(3)[rng.integers(0, 3, 40)]
    x[:8, 3:] = 0  # shorter ones in the first batch
    x[9] = 0  # nothing counts

    def make():
        first = layers.Embedding(5, 4, mask_zero=True)
        model = Sequential([first, layer(4), layers.Dense(3)])
        model.compile("adam", "mse")
        return model

    agree(make, x, y, batch_size=8, epochs=3, shuffle=False)


def test_the_cell_of_a_masked_lstm_is_that_of_the_last_step_that_counts():
    """As torch's LSTM on those steps alone, gradients too; what is hidden may be NaN."""
    from deepbasics.backends.torch.rules import RULES

    torch.manual_seed(0)
    lstm = torch.nn.LSTM(3, 4)
    kernel, recurrent, bias, _ = (p.detach() for p in lstm.parameters())
    lstm.bias_hh_l0.data.zero_()
    for counted in ([], [1], [0, 2, 5], range(6)):
        mask = torch.zeros(6, 1, dtype=torch.bool)
        mask[list(counted)] = True
        x = torch.randn(6, 1, 3).masked_fill(~mask[..., None], torch.nan)
        leaves = [t.clone().requires_grad_() for t in (x, torch.randn(1, 4), torch.randn(1, 4))]
        hs, c = RULES["lstm"](*leaves, kernel.t(), recurrent.t(), bias, mask)
        found = torch.autograd.grad(hs[-1].sum() + (c * c).sum(), leaves)
        h, state = leaves[1], leaves[2]
        if len(counted):
            _, (h, state) = lstm(leaves[0][mask][:, None], (leaves[1][None], leaves[2][None]))
        wanted = torch.autograd.grad(h.sum() + (state * state).sum(), leaves, allow_unused=True)
        torch.testing.assert_close(hs[-1].flatten(), h.flatten())
        torch.testing.assert_close(c.flatten(), state.flatten())
        for got, want in zip(found, wanted, strict=True):
            torch.testing.assert_close(got, torch.zeros_like(got) if want is None else want)


@pytest.mark.parametrize("layer", [layers.GRU, layers.SimpleRNN, layers.LSTM])
def test_a_recurrence_without_a_mask_is_replayed(layer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6, 3)), np.eye(3)[rng.integers(0, 3, 40)]

    def make():
        model = Sequential([layer(4, input_shape=(6, 3)), layers.Dense(3)])
        model.compile("adam", "mse")
        return model

    agree(make, x, y, batch_size=8, epochs=3)


def test_what_is_given_twice_is_two_tensors_in_a_replay():
    from deepbasics.backends import registry

    step = registry.active().step(lambda a, b: a * 2 - b)
    x = torch.ones(3)
    for _ in range(3):
        assert step(x, x).tolist() == [1, 1, 1]
    assert step(x, torch.zeros(3)).tolist() == [2, 2, 2]


def test_a_tensor_reshaped_in_place_is_recorded_as_a_view():
    from deepbasics.backends import registry

    step = registry.active().step(lambda x: (x + 1).t_().unsqueeze_(0) * 2)
    for n in range(4):
        x = torch.arange(6.0).reshape(2, 3) + n
        assert torch.equal(step(x), (x + 1).t()[None] * 2)


def test_a_recurrence_predicts_with_the_kernel_for_no_gradients():
    """torch's LSTM rounds differently where gradients are enabled, as they are around a replay."""
    model = Sequential([layers.LSTM(4, input_shape=(5, 4))])
    x = np.random.default_rng(0).normal(size=(23, 5, 4))
    first, *others = [model.predict(x, verbose=0) for _ in range(4)]
    for other in others:
        np.testing.assert_array_equal(first, other)
    assert torch.is_grad_enabled()


def test_gradients_are_enabled_or_not_after_a_replay_that_fails_as_before():
    from deepbasics.backends import registry

    step = registry.active().step(lambda x, i: ops.take(x, i, axis=0) * 2)
    for _ in range(3):
        step(torch.ones(3), torch.tensor([0]))
    with pytest.raises(IndexError):
        step(torch.ones(3), torch.tensor([7]))
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(("m", "k", "n"), [(20, 13, 6), (2, 36, 8), (3, 27, 25), (24, 33, 11)])
def test_products_that_are_packed_round_as_they_do_alone(m, k, n):
    """A product may take another path where its result does not begin at 16 bytes."""
    from deepbasics.backends import registry

    def pack(a, b):
        parts = [ops.sum(a, axis=1)[:1] * 2.0, ops.reshape(a @ b, (-1,))]
        return ops.concatenate(parts, 0) * 1.0

    step = registry.active().step(pack)
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = (torch.tensor(rng.normal(size=s), dtype=torch.float32) for s in ((m, k), (k, n)))
        assert torch.equal(step(a, b), pack(a, b))


def test_a_recording_keeps_no_memory_that_the_step_has_freed():
    from deepbasics.backends.torch.replay import plan, program, record

    made = []

    def function(x):
        for _ in range(9):
            x = ops.tanh(x) * 2.0 + x[0]
            made.append(weakref.ref(x))
        return x

    x = torch.linspace(-1, 1, 12).reshape(3, 4)
    result, recording = record.record(function, [x])
    assert [r() is None for r in made] == [True] * 8 + [False]
    replayed = program.function(plan.plan(recording))
    for n in range(3):
        assert torch.equal(replayed(x + n), function(x + n))
    assert torch.equal(result, function(x))


def test_a_step_keeps_programs_for_some_signatures_and_runs_all():
    from deepbasics.backends import registry
    from deepbasics.backends.torch.replay import step as replay_step

    step = registry.active().step(lambda x: ops.cumsum(x * 2))
    for _ in range(2):
        for n in range(1, 2 * replay_step.PROGRAMS):
            for _ in range(3):
                assert step(torch.ones(n)).tolist() == [2.0 * (i + 1) for i in range(n)]
        assert len(step._programs) == replay_step.PROGRAMS


def test_signatures_that_do_not_come_again_soon_are_not_recorded():
    from deepbasics.backends import registry
    from deepbasics.backends.torch.replay import step as replay_step

    step = registry.active().step(lambda x: x * 2)
    for _ in range(3):
        for n in range(1, replay_step.RECENT + 2):
            step(torch.ones(n))
    assert not step._programs
