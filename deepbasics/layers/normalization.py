"""Normalisation layers: over the batch, over features, over groups of channels, of weights."""

from collections.abc import Sequence
from typing import Any

from deepbasics import config, ops
from deepbasics.errors import as_count
from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape
from deepbasics.ops.normalization import along

Axes = int | Sequence[int]


class _Normalization(Layer):
    """Keeps the shape and the mask; has a scale `gamma` and an offset `beta`."""

    supports_masking = True
    computes_in_full = True  # means and variances are sums of many

    def set_affine(self, **given: Any) -> None:
        """Keep the settings of `gamma` and `beta`."""
        settings.keep(self, **given)
        self.gamma = self.beta = None

    def add_affine(self, shape: tuple[int, ...]) -> None:
        """Add `gamma` and `beta`, where wanted."""
        self.gamma = settings.weight(self, "gamma", shape) if self.scale else None
        self.beta = settings.weight(self, "beta", shape) if self.center else None

    def lengths(self, input_shape: Shape, axis: Axes) -> tuple[int, ...]:
        """The lengths along `axis`. ValueError if they are unknown or there is no such axis."""
        given = (axis,) if isinstance(axis, int) else tuple(axis)
        rank = len(input_shape)
        if any(not -rank <= a < rank or input_shape[a] is None for a in given):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} needs known lengths along axis "
                f"{axis}; got inputs of shape {tuple(input_shape)}."
            )
        return tuple(input_shape[a] for a in sorted(a % rank for a in given))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | settings.config(self)


class BatchNormalization(_Normalization):
    """`(x - mean) / √(variance + epsilon) · gamma + beta`, for each entry along `axis`.

    Args:
        axis: the features; mean and variance are over all other axes.
        momentum: m of the moving statistics: `moving ← m · moving + (1 - m) · batch's`.
        epsilon: added to the variance.
        center, scale: whether there is a `beta`, a `gamma`.

    While training, mean and (population) variance are those of the batch, and the moving ones
    follow; else, and where the layer is frozen (`trainable = False`), the moving ones serve. A mask
    leaves steps out of the statistics. Source: Ioffe & Szegedy, "Batch normalization", 2015.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self.set_affine(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Shape) -> None:
        """`gamma`, `beta`, and the moving statistics, which are not trained."""
        shape = self.lengths(input_shape, self.axis)
        self.add_affine(shape)
        self.moving_mean, self.moving_variance = (
            self.add_weight(shape, getattr(self, f"{name}_initializer"), trainable=False, name=name)
            for name in ("moving_mean", "moving_variance")
        )

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Normalised by the batch while training, by the moving statistics else."""
        mean, variance = self.moving_mean, self.moving_variance
        if training and self.trainable:
            mean, variance = self._of_batch(inputs, mask)
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept = ops.multiply(moving, self.momentum)
                moving.assign(ops.add(kept, ops.multiply(new, 1.0 - self.momentum)))
        return ops.batch_normalization(
            inputs, mean, variance, self.axis, self.beta, self.gamma, self.epsilon
        )

    def _of_batch(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """(mean, variance) over all axes but `axis`, of what the mask shows."""
        rank = len(inputs.shape)
        over = tuple(a for a in range(rank) if a != self.axis % rank)
        if mask is None:
            return ops.moments(inputs, over)
        if len(mask.shape) != rank - 1:
            raise ValueError(
                f"BatchNormalization layer {self.name!r}: a mask for inputs of shape "
                f"{tuple(inputs.shape)} has one axis less than they; got {tuple(mask.shape)}."
            )
        shown = ops.broadcast_to(ops.expand_dims(mask, -1), tuple(inputs.shape))
        count = ops.sum(ops.cast(shown, ops.dtype(inputs)), over) + config.epsilon()
        mean = ops.divide(ops.sum(ops.where(shown, inputs, 0.0), over), count)
        apart = ops.subtract(inputs, along(mean, self.axis % rank, rank))
        apart = ops.where(shown, apart, 0.0)
        return mean, ops.divide(ops.sum(ops.square(apart), over), count)


class LayerNormalization(_Normalization):
    """`(x - mean) / √(variance + epsilon) · gamma + beta`, mean and variance over `axis`.

    Args:
        axis: an int or several; `gamma` and `beta` have their lengths.
        epsilon: added to the variance.
        center, scale: whether there is a `beta`, a `gamma`.

    Each row by itself, the same while training and not. Source: Ba et al., 2016.
    """

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, float(epsilon)
        self.set_affine(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Shape) -> None:
        """`gamma` and `beta`, with the lengths along `axis`."""
        self.add_affine(self.lengths(input_shape, self.axis))

    def call(self, inputs: Any) -> Any:
        """The inputs, normalised."""
        return ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)


class GroupNormalization(_Normalization):
    """`(x - mean) / √(variance + epsilon) · gamma + beta`, over groups of channels of each row.

    Args:
        groups: how many; the channels must be a multiple. -1: each channel is one.
        axis: the channels; mean and variance are over those of a group and all axes but the batch.

    Source: Wu & He, "Group normalization", 2018.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = -1 if groups == -1 else as_count("GroupNormalization: groups", groups)
        self.axis, self.epsilon = int(axis), float(epsilon)
        self.set_affine(
            center=center,
            scale=scale,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def build(self, input_shape: Shape) -> None:
        """`gamma` and `beta`, one for each channel."""
        (channels,) = self.lengths(input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"GroupNormalization layer {self.name!r}: the channels must be a multiple of "
                f"groups; got {channels} channels in inputs of shape {tuple(input_shape)}, "
                f"groups={self.groups}."
            )
        self.add_affine((channels,))

    def call(self, inputs: Any) -> Any:
        """The inputs, normalised."""
        shape = tuple(inputs.shape)
        axis = self.axis % len(shape)
        split_up = (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])
        x = ops.reshape(inputs, split_up)
        over = tuple(a for a in range(1, len(split_up)) if a != axis)
        y = ops.reshape(ops.layer_normalization(x, axis=over, epsilon=self.epsilon), shape)
        y = y if self.gamma is None else ops.multiply(y, along(self.gamma, axis, len(shape)))
        return y if self.beta is None else ops.add(y, along(self.beta, axis, len(shape)))


class RMSNormalization(_Normalization):
    """`x / √(mean(x²) + epsilon) · scale` over `axis` (Zhang & Sennrich, 2019)."""

    def __init__(self, axis: Axes = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, float(epsilon)
        self.scale = None

    def build(self, input_shape: Shape) -> None:
        """`scale`, with the lengths along `axis`."""
        shape = self.lengths(input_shape, self.axis)
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """The inputs, normalised."""
        return ops.rms_normalization(inputs, self.scale, self.axis, self.epsilon)


class UnitNormalization(_Normalization):
    """`x / |x|`: length 1 over `axis`; zeros stay zeros.

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]])).round(6).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis: Axes = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """The inputs, divided by their length, of which 1e-12 is the least."""
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        squares = ops.sum(ops.square(inputs), axis, keepdims=True)
        return ops.multiply(inputs, ops.rsqrt(ops.maximum(squares, 1e-24)))


class SpectralNormalization(Layer):
    """A layer whose kernel is divided by its largest singular value while training.

    Args:
        layer: has a `kernel`, or `embeddings`, whose last axis is that of the outputs.
        power_iterations: steps of the power method in each call; its vector `u` is kept.

    Each training call replaces the kernel, `W ← W / (v W uᵀ)`, and then calls the layer. Source:
    Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.power_iterations = as_count(
            "SpectralNormalization: power_iterations", power_iterations
        )

    def build(self, input_shape: Shape) -> None:
        """The layer's weights, and `vector_u`, which is not trained."""
        if not self.layer.built:
            self.layer.build(input_shape)
        found = [k for k in ("kernel", "embeddings") if getattr(self.layer, k, None) is not None]
        if not found:
            raise ValueError(
                f"SpectralNormalization layer {self.name!r} needs a layer with a kernel or "
                f"embeddings; {type(self.layer).__name__} layer {self.layer.name!r} has neither."
            )
        self.kernel = getattr(self.layer, found[0])
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]), "truncated_normal", trainable=False, name="vector_u"
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The layer's output, its kernel normalised first if `training`."""
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        kernel = self.kernel
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        u = self.vector_u
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        largest = ops.reshape(ops.matmul(ops.matmul(v, matrix), ops.transpose(u)), ())
        zero = ops.equal(largest, 0.0)  # a kernel of zeros stays as it is
        kernel.assign(ops.divide(kernel, ops.where(zero, 1.0, largest)))
        self.vector_u.assign(ops.where(zero, self.vector_u, u))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        from deepbasics.layers.lookup import serialize

        inner = serialize(self.layer)
        return super().get_config() | {"layer": inner, "power_iterations": self.power_iterations}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SpectralNormalization":
        """The inverse of `get_config`; the weights are new."""
        from deepbasics.layers.lookup import deserialize

        return cls(**(config | {"layer": deserialize(config["layer"])}))


def _unit(x: Any) -> Any:
    """A vector of length 1."""
    squares = ops.sum(ops.square(x))
    return ops.multiply(x, ops.rsqrt(ops.maximum(squares, 1e-24)))
