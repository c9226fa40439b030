"""Dense, Activation, Dropout, Flatten, Reshape, Identity."""

import math
from typing import Any

from deepbasics import activations, config, constraints, initializers, ops, regularizers
from deepbasics.errors import as_count, as_fraction
from deepbasics.layers.base import Layer, Shape
from deepbasics.ops.shape import resolve_shape
from deepbasics.random import SeedGenerator, dropout


class Dense(Layer):
    """`activation(x @ kernel + bias)` over the last axis.

    Args:
        units: width of the output.
        activation: name or function; None is linear.
        use_bias: whether to add a bias.

    Input (batch, ..., features), output (batch, ..., units); kernel (features, units), bias
    (units,).

    >>> import numpy as np
    >>> layer = Dense(2, kernel_initializer="ones", bias_initializer="ones")
    >>> layer(np.array([[1.0, 2.0, 3.0]]))
    array([[7., 7.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = as_count("Dense: units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Kernel and bias."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Dense layer {self.name!r} needs inputs of shape (batch, ..., features) with a "
                f"known number of features; got {tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Any) -> Any:
        """`activation(inputs @ kernel + bias)`."""
        self._check(inputs.shape)
        y = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            y = ops.add(y, self.bias)
        return self.activation(y) if self.activation is not None else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's, with `units` last."""
        self._check(input_shape)
        return (*input_shape[:-1], self.units)

    def _check(self, shape: Shape) -> None:
        if self.built and shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Dense layer {self.name!r} was built for {self.kernel.shape[0]} features; it got "
                f"inputs of shape {tuple(shape)}, with {shape[-1]}."
            )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Activation(Layer):
    """Applies an activation, given by name or function."""

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """`activation(inputs)`."""
        return self.activation(inputs) if self.activation is not None else inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"activation": activations.serialize(self.activation)}


class Identity(Layer):
    """Passes its input through."""

    supports_masking = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape


class Dropout(Layer):
    """While training, zeroes a fraction `rate` of the inputs; the rest grow by 1 / (1 - rate).

    Args:
        rate: the fraction dropped, in [0, 1]; 1 gives zeros.
        noise_shape: shape of the mask, 1 where an axis shares it, None where it is the input's.
        seed: int for a stream of its own; None takes one of the global generator.

    Off unless `training`. The masks are the same on every backend (Srivastava et al. 2014).
    """

    supports_masking = True

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = as_fraction("Dropout: rate", rate, "the fraction dropped")
        self.noise_shape, self.seed = noise_shape, seed
        self.seed_generator = SeedGenerator(seed) if self.rate > 0 else None
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs, thinned out if `training`."""
        if not training or self.rate == 0:
            return inputs
        return dropout(inputs, self.rate, self.noise_shape, self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }


class Flatten(Layer):
    """All axes but the batch in one, in C order; channels_first is made channels_last before."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format or config.image_data_format()
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Shape (batch, features)."""
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, product of the others)."""
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"data_format": self.data_format}


class Reshape(Layer):
    """The same elements in another shape; `target_shape` is without the batch, with one -1."""

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(int(n) for n in target_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Shape (batch, *target_shape)."""
        return ops.reshape(inputs, (inputs.shape[0], *self.compute_output_shape(inputs.shape)[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, *target_shape). Raises ValueError if the sizes differ."""
        rest = tuple(input_shape[1:])
        if None in rest:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        try:
            target = resolve_shape(rest, self.target_shape)
        except ValueError:
            raise ValueError(
                f"Reshape layer {self.name!r} cannot turn {rest}, {math.prod(rest)} elements a "
                f"row, into {self.target_shape}."
            ) from None
        return (input_shape[0], *target)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"target_shape": self.target_shape}
