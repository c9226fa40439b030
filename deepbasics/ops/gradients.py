"""Gradients of the caller's own, and derivatives along a direction."""

from collections.abc import Callable, Sequence
from typing import Any

from deepbasics import tree
from deepbasics.ops.call import call, dtype_of, float_tensor, tensor
from deepbasics.ops.core import grad, value_and_grad
from deepbasics.ops.elementwise import multiply
from deepbasics.ops.reduction import sum as total

__all__ = ["custom_gradient", "jvp"]

Tensor = Any


def custom_gradient(f: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Any]:
    """A function with the gradient that it gives itself.

    `f(*tensors)` returns (a tensor, grad_fn); `grad_fn(upstream)`, for a cotangent `upstream` of
    the result, returns a cotangent for each argument (one argument: it may be bare; None: zero).
    Keras' `grad_fn(*args, upstream=None)` works too. May be used as a decorator.

    >>> @custom_gradient
    ... def straight_through(x):
    ...     return ops.round(x), lambda upstream: upstream
    >>> from deepbasics import ops
    >>> float(ops.grad(straight_through)(0.7))
    1.0
    """

    def wrapped(*args: Any) -> Tensor:
        xs = [tensor(x) for x in args]
        value, cotangents = f(*xs)

        def backward(g: Tensor) -> list[Tensor]:
            found = cotangents(g)
            found = found if isinstance(found, (tuple, list)) else (found,)
            if len(found) != len(xs):
                raise ValueError(
                    f"custom_gradient: {len(xs)} arguments, but {len(found)} cotangents."
                )
            return [None if c is None else tensor(c, dtype_of(x))
                    for c, x in zip(found, xs, strict=True)]  # fmt: skip

        return call("custom_gradient", tensor(value), *xs, backward=backward)

    return wrapped


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """(fun(*primals), its derivative along `tangents`), and with `has_aux` fun's second result.

    The derivative is that of the vector-Jacobian product by its cotangent, in which it is linear.
    """
    primals = [float_tensor(x) for x in primals]
    along = [tensor(t, dtype_of(x)) for x, t in zip(primals, tangents, strict=True)]
    result = fun(*primals)
    value, aux = result if has_aux else (result, None)
    outputs = tree.flatten(value)
    places = tuple(range(len(primals)))

    def slope(*cotangents: Any) -> Tensor:
        def weighed(*xs: Any) -> Tensor:
            given = fun(*xs)[0] if has_aux else fun(*xs)
            terms = [total(multiply(y, c))
                     for y, c in zip(tree.flatten(given), cotangents, strict=True)]  # fmt: skip
            return sum(terms[1:], start=terms[0])

        products = grad(weighed, places)(*primals)
        terms = [total(multiply(p, t)) for p, t in zip(products, along, strict=True)]
        return sum(terms[1:], start=terms[0])

    ones = [multiply(y, 0) for y in outputs]
    _, found = value_and_grad(slope, tuple(range(len(outputs))))(*ones)
    derivative = tree.pack_as(value, list(found))
    return (value, derivative, aux) if has_aux else (value, derivative)
