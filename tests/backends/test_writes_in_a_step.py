"""Inside a step a Variable reads as what was last written, wherever its storage is shared."""

import numpy as np
import pytest

from deepbasics import Variable, ops, use_backend, value_and_grad
from deepbasics.arena import Arena


@pytest.fixture
def shared(backend):
    """Two Variables in one flat one."""
    one, two = Variable([1.0, 2.0]), Variable([3.0, 4.0])
    return one, two, Arena([one, two]).flats[0]


def in_a_step(backend, fn, *variables):
    """What a step gives, from the same state each time: on its own, recorded, and replayed."""
    before = [v.numpy() for v in variables]
    found = []
    recorded = backend.step(fn)
    for step in (backend.step(fn, eager=True), recorded, recorded, recorded):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        found.append(np.array(backend.numpy(step())).tolist())
    assert found == found[:1] * 4
    return found[0]


def test_the_whole_after_a_part_was_written(backend, shared):
    one, two, flat = shared

    def step():
        one.assign([10.0, 20.0])
        return flat + 0

    assert in_a_step(backend, step, one, two) == [10, 20, 3, 4]
    assert flat.numpy().tolist() == [10, 20, 3, 4]


def test_the_whole_read_before_and_after_a_part_was_written(backend, shared):
    one, two, flat = shared

    def step():
        before = flat + 0
        two.assign([30.0, 40.0])
        return ops.stack([before, flat + 0])

    assert in_a_step(backend, step, one, two) == [[1, 2, 3, 4], [1, 2, 30, 40]]


def test_another_part_after_the_whole_and_a_part_were_written(backend, shared):
    one, two, flat = shared

    def step():
        flat.assign([5.0, 6.0, 7.0, 8.0])
        one.assign([10.0, 20.0])
        return ops.concatenate([two + 0, flat + 0, one + 0])

    assert in_a_step(backend, step, one, two) == [7, 8, 10, 20, 7, 8, 10, 20]
    assert flat.numpy().tolist() == [10, 20, 7, 8]


def test_a_part_after_the_whole_was_written_over_it(backend, shared):
    one, two, flat = shared

    def step():
        one.assign([10.0, 20.0])
        flat.assign([5.0, 6.0, 7.0, 8.0])
        return one + 0

    assert in_a_step(backend, step, one, two) == [5, 6]


def test_two_variables_change_places(backend):
    one, two = Variable([1.0, 2.0]), Variable([3.0, 4.0])

    def step():
        before = ops.flip(ops.reshape(one + 0, (2,)))
        one.assign(ops.flip(two))
        two.assign(before)
        return one + 0

    in_a_step(backend, step, one, two)
    assert (one.numpy().tolist(), two.numpy().tolist()) == ([4, 3], [2, 1])


def test_a_view_of_storage_is_written_as_it_was_when_the_step_read_it():
    with use_backend("numpy") as backend:
        one, two = Variable([1.0, 2.0]), Variable([3.0, 4.0])

        def step():
            before = ops.reshape(one, (2,))
            one.assign(ops.reshape(two, (2,)))
            two.assign(before)
            return one + 0

        assert in_a_step(backend, step, one, two) == [3, 4]
        assert two.numpy().tolist() == [1, 2]


def test_what_a_gradient_read_may_be_written_before_it_is_taken(backend):
    scale, count = Variable(2.0), Variable(0.0)

    def loss(x):
        y = x * scale
        scale.assign(scale * 10.0)
        count.assign_add(1.0)
        return y * scale + count

    value, slope = value_and_grad(loss)(3.0)
    assert float(value) == 3 * 2 * 20 + 1
    assert float(slope) == 2 * 20
    assert (float(scale), float(count)) == (20, 1)


def test_an_error_while_differentiating_writes_nothing(backend):
    count = Variable(0.0)

    def loss(x):
        count.assign_add(1.0)
        raise KeyError("inside")

    with pytest.raises(KeyError):
        value_and_grad(loss)(3.0)
    assert float(count) == 0
