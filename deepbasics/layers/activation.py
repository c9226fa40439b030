"""Activations as layers: ReLU, LeakyReLU, PReLU, ELU, Softmax."""

from collections.abc import Sequence
from typing import Any

from deepbasics import activations, ops
from deepbasics.layers import settings
from deepbasics.layers.base import Layer, Shape


class _Elementwise(Layer):
    """Keeps shape and mask."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | settings.config(self)


class ReLU(_Elementwise):
    """`x` above `threshold`, at most `max_value`; `negative_slope · (x - threshold)` elsewhere."""

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = {"max_value": max_value, "negative_slope": negative_slope, "threshold": threshold}
        for name, value in given.items():
            if value is not None and value < 0:
                raise ValueError(f"ReLU: {name} must be at least 0; got {value}.")
        settings.keep(self, **given)

    def call(self, inputs: Any) -> Any:
        """The activation."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Elementwise):
    """`x` where x > 0, else `negative_slope · x` (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"LeakyReLU: negative_slope must be at least 0; got {negative_slope}.")
        self.negative_slope = float(negative_slope)

    def call(self, inputs: Any) -> Any:
        """The activation."""
        return ops.leaky_relu(inputs, self.negative_slope)


class PReLU(_Elementwise):
    """`x` where x > 0, else `alpha · x`, with a trained `alpha` for each element (He et al. 2015).

    `shared_axes`: axes, counted from 1, along which elements share one, such as (1, 2) in images.
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        settings.keep(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else list(axes)
        self.alpha = None

    def build(self, input_shape: Shape) -> None:
        """`alpha`, with the shape of a row, 1 along shared axes."""
        shared = self.shared_axes or ()
        shape = tuple(1 if i in shared else n for i, n in enumerate(input_shape) if i > 0)
        if None in shape:
            raise ValueError(
                f"PReLU layer {self.name!r} has an alpha for each element, so it needs known "
                f"lengths; got {tuple(input_shape)}. Put axes of unknown length into shared_axes."
            )
        self.alpha = settings.weight(self, "alpha", shape)

    def call(self, inputs: Any) -> Any:
        """The activation."""
        low = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), low)


class ELU(_Elementwise):
    """`x` where x > 0, else `alpha · (exp(x) - 1)` (Clevert et al. 2015)."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(alpha)

    def call(self, inputs: Any) -> Any:
        """The activation."""
        return ops.elu(inputs, self.alpha)


class Softmax(_Elementwise):
    """`exp(x) / Σ exp(x)` over `axis`, an int or several; a mask leaves elements out."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The activation; `mask` broadcasts to the inputs."""
        if mask is not None:
            inputs = ops.where(ops.cast(mask, "bool"), inputs, -1e9)
        if isinstance(self.axis, int):
            return activations.softmax(inputs, axis=self.axis)
        return ops.exp(ops.subtract(inputs, ops.logsumexp(inputs, tuple(self.axis), keepdims=True)))
