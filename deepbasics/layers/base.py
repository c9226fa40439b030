"""Layer: weights, a formula, and what Keras users expect around them."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deepbasics import (
    constraints,
    dtype_policies,
    dtypes,
    initializers,
    legacy,
    masks,
    naming,
    ops,
    regularizers,
    symbolic,
    tree,
)
from deepbasics.backends import registry
from deepbasics.layers import input_spec, scope, signatures
from deepbasics.layers.about import About
from deepbasics.layers.own_state import OwnState
from deepbasics.layers.parts import PLAIN, Parts
from deepbasics.layers.penalties import Penalties
from deepbasics.layers.shapes import batch_shape_of, map_shapes, shapes_of
from deepbasics.layers.signatures import mask_slots, parameters
from deepbasics.random import SeedGenerator
from deepbasics.variables import Variable, autocast

Shape = tuple[int | None, ...]


class Layer(OwnState, About, Penalties):
    """The base of all layers.

    A subclass writes `build(input_shape)`, which adds weights, and `call(inputs)`.

    Args:
        activity_regularizer: a penalty on the output, divided by the batch size.
        trainable: whether the optimizer updates the weights.
        dtype: of weights and computation, or a policy such as "mixed_bfloat16"; default
            `dtype_policy()`.
        autocast: whether float inputs are cast to `dtype`.
        name: default the class name in snake case, with a number from the second on.

    The first layer of a `Sequential` may say `input_shape=` (without the batch); any layer takes
    `weights=`, a list of arrays. Keras-1 and -2 spellings of arguments are accepted with one
    warning.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((), "ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.array([1.0, 2.0]))
    array([1., 2.], dtype=float32)
    """

    input_spec: Any = None  # an InputSpec or a nest of them, checked at each call
    supports_masking = False  # by default, whether the class defines compute_mask
    _compilation = 0  # the number of that of the last model that was compiled with it
    computes_in_full = False  # whether it computes in the dtype of its weights, whatever the policy

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "compute_mask" in cls.__dict__ and "supports_masking" not in cls.__dict__:
            cls.supports_masking = True
        if "__init__" in cls.__dict__:
            cls.__init__ = signatures.constructor(cls, cls.__init__, Layer.__init__)
        if "build" in cls.__dict__:
            cls.build = signatures.builder(cls.build)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: str | None = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        batch_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        self.name = name or naming.unique_name(type(self).__name__)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype_policy = dtype_policies.get(dtype)
        self.dtype = self.dtype_policy.variable_dtype
        self.autocast = autocast
        self.built = False
        self._trainable = bool(trainable)
        self._own_weights: list[Variable] = []
        self._initial_weights = weights
        self._called_losses: list[Any] = []
        self._said_lost = False
        self._inbound_nodes: list[symbolic.Node] = []
        self.batch_input_shape: Shape | None = batch_shape_of(
            type(self).__name__, batch_input_shape or batch_shape, input_shape, batch_size
        )

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self.dtype_policy.variable_dtype

    # what a subclass writes -----------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Add the weights; called once, with the shape of the first input (None for the batch)."""

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The formula, over ops. May take `training`, and `mask`: that of `inputs`, or None.

        A layer with several tensor arguments, such as `query` and `value`, may take `query_mask`
        and `value_mask`.
        """
        raise TypeError(f"Layer {type(self).__name__} must define call(self, inputs).")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output, given that of the first argument; None for none.

        Asked where `supports_masking` is true, as it is in a class that defines this. For several
        inputs or outputs masks are nests, with None where there is no mask.
        """
        return previous_mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the output; by default worked out by a call on a small batch."""
        return shapes_of(self._infer((_symbols(input_shape, self.dtype),), {}))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The output of a call on symbolic tensors, as symbolic tensors without a history.

        From `compute_output_shape`, in the layer's dtype, where a class defines it; else from a
        call on a small batch.
        """
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return self._infer(args, kwargs)
        method = self.compute_output_shape
        given = self._arguments(args, kwargs)
        shapes = method(**signatures.shape_arguments(method.__func__, given))
        return _symbols(shapes, self.dtype)

    def _infer(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        names = parameters(type(self).call)
        free = [name for name in ("training", "mask") if name in names[len(args) :]]
        kwargs = {**dict.fromkeys(free), **kwargs}
        with self._own_backend(True), scope.apart(), scope.name_scope(self.name):
            return symbolic.infer(self.call, args, kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as plain data."""
        found = {"name": self.name, "trainable": self._trainable}
        found["dtype"] = self.dtype_policy.name
        if self.activity_regularizer is not None:
            found["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return found

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Layer":
        """The inverse of `get_config`; the weights are new."""
        return cls(**config)

    # weights --------------------------------------------------------------------------------------

    @signatures.name_first
    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Make a weight and keep it. Default initializer: glorot_uniform for floats, zeros for
        ints.
        """
        dtype = dtypes.name(dtype or self.dtype)
        default = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        shape = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape or ())
        initializer = initializers.get(default if initializer is None else initializer)
        variable = Variable(initializer, shape, dtype, trainable, name or "variable")
        with scope.name_scope(self.name) as path:
            variable.path = "/".join((*path, variable.name))
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.autocast = autocast
        self._own_weights.append(variable)
        return variable

    def sublayers(self) -> Iterator["Layer"]:
        """The layers held in attributes (also in lists, tuples and dicts), in the order they were
        set.
        """
        seen: set[int] = set()
        for layer in self._held(Layer):
            if id(layer) not in seen and layer is not self:
                seen.add(id(layer))
                yield layer

    def _held(self, kind: type) -> list[Any]:
        """What the attributes hold of a kind, also in lists, tuples and dicts."""
        parts = self._found
        if parts is None or not parts.is_current():
            attributes = vars(self).items()
            parts = Parts(v for key, v in attributes if key not in self._not_sublayers)
            vars(self)["_found"] = parts
        return parts.of(kind)

    _found: Parts | None = None
    _graph: Any = None  # of a model that is made of symbolic tensors
    _not_sublayers: frozenset[str] = frozenset({"_inbound_nodes", "_found", "_called_losses"})

    def __setattr__(self, name: str, value: Any) -> None:
        plain = type(value) in PLAIN and type(vars(self).get(name)) in PLAIN
        if not plain and name not in self._not_sublayers:
            vars(self)["_found"] = None
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        vars(self)["_found"] = None
        super().__delattr__(name)

    def _own(self) -> tuple[list[Variable], list[Variable]]:
        """This layer's own (trainable, non-trainable) weights, without those of sublayers."""
        own = _unique([*self._own_weights, *self._held(Variable)])
        return [v for v in own if v.trainable], [v for v in own if not v.trainable]

    def seed_generators(self) -> list[SeedGenerator]:
        """The random streams of this layer and its sublayers."""
        own = list(self._held(SeedGenerator))
        return own + [g for layer in self.sublayers() for g in layer.seed_generators()]

    @property
    def weights(self) -> list[Variable]:
        """All weights: this layer's trainable ones, its others, then those of sublayers."""
        trainable, frozen = self._own()
        return _unique(
            [*trainable, *frozen, *(v for layer in self.sublayers() for v in layer.weights)]
        )

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer updates: none if the layer is frozen."""
        if not self._trainable:
            return []
        below = (v for layer in self.sublayers() for v in layer.trainable_weights)
        return _unique([*self._own()[0], *below])

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that an optimizer leaves alone."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trained]

    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it sets that of all sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        Variable.moves += 1
        for layer in self.sublayers():
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights. Raises ValueError, and changes nothing, unless number and shapes
        agree.
        """
        if not isinstance(weights, (list, tuple)):
            given = type(weights).__name__
            raise TypeError(
                f"set_weights takes a list of arrays, as get_weights gives; got {given}."
            )
        given = [np.asarray(w) for w in weights]
        wanted = self.weights
        shapes = [tuple(w.shape) for w in given]
        if shapes != [v.shape for v in wanted]:
            hint = "" if self.built else " The layer is not built yet: call it on data first."
            raise ValueError(
                f"Layer {self.name!r} has weights of shapes {[v.shape for v in wanted]}; "
                f"set_weights got {shapes}.{hint}"
            )
        for variable, value in zip(wanted, given, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """The number of weights."""
        return sum(v.size for v in self.weights)

    # calling --------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Build if need be, then `call`; `training=` decides for all layers within."""
        first = parameters(type(self).call)[0]
        if not args and first in kwargs:
            args = (kwargs.pop(first),)
        if symbolic.found(args, kwargs):
            return self._call_symbolically(*args, **kwargs)
        training = kwargs.pop("training", None)
        outermost = scope.current() is None
        place = naming.at(self.name)
        with scope.call_scope(training) as call, self._own_backend(outermost), place:
            args, kwargs = self._prepared(args, kwargs)
            self._make_ready(args, kwargs)
            if "training" in parameters(type(self).call):
                kwargs["training"] = call.training
            inputs, mask = args[0], self._fill_masks(args, kwargs)
            inner = self._inner_dtype()
            with autocast(None if inner == self.dtype else inner):
                outputs = self.call(*args, **kwargs)
            if inner != self.compute_dtype:
                outputs = ops.cast(outputs, self.compute_dtype)
            if self.activity_regularizer is not None:
                call.losses.append(self._activity_penalty(outputs))
            self._hand_on(mask, inputs, outputs)
            if outermost:
                self._called_losses = call.losses
        return outputs

    def _call_symbolically(self, *args: Any, **kwargs: Any) -> Any:
        kwargs = {k: v for k, v in kwargs.items() if v is not None}
        self._make_ready(args, kwargs)
        return symbolic.connect(self, args, kwargs)

    def _make_ready(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Check the inputs, and build what is not built."""
        if self.input_spec is not None:
            input_spec.check(self, args[0])
        if not self.built:
            given = self._arguments(args, kwargs)
            self._build(**signatures.shape_arguments(type(self).build, given))

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What `call` was given, by name."""
        return {**dict(zip(parameters(type(self).call), args, strict=False)), **kwargs}

    def _fill_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Put masks into the arguments that `call` has for them; returns that of the inputs."""
        slots = mask_slots(type(self).call)
        if slots:
            positional = parameters(type(self).call)[: len(args)]
            given = self._arguments(args, kwargs)
            for slot, tensors in slots.items():
                if slot not in positional and given.get(slot) is None:
                    kwargs[slot] = masks.mask_of(given.get(tensors))
            if given.get("mask") is not None:
                return given["mask"]
        return masks.mask_of(args[0])

    def _hand_on(self, mask: Any, inputs: Any, outputs: Any) -> None:
        """Give the outputs their masks; a mask that this layer cannot use is said to be lost."""
        if not self.supports_masking:
            if mask is not None and not mask_slots(type(self).call):
                self._say_lost(inputs)
            return
        found = self.compute_mask(inputs, mask)
        if found is None:
            return
        source = masks.source_of(inputs) or self.name
        for y, m in zip(tree.flatten(outputs), tree.flatten(found), strict=False):
            if m is not None and masks.mask_of(y) is None:
                masks.attach(y, m, source)

    def _say_lost(self, inputs: Any) -> None:
        if self._said_lost:
            return
        self._said_lost = True
        source = masks.source_of(inputs)
        of = f" of {source!r}" if source else ""
        warnings.warn(
            f"Layer {self.name!r} ({type(self).__name__}) cannot use the mask{of}: it computes "
            "with the hidden steps too, and layers after it see no mask. If it may pass the mask "
            "on unchanged, set supports_masking = True on it; if not, define compute_mask.",
            stacklevel=legacy.level_of_caller(),
        )

    def _own_backend(self, outermost: bool) -> Any:
        """The backend that the weights live on, for a call from outside."""
        weights = self.weights if outermost else []
        return registry.use_backend(weights[0].backend if weights else registry.active())

    def _activity_penalty(self, outputs: Any) -> Any:
        first = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
        return self.activity_regularizer(outputs) / float(first.shape[0])

    def _prepared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The arguments with the arrays among them as tensors, which keep their masks."""
        first, *rest = args
        ready = (self._prepare(first), *(self._prepare(a) if _holds_arrays(a) else a for a in rest))
        masks.carry(first, ready[0])
        for given, tensors in zip(rest, ready[1:], strict=True):
            if tensors is not given:
                masks.carry(given, tensors)
        return ready, {k: self._prepare(v) if _holds_arrays(v) else v for k, v in kwargs.items()}

    def _prepare(self, inputs: Any) -> Any:
        """Tensors; floats in the dtype that the layer computes in."""
        if isinstance(inputs, (list, tuple)) and any(hasattr(x, "shape") for x in inputs):
            return type(inputs)(self._prepare(x) for x in inputs)
        if isinstance(inputs, dict):
            return {k: self._prepare(x) for k, x in inputs.items()}
        x = ops.convert_to_tensor(inputs)
        if self.autocast and dtypes.is_float(ops.dtype(x)):
            x = ops.cast(x, self._inner_dtype())
        return x

    def _inner_dtype(self) -> str:
        return self.dtype if self.computes_in_full else self.compute_dtype

    def _build(self, *args: Any, **kwargs: Any) -> None:
        self.build(*args, **kwargs)
        self.built = True  # Layer.build says nothing
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    # graphs ---------------------------------------------------------------------------------------

    @property
    def input(self) -> Any:
        """The symbolic tensor of the first call in a graph; a list if there were several."""
        tensors = self._node().inputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """What the first call in a graph gave."""
        return self._node().outputs

    def get_output_at(self, node_index: int) -> Any:
        """What a call in a graph gave, counted from 0, for a layer called several times."""
        return self._node(node_index).outputs

    def _node(self, index: int = 0) -> symbolic.Node:
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise AttributeError(
                f"Layer {self.name!r} has been called on {len(self._inbound_nodes)} symbolic "
                f"tensors, so there is no input or output {index}. Call it on an Input, or put it "
                "into a model with an input shape."
            )
        return self._inbound_nodes[index]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _unique(variables: Sequence[Variable]) -> list[Variable]:
    return list({id(v): v for v in variables}.values())


def _holds_arrays(value: Any) -> bool:
    """Whether `value` is an array, or a list or tuple of them."""
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and all(hasattr(v, "shape") for v in value)
    return hasattr(value, "shape")


def _symbols(shapes: Any, dtype: str) -> Any:
    """A symbolic tensor of each shape in a nest."""
    return map_shapes(lambda shape: symbolic.SymbolicTensor(shape, dtype), shapes)
