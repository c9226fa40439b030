"""CUDA: graphs, where data live, what is sent ahead. What needs no GPU is tested without one."""

import numpy as np
import pytest

from deepbasics import random
from deepbasics.backends import registry
from deepbasics.testing.networks import NETS, small

torch = pytest.importorskip("torch", reason="these are tests of the torch backend")

from deepbasics.backends.torch.feed import Ahead, Feed, feed, stays  # noqa: E402
from deepbasics.backends.torch.replay.graphs import WARM_UPS, Graphed, on_cuda  # noqa: E402
from deepbasics.backends.torch.rules.recurrent import _side_by_side  # noqa: E402

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def adder(total):
    """A program that changes `total` and gives its new value."""

    def program(x):
        total.add_(x)
        return [total * 1.0]

    return program


def on_the_host(program, inputs):
    """What a capture gives, without a GPU: the replay runs the program again on the same memory."""
    outputs = [torch.zeros(2)]

    def replay():
        outputs[0].copy_(program(*inputs)[0])

    return replay, outputs


def beside(program, *tensors):
    return program(*tensors)


def batches(n=7):
    return [torch.full((2,), float(i)) for i in range(n)]


def test_each_call_is_run_once_before_and_after_the_capture():
    total = torch.zeros(2)
    step = Graphed(adder(total), beside, on_the_host)
    results = [step(x)[0].tolist() for x in batches()]
    assert results == [[float(s)] * 2 for s in np.cumsum(range(7))]


def test_results_of_a_replay_are_copies():
    step = Graphed(adder(torch.zeros(2)), beside, on_the_host)
    kept = [step(x)[0] for x in batches()]
    assert [t[0].item() for t in kept] == np.cumsum(range(7)).tolist()


def test_a_capture_that_fails_is_said_once_and_the_program_goes_on():
    def fails(program, inputs):
        raise RuntimeError("operation not permitted when stream is capturing")

    step = Graphed(adder(torch.zeros(2)), beside, fails)
    xs = batches()
    for x in xs[:WARM_UPS]:
        step(x)
    with pytest.warns(UserWarning, match="not permitted") as caught:
        results = [step(x)[0][0].item() for x in xs[WARM_UPS:]]
    assert len(caught) == 1
    assert results == np.cumsum(range(7)).tolist()[WARM_UPS:]


def test_a_step_without_inputs_is_replayed():
    """As metrics are reset, and read."""
    total = torch.zeros(2)
    step = Graphed(lambda: adder(total)(1.0), beside, on_the_host)
    assert [step()[0][0].item() for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert step._replay is not None


def test_a_step_that_calls_the_host_is_not_captured(monkeypatch):
    from deepbasics.backends.torch.replay import step as replay_step

    monkeypatch.setattr(replay_step, "_cuda_device", lambda made: torch.device("cuda"))
    captured = []
    monkeypatch.setattr(replay_step, "on_cuda", lambda p, device: captured.append(device) or p)
    counter = torch.zeros((), dtype=torch.int64)
    drawn = registry.active().apply
    key, shape = (1, 2), (4,)
    draw = registry.active().step(lambda x: x + drawn("random_bits32", (counter, key, shape), {}))
    plain = registry.active().step(lambda x: x + 1)
    for _ in range(3):
        draw(torch.zeros(4))
        plain(torch.zeros(4))
    assert len(captured) == 1


def test_the_weights_of_a_recurrence_lie_side_by_side_for_cudnn():
    """As `torch.nn.LSTM.flatten_parameters` lays them out."""
    lstm = torch.nn.LSTM(3, 5)
    given = [p.detach().t() if p.ndim == 2 else p.detach() for p in lstm.parameters()]
    weights = _side_by_side([w.t() if w.ndim == 2 else w for w in given])
    ends = np.cumsum([w.numel() for w in weights])
    assert [w.storage_offset() for w in weights] == [0, *ends[:-1]]
    assert all(w.is_contiguous() for w in weights)
    for weight, parameter in zip(weights, lstm.parameters(), strict=True):
        assert torch.equal(weight, parameter)


def test_a_window_into_the_memory_of_a_tensor_is_recorded():
    """cuDNN's recurrences look so whether their weights lie side by side."""

    def function(x):
        parts = torch.cat([x, x * 2]).split(3)
        whole = torch.empty(0).set_(parts[0].untyped_storage())
        parts[1].mul_(3)
        return whole * 1

    step = registry.active().step(function)
    for n in range(4):
        x = torch.arange(3.0) + n
        assert torch.equal(step(x), torch.cat([x, x * 6]))
    assert len(step._programs) == 1


def test_data_stay_on_the_device_up_to_a_quarter_of_what_is_free():
    assert stays(25, 100)
    assert not stays(26, 100)


@pytest.mark.parametrize("kind", [Feed, lambda tensors: Ahead(tensors, torch.device("cpu"))])
@pytest.mark.parametrize("order", [None, np.random.default_rng(0).permutation(10)])
def test_batches_are_the_rows_in_order(kind, order):
    x, y = torch.arange(20.0).reshape(10, 2), torch.arange(10)
    source = kind([x, y])
    for _ in range(2):
        source.order(order)
        found = [source.batch(i, min(i + 4, 10)) for i in (0, 4, 8)]
        rows = np.arange(10) if order is None else order
        assert torch.cat([b[0] for b in found]).tolist() == x[rows].tolist()
        assert torch.cat([b[1] for b in found]).tolist() == rows.tolist()


def test_a_batch_out_of_turn_is_the_right_one():
    source = Ahead([torch.arange(10)], torch.device("cpu"))
    assert [source.batch(i, i + 2)[0].tolist() for i in (0, 4, 2)] == [[0, 1], [4, 5], [2, 3]]


def test_an_order_given_anew_forgets_what_was_sent_ahead():
    source = Ahead([torch.arange(4)], torch.device("cpu"))
    source.batch(0, 2)
    source.order(np.array([3, 2, 1, 0]))
    assert source.batch(2, 4)[0].tolist() == [1, 0]


@needs_gpu
@pytest.mark.parametrize("case", NETS, ids=str)
def test_the_networks_train_on_the_device_as_on_the_host(case):
    x, y = case.data(np.random.default_rng(0))
    weights = []
    for device in ("cpu", "cuda"):
        with registry.use_backend("torch", device):
            random.set_random_seed(1)
            model = case.make()
            model.fit(x[:200], y[:200], batch_size=case.batch_size, epochs=2, verbose=0)
        weights.append(model.get_weights())
        held = model._programs.values()
        steps = [program.recorded for program in held if hasattr(program, "recorded")]
        programs = [p for step in steps for p in step._programs.values()]
        assert device == "cpu" or any(p._replay is not None for p in programs)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@needs_gpu
def test_a_captured_step_gives_the_bits_of_the_eager_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 5)), np.eye(3)[rng.integers(0, 3, 64)]
    weights = []
    for eagerly in (False, True):
        with registry.use_backend("torch", "cuda"):
            random.set_random_seed(1)
            model = small("adam")
            model.run_eagerly = eagerly
            model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@needs_gpu
def test_a_capture_is_replayed():
    total = torch.zeros(2, device="cuda")
    step = on_cuda(adder(total), total.device)
    results = [step(x.cuda())[0].tolist() for x in batches()]
    assert results == [[float(s)] * 2 for s in np.cumsum(range(7))]
    assert step._replay is not None


@needs_gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one CUDA device at most")
def test_a_capture_on_another_device_than_the_current_is_replayed():
    total = torch.zeros(2, device="cuda:1")
    step = on_cuda(adder(total), total.device)
    results = [step(x.to("cuda:1"))[0].tolist() for x in batches()]
    assert results == [[float(s)] * 2 for s in np.cumsum(range(7))]
    assert step._replay is not None


@needs_gpu
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_a_recurrence_is_captured_and_cudnn_has_nothing_to_say(layer):
    from deepbasics import layers
    from deepbasics.models import Sequential

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6, 3)), rng.normal(size=(40, 1))
    with registry.use_backend("torch", "cuda"):
        first = getattr(layers, layer)(4, input_shape=(6, 3))
        model = Sequential([first, layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=8, epochs=8, verbose=0)
    held = [p.recorded for p in model._programs.values() if hasattr(p, "recorded")]
    programs = [p for step in held for p in step._programs.values()]
    assert programs
    assert all(p._replay is not None for p in programs)


@needs_gpu
def test_metrics_are_read_and_reset_on_the_device_for_many_epochs():
    x = np.random.default_rng(0).normal(size=(64, 5))
    with registry.use_backend("torch", "cuda"):
        model = small("adam")
        y = np.eye(3)[np.arange(64) % 3]
        history = model.fit(x, y, batch_size=8, epochs=10, verbose=0).history
    assert len(history["loss"]) == 10


@needs_gpu
@pytest.mark.parametrize("rows", [64, 50])
def test_batches_that_are_sent_ahead_arrive_whole(rows):
    x = torch.arange(rows * 3.0).reshape(rows, 3)
    source = Ahead([x], torch.device("cuda", 0))
    order = np.random.default_rng(0).permutation(rows)
    for _ in range(3):
        source.order(order)
        found = [source.batch(i, min(i + 8, rows))[0] for i in range(0, rows, 8)]
        assert torch.cat(found).cpu().tolist() == x[order].tolist()


@needs_gpu
def test_small_data_live_on_the_device():
    assert isinstance(feed([torch.zeros(4, 2)], torch.device("cuda", 0)), Feed)
