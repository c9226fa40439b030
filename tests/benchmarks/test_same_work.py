"""The columns that are compared do the same work: same start, same batches, same weights after.

In float64, and with an epsilon too small to matter: PyTorch adds it elsewhere than Keras does.
"""

import numpy as np
import pytest

from benchmarks import work
from benchmarks.columns import by_hand, floor, keras_like
from benchmarks.rows import NETS
from deepbasics import config
from deepbasics.backends import registry

WEIGHTS = {"rtol": 1e-9, "atol": 1e-11}  # float64; the updates are 1e-6 (Adadelta) and more
LOSS = 1e-6  # Adadelta's and Adam's libraries keep it in float32
EPSILON = {"adam": 1e-30, "rmsprop": 1e-30}
STEPS = 3
OTHERS = ["torch", "torch, fused", *(f"deepbasics, {name}" for name in registry.available())]


def exact(name: str) -> work.Work:
    """The network on three small batches and a part of one, without what is drawn."""
    net = NETS[name]
    optimizer, settings = net.optimizer
    if optimizer in EPSILON:
        settings = settings | {"epsilon": EPSILON[optimizer]}
    batch = min(net.batch, 4)
    rows = STEPS * batch + batch // 2
    layers = tuple(("dropout", 0.0) if layer[0] == "dropout" else layer for layer in net.layers)
    return work.make(
        net._replace(batch=batch, rows=rows, layers=layers, optimizer=(optimizer, settings)),
        "float64",
    )


def built(column: str, made: work.Work) -> work.Trainer:
    if column.startswith("deepbasics"):
        try:
            with registry.use_backend(column.split()[1], "cpu"):
                return keras_like.build(made, "deepbasics")
        except work.Missing as why:
            pytest.skip(str(why))
    torch_room = pytest.importorskip(
        "benchmarks.columns.plain_torch", reason="the column needs torch", exc_type=ImportError
    )
    return torch_room.build(made, fused=column == "torch, fused")


def scikit_learn():
    return pytest.importorskip(
        "benchmarks.columns.scikit", reason="the column needs scikit-learn", exc_type=ImportError
    )


@pytest.fixture
def _float64():
    before = config.floatx()
    config.set_floatx("float64")
    yield
    config.set_floatx(before)


@pytest.fixture(params=NETS)
def made(request):
    return exact(request.param)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("column", OTHERS)
def test_steps_end_at_the_weights_of_numpy_by_hand(made, column):
    hand, other = by_hand.build(made), built(column, made)
    expected, found = (t.train(1, shuffle=False) for t in (hand, other))
    np.testing.assert_allclose(found, expected, rtol=LOSS)
    for start, a, b in zip(made.weights, other.weights(), hand.weights(), strict=True):
        assert np.abs(b - start).max() > 1e-7, "nothing was trained"
        np.testing.assert_allclose(a, b, **WEIGHTS)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("column", OTHERS)
def test_prediction_and_evaluation_agree(made, column):
    hand, other = by_hand.build(made), built(column, made)
    for method in ("predict", "call"):
        expected, found = (getattr(t, method)(made.x[:3]) for t in (hand, other))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    if made.net.loss != "mse":
        np.testing.assert_allclose(other.evaluate(), hand.evaluate(), rtol=LOSS)


def test_a_shuffled_epoch_uses_every_row_once():
    made = exact("xor")
    trainer = by_hand.build(made)
    seen = []
    program = trainer._program(made.net.batch, True)
    step = program.forward
    program.forward = lambda: (seen.extend(program.x.tolist()), step())
    trainer.train(1)
    assert sorted(seen) == sorted(made.x.tolist())


def test_dropout_by_hand_keeps_its_share_and_the_mean():
    part = by_hand.Part(
        np.ones((100, 1000), "float32"), np.ones((100, 1000), "float32"), None, None
    )
    dropped = by_hand.dense.dropout(part, 0.25, weights=[], training=True)
    dropped.forward()
    assert set(np.unique(dropped.y)) == {0.0, np.float32(4 / 3)}
    np.testing.assert_allclose((dropped.y > 0).mean(), 0.75, atol=0.01)
    dropped.backward()
    np.testing.assert_array_equal(dropped.dy, dropped.y)


@pytest.mark.parametrize("name", ["pima", "churn"])
def test_scikit_learn_has_the_same_network(name):
    scikit = scikit_learn()
    made = exact(name)
    trainer = scikit.build(made)
    trainer.train(1)
    found = [
        w.shape
        for pair in zip(trainer.model.coefs_, trainer.model.intercepts_, strict=True)
        for w in pair
    ]
    assert found == [w.shape for w in made.weights]


@pytest.mark.parametrize(
    ("name", "why"), [("mnist", "rmsprop"), ("xor", "layers"), ("cnn", "layers")]
)
def test_scikit_learn_refuses_what_it_has_not(name, why):
    scikit = scikit_learn()
    with pytest.raises(work.Missing, match=why):
        scikit.build(exact(name))


def test_the_floor_counts_the_multiplications_and_bytes_of_a_step():
    net = NETS["mnist"]
    calls = floor.Products(net, np.dtype("float32")).calls
    found = sum(dot.__self__.shape[0] * dot.__self__.shape[1] * w.shape[1] for dot, w, _ in calls)
    first, second = 128 * 784 * 512, 128 * 512 * 10
    assert found == 2 * first + 3 * second
    weights = 785 * 512 + 513 * 10
    assert floor.traffic(net) == 4 * (128 * 784 + 4 * 128 * 522 + 8 * weights)
