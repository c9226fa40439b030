"""Nests: what is a leaf, how they are put together again, what is refused."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from deepbasics import tree

Point, Other = namedtuple("Point", "x y"), namedtuple("Other", "x y")
BY_LENGTH = defaultdict(list, {"b": [1], "a": (2, None)})
NESTS = [
    7, None, "abc", [], (), {}, [1], (1, [2, {"b": 3, "a": None}]), {"z": 1, "a": {"k": (2,)}},
    Point(1, [2, 3]), [Point(1, {"a": 2}), 4], OrderedDict([("z", 1), ("a", [2])]), BY_LENGTH,
    deque([1, 2], maxlen=4), [[[]], ()],
]  # fmt: skip


@pytest.mark.parametrize("nest", NESTS, ids=repr)
def test_leaves_go_back_where_they_were(nest):
    packed = tree.pack_sequence_as(nest, tree.flatten(nest))
    assert packed == nest
    assert type(packed) is type(nest)
    assert tree.map(lambda leaf: leaf, nest) == nest
    tree.assert_same_structure(nest, tree.map(str, nest))


def test_a_nest_that_is_packed_keeps_its_kind_and_order():
    assert list(tree.map(str, OrderedDict([("z", 1), ("a", 2)]))) == ["z", "a"]
    assert tree.map(str, BY_LENGTH)["missing"] == []
    assert tree.map(str, deque([1], maxlen=1)).maxlen == 1
    assert "missing" not in BY_LENGTH


def test_none_stays_none_where_it_is_no_leaf():
    nest = {"a": None, "b": [1, None]}
    assert tree.map_structure(lambda x: x + 1, nest, none_is_leaf=False) == {
        "a": None, "b": [2, None],
    }  # fmt: skip
    with pytest.raises(ValueError, match="all must have it"):
        tree.map_structure(lambda *x: x, [None], [1], none_is_leaf=False)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1], (1,)),
        ([1], [1, 2]),
        ([1], 1),
        ([1], [[1]]),
        ({"a": 1}, {"b": 1}),
        (Point(1, 2), Other(1, 2)),
        (Point(1, 2), (1, 2)),
    ],
)
def test_nests_that_are_not_alike_are_refused(a, b):
    for first, second in ((a, b), (b, a)):
        with pytest.raises(ValueError, match="not alike at"):
            tree.assert_same_structure(first, second)
        with pytest.raises(ValueError, match="not alike"):
            tree.map_structure(lambda x, y: x, first, second)


def test_the_place_where_nests_part_is_told():
    with pytest.raises(ValueError, match=r"not alike at \('a', 1\): 2 and \[2\]"):
        tree.assert_same_structure({"a": [1, 2]}, {"a": [1, [2]]})
    with pytest.raises(ValueError, match=r"\[\(1,\)\] in the first alone, \[\] in the second"):
        tree.assert_same_paths([1, 2], (1,))
    with pytest.raises(ValueError, match="has 2 leaves; got 3"):
        tree.pack_sequence_as([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="not alike"):
        tree.map_structure_up_to([None, [None]], len, [[1], 2])
    with pytest.raises(TypeError, match="a function; got 3"):
        tree.map_structure(3, [1])


def test_traversal_replaces_whole_parts():
    seen = []
    nest = [(1, 2), [3], {"a": 4}]
    assert tree.traverse(seen.append, nest) == nest
    assert seen == [nest, (1, 2), 1, 2, [3], 3, {"a": 4}, 4]
    none = tree.traverse(lambda t: tree.MAP_TO_NONE if t == [3] else None, nest)
    assert none == [(1, 2), None, {"a": 4}]
