"""Numbers brought to a common scale: Rescaling, Normalization, Discretization."""

import math
from typing import Any

import numpy as np

from deepbasics import config, ops
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.preprocessing.adapting import batches, numbers
from deepbasics.layers.preprocessing.encoding import Categorical


class Rescaling(Layer):
    """inputs · scale + offset, as floats; both a number, or one per channel.

    >>> Rescaling(1 / 255)(np.array([0, 255]))
    array([0., 1.], dtype=float32)
    """

    supports_masking = True
    computes_in_full = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = _listed(scale), _listed(offset)

    def call(self, inputs: Any) -> Any:
        """The inputs, scaled and moved."""
        x = ops.cast(inputs, self.dtype)
        scale, offset = (ops.convert_to_tensor(_per_channel(v), self.dtype)
                         for v in (self.scale, self.offset))  # fmt: skip
        return ops.add(ops.multiply(x, scale), offset)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"scale": self.scale, "offset": self.offset}


def _listed(value: Any) -> Any:
    return None if value is None else np.asarray(value).tolist()


def _per_channel(value: Any) -> np.ndarray:
    value = np.asarray(value)
    first = value.ndim and config.image_data_format() == "channels_first"
    return value.reshape(value.shape + (1,) * (3 - value.ndim)) if first else value


class Normalization(Layer):
    """(inputs - mean) / max(√variance, ε): each feature with mean 0 and variance 1.

    Args:
        axis: the axes that have a mean and a variance for each place, so of known length; None
            for one mean and variance in all.
        mean, variance: where they are known; else `adapt` learns them from data.
        invert: go back: inputs · max(√variance, ε) + mean.

    ε is `config.epsilon()`. Before `adapt`, the mean is 0 and the variance 1. The variance is that
    of the data, not an estimate (divided by n).

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]]))
    >>> layer(np.array([[2.0, 10.0]]))
    array([[ 1., -1.]], dtype=float32)
    """

    supports_masking = True
    computes_in_full = True

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = invert
        self.input_mean, self.input_variance = _listed(mean), _listed(variance)
        self._fixed = mean is not None
        shapes = np.shape(mean), np.shape(variance)
        if (mean is None) != (variance is None) or shapes[0] != shapes[1]:
            raise ValueError(
                f"{self.where} needs both mean and variance, of one shape, or neither; got "
                f"mean={mean!r:.60} and variance={variance!r:.60}."
            )
        if len(shapes[0]) > len(self.axis):
            raise ValueError(
                f"{self.where} has {len(self.axis)} axes with values of their own, axis={axis}; "
                f"its mean cannot have shape {shapes[0]}."
            )
        if variance is not None and np.min(variance) < 0:
            raise ValueError(f"{self.where}: a variance is at least 0; got {variance!r:.60}.")

    @property
    def where(self) -> str:
        """How errors name the layer."""
        return f"{type(self).__name__} layer {self.name!r}"

    def build(self, input_shape: Shape) -> None:
        """Weights for the mean and the variance, if they are to be learned."""
        self._kept = self._kept_axes(tuple(input_shape))
        shape = tuple(input_shape[a] for a in self._kept)
        self._spread = tuple(n if a in self._kept else 1 for a, n in enumerate(input_shape))
        if self._fixed:
            self._values = [self._in_place(v) for v in (self.input_mean, self.input_variance)]
        else:
            self._values = [
                self.add_weight(shape, "zeros", trainable=False, name="mean"),
                self.add_weight(shape, "ones", trainable=False, name="variance"),
            ]
            self._count = self.add_weight((), "zeros", "int32", trainable=False, name="count")

    def _kept_axes(self, shape: Shape) -> tuple[int, ...]:
        n = len(shape)
        if any(not -n <= a < n for a in self.axis):
            raise ValueError(
                f"{self.where}: axis={self.axis} is out of range for inputs of shape {shape}."
            )
        kept = tuple(sorted(a % n for a in self.axis))
        if any(shape[a] is None for a in kept):
            raise ValueError(
                f"{self.where} has values for each place along axis={self.axis}, so the lengths of "
                f"these axes must be known; got shape {shape}."
            )
        return kept

    def _in_place(self, value: Any) -> np.ndarray:
        """A given mean or variance, its axes at the last of those with values of their own."""
        value, shape = np.asarray(value, "float64"), [1] * len(self._spread)
        for axis, n in zip(reversed(self._kept), reversed(value.shape), strict=False):
            shape[axis] = n
        try:
            return np.broadcast_to(value.reshape(shape), self._spread).copy()
        except ValueError:
            raise ValueError(
                f"{self.where}: a mean of shape {value.shape} does not fit inputs with lengths "
                f"{tuple(self._spread[a] for a in self._kept)} along axis={self.axis}."
            ) from None

    def adapt(self, data: Any) -> None:
        """Learn mean and variance of an array, list, table, or of what yields batches; one pass.

        The batches are merged in float64 (Chan, Golub & LeVeque, 1979). Raises ValueError for data
        that are empty, not finite, or of another shape than the layer was built for.
        """
        if self._fixed:
            raise ValueError(f"{self.where} was given its mean and variance; it cannot adapt.")
        count, mean, squares = 0, 0.0, 0.0
        for batch in batches(data):
            x = numbers(batch, self.where)
            self._fit_for(x.shape)
            axes = tuple(a for a in range(x.ndim) if a not in self._kept)
            n = math.prod(x.shape[a] for a in axes)
            if n:
                away = x.mean(axis=axes) - mean
                squares = squares + x.var(axis=axes) * n + away**2 * (count * n / (count + n))
                count += n
                mean = mean + away * (n / count)
        if not count:
            raise ValueError(f"{self.where}: adapt got no data.")
        if not (np.isfinite(mean).all() and np.isfinite(squares).all()):
            raise ValueError(f"{self.where}: adapt got data that are NaN or infinite.")
        for weight, value in zip(self._values, (mean, squares / count), strict=True):
            weight.assign(np.asarray(value, weight.dtype))
        self._count.assign(min(count, np.iinfo("int32").max))

    def _fit_for(self, shape: Shape) -> None:
        if not self.built:
            self.build((None, *shape[1:]) if 0 not in self._kept_axes(shape) else shape)
        lengths = tuple(self._spread[a] for a in self._kept)
        if len(shape) != len(self._spread) or lengths != tuple(shape[a] for a in self._kept):
            raise ValueError(
                f"{self.where} has values for lengths {lengths} along axis={self.axis} of inputs "
                f"with {len(self._spread)} axes; adapt got data of shape {shape}."
            )

    @property
    def mean(self) -> Any:
        """The mean, in the shape that it has beside an input."""
        return self._value(0)

    @property
    def variance(self) -> Any:
        """The variance, in the shape that it has beside an input."""
        return self._value(1)

    def _value(self, which: int) -> Any:
        if not self.built:
            raise ValueError(f"{self.where} has no mean before adapt, or a call on data.")
        value = ops.convert_to_tensor(self._values[which], self.dtype)
        return ops.reshape(value, self._spread)

    def call(self, inputs: Any) -> Any:
        """The inputs, normalised, or back from that."""
        x = ops.cast(inputs, self.dtype)
        deviation = ops.maximum(ops.sqrt(self.variance), config.epsilon())
        if self.invert:
            return ops.add(self.mean, ops.multiply(x, deviation))
        return ops.divide(ops.subtract(x, self.mean), deviation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return super().get_config() | {"axis": list(self.axis), "invert": self.invert, **given}


class Discretization(Categorical):
    """The bin that each number falls in: 0 below the first boundary, i from the i-th one on.

    Args:
        bin_boundaries: ascending numbers; a number at a boundary falls in the bin above it.
        num_bins: instead of these: `adapt` learns boundaries between so many bins with as many
            numbers in each.
        epsilon: how exact these are: the data are summed up by about 1 / epsilon numbers.
        output_mode: "int", "one_hot", "multi_hot" or "count", as `Categorical` says.

    >>> Discretization([0.0, 1.0])([[-1.0, 0.0, 3.0]])
    array([[0, 1, 2]], dtype=int32)
    """

    int_dtype = "int32"

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_mode(output_mode, sparse=sparse)
        if (num_bins is None) == (bin_boundaries is None):
            raise ValueError(
                f"{self.where} needs either bin_boundaries or num_bins; got "
                f"{bin_boundaries!r:.60} and {num_bins}."
            )
        if not 0 < epsilon < 1:
            raise ValueError(f"{self.where}: epsilon must lie between 0 and 1; got {epsilon}.")
        self.num_bins = as_count(f"{self.where}: num_bins", num_bins, None)
        self.epsilon = epsilon
        self.bin_boundaries = None if bin_boundaries is None else self._checked(bin_boundaries)

    def _checked(self, boundaries: Any) -> list[float]:
        found = np.asarray(boundaries, "float64")
        if found.ndim != 1 or not (np.diff(found) >= 0).all():
            raise ValueError(
                f"{self.where}: bin_boundaries must be a list of ascending numbers; got "
                f"{boundaries!r:.80}. Sort them."
            )
        return found.tolist()

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn boundaries from an array, list or table, or `steps` batches of what yields them."""
        if self.num_bins is None:
            raise ValueError(
                f"{self.where} was given bin_boundaries; give it num_bins to learn them instead."
            )
        summary = np.empty((2, 0), "float32")
        for batch in batches(data, steps):
            x = numbers(batch, self.where).astype("float32")
            if x.size:
                summary = _merged(_summary(x, self.epsilon), summary, self.epsilon)
        if not summary.size:
            raise ValueError(f"{self.where}: adapt got no data.")
        self.bin_boundaries = self._checked(_compressed(summary, 1 / self.num_bins)[0, :-1])

    @property
    def depth(self) -> int:
        """The number of bins."""
        return self.num_bins or len(self.bin_boundaries) + 1

    def call(self, inputs: Any) -> Any:
        """The bins."""
        if self.bin_boundaries is None:
            raise ValueError(
                f"{self.where} does not know its bins yet: call adapt(data) first, or give it "
                "bin_boundaries."
            )
        boundaries = np.asarray(self.bin_boundaries, self.dtype)
        return self.encoded(ops.digitize(ops.cast(inputs, self.dtype), boundaries))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Discretization":
        """The inverse of `get_config`, with the boundaries that were learned."""
        config = dict(config)
        learned = config.pop("bin_boundaries", None) if config.get("num_bins") else None
        layer = cls(**config)
        if learned is not None:
            layer.bin_boundaries = layer._checked(learned)
        return layer


# A summary (2, n): numbers in order, and for how many of the data each stands: those up to it.


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    values = np.sort(values, axis=None)
    step = max(len(values) * epsilon, 1)
    chosen = values[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _merged(one: np.ndarray, other: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([one, other], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """About 1 / epsilon numbers, by interpolation in the sum of the weights."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    total = summary[1].cumsum()
    values = np.interp(shares, total / total[-1], summary[0])
    weights = np.diff(np.interp(shares, total / total[-1], total), prepend=0)
    return np.stack([values, weights]).astype("float32")
