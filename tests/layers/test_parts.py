"""What a layer holds is found anew when it has changed, however it did."""

import numpy as np
import pytest

from deepbasics import Sequential
from deepbasics.layers import Dense, Layer
from deepbasics.models import Model
from deepbasics.variables import Variable


class Holder(Model):
    def __init__(self):
        super().__init__()
        self.first = Dense(1)
        self.blocks = [Dense(2)]
        self.nested = {"a": [Dense(3)], "b": (Dense(4),)}
        self.number, self.array = 3, np.zeros(2)


def append(m):
    m.blocks.append(Dense(5))


def put(m):
    m.blocks[0] = Dense(5)


def put_deep(m):
    m.nested["a"][0] = Dense(5)


def add_key(m):
    m.nested["c"] = Dense(5)


def set_attribute(m):
    m.first = Dense(5)


def add_attribute(m):
    m.second = Dense(5)


def delete(m):
    del m.first


def to_nothing(m):
    m.first = None


def clear(m):
    m.blocks.clear()


def other_arrays(m):
    m.blocks[:] = [np.zeros(2), np.ones(2)]


CHANGES = [append, put, put_deep, add_key, set_attribute, add_attribute, delete, to_nothing, clear]
CHANGES += [other_arrays]


def walked(layer):
    """All layers below, without anything kept."""
    found = []

    def look(value):
        if isinstance(value, Layer):
            found.extend([value, *walked(value)])
        elif isinstance(value, (list, tuple)):
            for v in value:
                look(v)
        elif isinstance(value, dict):
            for v in value.values():
                look(v)

    for key, value in vars(layer).items():
        if key not in layer._not_sublayers:
            look(value)
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(change):
    model = Holder()
    assert model.all_layers() == walked(model)
    change(model)
    assert model.all_layers() == walked(model)
    assert model.layers == [layer for layer in walked(model) if layer in model.layers]


def test_a_change_deep_in_a_model_is_seen_from_the_top():
    inner = Holder()
    outer = Sequential([Dense(2), inner])
    before = outer.all_layers()
    inner.blocks.append(Dense(7))
    assert outer.all_layers() == [*before[:4], inner.blocks[1], *before[4:]]
    outer.add(Dense(1))
    assert outer.all_layers()[-1] is outer.layers[-1]
    outer.pop()
    assert outer.layers[-1] is inner


def test_weights_follow_lists_of_variables():
    class Own(Layer):
        def __init__(self):
            super().__init__()
            self.several = []

    layer = Own()
    assert layer.weights == []
    layer.several.append(Variable([1.0]))
    assert len(layer.weights) == 1
    layer.several[0] = Variable([2.0])
    np.testing.assert_array_equal(layer.weights[0].numpy(), [2.0])
