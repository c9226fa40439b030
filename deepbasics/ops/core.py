"""Conversions, and what gradients may see."""

from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import dtypes, tree
from deepbasics.backends import registry
from deepbasics.ops.call import call, float_tensor, tensor
from deepbasics.variables import Variable

__all__ = [
    "convert_to_numpy", "convert_to_tensor", "grad", "is_tensor", "stop_gradient", "value_and_grad",
]  # fmt: skip

Tensor = Any


def convert_to_tensor(
    x: Any, dtype: str | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """A tensor of the active backend; Python floats become floatx. None is sparse or ragged."""
    if sparse or ragged:
        raise ValueError("There are no sparse or ragged tensors; leave sparse and ragged False.")
    return tensor(x, dtypes.name(dtype) if dtype else None)


def convert_to_numpy(x: Any) -> np.ndarray:
    """A NumPy array of its own; inside a recorded step this makes the step run eagerly."""
    return np.array(registry.active().numpy(x.value if isinstance(x, Variable) else x))


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

    A `Variable` among these arguments counts wherever `fn` reads it, by its parameter or by itself;
    any other is a constant. May be nested: a gradient can be differentiated again.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (np.float32(9.0), np.float32(6.0))

    The gradient by a model's weights:

    >>> slope, intercept = Variable(2.0), Variable(1.0)
    >>> predict = lambda x: slope * x + intercept
    >>> loss, gradients = value_and_grad(lambda _: predict(3.0) ** 2)([slope, intercept])
    >>> [float(g) for g in gradients]
    [42.0, 14.0]
    """

    def wrapped(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        nests = [_nest(args[i]) for i in chosen]
        found = tree.flatten(nests)
        variables = {v: i for i, v in enumerate(found) if isinstance(v, Variable)}

        def run(*leaves: Any) -> tuple[Any, Any]:
            given = list(args)
            for i, replaced in zip(chosen, tree.pack_as(nests, leaves), strict=True):
                given[i] = replaced
            result = fn(*given, **kwargs)
            return result if has_aux else (result, None)

        tensors = [tensor(leaf) for leaf in found]
        value, aux, grads = registry.active().differentiate(run, tensors, variables=variables)
        grads = tuple(tree.pack_as(nests, grads))
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


def _nest(x: Any) -> Any:
    """A nest with its leaves as float tensors or Variables; a list of numbers is a leaf."""
    if isinstance(x, dict):
        return {k: _nest(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and not _is_array(x):
        parts = [_nest(t) for t in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x if isinstance(x, Variable) and dtypes.is_float(x.dtype) else float_tensor(x)


def _is_array(x: Any) -> bool:
    """Whether a list or tuple holds numbers, or lists of them, and nothing else."""
    if isinstance(x, (list, tuple)):
        return not hasattr(x, "_fields") and all(_is_array(t) for t in x)
    return type(x) in (int, float, bool)
