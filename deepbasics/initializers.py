"""Initial values of weights: NumPy arrays drawn on the host, the same on every backend.

`initializer(shape, dtype=None)` gives an array; `dtype` is floatx by default. The random ones draw
in float64 and round, so a float32 and a float64 model start alike. Given an integer `seed`, every
call gives the same values; given none too, for its stream is fixed when the initializer is made; a
`SeedGenerator` moves on.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics import absent
from deepbasics import host_draws as host
from deepbasics.errors import unknown
from deepbasics.lookup import Lookup
from deepbasics.random import SeedGenerator, key_of

Seed = int | SeedGenerator | None
Axes = Sequence[int] | None

# Standard deviation of a normal cut off at two of its standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


def compute_fans(
    shape: Sequence[int], input_axes: Axes = None, output_axes: Axes = None
) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs feed an output, and how many outputs an input feeds.

    A kernel's shape is (..., inputs, outputs), the axes in front being the receptive field; a
    vector counts for both. `input_axes` and `output_axes`, given together, name the axes instead.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class Initializer:
    """What gives a weight its first value: a subclass defines `__call__(shape, dtype=None)`."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        """An array of `shape` and `dtype`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, read from the attributes of their names."""
        names = inspect.signature(type(self)).parameters
        return {name: _plain(getattr(self, name)) for name in names if hasattr(self, name)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Initializer":
        """The inverse of `get_config`."""
        return cls(**config)

    def clone(self) -> "Initializer":
        """A new initializer with the same arguments."""
        return self.from_config(self.get_config())


def _plain(value: Any) -> Any:
    if isinstance(value, SeedGenerator):
        return {"class_name": "SeedGenerator", "config": value.get_config()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


class Constant(Initializer):
    """Every element is `value`, a scalar or an array that broadcasts to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return np.full(shape, self.value, host.numpy_dtype(dtype))


class Zeros(Initializer):
    """Every element is 0."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return np.zeros(shape, host.numpy_dtype(dtype))


class Ones(Initializer):
    """Every element is 1."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return np.ones(shape, host.numpy_dtype(dtype))


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere; the matrix need not be square.

    >>> Identity(2.0)((2, 3)).tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        """An array of `shape` and `dtype`. Raises ValueError unless the shape has two axes."""
        if len(shape) != 2:
            raise ValueError(f"Identity makes matrices, of two axes; got shape {tuple(shape)}.")
        return np.eye(*shape, dtype=host.numpy_dtype(dtype)) * host.numpy_dtype(dtype).type(
            self.gain
        )


class _Random(Initializer):
    """An initializer with a stream of its own."""

    def __init__(self, seed: Seed = None) -> None:
        if isinstance(seed, dict):
            seed = SeedGenerator.from_config(seed["config"])
        self.seed = seed
        self._key = seed.key if isinstance(seed, SeedGenerator) else key_of(seed)

    def _draw(
        self, draw: Callable[..., np.ndarray], shape: Sequence[int], *settings: Any
    ) -> np.ndarray:
        """`draw(key, counter, shape, *settings)`, one of the draws of `host_draws`."""
        counter = 0
        if isinstance(self.seed, SeedGenerator):
            counter = int(self.seed.next(host.blocks(math.prod(shape))))
        return draw(self._key, counter, tuple(shape), *settings)


class RandomNormal(_Random):
    """Normal with the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return self._draw(host.normal, shape, self.mean, self.stddev, dtype)


class TruncatedNormal(_Random):
    """Normal given that it lies within 2 `stddev` of `mean`; `stddev` is that before truncation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return self._draw(host.truncated_normal, shape, self.mean, self.stddev, dtype)


class RandomUniform(_Random):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return self._draw(host.uniform, shape, self.minval, self.maxval, dtype)


class VarianceScaling(_Random):
    """Mean 0 and variance scale / n, so that signals keep their size from layer to layer.

    Args:
        scale: > 0.
        mode: n is the "fan_in", the "fan_out" or their mean, "fan_avg" (see `compute_fans`).
        distribution: "truncated_normal" (also called "normal"): cut off at two standard deviations
            and widened so that the variance is scale / n after the cut; "untruncated_normal"; or
            "uniform" within ±sqrt(3 * scale / n).
        seed: an integer, a SeedGenerator or None.
        input_axes, output_axes: the axes to count the fans by, if not those of a usual kernel.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"VarianceScaling needs scale > 0; got scale={scale}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise unknown("mode of VarianceScaling", mode, ("fan_in", "fan_out", "fan_avg"))
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _BY_DISTRIBUTION:
            raise unknown("distribution of VarianceScaling", distribution, _BY_DISTRIBUTION)
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        draw, first, second = _BY_DISTRIBUTION[self.distribution]
        size = math.sqrt(variance)
        return self._draw(draw, shape, first * size, second * size, dtype)


# The draw and its two settings, in standard deviations.
_BY_DISTRIBUTION = {
    "truncated_normal": (host.truncated_normal, 0.0, 1 / _TRUNCATED_STDDEV),
    "untruncated_normal": (host.normal, 0.0, 1.0),
    "uniform": (host.uniform, -math.sqrt(3.0), math.sqrt(3.0)),
}


class _Preset(VarianceScaling):
    """VarianceScaling whose scale, mode and distribution are those of `preset`."""

    preset: tuple[float, str, str]

    def __init__(
        self, seed: Seed = None, input_axes: Axes = None, output_axes: Axes = None
    ) -> None:
        super().__init__(*self.preset, seed, input_axes, output_axes)


class GlorotUniform(_Preset):
    """Uniform within ±sqrt(6 / (fan_in + fan_out)). Reference: Glorot & Bengio, 2010."""

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal of variance 2 / (fan_in + fan_out). Reference: Glorot & Bengio, 2010."""

    preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform within ±sqrt(6 / fan_in). Reference: He et al., 2015."""

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal of variance 2 / fan_in. Reference: He et al., 2015."""

    preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform within ±sqrt(3 / fan_in). Reference: LeCun et al., 1998."""

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal of variance 1 / fan_in. Reference: LeCun et al., 1998."""

    preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Random):
    """`gain` times a matrix with orthonormal rows or columns, whichever are fewer.

    The matrix has a row for each entry of the leading axes and a column for each of the last. It is
    Q of the QR decomposition of a normal matrix, with signs that make it uniform among all such.
    Reference: Saxe et al., 2014.
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        """An array of `shape` and `dtype`. Raises ValueError for fewer than two axes."""
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs at least two axes; got shape {tuple(shape)}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(self._draw(host.normal, tall, 0.0, 1.0, "float64"))
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        matrix = q if rows >= columns else q.T
        return (self.gain * matrix).reshape(shape).astype(host.numpy_dtype(dtype))


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, truncated_normal, random_uniform = RandomNormal, TruncatedNormal, RandomUniform
variance_scaling, orthogonal = VarianceScaling, Orthogonal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
zero, one, uniform, normal = Zeros, Ones, RandomUniform, RandomNormal  # Keras 1

_names = {
    name: found
    for name, found in dict(globals()).items()
    if inspect.isclass(found) and issubclass(found, Initializer) and not name.startswith("_")
}
_names |= {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal}
_lookup = Lookup("initializer", _names)
serialize, deserialize = _lookup.serialize, _lookup.deserialize


def get(identifier: Any) -> Any:
    """The initializer that `identifier` stands for.

    A name ("glorot_uniform", "GlorotUniform", "zero", ...), a class or a dict from `serialize`
    gives an `Initializer`; None, an initializer or a function `(shape, dtype=None) -> array` is
    returned as it is; an array or tensor gives a function that returns its values and insists on
    its shape. Raises ValueError for an unknown name, with the nearest known one.

    >>> get("he_normal").get_config()
    {'seed': None, 'input_axes': None, 'output_axes': None}
    """
    if hasattr(identifier, "__array__") and not isinstance(identifier, type):
        return _given(identifier)
    return _lookup.get(identifier)


def _given(array: Any) -> Callable[..., np.ndarray]:
    if not isinstance(array, np.ndarray | np.generic):
        from deepbasics import ops

        array = ops.convert_to_numpy(array)

    def given(shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        if tuple(shape) != array.shape:
            raise ValueError(
                f"The array given as an initializer has shape {array.shape}; the variable has "
                f"shape {tuple(shape)}. Give an array of the variable's shape."
            )
        return np.array(array, host.numpy_dtype(dtype))

    return given


__getattr__ = absent.attributes(__name__)
