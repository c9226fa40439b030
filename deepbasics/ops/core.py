"""Conversions, and what gradients may see."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import dtypes
from deepbasics.backends import registry
from deepbasics.ops.call import call, tensor
from deepbasics.variables import Variable

Tensor = Any


def convert_to_tensor(x: Any, dtype: str | None = None) -> Tensor:
    """A tensor of the active backend; Python floats become floatx."""
    return tensor(x, dtypes.name(dtype) if dtype else None)


def convert_to_numpy(x: Any) -> np.ndarray:
    """A NumPy array; inside a recorded step this makes the step run eagerly."""
    return registry.active().numpy(x.value if isinstance(x, Variable) else x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor of the active backend."""
    return registry.active().is_tensor(x)


def stop_gradient(variable: Any) -> Tensor:
    """The same value, through which no gradient flows."""
    return call("stop_gradient", tensor(variable))


def value_and_grad(
    fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that gives `fn`'s scalar value and its gradient.

    Args:
        fn: a function over ops that returns a scalar, or (scalar, aux) with `has_aux`.
        argnums: which positional arguments to differentiate; an int gives one gradient, a tuple
            gives a tuple. An argument may be a tensor, an array, a `Variable`, or a list, tuple or
            dict of these; its gradient has the same form.

    May be nested: a gradient is made of ops and can be differentiated again.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (np.float32(9.0), np.float32(6.0))
    """

    def wrapped(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        leaves: list[Any] = []
        trees = [_flatten(args[i], leaves) for i in chosen]

        def run(*tensors: Any) -> tuple[Any, Any]:
            stream = iter(tensors)
            given = list(args)
            for i, tree in zip(chosen, trees, strict=True):
                given[i] = _rebuild(tree, stream)
            result = fn(*given, **kwargs)
            return result if has_aux else (result, None)

        value, aux, grads = registry.active().differentiate(run, [_leaf(x) for x in leaves])
        stream = iter(grads)
        grads = tuple(_rebuild(tree, stream) for tree in trees)
        value = (value, aux) if has_aux else value
        return value, grads[0] if isinstance(argnums, int) else grads

    return wrapped


def grad(
    fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the gradient of `fn`; arguments as for `value_and_grad`.

    >>> grad(grad(lambda x: x * x * x))(2.0)
    np.float32(12.0)
    """
    both = value_and_grad(fn, argnums, has_aux)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapped


def _leaf(x: Any) -> Tensor:
    x = tensor(x)
    return x if dtypes.is_float(dtypes.name(x.dtype)) else tensor(x, dtypes.name(float))


def _flatten(tree: Any, leaves: list[Any]) -> Any:
    if isinstance(tree, dict):
        return {k: _flatten(v, leaves) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)) and any(hasattr(t, "shape") for t in tree):
        return type(tree)(_flatten(t, leaves) for t in tree)
    leaves.append(tree)
    return None


def _rebuild(tree: Any, stream: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _rebuild(v, stream) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_rebuild(t, stream) for t in tree)
    return next(stream)
