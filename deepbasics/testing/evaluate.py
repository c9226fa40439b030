"""Run a function on a backend: its values, its gradients, its gradients' gradients, as arrays."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from deepbasics import config, ops, tree
from deepbasics.backends import registry

Arrays = list[np.ndarray]


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """The default float dtype for a block."""
    before = config.floatx()
    config.set_floatx(dtype)
    try:
        yield
    finally:
        config.set_floatx(before)


def values(backend: Any, function: Callable[..., Any], arguments: Sequence[np.ndarray]) -> Arrays:
    """What `function` gives, as a flat list."""
    with registry.use_backend(backend):
        result = function(*(ops.convert_to_tensor(x) for x in arguments))
        return [np.asarray(ops.convert_to_numpy(y)) for y in tree.flatten(result)]


def weighed(
    function: Callable[..., Any], arguments: Sequence[Any], wanted: Sequence[int], cotangents: Any
) -> Callable[..., Any]:
    """A scalar function of the wanted arguments: Σ cotangent · output, over the float outputs."""

    def scalar(*chosen: Any) -> Any:
        given = list(arguments)
        for i, x in zip(wanted, chosen, strict=True):
            given[i] = x
        outputs = floats(tree.flatten(function(*given)))
        terms = [ops.sum(ops.multiply(y, c)) for y, c in zip(outputs, cotangents, strict=True)]
        return sum(terms[1:], start=terms[0])

    return scalar


def floats(outputs: Sequence[Any]) -> list[Any]:
    """The outputs that a gradient can start from."""
    return [y for y in outputs if "float" in str(y.dtype)]


def gradients(
    backend: Any,
    function: Callable[..., Any],
    arguments: Sequence[np.ndarray],
    wanted: Sequence[int],
    cotangents: Sequence[np.ndarray],
) -> Arrays:
    """The vector-Jacobian products by the wanted arguments."""
    with registry.use_backend(backend):
        given = [ops.convert_to_tensor(x) for x in arguments]
        scalar = weighed(function, given, wanted, [ops.convert_to_tensor(c) for c in cotangents])
        found = ops.grad(scalar, tuple(range(len(wanted))))(*(given[i] for i in wanted))
        return [np.asarray(ops.convert_to_numpy(g)) for g in found]


def second_gradients(
    backend: Any,
    function: Callable[..., Any],
    arguments: Sequence[np.ndarray],
    wanted: Sequence[int],
    cotangents: Sequence[np.ndarray],
    directions: Sequence[np.ndarray],
) -> Arrays:
    """The gradient of Σ direction · gradient, by the wanted arguments."""
    with registry.use_backend(backend):
        given = [ops.convert_to_tensor(x) for x in arguments]
        scalar = weighed(function, given, wanted, [ops.convert_to_tensor(c) for c in cotangents])
        along = [ops.convert_to_tensor(d) for d in directions]
        places = tuple(range(len(wanted)))

        def slope(*chosen: Any) -> Any:
            first = ops.grad(scalar, places)(*chosen)
            terms = [ops.sum(ops.multiply(g, d)) for g, d in zip(first, along, strict=True)]
            return sum(terms[1:], start=terms[0])

        found = ops.grad(slope, places)(*(given[i] for i in wanted))
        return [np.asarray(ops.convert_to_numpy(g)) for g in found]
