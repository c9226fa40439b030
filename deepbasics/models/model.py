"""Model: a layer that trains, tells about itself and moves between backends."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from deepbasics import masks, naming, registered, tree
from deepbasics.backends import registry
from deepbasics.layers.base import Layer
from deepbasics.layers.shapes import map_shapes, shapes_of, specs, without_batch
from deepbasics.layers.signatures import parameters
from deepbasics.metrics import Metric
from deepbasics.models import graph_config, inputs
from deepbasics.models.graph import Graph, single
from deepbasics.models.legacy_methods import LegacyMethods
from deepbasics.models.training import Training
from deepbasics.optimizers import Optimizer
from deepbasics.saving import Saving
from deepbasics.symbolic import SymbolicTensor
from deepbasics.utils import summary as text
from deepbasics.variables import Variable


class Model(Training, LegacyMethods, Saving, Layer):
    """A layer with `compile`, `fit`, `evaluate` and `predict`.

    `Model(inputs, outputs)` is what lies between symbolic tensors: `Input`s, or nests of them, and
    what layers and ops made of these. A subclass writes `call(self, inputs)` instead, or hands
    inputs and outputs to `super().__init__`.

    >>> from deepbasics import Input
    >>> from deepbasics.layers import Dense
    >>> left, right = Input((3,)), Input((3,))
    >>> tower = Dense(2)
    >>> model = Model([left, right], tower(left) - tower(right))
    >>> model.output_shape, model.count_params()
    ((None, 2), 8)
    """

    _not_sublayers = frozenset({"backend", "compiled", "history", "_programs", "_bound", "_seen"})
    _not_sublayers |= Layer._not_sublayers | {
        "_batch",
        "_flags",
        "_followed",
        "_graph",
        "_inputs_form",
        "_outputs_form",
        "predicted",
    }
    supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """None: the layers within have given the outputs their masks."""
        return None

    def __new__(cls, *args: Any, **kwargs: Any) -> "Model":
        """`Model(inputs, outputs)` is a `Functional`."""
        if cls is Model and (args or {"inputs", "input"} & kwargs.keys()):
            return super().__new__(Functional)
        return super().__new__(cls)

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.backend = registry.active()
        self._programs: dict[Any, Any] = {}
        self._moves = 0
        self._seen: Walk | None = None
        self._bound: list[Any] = []  # the storage that the programs work on
        self._gathered: int | None = None  # at which move all was seen to be on the backend
        self._graph: Graph | None = None
        self._inputs_form: Any = None  # nests of symbolic tensors, known once built
        self._outputs_form: Any = None
        if inputs is not None:
            self._set_graph(Graph(inputs, outputs, self.name))
        if not trainable:
            self.trainable = False

    def _set_graph(self, graph: Graph) -> None:
        self._graph = graph
        self._inputs_form, self._outputs_form = graph.inputs_form, graph.outputs_form
        self.built = True

    def sublayers(self) -> Iterator[Layer]:
        """The layers of the graph, then those held in attributes."""
        graph = [] if self._graph is None else self._graph.operations
        found = [layer for layer in graph if isinstance(layer, Layer)]
        seen = {id(layer) for layer in found}
        return iter([*found, *(layer for layer in super().sublayers() if id(layer) not in seen)])

    def build(self, input_shape: Any) -> None:
        """Make the weights, for inputs of this shape, or nest of shapes, with None for the batch.

        Not needed before `fit` or a call, which build.
        """
        if self._graph is None:
            x = map_shapes(lambda shape: SymbolicTensor(shape, self.dtype), input_shape)
            self._inputs_form, self._outputs_form = x, self.compute_output_spec(x)

    def _build(self, *args: Any, **kwargs: Any) -> None:
        """At a call: that will build the layers, if no subclass says how."""
        if self._inputs_form is None and kwargs:  # for files, which say what builds the weights
            shapes = next(iter(kwargs.values()))
            self._inputs_form = map_shapes(
                lambda shape: SymbolicTensor(without_batch(shape), self.dtype), shapes
            )
        if type(self).build is not Model.build:
            super()._build(*args, **kwargs)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Runs the graph; a subclass without one writes its own."""
        if self._graph is None:
            raise TypeError(
                f"{type(self).__name__} {self.name!r} must define call(self, inputs), or be made "
                "of inputs and outputs."
            )
        tensors = self._graph.cast(self._graph.arranged(inputs))
        masks.attach_each(tensors, mask)
        return self._graph.run(tensors)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """See `Layer`; of a graph, from its layers."""
        if type(self).compute_output_shape is not Model.compute_output_shape:
            return super().compute_output_spec(*args, **kwargs)
        if self._graph is None or type(self).call is not Model.call or not args:
            return self._infer(args, kwargs)
        return self._graph.compute_output_spec(self._graph.arranged(args[0]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape, or nest of shapes, of the outputs for inputs of these."""
        x = map_shapes(lambda shape: SymbolicTensor(shape, self.dtype), input_shape)
        return shapes_of(self.compute_output_spec(x))

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the loss: of the call in progress or, for a symbolic one, of all calls.

        A symbolic loss is made of the inputs of this model, and what leads to it is a part of it.
        """
        if type(loss) is not SymbolicTensor:
            super().add_loss(loss)
            if callable(loss):
                self._programs = {}
        elif self._graph is None:
            raise ValueError(
                f"{loss!r} is symbolic, and {self.name!r} is not made of symbolic tensors: call "
                "add_loss in call(self, inputs), with what it computed there."
            )
        else:
            self._graph, self._programs = self._graph.with_loss(loss), {}

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in this model."""
        if self._graph is not None:
            return [layer for layer in self._graph.operations if isinstance(layer, Layer)]
        return list(self.sublayers())

    def all_layers(self) -> list[Layer]:
        """The layers in this model and in its layers, outermost first."""
        return self._walked().layers

    def _walked(self) -> "Walk":
        """All layers, and what was found on the way to them."""
        if self._seen is None or not self._seen.is_current():
            self._seen = Walk(self)
        return self._seen

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

    def build_for(self, x: Any, rows: int | None = None) -> Any:
        """`x` checked and cast as the model takes it; builds what is not built on a batch of it.

        A call may need a whole batch, of `rows` (None: all): where rows are compared with others.
        """
        x = inputs.cast_inputs(self, self.check_inputs(x))
        if not self._is_whole():
            with registry.use_backend(self.backend):
                outputs = self(tree.map(lambda a: a[:rows], x))
            self._inputs_form, self._outputs_form = specs(x), specs(outputs)
        return x

    def _is_whole(self) -> bool:
        """Whether everything is built and the shape of the output is known."""
        built = self.built and self._outputs_form is not None
        return built and all(layer.built for layer in self.all_layers())

    def check_inputs(self, x: Any) -> Any:
        """`x` in the form that the model takes; ValueError where data cannot go into it."""
        if self._graph is None:
            return x
        return tree.pack_as(self._inputs_form, self._graph.arranged(x))

    def takes_floats(self) -> bool:
        """Whether integer inputs should become floats on entry."""
        return self.autocast

    def input_dtypes(self) -> list[str] | None:
        """The dtypes that the inputs are cast to, where they are said."""
        return None if self._graph is None else [t.dtype for t in self._graph.inputs]

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs, as a flat list."""
        return tree.flatten(self._form("inputs"))

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs, as a flat list."""
        return tree.flatten(self._form("outputs"))

    @property
    def input(self) -> Any:
        """The symbolic inputs as they were given."""
        return self._form("inputs")

    @property
    def output(self) -> Any:
        """The symbolic outputs as they were given."""
        return self._form("outputs")

    def _form(self, which: str) -> Any:
        form = getattr(self, f"_{which}_form")
        if form is None or tree.flatten(form)[0].node is None:
            raise AttributeError(
                f"Model {self.name!r} has no symbolic {which}: it is not made of symbolic tensors, "
                "or the shape of its input has not been said."
            )
        return form

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [t.operation.name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, by which losses and metrics are given."""
        return self.flat_output_names()

    @property
    def output_shape(self) -> Any:
        """The shape of the output, None for the batch; known once built."""
        return _shapes(self._outputs_form)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, None for the batch; known once built."""
        return _shapes(self._inputs_form)

    def flat_output_shapes(self) -> list[Any]:
        """The shapes of the outputs as a flat list."""
        return [t.shape for t in tree.flatten(self._outputs_form)]

    def flat_output_names(self) -> list[str]:
        """A name for each output: its key in a dict, or that of its layer."""
        form = self._outputs_form
        tensors = tree.flatten(form)
        if isinstance(form, dict) and len(form) == len(tensors):
            return sorted(form)
        if tensors[0].operation is not None:
            return naming.distinct([t.operation.name for t in tensors])
        several = len(tensors) > 1
        return [f"output_{i}" for i in range(len(tensors))] if several else [self.name]

    def flat_output_layers(self) -> list[Any]:
        """The layer, or other operation, that gives each output; None where nobody knows."""
        return [tensor.operation for tensor in tree.flatten(self._outputs_form)]

    def pack_outputs(self, outputs: list[Any]) -> Any:
        """A flat list of outputs in the form in which the model gives them."""
        return single(tree.pack_as(self._outputs_form, outputs))

    def get_config(self) -> dict[str, Any]:
        """Of a graph: its layers and their calls, as Keras 3 writes them."""
        if self._graph is None or type(self).__init__ not in _OF_GRAPHS:
            return super().get_config()
        return graph_config.to_config(self._graph, self._trainable)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Model":
        """The inverse of `get_config`, with new weights."""
        if "input_layers" not in config:
            return super().from_config(config)
        with registered.custom_object_scope(custom_objects):
            inputs, outputs, losses = graph_config.from_config(config)
        trainable = config.get("trainable")
        trainable = True if trainable is None else trainable
        model = cls(inputs, outputs, name=config.get("name"), trainable=trainable)
        for loss in losses:
            model.add_loss(loss)
        return model

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
        parts = self._parts()
        connected = self._graph is not None and not self._graph.is_chain()
        shown = parts[text.layer_slice([part.name for part in parts], layer_range)]
        rows = [row for part in shown for row in self._rows(part, expand_nested, connected)]
        slots = None
        if self.optimizer is not None and self.optimizer.built:
            slots = _size(self.optimizer.variables, step_bytes=4)  # as Keras, and files, count them
        table = text.summary_table(
            self.name,
            rows,
            _size(self.trainable_weights),
            _size(self.non_trainable_weights),
            slots,
            line_length,
            positions,
            show_trainable,
            connected,
        )
        (print_fn or print)(table)

    def _parts(self) -> list[Any]:
        """The layers and ops that `summary` lists."""
        return self.layers if self._graph is None else self._graph.operations

    def _rows(self, part: Any, expand: bool, connected: bool, depth: int = 0) -> list[text.Row]:
        shape = _shown_shape(part)
        feeding = self._graph.feeding(part) if connected else ()
        if not isinstance(part, Layer):
            return [text.Row(part.name, part.kind, shape, connected=feeding, depth=depth)]
        row = text.Row(
            part.name,
            type(part).__name__,
            shape,
            part.count_params(),
            part.built,
            part.trainable if part.weights else None,
            feeding,
            depth,
        )
        inner = part.layers if expand and isinstance(part, Model) else []
        return [row, *(r for sub in inner for r in self._rows(sub, expand, connected, depth + 1))]

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
        found += [v for optimizer in self._optimizers() for v in optimizer.variables]
        metrics = [*self._compiled_metrics(), *self._walked().metrics]
        found += [v for metric in metrics for v in metric.variables]
        homes = [v.home.flat for v in found if v.home is not None]
        return list({id(v): v for v in (*homes, *found)}.values())

    def _optimizers(self) -> list[Optimizer]:
        """That given to `compile`, and those held in attributes."""
        compiled = [] if self.compiled is None else [self.optimizer]
        return [*compiled, *self._held(Optimizer)]


class Walk:
    """The layers within a layer, outermost first, as they were at one time.

    Walks past the same layers are equal.
    """

    def __init__(self, top: Layer) -> None:
        self.layers = list(_within(top))
        self._ids = tuple(map(id, self.layers))
        self._hash = hash(self._ids)
        self._found = [(layer, layer._found, layer._graph) for layer in (top, *self.layers)]
        self._top = top

    def is_current(self) -> bool:
        """Whether all of them hold what they held."""
        for layer, parts, graph in self._found:
            if layer._found is not parts or layer._graph is not graph or not parts.is_current():
                return False
        return True

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Walk) and self._ids == other._ids)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def metrics(self) -> list[Metric]:
        """Those held in attributes, each once."""
        found = [m for layer in (self._top, *self.layers) for m in layer._held(Metric)]
        return list({id(m): m for m in found}.values())


def _within(layer: Layer) -> Iterator[Layer]:
    for inner in layer.sublayers():
        yield inner
        yield from _within(inner)


def _size(variables: list[Variable], step_bytes: int = 8) -> text.Size:
    each = {v.dtype: step_bytes if v.dtype == "int64" else _bytes(v.dtype) for v in variables}
    return text.Size(
        sum(v.size for v in variables),
        sum(v.size * each[v.dtype] for v in variables),
    )


def _bytes(dtype: str) -> float:
    bits = {"bool": 8, "bfloat16": 16}
    return bits.get(dtype, int("".join(c for c in dtype if c.isdigit()) or 32)) / 8


def _shown_shape(part: Any) -> Any:
    """The shape of the last output in a graph, or for what the layer was built; None if unknown."""
    if part._inbound_nodes:
        return shapes_of(part._inbound_nodes[-1].outputs)
    args, kwargs = getattr(part, "_built_for", ((), {}))
    shapes = [shape for shape in (*args, *kwargs.values()) if shape is not None]
    if not shapes or type(part).compute_output_shape is Layer.compute_output_shape:
        return None
    taken = len(parameters(type(part).compute_output_shape))
    return part.compute_output_shape(*(map_shapes(without_batch, s) for s in shapes[:taken]))


def _shapes(form: Any) -> Any:
    return None if form is None else single(tree.map(lambda t: t.shape, form))


class Functional(Model):
    """What `Model(inputs, outputs)` is."""

    called_as = "Model"  # in whose old spellings its arguments may come

    def __init__(self, inputs: Any, outputs: Any = None, name: str | None = None, **kwargs: Any):
        if outputs is None:
            raise TypeError("Model takes inputs and outputs: Model(inputs, outputs).")
        super().__init__(inputs, outputs, name, **kwargs)


_OF_GRAPHS = (Model.__init__, Functional.__init__)
