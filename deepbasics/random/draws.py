"""The public draws: Keras' names and arguments, tensors of the active backend.

`dtype` is floatx by default. `seed`: an integer gives the same numbers at each call, a
`SeedGenerator` continues its stream, None takes a fresh stream of the global generator. The numbers
are drawn on the host, so they are the same on every backend. A step that draws by a `SeedGenerator`
is recorded, and draws anew each time it runs; one that draws without a seed runs eagerly, as does
one with `categorical`, or with parameters that are tensors.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import dtypes
from deepbasics import host_draws as host
from deepbasics.backends import registry
from deepbasics.config import floatx
from deepbasics.host_families import RECORDED
from deepbasics.philox import HALVES, Key
from deepbasics.random.streams import SeedGenerator, stream

Tensor = Any
Seed = int | SeedGenerator | None


def _drawn(
    draw: Callable[..., np.ndarray], shape: Sequence[int], dtype: str, seed: Seed, *args: Any
) -> Tensor:
    """`draw(key, counter, shape, *args, dtype)` as a tensor."""
    from deepbasics import ops

    shape = tuple(shape)
    key, counter = _host_stream(seed, host.blocks(math.prod(shape)))
    return ops.convert_to_tensor(draw(key, counter, shape, *args, dtype), dtype=dtype)


def _recorded(draw: str, shape: Sequence[int], dtype: str, seed: Seed, *args: Any) -> Tensor:
    """The draw of this name in `RECORDED`, as a call that a recorded step repeats."""
    from deepbasics import ops
    from deepbasics.ops.call import call

    plain = all(isinstance(a, int | float | tuple) for a in args)  # kept as settings
    if not (plain and isinstance(seed, SeedGenerator)):
        return _drawn(RECORDED[draw], shape, dtype, seed, *args)
    shape = tuple(int(n) for n in shape)
    key, counter = stream(seed, host.blocks(math.prod(shape)))
    counter = ops.convert_to_tensor(counter, "int64")
    settings = {"draw": draw, "key": key, "shape": shape, "arguments": args, "dtype": dtype}
    return ops.convert_to_tensor(call("random_draw", counter, **settings), dtype)


def _host_stream(seed: Seed, blocks: int) -> tuple[Key, int]:
    """`stream` for a draw on the host, which a recorded step repeats only if the seed is fixed."""
    if isinstance(seed, SeedGenerator):
        registry.active().unrecordable("a random draw on the host")
    key, counter = stream(seed, blocks)
    return key, int(counter)


def _float(dtype: str | None) -> str:
    dtype = floatx() if dtype is None else dtypes.name(dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(f"A draw of real numbers needs a float dtype; got dtype={dtype!r}.")
    return dtype


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    seed: Seed = None,
) -> Tensor:
    """Normal with the given mean and standard deviation: a float tensor of `shape`."""
    return _recorded("normal", shape, _float(dtype), seed, mean, stddev)


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    seed: Seed = None,
) -> Tensor:
    """Normal given that it lies within 2 `stddev` of `mean`; `stddev` is that before truncation."""
    return _recorded("truncated_normal", shape, _float(dtype), seed, mean, stddev)


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str | None = None,
    seed: Seed = None,
) -> Tensor:
    """Uniform in [minval, maxval): a float tensor of `shape`; an integer dtype means `randint`."""
    if dtype is not None and dtypes.is_int(dtypes.name(dtype)):
        return randint(shape, minval, maxval, dtype, seed)
    return _recorded("uniform", shape, _float(dtype), seed, minval, maxval)


def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: str = "int32", seed: Seed = None
) -> Tensor:
    """Integers in [minval, maxval), each equally likely. ValueError if there are none."""
    dtype = dtypes.name(dtype)
    if not dtypes.is_int(dtype):
        raise ValueError(f"randint needs an integer dtype; got dtype={dtype!r}.")
    if int(minval) >= int(maxval):
        raise ValueError(f"randint needs minval < maxval; got minval={minval}, maxval={maxval}.")
    limits = np.iinfo(dtype)
    if minval < limits.min or maxval - 1 > limits.max:
        raise ValueError(f"{dtype} does not hold the integers from {minval} to {maxval} - 1.")
    return _recorded("randint", shape, dtype, seed, int(minval), int(maxval))


def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Tensor:
    """`x` with its entries along `axis` in random order; what lies across stays together."""
    from deepbasics import ops

    x = ops.convert_to_tensor(x)
    return ops.take(x, _recorded("order", (x.shape[axis],), "int64", seed), axis=axis)


def dropout(
    inputs: Any,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: Seed = None,
) -> Tensor:
    """Each element of `inputs` is 0 with chance `rate`, else multiplied by 1 / (1 - rate).

    `noise_shape` broadcasts against the inputs (None: that axis' length): elements that share an
    entry fall together. With a SeedGenerator the mask is drawn by the backend, and a recorded step
    draws a new one each time. Reference: Srivastava et al., "Dropout", JMLR 2014.
    """
    from deepbasics import ops
    from deepbasics.ops.call import call

    if not 0 <= rate <= 1:
        raise ValueError(f"The dropout rate must lie in [0, 1]; got rate={rate}.")
    x = ops.convert_to_tensor(inputs)
    if rate == 0:
        return x
    shape = tuple(x.shape) if noise_shape is None else _noise_shape(noise_shape, x.shape)
    key, counter = stream(seed, -(-math.prod(shape) // HALVES))
    counter = ops.convert_to_tensor(counter, "int64")
    keep = call("random_mask", counter, key=key, threshold=round(rate * 2**32), shape=shape)
    return ops.where(keep, ops.multiply(x, 1 / (1 - rate) if rate < 1 else 0.0), 0.0)


def _noise_shape(noise_shape: Sequence[int | None], shape: Sequence[int]) -> tuple[int, ...]:
    fits = len(noise_shape) == len(shape) and all(
        k in (None, 1, n) for k, n in zip(noise_shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"noise_shape={tuple(noise_shape)} must have one entry per axis of the inputs, of "
            f"shape {tuple(shape)}: None, 1 or the axis' length."
        )
    return tuple(n if k is None else k for k, n in zip(noise_shape, shape, strict=True))


def categorical(logits: Any, num_samples: int, dtype: str = "int32", seed: Seed = None) -> Tensor:
    """Classes drawn from softmax(logits): (batch, classes) gives integers (batch, num_samples)."""
    from deepbasics import ops

    logits = np.asarray(ops.convert_to_numpy(logits), dtype="float64")
    if logits.ndim != 2:
        raise ValueError(f"logits must have shape (batch, classes); got shape {logits.shape}.")

    def draw(key, counter, shape, dtype):
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        edges = weights.cumsum(axis=1)
        # At most 1 - 2**-53 times the end is below the end even when rounded: no class past it.
        points = host.uniform(key, counter, shape, dtype="float64") * edges[:, -1:]
        found = [e.searchsorted(p, side="right") for e, p in zip(edges, points, strict=True)]
        return np.array(found, dtype=dtype).reshape(shape)

    return _drawn(draw, (len(logits), num_samples), dtypes.name(dtype), seed)


def _within(name: str, value: Any, low: float, high: float, what: str) -> Any:
    """`value` as a number or nested tuples. ValueError unless low <= value <= high everywhere."""
    from deepbasics import ops

    value = ops.convert_to_numpy(value) if ops.is_tensor(value) else np.asarray(value)
    if not ((value >= low) & (value <= high)).all():
        raise ValueError(f"{name} must be {what}; got {value}.")
    return _as_tuples(value.tolist())


def _as_tuples(nest: Any) -> Any:
    return tuple(map(_as_tuples, nest)) if isinstance(nest, list) else nest


_POSITIVE = (1e-300, 1e300, "positive and finite")


def gamma(shape: Sequence[int], alpha: Any, dtype: str | None = None, seed: Seed = None) -> Tensor:
    """Gamma with shape parameter `alpha` > 0, which broadcasts to `shape`, and scale 1."""
    return _recorded("gamma", shape, _float(dtype), seed, _within("alpha", alpha, *_POSITIVE))


def beta(
    shape: Sequence[int], alpha: Any, beta: Any, dtype: str | None = None, seed: Seed = None
) -> Tensor:
    """Beta with parameters `alpha` and `beta` > 0, which broadcast to `shape`."""
    given = (_within("alpha", alpha, *_POSITIVE), _within("beta", beta, *_POSITIVE))
    return _recorded("beta", shape, _float(dtype), seed, *given)


def binomial(
    shape: Sequence[int],
    counts: Any,
    probabilities: Any,
    dtype: str | None = None,
    seed: Seed = None,
) -> Tensor:
    """Successes in `counts` trials of chance `probabilities`, which broadcast to `shape`."""
    n = _within("counts", counts, 0, 2**62, "a number of trials")
    p = _within("probabilities", probabilities, 0, 1, "between 0 and 1")
    return _recorded("binomial", shape, _float(dtype), seed, n, p)
