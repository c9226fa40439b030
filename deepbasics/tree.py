"""Nests of lists, tuples and dicts: flattened to a list of leaves and put together again.

What is no list, tuple, deque or dict is a leaf, None too. Dicts are taken by sorted key, an
`OrderedDict` in its own order. `map` and `pack_as` are for nests that are known to fit; the
functions under Keras' names also check that they do.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Any

from deepbasics import absent

Path = tuple[Any, ...]


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in a place."""


def is_nested(structure: Any) -> bool:
    """Whether it is a nest, and no leaf.

    >>> is_nested([]), is_nested({"a": 1}), is_nested("ab"), is_nested(None)
    (True, True, False, False)
    """
    return isinstance(structure, (list, tuple, dict, deque))


def flatten(structure: Any) -> list[Any]:
    """The leaves, in order.

    >>> flatten({"b": 2, "a": [1, (3, None)]})
    [1, 3, None, 2]
    """
    if isinstance(structure, (list, tuple, deque)):
        return [leaf for t in structure for leaf in flatten(t)]
    if isinstance(structure, dict):
        return [leaf for k in _keys(structure) for leaf in flatten(structure[k])]
    return [structure]


def pack_as(tree: Any, leaves: Iterable[Any]) -> Any:
    """A nest like `tree` with new leaves.

    >>> pack_as({"b": 2, "a": [1]}, [10, 20])
    {'b': 20, 'a': [10]}
    """
    return _pack(tree, iter(leaves))


def _pack(tree: Any, leaves: Iterator[Any]) -> Any:
    if is_nested(tree):
        return _like(tree, [_pack(child, leaves) for child in _children(tree)])
    return next(leaves)


def map(function: Callable[[Any], Any], tree: Any) -> Any:
    """A nest of the same form with `function` applied to each leaf."""
    if not is_nested(tree):
        return function(tree)
    return pack_as(tree, [function(leaf) for leaf in flatten(tree)])


# nests of any depth, checked ----------------------------------------------------------------------


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """(path, leaf) of each leaf: its path is the keys and indices that lead to it.

    >>> flatten_with_path([{"a": 42}, 7])
    [((0, 'a'), 42), ((1,), 7)]
    """
    if not is_nested(structure):
        return [((), structure)]
    keys = _keys(structure) if isinstance(structure, dict) else range(len(structure))
    pairs = zip(keys, _children(structure), strict=True)
    return [((k, *path), leaf) for k, t in pairs for path, leaf in flatten_with_path(t)]


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """A nest like `structure` with new leaves. ValueError unless they are as many.

    >>> pack_sequence_as({"b": 2, "a": [1]}, [10, 20])
    {'b': 20, 'a': [10]}
    """
    leaves, needed = list(flat_sequence), len(flatten(structure))
    if len(leaves) != needed:
        raise ValueError(f"The structure has {needed} leaves; got {len(leaves)} to put there.")
    return pack_as(structure, leaves)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """A nest of the same form, of `func` applied to the leaves in the same place of each nest.

    Without `none_is_leaf`, None stays None. Raises ValueError if the nests are not alike.

    >>> map_structure(lambda x, y: x * y, [1, {"a": 2}], [3, {"a": 4}])
    [3, {'a': 8}]
    """

    def apply(*leaves: Any) -> Any:
        if none_is_leaf or leaves[0] is not None:
            return func(*leaves)
        if any(leaf is not None for leaf in leaves):
            raise ValueError(f"Where one structure has None all must have it; got {leaves!r:.200}.")
        return None

    _need_function(func, structures)
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    together = zip(*(flatten(s) for s in structures), strict=True)
    return pack_as(structures[0], [apply(*leaves) for leaves in together])


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """As `map_structure` for nests that go deeper than `shallow_structure`: what is below its
    leaves is given to `func` whole.

    >>> map_structure_up_to([None, None], len, [[1, 1, 1], [2]])
    [3, 1]
    """
    _need_function(func, structures)
    for structure in structures:
        _compare(shallow_structure, structure, (), deeper=True)
    return _map_up_to(shallow_structure, func, structures)


def _map_up_to(shallow: Any, func: Callable[..., Any], structures: tuple[Any, ...]) -> Any:
    if not is_nested(shallow):
        return func(*structures)
    below = zip(_children(shallow), *(_children(s) for s in structures), strict=True)
    return _like(shallow, [_map_up_to(s, func, others) for s, *others in below])


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """A nest of the same form of `func` applied to each shape: a list or tuple of ints and None.

    >>> map_shape_structure(len, [(None, 3), {"a": (2,)}])
    [2, {'a': 1}]
    """
    if _is_shape(structure) or not is_nested(structure):
        return func(structure)
    return _like(structure, [map_shape_structure(func, t) for t in _children(structure)])


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """The nest with each part, leaves too, replaced by what `func` makes of it if not None.

    With `top_down` a nest is seen before what is in it, which is then seen only if the nest was
    left as it was. To put None in a place, `func` returns `MAP_TO_NONE`.

    >>> traverse(lambda t: tuple(t) if isinstance(t, list) else None, [1, [2]], top_down=False)
    (1, (2,))
    """
    _need_function(func)
    found = func(structure) if top_down else None
    if found is None and is_nested(structure):
        structure = _like(structure, [traverse(func, t, top_down) for t in _children(structure)])
    if not top_down:
        found = func(structure)
    if found is MAP_TO_NONE:
        return None
    return structure if found is None else found


def lists_to_tuples(structure: Any) -> Any:
    """The nest with each list as a tuple.

    >>> lists_to_tuples([1, {"a": [2, 3]}])
    (1, {'a': (2, 3)})
    """
    return traverse(lambda t: tuple(t) if isinstance(t, list) else None, structure, top_down=False)


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """ValueError, with the place, unless the two are nested in the same way.

    Lists, tuples, deques and each class of named tuples are different; all dicts with the same keys
    are alike. `check_types` changes nothing.
    """
    _compare(a, b, ())


def assert_same_paths(a: Any, b: Any) -> None:
    """ValueError unless leaves are in the same places of the two, whatever the kinds of nests."""
    first, second = ({path for path, _ in flatten_with_path(t)} for t in (a, b))
    if first != second:
        raise ValueError(
            f"The structures have leaves in different places: {sorted(first - second, key=str)} "
            f"in the first alone, {sorted(second - first, key=str)} in the second alone."
        )


def _compare(a: Any, b: Any, path: Path, deeper: bool = False) -> None:
    """ValueError unless `b` is nested as `a`, or, if `deeper`, at least as deep."""
    if not is_nested(a) and (deeper or not is_nested(b)):
        return
    if not (is_nested(a) and is_nested(b)) or _form(a) != _form(b):
        raise ValueError(
            f"The structures are not alike at {path or 'the top'}: {a!r:.200} and {b!r:.200}."
        )
    keys = _keys(a) if isinstance(a, dict) else range(len(a))
    for key in keys:
        _compare(a[key], b[key], (*path, key), deeper)


def _form(nest: Any) -> Any:
    return set(nest) if isinstance(nest, dict) else (type(nest), len(nest))


def _need_function(func: Any, structures: Any = (None,)) -> None:
    if not callable(func):
        raise TypeError(f"The first thing needed is a function; got {func!r:.100}.")
    if not structures:
        raise ValueError("There must be at least one structure.")


def _is_shape(value: Any) -> bool:
    kinds = (list, tuple)
    return isinstance(value, kinds) and all(n is None or isinstance(n, int) for n in value)


def _keys(nest: dict[Any, Any]) -> list[Any]:
    return list(nest) if isinstance(nest, OrderedDict) else sorted(nest)


def _children(nest: Any) -> list[Any]:
    return [nest[k] for k in _keys(nest)] if isinstance(nest, dict) else list(nest)


def _like(nest: Any, children: list[Any]) -> Any:
    """A nest of the same kind and keys with other children."""
    if isinstance(nest, dict):
        made = copy(nest)  # keeps its class, and the default of a defaultdict
        made.update(zip(_keys(nest), children, strict=True))
        return made
    if hasattr(nest, "_fields"):
        return type(nest)(*children)
    return deque(children, nest.maxlen) if isinstance(nest, deque) else type(nest)(children)


__getattr__ = absent.attributes(__name__)
