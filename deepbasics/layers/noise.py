"""Noise while training: whole channels dropped, Gaussian noise, dropout for selu; and a penalty.

All draws are made by the backend from the layer's own stream: the same on every backend, new ones
in each step, also where a step is replayed.
"""

import math
from collections.abc import Sequence
from typing import Any

from deepbasics import ops, regularizers
from deepbasics.errors import as_fraction
from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.spatial import Spatial
from deepbasics.ops.call import call
from deepbasics.philox import HALVES
from deepbasics.random import SeedGenerator, dropout
from deepbasics.random.streams import stream


def _normal(shape: Sequence[int], dtype: str, generator: SeedGenerator) -> Any:
    """Standard normal numbers (Box & Muller, 1958)."""
    both = (2, *shape)
    key, counter = stream(generator, -(-math.prod(both) // HALVES))
    counter = ops.convert_to_tensor(counter, "int64")
    bits = ops.cast(call("random_bits32", counter, key=key, shape=both), dtype)
    uniform = ops.multiply(ops.add(bits, 0.5), 2.0**-32)
    radius = ops.sqrt(ops.multiply(ops.log(uniform[0]), -2.0))
    return ops.multiply(radius, ops.cos(ops.multiply(uniform[1], 2 * math.pi)))


class _Noise(Layer):
    """Changes its inputs while training only; keeps shape and mask."""

    supports_masking = True

    def set_rate(self, rate: float, seed: int | None) -> None:
        """Keep the rate, checked, and the seed."""
        where = f"{type(self).__name__}: rate"
        self.rate, self.seed = as_fraction(where, rate, "the fraction dropped"), seed
        self.seed_generator = SeedGenerator(seed) if self.rate > 0 else None

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs, with noise if `training`."""
        return self.noisy(inputs) if training and self.seed_generator is not None else inputs

    def noisy(self, inputs: Any) -> Any:
        """The inputs with noise."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | settings.config(self)


class _SpatialDropout(Spatial, _Noise):
    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.set_rate(rate, seed)
        self.set_data_format(data_format)

    def noisy(self, inputs: Any) -> Any:
        """Some channels of each row zero, the others grown by 1 / (1 - rate)."""
        batch, _, channels = self.taken_apart(inputs.shape)
        shape = self.put_together(batch, (1,) * self.rank, channels)
        return dropout(inputs, self.rate, shape, self.seed_generator)


class SpatialDropout1D(_SpatialDropout):
    """While training, zeroes a fraction `rate` of the channels, each at all steps.

    Source: Tompson et al., "Efficient object localization using convolutional networks", 2014.
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, "channels_last", seed, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """While training, zeroes a fraction `rate` of the feature maps; see `SpatialDropout1D`."""

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """While training, zeroes a fraction `rate` of the feature maps; see `SpatialDropout1D`."""

    rank = 3


class GaussianNoise(_Noise):
    """While training, adds normal noise of standard deviation `stddev`."""

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not stddev >= 0:
            raise ValueError(f"GaussianNoise: stddev must be at least 0; got {stddev}.")
        self.stddev, self.seed = float(stddev), seed
        self.seed_generator = SeedGenerator(seed) if stddev > 0 else None

    def noisy(self, inputs: Any) -> Any:
        """inputs + stddev · normal."""
        noise = _normal(tuple(inputs.shape), ops.dtype(inputs), self.seed_generator)
        return ops.add(inputs, ops.multiply(noise, self.stddev))


class GaussianDropout(_Noise):
    """While training, multiplies by normal numbers of mean 1 and variance rate / (1 - rate).

    Source: Srivastava et al., "Dropout", 2014, section 10.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"GaussianDropout: rate must be in [0, 1); got {rate}.")
        self.set_rate(rate, seed)

    def noisy(self, inputs: Any) -> Any:
        """inputs · (1 + √(rate / (1 - rate)) · normal)."""
        noise = _normal(tuple(inputs.shape), ops.dtype(inputs), self.seed_generator)
        spread = math.sqrt(self.rate / (1 - self.rate))
        return ops.multiply(inputs, ops.add(ops.multiply(noise, spread), 1.0))


_SELU_LIMIT = -1.7580993408473766  # what selu tends to: -alpha · scale


class AlphaDropout(_Noise):
    """While training, sets a fraction `rate` to the limit of selu; keeps mean 0 and variance 1.

    Args:
        rate: the fraction dropped.
        noise_shape: shape of the mask, 1 where an axis shares it, None where it is the input's.

    With a' the limit and q = 1 - rate: `a x + b`, a = (q (1 + rate a'²))^(-1/2), b = -a a' rate.
    Source: Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if rate == 1:
            raise ValueError("AlphaDropout: rate must be in [0, 1); got 1: nothing would be left.")
        self.set_rate(rate, seed)
        self.noise_shape = noise_shape

    def noisy(self, inputs: Any) -> Any:
        """Some at the limit of selu, then all scaled and moved."""
        ones = ops.ones_like(inputs)
        kept = ops.greater(dropout(ones, self.rate, self.noise_shape, self.seed_generator), 0)
        a = ((1 - self.rate) * (1 + self.rate * _SELU_LIMIT**2)) ** -0.5
        b = -a * _SELU_LIMIT * self.rate
        return ops.add(ops.multiply(ops.where(kept, inputs, _SELU_LIMIT), a), b)


class ActivityRegularization(Layer):
    """Passes its input through and adds `l1 · Σ|x| + l2 · Σx²`, per row, to the loss."""

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        found = super().get_config() | {"l1": self.l1, "l2": self.l2}
        del found["activity_regularizer"]
        return found
