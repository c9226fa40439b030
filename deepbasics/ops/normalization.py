"""Normalisation: mean 0 and variance 1, or length 1, over some axes."""

from collections.abc import Sequence
from typing import Any

from deepbasics import config
from deepbasics.ops.call import axes, call, dtype_of, float_tensor, one_axis, tensor
from deepbasics.ops.elementwise import add, multiply, rsqrt, square, subtract
from deepbasics.ops.reduction import mean as mean_over
from deepbasics.ops.reduction import moments
from deepbasics.ops.shape import reshape

__all__ = ["batch_normalization", "layer_normalization", "rms_normalization"]

Tensor = Any


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """`(x - mean) / √(variance + epsilon) · scale + offset`, each a vector along `axis`.

    Source: Ioffe & Szegedy, "Batch normalization", 2015.
    """
    x = float_tensor(x)
    over = one_axis(axis, len(x.shape))
    factor = rsqrt(add(tensor(variance, dtype_of(x)), epsilon))
    if scale is not None:
        factor = multiply(factor, scale)
    factor, mean = along(factor, over, len(x.shape)), along(mean, over, len(x.shape))
    y = multiply(subtract(x, mean), factor)
    return y if offset is None else add(y, along(offset, over, len(x.shape)))


def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Tensor:
    """`(x - mean) / √(variance + epsilon) · gamma + beta`, mean and variance over `axis`.

    `gamma` and `beta` have the lengths of these axes; `epsilon` is by default `config.epsilon()`.
    Source: Ba et al., "Layer normalization", 2016.
    """
    x = float_tensor(x)
    over = axes(axis, len(x.shape))
    mean, variance = moments(x, over, keepdims=True)
    y = multiply(subtract(x, mean), rsqrt(add(variance, _epsilon(epsilon))))
    return _affine(y, gamma, beta, over)


def rms_normalization(
    x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Tensor:
    """`x / √(mean(x²) + epsilon) · scale` over `axis` (Zhang & Sennrich, RMSNorm, 2019)."""
    x = float_tensor(x)
    over = axes(axis, len(x.shape))
    power = mean_over(square(x), over, keepdims=True)
    return _affine(multiply(x, rsqrt(add(power, _epsilon(epsilon)))), scale, None, over)


def along(vector: Any, axis: int, rank: int) -> Tensor:
    """A vector as a tensor of this rank, with its length at `axis`."""
    vector = tensor(vector)
    shape = tuple(vector.shape[0] if i == axis else 1 for i in range(rank))
    return vector if axis == rank - 1 else call("reshape", vector, shape=shape)


def _affine(y: Tensor, scale: Any, offset: Any, over: tuple[int, ...]) -> Tensor:
    """`y · scale + offset`, which have the lengths of the axes `over`."""
    shape = tuple(n if i in over else 1 for i, n in enumerate(y.shape))
    y = y if scale is None else multiply(y, reshape(scale, shape))
    return y if offset is None else add(y, reshape(offset, shape))


def _epsilon(given: float | None) -> float:
    return config.epsilon() if given is None else given
