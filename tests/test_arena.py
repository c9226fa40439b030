"""The arena: variables keep their values and see each other's storage as one."""

import numpy as np

from deepbasics import ops
from deepbasics.arena import Arena
from deepbasics.variables import Variable


def variables():
    values = [np.arange(6.0).reshape(2, 3), np.array(7.0), np.array([8.0, 9.0])]
    return [
        Variable(v, dtype=d) for v, d in zip(values, ("float32", "float64", "float32"), strict=True)
    ]


def test_values_stay_and_storage_is_shared(backend):
    homed = variables()
    arena = Arena(homed)
    assert [f.dtype for f in arena.flats] == ["float32", "float64"]
    for variable, before in zip(homed, variables(), strict=True):
        np.testing.assert_array_equal(variable.numpy(), before.numpy())
    arena.flats[0].assign_add(np.ones(8))
    np.testing.assert_array_equal(homed[2].numpy(), [9.0, 10.0])
    homed[0].assign(np.zeros((2, 3)))
    np.testing.assert_array_equal(arena.flats[0].numpy(), [0, 0, 0, 0, 0, 0, 9, 10])


def test_packing_and_unpacking_are_inverse(backend):
    homed = variables()
    arena = Arena(homed)
    flats = arena.pack([v.value for v in homed])
    assert [tuple(f.shape) for f in flats] == [(8,), (1,)]
    for piece, variable in zip(arena.unpack(flats), homed, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(piece), variable.numpy())


def test_slots_lie_beside_the_variables(backend):
    arena = Arena(variables())
    flats, views = arena.slots("accumulator", 0.5)
    assert [v.shape for v in views] == [(2, 3), (), (2,)]
    flats[0].assign(np.arange(8))
    np.testing.assert_array_equal(views[2].numpy(), [6.0, 7.0])
    assert float(views[1]) == 0.5


def test_a_key_keeps_variables_apart(backend):
    arena = Arena(variables(), key=lambda v: v.ndim > 1)
    assert [f.shape for f in arena.flats] == [(6,), (1,), (2,)]


def test_variables_may_move_to_another_arena(backend):
    homed = variables()
    Arena(homed)
    arena = Arena(homed[::-1])
    arena.flats[0].assign(np.arange(8))
    np.testing.assert_array_equal(homed[2].numpy(), [0.0, 1.0])
