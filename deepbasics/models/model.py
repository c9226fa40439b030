"""Model: a layer that trains, tells about itself and moves between backends."""

from collections.abc import Callable
from typing import Any

from deepbasics import tree
from deepbasics.backends import registry
from deepbasics.layers.base import Layer, shapes_of
from deepbasics.models import inputs
from deepbasics.models.legacy_methods import LegacyMethods
from deepbasics.models.training import Training
from deepbasics.saving import Saving
from deepbasics.utils import summary as text
from deepbasics.variables import Variable


class Model(Training, LegacyMethods, Saving, Layer):
    """The base of models. Subclass it and write `call(self, inputs)`, or use `Sequential`.

    A model is a layer (it can be called, and put into another model) with `compile`, `fit`,
    `evaluate` and `predict`.
    """

    _not_sublayers = frozenset({"backend", "compiled", "history", "_programs"})
    supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """None: the layers within have given the outputs their masks."""
        return None

    def __init__(self, *, name: str | None = None, trainable: bool = True, **kwargs: Any) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self.backend = registry.active()
        self._programs: dict[Any, Any] = {}
        self._moves = 0
        self._gathered = False
        self._output_shape: Any = None
        self._input_shape: Any = None

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in this model."""
        return list(self.sublayers())

    def all_layers(self) -> list[Layer]:
        """The layers in this model and in its layers, outermost first."""
        found: list[Layer] = []
        for layer in self.sublayers():
            found.append(layer)
            found += Model.all_layers(layer)
        return found

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or position. Raises ValueError naming those there are."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"Model {self.name!r} has {len(layers)} layers; no index {index}.")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in layers)
        raise ValueError(f"Model {self.name!r} has no layer {name!r}. It has: {known}.")

    # building -------------------------------------------------------------------------------------

    def build_for(self, x: Any) -> Any:
        """`x` checked and cast as the model takes it; builds what is not built on one row of it."""
        x = inputs.cast_inputs(self, self.check_inputs(x))
        if not self._is_whole():
            with registry.use_backend(self.backend):
                outputs = self(tree.map(lambda a: a[:1], x))
            self._remember_shapes(shapes_of(x), shapes_of(outputs))
        return x

    def _is_whole(self) -> bool:
        """Whether everything is built and the shape of the output is known."""
        built = self.built and self._output_shape is not None
        return built and all(layer.built for layer in self.all_layers())

    def _remember_shapes(self, inputs: Any, outputs: Any) -> None:
        self._input_shape = _map_shapes(_without_batch, inputs)
        self._output_shape = _map_shapes(_without_batch, outputs)

    def check_inputs(self, x: Any) -> Any:
        """`x` in the form that the model takes; ValueError where data cannot go into it."""
        return x

    def takes_floats(self) -> bool:
        """Whether integer inputs should become floats on entry."""
        return self.autocast

    @property
    def output_shape(self) -> Any:
        """The shape of the output, None for the batch; known once built."""
        return self._output_shape

    @property
    def input_shape(self) -> Any:
        """The shape of the input, None for the batch; known once built."""
        return self._input_shape

    def flat_output_shapes(self) -> list[Any]:
        """The shapes of the outputs as a flat list."""
        return _shape_leaves(self._output_shape)

    def flat_output_names(self) -> list[str]:
        """A name for each output."""
        shapes = self.flat_output_shapes()
        if isinstance(self._output_shape, dict):
            return sorted(self._output_shape)
        return [self.name] if len(shapes) == 1 else [f"output_{i}" for i in range(len(shapes))]

    def pack_outputs(self, outputs: list[Any]) -> Any:
        """A flat list of outputs in the form in which the model gives them."""
        shapes = self._output_shape
        if isinstance(shapes, dict):
            return dict(zip(sorted(shapes), outputs, strict=True))
        return outputs if isinstance(shapes, list) else outputs[0]

    # text -----------------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers, their output shapes and parameters, and the totals.

        `layer_range`: two layer names (or patterns), the first and last to show. `print_fn` gets
        the whole text.
        """
        layers = self.summary_layers()
        shown = layers[text.layer_slice([layer.name for layer in layers], layer_range)]
        rows = [row for layer in shown for row in self._summary_rows(layer, expand_nested)]
        slots = None
        if self.optimizer is not None and self.optimizer.built:
            slots = _size(self.optimizer.variables)
        table = text.summary_table(
            self.name,
            rows,
            _size(self.trainable_weights),
            _size(self.non_trainable_weights),
            slots,
            line_length,
            positions,
            show_trainable,
        )
        (print_fn or print)(table)

    def summary_layers(self) -> list[Layer]:
        """The layers that `summary` lists."""
        return self.layers

    def _summary_rows(self, layer: Layer, expand: bool, depth: int = 0) -> list[text.Row]:
        shape = getattr(layer, "_seen_output_shape", None)
        trainable = layer.trainable if layer.weights else None
        row = text.Row(
            layer.name,
            type(layer).__name__,
            shape,
            layer.count_params(),
            layer.built,
            trainable,
            (),
            depth,
        )
        if not expand or not isinstance(layer, Model):
            return [row]
        inner = [r for sub in layer.layers for r in self._summary_rows(sub, expand, depth + 1)]
        return [row, *inner]

    # moving ---------------------------------------------------------------------------------------

    def to(self, backend: Any, device: str | None = None) -> "Model":
        """Move to another backend or device: weights, optimizer, metrics and random streams.

        `model.to("torch")`, `model.to("cuda")`, `model.to("torch", "cuda:1")`. Training goes on
        where it was.
        """
        with registry.use_backend(self.backend):
            target = registry.get(backend, device)
        variables = self._state()
        for variable in [v for v in variables if v.home is None]:
            variable.to(target)
        for variable in [v for v in variables if v.home is not None]:
            variable.to(target)
        self.backend = target
        for layer in self.all_layers():
            if isinstance(layer, Model):
                layer.backend = target
        self._programs = {}
        return self

    def _state(self) -> list[Variable]:
        """All Variables that belong to the model: weights, optimizer, metrics, random counters."""
        found = [*self.weights, *(g.counter for g in self.seed_generators())]
        if self.compiled is not None:
            found += self.optimizer.variables
            found += [v for metric in self.metrics for v in metric.variables]
        homes = [v.home.flat for v in found if v.home is not None]
        return list({id(v): v for v in (*homes, *found)}.values())


def _size(variables: list[Variable]) -> text.Size:
    return text.Size(
        sum(v.size for v in variables),
        sum(v.size * _bytes(v.dtype) for v in variables),
    )


def _bytes(dtype: str) -> float:
    bits = {"bool": 8, "bfloat16": 16}
    return bits.get(dtype, int("".join(c for c in dtype if c.isdigit()) or 32)) / 8


def _without_batch(shape: Any) -> Any:
    return (None, *shape[1:])


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(d is None or isinstance(d, int) for d in value)


def _map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    if _is_shape(shapes):
        return function(shapes)
    if isinstance(shapes, dict):
        return {k: _map_shapes(function, v) for k, v in shapes.items()}
    return [_map_shapes(function, s) for s in shapes]


def _shape_leaves(shapes: Any) -> list[Any]:
    if _is_shape(shapes):
        return [shapes]
    if isinstance(shapes, dict):
        return [leaf for k in sorted(shapes) for leaf in _shape_leaves(shapes[k])]
    return [leaf for s in shapes or [] for leaf in _shape_leaves(s)]
