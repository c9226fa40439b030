"""Nests of lists, tuples and dicts: flattened to a list of leaves and put together again."""

from collections.abc import Callable, Iterable
from typing import Any


def flatten(tree: Any) -> list[Any]:
    """The leaves, in order; dicts by sorted key. None is a leaf.

    >>> flatten({"b": 2, "a": [1, (3, None)]})
    [1, 3, None, 2]
    """
    if isinstance(tree, (list, tuple)):
        return [leaf for t in tree for leaf in flatten(t)]
    if isinstance(tree, dict):
        return [leaf for k in sorted(tree) for leaf in flatten(tree[k])]
    return [tree]


def pack_as(tree: Any, leaves: Iterable[Any]) -> Any:
    """A nest like `tree` with new leaves.

    >>> pack_as({"b": 2, "a": [1]}, [10, 20])
    {'b': 20, 'a': [10]}
    """
    return _pack(tree, iter(leaves))


def _pack(tree: Any, leaves: Any) -> Any:
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_pack(t, leaves) for t in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_pack(t, leaves) for t in tree)
    if isinstance(tree, dict):
        found = {k: _pack(tree[k], leaves) for k in sorted(tree)}
        return {k: found[k] for k in tree}
    return next(leaves)


def map(function: Callable[[Any], Any], tree: Any) -> Any:
    """A nest of the same form with `function` applied to each leaf."""
    return pack_as(tree, [function(leaf) for leaf in flatten(tree)])
