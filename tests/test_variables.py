"""Variables: what is a copy and what follows later writes, alike on each backend."""

import numpy as np
import pytest

from deepbasics import Sequential, Variable, backend, metrics, ops, random
from deepbasics.layers import Dense

pytestmark = pytest.mark.usefixtures("backend")


def test_the_value_is_the_storage_and_follows_writes():
    v = Variable([1.0, 2.0])
    value, kept = v.value, v + 0
    v.assign([5.0, 6.0])
    assert ops.convert_to_numpy(value).tolist() == [5, 6]
    assert ops.convert_to_numpy(kept).tolist() == [1, 2]


@pytest.mark.parametrize(
    "copy",
    [
        Variable.numpy,
        np.asarray,
        ops.convert_to_numpy,
        backend.get_value,
        lambda v: ops.convert_to_numpy(v.value),
        lambda v: ops.convert_to_numpy(ops.reshape(v, (2,))),
    ],
    ids=["numpy", "asarray", "convert_to_numpy", "get_value", "of the value", "of a view"],
)
def test_what_is_an_array_is_a_copy(copy):
    v = Variable([1.0, 2.0])
    taken = copy(v)
    v.assign([5.0, 6.0])
    assert taken.tolist() == [1, 2]
    taken[0] = 9
    assert v.numpy().tolist() == [5, 6]


def test_get_weights_are_copies():
    model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))])
    kernel, _ = model.get_weights()
    kernel[:] = 7
    assert model.get_weights()[0].tolist() == [[1], [1]]
    model.layers[0].kernel.assign([[3.0], [3.0]])
    assert kernel.tolist() == [[7], [7]]


UPDATES = {
    metrics.Sum: ([1.0, 2.0],),
    metrics.Mean: ([1.0, 2.0],),
    metrics.TruePositives: ([1, 1], [0.9, 0.9]),
    metrics.Accuracy: ([1, 0], [1, 1]),
    metrics.MeanIoU: ([0, 1], [0, 1]),
    metrics.F1Score: (np.eye(2), np.eye(2)),
    metrics.AUC: ([0, 1], [0.2, 0.9]),
    metrics.R2Score: ([[1.0], [2.0]], [[1.0], [3.0]]),
}


@pytest.mark.parametrize("kind", UPDATES, ids=lambda kind: kind.__name__)
def test_a_result_that_was_kept_does_not_go_on(kind):
    metric = kind(num_classes=2) if kind is metrics.MeanIoU else kind()
    metric.update_state(*UPDATES[kind])
    result = metric.result()
    before = ops.convert_to_numpy(result)
    metric.update_state(*UPDATES[kind])
    metric.reset_state()
    np.testing.assert_array_equal(ops.convert_to_numpy(result), before)


def test_a_count_at_several_thresholds_does_not_go_on_either():
    metric = metrics.TruePositives(thresholds=[0.1, 0.5])
    metric.update_state([1, 1], [0.9, 0.3])
    result = metric.result()
    metric.reset_state()
    assert ops.convert_to_numpy(result).tolist() == [2, 1]


def test_the_counter_that_a_draw_was_given_does_not_go_on():
    generator = random.SeedGenerator(1)
    first = generator.next(3)
    generator.next(3)
    assert int(first) == 0
