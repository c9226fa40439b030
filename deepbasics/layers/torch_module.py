"""TorchModuleWrapper: a module of PyTorch as a layer."""

from typing import Any

from deepbasics import ops
from deepbasics.backends import registry
from deepbasics.layers.base import Layer, Shape


class TorchModuleWrapper(Layer):
    """A `torch.nn.Module` as a layer; its parameters and buffers are weights of the layer.

    Args:
        module: the module; a lazy one must have been called.
        output_shape: of the output, with None for the batch; default worked out by a small call.
        dtype: default that of the parameters.

    On the torch backend alone: elsewhere it raises ValueError. The layer takes the values over;
    `layer.module` is the module with their present state. Save with `save_weights`, and build the
    model in code: a `.keras` file holds plain data, which cannot tell a module.
    """

    def __init__(
        self, module: Any, name: str | None = None, output_shape: Any = None, **kwargs: Any
    ) -> None:
        active = registry.active().name
        if active != "torch":
            raise ValueError(
                f"TorchModuleWrapper needs the torch backend, and {active!r} is active: make it "
                'under deepbasics.use_backend("torch").'
            )
        from deepbasics.backends.torch import modules

        parts = modules.parts(module)
        floats = [part.dtype for part in parts if "float" in part.dtype]
        super().__init__(name=name, **{"dtype": floats[0] if floats else None} | kwargs)
        self._module = module
        self.output_shape = None if output_shape is None else tuple(output_shape)
        for part in parts:
            self.add_weight(
                part.value.shape,
                part.value,
                part.dtype,
                part.trainable,
                autocast=not part.is_buffer,
                name=part.name,
            )
        pairs = zip(self._own_weights, parts, strict=True)
        self._buffers = [variable for variable, part in pairs if part.is_buffer]
        self.built = True

    @property
    def module(self) -> Any:
        """The module, its parameters and buffers as those of the layer are now."""
        from deepbasics.backends.torch import modules

        modules.put(self._module, {v.name: v.value for v in self._own_weights})
        return self._module

    def call(self, inputs: Any, *others: Any, training: bool = False) -> Any:
        """`module(inputs, *others)`, in its own mode for training where that is on."""
        from deepbasics.backends.torch import modules

        values = {v.name: v.value for v in self._own_weights}
        values |= {v.name: ops.copy(v.value) for v in self._buffers}  # the module writes to them
        outputs = modules.run(self._module, values, bool(training), inputs, *others)
        if training:
            for variable in self._buffers:
                variable.assign(values[variable.name])
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """As given, or worked out."""
        if self.output_shape is None:
            return super().compute_output_shape(input_shape)
        return self.output_shape

    def get_config(self) -> dict[str, Any]:
        """Raises TypeError: a module is code, and no plain data."""
        raise TypeError(
            f"Layer {self.name!r} is around a torch.nn.Module, which is code and not plain data: "
            "build the model in code, and use save_weights and load_weights."
        )
