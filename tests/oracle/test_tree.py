"""Nests beside those of Keras 3."""

import random
from collections import OrderedDict

import pytest

from deepbasics import tree

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")


def drawn(rng, depth=3):
    """A random nest; keys are sorted, for on torch Keras forgets to sort those of inner dicts."""
    kind = rng.choice("lltdod" if depth else "x")
    below = [drawn(rng, depth - 1) for _ in range(rng.randrange(4))] if kind != "x" else []
    keys = sorted(rng.sample("abcdefg", len(below)))
    made = {"l": list, "t": tuple, "d": lambda b: dict(zip(keys, b, strict=True)),
            "o": lambda b: OrderedDict(zip(keys, b, strict=True))}  # fmt: skip
    return made[kind](below) if kind in made else rng.choice([1, 2.0, None, "s"])


def test_random_nests_are_taken_as_keras_takes_them():
    rng = random.Random(0)
    for _ in range(300):
        nest = drawn(rng)
        other = keras.tree.map_structure(lambda x: [x], nest)
        assert tree.flatten(nest) == keras.tree.flatten(nest)
        assert tree.flatten_with_path(nest) == keras.tree.flatten_with_path(nest)
        assert tree.is_nested(nest) == keras.tree.is_nested(nest)
        assert tree.lists_to_tuples(nest) == keras.tree.lists_to_tuples(nest)
        assert tree.map_structure(str, nest) == keras.tree.map_structure(str, nest)
        for top_down in (True, False):
            ours, theirs = [], []
            tree.traverse(ours.append, nest, top_down)
            keras.tree.traverse(theirs.append, nest, top_down)
            assert ours == theirs
        if None in tree.flatten(nest):
            continue  # what is above None, Keras cannot tell
        args = (nest, lambda x: ("leaf", x), other)
        assert tree.map_structure_up_to(*args) == keras.tree.map_structure_up_to(*args)


def test_shapes_are_mapped_whole():
    shapes = {"a": [(None, 2), (3,)], "b": (None, 4)}
    found = tree.map_shape_structure(len, shapes)
    assert found == keras.tree.map_shape_structure(len, shapes) == {"a": [2, 1], "b": 2}
